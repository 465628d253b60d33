"""Records to look at: what was right, wrong and missed in them, and what in the text moved it."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import pandas as pd

from medrec.report.contributions import contributions_table
from medrec.report.marked_text import Passage, marked_record
from medrec.report.tables import head_cells, language, plural, scrolling_table, signed

OUTCOMES = {
    "right": "recommended and prescribed",
    "not prescribed": "recommended, but not prescribed",
    "missed": "prescribed, but not recommended",
}
"""What can be said of a drug in a record, and what it means."""
WORDS = 4
"""Words that speak for or against a drug in the table of a record, at most."""
LEAST = 0.1
"""Words that add less than this share of the first are not named there."""


@dataclass(frozen=True)
class DrugReason:
    """What moved the score of one drug in one record.

    Parameters
    ----------
    drug : str
    outcome : {"right", "not prescribed", "missed"}
    probability : float
        What the model gives it.
    rank : int
        Its place among all drugs of the record, 1 the best.
    why : str
        In one sentence, what decision and interaction filter made of it.
    passages : sequence of Passage
        The record with what moved the score marked.
    located : float
        The part of the score, in log-odds, that is marked there.
    table : DataFrame, optional
        Contributions, with columns ``source``, ``feature``, ``value`` and ``contribution``, the largest first. With
        them the page shows the marked record; without, only the words that speak for the drug and against it.
    """

    drug: str
    outcome: str
    probability: float
    rank: int
    why: str
    passages: Sequence[Passage] = ()
    located: float = 0.0
    table: pd.DataFrame | None = None


@dataclass(frozen=True)
class RecordExample:
    """One record as an example.

    Parameters
    ----------
    record : str
        Its identifier, the only one that the page shows.
    kind : {"worst", "best"}
    jaccard : float
    model : str
        Whose recommendations they are.
    drugs : sequence of DrugReason
        Every drug that was prescribed or recommended, in the order of the page.
    """

    record: str
    kind: str
    jaccard: float
    model: str
    drugs: Sequence[DrugReason]


def examples_section(examples: Sequence[RecordExample]) -> str:
    """The examples as HTML, each folded, the worst first.

    Examples
    --------
    >>> reasons = [DrugReason("aspirin", "missed", 0.2, 4, "not recommended: rank 4")]
    >>> html = examples_section([RecordExample("7-1", "worst", 0.0, "chain", reasons)])
    >>> "Record 7-1" in html, "<td>0.200</td>" in html
    (True, True)
    """
    parts = [
        '<p class="warn">This part quotes the text of records. Keep the page as you keep patient data.</p>',
        f"<p>Extremes of {escape(examples[0].model)}, not typical records: they show what kind of mistake it makes and "
        "what it went by. A drug that was not prescribed need not be wrong for the patient, nor one that was right. "
        "Words that speak for or against a drug are those of the record, with what they add to its log-odds.</p>",
    ]
    for kind, head in (("worst", "Worst records"), ("best", "Best records")):
        some = [example for example in examples if example.kind == kind]
        if some:
            parts.append(f"<h3>{head}</h3>")
            parts += [_example(example) for example in some]
    return "\n".join(parts)


def _example(example: RecordExample) -> str:
    counts = {outcome: sum(one.outcome == outcome for one in example.drugs) for outcome in OUTCOMES}
    words = ", ".join(f"{count} {outcome}" for outcome, count in counts.items() if count)
    rows = []
    for one in example.drugs:
        cells = f'<td class="text short">{escape(one.outcome)}</td>'
        cells += f"<td>{one.probability:.3f}</td><td>{one.rank:,}</td>"
        cells += "".join(f'<td class="text">{_words(one.passages, sign)}</td>' for sign in (1, -1))
        rows.append(f'<tr><th scope="row"{language(one.drug)}>{escape(one.drug)}</th>{cells}</tr>')
    heads = ("Drug", "Outcome", "Probability", "Rank", "Speaks for it", "Speaks against it")
    head = head_cells(*heads, text=("Outcome", *heads[-2:]))
    meant = "; ".join(f"{outcome}: {OUTCOMES[outcome]}" for outcome, count in counts.items() if count)
    record = escape(example.record)
    table = scrolling_table(f"Drugs of record {record}", f"{meant[:1].upper()}{meant[1:]}.", head, rows, "names")
    details = "".join(_reason(one, record) for one in example.drugs if one.table is not None)
    return (
        f'<details class="card"><summary>Record {record} <small>Jaccard {example.jaccard:.2f}: {words}</small>'
        f"</summary>\n{table}\n{details}</details>"
    )


def _words(passages: Sequence[Passage], sign: int) -> str:
    """The marked words that add most in one direction, equal ones together."""
    amounts: dict[str, float] = {}
    for passage in passages:
        for span in passage.spans:
            if span.amount * sign > 0:
                word = passage.text[span.start : span.end].strip()
                word = word if passage.kind in ("text", "dialogue", "codes") else f"{passage.column} {word}"
                amounts[word] = amounts.get(word, 0.0) + span.amount
    found = sorted(amounts.items(), key=lambda item: -abs(item[1]))[:WORDS]
    words = [
        f'<span class="word"{language(word)}>{escape(word)} {signed(amount)}</span>'
        for word, amount in found
        if abs(amount) >= LEAST * abs(found[0][1])
    ]
    return ", ".join(words) or "–"


def _reason(one: DrugReason, record: str) -> str:
    assert one.table is not None
    name = f"<span{language(one.drug)}>{escape(one.drug)}</span>"
    caption = f"Contributions in log-odds, the largest first, of {plural(len(one.table), 'thing')}."
    table = contributions_table(one.table, f"{one.drug} in record {record}: what moved the score", caption, most=8)
    text = marked_record(one.passages, one.located) if one.passages else ""
    return (
        f"<details><summary>Why {name}: {escape(one.outcome)}, probability {one.probability:.3f}</summary>\n"
        f"<p>{escape(one.why[:1].upper() + one.why[1:])}.</p>\n{text}\n{table}\n</details>"
    )
