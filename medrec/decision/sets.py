"""What decision rules share: checks, the sizes that are allowed, the best drugs of each record."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import scipy.sparse as sp
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from medrec._checks import check_scores, check_sets

_BLOCK = 2**22


class DecisionRule(BaseEstimator):
    """Base of the rules: a rule adds ``_learn`` where it has something to learn, and ``_sets`` or ``_counts``.

    ``fit(scores, Y, groups=None)`` learns from out-of-fold scores and sets, ``apply(scores)`` gives sets. A rule has
    the options ``min_size`` and ``max_size``, drugs at least and at most in a set. ``min_size=None`` is 0 where a
    set that was learned from is empty and else 1, so that no record goes without drugs where none ever did.
    """

    learns_from_scores: bool = False
    """Whether ``fit`` needs scores of models that did not see the records, and is refused without."""
    _takes_probabilities = False
    min_size: int | None
    max_size: int | None

    def fit(self, scores: Any, Y: Any, groups: Any = None) -> Any:
        """Learn the rule.

        Parameters
        ----------
        scores : array of shape (n_records, n_labels)
            Of models that did not see the record. None where there are none; not for rules that need them.
        Y : CSR or array of shape (n_records, n_labels)
            The drugs of each record, 0 or 1.
        groups : array of shape (n_records,), optional
            The patient of each record.

        Raises
        ------
        ValueError
            When an option is out of range, or shapes differ.
        """
        who = type(self).__name__
        self._check_options(who)
        sets = check_sets(Y, who=who)
        if self.learns_from_scores:
            scores = self._check(scores)
            if scores.shape != sets.shape:
                raise ValueError(f"{who}: scores must be {sets.shape}, as the sets are; got {scores.shape}.")
            if not scores.size:
                raise ValueError(
                    f"{who}: at least one record and one label are needed to learn from; got {sets.shape}."
                )
        self.allow_empty_ = bool((np.diff(sets.indptr) == 0).any())
        self._learn(scores, sets, groups)
        return self

    def apply(self, scores: Any) -> sp.csr_matrix:
        """Sets, CSR ``uint8`` (n_records, n_labels), of ``scores`` (n_records, n_labels)."""
        check_is_fitted(self)
        return self._apply(self._check(scores))

    def _apply(self, scores: np.ndarray) -> sp.csr_matrix:
        n_labels = scores.shape[1]
        parts = [self._sets(scores[rows]) for rows in blocks(*scores.shape)] if n_labels else []
        if not parts:
            return sp.csr_matrix(scores.shape, dtype=np.uint8)
        return sp.csr_matrix(sp.vstack(parts, format="csr")) if len(parts) > 1 else parts[0]

    def _sets(self, scores: np.ndarray) -> sp.csr_matrix:
        """Sets of a block of records."""
        falling = sort_falling(scores)
        return take_best(scores, falling, self._counts(scores, falling))

    def _counts(self, scores: np.ndarray, falling: np.ndarray) -> np.ndarray:
        """How many of its best drugs each record takes; ``falling`` are its scores from high to low."""
        raise NotImplementedError

    def _learn(self, scores: Any, sets: sp.csr_matrix, groups: Any) -> None:
        """What else the rule learns; nothing by default."""

    def _check(self, scores: Any) -> np.ndarray:
        check = check_probabilities if self._takes_probabilities else check_scores
        return check(scores, who=type(self).__name__)

    def _check_options(self, who: str) -> None:
        least, most = self.min_size, self.max_size
        if least is not None and not least >= 0:
            raise ValueError(f"{who}: min_size must be at least 0, or None; got {least}.")
        if most is not None and not most >= 1:
            raise ValueError(f"{who}: max_size must be at least 1; got {most}.")
        if least is not None and most is not None and least > most:
            raise ValueError(f"{who}: min_size must not be above max_size; got {least} and {most}.")

    def _least(self, n_labels: int) -> int:
        least = self.min_size if self.min_size is not None else 0 if self.allow_empty_ else 1
        return min(int(least), n_labels)

    def _most(self, n_labels: int) -> int:
        return n_labels if self.max_size is None else min(int(self.max_size), n_labels)

    def _clip(self, counts: np.ndarray, n_labels: int) -> np.ndarray:
        return np.clip(counts, self._least(n_labels), self._most(n_labels))


def blocks(n_records: int, n_labels: int) -> Iterator[slice]:
    """Slices of records whose scores fit well into memory."""
    size = max(1, _BLOCK // max(1, n_labels))
    return (slice(at, at + size) for at in range(0, n_records, size))


def sort_falling(scores: np.ndarray) -> np.ndarray:
    """The scores of each record from high to low."""
    return np.sort(scores, axis=1)[:, ::-1]


def rank_labels(scores: np.ndarray) -> np.ndarray:
    """Labels of each record by falling score; of equal ones the lower label first."""
    return np.argsort(-scores, axis=1, kind="stable")


def take_best(scores: np.ndarray, falling: np.ndarray, counts: np.ndarray) -> sp.csr_matrix:
    """The ``counts`` drugs of highest score of each record as sets; of equal scores the lower label.

    Parameters
    ----------
    scores : array of shape (n_records, n_labels)
    falling : array of shape (n_records, n_labels)
        ``sort_falling(scores)``.
    counts : int array of shape (n_records,)
        From 0 to n_labels.

    Examples
    --------
    >>> import numpy as np
    >>> scores = np.array([[0.5, 0.9, 0.5], [0.1, 0.2, 0.3]])
    >>> take_best(scores, sort_falling(scores), np.array([2, 0])).toarray().tolist()
    [[1, 1, 0], [0, 0, 0]]
    """
    n_records = len(scores)
    counts = np.asarray(counts, dtype=np.int64)
    last = falling[np.arange(n_records), np.maximum(counts, 1) - 1]
    chosen = scores >= np.where(counts > 0, last, np.inf)[:, None]
    # Where the last score stands several times, too many are chosen.
    for row in np.flatnonzero(np.count_nonzero(chosen, axis=1) > counts):
        equal = np.flatnonzero(scores[row] == last[row])
        surplus = np.count_nonzero(chosen[row]) - counts[row]
        chosen[row, equal[len(equal) - surplus :]] = False
    return as_sets(chosen)


def as_sets(chosen: np.ndarray) -> sp.csr_matrix:
    """A boolean array (n_records, n_labels) as sets, CSR ``uint8``."""
    indices = np.nonzero(chosen)[1]
    indptr = np.concatenate([[0], np.cumsum(np.count_nonzero(chosen, axis=1))])
    return sp.csr_matrix((np.ones(len(indices), np.uint8), indices, indptr), shape=chosen.shape)


def none_at_all(scores: np.ndarray) -> np.ndarray:
    r"""The probability that a record needs no drug, :math:`\prod (1 - p)`, shape (n_records,)."""
    return np.exp(log_none_at_all(scores))


def log_none_at_all(scores: np.ndarray) -> np.ndarray:
    """The logarithm of ``none_at_all``, shape (n_records,)."""
    with np.errstate(divide="ignore"):
        return np.log1p(-np.minimum(scores, 1.0)).sum(axis=1)


def check_probabilities(scores: Any, *, who: str) -> np.ndarray:
    """Scores as ``check_scores`` gives them, refused where they leave [0, 1]."""
    scores = check_scores(scores, who=who)
    if scores.size and (scores.min() < 0 or scores.max() > 1):
        raise ValueError(
            f"{who}: scores must be probabilities in [0, 1]; got {scores.min():g} to {scores.max():g}. "
            f"Calibrate them first."
        )
    return scores
