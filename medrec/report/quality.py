"""What the figures mean: each with its interval over patients, in plain words."""

from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np

from medrec.metrics import OverlapCounts, bootstrap_interval
from medrec.report.tables import head_cells, interval, number, scrolling_table

MEANINGS = {
    "Jaccard": "Of the drugs that were prescribed, recommended or both, the share that are both.",
    "F1": "Twice the drugs that are both, over those prescribed plus those recommended.",
    "Precision": "Of the recommended drugs, the share that were prescribed.",
    "Recall": "Of the prescribed drugs, the share that are recommended.",
    "Whole set right": "Records whose recommended drugs are exactly the prescribed ones.",
    "Micro F1": "F1 of all drugs of all records taken together, so that records of many drugs count for more.",
    "Macro F1": "F1 of each drug that occurs, then their mean: rare drugs count as much as frequent ones.",
}


def figures_table(
    names: Sequence[str], counts: Sequence[OverlapCounts], groups: Any, *, n_resamples: int, seed: int
) -> str:
    """Every figure of every model with its 95 % interval, and what it means."""
    columns = [_figures(one, groups, n_resamples, seed) for one in counts]
    rows = []
    for name, meaning in MEANINGS.items():
        cells = "".join(f"<td>{number(value)}{interval(*ends)}</td>" for value, ends in (one[name] for one in columns))
        rows.append(f'<tr><th scope="row">{name}</th>{cells}<td class="text">{escape(meaning)}</td></tr>')
    head = head_cells("Figure", *names, "What it says", text=["What it says"])
    caption = (
        "Mean over records, but for the last two; below, the 95 % interval over patients. Two empty sets count as 1."
    )
    return scrolling_table("Figures and their meaning", caption, head, rows)


def _figures(
    counts: OverlapCounts, groups: Any, n_resamples: int, seed: int
) -> dict[str, tuple[float, tuple[float, float]]]:
    nothing = (float("nan"), float("nan"))

    def of(values: np.ndarray, weights: np.ndarray | None = None) -> tuple[float, float]:
        if not n_resamples or not len(values):
            return nothing
        return bootstrap_interval(values, groups, weights=weights, n_resamples=n_resamples, seed=seed)

    figures = {}
    for name in ("Jaccard", "F1", "Precision", "Recall"):
        metric = name.lower()
        figures[name] = (getattr(counts, metric)(), of(counts.per_record(metric)))
    exact = ((counts.h == counts.y) & (counts.h == counts.z)).astype(np.float64)
    figures["Whole set right"] = (counts.subset_accuracy(), of(exact))
    sizes = (counts.y + counts.z).astype(np.float64)
    values = np.divide(2.0 * counts.h, sizes, out=np.full(len(sizes), np.nan), where=sizes > 0)
    figures["Micro F1"] = (counts.f1("micro"), of(values, sizes))
    per_label = counts.per_label("f1", zero_division=float("nan"))
    occurs = counts.t > 0
    macro = float(np.nanmean(per_label[occurs])) if occurs.any() else float("nan")
    figures["Macro F1"] = (macro, nothing)
    return figures
