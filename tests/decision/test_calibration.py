"""PlattCalibrator against a direct minimisation of its documented objective, and on what breaks calibrators."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.special import expit

from medrec.decision import PlattCalibrator


def problem(seed=0, n_records=120, n_labels=6, scale=2.0):
    """Scores that tell more or less, and labels from frequent to rare."""
    rng = np.random.default_rng(seed)
    scores = scale * rng.normal(size=(n_records, n_labels)) - np.linspace(0, 3, n_labels)
    Y = (rng.random((n_records, n_labels)) < expit(0.7 * scores - 0.5)).astype(int)
    Y[:, -1] = 0
    Y[3, -1] = 1
    return scores, Y


def log_loss(parameters, scores, aim, weight):
    margin = parameters[0] * scores + parameters[1]
    return (weight * (np.logaddexp(0, margin) - aim * margin)).sum()


def minimise(function, start, fixed=(False, False)):
    """The best of the points with a slope of at least 0; what is fixed stays at the start."""
    free = [(0, None), (None, None)]
    bounds = [(at, at) if stays else bound for at, stays, bound in zip(start, fixed, free)]
    options = {"maxiter": 10000, "ftol": 1e-15, "gtol": 1e-10}
    return minimize(function, start, bounds=bounds, method="L-BFGS-B", options=options).x


def by_scipy(scores, Y, weight, of_slope, of_intercept):
    """The documented objective: a pooled pair on smoothed targets, then each label's own pair shrunk to it."""
    positives = (weight * Y).sum()
    aim = np.where(Y > 0, (positives + 1) / (positives + 2), 1 / (weight.sum() - positives + 2))
    a, b = minimise(lambda x: log_loss(x, scores.ravel(), aim.ravel(), weight.ravel()), [1.0, 0.0])
    own = []
    for label in range(Y.shape[1]):

        def penalised(x, at=label):
            apart = ((x[0] - a) / a) ** 2, (x[1] - b) ** 2
            shrink = sum(s / 2 * d for s, d in zip((of_slope, of_intercept), apart) if np.isfinite(s))
            return log_loss(x, scores[:, at], Y[:, at], weight[:, at]) + shrink

        own.append(minimise(penalised, [a, b], np.isinf([of_slope, of_intercept])))
    return np.array([a, b]), np.array(own)


@pytest.mark.parametrize(
    "shrinkage", [(0.5, 0.5), (5.0, 5.0), (100.0, 1.0), (1.0, 100.0), (np.inf, 2.0), (2.0, np.inf)]
)
@pytest.mark.parametrize("weighted", [False, True])
def test_minimises_the_documented_objective(shrinkage, weighted):
    scores, Y = problem()
    rng = np.random.default_rng(1)
    weight = rng.integers(0, 4, size=Y.shape).astype(float) if weighted else np.ones(Y.shape)
    pooled, own = by_scipy(scores, Y, weight, *shrinkage)
    options = dict(zip(("slope_shrinkage", "intercept_shrinkage"), shrinkage))
    fitted = PlattCalibrator(**options).fit(scores, Y, sample_weight=weight)
    np.testing.assert_allclose(fitted.slope_, own[:, 0], atol=2e-4)
    np.testing.assert_allclose(fitted.intercept_, own[:, 1], atol=5e-4)
    fully = PlattCalibrator(slope_shrinkage=np.inf, intercept_shrinkage=np.inf).fit(scores, Y, sample_weight=weight)
    np.testing.assert_allclose(fully.slope_, pooled[0], atol=2e-4)
    np.testing.assert_allclose(fully.intercept_, pooled[1], atol=5e-4)


def test_scores_that_rank_backwards_count_for_nothing():
    scores, Y = problem(n_records=400, n_labels=5)
    scores[:, 2] *= -1
    own = by_scipy(scores, Y, np.ones(Y.shape), 5.0, 5.0)[1]
    assert own[2, 0] == 0.0
    fitted = PlattCalibrator(slope_shrinkage=5.0, intercept_shrinkage=5.0).fit(scores, Y)
    np.testing.assert_allclose(fitted.slope_, own[:, 0], atol=2e-4)
    np.testing.assert_allclose(fitted.intercept_, own[:, 1], atol=5e-4)
    constant = fitted.transform(scores)[:, 2]
    assert np.ptp(constant) == 0.0
    # What is left is the label's frequency, drawn a little towards the pooled intercept.
    assert abs(constant[0] - Y[:, 2].mean()) < 0.03


def test_scores_that_all_rank_backwards_leave_frequencies():
    scores, Y = problem(n_records=400, n_labels=5)
    fitted = PlattCalibrator().fit(-scores, Y)
    np.testing.assert_array_equal(fitted.slope_, 0.0)
    probabilities = fitted.transform(-scores)
    np.testing.assert_allclose(probabilities.mean(axis=0), Y.mean(axis=0), atol=0.03)


@given(st.integers(0, 10**6), st.integers(1, 40), st.integers(1, 4), st.floats(-6, 6), st.booleans())
@settings(max_examples=100, deadline=None)
def test_never_turns_an_order_around(seed, n_records, n_labels, power, noise):
    rng = np.random.default_rng(seed)
    scores = 10.0**power * rng.normal(size=(n_records, n_labels))
    Y = rng.random(scores.shape) < (0.3 if noise else expit(scores))
    fitted = PlattCalibrator().fit(scores, Y)
    assert (fitted.slope_ >= 0).all()
    probabilities = fitted.transform(scores)
    assert np.isfinite(probabilities).all()
    assert ((probabilities >= 0) & (probabilities <= 1)).all()
    for label in range(n_labels):
        assert (np.diff(probabilities[np.argsort(scores[:, label]), label]) >= 0).all()


def test_the_unit_of_the_scores_does_not_matter():
    scores, Y = problem()
    plain = PlattCalibrator().fit(scores, Y).transform(scores)
    for factor in (1e-6, 1e6):
        other = PlattCalibrator().fit(factor * scores, Y).transform(factor * scores)
        np.testing.assert_allclose(other, plain, atol=1e-5)


def test_absent_and_rare_labels_stay_near_zero():
    rng = np.random.default_rng(0)
    scores, Y = problem(n_records=500, n_labels=5)
    Y[:, 3:] = 0
    Y[7, 4] = 1
    scores[:, 3] = -np.log(2 * 400 + 1)  # what a base gives for a label that no training row has
    scores[:, 4] = rng.normal(size=500) - 4
    scores[7, 4] = scores[:, 4].min()  # held out, the only positive looks like the least likely
    fitted = PlattCalibrator().fit(scores, Y)
    probabilities = fitted.transform(scores)
    assert (probabilities[:, 3] < 0.01).all()
    assert probabilities[:, 4].mean() < 0.01
    assert probabilities[:, 4].max() < 0.2
    assert np.isfinite(fitted.intercept_).all()


@pytest.mark.parametrize("value", [0, 1])
def test_sets_that_are_all_the_same(value):
    scores = np.random.default_rng(0).normal(size=(200, 3))
    probabilities = PlattCalibrator().fit(scores, np.full((200, 3), value)).transform(scores)
    assert (np.abs(probabilities - value) < 0.05).all()


@pytest.mark.parametrize("constant", [-7.6, 0.0, 3.0, 1e6, -1e6])
def test_constant_scores(constant):
    Y = np.zeros((100, 2), dtype=int)
    Y[:30, 0] = 1
    fitted = PlattCalibrator(slope_shrinkage=0.01, intercept_shrinkage=0.01).fit(np.full((100, 2), constant), Y)
    probabilities = fitted.transform(np.full((1, 2), constant))
    np.testing.assert_allclose(probabilities[0], [0.3, 0.0], atol=0.01)
    assert fitted.slope_.max() <= 10


@pytest.mark.parametrize("extreme", [1e6, 1e12])
def test_extreme_scores(extreme):
    scores, Y = problem()
    scores[0] = extreme
    scores[1] = -extreme
    fitted = PlattCalibrator().fit(scores, Y)
    probabilities = fitted.transform(np.vstack([scores, np.full((1, 6), 1e300)]))
    assert np.isfinite(probabilities).all()
    assert (probabilities[0] >= probabilities[1]).all()


@pytest.mark.parametrize("shape", [(1, 1), (1, 4), (2, 1), (0, 3)])
def test_few_records(shape):
    rng = np.random.default_rng(0)
    fitted = PlattCalibrator().fit(rng.normal(size=shape), rng.random(shape) < 0.5)
    assert np.isfinite(fitted.transform(np.zeros((2, shape[1])))).all()


def test_separable_scores_without_shrinkage_stay_finite():
    scores = np.array([[-2.0], [-1.0], [1.0], [2.0]])
    fitted = PlattCalibrator(slope_shrinkage=0.0, intercept_shrinkage=0.0).fit(scores, [[0], [0], [1], [1]])
    assert np.isfinite([fitted.slope_[0], fitted.intercept_[0]]).all()
    assert (fitted.transform(scores).round().ravel() == [0, 0, 1, 1]).all()


def test_weights_are_repeated_records():
    scores, Y = problem()
    weight = np.arange(len(Y)) % 3
    again = np.repeat(np.arange(len(Y)), weight)
    weighted = PlattCalibrator().fit(scores, Y, sample_weight=weight)
    repeated = PlattCalibrator().fit(scores[again], Y[again])
    np.testing.assert_allclose(weighted.slope_, repeated.slope_, rtol=1e-6)
    np.testing.assert_allclose(weighted.intercept_, repeated.intercept_, rtol=1e-6)


@pytest.mark.parametrize(
    ("scores", "Y", "options", "message"),
    [
        ([[1.0, 2.0]], [[1]], {}, r"scores must be \(1, 1\)"),
        ([[np.inf]], [[1]], {}, "finite"),
        ([[1.0]], [[2]], {}, "only 0 and 1"),
        ([[1.0]], [[1]], {"slope_shrinkage": -1}, "slope_shrinkage must be at least 0; got -1"),
        ([[1.0]], [[1]], {"intercept_shrinkage": np.nan}, "intercept_shrinkage must be at least 0"),
    ],
)
def test_broken_input_is_named(scores, Y, options, message):
    with pytest.raises(ValueError, match=f"PlattCalibrator: .*{message}"):
        PlattCalibrator(**options).fit(scores, Y)


def test_other_labels_and_weights_are_refused():
    fitted = PlattCalibrator().fit([[1.0], [0.0]], [[1], [0]])
    with pytest.raises(ValueError, match="scores must be of 1 labels; got 2"):
        fitted.transform([[1.0, 2.0]])
    with pytest.raises(ValueError, match="sample_weight must be finite, not negative"):
        PlattCalibrator().fit([[1.0]], [[1]], sample_weight=[-1])
