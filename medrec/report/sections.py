"""The sections of plots and tables that compare models."""

from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse as sp

from medrec.metrics import OverlapCounts, ddi_rate
from medrec.report import plots
from medrec.report.bands import Bands, band_table, count_text
from medrec.report.curves import reliability, size_shares
from medrec.report.interactions import frontier_html, pair_table, pairs_html
from medrec.report.quality import figures_table
from medrec.report.tables import (
    RESULTS_NOTE,
    head_cells,
    interval,
    number,
    results_table,
    row_cells,
    scrolling_table,
    signed,
)


def results_section(
    table: pd.DataFrame, counts: Sequence[OverlapCounts], groups: Any, n_resamples: int, seed: int
) -> str:
    """The main table, its plot, and every figure with its interval and meaning."""
    figures = figures_table(list(table.index), counts, groups, n_resamples=n_resamples, seed=seed)
    text = "Lines are 95 % intervals over patients."
    if len(table) > 1:
        text += (
            " Models whose lines overlap may still differ clearly when compared on the same patients, as in the "
            "sentence at the top."
        )
    plot = figure("Accuracy", text, plots.accuracy_plot(table))
    return (
        f'{results_table(table)}\n<div class="pair">{plot}{RESULTS_NOTE}</div>\n<h3>What the figures say</h3>\n'
        f"{figures}"
    )


def bands_section(
    names: Sequence[str] | pd.Index,
    best: int,
    true: sp.csr_matrix,
    sets: Sequence[sp.csr_matrix],
    bands: Bands,
    groups: Any,
    n_resamples: int,
    seed: int,
) -> str:
    """Quality by how often a drug occurs: the best model in a table, all of them in a plot."""
    found = [
        band_table(true, one, bands, groups=groups, n_resamples=n_resamples if place == best else 0, seed=seed)
        for place, one in enumerate(sets)
    ]
    rows = []
    for band, row in zip(bands.names, found[best].to_dict("records")):
        cells = [
            count_text(row["drugs"]),
            f"{row['prescribed']:,}",
            f"{row['recommended']:,}",
        ]
        cells += [
            number(row["precision"]),
            number(row["recall"]),
            number(row["f1"]) + interval(row["f1_low"], row["f1_high"]),
        ]
        rows.append(row_cells(band, cells))
    heads = ["Training records" if bands.of_training else "Band", "Drugs", "Prescribed", "Recommended"]
    head = head_cells(*heads, "Precision", "Recall", "F1")
    caption = f"{escape(str(names[best]))}: all drugs of a band taken together; below F1 its 95 % interval."
    table = scrolling_table("Quality by frequency", caption, head, rows, frame="fit")
    f1 = np.array([one["f1"].to_numpy() for one in found])
    plot = plots.bands_plot([str(name) for name in names], f1, bands.names, list(map(count_text, bands.drugs())))
    return (
        f"<p>{escape(bands.rule)} A model can only learn a drug from records that have it; what the text names, the "
        f"stacked model can recommend without.</p>\n"
        f'<div class="pair">{figure("F1 by band", "", plot)}{table}</div>'
    )


def calibration_section(
    names: Sequence[str] | pd.Index, true: sp.csr_matrix, scores: Sequence[np.ndarray | None]
) -> str:
    """Reliability curves, and how far scores and shares are apart."""
    curves = [None if one is None else reliability(true, one) for one in scores]
    if all(curve is None for curve in curves):
        return "<p>No model gave probabilities.</p>"
    rows, numbers = [], []
    share = true.nnz / max(1, true.shape[0] * true.shape[1])
    for name, one, curve in zip(names, scores, curves):
        if one is None or curve is None:
            continue
        gap = float(np.average(np.abs(curve.score - curve.observed), weights=curve.cells)) if len(curve.cells) else 0.0
        cells = [f"{one.mean():.3%}", f"{share:.3%}", signed(100 * (one.mean() - share), 3), f"{100 * gap:.3f}"]
        rows.append(row_cells(str(name), cells))
        for score, observed, count in zip(*curve):
            numbers.append(row_cells(str(name), [f"{score:.3f}", f"{observed:.3f}", f"{count:,}"]))
    head = head_cells("Model", "Mean score", "Share prescribed", "Difference", "Mean distance")
    caption = (
        "Over all pairs of record and drug, most of which have a score near 0. Difference: mean score less share, "
        "distance: of the curve from the dashed line, both in percentage points."
    )
    table = scrolling_table("Calibration", caption, head, rows, frame="fit")
    head = head_cells("Model", "Mean score of the bin", "Share prescribed", "Pairs")
    detail = scrolling_table("The curves in numbers", "Bins of equal width.", head, numbers, frame="fit")
    text = (
        "A well calibrated model lies on the dashed line: of its (record, drug) pairs with a score near 0.7, 70 % were "
        "prescribed. Bins of fewer than 20 pairs are left out."
    )
    plot = plots.calibration_plot([str(name) for name in names], curves)
    detail = f"<details><summary>The numbers</summary>{detail}</details>"
    return f'<div class="pair">{figure("Calibration curves", text, plot, detail)}{table}</div>'


def sizes_section(names: Sequence[str] | pd.Index, true: sp.csr_matrix, sets: Sequence[sp.csr_matrix]) -> str:
    """How many drugs records have, and how many are recommended."""
    sizes = [np.diff(matrix.indptr) for matrix in (true, *sets)]
    largest = max([3, *(int(np.ceil(np.quantile(one, 0.995))) for one in sizes if len(one))])
    plot = plots.sizes_plot(
        [str(name) for name in names], size_shares(true, largest), [size_shares(one, largest) for one in sets]
    )
    rows = []
    for name, one in zip(["prescribed", *names], sizes):
        if not len(one):
            continue
        cells = [f"{one.mean():.2f}", f"{np.median(one):.0f}", f"{one.max():,}"]
        less, more = ("–", "–") if one is sizes[0] else (f"{share:.0%}" for share in _differs(one, sizes[0]))
        rows.append(row_cells(str(name), [*cells, f"{int((one == 0).sum()):,}", less, more]))
    heads = ("Sets", "Mean", "Median", "Largest", "Empty", "Fewer than prescribed", "More")
    table = scrolling_table("Set sizes", "Drugs in a record's set.", head_cells(*heads), rows, frame="fit")
    text = "Bars: how many drugs records really have. Lines: how many each model recommends."
    return f'<div class="pair">{figure("Sizes of the sets", text, plot)}{table}</div>'


def _differs(sizes: np.ndarray, true: np.ndarray) -> tuple[float, float]:
    return float((sizes < true).mean()), float((sizes > true).mean())


def interactions_section(
    table: pd.DataFrame,
    model: str,
    true: sp.csr_matrix,
    before: sp.csr_matrix,
    after: sp.csr_matrix,
    graph: Any,
    names: np.ndarray,
    frontier: pd.DataFrame | None,
) -> str:
    """Rates before and after the filter, the frontier, and the pairs that come together most."""
    text = (
        "Share of interacting pairs before (hollow) and after the filter (filled); dashed, what was really prescribed."
    )
    parts = [figure("Before and after the filter", text, plots.ddi_plot(table, ddi_rate(true, graph)))]
    if frontier is not None:
        parts.append(frontier_html(frontier, model))
    pairs = pairs_html(pair_table(graph, names, true, before, after), model)
    return f'<div class="plots">\n{"".join(parts)}</div>\n<h3>Which pairs</h3>\n{pairs}'


def figure(head: str, text: str, svg: str, below: str = "") -> str:
    """A plot under its heading and what it shows."""
    words = f"<p>{escape(text)}</p>" if text else ""
    return f"<figure><figcaption><h3>{escape(head)}</h3>{words}</figcaption>\n{svg}\n{below}</figure>\n"
