"""Label blocks of RecordVectorizer: a column a drug, named before fitting, at the end of the matrix."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import clone

import medrec
from medrec.datasets import load
from medrec.features import RecordVectorizer
from medrec.features.mentions import NamesPart
from medrec.recommenders import make_recommender

SCHEMA = {"history": "text", "talk": "dialogue", "age": "number"}
DRUGS = ["二甲双胍片", "阿司匹林", "格列美脲"]
ALIASES = {"二甲双胍片": ("格华止",)}
RECORDS = pd.DataFrame(
    {
        "history": ["服用二甲双胍片，格华止", "无特殊", None],
        "talk": [["患者：吃过阿司匹林", "医生：阿司匹林停了，改格列美脲"], [], ["医生：好"]],
        "age": [60, 61, 62],
    }
)


def vectorizer(**options):
    return RecordVectorizer(SCHEMA, min_df=1, drug_names=DRUGS, aliases=ALIASES, **options)


def test_blocks_stand_at_the_end_in_label_order():
    fitted = vectorizer()
    names = fitted.label_block_names()
    X = fitted.fit_transform(RECORDS)
    assert tuple(fitted.label_blocks_) == names == clone(fitted).label_block_names()
    width = len(DRUGS)
    ends = [X.shape[1] - width * (len(names) - at) for at in range(len(names))]
    assert [(s.start, s.stop) for s in fitted.label_blocks_.values()] == [(end, end + width) for end in ends]
    columns = fitted.get_feature_names_out()
    assert len(columns) == X.shape[1] == fitted.n_features_out_
    for name, place in fitted.label_blocks_.items():
        assert columns[place].tolist() == [f"{name}={drug}" for drug in DRUGS]
    assert (fitted.transform(RECORDS) != X).nnz == 0
    assert X.dtype == np.float32
    assert X[:, ends[0] :].min() >= 0


def test_what_the_texts_name():
    fitted = vectorizer()
    X = fitted.fit_transform(RECORDS).toarray()

    def block(name):
        return X[:, fitted.label_blocks_[name]]

    np.testing.assert_allclose(block("named:history"), np.log1p([[2, 0, 0], [0, 0, 0], [0, 0, 0]]), rtol=1e-6)
    np.testing.assert_allclose(block("named:talk.patient"), np.log1p([[0, 1, 0], [0, 0, 0], [0, 0, 0]]), rtol=1e-6)
    np.testing.assert_allclose(block("named:talk.doctor"), np.log1p([[0, 1, 1], [0, 0, 0], [0, 0, 0]]), rtol=1e-6)
    assert block("first").tolist()[0] == [np.float32(1 - 2 / len(RECORDS["history"][0])), 1, np.float32(1 - 8 / 12)]
    np.testing.assert_allclose(block("said:home")[0], np.log1p([1.5, 0, 0]), rtol=1e-6)  # the alias weighs a half
    np.testing.assert_allclose(block("doctor:stopped")[0], np.log1p([0, 1, 0]), rtol=1e-6)
    np.testing.assert_allclose(block("doctor:started")[0], np.log1p([0, 0, 1]), rtol=1e-6)
    assert block("share").tolist() == [[1, 1, 1], [0, 0, 0], [0, 0, 0]]


def test_mentions_say_where():
    part = NamesPart(SCHEMA, DRUGS, ALIASES)
    part.fit_transform(RECORDS)
    found = [(m.row, m.text, m.start, m.end, m.labels, m.full, m.kind) for m in part.mentions(RECORDS)]
    assert found == [
        (0, "history", 2, 7, (0,), 0, "home"),
        (0, "history", 8, 11, (0,), -1, "home"),
        (0, "talk.patient", 2, 6, (1,), 1, "other"),
        (0, "talk.doctor", 0, 4, (1,), 1, "stopped"),
        (0, "talk.doctor", 8, 12, (2,), 2, "started"),
    ]


def test_no_names_no_blocks():
    plain = RecordVectorizer(SCHEMA, min_df=1)
    assert plain.label_block_names() == ()
    X = plain.fit_transform(RECORDS)
    assert plain.label_blocks_ == {}
    fitted = vectorizer()
    Z = fitted.fit_transform(RECORDS)
    assert (Z[:, : X.shape[1]] != X).nnz == 0
    assert Z.shape[1] == X.shape[1] + len(DRUGS) * len(fitted.label_block_names())


def test_permuted_labels_permute_every_block():
    order = [2, 0, 1]
    fitted, other = vectorizer(), vectorizer().set_params(drug_names=[DRUGS[at] for at in order])
    X, Z = fitted.fit_transform(RECORDS), other.fit_transform(RECORDS)
    for name, place in fitted.label_blocks_.items():
        assert (X[:, place][:, order] != Z[:, other.label_blocks_[name]]).nnz == 0


def test_a_saved_vectorizer_reads_as_before(tmp_path):
    fitted = vectorizer()
    X = fitted.fit_transform(RECORDS)
    medrec.save(fitted, tmp_path / "model")
    assert (medrec.load(tmp_path / "model").transform(RECORDS) != X).nnz == 0


words = st.sampled_from(["二甲双胍", "二甲双胍片", "二甲双胍缓释片", "盐酸二甲双胍片", "格列美脲", "，", "停用", "x"])


@given(st.lists(words, max_size=8).map("".join))
def test_shares_are_those_of_the_narrowest_meaning(text):
    drugs = ["盐酸二甲双胍片", "二甲双胍缓释片", "二甲双胍片", "格列美脲片"]
    part = NamesPart({"note": "text"}, drugs)
    blocks = dict(zip(part.kinds, part.fit_transform(pd.DataFrame({"note": [text, ""]}))))
    meanings = [set(match.labels) for match in part.matcher_.find(text)]
    expected = np.zeros((2, len(drugs)))
    for label in range(len(drugs)):
        for labels in meanings:
            inside = [other for other in meanings if other < labels]
            able = {one for one in labels if not inside or any(one in other for other in inside)}
            if label in able:
                expected[0, label] = max(expected[0, label], 1 / len(able))
    np.testing.assert_allclose(blocks["share"].toarray(), expected, rtol=1e-6)
    named = np.expm1(blocks["named:note"].toarray())
    np.testing.assert_allclose(named[0], [sum(label in labels for labels in meanings) for label in range(4)], rtol=1e-5)
    said = sum(np.expm1(block.toarray()) for kind, block in blocks.items() if kind.startswith("said:"))
    assert (said <= named + 1e-5).all()
    assert ((said > 0) == (named > 0)).all()


def test_a_drug_never_prescribed_in_training_is_seen():
    data = load("synthetic:records=120,seed=4")
    never = int(np.flatnonzero(np.asarray(data.Y.sum(axis=0)).ravel() == 0)[0])
    name = data.drug_names[never]
    pipeline = make_recommender(
        "binary-relevance", schema=data.schema, drug_names=data.drug_names, names=True, features__max_features=50, cv=2
    )
    features = pipeline[0].fit(data.records, data.Y)
    record = data.records.head(1).copy()
    column = next(column for column, kind in data.schema.items() if kind == "text")
    record[column] = f"出院后继续{name}治疗"
    X = features.transform(record)
    for block in (f"named:{column}", "said:continued", "share"):
        assert X[0, features.label_blocks_[block].start + never] > 0
    seen = X[:, features.label_blocks_["said:continued"]].toarray()[0]
    assert seen[never] == seen.max() == np.float32(np.log1p(1))


def test_a_pipeline_that_reads_names_comes_back(tmp_path):
    data = load("synthetic:records=40,seed=4")
    pipeline = make_recommender(
        schema=data.schema,
        drug_names=data.drug_names,
        aliases=data.aliases,
        names=True,
        cv=2,
        features__max_features=50,
    )
    pipeline.fit(data.records, data.Y)
    medrec.save(pipeline, tmp_path / "model")
    back = medrec.load(tmp_path / "model")
    assert np.array_equal(back.predict_proba(data.records), pipeline.predict_proba(data.records))
    assert back[0].label_blocks_ == pipeline[0].label_blocks_
    # The file holds the names, not the automaton.
    assert back[0].label_parts_[0].matcher_._made is not None  # made anew by predicting
    assert medrec.load(tmp_path / "model")[0].label_parts_[0].matcher_._made is None


def test_records_without_texts_have_no_blocks():
    assert RecordVectorizer({"age": "number"}, drug_names=DRUGS).label_block_names() == ()


def test_names_must_be_names():
    with pytest.raises(ValueError, match="RecordVectorizer: drug names must be unique; 'a' stands twice"):
        RecordVectorizer(SCHEMA, drug_names=["a", "a"]).fit(RECORDS)
