"""Presets: one name reproduces the numbers of one literature. Each is one entry of ``PRESETS``."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from medrec.metrics.evidence import Evidence, RecordMean
from medrec.metrics.totals import AVERAGES, METRICS, ratio_parts

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
    additive : bool
        Whether they follow from sums over records, so that a stream of chunks needs to keep no record.
    top : tuple of int
        The k at which it wants precision of scores.
    """

    name: str
    summary: str
    figures: Callable[[Evidence], Figures]
    zero_division: float = 0.0
    threshold: float | None = None
    needs_groups: bool = False
    additive: bool = True
    top: tuple[int, ...] = ()


def _averages(evidence: Evidence, averages: tuple[str, ...]) -> dict[str, RecordMean | float]:
    figures: dict[str, RecordMean | float] = {}
    for metric in METRICS:
        for average in averages:
            if average == "samples":
                figures[f"{metric}_samples"] = evidence.samples(metric)
            elif average == "micro":
                figures[f"{metric}_micro"] = evidence.micro(metric)
            else:
                value = getattr(evidence.totals, metric)(average, evidence.zero_division)
                figures[f"{metric}_{average}"] = value
    return figures


def _sklearn(evidence: Evidence) -> Figures:
    totals = evidence.totals
    assert totals is not None
    rest = {"subset_accuracy": totals.subset_accuracy(), "hamming_loss": totals.hamming_loss()}
    return {**_averages(evidence, AVERAGES), **rest}


def _chip2025(evidence: Evidence) -> Figures:
    jaccard, f1 = evidence.samples("jaccard"), evidence.samples("f1")
    score: RecordMean | float = (float(jaccard) + float(f1)) / 2
    if isinstance(jaccard, RecordMean) and isinstance(f1, RecordMean):
        score = RecordMean((jaccard.values + f1.values) / 2, f1.weights, float(score))
    return {"jaccard": jaccard, "f1": f1, "score": score}


def _gamenet_visits(evidence: Evidence) -> Figures:
    figures = {metric: evidence.samples(metric) for metric in METRICS}
    return {**figures, "prauc": evidence.ranking()} if evidence.has_scores else figures


def _gamenet(evidence: Evidence) -> Figures:
    return {name: evidence.patient_mean(figure) for name, figure in _gamenet_visits(evidence).items()}


def _pyhealth(evidence: Evidence) -> Figures:
    return _averages(evidence, ("samples", "micro", "macro"))


def _dialmed(evidence: Evidence) -> Figures:
    return {metric: evidence.micro(metric) for metric in METRICS}


def _dialmed_batch8(evidence: Evidence) -> Figures:
    counts = evidence.kept()
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
    totals, zero = evidence.totals, evidence.zero_division
    assert totals is not None
    precision, recall = totals.precision("macro", zero), totals.recall("macro", zero)
    figures: dict[str, RecordMean | float] = {
        "precision_macro": precision,
        "recall_macro": recall,
        "f1_macro": 2 * precision * recall / (precision + recall) if precision + recall else 0.0,
    }
    figures.update({f"{metric}_micro": evidence.micro(metric) for metric in METRICS})
    for k, hits in evidence.hits.items():
        shown = evidence.n_records * min(k, evidence.n_labels)
        figures[f"precision_at_{k}"] = hits / shown if shown else float("nan")
    return figures


def _codiesp(evidence: Evidence) -> Figures:
    figures = {metric: evidence.micro(metric) for metric in ("precision", "recall", "f1")}
    return {"map": evidence.ranking(), **figures} if evidence.has_scores else figures


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
            _gamenet,
            threshold=0.5,
            needs_groups=True,
            additive=False,
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
            additive=False,
        ),
        Preset(
            "caml",
            "macro-F1 of macro precision and recall; micro; precision at 5, 8, 15",
            _caml,
            threshold=0.5,
            top=(5, 8, 15),
        ),
        Preset(
            "codiesp",
            "mean over cases with codes of the average precision of their ranking; micro (CLEF eHealth 2020)",
            _codiesp,
        ),
    )
}
"""The presets by name."""
