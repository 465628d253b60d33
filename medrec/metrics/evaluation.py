"""``evaluate``: sets and scores in, one dict of plain numbers out; ``evaluate_stream``: the same from chunks."""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import numpy as np

from medrec.metrics.bootstrap import bootstrap_interval
from medrec.metrics.evidence import Evidence, RecordMean, gather
from medrec.metrics.interactions import pooled_rate, samples_rate
from medrec.metrics.presets import PRESETS

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
        ``dialmed_batch8``, ``caml`` or ``codiesp``; see ``medrec.metrics.PRESETS``.
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
    gathering = gathering_for(preset, zero_division=zero_division, ddi=ddi, n_resamples=n_resamples, who="evaluate")
    return conclude(gathering(Y, Z, scores, groups), preset=preset, n_resamples=n_resamples, seed=seed, who="evaluate")


def evaluate_stream(
    chunks: Iterable[tuple[Any, ...]],
    *,
    preset: str = "chip2025",
    ddi: Any = None,
    zero_division: float | None = None,
    n_resamples: int = 0,
    seed: int = 0,
) -> dict[str, Any]:
    """Evaluate records that come in chunks: the numbers of one :func:`evaluate` call on all of them.

    Parameters
    ----------
    chunks : iterable of tuples ``(Y, Z)``, ``(Y, Z, scores)`` or ``(Y, Z, scores, groups)``
        Consecutive records, each chunk as :func:`evaluate` takes them. ``Z``, ``scores`` and ``groups`` may be
        None, in all chunks or in none. A patient's records may lie in several chunks.
    preset, ddi, zero_division, seed
        As in :func:`evaluate`.
    n_resamples : int, default=0
        Above 0 the intervals are given too, for which the records are kept.

    Returns
    -------
    dict
        As :func:`evaluate` gives it.

    Raises
    ------
    ValueError
        When there is no chunk, when chunks differ in labels or in what they hold, and as in :func:`evaluate`.

    Notes
    -----
    All set metrics and DDI rates follow from sums of integers, so they are equal to those of one call bit for bit,
    however the records are cut, and so are P@k. ``prauc`` is a sum of floats: equal to rounding. Memory does not
    grow with the records, with two exceptions, for which 12 bytes a record are kept (20 with scores) beside their
    groups: intervals, and the presets ``gamenet`` (a mean within patients) and ``dialmed_batch8`` (batches of
    eight). With groups, the patients' names are kept once each.

    Examples
    --------
    >>> chunks = [([[1, 1, 0]], [[1, 0, 0]]), ([[0, 0, 1]], [[0, 0, 1]])]
    >>> evaluate_stream(chunks)["jaccard"]
    0.75
    """
    who = "evaluate_stream"
    gathering = gathering_for(preset, zero_division=zero_division, ddi=ddi, n_resamples=n_resamples, who=who)
    return conclude(
        merged((gathering(*chunk) for chunk in chunks), who=who),
        preset=preset,
        n_resamples=n_resamples,
        seed=seed,
        who=who,
    )


def gathering_for(
    preset: str, *, zero_division: float | None, ddi: Any, n_resamples: int, who: str
) -> Callable[..., Evidence]:
    """The function from ``(Y, Z, scores, groups)`` to the evidence that a preset needs."""
    if preset not in PRESETS:
        raise ValueError(f"{who}: preset must be one of {', '.join(PRESETS)}; got {preset!r}.")
    rules = PRESETS[preset]
    return partial(
        gather,
        threshold=rules.threshold,
        zero_division=rules.zero_division if zero_division is None else zero_division,
        top=rules.top,
        ddi=ddi,
        keep_records=n_resamples > 0 or not rules.additive,
        who=who,
    )


def merged(parts: Iterable[Evidence], *, who: str) -> Evidence:
    """The evidence of all chunks."""
    total = None
    for number, part in enumerate(parts):
        try:
            total = part if total is None else total + part
        except ValueError as error:
            raise ValueError(f"{who}: chunk {number + 1} does not fit those before: {error}") from error
    if total is None:
        raise ValueError(f"{who}: there must be at least one chunk; got none.")
    return total


def conclude(evidence: Evidence, *, preset: str, n_resamples: int, seed: int, who: str) -> dict[str, Any]:
    """The figures."""
    rules = PRESETS[preset]
    if rules.needs_groups and evidence.groups is None:
        raise ValueError(f"{who}: preset {preset!r} averages within patients; pass groups= (or gamenet_visits).")
    n_records = evidence.n_records
    result: dict[str, Any] = {
        "preset": preset,
        "records": n_records,
        "patients": evidence.n_patients,
        "labels": evidence.n_labels,
        "empty_true": evidence.empty_true,
        "mean_set_size_true": evidence.true_entries / n_records if n_records else None,
    }
    if evidence.has_scores:
        result["prauc"] = _plain(evidence.prauc)
        result["prauc_left_out"] = n_records - evidence.ranked
    if evidence.totals is None:
        return result
    result["empty_predicted"] = evidence.totals.empty_sets()
    result["mean_set_size_predicted"] = _plain(evidence.totals.mean_set_size())
    for name, figure in rules.figures(evidence).items():
        result[name] = _plain(float(figure))
        if n_resamples and isinstance(figure, RecordMean) and name.startswith(WITH_INTERVAL):
            low, high = bootstrap_interval(
                figure.values, evidence.patients, weights=figure.weights, n_resamples=n_resamples, seed=seed
            )
            result[f"{name}_interval"] = [_plain(low), _plain(high)]
    if evidence.pairs is not None:
        result["ddi_rate_pooled"] = pooled_rate(evidence.pairs)
        result["ddi_rate_samples"] = samples_rate(evidence.pairs)
        result["ddi_pairs"] = int(evidence.pairs[0].sum())
    return result


def _plain(value: float) -> float | None:
    """``None`` for nan, which strict JSON has no word for."""
    return None if np.isnan(value) else float(value)
