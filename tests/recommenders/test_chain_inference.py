"""Inference in chains on true labels against all 2^L label vectors and plain loops over records."""

import itertools

import numpy as np
import pytest
import scipy.sparse as sp
from scipy.special import expit, logit
from sklearn.tree import DecisionTreeClassifier

from medrec.recommenders import ChainRecommender, EstimatorBase, LinearBase, chain_inference
from medrec.recommenders.chain_inference import beam, greedy, sampling

BASES = {
    "linear": LinearBase(C=2.0),
    "linear float32": LinearBase(C=2.0, dtype="float32"),
    "tree": EstimatorBase(DecisionTreeClassifier(min_samples_leaf=6, random_state=0)),
}


class Hidden:
    """A link that does not show that it is linear."""

    def __init__(self, link):
        self.link = link

    def decision_function(self, X):
        return self.link.decision_function(X)


def fitted_links(base, n_labels=4, n=80, d=6, seed=0, container=np.asarray):
    """Links in the order of the labels, and records to score."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d)) * (rng.random((n, d)) < 0.6)
    signal = X @ rng.normal(size=(d, n_labels)) + rng.normal(size=(n, n_labels))
    signal += 2 * np.roll(signal, 1, axis=1)
    Y = (signal > 0.3).astype(int)
    chain = ChainRecommender(base, order=list(range(n_labels)), cv=None).fit(container(X), Y)
    T = rng.normal(size=(13, d)) * (rng.random((13, d)) < 0.6)
    return chain.links_, container(T)


@pytest.fixture(params=BASES)
def base(request):
    return BASES[request.param]


def dense(X):
    return X.toarray() if sp.issparse(X) else X


def conditional(links, record, labels):
    """P(label = 1 | record, labels before it)."""
    row = np.hstack([record, labels])[None]
    return expit(links[len(labels)].decision_function(row)[0, 0])


def marginals_by_hand(links, X):
    """Sums over every label vector."""
    found = np.zeros((X.shape[0], len(links)))
    for at, record in enumerate(dense(X)):
        total = 0.0
        for labels in itertools.product([0, 1], repeat=len(links)):
            ps = [conditional(links, record, labels[:link]) for link in range(len(links))]
            joint = np.prod([p if label else 1 - p for p, label in zip(ps, labels)])
            found[at] += joint * np.array(labels)
            total += joint
        assert total == pytest.approx(1.0)
    return found


def beam_by_hand(links, X, width):
    found = np.zeros((X.shape[0], len(links)))
    for at, record in enumerate(dense(X)):
        paths = [((), 1.0)]
        for link in range(len(links)):
            ps = [conditional(links, record, labels) for labels, _ in paths]
            weights = np.array([weight for _, weight in paths])
            found[at, link] = np.dot(weights, ps) / weights.sum()
            grown = [((*labels, 0), weight * (1 - p)) for (labels, weight), p in zip(paths, ps)]
            grown += [((*labels, 1), weight * p) for (labels, weight), p in zip(paths, ps)]
            paths = sorted(grown, key=lambda path: -path[1])[:width]
    return found


@pytest.mark.parametrize("container", [np.asarray, sp.csr_matrix])
@pytest.mark.parametrize("width", [16, 40])
def test_a_wide_beam_is_exact(base, width, container):
    links, X = fitted_links(base, container=container)
    np.testing.assert_allclose(beam(links, X, width=width), marginals_by_hand(links, X), atol=1e-6)


@pytest.mark.parametrize("width", [1, 2, 3, 5, 11])
def test_a_narrow_beam_keeps_the_most_probable(base, width):
    links, X = fitted_links(base, n_labels=6)
    np.testing.assert_allclose(beam(links, X, width=width), beam_by_hand(links, X, width), atol=1e-6)


def test_a_beam_of_one_is_greedy(base):
    links, X = fitted_links(base, n_labels=6)
    scores = greedy(links, X, lambda scores: (scores > 0).astype(float))
    np.testing.assert_allclose(beam(links, X, width=1), expit(scores), atol=1e-6)


@pytest.mark.parametrize("n_samples", [1, 7, 100])
def test_sampling_has_no_bias(base, n_samples):
    links, X = fitted_links(base)
    exact = marginals_by_hand(links, X)
    runs = 3000 // n_samples
    found = np.stack([sampling(links, X, n_samples=n_samples, random_state=(7, run)) for run in range(runs)])
    error = found.std(axis=0, ddof=1) / np.sqrt(runs)
    assert (np.abs(found.mean(axis=0) - exact) < 4.5 * error + 1e-6).all()
    # Counting independent draws would err by this much; means of conditional probabilities err by less.
    assert (found.std(axis=0) <= 1.1 * np.sqrt(exact * (1 - exact) / n_samples) + 1e-6).all()


def test_the_first_link_needs_no_luck(base):
    links, X = fitted_links(base)
    found = sampling(links, X, n_samples=3, random_state=0)
    np.testing.assert_allclose(found[:, 0], expit(links[0].decision_function(X)[:, 0]), atol=1e-6)


INFERENCE = {
    "beam": lambda links, X: beam(links, X, width=3),
    "sampling": lambda links, X: sampling(links, X, n_samples=9, random_state=4),
    "greedy": lambda links, X: expit(greedy(links, X, lambda scores: (scores > 0).astype(float))),
    "greedy on probabilities": lambda links, X: expit(greedy(links, X, expit)),
}


@pytest.mark.parametrize("container", [np.asarray, sp.csr_matrix])
@pytest.mark.parametrize("infer", INFERENCE.values(), ids=INFERENCE)
def test_linear_links_are_scored_as_any_other(infer, container):
    links, X = fitted_links(LinearBase(C=2.0), n_labels=9, container=container)
    hidden = infer([Hidden(link) for link in links], X)
    np.testing.assert_allclose(infer(links, X), hidden, atol=1e-9)


@pytest.mark.parametrize("infer", INFERENCE.values(), ids=INFERENCE)
def test_blocks_and_the_records_beside_change_nothing(base, infer, monkeypatch):
    links, X = fitted_links(base)
    whole = infer(links, X)
    for block in (1, 100):
        monkeypatch.setattr(chain_inference, "BLOCK", block)
        np.testing.assert_allclose(infer(links, X), whole, atol=1e-12)
    shuffled = np.random.default_rng(0).permutation(len(X))
    np.testing.assert_allclose(infer(links, X[shuffled]), whole[shuffled], atol=1e-12)


def test_what_inference_changes_is_seen_by_predict():
    rng = np.random.default_rng(0)
    X = rng.random((60, 3))
    Y = np.column_stack([X[:, 0] + 0.5 * rng.normal(size=60) > 0.5] * 2).astype(int)  # the second repeats the first
    chain = ChainRecommender(LinearBase(C=100.0), order=[0, 1], cv=None).fit(X, Y)
    first = chain.predict_proba(X)
    assert np.abs(first[:, 1] - (first[:, 0] > 0.5)).max() < 0.1  # greedy: as sure as its guess
    for inference in ("beam", "sampling"):
        marginal = chain.set_params(inference=inference).predict_proba(X)
        np.testing.assert_allclose(marginal[:, 0], first[:, 0], atol=1e-9)
        assert np.abs(marginal[:, 1] - first[:, 0]).max() < 0.1


def test_far_scores_stay_finite():
    links, X = fitted_links(LinearBase(C=2.0))
    for inference in ("beam", "sampling"):
        found = INFERENCE[inference](links, X * 1e4)
        assert np.isfinite(found).all()
        assert np.isfinite(logit(np.clip(found, 1e-12, 1 - 1e-12))).all()
