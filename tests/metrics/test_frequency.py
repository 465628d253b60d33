"""Bands by label frequency against plain loops over labels."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from medrec.metrics import frequency_table, overlap_counts


def draw(seed, n_labels=30):
    rng = np.random.default_rng(seed)
    Y = rng.random((60, n_labels)) < rng.random(n_labels) ** 4
    Z = np.where(rng.random(Y.shape) < 0.7, Y, rng.random(Y.shape) < 0.1)
    return Y, Z, rng.integers(0, 4, n_labels) * rng.integers(0, 40, n_labels)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 1000), zero_division=st.sampled_from([0, 1, math.nan]), own=st.booleans())
def test_bands_equal_scikit_learn_on_their_labels(seed, zero_division, own):
    Y, Z, frequencies = draw(seed)
    frequencies = Y.sum(axis=0) if own else frequencies
    table = frequency_table(overlap_counts(Y, Z), None if own else frequencies, zero_division=zero_division)
    assert table["band"].tolist() == ["0", "1–5", "6–50", "over 50"]
    assert table["labels"].sum() == Y.shape[1]
    for row, (low, high) in zip(table.to_dict("records"), ((0, 0), (1, 5), (6, 50), (51, 10**9))):
        labels = [label for label in range(Y.shape[1]) if low <= frequencies[label] <= high]
        assert row["labels"] == len(labels)
        assert row["present"] == sum(Y[:, label].any() for label in labels)
        assert (row["true"], row["predicted"]) == (Y[:, labels].sum(), Z[:, labels].sum())
        if len(labels) < 2:  # scikit-learn takes one column for something else
            continue
        for name, metric in (("f1", sk.f1_score), ("precision", sk.precision_score), ("recall", sk.recall_score)):
            expected = metric(Y[:, labels], Z[:, labels], average="macro", zero_division=zero_division)
            assert row[name] == pytest.approx(expected, abs=1e-12, nan_ok=True)
        expected = sk.f1_score(Y[:, labels], Z[:, labels], average="micro", zero_division=zero_division)
        assert row["f1_micro"] == pytest.approx(expected, abs=1e-12, nan_ok=True)


def test_labels_never_seen_count_in_their_band():
    counts = overlap_counts([[1, 0, 0, 0]], [[1, 1, 0, 0]])
    table = frequency_table(counts, [9, 0, 0, 0]).set_index("band")
    assert table.loc["0", ["labels", "present", "f1"]].tolist() == [3, 0, 0.0]
    assert table.loc["6–50", "f1"] == 1
    assert frequency_table(counts, [9, 0, 0, 0], zero_division=1).set_index("band").loc["0", "f1"] == pytest.approx(
        2 / 3
    )


def test_totals_give_the_same_table_and_an_empty_band_is_nan():
    Y, Z, frequencies = draw(0)
    counts = overlap_counts(Y, Z)
    one, other = frequency_table(counts, frequencies), frequency_table(counts.totals, frequencies)
    assert one.equals(other)
    assert frequency_table(counts, np.full(30, 7)).loc[0, ["labels", "true"]].tolist() == [0, 0]
    assert frequency_table(counts, np.full(30, 7))["f1"].isna().tolist() == [True, True, False, True]


def test_thirds_are_equally_many_of_the_labels_seen():
    Y, Z, frequencies = draw(1)
    table = frequency_table(overlap_counts(Y, Z), frequencies, edges="thirds")
    assert table["band"].tolist() == ["never seen", "tail", "middle", "head"]
    assert table.loc[0, "labels"] == (frequencies == 0).sum()
    assert np.ptp(table["labels"][1:]) <= 1
    seen = np.sort(frequencies[frequencies > 0])
    heads = np.argsort(frequencies, kind="stable")[-table["labels"].iloc[-1] :]
    assert table["true"].iloc[-1] == Y[:, heads].sum()
    assert frequencies[heads].min() >= seen[len(seen) // 2]


@pytest.mark.parametrize(
    ("frequencies", "edges", "words"),
    [([1], (0, 5), "2 numbers from 0"), ([1, -1], (0, 5), "2 numbers"), (None, (5, 5), "must increase"),
     (None, (), "must increase"), (None, (-1, 3), "must increase"), (None, "halves", "'thirds'; got 'halves'")],
)  # fmt: skip
def test_refusals_name_the_rule(frequencies, edges, words):
    with pytest.raises(ValueError, match=words):
        frequency_table(overlap_counts([[1, 0]], [[1, 0]]), frequencies, edges=edges)
