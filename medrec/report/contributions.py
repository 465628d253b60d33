"""What moved a score, as a table with bars."""

from html import escape

import pandas as pd

from medrec.report.tables import head_cells, language, scrolling_table, signed

COLUMNS = ["source", "feature", "value", "contribution"]
"""Of a table of contributions: what kind of thing, its name, its value for the record, and what it adds in log-odds."""
MOST = 12
"""Rows of a table; the others are one row."""

CSS = """\
.terms tbody th { white-space: normal; overflow-wrap: anywhere; min-width: 9.5rem; font-weight: 400; }
td.bar { min-width: 7rem; }
td.bar svg { display: block; width: 100%; height: .8rem; }
.terms tbody td:last-child { color: var(--muted); }
rect.for { fill: rgb(var(--for)); } rect.against { fill: rgb(var(--against)); }
@media (max-width: 40rem) { td.bar { min-width: 4rem; } }
@media print { td.bar { min-width: 3rem; } .terms tbody th { min-width: 0; } rect { print-color-adjust: exact; } }
"""


def short_table(table: pd.DataFrame, most: int) -> pd.DataFrame:
    """The first ``most`` rows of a table of contributions, and the others as one, so that it sums to the same.

    Examples
    --------
    >>> table = pd.DataFrame([("feature", "a", 1.0, 2.0), ("feature", "b", 1.0, -1.0), ("feature", "c", 1.0, 0.5)])
    >>> short_table(table.set_axis(COLUMNS, axis=1), 1)
        source         feature  value  contribution
    0  feature               a    1.0           2.0
    1           2 other things    NaN          -0.5
    """
    if len(table) <= most + 1:
        return table
    rest = table.iloc[most:]
    row = ("", f"{len(rest)} other things", float("nan"), float(rest["contribution"].sum()))
    rows = [*table.iloc[:most].itertuples(index=False, name=None), row]
    return pd.DataFrame(rows, columns=COLUMNS)


def contributions_table(table: pd.DataFrame, label: str, caption: str, *, most: int = MOST) -> str:
    """The largest contributions, the others as one row, and their sum.

    Parameters
    ----------
    table : DataFrame
        Columns ``COLUMNS``, the largest contribution first.
    label : str
        What the table is, plain text, for those who do not see it.
    caption : str
        HTML.
    most : int, default=12
        Rows at most, but for the last two.
    """
    shown = short_table(table, most)
    largest = float(shown["contribution"].abs().max()) if len(shown) else 0.0
    rows = []
    for source, feature, value, amount in shown.itertuples(index=False):
        rows.append(
            f'<tr><th scope="row"{language(feature)}>{escape(feature)}</th><td>{signed(amount)}</td>'
            f'<td class="bar">{_bar(amount, largest)}</td>'
            f"<td>{'' if value != value else f'{value:.4g}'.replace('-', '−')}</td><td>{escape(source)}</td></tr>"
        )
    total = f"<td><strong>{signed(table['contribution'].sum())}</strong></td>"
    rows.append(f'<tr class="divide"><th scope="row">sum</th>{total}<td></td><td></td><td></td></tr>')
    head = head_cells("Feature", "Contribution", "", "Value", "Source")
    return scrolling_table(escape(label), caption, head, rows, "terms")


def _bar(amount: float, most: float) -> str:
    """A bar from the middle: to the right for, to the left against."""
    width = 50 * abs(amount) / most if most else 0.0
    kind, start = ("for", 50.0) if amount > 0 else ("against", 50 - width)
    return (
        '<svg viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">'
        f'<rect class="{kind}" x="{start:.2f}" y="1" width="{width:.2f}" height="8"/></svg>'
    )
