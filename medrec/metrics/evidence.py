"""What an evaluation has seen of its records, in a form that adds up over chunks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from medrec._checks import check_scores, check_sets
from medrec.kernels import top_k
from medrec.metrics.bootstrap import group_index
from medrec.metrics.counts import OverlapCounts, overlap_counts
from medrec.metrics.interactions import ddi_by_size
from medrec.metrics.ranking import average_precision
from medrec.metrics.totals import METRICS, OverlapTotals, ratio_parts


@dataclass(frozen=True, eq=False)
class RecordMean:
    """A figure that is a weighted mean over records, so that it can be resampled by patient.

    Attributes
    ----------
    values, weights : arrays of shape (n_records,)
        Records whose value is nan do not count.
    mean : float, optional
        The mean where it is known exactly, from sums of integers.
    """

    values: np.ndarray
    weights: np.ndarray
    mean: float | None = None

    def __float__(self) -> float:
        if self.mean is not None:
            return self.mean
        known = ~np.isnan(self.values)
        total = self.weights[known].sum()
        return float((self.values[known] * self.weights[known]).sum() / total) if total else float("nan")


@dataclass(frozen=True, eq=False)
class Records:
    """The records one by one, for figures that no sums give: intervals, means within patients, batches.

    Attributes
    ----------
    counts : tuple of OverlapCounts
    precisions : tuple of arrays
        Average precision of each record, where scores were given.
    """

    counts: tuple[OverlapCounts, ...] = ()
    precisions: tuple[np.ndarray, ...] = ()


@dataclass(frozen=True, eq=False)
class Evidence:
    """What a preset computes its figures from. ``a + b`` is the records of ``a`` followed by those of ``b``.

    Attributes
    ----------
    n_records, n_labels, empty_true, true_entries : int
        Of the true sets: how many, of how many labels, how many empty, and labels in all.
    totals : OverlapTotals or None
        Where sets were given.
    precision_sum, ranked : float and int
        Sum of the records' average precisions, and how many have one.
    hits : mapping from k to int
        True labels among the k best of each record, where scores were given and the preset wants them.
    pairs : int64 array of shape (2, largest set + 1) or None
        By set size: interacting pairs and records.
    groups : tuple of arrays or None
        Patient of each record where records are kept, else each patient at least once.
    records : Records or None
        Where figures need them one by one; then memory grows with their number.
    zero_division : float
    """

    n_records: int
    n_labels: int
    empty_true: int
    true_entries: int
    totals: OverlapTotals | None
    precision_sum: float
    ranked: int
    has_scores: bool
    hits: Mapping[int, int]
    pairs: np.ndarray | None
    groups: tuple[np.ndarray, ...] | None
    records: Records | None
    zero_division: float

    def __add__(self, other: Evidence) -> Evidence:
        if self.n_labels != other.n_labels:
            raise ValueError(f"all chunks must have the same labels; got {self.n_labels} and {other.n_labels}.")
        for name, one, two in (
            ("predicted sets", self.totals, other.totals),
            ("scores", self.has_scores or None, other.has_scores or None),
            ("groups", self.groups, other.groups),
        ):
            if (one is None) != (two is None):
                raise ValueError(f"{name} must be in every chunk or in none; got both.")
        groups = None
        if self.groups is not None and other.groups is not None:
            groups = self.groups + other.groups
            # Merged only when the list has doubled, so that each name is looked at a few times, not once a chunk.
            if self.records is None and sum(map(len, groups[1:])) > len(groups[0]):
                groups = (pd.unique(np.concatenate(groups)),)
        return replace(
            self,
            n_records=self.n_records + other.n_records,
            empty_true=self.empty_true + other.empty_true,
            true_entries=self.true_entries + other.true_entries,
            totals=None if self.totals is None else self.totals + other.totals,
            precision_sum=self.precision_sum + other.precision_sum,
            ranked=self.ranked + other.ranked,
            hits={k: hits + other.hits[k] for k, hits in self.hits.items()},
            pairs=_added(self.pairs, other.pairs),
            groups=groups,
            records=None
            if self.records is None or other.records is None
            else Records(
                self.records.counts + other.records.counts, self.records.precisions + other.records.precisions
            ),
        )

    @property
    def prauc(self) -> float:
        """Mean average precision of the records that have true labels."""
        return self.precision_sum / self.ranked if self.ranked else float("nan")

    @property
    def patients(self) -> np.ndarray:
        """Patient of each record as 0 … n_patients − 1, where records are kept."""
        groups = None if self.groups is None else np.concatenate(self.groups)
        return group_index(groups, self.n_records, who="evaluate")

    @property
    def n_patients(self) -> int:
        """Patients, each record its own where none are named."""
        return self.n_records if self.groups is None else len(pd.unique(np.concatenate(self.groups)))

    def kept(self) -> OverlapCounts:
        """The counts of each record."""
        assert self.records is not None
        assert self.totals is not None
        parts = self.records.counts
        h, y, z = (np.concatenate([getattr(part, name) for part in parts]) for name in "hyz")
        return OverlapCounts(h, y, z, self.totals.tp, self.totals.t, self.totals.p)

    def samples(self, metric: str) -> RecordMean | float:
        """Mean over records."""
        assert self.totals is not None
        mean = getattr(self.totals, metric)("samples", self.zero_division)
        if self.records is None:
            return mean
        values = self.kept().per_record(metric, zero_division=self.zero_division)
        return RecordMean(values, np.ones(len(values)), mean)

    def micro(self, metric: str) -> RecordMean | float:
        """The ratio of sums, as a mean over records weighted by their denominators."""
        assert self.totals is not None
        mean = getattr(self.totals, metric)("micro", self.zero_division)
        if self.records is None:
            return mean
        counts = self.kept()
        numerator, denominator = ratio_parts(metric, counts.h, counts.y, counts.z)
        if not denominator.any():
            return mean
        return RecordMean(numerator / np.maximum(denominator, 1), denominator.astype(np.float64), mean)

    def ranking(self) -> RecordMean | float:
        """Mean average precision over records."""
        if self.records is None:
            return self.prauc
        values = np.concatenate(self.records.precisions)
        return RecordMean(values, np.ones(len(values)), self.prauc)

    def patient_mean(self, figure: RecordMean | float) -> RecordMean:
        """Mean within each patient, then over patients, of a mean over records."""
        assert isinstance(figure, RecordMean), "the preset says that it needs records"
        patients, known = self.patients, ~np.isnan(figure.values)
        visits = np.bincount(patients[known], minlength=int(patients.max(initial=-1)) + 1)
        return RecordMean(figure.values, 1 / np.maximum(visits[patients], 1))


def gather(
    Y: Any,
    Z: Any = None,
    scores: Any = None,
    groups: Any = None,
    *,
    threshold: float | None,
    zero_division: float,
    top: tuple[int, ...] = (),
    ddi: Any = None,
    keep_records: bool,
    who: str,
) -> Evidence:
    """Look at some records: sets, scores or both; ``threshold`` makes sets of scores where none are given."""
    if Z is None and scores is None:
        raise ValueError(f"{who}: pass predicted sets Z, scores, or both; got neither.")
    precisions, hits = np.empty(0), {}
    if scores is not None:
        Y = check_sets(Y, who=who, name="Y", copy=False)
        scores = check_scores(scores, who=who, shape=Y.shape)
        precisions = average_precision(Y, scores)
        hits = {k: _hits(Y, scores, k) for k in top}
        if Z is None and threshold is not None:
            Z = scores >= threshold
    known = precisions[~np.isnan(precisions)]
    if Z is None:
        counts = None
        n_records, n_labels = Y.shape
        empty_true, true_entries = int((np.diff(Y.indptr) == 0).sum()), int(Y.nnz)
    else:
        counts = overlap_counts(Y, Z)
        n_records, n_labels = len(counts), len(counts.tp)
        totals = counts.totals
        empty_true, true_entries = int(totals.sums[METRICS.index("recall"), 0]), int(totals.t.sum())
    if groups is not None:
        group_index(groups, n_records, who=who)
        groups = (np.asarray(groups) if keep_records else pd.unique(np.asarray(groups)),)
    return Evidence(
        n_records=n_records,
        n_labels=n_labels,
        empty_true=empty_true,
        true_entries=true_entries,
        totals=None if counts is None else counts.totals,
        precision_sum=float(known.sum()),
        ranked=len(known),
        has_scores=scores is not None,
        hits=hits,
        pairs=None if ddi is None or Z is None else ddi_by_size(Z, ddi),
        groups=groups,
        records=Records(() if counts is None else (counts.get(),), (precisions,)) if keep_records else None,
        zero_division=zero_division,
    )


def _hits(true: Any, scores: np.ndarray, k: int) -> int:
    best = top_k(scores, k)
    return int(true[np.repeat(np.arange(len(best)), best.shape[1]), best.ravel()].sum()) if best.size else 0


def _added(one: np.ndarray | None, two: np.ndarray | None) -> np.ndarray | None:
    if one is None or two is None:
        return None
    total = np.zeros((len(one), max(one.shape[1], two.shape[1])), dtype=np.int64)
    for part in (one, two):
        total[:, : part.shape[1]] += part
    return total
