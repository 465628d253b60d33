"""Averages of set metrics, from integer sums that need no more memory for more records."""

from dataclasses import dataclass, replace
from math import fsum, isnan, nan
from typing import Any, TypeVar

import numpy as np

METRICS = ("jaccard", "f1", "precision", "recall")
AVERAGES = ("samples", "micro", "macro", "weighted")
T = TypeVar("T", bound="OverlapTotals")


class Averages:
    """The averages, for whatever has ``totals``."""

    totals: Any

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

    def per_label(self, metric: str = "f1", *, zero_division: float = 1.0) -> np.ndarray:
        """The metric of each label, shape (n_labels,)."""
        totals = self.totals
        return ratio(metric, totals.tp, totals.t, totals.p, zero_division)

    def subset_accuracy(self) -> float:
        """Share of records whose predicted set is the true set."""
        return _share(self.totals.exact, self.totals.n_records)

    def hamming_loss(self) -> float:
        """Share of the (record, label) cells that differ."""
        totals = self.totals
        different = totals.t.sum() + totals.p.sum() - 2 * totals.tp.sum()
        return _share(int(different), totals.n_records * len(totals.tp))

    def mean_set_size(self) -> float:
        """Mean number of predicted labels a record."""
        return _share(int(self.totals.p.sum()), self.totals.n_records)

    def empty_sets(self) -> int:
        """Number of records for which nothing is predicted."""
        return int(self.totals.sums[METRICS.index("precision"), 0])

    def _average(self, metric: str, average: str, zero_division: float) -> float:
        check_zero_division(metric, zero_division)
        totals = self.totals
        if average == "samples":
            return totals.samples_mean(metric, zero_division)
        if average == "micro":
            tp, t, p = (column.sum(keepdims=True) for column in (totals.tp, totals.t, totals.p))
            return float(ratio(metric, tp, t, p, zero_division)[0])
        if average == "macro":
            return _mean(self.per_label(metric, zero_division=zero_division))
        if average == "weighted":
            return _mean(self.per_label(metric, zero_division=zero_division), totals.t)
        raise ValueError(f"OverlapCounts.{metric}: average must be one of {', '.join(AVERAGES)}; got {average!r}.")


@dataclass(frozen=True, eq=False)
class OverlapTotals(Averages):
    r"""What is left of :class:`OverlapCounts` when no record is looked at any more: sums, all of them integers.

    ``a + b`` is the totals of both. A mean of ratios over records follows from them because the mean of
    :math:`a_i/b_i` is :math:`\sum_d (\sum_{i: b_i = d} a_i)/d` over the number of records: so it does not change by
    a bit with the order of the records or with how they were cut into chunks.

    Parameters
    ----------
    n_records, exact : int
        Records, and those whose sets are equal.
    tp, t, p : int64 arrays of shape (n_labels,)
        For each label the records that have it in both sets, in the true one and in the predicted one.
    sums : int64 array of shape (4, largest denominator + 1)
        Sums of numerators by denominator for Jaccard, F1, precision and recall; at 0 the number of records.

    Examples
    --------
    >>> from medrec.metrics import overlap_counts
    >>> totals = overlap_counts([[1, 1, 0]], [[1, 0, 0]]).totals + overlap_counts([[0, 0, 0]], [[0, 0, 0]]).totals
    >>> len(totals), totals.jaccard(), totals.jaccard("micro"), totals.empty_sets()
    (2, 0.75, 0.5, 1)
    """

    n_records: int
    exact: int
    tp: np.ndarray
    t: np.ndarray
    p: np.ndarray
    sums: np.ndarray

    @property
    def totals(self: T) -> T:  # type: ignore[override]
        """Itself."""
        return self

    def __len__(self) -> int:
        return self.n_records

    def __add__(self: T, other: Any) -> T:
        if not isinstance(other, OverlapTotals):
            return NotImplemented
        if len(self.tp) != len(other.tp):
            raise ValueError(f"OverlapTotals: + needs the same labels; got {len(self.tp)} and {len(other.tp)}.")
        width = max(self.sums.shape[1], other.sums.shape[1])
        sums = np.zeros((len(METRICS), width), dtype=np.int64)
        for one in (self, other):
            sums[:, : one.sums.shape[1]] += one.sums
        return replace(
            self,
            n_records=self.n_records + other.n_records,
            exact=self.exact + other.exact,
            tp=self.tp + other.tp,
            t=self.t + other.t,
            p=self.p + other.p,
            sums=sums,
        )

    def samples_mean(self, metric: str, zero_division: float) -> float:
        """Mean over records, without those that are nan."""
        sums = self.sums[METRICS.index(metric)]
        undefined = int(sums[0])
        at = np.flatnonzero(sums[1:]) + 1
        total = fsum((sums[at] / at).tolist())
        if isnan(zero_division):
            return _share(total, self.n_records - undefined)
        return _share(total + zero_division * undefined, self.n_records)


def ratio_parts(metric: str, h: Any, y: Any, z: Any) -> tuple[Any, Any]:
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


def check_zero_division(metric: str, zero_division: float) -> None:
    """Refuse all but 0, 1 and nan."""
    if not (zero_division in (0, 1) or isnan(zero_division)):
        raise ValueError(f"OverlapCounts.{metric}: zero_division must be 0, 1 or nan; got {zero_division!r}.")


def ratio(metric: str, h: Any, y: Any, z: Any, zero_division: float) -> Any:
    """The metric of each entry, where the counts are."""
    check_zero_division(metric, zero_division)
    numerator, denominator = ratio_parts(metric, h, y, z)
    undefined = denominator == 0
    result = numerator / (denominator + undefined)
    result[undefined] = zero_division
    return result


def on_host(array: Any) -> Any:
    """A NumPy array of what may be CuPy's."""
    return array.get() if hasattr(array, "get") else array


def _share(part: float, whole: int) -> float:
    return float(part / whole) if whole else nan


def _mean(values: Any, weights: np.ndarray | None = None) -> float:
    """Mean without the nan entries; unweighted where every weight left is 0, nan where nothing is left."""
    values = np.asarray(values, dtype=np.float64)
    known = ~np.isnan(values)
    if not known.any():
        return nan
    if weights is not None and weights[known].any():
        return float(np.average(values[known], weights=weights[known]))
    return float(values[known].mean())
