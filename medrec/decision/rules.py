"""Decision rules: from probabilities to sets."""

from typing import Any

import numpy as np
import scipy.sparse as sp
from sklearn.base import BaseEstimator, clone
from sklearn.utils.validation import check_is_fitted

from medrec._checks import check_scores, check_sets

_BLOCK = 2**22


class ExpectedJaccard(BaseEstimator):
    r"""The set of highest plug-in expected Jaccard, for each record.

    With a record's probabilities sorted from high to low and :math:`c_k` the sum of the first k, the set of the
    first k is worth about :math:`c_k / (k + \sum p - c_k)`: expected overlap over expected union. The best k is taken.
    The same k maximises the plug-in F1, :math:`2 c_k / (k + \sum p)`, because one is a rising function of the other.
    It costs :math:`O(L \log L)` a record, all records at once.

    The empty set is chosen only where empty sets occurred in training: when :math:`\prod (1 - p)`, the
    probability that the record needs no drug, is worth more than the best k.

    Parameters
    ----------
    max_size : int or None, default=None
        Drugs at most in a set.

    Attributes
    ----------
    allow_empty_ : bool
        Whether a training set was empty.

    References
    ----------
    Dembczyński et al. (2011), An exact algorithm for F-measure maximization (NIPS), whose expectation this
    plugs in; Chierichetti et al. (2010), Finding the Jaccard median.

    Examples
    --------
    >>> rule = ExpectedJaccard().fit([[0.9, 0.4, 0.1]], [[1, 0, 0]])
    >>> rule.apply([[0.9, 0.4, 0.1], [0.3, 0.2, 0.3]]).toarray().tolist()
    [[1, 1, 0], [1, 0, 1]]
    """

    def __init__(self, *, max_size: int | None = None) -> None:
        self.max_size = max_size

    def fit(self, scores: Any, Y: Any, groups: Any = None) -> "ExpectedJaccard":
        """Learn from the sets ``Y`` (n_records, n_labels) whether empty ones occur."""
        if self.max_size is not None and self.max_size < 1:
            raise ValueError(f"ExpectedJaccard: max_size must be at least 1; got {self.max_size}.")
        sets = check_sets(Y, who="ExpectedJaccard")
        self.allow_empty_ = bool((np.diff(sets.indptr) == 0).any())
        return self

    def apply(self, scores: Any) -> sp.csr_matrix:
        """Sets, CSR ``uint8`` (n_records, n_labels), of probabilities ``scores`` (n_records, n_labels)."""
        check_is_fitted(self)
        scores = _check_probabilities(scores, who="ExpectedJaccard")
        n_records, n_labels = scores.shape
        if n_labels == 0:
            return sp.csr_matrix((n_records, 0), dtype=np.uint8)
        block = max(1, _BLOCK // n_labels)
        return _stack([self._apply(scores[at : at + block]) for at in range(0, n_records, block)], n_labels)

    def _apply(self, scores: np.ndarray) -> sp.csr_matrix:
        order, size = ranked(scores), np.arange(1, scores.shape[1] + 1)
        prefix = np.cumsum(np.take_along_axis(scores, order, axis=1), axis=1)
        value = prefix / np.maximum(size + prefix[:, -1:] - prefix, 1e-300)
        if self.max_size is not None:
            value = value[:, : self.max_size]
        count = value.argmax(axis=1) + 1
        if self.allow_empty_:
            with np.errstate(divide="ignore"):
                none = np.exp(np.log1p(-np.minimum(scores, 1.0)).sum(axis=1))
            count[none > value.max(axis=1)] = 0
        return first(order, count)


class Threshold(BaseEstimator):
    """Every drug whose score reaches one fixed threshold.

    Parameters
    ----------
    threshold : float, default=0.5
        The least score that is taken.

    Examples
    --------
    >>> Threshold(0.3).fit([[0.5]], [[1]]).apply([[0.2], [0.3]]).toarray().tolist()
    [[0], [1]]
    """

    def __init__(self, threshold: float = 0.5) -> None:
        self.threshold = threshold

    def fit(self, scores: Any, Y: Any, groups: Any = None) -> "Threshold":
        """Nothing is learned; the rule is fixed."""
        self.is_fitted_ = True
        return self

    def apply(self, scores: Any) -> sp.csr_matrix:
        """Sets, CSR ``uint8`` (n_records, n_labels), of ``scores`` (n_records, n_labels)."""
        scores = check_scores(scores, who="Threshold")
        return sp.csr_matrix((scores >= self.threshold).astype(np.uint8))


RULES: dict[str, Any] = {"expected-jaccard": ExpectedJaccard, "threshold": Threshold}
"""Decision rules by the names that ``decision=`` and the command line take."""


def make_decision(decision: Any) -> Any:
    """A rule from its name, such as ``"expected-jaccard"``, or an unfitted copy of the rule itself.

    Parameters
    ----------
    decision : str or rule
        A key of ``RULES``, or an object with ``fit(scores, Y, groups=None)`` and ``apply(scores)``.

    Raises
    ------
    ValueError
        When there is no rule of that name.
    """
    if not isinstance(decision, str):
        return clone(decision)
    if decision not in RULES:
        raise ValueError(f"decision must be one of {', '.join(RULES)} or a rule; got {decision!r}.")
    return RULES[decision]()


def ranked(scores: np.ndarray) -> np.ndarray:
    """Labels of each record by falling score; ties keep label order."""
    return np.argsort(-scores, axis=1, kind="stable")


def first(order: np.ndarray, count: np.ndarray) -> sp.csr_matrix:
    """The first ``count`` labels of each row of ``order`` as sets, CSR ``uint8``."""
    chosen = np.arange(order.shape[1]) < count[:, None]
    indptr = np.concatenate([[0], np.cumsum(count)])
    sets = sp.csr_matrix((np.ones(int(indptr[-1]), np.uint8), order[chosen], indptr), shape=order.shape)
    sets.sort_indices()
    return sets


def _check_probabilities(scores: Any, *, who: str) -> np.ndarray:
    scores = check_scores(scores, who=who)
    if scores.size and (scores.min() < 0 or scores.max() > 1):
        raise ValueError(
            f"{who}: scores must be probabilities in [0, 1]; got {scores.min():g} to {scores.max():g}. "
            f"Calibrate them first."
        )
    return scores


def _stack(blocks: list[sp.csr_matrix], n_labels: int) -> sp.csr_matrix:
    if not blocks:
        return sp.csr_matrix((0, n_labels), dtype=np.uint8)
    return sp.csr_matrix(sp.vstack(blocks, format="csr")) if len(blocks) > 1 else blocks[0]
