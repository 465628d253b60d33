"""Label blocks of RecordVectorizer: a column a drug, named before fitting, at the end of the matrix."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

import medrec
from medrec.features import RecordVectorizer

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


def test_names_must_be_names():
    with pytest.raises(ValueError, match="RecordVectorizer: drug names must be unique; 'a' stands twice"):
        RecordVectorizer(SCHEMA, drug_names=["a", "a"]).fit(RECORDS)
