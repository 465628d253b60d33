"""RecordVectorizer: what each kind of column becomes, that nothing is learned from test rows, and broken records."""

import pickle

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import Pipeline

from medrec import PriorRecommender, RecordVectorizer

SCHEMA = {
    "note": "text",
    "talk": "dialogue",
    "diagnoses": "codes",
    "sex": "category",
    "bmi": "number",
    "visit": "date",
    "born": "birthdate",
}


def records(**columns):
    """Six records of every kind; columns replace the defaults."""
    table = {
        "note": ["fever and cough", "cough", "fever", "chest pain", "chest pain and cough", None],
        "talk": [["患者：发热 头痛", "医生：多久了"], ["医生：咳嗽吗"], [], None, ["患者: 咳嗽"], ["无"]],
        "diagnoses": [["E11.9", "I10"], ["E11.2"], ["高血压", "I10"], [], None, ["糖尿病"]],
        "sex": ["男", "女", "女", None, "男", "女"],
        "bmi": [20.0, 25.5, None, 31.0, 22.0, 24.5],
        "visit": ["2015-03-02", "2016-01", "2015", None, "2014-12-31", "2016-06-15"],
        "born": ["1940-12-01", "1950-01", "1960", "1970-06-30", None, "2000-06-01"],
    }
    return pd.DataFrame(table | columns)


def fit(schema, table, **options):
    """Names and features as a dict of dense columns."""
    vectorizer = RecordVectorizer(schema, **({"char_ngrams": (0, 0), "min_df": 1} | options))
    X = vectorizer.fit_transform(table)
    return vectorizer, dict(zip(vectorizer.get_feature_names_out(), X.toarray().T))


# ------------------------------------------------------------------------------------------------- the whole


def test_form_of_the_matrix():
    vectorizer = RecordVectorizer(SCHEMA, min_df=1)
    X = vectorizer.fit_transform(records())
    assert isinstance(X, sp.csr_matrix)
    assert X.dtype == np.float32
    assert X.has_sorted_indices
    assert X.has_canonical_format
    names = vectorizer.get_feature_names_out()
    assert len(names) == len(set(names)) == X.shape[1] == vectorizer.n_features_out_
    assert vectorizer.n_features_in_ == len(SCHEMA)
    assert vectorizer.feature_names_in_.tolist() == list(SCHEMA)
    again = vectorizer.transform(records())
    assert (again != X).nnz == 0
    assert again.has_sorted_indices
    assert list(vectorizer.blocks_) == [
        "note:word", "note:char", "talk.patient:word", "talk.patient:char", "talk.doctor:word", "talk.doctor:char",
        "talk.closing:char", "diagnoses:code", "diagnoses:prefix", "diagnoses:char", "sex:is", "bmi:number",
        "visit:year", "born:age",
    ]  # fmt: skip
    for name, block in vectorizer.blocks_.items():
        assert all(one.startswith(f"{name}=") for one in names[block])
    assert [block.start for block in vectorizer.blocks_.values()] == [
        0, *[block.stop for block in vectorizer.blocks_.values()][:-1]
    ]  # fmt: skip


def test_fitting_is_repeatable_and_leaves_everything_as_it_was():
    vectorizer = RecordVectorizer(SCHEMA, min_df=1, lexicon=["咳嗽"])
    params, table = vectorizer.get_params(), records()
    before = table.copy(deep=True)
    X = vectorizer.fit_transform(table)
    assert vectorizer.get_params() == params
    pd.testing.assert_frame_equal(table, before)
    assert (clone(vectorizer).fit(table, [0] * 6).transform(table) != X).nnz == 0
    assert (vectorizer.fit_transform(table) != X).nnz == 0
    assert (pickle.loads(pickle.dumps(vectorizer)).transform(table) != X).nnz == 0
    with pytest.raises(NotFittedError):
        clone(vectorizer).transform(table)
    with pytest.raises(NotFittedError):
        clone(vectorizer).get_feature_names_out()
    assert vectorizer.fit(table.head(2)).transform(table).shape[1] < X.shape[1]


def test_closing_is_the_last_turn_of_the_doctor():
    turns = [["患者：咳嗽", "医生：多久了", "医生：吃点止咳药", "患者：谢谢"], ["患者：只有我"], []]
    table = pd.DataFrame({"talk": pd.Series(turns, dtype=object)})
    vectorizer = RecordVectorizer({"talk": "dialogue"}, min_df=1, char_ngrams=(2, 2))
    X = vectorizer.fit_transform(table)
    where = vectorizer.blocks_["talk.closing:char"]
    names = vectorizer.get_feature_names_out()[where]
    assert set(names) == {f"talk.closing:char={gram}" for gram in ("吃点", "点止", "止咳", "咳药")}
    assert X[:, where].getnnz(axis=1).tolist() == [4, 0, 0]
    words = RecordVectorizer({"talk": "dialogue"}, min_df=1, char_ngrams=(0, 0)).fit(table)
    assert "talk.closing:word" in words.blocks_


def test_records_do_not_depend_on_each_other_or_on_other_columns():
    table = records()
    vectorizer = RecordVectorizer(SCHEMA, min_df=1)
    X = vectorizer.fit_transform(table).toarray()
    order = [3, 0, 5, 1, 4, 2]
    np.testing.assert_array_equal(vectorizer.transform(table.iloc[order]).toarray(), X[order])
    for row in range(6):
        np.testing.assert_array_equal(vectorizer.transform(table.iloc[[row]]).toarray()[0], X[row])
    other = table[list(SCHEMA)[::-1]].assign(id=range(6))
    np.testing.assert_array_equal(vectorizer.transform(other).toarray(), X)
    shuffled = RecordVectorizer(SCHEMA, min_df=1).fit(table.iloc[order]).transform(table).toarray()
    np.testing.assert_allclose(shuffled, X, atol=1e-6)


def test_nothing_is_learned_from_test_rows():
    train, test = records(), records(note=["unheard", "fever", "", "x", "y", "z"], sex=["其他"] * 6)
    vectorizer = RecordVectorizer(SCHEMA, min_df=1).fit(train)
    names, before = vectorizer.get_feature_names_out(), vectorizer.transform(train)
    X = vectorizer.transform(test)
    assert not any("unheard" in name or "其他" in name for name in names)
    assert (vectorizer.transform(train) != before).nnz == 0
    assert vectorizer.get_feature_names_out().tolist() == names.tolist()
    alone = RecordVectorizer(SCHEMA, min_df=1).fit(train).transform(test)
    assert (alone != X).nnz == 0
    assert X[0, vectorizer.blocks_["note:word"]].nnz == 0
    assert X[:, vectorizer.blocks_["sex:is"]].nnz == 0


@pytest.mark.parametrize("rows", [1, 2])
def test_one_record(rows):
    table = records().head(rows)
    X = RecordVectorizer(SCHEMA).fit_transform(table)
    assert X.shape[0] == rows
    assert X.shape[1] > 0
    assert np.isfinite(X.toarray()).all()


@pytest.mark.parametrize("nothing", [None, np.nan, pd.NA, pd.NaT, ""])
def test_columns_without_any_value(nothing):
    empty = pd.DataFrame({column: pd.Series([nothing] * 3, dtype=object) for column in SCHEMA})
    if nothing is pd.NaT or isinstance(nothing, str):
        empty["bmi"] = None  # these are no numbers
    vectorizer = RecordVectorizer(SCHEMA, min_df=1)
    X = vectorizer.fit_transform(empty)
    assert set(vectorizer.get_feature_names_out()) == {"bmi:number=missing", "visit:year=missing", "born:age=missing"}
    assert (X.toarray() == 1).all()
    mixed = RecordVectorizer(SCHEMA, min_df=1).fit(records())
    assert np.isfinite(mixed.transform(empty).toarray()).all()
    assert vectorizer.transform(records()).shape == (6, 3)


def test_no_columns_at_all():
    assert RecordVectorizer({}).fit_transform(records()).shape == (6, 0)
    assert RecordVectorizer({"note": "text"}).fit_transform(records(note=[""] * 6)).shape == (6, 0)


# --------------------------------------------------------------------------------------------------- each kind


def test_texts_are_tf_idf_of_words_and_characters():
    table = records()
    texts = table["note"].fillna("")
    vectorizer = RecordVectorizer({"note": "text"}, min_df=1, char_ngrams=(2, 3))
    X = vectorizer.fit_transform(table)
    words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=r"\w+")
    np.testing.assert_allclose(
        X[:, vectorizer.blocks_["note:word"]].toarray(), words.fit_transform(texts).toarray(), rtol=1e-5
    )
    characters = TfidfVectorizer(analyzer="char", ngram_range=(2, 3), sublinear_tf=True)
    np.testing.assert_allclose(
        X[:, vectorizer.blocks_["note:char"]].toarray(), characters.fit_transform(texts).toarray(), rtol=1e-5
    )


def test_min_df_and_max_features():
    _vectorizer, columns = fit({"note": "text"}, records(), min_df=3, word_ngrams=1)
    assert set(columns) == {"note:word=cough"}
    _, columns = fit({"note": "text"}, records(), max_features=2, word_ngrams=1)
    assert len(columns) == 2
    assert "note:word=cough" in columns
    _, columns = fit({"diagnoses": "codes"}, records(), min_df=2)
    assert set(columns) == {"diagnoses:code=I10", "diagnoses:prefix=E11", "diagnoses:prefix=I10"}


def test_the_sides_of_a_dialogue_stand_apart():
    _vectorizer, columns = fit({"talk": "dialogue"}, records(), word_ngrams=1)
    assert columns["talk.patient:word=咳嗽"].astype(bool).tolist() == [False] * 4 + [True, False]
    assert columns["talk.doctor:word=咳嗽"].astype(bool).tolist() == [False, True] + [False] * 4
    assert columns["talk.patient:word=无"].astype(bool).tolist() == [False] * 5 + [True]  # no speaker: the patient
    assert not any("患者" in name or "医生" in name for name in columns)


def test_codes_names_and_prefixes():
    _vectorizer, columns = fit({"diagnoses": "codes"}, records(), char_ngrams=(2, 2))
    assert columns["diagnoses:code=E11.9"].tolist() == [1, 0, 0, 0, 0, 0]
    assert columns["diagnoses:code=高血压"].tolist() == [0, 0, 1, 0, 0, 0]
    assert columns["diagnoses:prefix=E11"].tolist() == [1, 1, 0, 0, 0, 0]
    assert columns["diagnoses:prefix=I10"].tolist() == [1, 0, 1, 0, 0, 0]
    assert {name for name in columns if ":char=" in name} == {
        f"diagnoses:char={gram}" for gram in ("高血", "血压", "糖尿", "尿病")
    }


@pytest.mark.parametrize(
    ("code", "prefix"),
    [
        ("E11.9", "E11"), ("e11.9", "E11"), ("E119", "E11"), ("I10", "I10"), ("C7A.00", "C7A"), ("S72.001A", "S72"),
        ("250.00", "250"), ("25000", "250"), ("401", "401"), ("V58.67", "V58"), ("E849.0", "E849"),
        ("ICD10:E11.9", "E11"),
        ("ICD9:250.00", "250"), (" E11.9 ", "E11"), ("高血压", None), ("E1", None), ("diabetes", None), ("12", None),
    ],
)  # fmt: skip
def test_icd_prefixes(code, prefix):
    _, columns = fit({"diagnoses": "codes"}, pd.DataFrame({"diagnoses": [[code], ["x"]]}))
    assert {name.partition("=")[2] for name in columns if ":prefix=" in name} == ({prefix} if prefix else set())


def test_codes_count_once_and_come_as_list_tuple_or_array():
    table = pd.DataFrame({"diagnoses": [["a", "a", " "], ("b", "a"), np.array(["b"], dtype=object), []]})
    _, columns = fit({"diagnoses": "codes"}, table)
    assert {name: column.tolist() for name, column in columns.items()} == {
        "diagnoses:code=a": [1, 1, 0, 0],
        "diagnoses:code=b": [0, 1, 1, 0],
    }


def test_categories_are_the_same_as_numbers_of_any_type():
    _, columns = fit({"ward": "category"}, pd.DataFrame({"ward": [1, 2, 2]}))
    assert {name: column.tolist() for name, column in columns.items()} == {
        "ward:is=1": [1, 0, 0],
        "ward:is=2": [0, 1, 1],
    }
    vectorizer = RecordVectorizer({"ward": "category"}).fit(pd.DataFrame({"ward": [1, 2, 2]}))
    same = vectorizer.transform(pd.DataFrame({"ward": [1.0, np.nan, 2.0]})).toarray()
    assert same.tolist() == [[1, 0], [0, 0], [0, 1]]


def test_numbers_are_standardised_and_missing_ones_flagged():
    values = [20.0, 25.5, None, 31.0, 22.0, 24.5]
    _, columns = fit({"bmi": "number"}, records())
    known = np.array([value for value in values if value is not None])
    expected = [0 if value is None else (value - known.mean()) / known.std() for value in values]
    assert list(columns) == ["bmi:number=value", "bmi:number=missing"]
    np.testing.assert_allclose(columns["bmi:number=value"], expected, rtol=1e-6)
    assert columns["bmi:number=missing"].tolist() == [0, 0, 1, 0, 0, 0]


def test_numbers_of_many_values_get_quantile_bins():
    table = pd.DataFrame({"age": [*range(16), None]})
    vectorizer, columns = fit({"age": "number"}, table)
    bins = [name for name in columns if "[" in name]
    assert len(bins) == 8
    assert bins[0] == "age:number=[-inf, 1.875)"
    assert bins[-1] == "age:number=[13.125, inf)"
    chosen = np.array([columns[name] for name in bins])
    assert (chosen.sum(axis=0) == [1] * 16 + [0]).all()
    assert (chosen.sum(axis=1) == 2).all()
    outside = vectorizer.transform(pd.DataFrame({"age": [-100.0, 100.0]})).toarray()
    names = vectorizer.get_feature_names_out().tolist()
    assert outside[0, names.index(bins[0])] == outside[1, names.index(bins[-1])] == 1


def test_flags_stay_as_they_are_and_constants_say_nothing():
    table = pd.DataFrame({"flag": [0, 1, 1], "none": [0, 0, 0], "same": [7.0, 7.0, 7.0], "truth": [True, False, True]})
    _, columns = fit(dict.fromkeys(table, "number"), table)
    assert {name: column.tolist() for name, column in columns.items()} == {
        "flag:number=value": [0, 1, 1],
        "none:number=value": [0, 0, 0],
        "truth:number=value": [1, 0, 1],
    }


@given(st.lists(st.one_of(st.none(), st.floats(-1e9, 1e9)), min_size=1, max_size=30))
@settings(max_examples=60, deadline=None)
def test_any_numbers_give_finite_features_of_distinct_names(values):
    table = pd.DataFrame({"lab": pd.Series(values, dtype=float)})
    vectorizer = RecordVectorizer({"lab": "number"})
    X = vectorizer.fit_transform(table)
    names = vectorizer.get_feature_names_out()
    assert len(set(names)) == len(names) == X.shape[1]
    assert np.isfinite(X.toarray()).all()
    assert X.shape[1] <= 10


def test_close_numbers_keep_distinct_names():
    table = pd.DataFrame({"lab": 1e6 + np.arange(20) / 100})
    vectorizer = RecordVectorizer({"lab": "number"}).fit(table)
    assert len(set(vectorizer.get_feature_names_out())) == 9


def test_ages_are_taken_at_the_visit():
    vectorizer, columns = fit({"visit": "date", "born": "birthdate"}, records())
    months = [(2015, 3, 1940, 12), (2016, 1, 1950, 1), (2015, 1, 1960, 1), (2016, 6, 1970, 6), None, (2016, 6, 2000, 6)]
    ages = np.array([np.nan if one is None else one[0] - one[2] + (one[1] - one[3]) / 12 for one in months])
    np.testing.assert_allclose(ages[[0, 1, 2, 3, 5]], [74.25, 66, 55, 46, 16])  # the fourth at the latest visit known
    expected = np.where(np.isnan(ages), 0, (ages - np.nanmean(ages)) / np.nanstd(ages))
    np.testing.assert_allclose(columns["born:age=value"], expected, rtol=1e-5, atol=1e-6)
    assert columns["born:age=missing"].tolist() == [0, 0, 0, 0, 1, 0]
    # The latest visit is the training set's, whatever comes later.
    later = records(visit=[None, "2030-01", "2030-01", "2030-01", None, None], born=["1986-06"] * 6)
    found = vectorizer.transform(later).toarray()[
        :, vectorizer.get_feature_names_out().tolist().index("born:age=value")
    ]
    np.testing.assert_allclose(found[0], (30 - np.nanmean(ages)) / np.nanstd(ages), rtol=1e-5)


def test_impossible_ages_are_missing():
    _, columns = fit(
        {"visit": "date", "born": "birthdate"}, records(born=["2020", "1800", "1950", "1960", "1970", "1940"])
    )
    assert columns["born:age=missing"].tolist() == [1, 1, 0, 0, 0, 0]


def test_dates_of_every_type():
    for visit in (["2015-03", "2016-09"], pd.to_datetime(["2015-03-31", "2016-09-01"]), [" 2015-3 ", "2016-9-30"]):
        _, columns = fit({"visit": "date"}, pd.DataFrame({"visit": visit}))
        np.testing.assert_allclose(columns["visit:year=value"], [-1, 1], rtol=1e-6)
    _, columns = fit({"visit": "date"}, pd.DataFrame({"visit": [pd.Timestamp("2015-03-31"), pd.NaT]}))
    assert columns["visit:year=missing"].tolist() == [0, 1]


# ------------------------------------------------------------------------------------------------ scikit-learn


def test_in_a_pipeline():
    pipeline = Pipeline([("features", RecordVectorizer(SCHEMA, min_df=1)), ("recommender", PriorRecommender())])
    pipeline.fit(records(), np.eye(6, dtype=int))
    assert pipeline[:-1].get_feature_names_out().tolist() == pipeline[0].get_feature_names_out().tolist()
    assert pipeline.feature_names_in_.tolist() == list(SCHEMA)
    assert pipeline[-1].n_features_in_ == pipeline[0].n_features_out_


def test_output_is_sparse_and_says_so_when_asked_for_a_table():
    vectorizer = RecordVectorizer(SCHEMA, min_df=1).set_output(transform="pandas")
    with pytest.raises(ValueError, match="outputs a scipy sparse matrix"):
        vectorizer.fit_transform(records())
    vectorizer.set_output(transform="default")
    assert sp.issparse(vectorizer.fit_transform(records()))


# ---------------------------------------------------------------------------------------------- broken records


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("note", ["a", "list"], "column 'note' must hold texts; got"),
        ("note", 3.0, "column 'note' must hold texts; got 3.0"),
        ("talk", "患者：发热", "column 'talk' must hold lists of utterances"),
        ("diagnoses", "E11.9;I10", "column 'diagnoses' must hold lists of codes, each a string; got 'E11.9;I10'"),
        ("diagnoses", [250], "column 'diagnoses' must hold lists of codes, each a string"),
        ("diagnoses", [None], "column 'diagnoses' must hold lists of codes, each a string"),
        ("bmi", "heavy", "column 'bmi' must hold numbers"),
        ("bmi", np.inf, "column 'bmi' must hold finite numbers; got infinity"),
        ("visit", "03/2015", "column 'visit' must hold dates such as 2015-03; got '03/2015'"),
        ("visit", "2015-13", "column 'visit' must hold dates"),
        ("visit", 2015, "column 'visit' must hold dates"),
        ("born", "unknown", "column 'born' must hold dates"),
    ],
)
def test_what_is_not_of_its_kind_is_named(column, value, message):
    table = records()
    table[column] = pd.Series([*table[column][:5], value], dtype=object)
    with pytest.raises(ValueError, match="RecordVectorizer: .*" + message.replace("(", r"\(")):
        RecordVectorizer(SCHEMA, min_df=1).fit(table)
    fitted = RecordVectorizer(SCHEMA, min_df=1).fit(records())
    with pytest.raises(ValueError, match="RecordVectorizer: .*" + message.replace("(", r"\(")):
        fitted.transform(table)


def test_broken_tables_and_schemas_are_named():
    vectorizer = RecordVectorizer(SCHEMA)
    with pytest.raises(ValueError, match=r"records must be a DataFrame; got ndarray\. Pass dataset"):
        vectorizer.fit(np.ones((3, 2)))
    with pytest.raises(ValueError, match="records lack the column 'born'"):
        vectorizer.fit(records().drop(columns="born"))
    with pytest.raises(ValueError, match="there are no records"):
        vectorizer.fit(records().head(0))
    with pytest.raises(ValueError, match="records lack the column 'born'"):
        vectorizer.fit(records()).transform(records().drop(columns="born"))
    with pytest.raises(ValueError, match="column 'note' has an unknown kind 'prose'"):
        RecordVectorizer({"note": "prose"}).fit(records())
    clash = pd.DataFrame({"talk": [["a"]], "talk.patient": ["b"]})
    with pytest.raises(ValueError, match=r"two columns would be named 'talk\.patient'; rename one"):
        RecordVectorizer({"talk": "dialogue", "talk.patient": "text"}).fit(clash)
