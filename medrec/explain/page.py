"""``write_explanations``: a self-contained HTML page of what moved the scores, with the record's text marked."""

import os
from collections.abc import Sequence
from html import escape

from medrec._io import atomic_write
from medrec.explain.explanation import Explanation
from medrec.report import contributions, marked_text
from medrec.report.contributions import contributions_table
from medrec.report.layout import layout_page
from medrec.report.marked_text import marked_record
from medrec.report.tables import head_cells, language, scrolling_table, signed


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
    page = layout_page(title, lead, sections, css=marked_text.CSS + contributions.CSS)
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
    head = head_cells("Drug", "Probability", "Rank", "Recommended", "Why", text=("Why",))
    return scrolling_table("Drugs", "Drugs of this record that are explained below.", head, rows, "drugs")


def _drug(one: Explanation, *, is_only: bool) -> str:
    parts = [
        f"<p>Probability <strong>{one.probability:.3f}</strong>, log-odds {signed(one.score)}: {escape(one.why)}.</p>",
        *(f'<p class="note">{escape(note)}</p>' for note in one.notes),
        contributions_table(
            one.table, f"{one.drug}: what moved the score", "Contributions in log-odds, the largest first."
        ),
    ]
    for name, table in one.details.items():
        total = table["contribution"].sum()
        inner = contributions_table(
            table, f"{one.drug}: {name}", f"They sum to the {signed(total)} of {escape(name)} above."
        )
        parts.append(f"<details><summary>What {escape(name)} is made of ({signed(total)})</summary>{inner}</details>")
    if len(one.neighbours):
        parts.append(_neighbours(one))
    text = marked_record(one.passages, one.located)
    parts.append(f"<h3>The record</h3>{text}" if is_only else f"<details><summary>The record</summary>{text}</details>")
    return "\n".join(parts)


def _neighbours(one: Explanation) -> str:
    has_base = "base" in one.neighbours
    rows = []
    for row in one.neighbours.to_dict("records"):
        cells = [str(row["record"]), f"{row['cosine']:.3f}", f"{row['weight']:.2f}", "yes" if row["has_drug"] else "no"]
        cells += [escape(str(row["base"]))] if has_base else []
        rows.append("<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>")
    titles = ["Training record", "Cosine", "Counts for", "Has the drug", *(["Base"] if has_base else [])]
    head = head_cells(*titles)
    count = int(one.neighbours["has_drug"].sum())
    table = scrolling_table(f"{escape(one.drug)}: neighbours", "Similar training records, nearest first.", head, rows)
    return (
        f"<details><summary>Neighbours: {count} of {len(one.neighbours)} similar training records have the drug"
        f"</summary>{table}</details>"
    )
