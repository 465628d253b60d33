"""``evaluate``: sets and scores in, one dict of plain numbers out."""

from functools import partial
from typing import Any

import numpy as np

from medrec._checks import check_scores, check_sets
from medrec.metrics.bootstrap import bootstrap_interval, group_index
from medrec.metrics.counts import overlap_counts
from medrec.metrics.interactions import ddi_counts, ddi_rate
from medrec.metrics.presets import PRESETS, Evidence, Preset, RecordMean
from medrec.metrics.ranking import average_precision, precision_at_k

WITH_INTERVAL = ("jaccard", "f1", "score")


def evaluate(
    Y: Any,
    Z: Any = None,
    scores: Any = None,
    *,
    preset: str = "chip2025",
    groups: Any = None,
    ddi: Any = None,
    zero_division: float | None = None,
    n_resamples: int = 1000,
    seed: int = 0,
) -> dict[str, Any]:
    """Evaluate predicted sets, scores, or both, the way one literature does.

    Parameters
    ----------
    Y : sparse or dense 0/1 matrix of shape (n_records, n_labels)
        True sets.
    Z : sparse or dense 0/1 matrix of shape (n_records, n_labels), optional
        Predicted sets. When they are not given and the preset has a threshold, the sets are
        ``scores >= threshold``; otherwise only the ranking figures are returned.
    scores : array of shape (n_records, n_labels), optional
    preset : str, default="chip2025"
        ``sklearn``, ``chip2025``, ``gamenet``, ``gamenet_visits``, ``pyhealth``, ``dialmed``,
        ``dialmed_batch8`` or ``caml``; see ``medrec.metrics.PRESETS``.
    groups : array of shape (n_records,), optional
        Patient of each record, for the intervals (and for ``gamenet``'s averages); by default each
        record is its own patient.
    ddi : DDIGraph or symmetric matrix of shape (n_labels, n_labels), optional
        Which drugs interact, in label order.
    zero_division : {0, 1, nan}, optional
        Value where a denominator is 0; by default the preset's own.
    n_resamples : int, default=1000
        Resamples of patients for the 95 % intervals; 0 leaves the intervals out.
    seed : int, default=0
        Seed of the resamples.

    Returns
    -------
    dict
        Plain strings, ints, floats and lists, fit for strict JSON: ``None`` stands for what is
        undefined. Always ``preset``, ``records``, ``patients``, ``labels``, ``empty_true`` and
        ``mean_set_size_true``; with sets the preset's figures, ``empty_predicted`` (the number of records
        for which nothing is predicted), ``mean_set_size_predicted``, and ``<figure>_interval`` as
        ``[low, high]`` for each Jaccard, F1 and score that is a mean over records; with scores ``prauc``
        and ``prauc_left_out`` (records without true labels); with ``ddi`` ``ddi_rate_pooled``,
        ``ddi_rate_samples`` and ``ddi_pairs``, the number of interacting pairs.

    Raises
    ------
    ValueError
        When neither sets nor scores are given, shapes differ, the preset is unknown, or it averages
        within patients and no groups are given.

    Examples
    --------
    >>> figures = evaluate([[1, 1, 0], [0, 0, 1]], [[1, 0, 0], [0, 0, 1]], n_resamples=0)
    >>> figures["jaccard"], figures["empty_predicted"]
    (0.75, 0)
    """
    if preset not in PRESETS:
        raise ValueError(f"evaluate: preset must be one of {', '.join(PRESETS)}; got {preset!r}.")
    rules = PRESETS[preset]
    if Z is None and scores is None:
        raise ValueError("evaluate: pass predicted sets Z, scores, or both; got neither.")
    if rules.needs_groups and groups is None:
        raise ValueError(f"evaluate: preset {preset!r} averages within patients; pass groups= (or gamenet_visits).")
    if zero_division is None:
        zero_division = rules.zero_division
    true = check_sets(Y, who="evaluate", name="Y")
    if scores is not None:
        scores = check_scores(scores, who="evaluate", shape=true.shape)
        if Z is None and rules.threshold is not None:
            Z = scores >= rules.threshold
    patients = group_index(groups, true.shape[0], who="evaluate")
    sizes = np.diff(true.indptr)
    result: dict[str, Any] = {
        "preset": preset,
        "records": int(true.shape[0]),
        "patients": int(patients.max(initial=-1)) + 1,
        "labels": int(true.shape[1]),
        "empty_true": int((sizes == 0).sum()),
        "mean_set_size_true": float(sizes.mean()) if len(sizes) else None,
    }
    precisions = None
    if scores is not None:
        precisions = average_precision(true, scores)
        known = precisions[~np.isnan(precisions)]
        result["prauc"] = float(known.mean()) if len(known) else None
        result["prauc_left_out"] = len(precisions) - len(known)
    if Z is None:
        return result

    counts = overlap_counts(true, Z)
    result["empty_predicted"] = counts.empty_sets()
    result["mean_set_size_predicted"] = _plain(counts.mean_set_size())
    top_hits = None if scores is None else partial(precision_at_k, true, scores)
    evidence = Evidence(counts, patients, precisions, top_hits, zero_division)
    result.update(_figures(rules, evidence, n_resamples, seed))
    if ddi is not None:
        result["ddi_rate_pooled"] = ddi_rate(Z, ddi)
        result["ddi_rate_samples"] = ddi_rate(Z, ddi, average="samples")
        result["ddi_pairs"] = int(ddi_counts(Z, ddi)[0].sum())
    return result


def _figures(rules: Preset, evidence: Evidence, n_resamples: int, seed: int) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for name, figure in rules.figures(evidence).items():
        result[name] = _plain(float(figure))
        if n_resamples and isinstance(figure, RecordMean) and name.startswith(WITH_INTERVAL):
            low, high = bootstrap_interval(
                figure.values, evidence.patients, weights=figure.weights, n_resamples=n_resamples, seed=seed
            )
            result[f"{name}_interval"] = [_plain(low), _plain(high)]
    return result


def _plain(value: float) -> float | None:
    """``None`` for nan, which strict JSON has no word for."""
    return None if np.isnan(value) else float(value)
