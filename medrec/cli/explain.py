"""``medrec explain``."""

from typing import Any

import pandas as pd

from medrec._checks import InputError
from medrec._io import check_writable
from medrec.cli.messages import note
from medrec.cli.models import read_model, use_of_model
from medrec.cli.options import read_source
from medrec.cli.predict import check_schema
from medrec.cli.tables import print_table
from medrec.datasets import Dataset
from medrec.explain import Explanation, RecordExplainer, write_explanations
from medrec.report.contributions import short_table

MOST = 12
"""Rows of the table of one drug; the others are one row."""
REASONS = 3
"""Reasons of a drug in the table of all."""


def run(parsed: Any) -> None:
    """Say what moved the score of a drug, or of every recommended drug, in one record."""
    check_writable(parsed.html)
    pipeline = read_model(parsed.model)
    data = read_source(parsed.data, parsed.masks, parsed.read)
    row = find_row(data, parsed.id, parsed.data)
    with use_of_model(parsed.model):
        check_schema(pipeline, data, parsed.model)
        try:
            explainer = RecordExplainer(pipeline, data.subset([row]))
            drugs = explainer.recommended if parsed.drug is None else [parsed.drug]
            explanations = [explainer.explain(drug) for drug in drugs]
        except ValueError as error:
            raise InputError(str(error).removeprefix("explain_record: "), path=parsed.model) from error
    if parsed.html is not None:
        if not explanations:
            raise InputError(
                f"record {parsed.id!r} gets no drug, so there is no page to write; name one with --drug",
                path=parsed.data,
            )
        what = "why these drugs" if parsed.drug is None else parsed.drug
        write_explanations(parsed.html, explanations, title=f"Record {parsed.id}: {what}")
        note(f"{parsed.html}: written")
    if parsed.drug is None:
        print_drugs(parsed.id, explanations)
    else:
        print_drug(parsed.id, explanations[0])


def find_row(data: Dataset, identifier: str, source: str) -> int:
    """The row of the record of an identifier; the first where several have it."""
    for row, one in enumerate(data.ids):
        if one == identifier:
            return row
    some = ", ".join(data.ids[:3].tolist()) + (" …" if len(data) > 3 else "")
    raise InputError(f"{source}: no record has the id {identifier!r}; there are {len(data)}: {some}")


def print_drugs(identifier: str, explanations: list[Explanation]) -> None:
    """A table of the recommended drugs, each with what speaks most for it."""
    if not explanations:
        print(f"record {identifier}: no drug is recommended; --drug NAME says why one is not")
        return
    print(f"record {identifier}: {len(explanations)} recommended, contributions in log-odds")
    rows = []
    for one in explanations:
        known = one.table[(one.table["source"] != "constant") & (one.table["contribution"] > 0)][:REASONS]
        reasons = "; ".join(f"{name} {amount:+.2f}" for name, amount in zip(known["feature"], known["contribution"]))
        rows.append((f"{one.probability:.3f}", reasons))
    index = pd.Index([one.drug for one in explanations], name="drug")
    print_table(pd.DataFrame(rows, columns=["probability", "speaks for it"], index=index))


def print_drug(identifier: str, one: Explanation) -> None:
    """Everything that moved one score; of a stack what its bases are made of, too."""
    print(f"record {identifier}, {one.drug}: probability {one.probability:.4f}, log-odds {one.score:+.4f}")
    print(one.why)
    for line in one.notes:
        print(line)
    print_terms(one.table)
    for name, table in one.details.items():
        print(f"\n{name} is made of")
        print_terms(table)
    if len(one.neighbours):
        print("\nneighbours, records of the training data")
        shown = one.neighbours.assign(
            cosine=one.neighbours["cosine"].map("{:.3f}".format),
            weight=one.neighbours["weight"].map("{:.2f}".format),
            has_drug=["yes" if has else "no" for has in one.neighbours["has_drug"]],
        )
        print_table(shown.set_index("record"))


def print_terms(table: pd.DataFrame) -> None:
    """The largest terms, the others as one, and their sum."""
    shown = short_table(table, MOST)
    rows = [
        ("" if value != value else f"{value:.4g}", f"{amount:+.4f}", feature)
        for _, feature, value, amount in shown.itertuples(index=False)
    ]
    rows.append(("", f"{table['contribution'].sum():+.4f}", ""))
    print_table(
        pd.DataFrame(
            rows, columns=["value", "contribution", "feature"], index=pd.Index([*shown["source"], "sum"], name="source")
        )
    )
