"""Cardinality and TopK: sizes that are given, learned, or the same for all."""

import numpy as np
import pytest

from medrec.decision import Cardinality, TopK


def test_given_sizes_are_taken_as_they_are():
    rng = np.random.default_rng(0)
    scores, sizes = rng.normal(size=(30, 5)), rng.integers(0, 8, 30)
    for rule in (Cardinality(), Cardinality(min_size=2, max_size=3)):
        found = rule.apply(scores, sizes=sizes).toarray()
        for row, score, size in zip(found, scores, sizes):
            assert set(np.flatnonzero(row)) == set(np.argsort(-score)[:size])
    assert Cardinality().apply(np.zeros((2, 0)), sizes=[1, 0]).shape == (2, 0)
    assert Cardinality().apply(np.zeros((0, 3)), sizes=[]).shape == (0, 3)


@pytest.mark.parametrize("sizes", [[1], [[1, 2]], [1.5, 1], [-1, 1], [np.nan, 1], 2])
def test_sizes_that_are_none(sizes):
    with pytest.raises(ValueError, match="sizes must be 2 whole numbers from 0 up, one a record"):
        Cardinality().apply([[0.5], [0.5]], sizes=sizes)


def test_learns_sizes_that_the_probabilities_tell():
    rng = np.random.default_rng(1)
    size = rng.integers(1, 5, 600)
    order = np.argsort(rng.random((600, 8)), axis=1)
    Y = np.zeros((600, 8), dtype=int)
    for row, ranked, count in zip(Y, order, size):
        row[ranked[:count]] = 1
    # Told apart well, but never above 0.5: a threshold there finds nothing.
    scores = np.where(Y, 0.3, 0.05) + 0.02 * rng.normal(size=Y.shape).clip(-2, 2)
    rule = Cardinality().fit(scores[:400], Y[:400])
    assert rule.sizes_.tolist() == [1, 2, 3, 4]
    assert (rule.apply(scores[400:]).toarray() == Y[400:]).all(axis=1).mean() > 0.95


def test_learning_beats_one_size_for_all():
    rng = np.random.default_rng(2)
    p = rng.beta(0.5, 2.0, (800, 10)) * rng.choice([0.4, 1.0], (800, 1))
    Y = rng.random(p.shape) < p
    rule, same = Cardinality().fit(p[:500], Y[:500]), TopK().fit(p[:500], Y[:500])
    true = Y[500:].sum(axis=1)
    wrong = [np.abs(np.diff(one.apply(p[500:]).indptr) - true).mean() for one in (rule, same)]
    assert wrong[0] < 0.85 * wrong[1]


def test_sets_of_one_size_need_no_model():
    rule = Cardinality().fit([[0.5, 0.2], [0.1, 0.2]], [[1, 0], [0, 1]])
    assert rule.model_ is None
    assert rule.apply([[0.1, 0.9]]).toarray().tolist() == [[0, 1]]


@pytest.mark.parametrize(("sizes", "k"), [([1, 2], 2), ([1, 1, 2], 1), ([0, 0, 1], 1), ([3], 3)])
def test_top_k_is_the_rounded_mean_size(sizes, k):
    Y = [[1] * size + [0] * (4 - size) for size in sizes]
    rule = TopK().fit(None, Y)
    assert rule.k_ == k
    assert np.diff(rule.apply(np.zeros((3, 4))).indptr).tolist() == [k] * 3
    assert TopK(9).fit(None, Y).apply(np.zeros((1, 4))).nnz == 4
