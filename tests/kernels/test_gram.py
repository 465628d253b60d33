"""fit_gram against fit_linear and liblinear, and features shared through inner products against refits."""

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC

from medrec.kernels.gram import fit_gram, gram
from medrec.kernels.linear import fit_linear
from medrec.recommenders import ChainRecommender, LinearBase
from medrec.recommenders import bases as sharing
from medrec.recommenders.bases import share
from medrec.recommenders.folds import patient_folds
from medrec.recommenders.gram_features import GramFeatures
from medrec.recommenders.shared import SharedFeatures

LOSSES = ("logistic", "squared_hinge")
TIGHT = 1e-13


def problem(seed=0, n=50, d=80, n_labels=7, density=0.15):
    """Fewer records than sparse features; labels from rare to frequent, with an absent and a constant one."""
    rng = np.random.default_rng(seed)
    X = sp.random(n, d, density=density, format="csr", random_state=seed)
    scores = X @ rng.normal(size=(d, n_labels)) + 0.1 * rng.normal(size=(n, n_labels))
    Y = np.zeros((n, n_labels), dtype=bool)
    for label, count in enumerate(np.linspace(0, n, n_labels).astype(int)):
        Y[np.argsort(-scores[:, label], kind="stable")[:count], label] = True
    return X, Y


def objective(X, Y, fit, cost, loss):
    """The documented objective, in the records, written down plainly."""
    K = (X @ X.T).toarray() + 1.0
    z = K @ fit.dual
    margin = np.where(Y, z, -z)
    losses = np.logaddexp(0, -margin) if loss == "logistic" else np.maximum(0, 1 - margin) ** 2
    return 0.5 * (fit.dual * z).sum(axis=0) + (cost * losses).sum(axis=0)


def test_inner_products_of_every_container():
    X, _ = problem()
    expected = X.toarray() @ X.toarray().T + 1
    for given in (X, sp.csc_matrix(X), sp.csr_array(X), X.toarray(), X.toarray().astype(np.float32)):
        np.testing.assert_allclose(gram(given), expected, atol=1e-5 if given.dtype == np.float32 else 1e-12)
    wide = sp.random(9, 3000, density=0.01, format="csr", random_state=0)
    np.testing.assert_allclose(gram(wide), (wide @ wide.T).toarray() + 1, atol=1e-12)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("C", [0.1, 10.0])
def test_the_same_models_as_among_the_features(loss, C):
    X, Y = problem()
    fit = fit_gram(gram(X), Y, np.full(Y.shape, C), loss=loss, tol=TIGHT)
    other = fit_linear(X, Y, loss=loss, C=C, tol=TIGHT)
    assert fit.converged.all()
    np.testing.assert_allclose((X.T @ fit.dual).T, other.coef, atol=1e-5)
    np.testing.assert_allclose(fit.intercept, other.intercept, atol=1e-5)
    np.testing.assert_allclose(fit.scores, X @ other.coef.T + other.intercept, atol=1e-5)
    for label in range(1, Y.shape[1] - 1):
        model = (
            LogisticRegression(solver="liblinear", C=C, tol=1e-9, max_iter=10000)
            if loss == "logistic"
            else LinearSVC(C=C, dual=False, tol=1e-9, max_iter=100000)
        )
        model.fit(X, Y[:, label])
        np.testing.assert_allclose((X.T @ fit.dual)[:, label], model.coef_[0], atol=5e-5)
        np.testing.assert_allclose(fit.intercept[label], model.intercept_[0], atol=5e-5)


@pytest.mark.parametrize("loss", LOSSES)
def test_tol_bounds_the_distance_from_the_optimum(loss):
    X, Y = problem(seed=1)
    cost = np.full(Y.shape, 5.0)
    best = objective(X, Y, fit_gram(gram(X), Y, cost, loss=loss, tol=TIGHT), cost, loss)[1:-1]
    for tol in (1e-1, 1e-3, 1e-6):
        reached = objective(X, Y, fit_gram(gram(X), Y, cost, loss=loss, tol=tol), cost, loss)[1:-1]
        assert (reached - best <= (tol + 1e-9) * reached).all()


@pytest.mark.parametrize("loss", LOSSES)
def test_weights_and_records_of_weight_zero(loss):
    X, Y = problem(seed=2)
    cost = np.random.default_rng(0).random(Y.shape) + 0.1
    held = np.arange(len(Y)) % 4 > 0
    cost[~held] = 0.0
    fit = fit_gram(gram(X), Y, cost, loss=loss, tol=TIGHT)
    assert not fit.dual[~held].any()
    removed = fit_gram(gram(X[held]), Y[held], cost[held], loss=loss, tol=TIGHT)
    np.testing.assert_allclose(fit.dual[held], removed.dual, atol=1e-5)
    np.testing.assert_allclose(fit.intercept, removed.intercept, atol=1e-5)
    other = fit_linear(X, Y, loss=loss, sample_weight=cost, tol=TIGHT)
    np.testing.assert_allclose(fit.scores, X @ other.coef.T + other.intercept, atol=1e-5)
    # The scores of the records left out are what the model says of them.
    says = X[~held] @ (X.T @ fit.dual) + fit.intercept
    np.testing.assert_allclose(fit.scores[~held], says, atol=1e-9)


@pytest.mark.parametrize("loss", LOSSES)
def test_where_it_starts_does_not_matter(loss):
    X, Y = problem(seed=3)
    cost = np.full(Y.shape, 3.0)
    plain = fit_gram(gram(X), Y, cost, loss=loss, tol=TIGHT)
    for start in (plain.dual, np.random.default_rng(0).normal(size=Y.shape)):
        before = start.copy()
        again = fit_gram(gram(X), Y, cost, loss=loss, tol=TIGHT, start=start)
        np.testing.assert_allclose(again.scores, plain.scores, atol=1e-5)
        np.testing.assert_array_equal(start, before)
    warm = fit_gram(gram(X), Y, cost, loss=loss, tol=1e-6, start=plain.dual)
    assert warm.n_iter.sum() == 0


def test_columns_do_not_depend_on_each_other():
    X, Y = problem(seed=4)
    cost = np.random.default_rng(0).random(Y.shape) + 0.5
    together = fit_gram(gram(X), Y, cost)
    for label in range(Y.shape[1]):
        alone = fit_gram(gram(X), Y[:, [label]], cost[:, [label]])
        np.testing.assert_allclose(together.scores[:, label], alone.scores[:, 0], rtol=1e-8, atol=1e-10)
        assert together.n_iter[label] == alone.n_iter[0]


def test_steps_are_counted_and_their_lack_is_told():
    X, Y = problem()
    short = fit_gram(gram(X), Y, np.full(Y.shape, 10.0), tol=1e-12, max_iter=1)
    assert not short.converged[1:-1].any()
    assert short.n_iter.max() == 1
    with pytest.warns(ConvergenceWarning, match=r"5 of 7 labels did not reach tol"):
        GramFeatures(LinearBase(max_iter=1, tol=1e-12), X).fit_folds(sp.csr_matrix(Y), [])


@pytest.mark.parametrize(
    ("options", "message"), [({"loss": "hinge"}, "loss"), ({"tol": 0}, "tol"), ({"max_iter": 0}, "max_iter")]
)
def test_broken_options_are_named(options, message):
    with pytest.raises(ValueError, match=f"fit_gram: .*{message}"):
        fit_gram(np.eye(2), np.eye(2, dtype=bool), np.ones((2, 2)), **options)


def test_which_way_is_taken():
    X, Y = problem()
    sets = sp.csr_matrix(Y)
    assert type(share(LinearBase(), X, sets)) is GramFeatures
    assert type(share(LinearBase(), X[:, :10], sets)) is SharedFeatures
    for value in (np.nan, np.inf):
        broken = X.copy()
        broken.data[0] = value
        with pytest.raises(ValueError, match="LinearBase: X must be finite"):
            share(LinearBase(), broken, sets)


def both_ways(base, X, sets, weight, columns=()):
    """Out-of-fold scores and the model of all records, by inner products and by refits."""
    folds = patient_folds(X.shape[0], 4, np.arange(X.shape[0]) // 2)
    found = []
    for kind in (GramFeatures, SharedFeatures):
        features = kind(base, X)
        for column in columns:
            features.append(column)
        found.append((features.features(), *features.fit_folds(sets, folds, weight)))
    return found, folds


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("n_labels", [1, 7])
@pytest.mark.parametrize("weighted", ["no", "by record", "by entry"])
def test_folds_score_as_refits_do(loss, n_labels, weighted):
    X, Y = problem(seed=5)
    sets = sp.csr_matrix(Y[:, 3 : 3 + n_labels] if n_labels == 1 else Y)
    rng = np.random.default_rng(0)
    weight = {"no": None, "by record": rng.random(50), "by entry": rng.random(sets.shape)}[weighted]
    base = LinearBase(loss=loss, C=3.0, positive_weight=2.0, tol=TIGHT, dtype="float64")
    columns = [rng.random(50) * (rng.random(50) < 0.3), rng.random(50)]
    for added in ((), columns):
        (mine, refitted), folds = both_ways(base, X, sets, weight, added)
        features = refitted[0]
        assert (mine[0] != features).nnz == 0
        assert features.shape[1] == 80 + len(added)
        np.testing.assert_allclose(mine[1], refitted[1], atol=1e-5)
        np.testing.assert_allclose(mine[2].coef_, refitted[2].coef_, atol=1e-5)
        np.testing.assert_allclose(mine[2].intercept_, refitted[2].intercept_, atol=1e-5)
        np.testing.assert_allclose(
            mine[2].decision_function(features), refitted[2].decision_function(features), atol=1e-5
        )
        train, test = folds[1]
        by_hand = LinearBase(loss=loss, C=3.0, positive_weight=2.0, tol=TIGHT).fit_labels(
            features[train], sets[train], sample_weight=None if weight is None else weight[train]
        )
        np.testing.assert_allclose(mine[1][test], by_hand.decision_function(features[test]), atol=1e-5)


@pytest.mark.parametrize("dense", [False, True])
@pytest.mark.parametrize("loss", LOSSES)
def test_chains_are_the_same_both_ways(monkeypatch, loss, dense):
    X, Y = problem(seed=6)
    X = X.toarray() if dense else X
    base = LinearBase(loss=loss, C=np.linspace(1, 3, 7), positive_weight=np.linspace(1, 2, 7), tol=TIGHT)
    chain = ChainRecommender(base, order=[4, 0, 2, 6, 1, 3, 5]).fit(X, Y)
    monkeypatch.setattr(sharing, "GRAM_RECORDS", 0)
    refitted = ChainRecommender(base, order=[4, 0, 2, 6, 1, 3, 5]).fit(X, Y)
    np.testing.assert_allclose(chain.predict_proba(X), refitted.predict_proba(X), atol=2e-5)
    for mine, other in zip(chain.links_, refitted.links_):
        np.testing.assert_allclose(mine.coef_, other.coef_, atol=2e-5)


def test_options_by_label_are_checked_both_ways(monkeypatch):
    X, Y = problem()
    for base in (LinearBase(C=[1.0, 2.0]), LinearBase(C=0.0), LinearBase(positive_weight=[-1.0] * 7)):
        for most in (4000, 0):
            monkeypatch.setattr(sharing, "GRAM_RECORDS", most)
            with pytest.raises(ValueError, match=r"(C|positive_weight) must be positive, one number or one a label"):
                share(base, X, sp.csr_matrix(Y)).fit_folds(sp.csr_matrix(Y), [])


def test_single_precision_is_within_its_tolerance():
    X, Y = problem(seed=8)
    sets, folds = sp.csr_matrix(Y), patient_folds(50, 4)
    options = {"C": 30.0, "normalize": True}
    exact, near = LinearBase(tol=1e-10, **options), LinearBase(tol=1e-4, dtype="float32", **options)
    X = exact.prepare(X)
    chained = np.random.default_rng(0).random(50)
    found = []
    for base, dtype in ((exact, np.float64), (near, np.float32)):
        features = GramFeatures(base, X)
        assert features.products.dtype == dtype
        features.append(chained)
        features.restart()
        features.append(chained)
        found.append(features.fit_folds(sets, folds)[0])
    assert np.abs(found[0] - found[1]).max() < 0.05
    assert GramFeatures(LinearBase(tol=1e-6, dtype="float32"), X).products.dtype == np.float64


@pytest.mark.parametrize("cv", [None, 3])
def test_chains_take_options_by_label(cv):
    X, Y = problem(seed=6)
    C = np.linspace(1, 3, 7)
    chain = ChainRecommender(LinearBase(C=C, tol=TIGHT), order=[4, 0, 2, 6, 1, 3, 5], cv=cv).fit(X, Y)
    alone = LinearBase(C=C[4], tol=TIGHT).fit_labels(X, sp.csr_matrix(Y[:, [4]]))
    np.testing.assert_allclose(chain.links_[0].coef_, alone.coef_, atol=2e-5)
