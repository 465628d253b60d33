"""The stacked recommender: cross-fitting, the average, corrections, names of drugs never seen."""

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from scipy.special import logit
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression

from medrec import (
    BinaryRelevanceRecommender,
    NeighborRecommender,
    PriorRecommender,
    StackedRecommender,
    make_recommender,
)
from medrec.decision import ExpectedJaccard, PlattCalibrator
from medrec.recommenders import PairBooster
from medrec.recommenders.folds import patient_folds

PLAIN = PairBooster(n_estimators=0)


def problem(seed=0, n_records=120, n_labels=6):
    rng = np.random.default_rng(seed)
    X = rng.random((n_records, 10)) * (rng.random((n_records, 10)) < 0.5)
    signal = X @ rng.normal(size=(10, n_labels)) + 0.3 * rng.normal(size=(n_records, n_labels))
    Y = (signal > np.quantile(signal, np.linspace(0.5, 0.9, n_labels), axis=0).diagonal()).astype(int)
    return sp.csr_matrix(X), Y, rng.integers(0, 60, size=n_records)


def products(seed=2, n_records=500):
    """One drug is a product, which trees see and lines do not; others are lines."""
    X = np.random.default_rng(seed).normal(size=(n_records, 6))
    return X, np.column_stack([X[:, 0] * X[:, 1] > 0, X[:, 2] + X[:, 3] > 0, X[:, 4] > X[:, 5]]).astype(int)


def test_the_average_is_a_logistic_regression_of_the_bases_out_of_fold():
    """Without trees, the same as fitting each base by hand on the same folds and averaging by scikit-learn."""
    X, Y, groups = problem()
    stacked = StackedRecommender(["logistic", "neighbors"], pairs=PLAIN, n_candidates=6).fit(X, Y, groups)
    folds = patient_folds(len(Y), 5, groups, 0)
    seen = []
    for base in (BinaryRelevanceRecommender("logistic"), NeighborRecommender()):
        scores = np.zeros(Y.shape)
        for train, test in folds:  # a base without inner folds, fitted on the other patients
            scores[test] = clone(base).set_params(cv=None).fit(X[train], Y[train], groups[train])._scores(X[test])
        pooled = PlattCalibrator(slope_shrinkage=np.inf, intercept_shrinkage=np.inf).fit(scores, Y)
        seen.append(logit(np.clip(pooled.transform(scores), 0.5 / 121, 1 - 0.5 / 121)))
    seen = np.stack(seen)
    pairs = seen.reshape(2, -1).T
    expected = LogisticRegression(C=1.0, max_iter=1000).fit(pairs, Y.ravel())
    np.testing.assert_allclose(stacked.weights_[1:], expected.coef_[0], atol=0.02)
    np.testing.assert_allclose(stacked.weights_[0], expected.intercept_[0], atol=0.02)
    again = stacked.describe_pairs(X)
    margin = stacked.weights_[0] + np.tensordot(stacked.weights_[1:], again.log_odds, axes=1)
    np.testing.assert_allclose(stacked.predict_proba(X), stacked.calibrator_.transform(margin))


def test_sets_are_those_of_highest_exact_expectation():
    X, Y, groups = problem()
    Y[:, 0] = 1  # no record without drugs
    stacked = StackedRecommender(["logistic"]).fit(X, Y, groups)
    p = stacked.predict_proba(X)
    exact, plug_in = (ExpectedJaccard(exact=exact).fit(None, Y).apply(p).toarray() for exact in (True, False))
    np.testing.assert_array_equal(stacked.predict(X), exact)
    assert (exact != plug_in).any()


def test_of_a_single_patient_the_average_is_of_the_bases_own_fit():
    X, Y, _ = problem()
    stacked = StackedRecommender(["logistic", "prior"], pairs=PLAIN, n_candidates=6).fit(X, Y, np.zeros(len(Y)))
    seen = []
    for base in (BinaryRelevanceRecommender("logistic"), PriorRecommender()):
        scores = base.set_params(cv=None).fit(X, Y)._scores(X)
        pooled = PlattCalibrator(slope_shrinkage=np.inf, intercept_shrinkage=np.inf).fit(scores, Y)
        seen.append(logit(np.clip(pooled.transform(scores), 0.5 / 121, 1 - 0.5 / 121)).ravel())
    expected = LogisticRegression(C=1.0, max_iter=1000).fit(np.stack(seen, axis=1), Y.ravel())
    np.testing.assert_allclose(stacked.weights_, [*expected.intercept_, *expected.coef_[0]], atol=0.02)


def test_corrections_are_the_trees_of_the_pairs():
    X, Y = products()
    stacked = StackedRecommender(["svm", "neighbors"], n_candidates=2, decision="threshold").fit(X, Y)
    assert stacked.pairs_.n_iter_ > 0
    described = stacked.describe_pairs(X[:9])
    margin = stacked.weights_[0] + np.tensordot(stacked.weights_[1:], described.log_odds, axes=1)
    added = stacked.pairs_.contributions(described.pairs).sum(axis=1)
    np.testing.assert_allclose(added, stacked.pairs_.predict(described.pairs), atol=1e-9)
    margin[described.rows, described.labels] += added
    np.testing.assert_allclose(stacked.predict_proba(X[:9]), stacked.calibrator_.transform(margin), rtol=1e-9)


def test_no_patient_sees_himself():
    """Copies of one patient's record with labels of pure chance: out of fold nothing can be learned from them."""
    rng = np.random.default_rng(1)
    rows = np.repeat(np.arange(40), 5)
    X, Y = np.eye(40)[rows], (rng.random((40, 3)) < 0.5).astype(int)[rows]
    stacked = StackedRecommender(["logistic", "neighbors"], n_candidates=3).fit(X, Y, groups=rows)
    assert stacked.predict_proba(X).std() < 0.15
    assert StackedRecommender(["logistic", "neighbors"], n_candidates=3).fit(X, Y).predict_proba(X).std() > 0.3


def test_better_than_each_base_on_what_neither_knows_alone():
    X, Y = products()
    train, test = slice(300), slice(300, 500)
    loss = {}
    for name, model in {
        "logistic": BinaryRelevanceRecommender("logistic"),
        "lightgbm": BinaryRelevanceRecommender("lightgbm"),
        "stacked": StackedRecommender(["logistic", "lightgbm"]),
    }.items():
        p = np.clip(model.fit(X[train], Y[train]).predict_proba(X[test]), 1e-9, 1 - 1e-9)
        loss[name] = -np.mean(Y[test] * np.log(p) + (1 - Y[test]) * np.log(1 - p))
    assert loss["stacked"] < min(loss["logistic"], loss["lightgbm"]) - 0.02


def notes(n_records=400, n_drugs=50, n_new=5, seed=0):
    """Notes that name two drugs, one continued (given) and one stopped; the last drugs only in the last quarter."""
    rng = np.random.default_rng(seed)
    letters = list("甲乙丙丁戊己庚辛壬癸")
    names = [f"{letters[at // 10]}{letters[at % 10]}霉素片" for at in range(n_drugs)]
    texts, sets = [], np.zeros((n_records, n_drugs), dtype=int)
    for row in range(n_records):
        late = row >= n_records * 3 // 4
        kept, stopped = rng.permutation(n_drugs - n_new)[:2]
        if late and row % 2:
            kept = n_drugs - 1 - rng.integers(n_new)
        texts.append(f"患者病情平稳。继续口服{names[kept]}。停用{names[stopped]}。")
        sets[row, kept] = 1
    return pd.DataFrame({"note": texts}), sets, names


def test_drugs_never_seen_in_training_are_recommended_where_the_text_names_them():
    records, sets, names = notes()
    train, test, new = slice(300), slice(300, 400), slice(45, 50)
    assert not sets[train, new].any()
    options = {"schema": {"note": "text"}, "drug_names": names, "bases": ["logistic", "neighbors"]}
    found = make_recommender("stacked", **options).fit(records.iloc[train], sets[train]).predict(records.iloc[test])
    truth = sets[test, new]
    assert found[:, new][truth == 1].mean() > 0.6
    assert found[:, new][truth == 0].mean() < 0.02
    blind = make_recommender("stacked", **options, names=False).fit(records.iloc[train], sets[train])
    assert not blind.predict(records.iloc[test])[:, new].any()


def test_classes_come_by_name():
    X, Y, groups = problem()
    names = list("abcdef")
    stacked = StackedRecommender(
        ["logistic"], drug_names=names, drug_classes={"a": "x", "c": "x", "d": "y", "z": "y"}, n_context=0
    ).fit(X, Y, groups)
    classes = stacked.classes_of_
    assert classes[0] == classes[2]
    assert len(set(classes)) == 5
    assert "class: below best" in stacked.pair_features().names


WRONG = {
    "no folds": ({"cv": None}, "cv must be a number of folds"),
    "no such base": ({"bases": ["forest"]}, "base must be one of logistic, .*; got 'forest'"),
    "no base": ({"bases": []}, r"a list of at least one base, .*; got \[\]"),
    "a name alone": ({"bases": "logistic"}, "a list of at least one base, .*; got 'logistic'"),
    "no candidates": ({"n_candidates": 0}, "n_candidates must be at least 1"),
    "negative rounds": ({"pairs": PairBooster(n_estimators=-1)}, "n_estimators must be at least 0; got -1"),
    "blocks that are not there": ({"label_blocks": ["named", "first"]}, "2 label blocks of 6 drugs need more than 12"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_wrong_options(wrong):
    options, message = WRONG[wrong]
    X, Y, groups = problem()
    with pytest.raises(ValueError, match=rf"(StackedRecommender|PairBooster): .*{message}"):
        StackedRecommender(**{"bases": ["logistic"], **options}).fit(X, Y, groups)


def test_bases_may_be_recommenders_and_stand_twice():
    X, Y, groups = problem()
    twice = StackedRecommender([BinaryRelevanceRecommender("svm"), "logistic", "logistic", "prior"], pairs=PLAIN)
    twice.fit(X, Y, groups)
    assert twice.base_names_ == ["BinaryRelevanceRecommender", "logistic", "logistic 3", "prior"]
    assert np.isfinite(twice.predict_proba(X)).all()


def test_bases_are_taken_from_memory(tmp_path, monkeypatch):
    """A second fit with other pairs fits no base again, and is what it would be without memory."""
    X, Y, groups = problem()
    options = {"bases": ["logistic", NeighborRecommender(n_neighbors=5)], "random_state": 3}
    StackedRecommender(**options, pairs=PLAIN, memory=str(tmp_path)).fit(X, Y, groups)
    trees = PairBooster(n_estimators=20, min_child_samples=5)
    expected = StackedRecommender(**options, pairs=trees).fit(X, Y, groups).predict_proba(X)

    def refuse(*arguments):
        raise AssertionError("a base was fitted again")

    monkeypatch.setattr(BinaryRelevanceRecommender, "_fit_scores", refuse)
    monkeypatch.setattr(NeighborRecommender, "_fit_scores", refuse)
    kept = StackedRecommender(**options, pairs=trees, memory=str(tmp_path)).fit(X, Y, groups)
    np.testing.assert_array_equal(kept.predict_proba(X), expected)
    with pytest.raises(AssertionError, match="fitted again"):
        StackedRecommender(**options, memory=str(tmp_path)).fit(X, Y[:, ::-1], groups)
