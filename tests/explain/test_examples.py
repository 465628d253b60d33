"""The worst and best records: chosen as brute force does, explained as RecordExplainer does, without dates."""

import numpy as np
import pytest

from medrec.explain import RecordExplainer, extreme_records, record_examples
from medrec.metrics import overlap_counts
from medrec.report.examples import examples_section
from tests.explain.examples import DRUGS, fit


@pytest.mark.parametrize("seed", range(5))
def test_extremes_are_those_of_all_records(seed):
    rng = np.random.default_rng(seed)
    Y, Z = rng.random((30, 6)) < 0.4, rng.random((30, 6)) < 0.4
    rows = extreme_records(Y, Z, count=4)
    jaccard = overlap_counts(Y, Z).per_record("jaccard")
    has_drugs = Y.any(axis=1)
    worst, best = ([row for row, kind in rows if kind == one] for one in ("worst", "best"))
    rest = np.setdiff1d(np.flatnonzero(has_drugs), worst + best)
    assert [kind for _, kind in rows] == ["worst"] * 4 + ["best"] * 4
    assert max(jaccard[worst]) <= min(jaccard[rest])
    assert min(jaccard[best]) >= max(jaccard[rest])
    assert has_drugs[worst + best].all()
    wrong = (Y ^ Z).sum(axis=1)
    assert [tuple(x) for x in zip(jaccard[worst], -wrong[worst])] == sorted(zip(jaccard[worst], -wrong[worst]))


def test_extremes_are_of_different_patients():
    Y, Z = np.eye(4, dtype=int)[[0, 1, 2, 3]], np.eye(4, dtype=int)[[0, 1, 3, 2]]
    assert extreme_records(Y, Z, [0, 0, 1, 1], count=2) == [(2, "worst"), (0, "best")]
    assert extreme_records(np.zeros((3, 2)), np.zeros((3, 2))) == []
    assert extreme_records(Y, Y, count=9) == [(row, "best") for row in range(4)]


@pytest.fixture(scope="module")
def made():
    pipeline, data = fit("binary-relevance", cv=2)
    sets = pipeline.predict(data.records)
    return pipeline, data, sets


def test_outcomes_and_reasons_are_those_of_the_explainer(made):
    pipeline, data, sets = made
    sets = sets.toarray()
    sets[2] = [1, 0, 0, 1][: sets.shape[1]]
    [example] = record_examples(pipeline, data, sets, [(2, "worst")], model="m")
    truth = set(np.flatnonzero(data.Y[2].toarray()[0]))
    given = set(np.flatnonzero(sets[2]))
    expected = {DRUGS[at]: "right" if at in truth & given else "missed" if at in truth else "not prescribed"
                for at in truth | given}  # fmt: skip
    assert {one.drug: one.outcome for one in example.drugs} == expected
    explainer = RecordExplainer(pipeline, data.subset([2]))
    for one in example.drugs:
        found = explainer.explain(one.drug)
        assert (one.probability, one.rank, one.why) == (found.probability, found.rank, found.why)
        shown = [passage for passage in found.passages if passage.column != "visit"]
        assert one.located == pytest.approx(found.located - spans(found.passages) + spans(shown))
    assert example.jaccard == len(truth & given) / len(truth | given)
    assert (example.record, example.model) == (data.ids[2], "m")


def spans(passages):
    return sum(span.amount for passage in passages for span in passage.spans)


def test_dates_are_not_shown(made):
    pipeline, data, sets = made
    [example] = record_examples(pipeline, data, sets, [(1, "best")], model="m")
    html = examples_section([example])
    assert any(passage.text == data.records["note"].iloc[1] for passage in example.drugs[0].passages)
    assert data.records["visit"].iloc[1] not in html
    assert "visit:" not in html
    [one] = [reason for reason in example.drugs if reason.drug == DRUGS[1]]
    found = RecordExplainer(pipeline, data.subset([1])).explain(one.drug).table
    of_dates = found["feature"].str.startswith("visit:")
    assert of_dates.any()
    row = one.table[one.table["feature"] == "dates, not shown"]
    assert row["contribution"].sum() == pytest.approx(found.loc[of_dates, "contribution"].sum())
    assert row["value"].isna().all()
    assert one.table["contribution"].sum() == pytest.approx(found["contribution"].sum())
    assert one.table["contribution"].abs().is_monotonic_decreasing
    assert {passage.column for one in example.drugs for passage in one.passages} == {
        "note", "talk", "codes", "sex", "age"
    }  # fmt: skip


def test_words_for_and_against_come_with_what_they_add(made):
    pipeline, data, sets = made
    [example] = record_examples(pipeline, data, sets, [(0, "best")], model="m")
    html = examples_section([example])
    [one] = [reason for reason in example.drugs if reason.drug == DRUGS[0]]
    amounts = {}
    for passage in one.passages:
        for span in passage.spans:
            word = passage.text[span.start : span.end]
            amounts[word] = amounts.get(word, 0.0) + max(span.amount, 0.0)
    word = max(amounts, key=amounts.get)
    assert f">{word} +{amounts[word]:.2f}</span>" in html
    assert "Record 1 " in html
