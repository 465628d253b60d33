"""Confidence by resampling patients, from per-record vectors: no model runs again."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

_CELLS = 400_000  # draws that are held at a time: what fits a cache


@dataclass(frozen=True)
class Comparison:
    """Two systems on the same resamples of patients.

    Attributes
    ----------
    difference : float
        Mean of the first minus mean of the second.
    interval : tuple of float
        Percentile bootstrap interval of that difference.
    share_won : float
        Share of the resamples in which the first is ahead; a tie counts half.
    """

    difference: float
    interval: tuple[float, float]
    share_won: float


def group_index(groups: Any, n_records: int, *, who: str) -> np.ndarray:
    """Patient of each record as 0 … n_groups − 1; each record is its own group where groups are None.

    Raises
    ------
    ValueError
        When there is not one group a record, or one is missing.
    """
    if groups is None:
        return np.arange(n_records)
    groups = np.asarray(groups)
    if groups.shape != (n_records,):
        raise ValueError(f"{who}: groups must name the patient of each record, {n_records}; got {groups.shape}.")
    if pd.isna(groups).any():
        raise ValueError(f"{who}: groups must not be missing; got {int(pd.isna(groups).sum())} missing.")
    return pd.factorize(groups, sort=True)[0]


def resampled_means(
    values: Any,
    groups: Any = None,
    *,
    weights: Any = None,
    n_resamples: int = 1000,
    seed: int = 0,
    who: str = "resampled_means",
) -> np.ndarray:
    r"""Weighted means over patients drawn with replacement.

    Each resample draws as many patients as there are, with all of their records, and gives
    :math:`\sum_i w_i v_i / \sum_i w_i`. Equal seeds and groups give equal draws, so columns (and calls)
    are paired.

    Parameters
    ----------
    values : array of shape (n_records,) or (n_records, n_columns)
        Records with nan are left out.
    groups : array of shape (n_records,), optional
        Patient of each record; by default each record is its own.
    weights : array of the shape of ``values``, optional
        By default 1. With the numerator over the denominator as values and the denominator as weights
        the result is a micro average.
    n_resamples : int, default=1000
    seed : int, default=0

    Returns
    -------
    array of shape (n_resamples,) or (n_resamples, n_columns)
        nan where nothing of any weight was drawn.

    Examples
    --------
    >>> resampled_means([0.5, 0.5, 0.5], n_resamples=2).tolist()
    [0.5, 0.5]
    """
    values = np.asarray(values, dtype=np.float64)
    if values.ndim not in (1, 2):
        raise ValueError(f"{who}: values must have a row a record; got {values.ndim} dimension(s).")
    columns = values[:, None] if values.ndim == 1 else values
    weight = np.ones(values.shape) if weights is None else np.asarray(weights, dtype=np.float64)
    if weight.shape != values.shape:
        raise ValueError(f"{who}: weights must be {values.shape}, as the values are; got {weight.shape}.")
    known = ~np.isnan(columns)
    weight = np.where(known, weight.reshape(columns.shape), 0.0)
    weighted = np.where(known, columns, 0.0) * weight
    index = group_index(groups, len(values), who=who)
    n_groups = int(index.max()) + 1 if len(index) else 0
    parts = np.concatenate([weighted, weight], axis=1)
    sums = np.empty((n_groups, parts.shape[1]))
    for column in range(parts.shape[1]):
        sums[:, column] = np.bincount(index, weights=parts[:, column], minlength=n_groups)

    rng = np.random.default_rng(seed)
    drawn = np.zeros((n_resamples, parts.shape[1]))
    step = max(1, _CELLS // max(1, n_groups))
    for start in range(0, n_resamples if n_groups else 0, step):
        count = min(step, n_resamples - start)
        draws = rng.integers(0, n_groups, size=(count, n_groups))
        draws += np.arange(count)[:, None] * n_groups
        times = np.bincount(draws.ravel(), minlength=count * n_groups).reshape(count, n_groups)
        drawn[start : start + count] = times.astype(np.float64) @ sums
    numerator, denominator = np.split(drawn, 2, axis=1)
    means = np.full(numerator.shape, np.nan)
    np.divide(numerator, denominator, out=means, where=denominator > 0)
    return means.reshape(n_resamples, *values.shape[1:])


def bootstrap_interval(
    values: Any,
    groups: Any = None,
    *,
    weights: Any = None,
    level: float = 0.95,
    n_resamples: int = 1000,
    seed: int = 0,
) -> tuple[float, float]:
    """Percentile bootstrap interval of a mean over records, drawn by patient.

    Parameters
    ----------
    values : array of shape (n_records,)
        The metric of each record; records with nan are left out.
    groups : array of shape (n_records,), optional
        Patient of each record; by default each record is its own.
    weights : array of shape (n_records,), optional
        See :func:`resampled_means`.
    level : float, default=0.95
        Share of the resamples inside the interval.
    n_resamples : int, default=1000
    seed : int, default=0

    Returns
    -------
    low, high : float
        nan where there is nothing to average.

    Raises
    ------
    ValueError
        When the level is not between 0 and 1, or groups or weights do not fit the values.

    References
    ----------
    Efron, Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 13.

    Examples
    --------
    >>> low, high = bootstrap_interval([0.0, 0.5, 1.0, 0.5], groups=[1, 1, 2, 3])
    >>> low <= 0.5 <= high
    True
    """
    means = resampled_means(
        values, groups, weights=weights, n_resamples=n_resamples, seed=seed, who="bootstrap_interval"
    )
    return _interval(means, level, "bootstrap_interval")


def compare(
    values_a: Any,
    values_b: Any,
    groups: Any = None,
    *,
    level: float = 0.95,
    n_resamples: int = 1000,
    seed: int = 0,
) -> Comparison:
    """Compare two systems on the same records and the same resamples of patients.

    Parameters
    ----------
    values_a, values_b : arrays of shape (n_records,)
        The metric of each record under each system, for example ``OverlapCounts.per_record("f1")``.
        Records where either is nan are left out.
    groups : array of shape (n_records,), optional
        Patient of each record.
    level, n_resamples, seed
        As in :func:`bootstrap_interval`.

    Returns
    -------
    Comparison
        Difference, its interval, and the share of resamples in which the first is ahead.

    Examples
    --------
    >>> compare([0.5, 0.7, 0.9], [0.4, 0.6, 0.7], groups=["p", "p", "q"]).share_won
    1.0
    """
    first, second = np.asarray(values_a, dtype=np.float64), np.asarray(values_b, dtype=np.float64)
    if first.ndim != 1 or first.shape != second.shape:
        raise ValueError(f"compare: both must be of the same records; got {first.shape} and {second.shape}.")
    difference = first - second
    known = difference[~np.isnan(difference)]
    means = resampled_means(difference, groups, n_resamples=n_resamples, seed=seed, who="compare")
    means = means[~np.isnan(means)]
    nan = float("nan")
    return Comparison(
        difference=float(known.mean()) if len(known) else nan,
        interval=_interval(means, level, "compare"),
        share_won=float(((means > 0) + 0.5 * (means == 0)).mean()) if len(means) else nan,
    )


def _interval(means: np.ndarray, level: float, who: str) -> tuple[float, float]:
    if not 0 < level < 1:
        raise ValueError(f"{who}: level must be between 0 and 1; got {level}. Pass 0.95 for 95 %.")
    means = means[~np.isnan(means)]
    if not len(means):
        return float("nan"), float("nan")
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
