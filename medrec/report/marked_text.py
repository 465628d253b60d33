"""A record's own text, with what moved a score marked in it."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import NamedTuple

from medrec.report.tables import language, signed

LEVELS = 4
"""Steps of colour."""

CSS = """\
:root { --for: 20 105 190; --against: 200 85 0; }
@media screen and (prefers-color-scheme: dark) { :root { --for: 90 170 255; --against: 255 150 70; } }
mark { color: var(--ink); border-radius: .15em; padding: 0 .05em; }
mark.for { background: rgb(var(--for) / var(--depth)); border-bottom: 2px solid rgb(var(--for)); }
mark.against { background: rgb(var(--against) / var(--depth)); border-bottom: 2px dashed rgb(var(--against)); }
mark.l1 { --depth: .08; } mark.l2 { --depth: .18; } mark.l3 { --depth: .28; } mark.l4 { --depth: .4; }
dl.record {
  display: grid; grid-template-columns: minmax(6rem, 11rem) minmax(0, 1fr); gap: .5rem 1.2rem; max-width: 60rem;
}
dl.record dt { padding-top: .1rem; overflow-wrap: anywhere; }
dl.record dd { line-height: 1.9; }
dl.record p { margin: 0 0 .25rem; white-space: pre-wrap; }
dl.record ul { list-style: none; display: flex; flex-wrap: wrap; gap: .35rem .6rem; padding: 0; }
dl.record li { border: 1px solid var(--grid); border-radius: 4px; padding: 0 .5rem; }
@media (max-width: 40rem) {
  dl.record { grid-template-columns: minmax(0, 1fr); gap: .1rem; }
  dl.record dd { margin-bottom: .6rem; }
}
@media print { mark { print-color-adjust: exact; -webkit-print-color-adjust: exact; } }
"""


class Span(NamedTuple):
    """A marked piece of a passage.

    Parameters
    ----------
    start, end : int
        Its characters are ``text[start:end]`` of the passage.
    amount : float
        What they add to the score, in log-odds.
    """

    start: int
    end: int
    amount: float


@dataclass(frozen=True)
class Passage:
    """A piece of a record: a text, a turn of a dialogue, a code, or another value.

    Attributes
    ----------
    column : str
        The column it stands in.
    kind : str
        The column's kind.
    text : str
        As the record has it.
    spans : tuple of Span
        What in it moved the score, from left to right; none overlaps another.
    """

    column: str
    kind: str
    text: str
    spans: tuple[Span, ...] = ()


def marked_record(passages: Sequence[Passage], located: float) -> str:
    """The passages of a record as a description list, under a legend of the marks.

    Parameters
    ----------
    passages : sequence of Passage
        In the order of their columns.
    located : float
        What all that is marked adds, in log-odds.

    Examples
    --------
    >>> html = marked_record([Passage("note", "text", "发热 3天", (Span(0, 2, 0.5),))], 0.5)
    >>> '<mark class="for l4" title="+0.50">发热</mark> 3天' in html
    True
    """
    most = max((abs(span.amount) for passage in passages for span in passage.spans), default=0.0)
    columns: dict[str, list[Passage]] = {}
    for passage in passages:
        columns.setdefault(passage.column, []).append(passage)
    items = []
    for column, some in columns.items():
        texts = [(_marked(passage, most), language(passage.text)) for passage in some]
        if some[0].kind == "codes":
            body = "<ul>" + "".join(f"<li{lang}>{text}</li>" for text, lang in texts) + "</ul>"
        else:
            body = "".join(f"<p{lang}>{text}</p>" for text, lang in texts)
        items.append(f"<dt{language(column)}>{escape(column)}</dt><dd>{body}</dd>")
    legend = (
        '<p class="note"><mark class="for l3">speaks for it</mark> <mark class="against l3">speaks against it</mark>; '
        f"the deeper, the more. What is marked adds {signed(located)}; the rest comes from what does not stand in "
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
            f'<mark class="{kind} l{level}" title="{signed(amount)}">{escape(passage.text[start:end])}</mark>'
        )
        at = end
    return "".join([*pieces, escape(passage.text[at:])])


def _level(amount: float, most: float) -> int:
    """The step of an amount's root: where a drug's name adds most of all, other words are seen beside it."""
    return min(LEVELS, 1 + int(LEVELS * (abs(amount) / most) ** 0.5)) if most else 1
