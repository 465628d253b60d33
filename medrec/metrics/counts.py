"""Set metrics from integer counts that add up over chunks."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from medrec import kernels
from medrec._checks import check_sets

METRICS = ("jaccard", "f1", "precision", "recall")
AVERAGES = ("samples", "micro", "macro", "weighted")


@dataclass(frozen=True, eq=False)
class OverlapCounts:
    """Intersections and sizes of true and predicted sets, by record and by label.

    Every metric here follows from these six integer vectors. ``a + b`` is the counts of the records of
    ``a`` followed by those of ``b``, so an evaluation can be streamed or distributed exactly.

    Parameters
    ----------
    h, y, z : int arrays of shape (n_records,)
        Size of the intersection, of the true set and of the predicted set of each record.
    tp, t, p : int arrays of shape (n_labels,)
        For each label the records that have it in both sets, in the true one and in the predicted one.

    Notes
    -----
    With the sizes :math:`h, y, z` Jaccard is :math:`h/(y+z-h)`, F1 :math:`2h/(y+z)`, precision
    :math:`h/z` and recall :math:`h/y`; ``average`` says over what: ``samples`` is the mean over
    records, ``micro`` the formula on the sums, ``macro`` the mean over labels and ``weighted`` that mean
    weighted by true count. ``zero_division`` in {0, 1, nan} is the value where the denominator is 0;
    values of nan are left out of the mean, as scikit-learn does. The mean of nothing is nan. Mind that 1
    also is the precision of an empty prediction and the macro score of labels that nobody has.

    Examples
    --------
    >>> counts = overlap_counts([[1, 1, 0], [0, 0, 0]], [[1, 0, 0], [0, 0, 0]])
    >>> counts.jaccard(), counts.jaccard(zero_division=0)
    (0.75, 0.25)
    >>> counts.f1("micro"), counts.empty_sets()
    (0.6666666666666666, 1)
    """

    h: np.ndarray
    y: np.ndarray
    z: np.ndarray
    tp: np.ndarray
    t: np.ndarray
    p: np.ndarray

    def __add__(self, other: "OverlapCounts") -> "OverlapCounts":
        if not isinstance(other, OverlapCounts):
            return NotImplemented
        if len(self.tp) != len(other.tp):
            raise ValueError(f"OverlapCounts: + needs the same labels; got {len(self.tp)} and {len(other.tp)}.")
        rows = (np.concatenate([getattr(self, name), getattr(other, name)]) for name in "hyz")
        columns = (getattr(self, name) + getattr(other, name) for name in ("tp", "t", "p"))
        return OverlapCounts(*rows, *columns)

    def __len__(self) -> int:
        return len(self.h)

    def per_record(self, metric: str = "jaccard", *, zero_division: float = 1.0) -> np.ndarray:
        """The metric of each record, shape (n_records,)."""
        return _ratio(metric, self.h, self.y, self.z, zero_division)

    def per_label(self, metric: str = "f1", *, zero_division: float = 1.0) -> np.ndarray:
        """The metric of each label, shape (n_labels,)."""
        return _ratio(metric, self.tp, self.t, self.p, zero_division)

    def jaccard(self, average: str = "samples", zero_division: float = 1.0) -> float:
        """Intersection over union."""
        return self._average("jaccard", average, zero_division)

    def f1(self, average: str = "samples", zero_division: float = 1.0) -> float:
        """Harmonic mean of precision and recall (of each record or label, then averaged)."""
        return self._average("f1", average, zero_division)

    def precision(self, average: str = "samples", zero_division: float = 1.0) -> float:
        """Share of the predicted labels that are true."""
        return self._average("precision", average, zero_division)

    def recall(self, average: str = "samples", zero_division: float = 1.0) -> float:
        """Share of the true labels that are predicted."""
        return self._average("recall", average, zero_division)

    def subset_accuracy(self) -> float:
        """Share of records whose predicted set is the true set."""
        return _mean((self.h == self.y) & (self.h == self.z))

    def hamming_loss(self) -> float:
        """Share of the (record, label) cells that differ."""
        cells = len(self.h) * len(self.tp)
        return float((self.y + self.z - 2 * self.h).sum() / cells) if cells else float("nan")

    def mean_set_size(self) -> float:
        """Mean number of predicted labels a record."""
        return _mean(self.z)

    def empty_sets(self) -> int:
        """Number of records for which nothing is predicted."""
        return int((self.z == 0).sum())

    def _average(self, metric: str, average: str, zero_division: float) -> float:
        if average == "samples":
            return _mean(self.per_record(metric, zero_division=zero_division))
        if average == "micro":
            tp, t, p = (column.sum(keepdims=True) for column in (self.tp, self.t, self.p))
            return float(_ratio(metric, tp, t, p, zero_division)[0])
        if average == "macro":
            return _mean(self.per_label(metric, zero_division=zero_division))
        if average == "weighted":
            return _mean(self.per_label(metric, zero_division=zero_division), self.t)
        raise ValueError(f"OverlapCounts.{metric}: average must be one of {', '.join(AVERAGES)}; got {average!r}.")


def overlap_counts(Y: Any, Z: Any) -> OverlapCounts:
    """Count what true and predicted sets have in common.

    Parameters
    ----------
    Y, Z : sparse or dense 0/1 matrices of shape (n_records, n_labels)
        True and predicted sets. Sparse input is canonicalised on a copy: duplicates are merged, stored
        zeros dropped.

    Returns
    -------
    OverlapCounts

    Raises
    ------
    ValueError
        When the input is no 0/1 matrix or the shapes differ.

    Examples
    --------
    >>> round(overlap_counts([[1, 0, 1], [0, 1, 0]], [[1, 1, 0], [0, 1, 0]]).jaccard(), 4)
    0.6667
    """
    true = check_sets(Y, who="overlap_counts", name="Y", copy=False)
    predicted = check_sets(Z, who="overlap_counts", name="Z", n_labels=true.shape[1], copy=False)
    if true.shape != predicted.shape:
        raise ValueError(f"overlap_counts: Y has {true.shape[0]} records and Z {predicted.shape[0]}; pass the same.")
    return OverlapCounts(*kernels.overlap(true, predicted))


def ratio_parts(metric: str, h: np.ndarray, y: np.ndarray, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Numerator and denominator of a set metric."""
    if metric == "jaccard":
        return h, y + z - h
    if metric == "f1":
        return 2 * h, y + z
    if metric == "precision":
        return h, z
    if metric == "recall":
        return h, y
    raise ValueError(f"OverlapCounts: metric must be one of {', '.join(METRICS)}; got {metric!r}.")


def _ratio(metric: str, h: np.ndarray, y: np.ndarray, z: np.ndarray, zero_division: float) -> np.ndarray:
    if not (zero_division in (0, 1) or np.isnan(zero_division)):
        raise ValueError(f"OverlapCounts.{metric}: zero_division must be 0, 1 or nan; got {zero_division!r}.")
    numerator, denominator = ratio_parts(metric, h, y, z)
    result = np.full(numerator.shape, float(zero_division))
    np.divide(numerator, denominator, out=result, where=denominator != 0)
    return result


def _mean(values: Any, weights: np.ndarray | None = None) -> float:
    """Mean without the nan entries; unweighted where every weight left is 0, nan where nothing is left."""
    values = np.asarray(values, dtype=np.float64)
    known = ~np.isnan(values)
    if not known.any():
        return float("nan")
    if weights is not None and weights[known].any():
        return float(np.average(values[known], weights=weights[known]))
    return float(values[known].mean())
