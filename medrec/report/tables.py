"""The lists and tables of the report as HTML."""

import re
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import numpy as np
import pandas as pd

from medrec.metrics import OverlapCounts
from medrec.report.plots import N_SERIES
from medrec.report.systems import INTERVAL, display_table

_HIGHER, _LOWER = ("jaccard", "f1", "prauc"), ("empty_sets", "ddi_after")
_COLUMN_OF = {
    "Jaccard": "jaccard", "F1": "f1", "PRAUC": "prauc", "Empty sets": "empty_sets", "DDI after": "ddi_after"
}  # fmt: skip


def facts_list(true: Any, groups: Any, description: Mapping[str, Any] | None) -> str:
    """What was evaluated, as a description list."""
    sizes = np.diff(true.indptr)
    facts: dict[str, Any] = dict(description or {})
    if description is None:
        facts = {
            "records": len(sizes),
            "patients": len(sizes) if groups is None else len(set(np.asarray(groups).tolist())),
            "drugs": true.shape[1],
            "drugs_per_record": float(sizes.mean()) if len(sizes) else 0.0,
        }
    items = []
    for key, value in facts.items():
        if value is None or (isinstance(value, (list, tuple, Mapping)) and not value):
            continue
        wide = isinstance(value, (list, tuple, Mapping)) or len(str(value)) > 24
        kind = ' class="wide"' if wide else ""
        items.append(f"<div{kind}><dt>{escape(key.replace('_', ' '))}</dt><dd>{_value(value)}</dd></div>")
    return f'<dl class="facts">{"".join(items)}</dl>'


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return "; ".join(f"{_value(str(key))}: {_value(inner)}" for key, inner in value.items())
    if isinstance(value, (list, tuple)):
        return "<ul>" + "".join(f"<li>{_value(inner)}</li>" for inner in value) + "</ul>"
    if isinstance(value, (bool, np.bool_)):
        return "yes" if value else "no"
    if isinstance(value, (int, np.integer)):
        return f"{value:,}"
    if isinstance(value, (float, np.floating)):
        return f"{value:,.4g}"
    return f"<span{language(str(value))}>{escape(str(value))}</span>"


def results_table(table: pd.DataFrame) -> str:
    """The main table, the best of each column in bold."""
    shown = display_table(table)
    best = {
        **{key: table[key].max() for key in _HIGHER},
        **{key: table[key].min() for key in _LOWER},
    }
    intervals = [place for place, column in enumerate(shown.columns) if column == INTERVAL]
    head = "".join(
        f'<th scope="col">{escape(column)}{f"<small>{INTERVAL}</small>" if place + 1 in intervals else ""}</th>'
        for place, column in enumerate(shown.columns)
        if place not in intervals
    )
    rows = []
    for place, (name, texts) in enumerate(zip(shown.index, shown.to_numpy())):
        cells = []
        for at, (column, text) in enumerate(zip(shown.columns, texts)):
            if at in intervals:
                continue
            key = _COLUMN_OF.get(column)
            cell = escape(text)
            if len(table) > 1 and key is not None and table[key].iloc[place] == best[key]:
                cell = f"<strong>{cell}</strong>"
            if at + 1 in intervals:
                cell += f"<small>{escape(texts[at + 1])}</small>"
            cells.append(f"<td>{cell}</td>")
        color = f"var(--series-{place % N_SERIES + 1})"
        swatch = f'<span class="swatch" style="background:{color}" aria-hidden="true"></span>'
        rows.append(f'<tr><th scope="row"{language(str(name))}>{swatch}{escape(str(name))}</th>{"".join(cells)}</tr>')
    caption = "Means over records; the best of a column in bold."
    return (
        scrolling_table("Results by model", caption, f'<th scope="col">Model</th>{head}', rows)
        + '<p class="note">Jaccard is the size of the intersection of true and recommended set over that of '
        "their union, F1 is twice the intersection over the sum of both sizes; two empty sets count as 1. "
        "PRAUC is the average precision of the ranking within a record; records without drugs are left out. "
        "Intervals are percentile bootstrap over patients. Empty sets are records for which nothing is "
        "recommended. DDI is the share of interacting pairs among all pairs of drugs recommended together, "
        "before and after the interaction filter; the other columns are after it. Seconds are for fitting "
        "and predicting.</p>"
    )


def drugs_table(model: Any, counts: OverlapCounts, names: np.ndarray, n_records: int, *, most: int = 10) -> str:
    """Frequent drugs with the best and the worst F1 of one model."""
    least = max(5, int(np.ceil(n_records / 100)))
    frequent = np.flatnonzero(counts.t >= least)
    f1 = counts.per_label("f1", zero_division=0.0)
    precision, recall = (counts.per_label(metric, zero_division=np.nan) for metric in ("precision", "recall"))
    order = frequent[np.lexsort((frequent, -counts.t[frequent], -f1[frequent]))]
    if not len(order):
        return f"<p>No drug has {least} records or more, too few to judge one by one.</p>"
    split = len(order) > 2 * most
    chosen = np.concatenate([order[:most], order[-most:]]) if split else order
    rows = []
    for place, drug in enumerate(chosen):
        name = str(names[drug])
        texts = [f"{counts.t[drug]:,}", f"{counts.p[drug]:,}"]
        texts += ["–" if np.isnan(v) else f"{v:.3f}" for v in (precision[drug], recall[drug], f1[drug])]
        kind = ' class="divide"' if split and place == most else ""
        rows.append(
            f'<tr{kind}><th scope="row"{language(name)}>{escape(name)}</th>'
            + "".join(f"<td>{text}</td>" for text in texts)
            + "</tr>"
        )
    head = "".join(
        f'<th scope="col">{text}</th>' for text in ("Drug", "Prescribed", "Recommended", "Precision", "Recall", "F1")
    )
    which = f"the {most} best and, below the line, the {most} worst F1" if split else "by F1"
    text = (
        f"{escape(str(model))}, {which} of {plural(len(order), 'drug')} with at least {least} records each; "
        f"{len(names) - len(order):,} rarer ones are not listed."
    )
    table = scrolling_table("Drugs", text, head, rows, "drugs")
    return f"<p>What the model with the highest Jaccard does drug by drug.</p>{table}"


def scrolling_table(label: str, caption: str, head: str, rows: Sequence[str], kind: str = "") -> str:
    """A table that scrolls by itself where the screen is narrow; label and caption are plain text and HTML."""
    body = "\n".join(rows)
    css = f' class="{kind}"' if kind else ""
    return (
        f'<div class="scroll" role="region" aria-label="{escape(label)}" tabindex="0">\n<table{css}>\n'
        f"<caption><span>{caption}</span></caption>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table>\n</div>"
    )


def language(text: str) -> str:
    """A ``lang`` attribute where the text is Chinese, so that browsers take the right glyphs."""
    return ' lang="zh-Hans"' if re.search("[\u3400-\u9fff]", text) else ""


def plural(count: int, noun: str) -> str:
    """The count with its noun."""
    return f"{count:,} {noun}" + ("" if count == 1 else "s")
