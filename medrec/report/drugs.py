"""Drug by drug: a table to sort and search, and the drugs with the most errors."""

from html import escape
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from medrec._checks import check_names, check_scores, check_sets
from medrec.metrics import overlap_counts
from medrec.report.plots import INK, MUTED, PAPER, SERIES, draw, legend_above, name_rows
from medrec.report.tables import head_cells, number, plural, row_cells, scrolling_table, signed

MOST = 3000
"""Rows of the table on the page at most."""
FEW = 5
"""Drugs of fewer prescriptions are grey."""
ERRORS = 15
"""Drugs of the plot."""


def drug_table(Y: Any, Z: Any, drug_names: Any, *, scores: Any = None, train_counts: Any = None) -> pd.DataFrame:
    """How a model does on each drug.

    Parameters
    ----------
    Y, Z : sparse or dense 0/1 matrices of shape (n_records, n_labels)
        True and recommended sets.
    drug_names : sequence of str
        One a label.
    scores : array of shape (n_records, n_labels), optional
        Probabilities.
    train_counts : array of shape (n_labels,) or (n_folds, n_labels), optional
        Training records that have each drug; of several folds, the mean is shown.

    Returns
    -------
    DataFrame
        A row a drug, the most prescribed first: ``drug``, ``training`` (records), ``prescribed``, ``recommended``
        and ``right`` (records in both), ``precision``, ``recall``, ``f1``, ``mean_score``, and ``gap``, the mean
        score less the share of the records that have the drug: above 0 the model promises too much. nan where
        there is nothing to compute from.

    Raises
    ------
    ValueError
        When shapes disagree.

    Examples
    --------
    >>> table = drug_table([[1, 0], [1, 1]], [[1, 0], [0, 0]], ["aspirin", "heparin"], scores=[[0.9, 0.1], [0.3, 0.1]])
    >>> table[["drug", "prescribed", "recall", "gap"]].round(2).to_numpy().tolist()
    [['aspirin', 2, 0.5, -0.4], ['heparin', 1, 0.0, -0.4]]
    """
    true, sets = (check_sets(one, who="drug_table", name=name) for one, name in ((Y, "Y"), (Z, "Z")))
    counts = overlap_counts(true, sets)
    table = pd.DataFrame({"drug": check_names(drug_names, who="drug_table", n_labels=true.shape[1])})
    nothing = np.full(true.shape[1], np.nan)
    table["training"] = nothing if train_counts is None else np.atleast_2d(np.asarray(train_counts)).mean(axis=0)
    table["prescribed"], table["recommended"], table["right"] = counts.t, counts.p, counts.tp
    for metric in ("precision", "recall", "f1"):
        table[metric] = counts.per_label(metric, zero_division=np.nan)
    table["mean_score"] = table["gap"] = nothing
    if scores is not None and true.shape[0]:
        table["mean_score"] = check_scores(scores, who="drug_table", shape=true.shape).mean(axis=0)
        table["gap"] = table["mean_score"] - counts.t / true.shape[0]
    order = np.lexsort((np.arange(len(table)), -counts.p, -counts.t))
    return table.iloc[order].reset_index(drop=True)


def drugs_section(table: pd.DataFrame, model: str) -> str:
    """The table of :func:`drug_table` as HTML, with a box to search by name, below a plot of what goes wrong."""
    used = table[(table["prescribed"] > 0) | (table["recommended"] > 0)]
    if used.empty:
        return "<p>No drug was prescribed or recommended.</p>"
    shown = used.iloc[:MOST]
    has_training, has_scores = bool(shown["training"].notna().any()), bool(shown["gap"].notna().any())
    titles = ["Drug", *(["Training records"] if has_training else []), "Prescribed", "Recommended"]
    titles += ["Precision", "Recall", "F1", *(["Mean score %", "Gap %"] if has_scores else [])]
    rows = []
    for row in shown.to_dict("records"):
        cells = [f"{row['training']:,.0f}"] if has_training else []
        cells += [f"{row['prescribed']:,}", f"{row['recommended']:,}"]
        cells += [number(value) for value in (row["precision"], row["recall"], row["f1"])]
        cells += [number(100 * row["mean_score"], 2), signed(100 * row["gap"], 2)] if has_scores else []
        rows.append(row_cells(row["drug"], cells, "few" if row["prescribed"] < FEW else ""))
    unused, rare = len(table) - len(used), len(used) - len(shown)
    left = f" Left out: {plural(unused, 'drug')} that nobody has or is recommended." if unused else ""
    left += f" Left out for length: {plural(rare, 'rarer drug')}." if rare else ""
    caption = (
        f"{escape(model)}: records that have each drug, and those that are recommended it. Grey: prescribed in fewer "
        f"than {FEW} records, too few to judge. A dash: nothing to divide by.{left}"
    )
    search = (
        '<div class="search" data-for="drug-table" hidden><label>Search a drug '
        '<input type="search" autocomplete="off" spellcheck="false"></label><span role="status" class="note"></span>'
        "</div>"
    )
    html = scrolling_table(
        "Drugs", caption, head_cells(*titles), rows, "names sortable long", key="drug-table", frame="long"
    )
    meaning = (
        '<p class="note">Precision: of the records that are recommended the drug, the share that have it. Recall: of '
        "the records that have it, the share that are recommended it. F1: their harmonic mean."
        + (
            " Gap: the mean score of all records less the share of them that have the drug, in percentage points; "
            "below 0 the model expects the drug too seldom, above 0 too often."
            if has_scores
            else ""
        )
        + "</p>"
    )
    return f'<div class="pair">{_errors(used)}{meaning}</div>\n<h3>Every drug</h3>\n{search}{html}'


def _errors(used: pd.DataFrame) -> str:
    wrong = used["prescribed"] + used["recommended"] - 2 * used["right"]
    worst = used.iloc[np.argsort(-wrong.to_numpy(), kind="stable")[:ERRORS]]
    worst = worst[wrong.loc[worst.index] > 0]
    if worst.empty:
        return ""
    share = float(wrong.loc[worst.index].sum() / wrong.sum())
    text = (
        f"The {plural(len(worst), 'drug')} with the most errors, which are {share:.0%} of all. To the right of the "
        "line, records that are recommended the drug, and have it or not; to the left, those that have it and are "
        "not recommended it."
    )
    return (
        f"<figure><figcaption><h3>Where the errors are</h3><p>{text}</p></figcaption>\n{errors_plot(worst)}</figure>\n"
    )


def errors_plot(table: pd.DataFrame) -> str:
    """Right, missed and wrong recommendations of some drugs as bars, an ``<svg>`` element.

    Parameters
    ----------
    table : DataFrame
        Rows of :func:`drug_table`.
    """
    rows = np.arange(len(table))[::-1]
    right = table["right"].to_numpy()
    missed, wrong = table["prescribed"].to_numpy() - right, table["recommended"].to_numpy() - right

    def paint(axes: Axes) -> None:
        axes.barh(rows, -missed, 0.72, color=PAPER, edgecolor=SERIES[1], linewidth=1.4, label="missed")
        axes.barh(rows, right, 0.72, color=SERIES[2], label="right")
        axes.barh(rows, wrong, 0.72, left=right, color=SERIES[1], label="not prescribed")
        axes.axvline(0, color=MUTED, linewidth=1)
        axes.spines["left"].set_visible(False)
        axes.set_xlim(-1.05 * max(missed.max(), 1), 1.05 * max((right + wrong).max(), 1))
        axes.xaxis.set_major_formatter(lambda value, _: f"{abs(value):,.0f}")
        axes.set_xlabel("records", color=INK)
        name_rows(axes, rows, table["drug"])
        axes.grid(axis="x")
        legend_above(axes)

    words = "; ".join(
        f"{name}: {b} right, {a} missed, {c} not prescribed"
        for name, a, b, c in zip(table["drug"], missed, right, wrong)
    )
    return draw("errors", "Drugs with the most errors", words, 1.0 + 0.29 * len(table), paint)
