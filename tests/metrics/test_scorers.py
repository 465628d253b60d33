"""Scorers in scikit-learn's own cross-validation and search."""

import pickle

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn import metrics as sk
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, GroupKFold, cross_validate
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from medrec.metrics import SCORERS, get_scorer, ndcg_at_k, prauc, precision_at_k, recall_at_k
from medrec.recommenders import BinaryRelevanceRecommender, LinearBase

FUNCTIONS = {"jaccard": sk.jaccard_score, "f1": sk.f1_score, "precision": sk.precision_score, "recall": sk.recall_score}


def data(n_records=80, n_labels=5):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n_records, 6))
    Y = X @ rng.normal(size=(6, n_labels)) + rng.normal(size=(n_records, n_labels)) > 0.5
    return X, Y.astype(int), rng.integers(0, 20, n_records)


@pytest.mark.parametrize("zero_division", [0, 1])
def test_every_scorer_equals_its_metric(zero_division):
    X, Y, _ = data()
    model = OneVsRestClassifier(LogisticRegression()).fit(X, Y)
    Z, scores = model.predict(X), model.predict_proba(X)
    expected = {
        f"{name}_{average}": function(Y, Z, average=average, zero_division=zero_division)
        for name, function in FUNCTIONS.items()
        for average in ("samples", "micro", "macro", "weighted")
    }
    expected |= {"subset_accuracy": sk.accuracy_score(Y, Z), "neg_hamming_loss": -sk.hamming_loss(Y, Z)}
    expected |= {"prauc": prauc(Y, scores)}
    for k in (1, 5, 10):
        expected |= {f"precision_at_{k}": precision_at_k(Y, scores, k), f"recall_at_{k}": recall_at_k(Y, scores, k)}
        expected |= {f"ndcg_at_{k}": ndcg_at_k(Y, scores, k)}
    assert set(expected) == set(SCORERS)
    for name, value in expected.items():
        assert get_scorer(name, zero_division=zero_division)(model, X, Y) == pytest.approx(value, abs=1e-12), name
    got = get_scorer(*expected, zero_division=zero_division)(model, X, sp.csr_matrix(Y))
    assert list(got) == list(expected)
    assert got == pytest.approx(expected, abs=1e-12)
    assert get_scorer("precision_at_3")(model, X, Y) == precision_at_k(Y, scores, 3)


@pytest.mark.parametrize("n_labels", [1, 2, 5])
@pytest.mark.parametrize("piped", [False, True])
def test_recommenders_cross_validate_with_groups(piped, n_labels):
    X, Y, groups = data(n_labels=n_labels)
    model = BinaryRelevanceRecommender(LinearBase(), cv=3)
    model = make_pipeline(StandardScaler(), model) if piped else model
    folds = GroupKFold(3)
    names = ("jaccard_samples", "f1_micro", "prauc", "ndcg_at_5")
    found = cross_validate(model, X, Y, groups=groups, cv=folds, scoring=get_scorer(*names), return_estimator=True)
    single = cross_validate(model, X, Y, groups=groups, cv=folds, scoring=SCORERS["prauc"])
    np.testing.assert_array_equal(single["test_score"], found["test_prauc"])
    for fold, (_, test) in enumerate(folds.split(X, Y, groups)):
        fitted = found["estimator"][fold]
        expected = prauc(Y[test], fitted.predict_proba(X[test]))
        assert found["test_prauc"][fold] == pytest.approx(expected, abs=1e-12)
        sets = np.asarray(fitted.predict(X[test]))
        both, either = (sets * Y[test]).sum(axis=1), ((sets + Y[test]) > 0).sum(axis=1)
        jaccard = np.where(either > 0, both / np.maximum(either, 1), 1).mean()
        assert found["test_jaccard_samples"][fold] == pytest.approx(jaccard, abs=1e-12)


def test_search_in_processes():
    X, Y, groups = data()
    search = GridSearchCV(
        OneVsRestClassifier(LogisticRegression()),
        {"estimator__C": [0.01, 10.0]},
        scoring=get_scorer("f1_samples", "prauc"),
        refit="prauc",
        cv=GroupKFold(2),
        n_jobs=2,
    )
    search.fit(X, Y, groups=groups)
    assert search.best_score_ == max(search.cv_results_["mean_test_prauc"])
    assert np.isfinite(search.cv_results_["mean_test_f1_samples"]).all()


def test_predict_proba_that_is_a_list_is_taken():
    X, Y, _ = data()
    forest = RandomForestClassifier(n_estimators=5, random_state=0).fit(X, Y)
    scores = np.column_stack([part[:, 1] for part in forest.predict_proba(X)])
    assert get_scorer("prauc")(forest, X, Y) == prauc(Y, scores)


class Margins(ClassifierMixin, BaseEstimator):
    """Has only a decision function."""

    def fit(self, X, y):
        return self

    def decision_function(self, X):
        return X[:, :3]


def test_a_decision_function_ranks_too_and_neither_is_an_error():
    X, Y, _ = data(n_labels=3)
    assert get_scorer("prauc")(Margins(), X, Y) == prauc(Y, X[:, :3])
    with pytest.raises(TypeError, match="predict_proba or decision_function"):
        get_scorer("prauc")(BaseEstimator(), X, Y)


def test_scorers_pickle_and_compare():
    for scorer in (*SCORERS.values(), get_scorer("prauc", "f1_micro", zero_division=0)):
        assert pickle.loads(pickle.dumps(scorer)) == scorer


@pytest.mark.parametrize(
    ("names", "options", "words"),
    [
        ((), {}, "at least one name"),
        (("f1",), {}, "no scorer 'f1'. There are jaccard_samples, "),
        (("precision_at_0",), {}, "no scorer"),
        (("precision_at_x",), {}, "no scorer"),
        (("f1_micro",), {"zero_division": 2}, "0, 1 or nan; got 2"),
    ],
)
def test_refusals_name_the_rule(names, options, words):
    with pytest.raises(ValueError, match=words):
        get_scorer(*names, **options)
