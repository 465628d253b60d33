"""fit_linear against scikit-learn's liblinear, and against its own optimality certificate."""

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC

from medrec.kernels.linear import fit_linear
from medrec.recommenders.linear import LinearBase

LOSSES = ("logistic", "squared_hinge")
TIGHT = 1e-13


def problem(seed=0, n=120, d=60, n_labels=11, density=0.15):
    """Sparse records and labels from frequent to rare, each linear in a few features."""
    rng = np.random.default_rng(seed)
    X = sp.random(n, d, density=density, format="csr", random_state=seed)
    scores = X @ rng.normal(size=(d, n_labels)) + 0.1 * rng.normal(size=(n, n_labels))
    positives = np.geomspace(1, n // 2, n_labels).astype(int)
    Y = np.zeros((n, n_labels), dtype=np.uint8)
    for label, count in enumerate(positives):
        Y[np.argsort(-scores[:, label])[:count], label] = 1
    return X, Y


def objective(X, y, coef, intercept, *, loss, C=1.0, weight=None):
    """The documented objective, written down plainly."""
    margin = (2.0 * y - 1.0) * (X @ coef + intercept)
    losses = np.logaddexp(0.0, -margin) if loss == "logistic" else np.maximum(0.0, 1.0 - margin) ** 2
    weight = np.ones(len(y)) if weight is None else weight
    return 0.5 * coef @ coef + 0.5 * intercept**2 + C * (weight * losses).sum()


def liblinear(X, y, *, loss, C=1.0, weight=None):
    if loss == "logistic":
        model = LogisticRegression(solver="liblinear", C=C, tol=1e-9, max_iter=10000)
    else:
        model = LinearSVC(C=C, dual=False, tol=1e-9, max_iter=100000)
    model.fit(X, y, sample_weight=weight)
    return model.coef_[0], model.intercept_[0]


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("C", [0.1, 1.0, 10.0])
@pytest.mark.parametrize("kind", ["sparse", "dense"])
def test_reaches_the_optimum_of_liblinear(loss, C, kind):
    X, Y = problem()
    given_X = X if kind == "sparse" else X.toarray()
    default = fit_linear(given_X, Y, loss=loss, C=C)
    tight = fit_linear(given_X, sp.csr_matrix(Y), loss=loss, C=C, tol=TIGHT)
    assert default.converged.all()
    assert tight.converged.all()
    for label in range(Y.shape[1]):
        coef, intercept = liblinear(X, Y[:, label], loss=loss, C=C)
        reference = objective(X, Y[:, label], coef, intercept, loss=loss, C=C)
        reached = objective(X, Y[:, label], default.coef[label], default.intercept[label], loss=loss, C=C)
        assert reached <= reference * (1 + 1e-4)
        np.testing.assert_allclose(tight.coef[label], coef, atol=2e-5)
        np.testing.assert_allclose(tight.intercept[label], intercept, atol=2e-5)


@pytest.mark.parametrize("loss", LOSSES)
def test_gap_bounds_the_distance_from_the_optimum(loss):
    X, Y = problem(seed=1)
    best = fit_linear(X, Y, loss=loss, C=10.0, tol=TIGHT)
    for tol in (1e-1, 1e-3, 1e-6):
        fit = fit_linear(X, Y, loss=loss, C=10.0, tol=tol)
        assert (fit.gap <= tol).all()
        for label in range(Y.shape[1]):
            y = Y[:, label]
            value = objective(X, y, fit.coef[label], fit.intercept[label], loss=loss, C=10.0)
            optimum = objective(X, y, best.coef[label], best.intercept[label], loss=loss, C=10.0)
            assert value - optimum <= (fit.gap[label] + 1e-9) * value


@pytest.mark.parametrize("loss", LOSSES)
def test_weights_by_record_by_entry_and_by_label(loss):
    X, Y = problem(seed=2, n_labels=5)
    rng = np.random.default_rng(0)
    by_record = rng.integers(1, 4, size=X.shape[0]).astype(float)
    by_entry = rng.random(Y.shape) + 0.1
    C, positive_weight = np.geomspace(0.1, 10, 5), np.linspace(1, 3, 5)
    for weight in (by_record, by_entry):
        fit = fit_linear(X, Y, loss=loss, C=C, sample_weight=weight, positive_weight=positive_weight, tol=TIGHT)
        for label in range(5):
            y = Y[:, label]
            combined = (weight if weight.ndim == 1 else weight[:, label]) * np.where(y, positive_weight[label], 1)
            coef, intercept = liblinear(X, y, loss=loss, C=C[label], weight=combined)
            np.testing.assert_allclose(fit.coef[label], coef, atol=2e-5)
            np.testing.assert_allclose(fit.intercept[label], intercept, atol=2e-5)


def test_integer_weights_are_repeated_records():
    X, Y = problem(seed=3, n=40)
    weight = np.arange(40) % 3
    repeated = np.repeat(np.arange(40), weight)
    weighted = fit_linear(X, Y, sample_weight=weight, tol=TIGHT)
    again = fit_linear(X, Y, rows=repeated, tol=TIGHT)
    np.testing.assert_allclose(weighted.coef, again.coef, atol=1e-6)


def test_without_intercept():
    X, Y = problem(seed=4, n_labels=3)
    fit = fit_linear(X, Y, fit_intercept=False, tol=TIGHT)
    assert not fit.intercept.any()
    for label in range(3):
        model = LogisticRegression(solver="liblinear", fit_intercept=False, tol=1e-9, max_iter=10000)
        np.testing.assert_allclose(fit.coef[label], model.fit(X, Y[:, label]).coef_[0], atol=2e-5)


@pytest.mark.parametrize("kind", ["sparse", "dense"])
def test_rows_equal_slicing(kind):
    X, Y = problem(seed=5)
    X = X if kind == "sparse" else X.toarray()
    rows = np.random.default_rng(0).permutation(X.shape[0])[:70]
    weight = np.linspace(0.5, 2, X.shape[0])
    part = fit_linear(X, Y, rows=rows, sample_weight=weight)
    whole = fit_linear(X[rows], Y[rows], sample_weight=weight[rows])
    np.testing.assert_array_equal(part.coef, whole.coef)
    np.testing.assert_array_equal(part.intercept, whole.intercept)


def test_dense_equals_sparse_for_every_type():
    X, Y = problem(seed=6)
    X = X.astype(np.float32)
    expected = fit_linear(X, Y, tol=1e-10)
    wide = X.copy()
    wide.indices, wide.indptr = wide.indices.astype(np.int64), wide.indptr.astype(np.int64)
    for other in (
        X.toarray(),
        np.asfortranarray(X.toarray()),
        X.toarray().astype(np.float64),
        sp.csr_array(X),
        wide,
    ):
        fit = fit_linear(other, Y, tol=1e-10)
        np.testing.assert_allclose(fit.coef, expected.coef, atol=1e-5)


def test_duplicate_entries_add_up():
    X, Y = problem(seed=7)
    entries = X.tocoo()
    rows, columns = np.tile(entries.row, 2), np.tile(entries.col, 2)
    order = np.argsort(rows, kind="stable")
    indptr = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=X.shape[0]))])
    doubled = sp.csr_matrix((np.tile(entries.data, 2)[order] / 2, columns[order], indptr), shape=X.shape)
    assert doubled.nnz == 2 * X.nnz
    np.testing.assert_allclose(fit_linear(doubled, Y, tol=TIGHT).coef, fit_linear(X, Y, tol=TIGHT).coef, atol=1e-6)


@pytest.mark.parametrize("loss", LOSSES)
def test_warm_start_finds_the_same_optimum_sooner(loss):
    X, Y = problem(seed=8)
    cold = fit_linear(X, Y, loss=loss, tol=TIGHT)
    start = {"coef_init": cold.coef, "intercept_init": cold.intercept}
    assert fit_linear(X, Y, loss=loss, tol=1e-6, **start).n_iter.max() == 0
    rows = np.arange(0, X.shape[0], 2)
    warm = fit_linear(X, Y, loss=loss, rows=rows, tol=TIGHT, **start)
    np.testing.assert_allclose(warm.coef, fit_linear(X, Y, loss=loss, rows=rows, tol=TIGHT).coef, atol=1e-5)


def test_number_of_threads_and_neighbours_change_no_bit():
    X, Y = problem(seed=9, n_labels=40)
    one, two = fit_linear(X, Y, n_threads=1), fit_linear(X, Y, n_threads=2)
    np.testing.assert_array_equal(one.coef, two.coef)
    np.testing.assert_array_equal(one.intercept, two.intercept)
    order = np.random.default_rng(0).permutation(40)[:17]
    np.testing.assert_array_equal(fit_linear(X, Y[:, order], n_threads=3).coef, one.coef[order])


def test_concurrent_calls():
    problems = [problem(seed=seed) for seed in range(8)]
    expected = [fit_linear(X, Y).coef for X, Y in problems]
    with ThreadPoolExecutor(4) as pool:
        for coef, job in zip(expected, [pool.submit(fit_linear, X, Y, n_threads=2) for X, Y in problems]):
            np.testing.assert_array_equal(job.result().coef, coef)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("n", [1, 3, 50])
def test_constant_labels_score_clearly(loss, n):
    X = np.random.default_rng(0).random((n, 4))
    Y = np.zeros((n, 3), dtype=np.uint8)
    Y[:, 1] = 1
    Y[0, 2] = 1
    fit = fit_linear(X, Y, loss=loss)
    assert not fit.coef[:2].any()
    assert fit.intercept[0] <= -1
    assert fit.intercept[1] >= 1
    assert np.isfinite(fit.coef).all()
    assert fit.converged.all()


def test_a_label_whose_records_weigh_nothing_is_constant():
    X, Y = problem(seed=10, n_labels=2)
    weight = np.where(Y[:, 1], 0.0, 1.0)
    fit = fit_linear(X, Y, sample_weight=np.column_stack([np.ones(len(Y)), weight]))
    assert fit.coef[0].any()
    assert not fit.coef[1].any()
    assert fit.intercept[1] < -1


@pytest.mark.parametrize("d", [0, 3])
def test_empty_records_and_no_features(d):
    fit = fit_linear(sp.csr_matrix((10, d)), np.arange(10).reshape(-1, 1) < 3, tol=1e-10)
    assert fit.coef.shape == (1, d)
    assert not fit.coef.any()
    assert -1 < fit.intercept[0] < -0.5  # the logit of 0.3, pulled in by its penalty


def test_no_labels():
    fit = fit_linear(np.ones((3, 2)), np.zeros((3, 0)))
    assert fit.coef.shape == (0, 2)


def test_float32_and_pruned_coefficients():
    X, Y = problem(seed=11)
    full = fit_linear(X, Y)
    assert fit_linear(X, Y, dtype=np.float32).coef.dtype == np.float32
    np.testing.assert_array_equal(fit_linear(X, Y, prune=0.0).coef.toarray(), full.coef)
    pruned = fit_linear(X, Y, prune=0.1).coef
    assert sp.issparse(pruned)
    np.testing.assert_array_equal(pruned.toarray(), np.where(np.abs(full.coef) > 0.1, full.coef, 0))


def test_badly_scaled_dense_columns_converge():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 6)) * np.geomspace(1e-2, 1e3, 6)
    y = (X @ (rng.normal(size=6) / np.geomspace(1e-2, 1e3, 6)) > 0).astype(int)
    fit = fit_linear(X, y[:, None], tol=1e-6)
    assert fit.converged.all()
    coef, intercept = liblinear(X, y, loss="logistic")
    reached = objective(X, y, fit.coef[0], fit.intercept[0], loss="logistic")
    assert reached <= objective(X, y, coef, intercept, loss="logistic") * (1 + 1e-6)


def test_callback_counts_every_label_in_the_calling_thread():
    X, Y = problem(seed=12, n_labels=30)
    Y[:, 3] = 0
    for n_threads in (1, 2):
        counts, threads = [], set()

        def note(done, counts=counts, threads=threads):
            counts.append(done)
            threads.add(threading.get_ident())

        fit_linear(X, Y, n_threads=n_threads, callback=note)
        assert sum(counts) == 30
        assert threads == {threading.get_ident()}


@pytest.mark.parametrize("n_threads", [1, 2])
def test_interrupt_in_the_callback_ends_the_fit(n_threads):
    X, Y = problem(seed=13, n_labels=40)

    def interrupt(done):
        raise KeyboardInterrupt

    before = threading.active_count()
    with pytest.raises(KeyboardInterrupt):
        fit_linear(X, Y, n_threads=n_threads, callback=interrupt)
    assert threading.active_count() == before


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"X": np.array([[np.nan], [1.0]])}, "finite"),
        ({"X": sp.csr_matrix(np.array([[np.inf], [1.0]]))}, "finite"),
        ({"X": np.zeros((3, 1))}, "same rows"),
        ({"X": np.zeros(2)}, "matrices"),
        ({"loss": "hinge"}, "loss"),
        ({"C": 0.0}, "C must be positive"),
        ({"C": [1.0, 2.0, 3.0]}, "C must be positive"),
        ({"positive_weight": -1.0}, "positive_weight"),
        ({"sample_weight": [1.0, -1.0]}, "sample_weight"),
        ({"sample_weight": [1.0]}, "sample_weight"),
        ({"rows": []}, "rows"),
        ({"rows": [2]}, "rows"),
        ({"tol": 0.0}, "tol"),
        ({"max_iter": 0}, "max_iter"),
        ({"n_threads": 0}, "n_threads"),
        ({"coef_init": np.zeros((1, 5))}, "coef_init"),
    ],
)
def test_refused_input(change, message):
    arguments = {"X": np.array([[0.0], [1.0]]), "Y": np.array([[0], [1]]), **change}
    with pytest.raises(ValueError, match=message):
        fit_linear(arguments.pop("X"), arguments.pop("Y"), **arguments)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    n=st.integers(1, 30),
    d=st.integers(1, 12),
    n_labels=st.integers(1, 10),
    C=st.floats(0.01, 100),
    loss=st.sampled_from(LOSSES),
)
def test_gradient_vanishes(seed, n, d, n_labels, C, loss):
    """At the optimum of any small problem the gradient, computed apart, is zero."""
    rng = np.random.default_rng(seed)
    X = np.where(rng.random((n, d)) < 0.5, rng.normal(size=(n, d)), 0.0)
    Y = (rng.random((n, n_labels)) < rng.random(n_labels)).astype(int)
    fit = fit_linear(sp.csr_matrix(X), Y, C=C, loss=loss, tol=1e-12)
    assert fit.converged.all()
    for label in range(n_labels):
        if Y[:, label].min() == Y[:, label].max():
            continue
        sign = 2.0 * Y[:, label] - 1.0
        margin = sign * (X @ fit.coef[label] + fit.intercept[label])
        slope = -1 / (1 + np.exp(margin)) if loss == "logistic" else -2 * np.maximum(0, 1 - margin)
        size = objective(X, Y[:, label], fit.coef[label], fit.intercept[label], loss=loss, C=C)
        gradient = fit.coef[label] + C * X.T @ (sign * slope)
        at_intercept = fit.intercept[label] + C * (sign * slope).sum()
        assert np.hypot(np.linalg.norm(gradient), at_intercept) <= 1e-5 * max(1.0, size)


def test_base_scores_and_clones():
    X, Y = problem(seed=14, n_labels=70)
    base = LinearBase(C=10.0, dtype="float32")
    fitted = clone(base).fit_labels(X, Y, rows=np.arange(100), n_jobs=2)
    np.testing.assert_allclose(
        fitted.decision_function(X), X @ fitted.coef_.T.astype(float) + fitted.intercept_, atol=1e-12
    )
    np.testing.assert_allclose(fitted.decision_function(X.toarray()), fitted.decision_function(X), atol=1e-12)
    again = clone(base).fit_labels(X, Y, init=fitted)
    assert again.coef_.shape == (70, 60)
    with pytest.raises(ValueError, match="60 features"):
        fitted.decision_function(X[:, :5])


def test_base_warns_when_it_stops_early():
    X, Y = problem(seed=15)
    with pytest.warns(ConvergenceWarning, match="labels did not reach"):
        LinearBase(C=100.0, tol=1e-10, max_iter=1).fit_labels(X, Y)
