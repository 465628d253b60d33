"""Learned aliases against counts made by hand, and the rules that keep a row's own labels from its features."""

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

import medrec
from medrec.datasets import Dataset
from medrec.features import RecordVectorizer
from medrec.features.aliases import KINDS, LearnedAliases
from tests._data import data_path

SCHEMA = {"text": "text", "evidence": "evidence"}
CODES = ["k26.9", "k59.00", "b19.20", "k75.9"]


def table(*rows):
    texts, evidence = zip(*rows)
    return pd.DataFrame({"text": pd.Series(texts, dtype=object), "evidence": pd.Series(evidence, dtype=object)})


def sets(records, codes=CODES):
    return np.array([[int(any(code == name for name, _ in row)) for code in codes] for row in records["evidence"]])


def blocks_of(part, text):
    """The values of one new record: block to label to value."""
    found = part.transform(pd.DataFrame({"text": [text]}))
    return {kind: block.toarray()[0] for kind, block in zip(part.kinds, found)}


@pytest.fixture
def ulcers():
    """Eight cases with an ulcer, six of them coded, and two with neither."""
    coded = [("Úlcera duodenal.", [["k26.9", "Úlcera duodenal"]])] * 6
    return table(*coded, *[("Ulceras duodenales.", [])] * 2, *[("Nada.", [])] * 2)


def fitted(records, **options):
    part = LearnedAliases(SCHEMA, CODES, **options)
    part.fit_transform(records, sets(records))
    return part


def test_precision_is_smoothed_and_takes_half_a_record_off(ulcers):
    found = blocks_of(fitted(ulcers), "Presenta úlceras duodenales")
    assert found["alias:precision"].tolist() == pytest.approx([(5.5 + 0.1) / (8 + 1), 0, 0, 0])
    assert found["alias:exact"][0] == found["alias:affirmed"][0] == found["alias:any"][0] == found["alias:precision"][0]
    assert found["alias:support"][0] == pytest.approx(np.log(9))
    assert found["alias:sources"][0] == pytest.approx(np.log(7))
    assert found["alias:count"][0] == pytest.approx(np.log(2))
    assert found["alias:first"][0] == pytest.approx(1 - 1 / 3)
    assert found["alias:words"][0] == found["alias:letters"][0] == pytest.approx(1)
    assert found["alias:likely"][0] == pytest.approx(5.6 / 9)
    found = blocks_of(fitted(ulcers, strength=3.0, prior=0.5), "ulcera duodenal")
    assert found["alias:precision"][0] == pytest.approx((5.5 + 1.5) / (8 + 3))


def test_each_spread_has_a_precision_of_its_own():
    records = table(
        *[("Quiste renal.", [["k26.9", "quiste renal"]])] * 2,
        *[("Quiste ovárico derecho, función hepática y renal.", [])] * 3,
    )
    part = fitted(records)
    assert blocks_of(part, "quiste renal")["alias:precision"][0] == pytest.approx((1.5 + 0.1) / 3)
    apart = blocks_of(part, "renal a b c d e f quiste")
    assert apart["alias:precision"][0] == pytest.approx(0.1 / 4)
    assert apart["alias:exact"][0] == 0


def test_denied_aliases_are_not_affirmed(ulcers):
    found = blocks_of(fitted(ulcers), "Niega úlcera duodenal")
    assert found["alias:precision"][0] > 0
    assert found["alias:affirmed"][0] == 0


def test_the_longer_of_two_aliases_counts():
    records = table(
        *[("Hepatitis C.", [["b19.20", "hepatitis C"]])] * 3, *[("Hepatitis.", [["k75.9", "hepatitis"]])] * 3
    )
    part = fitted(records)
    only = blocks_of(part, "hepatitis por virus C")["alias:precision"]
    assert only[2] > 0
    assert only[3] == 0
    both = blocks_of(part, "hepatitis C. Hepatitis")["alias:precision"]
    assert both[3] == pytest.approx((2.5 + 0.1) / 4), "the shorter one counts where it stands alone"


def test_several_aliases_add_up():
    records = table(
        *[("Ulcus.", [["k26.9", "ulcus"]])] * 3, *[("Llaga.", [["k26.9", "llaga"]])] * 2, *[("Llaga.", [])] * 2
    )
    found = blocks_of(fitted(records), "ulcus, ulcus y llaga")
    one, other = 2.6 / 4, 1.6 / 5
    assert found["alias:precision"][0] == pytest.approx(one)
    assert found["alias:any"][0] == pytest.approx(1 - (1 - one) * (1 - other))
    assert found["alias:count"][0] == pytest.approx(np.log(4))


def test_matches_lead_back_to_the_words(ulcers):
    part = fitted(ulcers)
    text = "No fiebre. Úlceras, niega que sean duodenales; úlcera duodenal."
    found = part.matches(text)
    assert {one.label for one in found} == {0}
    words = [[text[start:end] for start, end in one.spans] for one in found]
    assert words == [["úlcera", "duodenal"], ["Úlceras", "duodenales"]]
    assert [one.denied for one in found] == [False, False], "the first of its words is looked at"
    assert found[0].precision == pytest.approx(5.6 / 9)
    assert blocks_of(part, text)["alias:precision"][0] == pytest.approx(found[0].precision)
    assert part.matches("") == []


def test_siblings_share_the_category():
    codes = ["k26.9", "k26.0", "k59.00", "no code"]
    records = table(*[("Úlcera.", [["k26.9", "úlcera"]])] * 4)
    part = LearnedAliases(SCHEMA, codes)
    part.fit_transform(records, sets(records, codes))
    found = blocks_of(part, "ulcera")
    assert found["alias:siblings"].tolist() == [0, 1, 0, 0]


def test_a_row_never_depends_on_its_own_labels_or_evidence(ulcers):
    groups = np.arange(len(ulcers)) // 2
    before = LearnedAliases(SCHEMA, CODES).fit_transform(ulcers, sets(ulcers), groups)
    changed = ulcers.copy()
    for row in (0, 1):  # one patient
        changed.at[row, "evidence"] = [["k59.00", "úlcera duodenal"], ["b19.20", "nada"]]
    after = LearnedAliases(SCHEMA, CODES).fit_transform(changed, sets(changed), groups)
    for one, other in zip(before, after):
        assert one[:2].toarray().tolist() == other[:2].toarray().tolist()
    assert any((one != other).nnz for one, other in zip(before, after)), "other patients' rows do"


def test_one_patient_alone_learns_nothing_of_itself(ulcers):
    found = LearnedAliases(SCHEMA, CODES).fit_transform(ulcers, sets(ulcers), np.zeros(len(ulcers)))
    assert all(block.nnz == 0 for block in found)


def test_without_labels_those_with_evidence_are_taken(ulcers):
    given = LearnedAliases(SCHEMA, CODES).fit_transform(ulcers, sets(ulcers))
    taken = LearnedAliases(SCHEMA, CODES).fit_transform(ulcers)
    assert all((one != other).nnz == 0 for one, other in zip(given, taken))


def test_evidence_for_what_is_no_label_is_passed_over():
    records = table(*[("Tos.", [["r05", "tos"], ["k26.9", "de la"]])] * 3)
    found = LearnedAliases(SCHEMA, CODES).fit_transform(records, np.zeros((3, 4), dtype=int))
    assert all(block.shape == (3, 4) and block.nnz == 0 for block in found)


def test_missing_evidence_is_none(ulcers):
    missing = ulcers.copy()
    for row, nothing in zip((6, 7, 8), (None, float("nan"), ())):
        missing.at[row, "evidence"] = nothing
    given, same = (LearnedAliases(SCHEMA, CODES).fit_transform(one, sets(ulcers)) for one in (ulcers, missing))
    assert all((one != other).nnz == 0 for one, other in zip(given, same))


@pytest.mark.parametrize("wrong", ["k26.9", 5, [["k26.9"]], [["k26.9", 5]], ["ab"], [("a", "b", "c")], {"k26.9": "a"}])
def test_evidence_of_another_form_is_refused(ulcers, wrong):
    broken = ulcers.copy()
    broken.at[3, "evidence"] = wrong
    with pytest.raises(ValueError, match=r"column 'evidence' must hold lists of \[drug, words\]; got"):
        LearnedAliases(SCHEMA, CODES).fit_transform(broken, sets(ulcers))


@pytest.mark.parametrize("schema", [{"text": "text"}, {"text": "text", "a": "evidence", "b": "evidence"}])
def test_one_column_of_evidence(schema):
    with pytest.raises(ValueError, match="one column must be of kind 'evidence'"):
        LearnedAliases(schema, CODES)


class TestInTheVectorizer:
    def vectorizer(self, **options):
        return RecordVectorizer(SCHEMA, char_ngrams=(0, 0), min_df=1, drug_names=CODES, **options)

    def test_blocks_come_in_label_order_after_the_names(self, ulcers):
        vectorizer = self.vectorizer()
        names = vectorizer.label_block_names()
        X = vectorizer.fit_transform(ulcers, sets(ulcers))
        assert names[-len(KINDS) :] == KINDS
        assert list(vectorizer.label_blocks_) == list(names)
        own = LearnedAliases(SCHEMA, CODES).fit_transform(ulcers, sets(ulcers))
        assert (X[:, -len(KINDS) * len(CODES) :] != sp.hstack(own)).nnz == 0
        assert vectorizer.get_feature_names_out()[-1] == "alias:siblings=k75.9"

    def test_evidence_may_be_absent_when_predicting_but_not_in_training(self, ulcers):
        vectorizer = self.vectorizer().fit(ulcers, sets(ulcers))
        bare = ulcers.drop(columns="evidence")
        assert (vectorizer.transform(bare) != vectorizer.transform(ulcers)).nnz == 0
        with pytest.raises(ValueError, match="records lack the column 'evidence'"):
            self.vectorizer().fit(bare, sets(ulcers))

    def test_without_drug_names_evidence_is_no_feature(self, ulcers):
        vectorizer = RecordVectorizer(SCHEMA, min_df=1)
        vectorizer.fit(ulcers)
        assert vectorizer.label_block_names() == ()
        assert not any("evidence" in name for name in vectorizer.get_feature_names_out())

    def test_saved_and_loaded_it_reads_the_same(self, ulcers, tmp_path):
        vectorizer = self.vectorizer().fit(ulcers, sets(ulcers))
        medrec.save(vectorizer, tmp_path / "model")
        again = medrec.load(tmp_path / "model")
        records = table(("No úlcera duodenal. Ulcerado.", []))
        assert (again.transform(records) != vectorizer.transform(records)).nnz == 0


def test_on_real_cases_training_rows_see_what_new_rows_see():
    from medrec.datasets import read_codiesp
    from medrec.metrics import prauc

    train, dev = (read_codiesp(data_path("codiesp", f"{split}.jsonl.gz")) for split in ("train", "dev"))
    names = sorted({*train.drug_names, *dev.drug_names})
    train, dev = train.align(names), dev.align(names)
    assert isinstance(train, Dataset)
    part = LearnedAliases(train.schema, names)
    at = KINDS.index("alias:any")
    seen = prauc(train.Y, part.fit_transform(train.records, train.Y, train.groups)[at].toarray())
    new = prauc(dev.Y, part.transform(dev.records)[at].toarray())
    assert new > 0.52
    assert abs(seen - new) < 0.02
