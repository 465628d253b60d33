"""``write_explanations``: a self-contained HTML page of what moved the scores, with the record's text marked."""

import os
from collections.abc import Sequence
from html import escape

import pandas as pd

from medrec._io import atomic_write
from medrec.explain.explanation import Explanation, short_table
from medrec.explain.passages import Passage
from medrec.report.layout import layout_page
from medrec.report.tables import language, scrolling_table

LEVELS = 4
"""Steps of colour."""
MOST = 12
"""Rows of a table; the others are one row."""

_CSS = """\
:root { --for: 20 105 190; --against: 200 85 0; }
@media (prefers-color-scheme: dark) { :root { --for: 90 170 255; --against: 255 150 70; } }
mark { color: var(--ink); border-radius: .15em; padding: 0 .05em; }
mark.for { background: rgb(var(--for) / var(--depth)); border-bottom: 2px solid rgb(var(--for)); }
mark.against { background: rgb(var(--against) / var(--depth)); border-bottom: 2px dashed rgb(var(--against)); }
mark.l1 { --depth: .08; } mark.l2 { --depth: .18; } mark.l3 { --depth: .32; } mark.l4 { --depth: .48; }
dl.record {
  display: grid; grid-template-columns: minmax(6rem, 11rem) minmax(0, 1fr); gap: .5rem 1.2rem; max-width: 60rem;
}
dl.record dt { padding-top: .1rem; overflow-wrap: anywhere; }
dl.record dd { line-height: 1.9; }
dl.record p { margin: 0 0 .25rem; white-space: pre-wrap; }
dl.record ul { list-style: none; display: flex; flex-wrap: wrap; gap: .35rem .6rem; padding: 0; }
dl.record li { border: 1px solid var(--grid); border-radius: 4px; padding: 0 .5rem; }
.terms tbody th { white-space: normal; overflow-wrap: anywhere; min-width: 9.5rem; font-weight: 400; }
th.text { text-align: left; }
td.text { text-align: left; white-space: normal; min-width: 13rem; }
td.bar { min-width: 7rem; }
td.bar svg { display: block; width: 100%; height: .8rem; }
th:first-child, td:first-child { text-align: left; }
.terms tbody td:last-child { color: var(--muted); }
rect.for { fill: rgb(var(--for)); } rect.against { fill: rgb(var(--against)); }
details { margin: .8rem 0; } summary { cursor: pointer; }
h3 { margin: 1.4rem 0 .3rem; }
@media (max-width: 40rem) {
  td.bar { min-width: 4rem; }
  dl.record { grid-template-columns: minmax(0, 1fr); gap: .1rem; }
  dl.record dd { margin-bottom: .6rem; }
}
"""


def write_explanations(path: str | os.PathLike[str], explanations: Sequence[Explanation], *, title: str) -> None:
    """Write one HTML page about some drugs of one record.

    The page needs no other file and no network, follows the reader's light or dark setting, and is the same to the byte
    for the same input. What speaks for a drug is underlined with a line, what speaks against it with dashes, so that no
    colour is needed to tell them apart.

    Parameters
    ----------
    path : path-like
        The page; it is written whole or not at all.
    explanations : sequence of Explanation
        Of one record, at least one; in the order of the page.
    title : str
        Heading of the page.

    Raises
    ------
    ValueError
        When there is no explanation.
    InputError
        When the page cannot be written.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> from medrec.datasets import load
    >>> from medrec.explain import explain_record
    >>> from medrec.recommenders import make_recommender
    >>> data = load("synthetic:records=60,seed=0")
    >>> pipeline = make_recommender("prior", schema=data.schema, drug_names=data.drug_names).fit(data.records, data.Y)
    >>> explanation = explain_record(pipeline, data.subset([3]), data.drug_names[0])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     page = pathlib.Path(folder) / "page.html"
    ...     write_explanations(page, [explanation], title="Record 4")
    ...     page.read_text(encoding="utf-8")[:15]
    '<!doctype html>'
    """
    if not explanations:
        raise ValueError("write_explanations: there is no explanation to write; pass at least one.")
    sections = [("results", "Drugs", _overview(explanations))]
    for number, one in enumerate(explanations, start=1):
        sections.append((f"drug-{number}", one.drug, _drug(one, is_only=len(explanations) == 1)))
    lead = (
        '<p class="lead">What moved the score of each drug in one record. Contributions are in log-odds: they sum to '
        "the log-odds of the probability, and 0.69 more doubles the odds.</p>"
        '<p class="note">This is research software, not medical advice. An explanation says what the model went by, '
        "not why a drug would be right.</p>"
    )
    page = layout_page(title, lead, sections, css=_CSS)
    with atomic_write(path) as file:
        file.write(page)


def _overview(explanations: Sequence[Explanation]) -> str:
    rows = []
    for number, one in enumerate(explanations, start=1):
        rows.append(
            f'<tr><th scope="row"{language(one.drug)}><a href="#drug-{number}">{escape(one.drug)}</a></th>'
            f"<td>{one.probability:.3f}</td><td>{one.rank}</td><td>{'yes' if one.kept else 'no'}</td>"
            f'<td class="text">{escape(one.why)}</td></tr>'
        )
    head = _head("Drug", "Probability", "Rank", "Recommended", "Why")
    return scrolling_table("Drugs", "Drugs of this record that are explained below.", head, rows, "drugs")


def _drug(one: Explanation, *, is_only: bool) -> str:
    parts = [
        f"<p>Probability <strong>{one.probability:.3f}</strong>, log-odds {_signed(one.score)}: {escape(one.why)}.</p>",
        *(f'<p class="note">{escape(note)}</p>' for note in one.notes),
        _terms(one.table, f"{one.drug}: what moved the score", "Contributions in log-odds, the largest first."),
    ]
    for name, table in one.details.items():
        total = table["contribution"].sum()
        inner = _terms(table, f"{one.drug}: {name}", f"They sum to the {_signed(total)} of {escape(name)} above.")
        parts.append(f"<details><summary>What {escape(name)} is made of ({_signed(total)})</summary>{inner}</details>")
    if len(one.neighbours):
        parts.append(_neighbours(one))
    text = _record(one)
    parts.append(f"<h3>The record</h3>{text}" if is_only else f"<details><summary>The record</summary>{text}</details>")
    return "\n".join(parts)


def _terms(table: pd.DataFrame, label: str, caption: str) -> str:
    shown = short_table(table, MOST)
    most = float(shown["contribution"].abs().max()) if len(shown) else 0.0
    rows = []
    for source, feature, value, amount in shown.itertuples(index=False):
        rows.append(
            f'<tr><th scope="row"{language(feature)}>{escape(feature)}</th><td>{_signed(amount)}</td>'
            f'<td class="bar">{_bar(amount, most)}</td>'
            f"<td>{'' if value != value else f'{value:.4g}'.replace('-', '−')}</td><td>{escape(source)}</td></tr>"
        )
    total = f"<td><strong>{_signed(table['contribution'].sum())}</strong></td>"
    rows.append(f'<tr class="divide"><th scope="row">sum</th>{total}<td></td><td></td><td></td></tr>')
    head = _head("Feature", "Contribution", "", "Value", "Source")
    return scrolling_table(escape(label), caption, head, rows, "terms")


def _head(*titles: str) -> str:
    """The heads of columns; that of text stands left as the text does."""
    kinds = [' class="text"' if title == "Why" else "" for title in titles]
    return "".join(f'<th scope="col"{kind}>{title}</th>' for kind, title in zip(kinds, titles))


def _bar(amount: float, most: float) -> str:
    """A bar from the middle: to the right for, to the left against."""
    width = 50 * abs(amount) / most if most else 0.0
    kind, start = ("for", 50.0) if amount > 0 else ("against", 50 - width)
    return (
        '<svg viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">'
        f'<rect class="{kind}" x="{start:.2f}" y="1" width="{width:.2f}" height="8"/></svg>'
    )


def _neighbours(one: Explanation) -> str:
    has_base = "base" in one.neighbours
    rows = []
    for row in one.neighbours.to_dict("records"):
        cells = [str(row["record"]), f"{row['cosine']:.3f}", f"{row['weight']:.2f}", "yes" if row["has_drug"] else "no"]
        cells += [escape(str(row["base"]))] if has_base else []
        rows.append("<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>")
    titles = ["Training record", "Cosine", "Counts for", "Has the drug", *(["Base"] if has_base else [])]
    head = _head(*titles)
    count = int(one.neighbours["has_drug"].sum())
    table = scrolling_table(f"{escape(one.drug)}: neighbours", "Similar training records, nearest first.", head, rows)
    return (
        f"<details><summary>Neighbours: {count} of {len(one.neighbours)} similar training records have the drug"
        f"</summary>{table}</details>"
    )


def _record(one: Explanation) -> str:
    most = max((abs(span.amount) for passage in one.passages for span in passage.spans), default=0.0)
    columns: dict[str, list[Passage]] = {}
    for passage in one.passages:
        columns.setdefault(passage.column, []).append(passage)
    items = []
    for column, passages in columns.items():
        texts = [(_marked(passage, most), language(passage.text)) for passage in passages]
        if passages[0].kind == "codes":
            body = "<ul>" + "".join(f"<li{lang}>{text}</li>" for text, lang in texts) + "</ul>"
        else:
            body = "".join(f"<p{lang}>{text}</p>" for text, lang in texts)
        items.append(f"<dt{language(column)}>{escape(column)}</dt><dd>{body}</dd>")
    legend = (
        '<p class="note"><mark class="for l3">speaks for it</mark> <mark class="against l3">speaks against it</mark>; '
        f"the deeper, the more. What is marked adds {_signed(one.located)}; the rest comes from what does not stand in "
        "the text.</p>"
    )
    return f'{legend}<dl class="record">{"".join(items)}</dl>'


def _marked(passage: Passage, most: float) -> str:
    """The text of a passage, escaped, its spans marked; neighbouring spans of one depth are one mark."""
    pieces, at = [], 0
    spans = [(one.start, one.end, one.amount, _level(one.amount, most)) for one in passage.spans]
    joined: list[tuple[int, int, float, int]] = []
    for span in spans:
        last = joined[-1] if joined else None
        if last and last[1] == span[0] and last[3] == span[3] and (last[2] > 0) == (span[2] > 0):
            joined[-1] = (last[0], span[1], last[2] + span[2], last[3])
        else:
            joined.append(span)
    for start, end, amount, level in joined:
        pieces.append(escape(passage.text[at:start]))
        kind = "for" if amount > 0 else "against"
        pieces.append(
            f'<mark class="{kind} l{level}" title="{_signed(amount)}">{escape(passage.text[start:end])}</mark>'
        )
        at = end
    return "".join([*pieces, escape(passage.text[at:])])


def _level(amount: float, most: float) -> int:
    """The step of an amount's root: where a drug's name adds most of all, other words are seen beside it."""
    return min(LEVELS, 1 + int(LEVELS * (abs(amount) / most) ** 0.5)) if most else 1


def _signed(value: float) -> str:
    return f"{value:+.2f}".replace("-", "−")
