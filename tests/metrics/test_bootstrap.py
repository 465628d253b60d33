"""Bootstrap over patients against resampling written out as a loop."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medrec.metrics import bootstrap, bootstrap_interval, compare, resampled_means


def loop(values, groups, weights, n_resamples, seed):
    """Draw patients, take all of their records, average."""
    rng = np.random.default_rng(seed)
    patients = sorted(set(groups))
    members = [np.flatnonzero(np.asarray(groups) == patient) for patient in patients]
    means = []
    for _ in range(n_resamples):
        rows = np.concatenate([members[one] for one in rng.integers(0, len(patients), size=len(patients))])
        rows = rows[~np.isnan(values[rows])]
        total = weights[rows].sum()
        means.append((values[rows] * weights[rows]).sum() / total if total > 0 else math.nan)
    return means


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 1000), n_groups=st.integers(1, 6))
def test_equals_a_loop_over_resamples(seed, n_groups):
    rng = np.random.default_rng(seed)
    values, weights = rng.random(15), rng.integers(0, 3, 15).astype(float)
    values[rng.random(15) < 0.2] = math.nan
    groups = [f"p{one}" for one in rng.integers(0, n_groups, 15)]
    got = resampled_means(values, groups, weights=weights, n_resamples=20, seed=seed)
    np.testing.assert_allclose(got, loop(values, groups, weights, 20, seed), atol=1e-12)


def test_blocks_of_resamples_equal_the_whole(monkeypatch):
    values = np.random.default_rng(0).random(30)
    whole = resampled_means(values, n_resamples=50)
    monkeypatch.setattr(bootstrap, "_CELLS", 100)
    np.testing.assert_allclose(resampled_means(values, n_resamples=50), whole, atol=1e-12)


def test_columns_share_their_resamples():
    values = np.random.default_rng(1).random((20, 3))
    together = resampled_means(values, n_resamples=30, seed=4)
    for column in range(3):
        alone = resampled_means(values[:, column], n_resamples=30, seed=4)
        np.testing.assert_allclose(together[:, column], alone, atol=1e-12)


def test_the_seed_decides():
    values = np.random.default_rng(2).random(40)
    assert bootstrap_interval(values, seed=1) == bootstrap_interval(values, seed=1)
    assert bootstrap_interval(values, seed=1) != bootstrap_interval(values, seed=2)


def test_interval_is_near_the_normal_one_for_independent_records():
    values = np.random.default_rng(3).random(2000)
    low, high = bootstrap_interval(values, n_resamples=4000)
    error = values.std() / math.sqrt(len(values))
    assert low == pytest.approx(values.mean() - 1.96 * error, abs=0.15 * error)
    assert high == pytest.approx(values.mean() + 1.96 * error, abs=0.15 * error)


def test_records_of_one_patient_widen_the_interval():
    values = np.repeat(np.random.default_rng(4).random(50), 10)
    low, high = bootstrap_interval(values)
    wide_low, wide_high = bootstrap_interval(values, np.repeat(np.arange(50), 10))
    assert wide_high - wide_low > 2 * (high - low)


def test_comparison_is_paired():
    rng = np.random.default_rng(5)
    base = rng.random(200)
    better = base + 0.01 + 0.001 * rng.standard_normal(200)
    outcome = compare(better, base)
    assert outcome.share_won == 1.0
    assert outcome.interval[0] > 0
    assert outcome.difference == pytest.approx((better - base).mean())
    mirrored = compare(base, better)
    assert mirrored.difference == pytest.approx(-outcome.difference)
    assert mirrored.share_won == 0.0
    assert compare(base, base).share_won == 0.5


def test_nothing_to_average_is_nan():
    assert all(math.isnan(v) for v in bootstrap_interval([]))
    assert all(math.isnan(v) for v in bootstrap_interval([math.nan, math.nan]))
    assert math.isnan(compare([], []).share_won)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: bootstrap_interval([1.0], level=95), "Pass 0.95"),
        (lambda: bootstrap_interval([1.0, 2.0], ["a"]), "patient of each"),
        (lambda: bootstrap_interval([1.0, 2.0], ["a", None]), "missing"),
        (lambda: bootstrap_interval([1.0, 2.0], weights=[1.0]), "weights"),
        (lambda: compare([1.0], [1.0, 2.0]), "same records"),
    ],
)
def test_refusals_name_the_rule(call, words):
    with pytest.raises(ValueError, match=words):
        call()
