"""In which order the links of a chain stand."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.sparse as sp

_BLOCK = 256  # labels whose correlations are held at once

ORDERS = ("frequency", "random", "correlation")


def chain_orders(
    order: str | Sequence[Any], sets: sp.csr_matrix, *, n_chains: int = 1, random_state: int = 0
) -> np.ndarray:
    """Label numbers in the order of each chain.

    Parameters
    ----------
    order : {"frequency", "random", "correlation"}, sequence of int, or sequence of them
        Order of the first chain; further chains are drawn at random. A sequence for each chain gives all of them.
    sets : CSR of shape (n_records, n_labels)
        The sets that are learned from.
    n_chains : int, default=1
        Number of chains.
    random_state : int, default=0
        Seed of random orders.

    Returns
    -------
    ndarray of int of shape (n_chains, n_labels)

    Raises
    ------
    ValueError
        When ``order`` is none of these, or no permutation of the labels.

    Examples
    --------
    >>> sets = sp.csr_matrix([[0, 1, 1], [0, 1, 0], [1, 0, 0]])
    >>> chain_orders("frequency", sets).tolist()
    [[1, 0, 2]]
    >>> chain_orders("correlation", sets).tolist()
    [[0, 1, 2]]
    """
    who, n_labels = "ChainRecommender", sets.shape[1]
    if isinstance(n_chains, bool) or not isinstance(n_chains, (int, np.integer)) or n_chains < 1:
        raise ValueError(f"{who}: n_chains must be a whole number of at least 1; got {n_chains!r}.")
    rng = np.random.default_rng(random_state)
    if isinstance(order, str):
        if order not in ORDERS:
            raise ValueError(f"{who}: order must be {', '.join(map(repr, ORDERS))} or label numbers; got {order!r}.")
        if order == "frequency":
            given = [frequency_order(sets)]
        else:
            given = [correlation_order(sets)] if order == "correlation" else []
    else:
        nested = len(order) > 0 and np.ndim(order[0]) > 0
        if nested and len(order) != n_chains:
            raise ValueError(f"{who}: {len(order)} orders are given for n_chains={n_chains}; give one for each chain.")
        given = [_check_order(one, n_labels, who) for one in (order if nested else [order])]
    drawn = [rng.permutation(n_labels) for _ in range(n_chains - len(given))]
    return np.stack([*given, *drawn]).astype(np.int64)


def frequency_order(sets: sp.csr_matrix) -> np.ndarray:
    """Labels (n_labels,) from the most frequent to the rarest; equal ones by their number."""
    return np.argsort(-np.bincount(sets.indices, minlength=sets.shape[1]), kind="stable")


def correlation_order(sets: sp.csr_matrix) -> np.ndarray:
    r"""Labels (n_labels,) so that each is as correlated as can be with those before it.

    The first is the label of the largest :math:`\sum_k |\phi_{jk}|` over all others; then always the one of the
    largest sum over the labels already placed. :math:`\phi` is Pearson's correlation of two labels, 0 for a
    label that is constant. Equal sums go by label number.
    """
    n_labels = sets.shape[1]
    columns = sp.csc_matrix(sets, dtype=np.float64)
    rows = sp.csr_matrix(columns.T)
    counts = np.asarray(columns.sum(axis=0)).ravel()
    spread = np.sqrt(counts * (sets.shape[0] - counts))

    def strength(labels: Any) -> np.ndarray:
        """Absolute correlations (n_labels, len(labels)); rounded, so that ties are ties on any machine."""
        both = (rows @ columns[:, labels]).toarray()
        scale = np.outer(spread, spread[labels])
        covariance = sets.shape[0] * both - np.outer(counts, counts[labels])
        return np.abs(np.divide(covariance, scale, out=np.zeros_like(scale), where=scale > 0)).round(12)

    total = np.zeros(n_labels)
    for low in range(0, n_labels, _BLOCK):
        total += strength(np.arange(low, min(low + _BLOCK, n_labels))).sum(axis=1)
    total -= spread > 0  # a label with itself
    order = np.empty(n_labels, dtype=np.int64)
    placed = np.zeros(n_labels, dtype=bool)
    for at in range(n_labels):
        order[at] = np.argmax(np.where(placed, -1.0, total.round(9)))
        placed[order[at]] = True
        linked = strength(order[[at]])[:, 0]
        total = linked if at == 0 else total + linked
    return order


def _check_order(order: Any, n_labels: int, who: str) -> np.ndarray:
    array = np.asarray(order)
    if sorted(array.tolist()) != list(range(n_labels)):
        raise ValueError(f"{who}: order must hold each of 0 … {n_labels - 1} once; got {array.tolist()[:10]}.")
    return array
