"""Tables as HTML: the main one, and what all are made of."""

import re
from collections.abc import Sequence
from html import escape

import numpy as np
import pandas as pd

from medrec.report.plots import N_SERIES
from medrec.report.systems import INTERVAL, display_table

_HIGHER, _LOWER = ("jaccard", "f1", "prauc"), ("empty_sets", "ddi_after")
_COLUMN_OF = {
    "Jaccard": "jaccard", "F1": "f1", "PRAUC": "prauc", "Empty sets": "empty_sets", "DDI after": "ddi_after"
}  # fmt: skip


RESULTS_NOTE = (
    '<p class="note">Jaccard is the size of the intersection of true and recommended set over that of their '
    "union, F1 is twice the intersection over the sum of both sizes; two empty sets count as 1. PRAUC is the "
    "average precision of the ranking within a record; records without drugs are left out. Intervals are "
    "percentile bootstrap over patients. Empty sets are records for which nothing is recommended. DDI is the "
    "share of interacting pairs among all pairs of drugs recommended together, before and after the interaction "
    "filter; the other columns are after it. Seconds are for fitting and predicting.</p>"
)
"""What the columns of the main table are."""


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
    caption = "Means over records" + ("; the best of a column in bold." if len(table) > 1 else ".")
    return scrolling_table("Results by model", caption, f'<th scope="col">Model</th>{head}', rows)


def scrolling_table(
    label: str, caption: str, head: str, rows: Sequence[str], kind: str = "", *, key: str = "", frame: str = ""
) -> str:
    """A table that scrolls by itself where the screen is narrow.

    Parameters
    ----------
    label, caption, head : str
        HTML; the label names the region for those who do not see it.
    rows : sequence of str
        HTML.
    kind, frame : str, default=""
        Classes of the table and of the region around it.
    key : str, default=""
        The table's id.
    """
    body = "\n".join(rows)
    attributes = (f' id="{key}"' if key else "") + (f' class="{kind}"' if kind else "")
    return (
        f'<div class="{"scroll " + frame if frame else "scroll"}" role="region" aria-label="{label}" tabindex="0">\n'
        f"<table{attributes}>\n<caption><span>{caption}</span></caption>\n<thead><tr>{head}</tr></thead>\n"
        f"<tbody>\n{body}\n</tbody>\n</table>\n</div>"
    )


def head_cells(*titles: str, text: Sequence[str] = ()) -> str:
    """Heads of columns, plain text; those in ``text`` stand left as what is below them does."""
    cells = []
    for title in titles:
        kind = ' class="text"' if title in text else ""
        cells.append(f'<th scope="col"{kind}>{escape(title)}</th>' if title else "<td></td>")
    return "".join(cells)


def row_cells(name: str, cells: Sequence[str], kind: str = "") -> str:
    """A row: its name, plain text, and its cells, HTML."""
    css = f' class="{kind}"' if kind else ""
    inner = "".join(f"<td>{cell}</td>" for cell in cells)
    return f'<tr{css}><th scope="row"{language(name)}>{escape(name)}</th>{inner}</tr>'


def language(text: str) -> str:
    """A ``lang`` attribute where the text is Chinese, so that browsers take the right glyphs."""
    return ' lang="zh-Hans"' if re.search("[\u3400-\u9fff]", text) else ""


def plural(count: int, noun: str) -> str:
    """The count with its noun."""
    return f"{count:,} {noun}" + ("" if count == 1 else "s")


def number(value: float, digits: int = 3) -> str:
    """A number, a dash where it is unknown."""
    return "–" if np.isnan(value) else f"{value:,.{digits}f}".replace("-", "−")


def signed(value: float, digits: int = 2) -> str:
    """A number with its sign, a dash where it is unknown."""
    return "–" if np.isnan(value) else f"{value:+.{digits}f}".replace("-", "−")


def interval(low: float, high: float) -> str:
    """An interval in small letters, nothing where it is unknown."""
    return "" if np.isnan(low) or np.isnan(high) else f"<small>{low:.3f}–{high:.3f}</small>"
