"""Hashed features against scikit-learn's own hashers, and blocks against the whole."""

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction import FeatureHasher
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.preprocessing import normalize
from sklearn.utils import murmurhash3_32

import medrec
from medrec.datasets import load
from medrec.features import HashingRecordVectorizer, RecordVectorizer
from medrec.features.parts import plan_parts
from medrec.features.tokens import WordAnalyzer
from medrec.recommenders import make_recommender
from medrec.tuning import cross_decide


@pytest.fixture(scope="module")
def data():
    return load("synthetic:records=60,seed=2")


def hashed(rows, part, n_features, **options):
    """Counts of token lists, moved to where the part begins."""
    matrix = FeatureHasher(n_features, input_type="string", dtype=np.float64, **options).transform(rows)
    return sp.csr_matrix(np.roll(matrix.toarray(), murmurhash3_32(part, positive=True) % n_features, axis=1))


def test_words_are_hashed_by_scikit_learn_and_weighed_as_tf():
    records = pd.DataFrame({"note": ["发热 咳嗽 发热", "咳嗽", ""]})
    got = HashingRecordVectorizer({"note": "text"}, n_features=64, char_ngrams=(0, 0), word_ngrams=1).transform(records)
    counts = hashed([WordAnalyzer(1)(text) for text in records["note"]], "note:word", 64)
    expected = TfidfTransformer(use_idf=False, sublinear_tf=True, norm=None).fit_transform(abs(counts))
    expected = normalize(expected.multiply(np.sign(counts.toarray())).tocsr())
    np.testing.assert_allclose(got.toarray(), expected.toarray(), rtol=1e-6)
    assert got.dtype == np.float32
    assert not got[2].nnz


def test_idf_is_scikit_learns():
    texts = ["甲 乙 乙", "甲 丙", "甲", "丁 丁 丁"] * 3
    records = pd.DataFrame({"note": texts})
    vectorizer = HashingRecordVectorizer(
        {"note": "text"}, n_features=512, char_ngrams=(0, 0), word_ngrams=1, idf=True, alternate_sign=False
    ).fit(records)
    counts = hashed([text.split() for text in texts], "note:word", 512, alternate_sign=False)
    expected = TfidfTransformer(sublinear_tf=True).fit_transform(counts)
    np.testing.assert_allclose(vectorizer.transform(records).toarray(), expected.toarray(), rtol=1e-5)


@pytest.mark.parametrize("idf", [False, True])
def test_blocks_are_the_whole(data, idf):
    vectorizer = HashingRecordVectorizer(data.schema, n_features=2**12, idf=idf)
    whole = clone(vectorizer).fit(data.records)
    by_block, others = clone(vectorizer), []
    for at in range(0, 60, 17):
        by_block.partial_fit(data.records.iloc[at : at + 17])
        others.append(clone(vectorizer).fit(data.records.iloc[at : at + 17]))
    merged = clone(vectorizer).merge(others)
    expected = whole.transform(data.records)
    for one in (by_block, merged):
        parts = [one.transform(data.records.iloc[at : at + 7]) for at in range(0, 60, 7)]
        assert (sp.vstack(parts, format="csr") != expected).nnz == 0


def test_every_part_of_the_plan_adds_features(data):
    parts = plan_parts(data.schema, characters=True)
    assert {part.name for part in parts} >= {"主诉:word", "出院诊断:code", "BMI:number", "出生日期:age"}
    learned = RecordVectorizer(data.schema, min_df=1).fit(data.records)
    assert set(learned.parts_) <= {part.name for part in parts}
    n_features = 2**20
    for part in parts:
        alone = {part.column: data.schema[part.column]}
        vectorizer = HashingRecordVectorizer(alone, n_features=n_features)
        if part.read == "age":
            alone["就诊时间"] = "date"
        assert vectorizer.transform(data.records).nnz
    both = HashingRecordVectorizer({"主诉": "text", "性别": "category"}, n_features=n_features).transform(data.records)
    single = [
        HashingRecordVectorizer({c: k}, n_features=n_features) for c, k in (("主诉", "text"), ("性别", "category"))
    ]
    assert (both != sum(one.transform(data.records) for one in single)).nnz == 0


def test_inner_products_survive_hashing(data):
    learned = RecordVectorizer({"主诉": "text"}, min_df=1, max_features=None, char_ngrams=(0, 0)).fit(data.records)
    assert len(learned.get_feature_names_out()) > 50
    X = HashingRecordVectorizer({"主诉": "text"}, n_features=2**14, char_ngrams=(0, 0)).transform(data.records)
    exact = HashingRecordVectorizer({"主诉": "text"}, n_features=2**22, char_ngrams=(0, 0)).transform(data.records)
    np.testing.assert_allclose((X @ X.T).toarray(), (exact @ exact.T).toarray(), atol=0.2)


def test_numbers_by_fixed_scales():
    records = pd.DataFrame({"a": [24.0, 28.0, np.nan], "day": ["2010-01", None, "2030-01"], "born": ["1960-01"] * 3})
    schema = {"a": "number", "day": "date", "born": "birthdate"}
    vectorizer = HashingRecordVectorizer(schema, n_features=2**20, number_scales={"a": (24, 4)}, alternate_sign=False)
    tokens = {part.column: vectorizer._number_tokens(part, records) for part in plan_parts(schema, characters=False)}
    assert tokens["a"] == [[("value", 0.0), ("bin=0", 1.0)], [("value", 1.0), ("bin=2", 1.0)], [("missing", 1.0)]]
    assert tokens["day"] == [[("value", 0.0), ("bin=0", 1.0)], [("missing", 1.0)], [("value", 2.0), ("bin=4", 1.0)]]
    assert tokens["born"][0] == [("value", 0.0), ("bin=0", 1.0)]
    assert tokens["born"][1] == [("missing", 1.0)]
    free = HashingRecordVectorizer({"a": "number"}, n_features=2**20)._number_tokens(
        plan_parts({"a": "number"}, characters=False)[0], pd.DataFrame({"a": [0.0, 1.0, -1.0, 1000.0]})
    )
    assert [row[0][0] for row in free] == ["bin=0", "bin=8", "bin=-8", "bin=79"]


def test_nothing_needs_to_be_fitted_unless_tokens_are_counted(data, tmp_path):
    vectorizer = HashingRecordVectorizer(data.schema, n_features=256)
    X = vectorizer.transform(data.records)
    assert (vectorizer.fit_transform(data.records) != X).nnz == 0
    assert vectorizer.get_feature_names_out().tolist()[:2] == ["hashed:0", "hashed:1"]
    with pytest.raises(NotFittedError):
        HashingRecordVectorizer(data.schema, idf=True).transform(data.records)
    medrec.save(vectorizer, tmp_path / "v")
    assert (medrec.load(tmp_path / "v").transform(data.records) != X).nnz == 0


def test_a_hashed_pipeline_is_cross_validated_by_patient(data):
    def make():
        return make_recommender(schema=data.schema, base="online", hashed=True, cv=2, features__n_features=256)

    assert cross_decide(make, data, n_splits=2)[0].shape == data.Y.shape


def test_refusals(data):
    with pytest.raises(ValueError, match="n_features must be a whole number"):
        HashingRecordVectorizer(data.schema, n_features=0).transform(data.records)
    with pytest.raises(ValueError, match="number_scales must give columns"):
        HashingRecordVectorizer(data.schema, number_scales={"BMI": (24, 0)}).transform(data.records)
    for scales in (3, {"BMI": 24}, {"BMI": ("a", "b")}, {"BMI": (np.nan, 1)}):
        with pytest.raises(ValueError, match="number_scales must give columns"):
            HashingRecordVectorizer(data.schema, number_scales=scales).transform(data.records)
    with pytest.raises(ValueError, match="records must be a DataFrame"):
        HashingRecordVectorizer(data.schema).transform(np.zeros((2, 2)))
    with pytest.raises(ValueError, match="lack the column"):
        HashingRecordVectorizer({"absent": "text"}).transform(data.records)
    with pytest.raises(ValueError, match="unknown kind"):
        HashingRecordVectorizer({"BMI": "colour"}).transform(data.records)
    with pytest.raises(ValueError, match="same options"):
        HashingRecordVectorizer(data.schema).merge([HashingRecordVectorizer(data.schema, n_features=2)])
