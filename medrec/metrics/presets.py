"""Presets: one name reproduces the numbers of one literature. Each is one entry of ``PRESETS``."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from medrec.metrics.counts import OverlapCounts
from medrec.metrics.totals import AVERAGES, METRICS, ratio_parts


@dataclass(frozen=True, eq=False)
class RecordMean:
    """A figure that is a weighted mean over records, so that it can be resampled by patient.

    Attributes
    ----------
    values, weights : arrays of shape (n_records,)
        Records whose value is nan do not count.
    """

    values: np.ndarray
    weights: np.ndarray

    def __float__(self) -> float:
        known = ~np.isnan(self.values)
        total = self.weights[known].sum()
        return float((self.values[known] * self.weights[known]).sum() / total) if total else float("nan")


@dataclass(frozen=True, eq=False)
class Evidence:
    """What a preset computes its figures from.

    Attributes
    ----------
    counts : OverlapCounts
    patients : int array of shape (n_records,)
        Patient of each record, 0 … n_patients − 1.
    precisions : array of shape (n_records,) or None
        Average precision of each record, where scores were given.
    top_hits : callable or None
        From k to the mean precision at k, where scores were given.
    zero_division : float
    """

    counts: OverlapCounts
    patients: np.ndarray
    precisions: np.ndarray | None
    top_hits: Callable[[int], float] | None
    zero_division: float

    def samples(self, metric: str) -> RecordMean:
        """Mean over records."""
        values = self.counts.per_record(metric, zero_division=self.zero_division)
        return RecordMean(values, np.ones(len(values)))

    def micro(self, metric: str) -> RecordMean | float:
        """The ratio of sums, as a mean over records weighted by their denominators."""
        numerator, denominator = ratio_parts(metric, self.counts.h, self.counts.y, self.counts.z)
        if not denominator.any():
            return getattr(self.counts, metric)("micro", self.zero_division)
        return RecordMean(numerator / np.maximum(denominator, 1), denominator.astype(np.float64))

    def patient_mean(self, values: np.ndarray) -> RecordMean:
        """Mean within each patient, then over patients."""
        known = ~np.isnan(values)
        visits = np.bincount(self.patients[known], minlength=int(self.patients.max(initial=-1)) + 1)
        return RecordMean(values, 1 / np.maximum(visits[self.patients], 1))


Figures = Mapping[str, RecordMean | float]


@dataclass(frozen=True)
class Preset:
    """How one literature averages.

    Attributes
    ----------
    name : str
    summary : str
        One sentence for help texts and reports.
    figures : callable
        From :class:`Evidence` to named figures.
    zero_division : float
        Default value where a denominator is 0.
    threshold : float or None
        The cut at which sets are made of scores (score >= threshold) when no sets are given.
    needs_groups : bool
        Whether the numbers depend on which records are one patient's.
    """

    name: str
    summary: str
    figures: Callable[[Evidence], Figures]
    zero_division: float = 0.0
    threshold: float | None = None
    needs_groups: bool = False


def _averages(evidence: Evidence, averages: tuple[str, ...]) -> dict[str, RecordMean | float]:
    figures: dict[str, RecordMean | float] = {}
    for metric in METRICS:
        for average in averages:
            if average == "samples":
                figures[f"{metric}_samples"] = evidence.samples(metric)
            elif average == "micro":
                figures[f"{metric}_micro"] = evidence.micro(metric)
            else:
                value = getattr(evidence.counts, metric)(average, evidence.zero_division)
                figures[f"{metric}_{average}"] = value
    return figures


def _sklearn(evidence: Evidence) -> Figures:
    counts = evidence.counts
    rest = {"subset_accuracy": counts.subset_accuracy(), "hamming_loss": counts.hamming_loss()}
    return {**_averages(evidence, AVERAGES), **rest}


def _chip2025(evidence: Evidence) -> Figures:
    jaccard, f1 = evidence.samples("jaccard"), evidence.samples("f1")
    return {"jaccard": jaccard, "f1": f1, "score": RecordMean((jaccard.values + f1.values) / 2, f1.weights)}


def _gamenet(evidence: Evidence, mean: Callable[[np.ndarray], RecordMean]) -> Figures:
    figures = {metric: mean(evidence.samples(metric).values) for metric in METRICS}
    if evidence.precisions is not None:
        figures["prauc"] = mean(evidence.precisions)
    return figures


def _gamenet_patients(evidence: Evidence) -> Figures:
    return _gamenet(evidence, evidence.patient_mean)


def _gamenet_visits(evidence: Evidence) -> Figures:
    return _gamenet(evidence, lambda values: RecordMean(values, np.ones(len(values))))


def _pyhealth(evidence: Evidence) -> Figures:
    return _averages(evidence, ("samples", "micro", "macro"))


def _dialmed(evidence: Evidence) -> Figures:
    return {metric: evidence.micro(metric) for metric in METRICS}


def _dialmed_batch8(evidence: Evidence) -> Figures:
    counts = evidence.counts
    starts = np.arange(0, len(counts), 8)
    if not len(starts):
        return {"jaccard": float("nan"), "f1": float("nan")}
    batches = [np.add.reduceat(sizes, starts) for sizes in (counts.h, counts.y, counts.z)]
    figures = {}
    for metric in ("jaccard", "f1"):
        numerator, denominator = ratio_parts(metric, *batches)
        ratios = np.full(len(starts), evidence.zero_division)
        np.divide(numerator, denominator, out=ratios, where=denominator > 0)
        known = ratios[~np.isnan(ratios)]
        figures[metric] = float(known.mean()) if len(known) else float("nan")
    return figures


def _caml(evidence: Evidence) -> Figures:
    counts, zero = evidence.counts, evidence.zero_division
    precision, recall = counts.precision("macro", zero), counts.recall("macro", zero)
    figures: dict[str, RecordMean | float] = {
        "precision_macro": precision,
        "recall_macro": recall,
        "f1_macro": 2 * precision * recall / (precision + recall) if precision + recall else 0.0,
    }
    figures.update({f"{metric}_micro": evidence.micro(metric) for metric in METRICS})
    if evidence.top_hits is not None:
        figures.update({f"precision_at_{k}": evidence.top_hits(k) for k in (5, 8, 15)})
    return figures


PRESETS = {
    preset.name: preset
    for preset in (
        Preset("sklearn", "as sklearn.metrics with average=", _sklearn),
        Preset(
            "chip2025",
            "mean per-record Jaccard and F1, score = their mean; two empty sets count 1",
            _chip2025,
            1.0,
        ),
        Preset(
            "gamenet",
            "means over a patient's visits, then over patients (GAMENet, SafeDrug); undefined visits count 0",
            _gamenet_patients,
            threshold=0.5,
            needs_groups=True,
        ),
        Preset(
            "gamenet_visits",
            "means over visits (the LR, ECC and LEADER rows of the same tables); undefined visits count 0",
            _gamenet_visits,
            threshold=0.5,
        ),
        Preset("pyhealth", "samples, micro and macro averages at threshold 0.3", _pyhealth, threshold=0.3),
        Preset("dialmed", "micro over the whole set", _dialmed, threshold=0.5),
        Preset(
            "dialmed_batch8",
            "mean over batches of 8 records of micro figures",
            _dialmed_batch8,
            threshold=0.5,
        ),
        Preset(
            "caml",
            "macro-F1 of macro precision and recall; micro; precision at 5, 8, 15",
            _caml,
            threshold=0.5,
        ),
    )
}
"""The presets by name."""
