"""Neighbours against dense cosines and plain loops, and against the ML-kNN of another library."""

import math

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.preprocessing import normalize

from medrec import NeighborRecommender
from medrec.decision import PlattCalibrator
from medrec.recommenders import neighbors
from medrec.recommenders.folds import patient_folds


def problem(seed=0, n=50, d=12, n_labels=4, density=0.4):
    rng = np.random.default_rng(seed)
    X = np.where(rng.random((n, d)) < density, rng.random((n, d)) + 0.1, 0.0)
    Y = (X @ rng.normal(size=(d, n_labels)) + 0.3 * rng.normal(size=(n, n_labels)) > 0.2).astype(int)
    return X, Y, rng.integers(0, 25, size=n)


def cosine(a, b):
    length = np.linalg.norm(a) * np.linalg.norm(b)
    return round(float(a @ b / length), 9) if length else 0.0


def votes_by_hand(query, X, Y, k, weights, prior, skip=()):
    """Neighbours with each label, or None where there is no neighbour."""
    near = sorted((-cosine(query, X[row]), row) for row in range(len(X)) if row not in skip)
    near = [(-value, row) for value, row in near if value < 0][:k]
    if not near:
        return None
    worth = [value if weights == "cosine" else 1.0 for value, _ in near]
    return [
        len(near) * sum(w * Y[row, label] for w, (_, row) in zip(worth, near)) / sum(worth)
        + (k - len(near)) * prior[label]
        for label in range(Y.shape[1])
    ]


def at(table, vote):
    """A table by whole numbers, read between them."""
    low = min(int(vote + 1e-12), len(table) - 2)
    return table[low] * (low + 1 - vote) + table[low + 1] * (vote - low)


def scores_by_hand(X, Y, owner, queries, k, weights, s):
    """Log-odds of ML-kNN, in loops."""
    n, n_labels = Y.shape
    prior = [(s + Y[:, label].sum()) / (2 * s + n) for label in range(n_labels)]
    own = [
        votes_by_hand(X[row], X, Y, k, weights, prior, [other for other in range(n) if owner[other] == owner[row]])
        for row in range(n)
    ]
    scores = np.empty((len(queries), n_labels))
    for label in range(n_labels):
        counts = {0: [0.0] * (k + 1), 1: [0.0] * (k + 1)}
        for row in range(n):
            if own[row] is not None:
                vote = own[row][label]
                low = min(int(vote + 1e-12), k - 1)
                counts[Y[row, label]][low] += low + 1 - vote
                counts[Y[row, label]][low + 1] += vote - low
        table = {y: [(s + c) / (s * (k + 1) + sum(counts[y])) for c in counts[y]] for y in (0, 1)}
        for at_query, query in enumerate(queries):
            odds = prior[label] / (1 - prior[label])
            vote = votes_by_hand(query, X, Y, k, weights, prior)
            if vote is not None:
                odds *= at(table[1], vote[label]) / at(table[0], vote[label])
            scores[at_query, label] = math.log(odds)
    return scores


@pytest.mark.parametrize("weights", ["cosine", "uniform"])
@pytest.mark.parametrize(("k", "s", "density"), [(5, 1.0, 0.4), (1, 0.3, 0.4), (30, 2.0, 0.1), (100, 1.0, 0.4)])
@pytest.mark.parametrize("container", [np.asarray, sp.csr_matrix])
def test_scores_are_those_of_plain_loops(weights, k, s, density, container, monkeypatch):
    monkeypatch.setattr(neighbors, "BLOCK", 7)
    X, Y, groups = problem(density=density)
    X[3] = X[4] = 0.0
    X[10:14] = X[9]  # ties
    test = np.vstack([problem(1, density=density)[0][:15], X[:4]])
    model = NeighborRecommender(n_neighbors=k, weights=weights, smoothing=s, cv=3, random_state=2)
    model.fit(container(X), Y, groups)
    expected = scores_by_hand(X, Y, groups, test, k, weights, s)
    np.testing.assert_allclose(model._scores(container(test)), expected, atol=1e-6)
    out_of_fold = np.empty(Y.shape)
    for train, held in patient_folds(len(X), 3, groups, 2):
        out_of_fold[held] = scores_by_hand(X[train], Y[train], groups[train], X[held], k, weights, s)
    calibrator = PlattCalibrator().fit(out_of_fold, Y)
    np.testing.assert_allclose(model.calibrator_.slope_, calibrator.slope_, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(model.calibrator_.intercept_, calibrator.intercept_, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("container", [np.asarray, sp.csr_matrix])
def test_uniform_neighbours_are_ml_knn(container):
    mlknn = pytest.importorskip("skmultilearn.adapt", reason="scikit-multilearn-ng is not installed")
    rng = np.random.default_rng(5)
    X = rng.random((80, 6)) + 0.01
    Y = (X @ rng.normal(size=(6, 5)) > 0.1).astype(int)
    test = rng.random((20, 6))
    ours = NeighborRecommender(n_neighbors=7, weights="uniform", smoothing=0.7, cv=None).fit(container(X), Y)
    # At unit length the nearest by distance are the nearest by cosine; the first neighbour of a record is itself.
    theirs = mlknn.MLkNN(k=7, s=0.7, ignore_first_neighbours=1).fit(normalize(X), sp.csr_matrix(Y))
    theirs.ignore_first_neighbours = 0
    expected = theirs.predict_proba(normalize(test)).toarray()
    np.testing.assert_allclose(ours.predict_proba(container(test)), expected, rtol=1e-9)


def test_records_without_features_get_the_prior():
    X, Y, groups = problem()
    for kind in (np.asarray, sp.csr_matrix):
        model = NeighborRecommender(cv=None, smoothing=2.0).fit(kind(X), Y, groups)
        prior = (2.0 + Y.sum(axis=0)) / (4.0 + len(Y))
        np.testing.assert_allclose(model.predict_proba(kind(np.zeros((2, 12)))), np.tile(prior, (2, 1)))
    alone = NeighborRecommender().fit(np.zeros((6, 3)), np.ones((6, 1)))
    np.testing.assert_allclose(alone._scores(np.ones((1, 3))), np.log(7.0))


@given(
    seed=st.integers(0, 1000),
    k=st.integers(1, 12),
    density=st.sampled_from([0.1, 0.5, 1.0]),
    levels=st.sampled_from([1, 2, 1000]),
)
@settings(max_examples=12, deadline=None)
def test_containers_blocks_and_threads_do_not_matter(seed, k, density, levels):
    rng = np.random.default_rng(seed)
    X = np.ceil(rng.random((40, 7)) * levels) / levels * (rng.random((40, 7)) < density)
    Y = (rng.random((40, 3)) < 0.4).astype(int)
    groups = rng.integers(0, 15, size=40)
    reference = NeighborRecommender(n_neighbors=k).fit(X, Y, groups).predict_proba(X)
    order = rng.permutation(7)
    for features in (sp.csr_matrix(X), X[:, order], sp.csr_matrix(X[:, order]), X * rng.uniform(0.1, 9, size=(40, 1))):
        model = NeighborRecommender(n_neighbors=k).fit(features, Y, groups)
        np.testing.assert_allclose(model.predict_proba(features), reference, rtol=1e-6, atol=1e-9)
    parts = (slice(0, 1), slice(1, 30), slice(30, 40))
    alone = np.vstack([model.set_params(n_jobs=2).predict_proba(features[rows]) for rows in parts])
    np.testing.assert_allclose(alone, reference, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("weights", ["cosine", "uniform"])
def test_weights_below_one_take_more_neighbours(weights):
    X, Y, _ = problem()
    twice, owners = np.repeat(np.arange(50), 2), np.repeat(np.arange(50), 2)
    halves = NeighborRecommender(n_neighbors=6, weights=weights).fit(
        X[twice], Y[twice], owners, sample_weight=np.full(100, 0.5)
    )
    whole = NeighborRecommender(n_neighbors=6, weights=weights).fit(X, Y, np.arange(50))
    np.testing.assert_allclose(halves._scores(X), whole._scores(X), rtol=1e-9)


def test_no_neighbour_is_of_the_same_patient():
    """Records of a patient are equal and their sets too; only other patients' sets may tell anything."""
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(30), 4)
    X = rng.random((30, 5))[groups]
    Y = (rng.random((30, 1)) < 0.5).astype(int)[groups]
    honest = NeighborRecommender(n_neighbors=4).fit(X, Y, groups)
    leaky = NeighborRecommender(n_neighbors=4).fit(X, Y)
    assert np.abs(honest.predict_proba(X) - Y.mean()).mean() < 0.25 < np.abs(leaky.predict_proba(X) - 0.5).mean()


def test_wrong_options_are_named():
    X, Y, _ = problem()
    for options, message in [
        ({"n_neighbors": 0}, "n_neighbors must be a whole number of at least 1; got 0"),
        ({"n_neighbors": 2.5}, "n_neighbors must be a whole number of at least 1; got 2.5"),
        ({"n_neighbors": True}, "n_neighbors must be a whole number of at least 1; got True"),
        ({"weights": "distance"}, "weights must be 'cosine' or 'uniform'; got 'distance'"),
        ({"smoothing": 0.0}, "smoothing must be above 0 and finite; got 0.0"),
        ({"smoothing": math.inf}, "smoothing must be above 0 and finite; got inf"),
    ]:
        with pytest.raises(ValueError, match=f"NeighborRecommender: {message}"):
            NeighborRecommender(**options).fit(X, Y)
    with pytest.raises(ValueError, match=r"sample_weight must be \(n_records,\); weights by drug are not used"):
        NeighborRecommender().fit(X, Y, sample_weight=np.ones(Y.shape))


def test_progress_is_shown_when_asked(capsys):
    X, Y, _ = problem()
    NeighborRecommender(verbose=True).fit(X, Y)
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "neighbours, blocks of records: 1 done" in shown.err
