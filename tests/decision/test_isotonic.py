"""IsotonicCalibrator against scikit-learn's isotonic regression and a direct minimisation."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.special import expit
from sklearn.isotonic import IsotonicRegression

import medrec
from medrec.decision import IsotonicCalibrator, PlattCalibrator


def problem(seed=0, n_records=150, n_labels=5):
    rng = np.random.default_rng(seed)
    scores = 2 * rng.normal(size=(n_records, n_labels)) - np.linspace(0, 3, n_labels)
    Y = (rng.random((n_records, n_labels)) < expit(0.7 * scores - 0.5)).astype(int)
    Y[:, -1] = 0
    Y[3, -1] = 1
    return scores, Y


def test_pooled_is_isotonic_regression_on_platt_probabilities():
    scores, Y = problem()
    p = PlattCalibrator().fit(scores, Y).transform(scores)
    expected = IsotonicRegression(out_of_bounds="clip").fit(p.ravel(), Y.ravel()).predict(p.ravel())
    found = IsotonicCalibrator(shrinkage=np.inf).fit(scores, Y).transform(scores)
    np.testing.assert_allclose(found.ravel(), expected, atol=1e-9)


def test_without_shrinkage_each_label_has_its_own():
    scores, Y = problem()
    p = PlattCalibrator().fit(scores, Y).transform(scores)
    found = IsotonicCalibrator(shrinkage=0.0).fit(scores, Y).transform(scores)
    for label in range(5):
        own = IsotonicRegression(out_of_bounds="clip").fit(p[:, label], Y[:, label]).predict(p[:, label])
        np.testing.assert_allclose(found[:, label], own, atol=1e-9)


def test_minimises_the_documented_objective():
    scores, Y = problem(n_records=40, n_labels=3)
    p = PlattCalibrator().fit(scores, Y).transform(scores)
    prior = IsotonicRegression().fit(p.ravel(), Y.ravel()).predict(p.ravel()).reshape(p.shape)
    found = IsotonicCalibrator(shrinkage=7.0).fit(scores, Y).transform(scores)
    for label in range(3):
        order = np.argsort(p[:, label])
        y, g = Y[order, label].astype(float), prior[order, label]

        def loss(steps, y=y, g=g):
            f = np.cumsum(steps)
            return ((f - y) ** 2).sum() + 7.0 / y.sum() * ((f - g) ** 2).sum()

        best = minimize(loss, np.full(40, 0.01), bounds=[(0, None)] * 40, method="L-BFGS-B", options={"maxfun": 10**6})
        f = found[order, label]
        assert loss(np.diff(f, prepend=0.0)) <= best.fun + 1e-6


@given(st.integers(0, 10**6), st.integers(0, 30), st.integers(0, 4), st.sampled_from([0.0, 5.0, np.inf]))
@settings(max_examples=60, deadline=None)
def test_never_turns_an_order_around(seed, n_records, n_labels, shrinkage):
    rng = np.random.default_rng(seed)
    scores = np.round(3 * rng.normal(size=(n_records, n_labels)), 1)
    fitted = IsotonicCalibrator(shrinkage=shrinkage).fit(scores, rng.random(scores.shape) < expit(scores))
    fresh = 5 * rng.normal(size=(20, n_labels))
    probabilities = fitted.transform(fresh)
    assert ((probabilities >= 0) & (probabilities <= 1)).all()
    for label in range(n_labels):
        assert (np.diff(probabilities[np.argsort(fresh[:, label]), label]) >= -1e-12).all()


def test_rare_and_absent_labels_lean_on_the_others():
    scores, Y = problem(n_records=500)
    Y[:, 3:] = 0
    Y[7, 4] = 1
    scores[:, 3] = -6.0
    fitted = IsotonicCalibrator().fit(scores, Y)
    probabilities = fitted.transform(scores)
    assert (probabilities[:, 3] < 0.01).all()
    assert probabilities[:, 4].max() < 0.6  # not 1, which its own step function would give at one place


def test_follows_what_a_sigmoid_cannot():
    rng = np.random.default_rng(0)
    scores = rng.uniform(-3, 3, (4000, 1))
    chance = np.where(np.abs(scores) < 1.5, 0.5, np.where(scores > 0, 0.9, 0.02))
    Y = rng.random(scores.shape) < chance
    isotonic, platt = IsotonicCalibrator().fit(scores, Y), PlattCalibrator().fit(scores, Y)
    wrong = [np.abs(one.transform(scores) - chance).mean() for one in (isotonic, platt)]
    assert wrong[0] < 0.5 * wrong[1]


def test_weights_are_repeated_records():
    scores, Y = problem()
    weight = np.arange(len(Y)) % 3
    again = np.repeat(np.arange(len(Y)), weight)
    weighted = IsotonicCalibrator().fit(scores, Y, sample_weight=weight)
    repeated = IsotonicCalibrator().fit(scores[again], Y[again])
    np.testing.assert_allclose(weighted.transform(scores), repeated.transform(scores), atol=1e-6)


def test_is_saved_and_refuses_nonsense(tmp_path):
    scores, Y = problem()
    fitted = IsotonicCalibrator().fit(scores, Y)
    medrec.save(fitted, tmp_path / "calibrator")
    np.testing.assert_array_equal(medrec.load(tmp_path / "calibrator").transform(scores), fitted.transform(scores))
    with pytest.raises(ValueError, match="shrinkage must be at least 0; got -1"):
        IsotonicCalibrator(shrinkage=-1).fit(scores, Y)
    with pytest.raises(ValueError, match=r"scores must be \(150, 5\)"):
        IsotonicCalibrator().fit(scores[:, :4], Y)
    with pytest.raises(ValueError, match="of 5 labels; got 4"):
        fitted.transform(scores[:, :4])
