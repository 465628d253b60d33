"""Pair features, candidates and label blocks, held to plain loops."""

import numpy as np
import pytest
import scipy.sparse as sp
from scipy.special import expit

from medrec.recommenders.pair_features import (
    LabelStatistics,
    PairFeatures,
    candidate_pairs,
    ranks,
    split_blocks,
)


def sets_of(rng, n_records=40, n_labels=6):
    sets = (rng.random((n_records, n_labels)) < 0.4).astype(np.uint8)
    sets[:, -1] = 0  # never given
    return sp.csr_matrix(sets)


@pytest.mark.parametrize("weighted", [False, True])
def test_statistics_against_loops(weighted):
    rng = np.random.default_rng(0)
    sets = sets_of(rng)
    weight = rng.integers(1, 4, size=40).astype(float) if weighted else np.ones(40)
    found = LabelStatistics.of(sets, weight if weighted else None, smoothing=2.0)
    dense, p = sets.toarray().astype(float), rng.random((3, 6))
    count = (dense * weight[:, None]).sum(axis=0)
    np.testing.assert_allclose(found.frequency, (count + 0.5) / (weight.sum() + 1))
    for record in range(3):
        for label in range(6):
            usual = 0.0
            for other in range(6):
                both = 0.0 if other == label else (weight * dense[:, other] * dense[:, label]).sum()
                usual += p[record, other] * (both + 2.0 * found.frequency[label]) / (count[other] + 2.0)
            assert found.company(p)[record, label] == pytest.approx(usual / p[record].sum())


def test_weights_count_as_repeated_records():
    sets, weight = sets_of(np.random.default_rng(1)), np.arange(40) % 3
    one, other = LabelStatistics.of(sets, weight), LabelStatistics.of(sets[np.repeat(np.arange(40), weight)])
    np.testing.assert_allclose(one.frequency, other.frequency)
    np.testing.assert_allclose(one.given.toarray(), other.given.toarray())


@pytest.mark.parametrize("n_records", [0, 1, 7, 600])  # more than one block of records
def test_features_against_loops(n_records):
    rng = np.random.default_rng(2)
    n_labels = 5
    log_odds = rng.normal(size=(2, n_records, n_labels))
    log_odds[0, :, 1] = log_odds[0, :, 2]  # ties
    statistics = LabelStatistics.of(sets_of(rng, n_labels=n_labels))
    block = sp.random(n_records, n_labels, density=0.3, format="csr", random_state=0)
    context, classes = rng.normal(size=(n_records, 2)), np.array([1, 0, 1, 2, 1])
    features = PairFeatures(["a", "b"], label_blocks=["named"], context=["7", "9"], classes=classes)
    rows, labels = np.nonzero(rng.random((n_records, n_labels)) < 0.6)
    described = features.describe(log_odds, statistics, [block], context, rows, labels)
    assert described.shape == (len(rows), len(features.names))
    assert described.dtype == np.float32
    for pair in range(0, len(rows), 7):
        row, label = rows[pair], labels[pair]
        mean = log_odds[:, row].mean(axis=0)
        p = expit(mean)
        better = sum(p[other] for other in range(n_labels) if mean[other] > mean[label])
        mates = [other for other in range(n_labels) if classes[other] == classes[label]]
        expected = {
            "a log-odds": log_odds[0, row, label],
            "a rank": np.log1p(
                sum(
                    log_odds[0, row, other] > log_odds[0, row, label]
                    or (log_odds[0, row, other] == log_odds[0, row, label] and other < label)
                    for other in range(n_labels)
                )
            ),
            "b below best": log_odds[1, row, label] - max(log_odds[1, row]),
            "mean log-odds": mean[label],
            "expected size": p.sum(),
            "expected before": better,
            "best probability": p.max(),
            "drug frequency": np.log(statistics.frequency[label]),
            "company": np.log(statistics.company(p[None])[0, label]),
            "class: expected others": sum(p[other] for other in mates if other != label),
            "class: below best": mean[label] - max(mean[other] for other in mates),
            "named": block[row, label],
            "record: 9": context[row, 1],
        }
        for name, value in expected.items():
            assert described[pair, features.names.index(name)] == pytest.approx(value, rel=1e-5, abs=1e-5), name


def test_ranks_are_places():
    scores = np.array([[0.1, 0.5, 0.5, 0.9]])
    assert ranks(scores).tolist() == [[3, 1, 2, 0]]


@pytest.mark.parametrize("n_candidates", [1, 3, 10])
def test_candidates_are_the_best_of_each_base_and_what_is_named(n_candidates):
    rng = np.random.default_rng(3)
    log_odds, named = rng.normal(size=(3, 8, 6)), sp.random(8, 6, density=0.1, format="csr", random_state=1)
    rows, labels = candidate_pairs(log_odds, [named], n_candidates)
    expected = set(zip(*named.nonzero()))
    for one in log_odds:
        for row in range(8):
            expected |= {(row, label) for label in np.argsort(-one[row])[:n_candidates]}
    assert set(zip(rows, labels)) == expected
    assert (np.diff(rows) >= 0).all()


@pytest.mark.parametrize("container", [np.asarray, sp.csr_matrix])
def test_blocks_stand_behind_the_columns(container):
    X = np.arange(24.0).reshape(2, 12)
    own, blocks = split_blocks(container(X), 2, 3)
    np.testing.assert_array_equal(own.toarray() if sp.issparse(own) else own, X[:, :6])
    np.testing.assert_array_equal(blocks[0].toarray(), X[:, 6:9])
    np.testing.assert_array_equal(blocks[1].toarray(), X[:, 9:])
    assert split_blocks(X, 0, 3)[0] is X
