"""Set metrics from integer counts that add up over chunks."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from medrec import kernels
from medrec._checks import check_sets
from medrec.metrics.totals import Averages, OverlapTotals, on_host, ratio


@dataclass(frozen=True, eq=False)
class OverlapCounts(Averages):
    """Intersections and sizes of true and predicted sets, by record and by label.

    Every metric here follows from these six integer vectors. ``a + b`` is the counts of the records of
    ``a`` followed by those of ``b``, so an evaluation can be streamed or distributed exactly.

    Parameters
    ----------
    h, y, z : int arrays of shape (n_records,)
        Size of the intersection, of the true set and of the predicted set of each record.
    tp, t, p : int arrays of shape (n_labels,)
        For each label the records that have it in both sets, in the true one and in the predicted one.
        Counts of CuPy's matrices are CuPy's arrays and stay on the GPU; so does what ``per_record`` gives. The
        averages bring sums to the host, and ``get()`` all.

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
        return ratio(metric, self.h, self.y, self.z, zero_division)

    @cached_property
    def totals(self) -> OverlapTotals:  # type: ignore[override]
        """The sums over all records, from which every average follows."""
        sums, exact = kernels.denominator_sums(self.h, self.y, self.z)
        return OverlapTotals(len(self.h), exact, *(on_host(one) for one in (self.tp, self.t, self.p, sums)))

    def get(self) -> "OverlapCounts":
        """The counts as NumPy's arrays: a copy of what is on a GPU."""
        return OverlapCounts(*(on_host(getattr(self, name)) for name in ("h", "y", "z", "tp", "t", "p")))


def overlap_counts(Y: Any, Z: Any) -> OverlapCounts:
    """Count what true and predicted sets have in common.

    Parameters
    ----------
    Y, Z : sparse or dense 0/1 matrices of shape (n_records, n_labels)
        True and predicted sets, both on the host or both CuPy's, which are counted on the GPU. Sparse input with
        duplicates or stored zeros is canonicalised on a copy: duplicates are merged, stored zeros dropped.

    Returns
    -------
    OverlapCounts

    Raises
    ------
    ValueError
        When the input is no 0/1 matrix or the shapes differ.
    TypeError
        When one matrix is on the GPU and the other is not.

    Examples
    --------
    >>> round(overlap_counts([[1, 0, 1], [0, 1, 0]], [[1, 1, 0], [0, 1, 0]]).jaccard(), 4)
    0.6667
    """
    if kernels.on_gpu(Y, Z, who="overlap_counts"):
        from medrec.kernels import cuda, cuda_sets

        on_device = [cuda_sets.check_sets(one, who="overlap_counts", name=n) for one, n in ((Y, "Y"), (Z, "Z"))]
        _check_shapes(*(sets.shape for sets in on_device))
        return OverlapCounts(*cuda.overlap(*on_device))
    counted = kernels.overlap_if_sets(Y, Z)
    if counted is not None:
        overlap, sums, exact = counted
        counts = OverlapCounts(*overlap)
        vars(counts)["totals"] = OverlapTotals(len(counts), exact, counts.tp, counts.t, counts.p, sums)
        return counts
    true = check_sets(Y, who="overlap_counts", name="Y", copy=False)
    predicted = check_sets(Z, who="overlap_counts", name="Z", copy=False)
    _check_shapes(true.shape, predicted.shape)
    return OverlapCounts(*kernels.overlap(true, predicted))


def _check_shapes(true: tuple[int, int], predicted: tuple[int, int]) -> None:
    if true[1] != predicted[1]:
        raise ValueError(f"overlap_counts: Z must have {true[1]} labels (columns), as Y has; got {predicted[1]}.")
    if true[0] != predicted[0]:
        raise ValueError(f"overlap_counts: Y has {true[0]} records and Z {predicted[0]}; pass the same.")
