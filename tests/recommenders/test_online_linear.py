"""The online base: near the optimum, the same however labels and blocks are shared out."""

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.base import clone
from sklearn.preprocessing import normalize

import medrec
from medrec.recommenders import BinaryRelevanceRecommender, LinearBase, OnlineLinearBase, make_base


@pytest.fixture(scope="module")
def problem():
    rng = np.random.default_rng(0)
    X = sp.random(1500, 200, density=0.08, random_state=1, dtype=np.float32, format="csr")
    true = rng.normal(size=(200, 150)) * (rng.random((200, 150)) < 0.2) * 6
    X = normalize(X)
    Y = (X @ true - 2 > rng.logistic(size=(1500, 150))).astype(np.uint8)
    Y[:, 3], Y[:, 4] = 0, 1
    return X, Y


def log_loss(base, X, Y):
    scores = base.decision_function(X)
    return np.logaddexp(0, np.where(Y, -scores, scores)).mean()


def test_about_as_good_on_unseen_records_as_the_optimum_of_the_default_penalty(problem):
    X, Y = problem
    train, test = slice(0, 1200), slice(1200, 1500)
    online = log_loss(OnlineLinearBase().fit_labels(X[train], Y[train]), X[test], Y[test])
    optimum = log_loss(LinearBase(C=30, tol=1e-3).fit_labels(X[train], Y[train]), X[test], Y[test])
    shares = np.clip(Y[train].mean(axis=0), 1e-3, 1 - 1e-3)
    constant = -np.where(Y[test], np.log(shares), np.log(1 - shares)).mean()
    assert constant - online > 0.85 * (constant - optimum)


def test_labels_do_not_see_one_another(problem):
    X, Y = problem
    whole = OnlineLinearBase(n_passes=2).fit_labels(X, Y, n_jobs=2)
    for labels in (slice(0, 64), slice(5, 23), slice(149, 150)):
        part = OnlineLinearBase(n_passes=2).fit_labels(X, Y[:, labels])
        np.testing.assert_array_equal(part.coef_, whole.coef_[labels])
        np.testing.assert_array_equal(part.intercept_, whole.intercept_[labels])


def test_weights_by_label_do_not_depend_on_how_labels_are_shared_out(problem, monkeypatch):
    X, Y = problem
    weight = np.random.default_rng(2).integers(0, 2, Y.shape).astype(float)
    whole = OnlineLinearBase(n_passes=1).fit_labels(X, Y, sample_weight=weight)
    again = OnlineLinearBase().partial_fit(X, Y, sample_weight=weight).partial_fit(X, Y, sample_weight=weight)
    monkeypatch.setattr("medrec.recommenders.online_linear.LABELS_AT_ONCE", 16)
    parts = OnlineLinearBase(n_passes=1).fit_labels(X, Y, sample_weight=weight)
    np.testing.assert_array_equal(parts.coef_, whole.coef_)
    parts = OnlineLinearBase().partial_fit(X, Y, sample_weight=weight).partial_fit(X, Y, sample_weight=weight)
    np.testing.assert_array_equal(parts.coef_, again.coef_)


def test_constant_labels_have_constant_scores(problem):
    X, Y = problem
    scores = OnlineLinearBase().fit_labels(X, Y).decision_function(X[:20])
    sure = np.log(2 * 1500 + 1)
    np.testing.assert_allclose(scores[:, 3], -sure, rtol=1e-6)
    np.testing.assert_allclose(scores[:, 4], sure, rtol=1e-6)


def test_rows_and_weights_choose_records(problem):
    X, Y = problem
    Y = Y[:, 10:20]
    chosen = np.arange(0, 1500, 2)
    weight = np.zeros(1500)
    weight[chosen] = 1.0
    by_rows = OnlineLinearBase().fit_labels(X, Y, rows=chosen)
    np.testing.assert_array_equal(by_rows.coef_, OnlineLinearBase().fit_labels(X[chosen], Y[chosen]).coef_)
    by_weight = OnlineLinearBase().fit_labels(X, Y, sample_weight=weight)
    np.testing.assert_array_equal(by_weight.label_counts_, by_rows.label_counts_)
    assert by_weight.n_seen_ == by_rows.n_seen_ == 1 + 5 * 750
    assert abs(log_loss(by_weight, X, Y) - log_loss(by_rows, X, Y)) < 0.01


def test_a_stream_of_blocks_is_learned_too(problem):
    X, Y = problem
    base = OnlineLinearBase()
    for _ in range(3):
        for at in range(0, 1200, 300):
            base.partial_fit(X[at : at + 300], sp.csr_matrix(Y[at : at + 300]))
    assert base.n_seen_ == 1 + 3 * 1200
    np.testing.assert_array_equal(base.label_counts_, 3 * Y[:1200].sum(axis=0))
    once = OnlineLinearBase(n_passes=3).fit_labels(X[:1200], Y[:1200])
    assert log_loss(base, X[1200:], Y[1200:]) < 1.03 * log_loss(once, X[1200:], Y[1200:])
    again = OnlineLinearBase().partial_fit(X[:300], Y[:300])
    kept = again.coef_.copy()
    np.testing.assert_array_equal(OnlineLinearBase().partial_fit(X[:300], Y[:300]).coef_, kept)


def test_options_and_shapes_are_checked(problem):
    X, Y = problem
    with pytest.raises(ValueError, match="rate must be > 0 and n_passes >= 1"):
        OnlineLinearBase(rate=0).fit_labels(X, Y)
    for options in ({"rate": "fast"}, {"rate": np.inf}, {"n_passes": 2.5}, {"n_passes": "two"}):
        with pytest.raises(ValueError, match="rate must be > 0 and n_passes >= 1"):
            OnlineLinearBase(**options).partial_fit(X, Y)
    with pytest.raises(ValueError, match="must have the same rows"):
        OnlineLinearBase().fit_labels(X, Y[:-1])
    with pytest.raises(ValueError, match="finite"):
        OnlineLinearBase().fit_labels(X * np.float32(np.nan), Y)
    base = OnlineLinearBase().partial_fit(X, Y)
    with pytest.raises(ValueError, match="150 labels and 200 features; got 149"):
        base.partial_fit(X, Y[:, 1:])
    with pytest.raises(ValueError, match="the 200 features it was fitted on"):
        base.decision_function(X[:, 1:])


def test_a_recommender_takes_it_by_name_and_is_saved(problem, tmp_path):
    X, Y = problem
    assert make_base("online", random_state=7).get_params() == OnlineLinearBase(random_state=7).get_params()
    model = BinaryRelevanceRecommender("online", cv=2).fit(X[:300], Y[:300, :8])
    medrec.save(model, tmp_path / "model")
    np.testing.assert_array_equal(medrec.load(tmp_path / "model").predict_proba(X), model.predict_proba(X))
    assert clone(model).get_params()["base"] == "online"
