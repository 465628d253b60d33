"""Online logistic regression against its own rule, written out with whole arrays in float64."""

import numpy as np
import pytest
import scipy.sparse as sp

from medrec.kernels.online import LANES, Learner


def reference(X, Y, order, rate, weight, shares):
    """The rule of ``learn_rows`` for all labels, one row after the other."""
    n_features, n_labels = X.shape[1], Y.shape[1]
    W, b = np.zeros((n_features, n_labels)), np.log(shares / (1 - shares))
    columns, squares, intercepts, seen = np.zeros(n_features), shares * (1 - shares), np.ones(n_labels), 1.0
    for i in order:
        w = weight[i]
        if not w.any():
            continue
        g = 1 / (1 + np.exp(-(X[i] @ W + b))) - Y[i]
        seen += w.max()
        squares += w * g**2
        intercepts += w * g**2
        b -= rate * w * g / np.sqrt(intercepts)
        columns += w.max() * X[i] ** 2
        scale = np.divide(X[i], np.sqrt(columns), out=np.zeros(n_features), where=columns > 0)
        W -= np.outer(scale, rate * w * g / np.sqrt(squares / seen))
    return W, b


@pytest.fixture
def problem():
    rng = np.random.default_rng(0)
    X = sp.random(60, 30, density=0.2, random_state=0, dtype=np.float32, format="csr")
    Y = sp.csr_matrix(rng.random((60, 5)) < 0.3)
    return X, Y, rng.permutation(60), np.full(5, 0.3)


@pytest.mark.parametrize("weighted", ["not", "by record", "by label"])
def test_learner_follows_the_rule(problem, weighted):
    X, Y, order, shares = problem
    rng = np.random.default_rng(1)
    shape = {"not": None, "by record": (60, 1), "by label": (60, 5)}[weighted]
    weight = None if shape is None else rng.integers(0, 3, shape).astype(float)
    full = np.ones((60, 5)) if weight is None else np.broadcast_to(weight, (60, 5))
    learner = Learner.start(30, shares)
    learner.visit(X, Y, order, rate=0.1, weight=weight)
    W, b = reference(X.toarray().astype(float), Y.toarray().astype(float), order, 0.1, full, shares)
    np.testing.assert_allclose(learner.weights[:, :5], W, rtol=2e-4, atol=2e-5)
    np.testing.assert_allclose(learner.intercept[:5], b, rtol=2e-4, atol=2e-5)
    assert learner.seen == 1 + full.max(axis=1).sum()


def test_width_is_a_multiple_of_the_lanes_and_its_surplus_touches_nothing(problem):
    X, Y, order, shares = problem
    learner = Learner.start(30, shares)
    assert learner.weights.shape == (30, LANES)
    alone = Learner.start(30, shares[:1])
    for one, labels in ((learner, Y), (alone, Y[:, :1])):
        one.visit(X, labels, order, rate=0.1)
    np.testing.assert_array_equal(alone.weights[:, 0], learner.weights[:, 0])


def test_stored_zeros_and_empty_rows_are_no_features():
    X = sp.csr_matrix((np.float32([0.0, 1.0]), [0, 1], [0, 2, 2]), shape=(2, 3))
    learner = Learner.start(3, np.array([0.5]))
    learner.visit(X, sp.csr_matrix([[1], [0]]), np.arange(2), rate=0.1)
    assert not learner.weights[[0, 2]].any()
    assert np.isfinite(learner.weights).all()
    assert learner.weights[1, 0] > 0


def test_a_block_of_one_record_is_weighted_too(problem):
    X, Y, _, shares = problem
    learner = Learner.start(30, shares)
    learner.visit(X[:1], Y[:1], np.arange(1), rate=0.1, weight=np.array([[3.0]]))
    W, b = reference(
        X[:1].toarray().astype(float), Y[:1].toarray().astype(float), [0], 0.1, np.full((1, 5), 3.0), shares
    )
    np.testing.assert_allclose(learner.weights[:, :5], W, rtol=2e-4, atol=2e-5)
    np.testing.assert_allclose(learner.intercept[:5], b, rtol=2e-4, atol=2e-5)
    assert learner.seen == 4.0
