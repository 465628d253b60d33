"""Head, middle and tail: how the metrics differ between frequent and rare labels."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from medrec.metrics.totals import METRICS, Averages, ratio


def frequency_table(
    counts: Averages,
    frequencies: Any = None,
    *,
    edges: Sequence[int] | str = (0, 5, 50),
    zero_division: float = 0.0,
) -> pd.DataFrame:
    """Metrics of the labels, in bands by how often a label occurs.

    Parameters
    ----------
    counts : OverlapCounts or OverlapTotals
    frequencies : array of shape (n_labels,), optional
        Records of the training data that have each label: the rule that says what was there to learn from. By
        default the records of ``Y``.
    edges : increasing sequence of int or "thirds", default=(0, 5, 50)
        The highest frequency of every band but the last: by default labels never seen, seen 1–5 times, 6–50
        times, and more. ``"thirds"`` has the labels never seen and cuts the others by rank into three bands of
        equally many, ``tail``, ``middle`` and ``head``; labels of equal frequency go in label order.
    zero_division : {0, 1, nan}, default=0
        Value of a label where a denominator is 0; a label that nobody has and nobody is given counts as that,
        and is left out for nan.

    Returns
    -------
    DataFrame
        A row a band, also where it is empty: ``band``, ``labels`` (how many), ``present`` (those with true
        records), ``true`` and ``predicted`` (entries), the mean over the labels of ``jaccard``, ``f1``,
        ``precision`` and ``recall``, and ``f1_micro`` and ``recall_micro``, the formula on the band's sums.
        nan where a band has no labels.

    Raises
    ------
    ValueError
        When frequencies are not one a label or negative, or edges do not increase.

    Examples
    --------
    >>> from medrec.metrics import overlap_counts
    >>> counts = overlap_counts([[1, 1, 0], [1, 0, 1]], [[1, 0, 0], [1, 0, 1]])
    >>> frequency_table(counts, [90, 3, 0])[["band", "labels", "true", "f1", "recall"]]
          band  labels  true   f1  recall
    0        0       1     1  1.0     1.0
    1      1–5       1     1  0.0     0.0
    2     6–50       0     0  NaN     NaN
    3  over 50       1     2  1.0     1.0
    """
    totals = counts.totals
    frequencies = np.asarray(totals.t if frequencies is None else frequencies)
    if frequencies.shape != totals.t.shape or (frequencies < 0).any():
        raise ValueError(
            f"frequency_table: frequencies must be {len(totals.t)} numbers from 0, one a label; "
            f"got shape {frequencies.shape}. Pass Y_train.sum(axis=0)."
        )
    names, band = _thirds(frequencies) if isinstance(edges, str) else _bands(frequencies, edges)
    if isinstance(edges, str) and edges != "thirds":
        raise ValueError(f"frequency_table: edges must be numbers or 'thirds'; got {edges!r}.")
    rows = []
    for number, name in enumerate(names):
        tp, t, p = (column[band == number] for column in (totals.tp, totals.t, totals.p))
        row = {"band": name, "labels": len(t), "present": int((t > 0).sum())}
        row |= {"true": int(t.sum()), "predicted": int(p.sum())}
        for metric in METRICS:
            values = ratio(metric, tp, t, p, zero_division)
            known = values[~np.isnan(values)]
            row[metric] = float(known.mean()) if len(known) else np.nan
        for metric in ("f1", "recall"):
            h, y, z = (part.sum(keepdims=True) for part in (tp, t, p))
            row[f"{metric}_micro"] = float(ratio(metric, h, y, z, zero_division)[0]) if len(t) else np.nan
        rows.append(row)
    return pd.DataFrame(rows)


def _bands(frequencies: np.ndarray, edges: Sequence[int]) -> tuple[list[str], np.ndarray]:
    """Names of the bands, and the band of each label."""
    edges = [int(edge) for edge in edges]
    if not edges or edges[0] < 0 or any(a >= b for a, b in pairwise(edges)):
        raise ValueError(f"frequency_table: edges must increase from 0 or more; got {edges}.")
    names, low = [], 0
    for edge in edges:
        names.append(f"{low}–{edge}" if edge > low else f"{edge}")
        low = edge + 1
    return [*names, f"over {edges[-1]}"], np.searchsorted(edges, frequencies, side="left")


def _thirds(frequencies: np.ndarray) -> tuple[list[str], np.ndarray]:
    seen = np.flatnonzero(frequencies > 0)
    order = seen[np.argsort(frequencies[seen], kind="stable")]
    band = np.zeros(len(frequencies), dtype=np.int64)
    for number, labels in enumerate(np.array_split(order, 3), start=1):
        band[labels] = number
    return ["never seen", "tail", "middle", "head"], band
