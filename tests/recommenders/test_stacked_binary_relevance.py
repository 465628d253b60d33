"""Stacked binary relevance against its two levels done by hand, with scikit-learn."""

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.linear_model import LogisticRegression

from medrec import BinaryRelevanceRecommender, StackedBinaryRelevance
from medrec.decision import PlattCalibrator
from medrec.recommenders import LinearBase
from medrec.recommenders.folds import patient_folds


def problem(seed=0, n=60, d=9, n_labels=4):
    rng = np.random.default_rng(seed)
    X = (rng.random((n, d)) < 0.3) * rng.random((n, d))
    Y = (X @ rng.normal(size=(d, n_labels)) + 0.2 * rng.normal(size=(n, n_labels)) > 0.1).astype(int)
    return X, Y, rng.integers(0, 20, size=n)


def fit_labels(X, Y, C):
    def score(test):
        return np.column_stack([model.decision_function(test) for model in models])

    models = [LogisticRegression(C=C, solver="liblinear", tol=1e-10, max_iter=5000).fit(X, y) for y in Y.T]
    return score


def fit_folds(X, Y, folds, C):
    out_of_fold = np.zeros(Y.shape)
    for train, test in folds:
        out_of_fold[test] = fit_labels(X[train], Y[train], C)(X[test])
    return out_of_fold, fit_labels(X, Y, C)


@pytest.mark.parametrize("passthrough", [True, False])
def test_second_level_sees_out_of_fold_scores_of_the_first(passthrough):
    X, Y, groups = problem()
    base, meta = LinearBase(C=2.0, tol=1e-12), LinearBase(C=5.0, tol=1e-12)
    model = StackedBinaryRelevance(base, meta=meta, passthrough=passthrough, score_scale=0.7, cv=3, random_state=5).fit(
        X, Y, groups
    )
    folds = patient_folds(len(X), 3, groups, 5)
    first, score_first = fit_folds(X, Y, folds, 2.0)
    calibrator = PlattCalibrator().fit(first, Y)

    def features(scores):
        probability = calibrator.transform(scores)
        seen = 0.7 * np.sqrt(probability) * (probability >= 0.01)
        return np.hstack([X, seen]) if passthrough else seen

    second, score_second = fit_folds(features(first), Y, folds, 5.0)
    expected = score_second(features(score_first(X)))
    np.testing.assert_allclose(model._scores(X), expected, atol=1e-3)
    np.testing.assert_allclose(model.predict_proba(X), PlattCalibrator().fit(second, Y).transform(expected), atol=1e-4)


def test_of_a_single_patient_the_second_level_sees_the_own_fit_of_the_first():
    X, Y, _ = problem()
    base, meta = LinearBase(C=2.0, tol=1e-12), LinearBase(C=5.0, tol=1e-12)
    model = StackedBinaryRelevance(base, meta=meta, score_scale=0.7).fit(X, Y, np.zeros(len(X)))
    first = fit_labels(X, Y, 2.0)(X)
    probability = PlattCalibrator().fit(first, Y).transform(first)
    features = np.hstack([X, 0.7 * np.sqrt(probability) * (probability >= 0.01)])
    np.testing.assert_allclose(model._scores(X), fit_labels(features, Y, 5.0)(features), atol=1e-3)
    assert model.calibrator_ is None


def test_levels_take_any_base():
    X, Y, groups = problem()
    for base, meta in (
        ("svm", "logistic"),
        ("logistic", "lightgbm"),
        (LogisticRegression(), LogisticRegression(C=0.1)),
    ):
        for features in (X, sp.csr_matrix(X)):
            model = StackedBinaryRelevance(base, meta=meta, cv=2).fit(features, Y, groups)
            assert model.predict_proba(features[:3]).shape == (3, 4)


def test_a_label_is_learned_from_the_others():
    """A label that is either of two others; the features tell those two and not, in a linear way, which or both."""
    rng = np.random.default_rng(1)
    X = rng.normal(size=(600, 2))
    a, b = X[:, 0] > 0.5, X[:, 1] > 0.5
    Y = np.column_stack([a, b, a ^ b]).astype(int)
    Y[::10, 2] ^= 1
    train, test = slice(0, 400), slice(400, None)

    def log_loss(model):
        p = model.fit(X[train], Y[train]).predict_proba(X[test])[:, 2]
        return -np.mean(np.log(np.where(Y[test, 2] == 1, p, 1 - p)))

    base = LinearBase(C=10.0)
    stacked = StackedBinaryRelevance(base, meta=LinearBase(C=10.0), score_scale=3.0)
    assert log_loss(stacked) < log_loss(BinaryRelevanceRecommender(base)) - 0.03


def test_what_it_cannot_do_is_named():
    X, Y, _ = problem()
    with pytest.raises(
        ValueError, match=r"StackedBinaryRelevance: cv must be a number of folds, .*; got None. Pass cv=5"
    ):
        StackedBinaryRelevance(cv=None).fit(X, Y)
    for scale in (0.0, -1.0, np.inf, np.nan):
        with pytest.raises(ValueError, match="score_scale must be above 0 and finite"):
            StackedBinaryRelevance(score_scale=scale).fit(X, Y)
    with pytest.raises(ValueError, match="base must be one of"):
        StackedBinaryRelevance(meta="forest").fit(X, Y)


def test_progress_is_shown_when_asked(capsys):
    X, Y, _ = problem()
    StackedBinaryRelevance(verbose=True).fit(X, Y)
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "first level: 6 done" in shown.err
    assert "second level: 6 done" in shown.err
