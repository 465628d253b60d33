"""Bases fit every label as a classifier of its own would."""

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import BernoulliNB
from sklearn.svm import LinearSVC

from medrec.decision import PlattCalibrator
from medrec.recommenders import BASES, EstimatorBase, LightGBMBase, LinearBase, make_base


def problem(seed=0, n=80, d=10, n_labels=4):
    rng = np.random.default_rng(seed)
    X = sp.csr_matrix(np.where(rng.random((n, d)) < 0.5, rng.random((n, d)), 0))
    Y = sp.csr_matrix((X @ rng.normal(size=(d, n_labels)) > 0.2).astype(np.uint8))
    return X, Y


def test_names_make_bases():
    for name, kind in {"logistic": LinearBase, "svm": LinearBase, "lightgbm": LightGBMBase}.items():
        assert name in BASES
        assert type(make_base(name)) is kind
    assert make_base("lightgbm", random_state=7).random_state == 7
    given = LinearBase(C=2.0)
    assert make_base(given) is not given
    assert make_base(given).C == 2.0
    assert make_base(LinearSVC(C=3.0)).estimator.C == 3.0
    for wrong in ("forest", None, 3, LinearBase, EstimatorBase, PlattCalibrator()):
        with pytest.raises(ValueError, match="base must be one of logistic, svm, online, lightgbm"):
            make_base(wrong)


@pytest.mark.parametrize(
    "estimator",
    [LinearSVC(dual=False), LogisticRegression(), BernoulliNB(), RandomForestClassifier(5, random_state=0)],
    ids=lambda one: type(one).__name__,
)
def test_any_classifier_is_cloned_for_every_label(estimator):
    X, Y = problem()
    base = EstimatorBase(estimator).fit_labels(X, Y)
    scores = base.decision_function(X)
    for label in range(Y.shape[1]):
        alone = estimator.fit(X, Y[:, label].toarray().ravel())
        if hasattr(alone, "decision_function"):
            np.testing.assert_array_equal(scores[:, label], alone.decision_function(X))
        else:
            p = np.clip(alone.predict_proba(X)[:, 1], 1e-9, 1 - 1e-9)
            np.testing.assert_allclose(scores[:, label], np.log(p / (1 - p)))


@pytest.mark.parametrize("base", [LightGBMBase(n_estimators=2), EstimatorBase(LogisticRegression())])
def test_labels_that_are_constant_among_the_rows_that_count(base):
    X, Y = problem()
    Y = Y.toarray()
    Y[:, 0], Y[:, 1] = 0, 1
    Y[:40, 2], Y[40:, 2] = 1, 0
    weight = np.ones((80, 4))
    weight[40:, 2] = 0.0
    weight[:, 3] = 2.0
    scores = base.fit_labels(X, sp.csr_matrix(Y), sample_weight=weight).decision_function(X)
    np.testing.assert_allclose(scores[:, 0], -np.log(80.5 / 0.5))
    np.testing.assert_allclose(scores[:, 1], np.log(80.5 / 0.5))
    np.testing.assert_allclose(scores[:, 2], np.log(40.5 / 0.5))
    assert np.ptp(scores[:, 3]) > 0
