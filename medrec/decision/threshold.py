"""``Threshold``: every drug whose score reaches one threshold, given or tuned."""

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.sparse as sp

from medrec.decision.sets import DecisionRule, rank_labels

METRICS = ("jaccard", "f1", "chip2025", "micro-f1", "macro-f1")


class Threshold(DecisionRule):
    r"""Every drug whose score reaches one threshold.

    With ``tune`` the threshold is that of the highest metric on out-of-fold scores. It is found exactly: the sets
    only change where the threshold passes a score, so one walk down the sorted scores of all records and drugs meets
    every set of sets that a threshold can give, those of ``min_size`` and ``max_size`` included. Of equally good
    thresholds the highest is taken, and it lies halfway to the next score below.

    Parameters
    ----------
    threshold : float, default=0.5
        The least score that is taken; not used with ``tune``.
    tune : {"jaccard", "f1", "chip2025", "micro-f1", "macro-f1"} or None, default=None
        The metric to tune for: the means over records of Jaccard, of F1 and of both; F1 of the summed counts;
        the mean of the drugs' F1, which is 1 for a drug that is neither needed nor taken.
    min_size : int or None, default=None
        Drugs at least in a set; the record's best are added. None: 0 for a given threshold; for a tuned one 0 where
        a set learned from is empty, else 1.
    max_size : int or None, default=None
        Drugs at most in a set.

    Attributes
    ----------
    threshold_ : float
        The threshold in use.
    tuned_ : float
        The metric on the scores learned from, with ``tune``.

    References
    ----------
    Yang (2001), A study of thresholding strategies for text categorization (SIGIR), whose SCut has a threshold a
    label; Pillai, Fumera & Roli (2013), Threshold optimisation for multi-label classifiers.

    Examples
    --------
    >>> Threshold(0.3).fit([[0.5]], [[1]]).apply([[0.2], [0.3]]).toarray().tolist()
    [[0], [1]]
    >>> rule = Threshold(tune="jaccard").fit([[0.4, 0.2, 0.1], [0.3, 0.1, 0.0]], [[1, 1, 0], [1, 0, 0]])
    >>> round(rule.threshold_, 3), rule.tuned_
    (0.15, 1.0)
    """

    def __init__(
        self,
        threshold: float = 0.5,
        *,
        tune: str | None = None,
        min_size: int | None = None,
        max_size: int | None = None,
    ) -> None:
        self.threshold = threshold
        self.tune = tune
        self.min_size = min_size
        self.max_size = max_size

    @property
    def learns_from_scores(self) -> bool:  # type: ignore[override]
        """Whether ``fit`` needs scores of models that did not see the records: with ``tune``."""
        return self.tune is not None

    def fit(self, scores: Any, Y: Any, groups: Any = None) -> "Threshold":
        """Tune the threshold on ``scores`` and ``Y`` (n_records, n_labels); without ``tune`` they are not looked at."""
        if self.tune is not None:
            return super().fit(scores, Y, groups)
        self._check_options(type(self).__name__)
        self.threshold_ = float(self.threshold)
        return self

    def apply(self, scores: Any) -> sp.csr_matrix:
        """Sets, CSR ``uint8`` (n_records, n_labels), of ``scores`` (n_records, n_labels)."""
        if self.tune is None:  # nothing is learned, so nothing need be fitted
            return self._apply(self._check(scores))
        return super().apply(scores)

    def _check_options(self, who: str) -> None:
        super()._check_options(who)
        if self.tune is not None and self.tune not in METRICS:
            raise ValueError(f"{who}: tune must be one of {', '.join(METRICS)} or None; got {self.tune!r}.")

    def _least(self, n_labels: int) -> int:
        return 0 if self.tune is None and self.min_size is None else super()._least(n_labels)

    def _counts(self, scores: np.ndarray, falling: np.ndarray) -> np.ndarray:
        least = self.threshold if self.tune is None else self.threshold_
        return self._clip(np.count_nonzero(scores >= least, axis=1), scores.shape[1])

    def _learn(self, scores: np.ndarray, sets: sp.csr_matrix, groups: Any) -> None:
        assert self.tune is not None
        n_labels = scores.shape[1]
        order = rank_labels(scores)
        hit = np.take_along_axis(sets.toarray().astype(bool), order, axis=1)
        least, most = self._least(n_labels), self._most(n_labels)
        free = slice(least, most)  # what the threshold decides on; the first `least` are always taken
        at = np.take_along_axis(scores, order, axis=1)[:, free].ravel()
        walk = np.argsort(-at, kind="stable")
        at = at[walk]
        if self.tune in _OF_RECORDS:
            value = _mean_of_records(_OF_RECORDS[self.tune], hit, np.diff(sets.indptr), free, walk)
        elif self.tune == "micro-f1":
            hits = hit[:, :least].sum() + np.concatenate([[0], np.cumsum(hit[:, free].ravel()[walk])])
            value = _f1(hits, sets.nnz, least * len(scores) + np.arange(len(at) + 1))
        else:
            value = _mean_of_labels(order, hit, sets, free, walk)
        # Equal scores come together.
        ends = np.flatnonzero(np.concatenate([[True], at[1:] != at[:-1], [True]])) if len(at) else np.array([0])
        # Sums in another order differ in the last digits, which must not choose among equals.
        best = int(ends[np.flatnonzero(value[ends] >= value[ends].max() - 1e-12)[0]])
        self.threshold_ = between(at, best)
        self.tuned_ = float(value[best])


def between(falling: np.ndarray, taken: int) -> float:
    """A threshold that the first ``taken`` of the falling scores reach, and the others do not."""
    if taken == 0:
        return float(np.nextafter(falling[0], np.inf)) if len(falling) else 0.5
    least = float(falling[taken - 1])
    if taken == len(falling):
        return least
    middle = least + (float(falling[taken]) - least) / 2
    return middle if middle > falling[taken] else least


def _jaccard(hits: Any, true: Any, size: Any) -> np.ndarray:
    union = true + size - hits
    return np.where(union > 0, hits / np.maximum(union, 1), 1.0)


def _f1(hits: Any, true: Any, size: Any) -> np.ndarray:
    total = true + size
    return np.where(total > 0, 2 * hits / np.maximum(total, 1), 1.0)


_OF_RECORDS: dict[str, Callable[..., np.ndarray]] = {
    "jaccard": _jaccard,
    "f1": _f1,
    "chip2025": lambda *counts: (_jaccard(*counts) + _f1(*counts)) / 2,
}


def _mean_of_records(
    metric: Callable[..., np.ndarray], hit: np.ndarray, true: np.ndarray, free: slice, walk: np.ndarray
) -> np.ndarray:
    """The metric before the walk and after each of its steps; a step changes one record."""
    n_records, n_labels = hit.shape
    hits = np.concatenate([np.zeros((n_records, 1)), np.cumsum(hit, axis=1)], axis=1)
    value = metric(hits, true[:, None], np.arange(n_labels + 1)) / n_records
    gain = np.diff(value, axis=1)[:, free].ravel()[walk]
    return value[:, free.start].sum() + np.concatenate([[0.0], np.cumsum(gain)])


def _mean_of_labels(
    order: np.ndarray, hit: np.ndarray, sets: sp.csr_matrix, free: slice, walk: np.ndarray
) -> np.ndarray:
    """Macro-F1 before the walk and after each of its steps; a step changes one label."""
    n_labels = sets.shape[1]
    true = np.bincount(sets.indices, minlength=n_labels)
    always = order[:, : free.start]
    size = np.bincount(always.ravel(), minlength=n_labels)
    hits = np.bincount(always.ravel(), weights=hit[:, : free.start].ravel(), minlength=n_labels)
    label, more = order[:, free].ravel()[walk], hit[:, free].ravel()[walk]
    together = np.argsort(label, kind="stable")  # the steps of each label, in the order of the walk
    label, more = label[together], more[together]
    first = np.searchsorted(label, label)
    steps = np.arange(1, len(label) + 1) - first
    summed = np.concatenate([[0], np.cumsum(more)])
    found = summed[1:] - summed[first]
    after = _f1(hits[label] + found, true[label], size[label] + steps)
    before = _f1(hits[label] + found - more, true[label], size[label] + steps - 1)
    gain = np.empty(len(label))
    gain[together] = (after - before) / n_labels
    return _f1(hits, true, size).mean() + np.concatenate([[0.0], np.cumsum(gain)])
