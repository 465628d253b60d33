"""What the stacked recommender knows of a (record, drug) pair: scores, ranks, rivals, company and names."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
from scipy.special import expit

BLOCK = 256
"""Records whose pairs are described at once."""


@dataclass(frozen=True)
class LabelStatistics:
    """How often drugs are given, and given together, in some training records.

    Attributes
    ----------
    frequency : ndarray of shape (n_labels,)
        Smoothed share of the records, above 0 for a drug that none of them has.
    given : CSR of shape (n_labels, n_labels)
        :math:`n_{jl} / (n_j + s)`, without the diagonal.
    rest : ndarray of shape (n_labels,)
        :math:`s / (n_j + s)`, the weight of the frequency in :math:`P(l | j)`.
    """

    frequency: np.ndarray
    given: sp.csr_matrix
    rest: np.ndarray

    @classmethod
    def of(cls, sets: sp.csr_matrix, weight: np.ndarray | None = None, smoothing: float = 2.0) -> "LabelStatistics":
        """The statistics of ``sets`` (n_records, n_labels), each record counting ``weight`` (n_records,) times.

        ``smoothing`` is :math:`s`, in records.
        """
        sets = sets.astype(np.float64)
        weight = np.ones(sets.shape[0]) if weight is None else np.asarray(weight, dtype=np.float64)
        together = sp.csr_matrix(sets.T @ (sp.diags(weight) @ sets))
        count = together.diagonal()
        together.setdiag(0.0)
        together.eliminate_zeros()
        scaled = sp.csr_matrix(sp.diags(1.0 / (count + smoothing)) @ together)
        return cls((count + 0.5) / (weight.sum() + 1.0), scaled, smoothing / (count + smoothing))

    def company(self, probability: np.ndarray) -> np.ndarray:
        r"""How usual each drug is beside the others, :math:`\sum_j p_j P(l|j) / \sum_j p_j`, (n_records, n_labels)."""
        total = np.maximum(probability.sum(axis=1, keepdims=True), 1e-9)
        usual = probability @ self.given + (probability @ self.rest)[:, None] * self.frequency
        return usual / total


class PairFeatures:
    """Features of (record, drug) pairs, by name.

    Parameters
    ----------
    bases : sequence of str
        Names of the bases, whose log-odds are given for every drug.
    label_blocks : sequence of str, default=()
        Names of the label blocks.
    context : sequence of str, default=()
        Names of the record's own columns that every pair of it sees.
    classes : array of int of shape (n_labels,), optional
        The class of each drug, for what is said of rivals of the same class.

    Attributes
    ----------
    names : list of str
        Names of the features, in column order.
    """

    def __init__(
        self,
        bases: Sequence[str],
        *,
        label_blocks: Sequence[str] = (),
        context: Sequence[str] = (),
        classes: np.ndarray | None = None,
    ) -> None:
        self.classes = classes
        self.names = [f"{base} {what}" for base in bases for what in ("log-odds", "rank", "below best")]
        self.names += ["mean log-odds", "rank", "expected size", "expected before", "best probability"]
        self.names += ["drug frequency", "company"]
        self.names += ["class: expected others", "class: below best"] if classes is not None else []
        self.names += [*label_blocks, *(f"record: {one}" for one in context)]

    def describe(
        self,
        log_odds: np.ndarray,
        statistics: LabelStatistics,
        blocks: Sequence[sp.csr_matrix],
        context: np.ndarray,
        rows: np.ndarray,
        labels: np.ndarray,
    ) -> np.ndarray:
        """Features of pairs, ``float32`` (n_pairs, n_features).

        Parameters
        ----------
        log_odds : ndarray of shape (n_bases, n_records, n_labels)
            Calibrated log-odds of every base.
        statistics : LabelStatistics
            From records other than these, or their patients'.
        blocks : sequence of CSR of shape (n_records, n_labels)
            What the records say about each drug.
        context : ndarray of shape (n_records, n_context)
            The record's own columns.
        rows, labels : ndarray of int of shape (n_pairs,)
            The pairs, by rising row.
        """
        described = np.empty((len(rows), len(self.names)), dtype=np.float32)
        for start in range(0, log_odds.shape[1], BLOCK):
            low, high = np.searchsorted(rows, (start, start + BLOCK))
            pairs = rows[low:high] - start, labels[low:high]
            columns = self._dense(log_odds[:, start : start + BLOCK], statistics)
            for at, column in enumerate(columns):
                described[low:high, at] = np.broadcast_to(column, log_odds[0, start : start + BLOCK].shape)[pairs]
        at = len(self.names) - len(blocks) - context.shape[1]
        for block in blocks:
            described[:, at] = np.asarray(block[rows, labels]).ravel() if len(rows) else 0.0
            at += 1
        described[:, at:] = context[rows]
        return described

    def _dense(self, log_odds: np.ndarray, statistics: LabelStatistics) -> list[np.ndarray]:
        """The features of every drug of some records, each (n_records, n_labels) or broadcast to it."""
        found: list[np.ndarray] = []
        for one in log_odds:
            found += [one, np.log1p(ranks(one)), one - one.max(axis=1, keepdims=True)]
        mean = log_odds.mean(axis=0)
        probability, rank = expit(mean), ranks(mean)
        falling = np.sort(probability, axis=1)[:, ::-1]
        before = np.take_along_axis(np.cumsum(falling, axis=1) - falling, rank, axis=1)
        size = probability.sum(axis=1, keepdims=True)
        found += [mean, np.log1p(rank), size, before, falling[:, :1]]
        found += [np.log(statistics.frequency), np.log(np.maximum(statistics.company(probability), 1e-6))]
        if self.classes is not None:
            found += _rivals(mean, probability, self.classes)
        return found


def ranks(scores: np.ndarray) -> np.ndarray:
    """The place of every label of each record, 0 the best; of equal scores the lower label first."""
    order = np.argsort(-scores, axis=1, kind="stable")
    places = np.empty_like(order)
    np.put_along_axis(places, order, np.arange(scores.shape[1])[None, :], axis=1)
    return places


def _rivals(log_odds: np.ndarray, probability: np.ndarray, classes: np.ndarray) -> list[np.ndarray]:
    """Expected number of other drugs of the same class, and how far a drug is below the best of its class."""
    order = np.argsort(classes, kind="stable")
    starts = np.flatnonzero(np.diff(classes[order], prepend=-1))
    place = np.searchsorted(classes[order][starts], classes)
    total = np.add.reduceat(probability[:, order], starts, axis=1)
    best = np.maximum.reduceat(log_odds[:, order], starts, axis=1)
    return [total[:, place] - probability, log_odds - best[:, place]]


def candidate_pairs(
    log_odds: np.ndarray, blocks: Sequence[sp.csr_matrix], n_candidates: int
) -> tuple[np.ndarray, np.ndarray]:
    """The pairs worth a look: the best of each base, and every drug that the record says something about.

    Parameters
    ----------
    log_odds : ndarray of shape (n_bases, n_records, n_labels)
    blocks : sequence of CSR of shape (n_records, n_labels)
    n_candidates : int
        Drugs of each record by each base.

    Returns
    -------
    rows, labels : ndarray of int of shape (n_pairs,)
        By rising row, then label.

    Examples
    --------
    >>> named = sp.csr_matrix([[0, 0, 1]])
    >>> rows, labels = candidate_pairs(np.array([[[0.3, 0.9, 0.1]]]), [named], 1)
    >>> labels.tolist()
    [1, 2]
    """
    taken = np.zeros((log_odds.shape[1], log_odds.shape[2]), dtype=bool)
    if n_candidates >= taken.shape[1]:
        taken[:] = True
    else:
        for one in log_odds:
            best = np.argpartition(-one, n_candidates - 1, axis=1)[:, :n_candidates]
            np.put_along_axis(taken, best, True, axis=1)
        for block in blocks:
            coo = block.tocoo()
            taken[coo.row, coo.col] = True
    rows, labels = np.nonzero(taken)
    return rows, labels


def split_blocks(X: Any, n_blocks: int, n_labels: int) -> tuple[Any, list[sp.csr_matrix]]:
    """The ordinary columns of ``X``, and the label blocks that stand behind them, each CSR (n_records, n_labels)."""
    first = X.shape[1] - n_blocks * n_labels
    if not n_blocks:
        return X, []
    tail = sp.csc_matrix(X[:, first:])
    blocks = [sp.csr_matrix(tail[:, at * n_labels : (at + 1) * n_labels]) for at in range(n_blocks)]
    return X[:, :first], blocks
