"""``JointDecision``: the best set that interacts little, found at once instead of decided first and filtered after."""

from typing import Any

import numpy as np
import scipy.sparse as sp
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from medrec._checks import check_scores, check_sets
from medrec.safety.filter import DDIFilter
from medrec.safety.graph import DDIGraph

_BLOCK = 2**22
_STEPS = 100


class JointDecision(BaseEstimator):
    r"""For each record the set of highest plug-in expected Jaccard less a price for each interacting pair.

    With probabilities :math:`p`, the set S is worth

    .. math:: J(S) - \lambda \, q(S), \qquad J(S) = \frac{c(S)}{|S| + \sum p - c(S)}, \quad c(S) = \sum_{i \in S} p_i

    with q(S) the number of interacting pairs in S. It is maximised exactly, over all sets: for each q from 0 up, the
    highest J with at most q pairs; it ends where no larger q can pay, since J never exceeds that of the best set
    without any limit. The highest J with at most q pairs follows from Dinkelbach's iteration: for a value v, the set of
    greatest :math:`\sum_{i \in S} [p_i (1 + v) - v]` with at most q pairs is found by the exact search of
    :class:`DDIFilter`, its J is the next v, and where v stays, it is the maximum. Only drugs with
    :math:`p_i > v / (1 + v)` are candidates, so the search is small.

    It is a decision rule: pass it as ``decision=`` of a recommender whose labels are those of the graph, or use it
    alone on any probabilities. By this measure a set that was decided and then filtered to the same number of pairs is
    never worth more. Drugs that a record already takes are not looked at.

    Parameters
    ----------
    graph : DDIGraph
        Interactions of the labels.
    penalty : float, default=inf
        :math:`\lambda`: expected Jaccard that an interacting pair costs. ``inf`` allows none; 0 is
        ``ExpectedJaccard(exact=False)`` fitted without scores, which knows no interactions.
    max_pairs : int or None, default=None
        Most interacting pairs of a record, whatever they cost; None for no limit.

    Attributes
    ----------
    allow_empty_ : bool
        Whether a training set was empty. Only then can a set be empty: where :math:`\prod (1 - p)` is worth more.

    References
    ----------
    Dinkelbach (1967), On nonlinear fractional programming, Management Science 13(7).

    Examples
    --------
    >>> graph = DDIGraph.from_edges(["aspirin", "heparin", "warfarin"], [("warfarin", "aspirin")])
    >>> p = [[0.8, 0.5, 0.9]]
    >>> JointDecision(graph).fit(p, [[1, 0, 0]]).apply(p).toarray().tolist()
    [[0, 1, 1]]
    >>> JointDecision(graph, penalty=0.05).fit(p, [[1, 0, 0]]).apply(p).toarray().tolist()
    [[1, 1, 1]]
    """

    learns_from_scores = False

    def __init__(self, graph: DDIGraph, *, penalty: float = np.inf, max_pairs: int | None = None) -> None:
        self.graph = graph
        self.penalty = penalty
        self.max_pairs = max_pairs

    def fit(self, scores: Any, Y: Any, groups: Any = None) -> "JointDecision":
        """Learn from the sets ``Y`` (n_records, n_labels) whether empty ones occur.

        Raises
        ------
        ValueError
            When an option is out of range, or the graph is of other labels.
        """
        if not isinstance(self.graph, DDIGraph):
            raise ValueError(f"JointDecision: graph must be a DDIGraph; got {type(self.graph).__name__}.")
        if not self.penalty >= 0:
            raise ValueError(f"JointDecision: penalty must be at least 0; got {self.penalty}.")
        if self.max_pairs is not None and (int(self.max_pairs) != self.max_pairs or self.max_pairs < 0):
            raise ValueError(
                f"JointDecision: max_pairs must be a whole number from 0 up, or None; got {self.max_pairs!r}."
            )
        sets = check_sets(Y, who="JointDecision", n_labels=len(self.graph.names))
        self.allow_empty_ = bool((np.diff(sets.indptr) == 0).any())
        return self

    def apply(self, scores: Any) -> sp.csr_matrix:
        """Sets, CSR ``uint8`` (n_records, n_labels), of probabilities ``scores`` (n_records, n_labels).

        Raises
        ------
        ValueError
            When scores are no probabilities of the graph's labels, or a record has more interacting candidates than can
            be solved exactly (see :class:`DDIFilter`).
        """
        check_is_fitted(self)
        scores = check_scores(scores, who="JointDecision")
        n_records, n_labels = scores.shape
        if n_labels != len(self.graph.names):
            raise ValueError(f"JointDecision: scores must be of {len(self.graph.names)} labels; got {n_labels}.")
        if scores.size and (scores.min() < 0 or scores.max() > 1):
            raise ValueError(
                f"JointDecision: scores must be probabilities in [0, 1]; got {scores.min():g} to {scores.max():g}. "
                f"Calibrate them first."
            )
        if not n_labels or not n_records:
            return sp.csr_matrix(scores.shape, dtype=np.uint8)
        block = max(1, _BLOCK // n_labels)
        parts = [self._block(scores[at : at + block]) for at in range(0, n_records, block)]
        return sp.csr_matrix(sp.vstack(parts, format="csr"))

    def _block(self, scores: np.ndarray) -> sp.csr_matrix:
        free, ceiling = self._best(scores, None)
        n_pairs = self.graph.count_pairs(free)
        if self.max_pairs is not None:
            n_pairs = np.minimum(n_pairs, self.max_pairs)
        best, value = free.toarray().astype(bool), ceiling.copy()
        limited = self.penalty > 0 or self.max_pairs is not None
        rows = np.flatnonzero((self.graph.count_pairs(free) > 0) & limited)
        value[rows] = -np.inf
        limit = 0
        while len(rows):
            found, reached = self._best(scores[rows], limit, free[rows])
            worth = reached - (self.penalty * self.graph.count_pairs(found) if limit else 0.0)
            better = worth > value[rows] + 1e-12
            best[rows[better]] = found[better].toarray().astype(bool)
            value[rows[better]] = worth[better]
            limit += 1
            # With q pairs a set is worth at most the best J of all less their price.
            rows = rows[(limit <= n_pairs[rows]) & (ceiling[rows] - self.penalty * limit > value[rows])]
        if self.allow_empty_:
            with np.errstate(divide="ignore"):
                none = np.exp(np.log1p(-scores).sum(axis=1))
            best[none > value] = False
        return sp.csr_matrix(best.astype(np.uint8))

    def _best(
        self, scores: np.ndarray, max_pairs: int | None, free: sp.csr_matrix | None = None
    ) -> tuple[sp.csr_matrix, np.ndarray]:
        """The set of highest J of each record with at most ``max_pairs`` pairs, and its J; ``free``: without limit."""
        total = scores.sum(axis=1)
        chosen = np.zeros(scores.shape, dtype=bool)
        chosen[np.arange(len(scores)), scores.argmax(axis=1)] = True  # a single drug has no pair
        value = _jaccard(scores, total, chosen)
        if free is not None:  # a good start leaves few candidates to the exact search
            kept = DDIFilter(self.graph, max_pairs, method="greedy").keep_best(free, scores).toarray().astype(bool)
            reached = _jaccard(scores, total, kept)
            up = reached > value
            chosen[up], value[up] = kept[up], reached[up]
        rows = np.arange(len(scores))
        exact = DDIFilter(self.graph, max_pairs)
        for _ in range(_STEPS):
            gain = scores[rows] * (1 + value[rows, None]) - value[rows, None]
            found = gain > 0
            if max_pairs is not None:
                found = exact.keep_best(sp.csr_matrix(found), np.maximum(gain, 0.0)).toarray().astype(bool)
            reached = _jaccard(scores[rows], total[rows], found)
            up = reached > value[rows] + 1e-12
            rows = rows[up]
            if not len(rows):
                break
            chosen[rows], value[rows] = found[up], reached[up]
        return sp.csr_matrix(chosen.astype(np.uint8)), value


def _jaccard(scores: np.ndarray, total: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """Plug-in expected Jaccard of each record's set."""
    overlap = np.where(chosen, scores, 0.0).sum(axis=1)
    return overlap / np.maximum(chosen.sum(axis=1) + total - overlap, 1e-300)
