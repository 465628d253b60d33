"""Ranking metrics against scikit-learn and against loops over the definitions."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from medrec.metrics import (
    average_precision,
    ndcg_at_k,
    prauc,
    precision_at_k,
    propensities,
    psp_at_k,
    ranking,
    recall_at_k,
)

SEEDS = st.integers(0, 10_000)


def draw(seed, *, ties=False, n_records=9, n_labels=7):
    rng = np.random.default_rng(seed)
    Y = rng.random((n_records, n_labels)) < rng.choice([0.1, 0.4])
    scores = rng.permuted(np.tile(np.arange(n_labels) / n_labels, (n_records, 1)), axis=1)
    return Y, (np.floor(scores * 3) / 3 if ties else scores)


@pytest.mark.parametrize("ties", [False, True])
@settings(max_examples=40, deadline=None)
@given(seed=SEEDS)
def test_average_precision_equals_scikit_learn(ties, seed):
    Y, scores = draw(seed, ties=ties)
    got = average_precision(Y, scores)
    for row, truth in enumerate(Y):
        if truth.any():
            assert got[row] == pytest.approx(sk.average_precision_score(truth, scores[row]), abs=1e-12)
        else:
            assert math.isnan(got[row])
    assert prauc(Y, scores) == pytest.approx(np.nanmean(got), nan_ok=True) if Y.any() else True


def test_average_precision_in_blocks_equals_the_whole(monkeypatch):
    Y, scores = draw(3, ties=True, n_records=50)
    whole = average_precision(Y, scores)
    monkeypatch.setattr(ranking, "_CELLS", 20)
    np.testing.assert_array_equal(average_precision(Y, scores), whole)


@settings(max_examples=40, deadline=None)
@given(seed=SEEDS, k=st.integers(1, 9))
def test_at_k_equals_loops_over_the_definitions(seed, k):
    Y, scores = draw(seed)
    weights = 1 / propensities(Y.sum(axis=0), len(Y))
    precisions, recalls, gains, reached, best = [], [], [], 0.0, 0.0
    for truth, row in zip(Y, scores):
        top = sorted(range(len(row)), key=lambda label: -row[label])[:k]
        precisions.append(sum(truth[label] for label in top) / len(top))
        reached += sum(weights[label] for label in top if truth[label])
        best += sum(sorted((weights[label] for label in np.flatnonzero(truth)), reverse=True)[:k])
        if truth.any():
            recalls.append(sum(truth[label] for label in top) / truth.sum())
            ideal = sum(1 / math.log2(rank + 2) for rank in range(min(len(top), truth.sum())))
            gain = sum(1 / math.log2(rank + 2) for rank, label in enumerate(top) if truth[label])
            gains.append(gain / ideal)
    near = {"abs": 1e-12, "nan_ok": True}
    assert precision_at_k(Y, scores, k) == pytest.approx(np.mean(precisions), **near)
    assert recall_at_k(Y, scores, k) == pytest.approx(np.mean(recalls) if recalls else math.nan, **near)
    assert ndcg_at_k(Y, scores, k) == pytest.approx(np.mean(gains) if gains else math.nan, **near)
    propensity = 1 / weights
    got = psp_at_k(Y, scores, k, propensity=propensity)
    assert got == pytest.approx(reached / best if best else math.nan, **near)


@settings(max_examples=25, deadline=None)
@given(seed=SEEDS)
def test_ndcg_equals_scikit_learn(seed):
    Y, scores = draw(seed)
    some = Y.any(axis=1)
    if some.any():
        expected = sk.ndcg_score(Y[some].astype(int), scores[some], k=4)
        assert ndcg_at_k(Y, scores, 4) == pytest.approx(expected, abs=1e-12)


@settings(max_examples=25, deadline=None)
@given(seed=SEEDS)
def test_permuting_records_or_labels_changes_nothing(seed):
    Y, scores = draw(seed)
    rng = np.random.default_rng(seed)
    rows, columns = rng.permutation(Y.shape[0]), rng.permutation(Y.shape[1])
    for metric in (prauc, precision_at_k, recall_at_k, ndcg_at_k):
        before, after = metric(Y, scores), metric(Y[rows][:, columns], scores[rows][:, columns])
        assert before == pytest.approx(after, abs=1e-12, nan_ok=True)


def test_propensities_rise_with_frequency_and_stay_in_range():
    values = propensities(np.arange(101), 100)
    assert (np.diff(values) > 0).all()
    assert ((values > 0) & (values <= 1)).all()
    # by the formula, with A = 0.55 and B = 1.5
    expected = 1 / (1 + (math.log(100) - 1) * 2.5**0.55 * math.exp(-0.55 * math.log(7 + 1.5)))
    assert values[7] == pytest.approx(expected, abs=1e-12)
    assert propensities([1, 2], 2).tolist() == [1.0, 1.0]


@pytest.mark.parametrize("shape", [(0, 3), (1, 1), (3, 1), (2, 0)])
def test_small_shapes(shape):
    Y, scores = np.zeros(shape, dtype=bool), np.zeros(shape)
    assert average_precision(Y, scores).shape == (shape[0],)
    for metric in (prauc, recall_at_k, ndcg_at_k):
        assert math.isnan(metric(Y, scores))
    assert math.isnan(psp_at_k(Y, scores, propensity=np.ones(shape[1])))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: precision_at_k([[1]], [[0.5]], 0), "k must be at least 1"),
        (lambda: prauc([[1, 0]], [[0.5]]), "scores must be"),
        (lambda: prauc([[1, 0]], [[0.5, math.nan]]), "finite"),
        (lambda: psp_at_k([[1]], [[0.5]], 1, propensity=[0.0]), "propensity"),
        (lambda: propensities([5], 4), "frequencies"),
    ],
)
def test_refusals_name_the_rule(call, words):
    with pytest.raises(ValueError, match=words):
        call()
