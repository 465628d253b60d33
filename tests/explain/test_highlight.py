"""What is marked is where the token stands in the text as it was written, and adds up."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medrec.datasets import load
from medrec.explain import explain_record
from medrec.explain.highlight import highlight
from medrec.explain.passages import passages_of, read_pieces
from medrec.features import RecordVectorizer
from medrec.features.parts import SIDES, read_column
from medrec.features.tokens import normalize, normalize_with_offsets, place_words, segment
from medrec.recommenders import PairBooster
from tests._data import data_path
from tests.explain.examples import DRUGS, fit, make_data

DATA = make_data(24)
VECTORIZER = RecordVectorizer(DATA.schema, min_df=1, drug_names=DRUGS).fit(DATA.records, DATA.Y)
NAMES = VECTORIZER.get_feature_names_out().tolist()


def marked(name, row, amount=1.0):
    """What is marked for one column of the features: (column, text of the span, amount)."""
    amounts = np.zeros(len(NAMES))
    amounts[NAMES.index(name)] = amount
    passages, located = highlight(VECTORIZER, DATA.records.iloc[[row]], amounts)
    found = [(one.column, one.text[span.start : span.end], span.amount) for one in passages for span in one.spans]
    assert located == pytest.approx(sum(part[2] for part in found))
    return found


@pytest.mark.parametrize(
    ("name", "row", "column", "texts"),
    [
        ("note:word=二甲 双", 0, "note", ["二甲双胍"]),
        ("note:word=aspirin", 1, "note", ["ＡＳＰＩＲＩＮ"]),
        ("note:char=asp", 1, "note", ["ＡＳＰＩＲＩＮ"]),
        ("note:char=咳", 3, "note", ["咳嗽"]),
        ("note:word=口服 b", 1, "note", ["口服", "b"]),
        ("talk.patient:word=血糖高", 0, "talk", ["血糖高"]),
        ("talk.doctor:word=aspirin", 1, "talk", ["aspirin"]),
        ("talk.closing:char=再观察", 3, "talk", ["再", "观察"]),
        ("codes:code=I25.1", 1, "codes", ["I25.1"]),
        ("codes:prefix=I25", 1, "codes", ["I25.1"]),
        ("codes:char=冠心", 1, "codes", ["冠心病"]),
        ("sex:is=男", 0, "sex", ["男"]),
        ("age:number=value", 3, "age", ["43"]),
        ("visit:year=value", 0, "visit", ["2010-03"]),
        ("named:note=盐酸二甲双胍片", 0, "note", ["二甲双胍"]),
        ("named:note=Aspirin tablets", 1, "note", ["ＡＳＰＩＲＩＮ"]),
        ("doctor:continued=盐酸二甲双胍片", 0, "talk", ["二甲双胍"]),
        ("said:continued=盐酸二甲双胍片", 0, "note", ["二甲双胍"]),
        ("share=盐酸二甲双胍片", 0, "note talk", ["二甲双胍", "二甲双胍"]),
    ],
)
def test_a_token_is_marked_where_it_stands(name, row, column, texts):
    found = marked(name, row, -0.5)
    assert [text for _, text, _ in found] == texts
    assert {one for one, _, _ in found} == set(column.split())
    assert sum(amount for _, _, amount in found) == pytest.approx(-0.5)


@pytest.mark.parametrize(
    "name", ["note:word=咳嗽", "named:note=从不给的药", "said:denied=盐酸二甲双胍片", "codes:code=I10"]
)
def test_what_is_not_in_the_record_is_not_marked(name):
    assert marked(name, 0) == []


def test_a_token_that_stands_several_times_is_shared():
    vectorizer = RecordVectorizer({"note": "text"}, min_df=1, word_ngrams=1, char_ngrams=(0, 0))
    record = pd.DataFrame({"note": ["发热，咳嗽，发热"]})
    names = vectorizer.fit(record).get_feature_names_out().tolist()
    [passage], located = highlight(vectorizer, record, np.where(np.asarray(names) == "note:word=发热", 0.6, 0.0))
    assert [(span.start, span.end) for span in passage.spans] == [(0, 2), (6, 8)]
    assert [span.amount for span in passage.spans] == pytest.approx([0.3, 0.3])
    assert located == pytest.approx(0.6)


def test_learned_aliases_are_marked():
    records = pd.DataFrame({"note": ["Úlcera duodenal. Tos seca.", "No fiebre. Tos."] * 6})
    records["why"] = [[["K26", "úlcera duodenal"]], [["R05", "tos"]]] * 6
    vectorizer = RecordVectorizer({"note": "text", "why": "evidence"}, min_df=1, drug_names=["K26", "R05"])
    vectorizer.fit(records, [[1, 0], [0, 1]] * 6)
    names = vectorizer.get_feature_names_out().tolist()
    amounts = np.zeros(len(names))
    amounts[names.index("alias:precision=K26")] = 0.8
    [passage], located = highlight(vectorizer, records.iloc[[0]].drop(columns="why"), amounts)
    assert [passage.text[span.start : span.end] for span in passage.spans] == ["Úlcera", "duodenal"]
    assert located == pytest.approx(0.8)


@pytest.mark.parametrize("row", range(4))
def test_every_feature_of_a_record_is_found(row):
    record = DATA.records.iloc[[row]]
    X = VECTORIZER.transform(record)
    for column, value in zip(X.indices, X.data):
        _, located = highlight(VECTORIZER, record, np.where(np.arange(len(NAMES)) == column, 2.0, 0.0))
        joins_turns = NAMES[column] == "talk.doctor:char=\n"
        assert located == pytest.approx(0.0 if joins_turns or not value else 2.0), NAMES[column]


def test_what_is_marked_of_a_linear_model_is_what_its_features_add():
    pipeline, data = fit("binary-relevance", names=True)
    for row in range(3):
        found = explain_record(pipeline, data.subset([row]), DRUGS[row])
        of_features = found.table[found.table["source"] == "feature"]
        assert found.located == pytest.approx(of_features["contribution"].sum(), abs=1e-6)


def test_a_stack_marks_its_bases_and_pair_features():
    pipeline, data = fit("stacked", bases=["logistic"], pairs=PairBooster(n_estimators=20, min_child_samples=5))
    found = explain_record(pipeline, data.subset([0]), DRUGS[0])
    words = {one.text[span.start : span.end] for one in found.passages for span in one.spans if span.amount > 0}
    assert "二甲双胍" in words


@pytest.mark.parametrize(("column", "read"), [("note", "text"), ("talk", "patient"), ("talk", "doctor"),
                                              ("talk", "closing"), ("codes", "names")])  # fmt: skip
def test_readings_are_what_the_features_read(column, read):
    odd = {
        "note": ["a\nb", "", None],
        "talk": [["患者：一 医生：二", " ", "医生：三", "四", "Doctor: 五"], [], ["医生：", "医生：完"]],
        "codes": [["I10", "高血压", "高血压", "冠心病"], [], None],
    }
    records = pd.DataFrame(odd)
    for row in range(3):
        record = records.iloc[[row]]
        reading = read_pieces(record, column, DATA.schema[column], read)
        assert reading.text == read_column(record, column, read)[0]
        pieces = [one.text for one in passages_of(record, {column: DATA.schema[column]})]
        for letter, passage, offset in zip(reading.text, reading.passage, reading.offset):
            assert letter == ("\n" if passage < 0 else pieces[passage][offset])


def test_sides_of_a_dialogue_are_known():
    assert set(SIDES["dialogue"].values()) == {"patient", "doctor"}


@settings(deadline=None, max_examples=200)
@given(st.text(alphabet=st.sampled_from("aＡé́ㅏ가㎎ﬁ Σσ。\n　血糖e1.5İ"), max_size=12) | st.text(max_size=12))
def test_offsets_lead_back(text):
    normalized, offsets = normalize_with_offsets(text)
    assert normalized == normalize(text)
    assert offsets == sorted(offsets)
    assert offsets[-1] == len(text)
    assert len(offsets) == len(normalized) + 1
    words = place_words(normalized, ())
    assert [word for word, _ in words] == segment(text)
    assert all(normalized[at : at + len(word)] == word for word, at in words)


@pytest.mark.data
def test_every_feature_of_real_dialogues_is_found():
    data = load(f"dialmed:{data_path('dialmed', 'dev.txt')}", masks="drop").subset(range(150))
    vectorizer = RecordVectorizer(data.schema, drug_names=data.drug_names, aliases=data.aliases)
    X = vectorizer.fit_transform(data.records, data.Y)
    names = vectorizer.get_feature_names_out()
    joining = np.asarray(["\n" in name for name in names])
    for row in range(0, 150, 30):
        present = np.zeros(len(names))
        present[X[row].indices] = 1.0
        present[joining] = 0.0
        _, located = highlight(vectorizer, data.records.iloc[[row]], present)
        assert located == pytest.approx(present.sum(), rel=1e-9)
