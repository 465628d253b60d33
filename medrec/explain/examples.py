"""The worst and the best records of an evaluation, explained for the report."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from medrec._checks import check_sets
from medrec.datasets import Dataset
from medrec.explain.explanation import RecordExplainer
from medrec.explain.terms import FEATURE, NO_VALUE
from medrec.metrics import overlap_counts
from medrec.report.contributions import COLUMNS
from medrec.report.examples import DrugReason, RecordExample

HIDDEN = ("birthdate", "date")
"""Kinds of columns that could tell who it is; they are not shown."""
EXPLAINED = 2
"""Drugs of each outcome that are explained in full."""


def extreme_records(Y: Any, Z: Any, groups: Any = None, *, count: int = 3) -> list[tuple[int, str]]:
    """Rows of the worst and of the best records, each of another patient.

    The worst have the lowest Jaccard, of equal ones those with more drugs wrong; the best the highest, of equal ones
    those with more drugs right. Records without drugs are none of them.

    Parameters
    ----------
    Y, Z : sparse or dense 0/1 matrices of shape (n_records, n_labels)
        True and recommended sets.
    groups : array of shape (n_records,), optional
        The patient of each record.
    count : int, default=3
        How many of each kind, at most.

    Returns
    -------
    list of (row, kind)
        The worst first; a record is in it once.

    Examples
    --------
    >>> extreme_records([[1, 1], [1, 0], [0, 1]], [[1, 1], [0, 1], [1, 1]], count=1)
    [(1, 'worst'), (0, 'best')]
    """
    counts = overlap_counts(Y, Z)
    jaccard, wrong = counts.per_record("jaccard"), counts.y + counts.z - 2 * counts.h
    patients = np.arange(len(jaccard)) if groups is None else np.asarray(groups)
    found: list[tuple[int, str]] = []
    taken: set[Any] = set()
    for kind, order in (("best", np.lexsort((-counts.h, -jaccard))), ("worst", np.lexsort((-wrong, jaccard)))):
        some: list[tuple[int, str]] = []
        for row in order.tolist():
            is_fit = counts.y[row] > 0 and (jaccard[row] > 0 if kind == "best" else jaccard[row] < 1)
            if len(some) < count and is_fit and patients[row] not in taken:
                taken.add(patients[row])
                some.append((row, kind))
        found = some + found
    return found


def record_examples(
    pipeline: Any, data: Dataset, Z: Any, rows: Sequence[tuple[int, str]], *, model: str
) -> list[RecordExample]:
    """Explain the drugs of some records for ``write_report(examples=…)``.

    Every drug that was prescribed or recommended has its outcome, and the words that speak for it and against it. The
    first ``EXPLAINED`` drugs of each outcome are explained in full: of those recommended the surest, of those missed
    the nearest.

    Parameters
    ----------
    pipeline : Pipeline
        Fitted on other records, see ``make_recommender``.
    data : Dataset
        The evaluated records, with the labels of the model.
    Z : sparse or dense 0/1 matrix of shape (n_records, n_labels)
        The sets that the pipeline recommended.
    rows : sequence of (row, kind)
        As :func:`extreme_records` gives them.
    model : str
        What the model is called.

    Returns
    -------
    list of RecordExample
        In the order of ``rows``. Dates and dates of birth are left out of the text, and what they add is one row.

    Examples
    --------
    >>> from medrec.datasets import load
    >>> from medrec.recommenders import make_recommender
    >>> data = load("synthetic:records=60,seed=0")
    >>> pipeline = make_recommender("prior", schema=data.schema, drug_names=data.drug_names).fit(data.records, data.Y)
    >>> [one] = record_examples(pipeline, data, pipeline.predict(data.records), [(3, "worst")], model="prior")
    >>> one.record == data.ids[3], {drug.outcome for drug in one.drugs} <= {"right", "not prescribed", "missed"}
    (True, True)
    """
    counts = overlap_counts(data.Y, Z)
    sets = check_sets(Z, who="record_examples", name="Z")
    jaccard = counts.per_record("jaccard")
    return [
        RecordExample(
            record=str(data.ids[row]),
            kind=kind,
            jaccard=float(jaccard[row]),
            model=model,
            drugs=_reasons(pipeline, data.subset([row]), set(sets[row].indices.tolist())),
        )
        for row, kind in rows
    ]


def _reasons(pipeline: Any, record: Dataset, recommended: set[int]) -> list[DrugReason]:
    explainer = RecordExplainer(pipeline, record)
    prescribed = set(record.Y.indices.tolist())
    outcomes = {
        "not prescribed": recommended - prescribed,
        "missed": prescribed - recommended,
        "right": prescribed & recommended,
    }
    reasons = []
    for outcome, labels in outcomes.items():
        for place, label in enumerate(sorted(labels, key=lambda label: -explainer.probabilities[label])):
            one = explainer.explain(str(record.drug_names[label]))
            unseen = sum(span.amount for passage in one.passages if passage.kind in HIDDEN for span in passage.spans)
            reasons.append(
                DrugReason(
                    drug=one.drug,
                    outcome=outcome,
                    probability=one.probability,
                    rank=one.rank,
                    why=one.why,
                    passages=[passage for passage in one.passages if passage.kind not in HIDDEN],
                    located=one.located - unseen,
                    table=_without_dates(one.table, record.schema) if place < EXPLAINED else None,
                )
            )
    return reasons


def _without_dates(table: pd.DataFrame, schema: Mapping[str, str]) -> pd.DataFrame:
    """A table of contributions with what comes from hidden columns as one row, so that it sums to the same."""
    columns = [re.escape(f"{column}:") for column, kind in schema.items() if kind in HIDDEN]
    is_hidden = table["feature"].str.contains("|".join(columns) or "(?!)", regex=True)
    if not is_hidden.any():
        return table
    total = float(table.loc[is_hidden, "contribution"].sum())
    rows = [*table[~is_hidden].itertuples(index=False, name=None), (FEATURE, "dates, not shown", NO_VALUE, total)]
    kept = pd.DataFrame(rows, columns=COLUMNS)
    return kept.iloc[np.argsort(-kept["contribution"].abs().to_numpy(), kind="stable")].reset_index(drop=True)
