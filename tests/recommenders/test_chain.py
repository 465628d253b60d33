"""Chains against scikit-learn's ClassifierChain, plain loops and what the docstrings say."""

import numpy as np
import pytest
import scipy.sparse as sp
from scipy.special import expit
from sklearn.base import BaseEstimator, clone
from sklearn.linear_model import LogisticRegression
from sklearn.multioutput import ClassifierChain
from sklearn.tree import DecisionTreeClassifier

import medrec
from medrec.decision import PlattCalibrator
from medrec.recommenders import ChainRecommender, EstimatorBase, LinearBase
from medrec.recommenders.chain_order import chain_orders, correlation_order
from medrec.recommenders.folds import patient_folds

TREE = DecisionTreeClassifier(max_depth=3, random_state=0)
ORDER = [2, 0, 4, 1, 3]
CLASSIC = {
    "logistic": ChainRecommender("logistic", cv=None),
    "tree": ChainRecommender(TREE, cv=None),
    "sampling": ChainRecommender("logistic", cv=None, inference="sampling", n_samples=20),
    "sampling tree": ChainRecommender(TREE, cv=None, inference="sampling", n_samples=20),
    "beam": ChainRecommender("logistic", cv=None, inference="beam", beam_width=3),
    "beam tree": ChainRecommender(TREE, cv=None, inference="beam", beam_width=3),
}
ENSEMBLES = {
    "ensemble": ChainRecommender("logistic", n_chains=3, cv=3),
    "ensemble tree": ChainRecommender(TREE, n_chains=2, cv=3),
    "classic ensemble": ChainRecommender("logistic", n_chains=3, cv=None),
    "sampled ensemble": ChainRecommender("logistic", n_chains=2, cv=None, inference="sampling", n_samples=20),
}


def problem(seed=0, n=60, d=8, n_labels=5):
    """Features and sets whose labels hang on features and on one another."""
    rng = np.random.default_rng(seed)
    X = (rng.random((n, d)) < 0.5) * rng.random((n, d))
    signal = X @ rng.normal(size=(d, n_labels)) + 0.3 * rng.normal(size=(n, n_labels))
    signal += signal @ np.triu(rng.normal(size=(n_labels, n_labels)), 1)
    Y = (signal > np.median(signal, axis=0)).astype(int)
    return X, Y, rng.integers(0, 25, size=n)


@pytest.fixture(params=[*CLASSIC, *ENSEMBLES])
def chain(request):
    return clone((CLASSIC | ENSEMBLES)[request.param])


# ------------------------------------------------------------------------------------------------- classic chains


@pytest.mark.parametrize("container", [np.asarray, sp.csr_matrix])
@pytest.mark.parametrize("classifier", [DecisionTreeClassifier(random_state=0), LogisticRegression(C=3.0)])
@pytest.mark.parametrize("order", [[0, 1, 2, 3, 4], ORDER])
def test_classic_chains_are_those_of_scikit_learn(classifier, order, container):
    X, Y, _ = problem()
    T = container(problem(seed=1)[0])
    X = container(X)
    theirs = ClassifierChain(classifier, order=order).fit(X, Y)
    mine = ChainRecommender(classifier, order=order, cv=None, decision="threshold").fit(X, Y)
    assert mine.calibrator_ is None
    np.testing.assert_allclose(mine.predict_proba(T), theirs.predict_proba(T), atol=1e-8)
    np.testing.assert_array_equal(mine.predict(T), theirs.predict(T))


def test_links_of_a_classic_chain_learn_from_true_labels():
    X, Y, _ = problem()
    chain = ChainRecommender(LinearBase(C=2.0, tol=1e-12), order=ORDER, cv=None).fit(X, Y)
    for link, label in enumerate(ORDER):
        fitted = LinearBase(C=2.0, tol=1e-12).fit_labels(np.hstack([X, Y[:, ORDER[:link]]]), Y[:, [label]])
        np.testing.assert_allclose(chain.links_[link].coef_, fitted.coef_, atol=1e-4)


class Remember(BaseEstimator):
    """A decision rule that keeps what it learned from."""

    def fit(self, scores, Y, groups=None):
        self.learned_ = scores
        return self

    def apply(self, scores):
        return sp.csr_matrix((scores >= 0.5).astype(np.uint8))


@pytest.mark.parametrize("name", [*CLASSIC, "classic ensemble"])
def test_without_folds_the_decision_is_given_no_scores_of_the_training_records(name):
    X, Y, _ = problem()
    chain = clone((CLASSIC | ENSEMBLES)[name]).set_params(decision=Remember()).fit(X, Y)
    assert chain.decision_.learned_ is None
    assert chain.calibrator_ is None


# ----------------------------------------------------------------------------------------------------- ensembles


def one_chain_by_hand(X, Y, T, order, folds):
    """Out-of-fold scores and scores of T, of a chain on out-of-fold probabilities."""
    held_out, scores = np.zeros(Y.shape), np.zeros((len(T), Y.shape[1]))
    for label in order:
        y = sp.csr_matrix(Y[:, [label]])
        for train, test in folds:
            fitted = EstimatorBase(clone(TREE)).fit_labels(X[train], y[train])
            held_out[test, label] = fitted.decision_function(X[test])[:, 0]
        scores[:, label] = EstimatorBase(clone(TREE)).fit_labels(X, y).decision_function(T)[:, 0]
        seen = [np.where(expit(one) < 0.2, 0.0, expit(one)) for one in (held_out[:, label], scores[:, label])]
        X, T = np.column_stack([X, seen[0]]), np.column_stack([T, seen[1]])
    return held_out, scores


@pytest.mark.parametrize("orders", [[ORDER], [ORDER, [0, 1, 2, 3, 4], [4, 3, 2, 1, 0]]])
def test_an_ensemble_is_the_calibrated_mean_of_its_chains(orders):
    X, Y, groups = problem()
    T = problem(seed=1)[0]
    chain = ChainRecommender(TREE, order=orders, n_chains=len(orders), cv=3, min_link=0.2).fit(X, Y, groups)
    folds = patient_folds(len(X), 3, groups)
    each = [one_chain_by_hand(X, Y, T, order, folds) for order in orders]
    held_out, mean = (np.mean([expit(pair[at]) for pair in each], axis=0) for at in (0, 1))
    held_out, mean = np.log(held_out / (1 - held_out)), np.log(mean / (1 - mean))
    calibrator = PlattCalibrator().fit(held_out, sp.csr_matrix(Y))
    np.testing.assert_allclose(chain.predict_proba(T), calibrator.transform(mean), rtol=1e-6)


@pytest.mark.parametrize("cv", [3, None])
@pytest.mark.parametrize("base", [LinearBase(C=2.0, tol=1e-10), TREE])
def test_chains_of_an_ensemble_do_not_touch_one_another(base, cv):
    X, Y, groups = problem(d=80)
    orders = [ORDER, [0, 1, 2, 3, 4], ORDER]
    ensemble = ChainRecommender(base, order=orders, n_chains=3, cv=cv).fit(X, Y, groups)
    np.testing.assert_array_equal(ensemble.orders_, orders)
    for at, order in enumerate(orders):
        alone = ChainRecommender(base, order=order, cv=cv).fit(X, Y, groups)
        np.testing.assert_allclose(ensemble._chain_scores(X, at), alone._chain_scores(X, 0), atol=1e-4)


# -------------------------------------------------------------------------------------------------------- orders


def correlation_order_by_hand(Y):
    n_labels = Y.shape[1]
    phi = np.zeros((n_labels, n_labels))
    for j in range(n_labels):
        for k in range(n_labels):
            if j != k and np.ptp(Y[:, j]) and np.ptp(Y[:, k]):
                phi[j, k] = abs(np.corrcoef(Y[:, j], Y[:, k])[0, 1])
    order = [int(np.argmax(phi.sum(axis=1).round(9)))]
    while len(order) < n_labels:
        left = [label for label in range(n_labels) if label not in order]
        order.append(max(left, key=lambda label: (phi[label, order].sum().round(9), -label)))
    return order


@pytest.mark.parametrize("n_labels", [1, 2, 7, 30])
def test_order_by_correlation(n_labels):
    rng = np.random.default_rng(n_labels)
    Y = (rng.random((40, n_labels)) + 0.5 * rng.random((40, 1)) > 0.7).astype(int)
    if n_labels > 5:
        Y[:, 2], Y[:, 3] = 0, 1
        Y[:, 5] = Y[:, 1]
    found = correlation_order(sp.csr_matrix(Y))
    assert found.tolist() == correlation_order_by_hand(Y)
    if n_labels > 5:  # what hangs on nothing comes last, what is equal goes by number
        assert found[-2:].tolist() == [2, 3]
        assert found.tolist().index(1) < found.tolist().index(5)


def test_orders_of_an_ensemble():
    _, Y, _ = problem(n_labels=8)
    sets = sp.csr_matrix(Y)
    for order in ("frequency", "correlation", [3, 1, 0, 2, 7, 6, 5, 4]):
        drawn = chain_orders(order, sets, n_chains=4, random_state=1)
        np.testing.assert_array_equal(drawn[0], chain_orders(order, sets)[0])
        np.testing.assert_array_equal(drawn[1:], chain_orders("random", sets, n_chains=3, random_state=1))
        assert len({tuple(one) for one in drawn}) == 4
        assert (np.sort(drawn, axis=1) == np.arange(8)).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_chains": 0}, "n_chains must be a whole number of at least 1; got 0"),
        ({"n_chains": 2.0}, "n_chains must be"),
        ({"order": [ORDER, ORDER]}, "2 orders are given for n_chains=1"),
        ({"order": [ORDER, [0, 1, 2, 3, 3]], "n_chains": 2}, "each of 0 … 4 once"),
        ({"order": "size"}, "order must be 'frequency', 'random', 'correlation' or label numbers; got 'size'"),
        ({"inference": "best"}, "inference must be one of greedy, beam, sampling; got 'best'"),
        ({"inference": "beam"}, "with cv=5 they see probabilities. Pass cv=None"),
        ({"inference": "sampling"}, "Pass cv=None, or inference='greedy'"),
        ({"inference": "sampling", "cv": None, "n_samples": 0}, "n_samples must be a whole number"),
        ({"inference": "beam", "cv": None, "beam_width": 1.5}, "beam_width must be a whole number"),
    ],
)
def test_what_makes_no_sense_is_named(options, message):
    X, Y, _ = problem()
    with pytest.raises(ValueError, match=message):
        ChainRecommender(**options).fit(X, Y)


# ---------------------------------------------------------------------------------------- what every chain keeps to


def test_permuting_labels_permutes_the_scores(chain):
    X, Y, groups = problem()
    rng = np.random.default_rng(0)
    orders = np.stack([rng.permutation(5) for _ in range(chain.n_chains)])
    columns = np.array([3, 0, 4, 2, 1])
    straight = clone(chain).set_params(order=orders.tolist()).fit(X, Y, groups).predict_proba(X)
    moved = np.argsort(columns)[orders]
    permuted = chain.set_params(order=moved.tolist()).fit(X, Y[:, columns], groups).predict_proba(X)
    np.testing.assert_allclose(permuted, straight[:, columns], rtol=1e-6, atol=1e-9)


def test_a_record_is_scored_the_same_alone_and_among_others(chain):
    X, Y, groups = problem()
    together = chain.fit(X, Y, groups).predict_proba(X)
    alone = np.vstack([chain.predict_proba(X[[at]]) for at in range(9)])
    np.testing.assert_allclose(alone, together[:9], rtol=1e-7, atol=1e-10)
    np.testing.assert_allclose(chain.predict_proba(X[::-1])[::-1], together, rtol=1e-7, atol=1e-10)


def test_jobs_and_refits_change_nothing(chain):
    X, Y, groups = problem()
    first = clone(chain).fit(X, Y, groups).predict_proba(X)
    np.testing.assert_array_equal(chain.fit(X, Y, groups).predict_proba(X), first)
    np.testing.assert_array_equal(chain.set_params(n_jobs=2).fit(X, Y, groups).predict_proba(X), first)


def test_constant_absent_and_single_labels(chain):
    X, Y, groups = problem()
    Y[:, 1], Y[:, 2], Y[:, 3] = 0, 1, 0
    Y[7, 3] = 1
    probabilities = chain.fit(X, Y, groups).predict_proba(X)
    assert np.isfinite(probabilities).all()
    assert (probabilities[:, 1] < 0.2).all()
    assert (probabilities[:, 2] > 0.8).all()
    for few in (Y[:, :1], Y[:, 1:2], Y[:, 2:3]):
        assert chain.fit(X, few, groups).predict_proba(X).shape == (60, 1)


@pytest.mark.parametrize("name", [*CLASSIC, "classic ensemble"])
def test_weights_of_classic_chains_are_repetitions(name):
    X, Y, _ = problem()
    base = TREE if "tree" in name else LinearBase(C=3.0, tol=1e-12)
    chain = clone((CLASSIC | ENSEMBLES)[name]).set_params(base=base, order="random")
    weight = np.arange(60) % 3
    again = np.repeat(np.arange(60), weight)
    repeated = clone(chain).fit(X[again], Y[again]).predict_proba(X)
    np.testing.assert_allclose(chain.fit(X, Y, sample_weight=weight).predict_proba(X), repeated, atol=2e-5)
    by_label = np.tile(weight[:, None], 5)
    np.testing.assert_allclose(chain.fit(X, Y, sample_weight=by_label).predict_proba(X), repeated, atol=2e-5)


def test_weights_of_one_label_reach_its_link_alone():
    X, Y, _ = problem()
    weight = np.ones(Y.shape)
    weight[:30, 4] = 0.1
    plain, weighted = (ChainRecommender(TREE, order=ORDER, cv=None).fit(X, Y, sample_weight=w) for w in (None, weight))
    same = []
    for at, (one, other) in enumerate(zip(plain.links_, weighted.links_)):
        seen = np.hstack([X, Y[:, ORDER[:at]]])
        same.append((one.decision_function(seen) == other.decision_function(seen)).all())
    assert same == [True, True, False, True, True]


def test_options_by_label_reach_every_link_of_a_classic_chain():
    X, Y, _ = problem()
    costs = np.array([1.0, 2.0, 3.0, 4.0, 5.0])
    chain = ChainRecommender(LinearBase(C=costs, tol=1e-12), order=ORDER, cv=None).fit(X, Y)
    alone = LinearBase(C=costs[ORDER[0]], tol=1e-12).fit_labels(X, Y[:, [ORDER[0]]])
    np.testing.assert_allclose(chain.links_[0].coef_, alone.coef_, atol=1e-4)


def test_saved_chains_come_back(chain, tmp_path):
    X, Y, groups = problem()
    if isinstance(chain.base, DecisionTreeClassifier):
        chain.set_params(base="svm")  # files hold no scikit-learn trees
    medrec.save(chain.fit(X, Y, groups), tmp_path / "chain.medrec")
    back = medrec.load(tmp_path / "chain.medrec")
    np.testing.assert_array_equal(back.predict_proba(X), chain.predict_proba(X))
    np.testing.assert_array_equal(back.orders_, chain.orders_)


def test_every_chain_shows_its_progress(capsys):
    X, Y, _ = problem()
    ChainRecommender(n_chains=2, cv=None, verbose=True).fit(X, Y)
    shown = capsys.readouterr().err
    assert "chain 1 of 2, links: 5 done" in shown
    assert "chain 2 of 2, links: 5 done" in shown
