"""LabelThresholds against plain loops over every threshold, and on what makes rare labels overfit."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from medrec.decision import LabelThresholds


def problem(seed, n_labels=4):
    rng = np.random.default_rng(seed)
    n_records = int(rng.integers(6, 25))
    scores = rng.random((n_records, n_labels)) if rng.random() < 0.5 else rng.integers(0, 6, (n_records, n_labels)) / 5
    scores[:2] = [[0.05], [0.95]]  # no constant column
    Y = rng.random(scores.shape) < 0.7 * scores
    return scores, Y.astype(int)


def places(column):
    """Thresholds that differ in effect, from above all scores down."""
    return [np.inf, *np.unique(column)[::-1]]


def f1(y, z):
    return f1_score(y, z, zero_division=0.0)


@given(seed=st.integers(0, 10**6), fbr=st.sampled_from([0.0, 0.3, 0.5, 1.0]))
@settings(max_examples=60, deadline=None)
def test_scut_is_the_best_f1_of_each_label(seed, fbr):
    scores, Y = problem(seed)
    rule = LabelThresholds(fbr=fbr, min_size=0).fit(scores, Y)
    found = rule.apply(scores).toarray()
    for label in range(scores.shape[1]):
        column, y = scores[:, label], Y[:, label]
        best = max(f1(y, (column >= at).astype(int)) for at in places(column))
        if best < fbr or not y.any():
            assert not found[:, label].any()
            assert rule.thresholds_[label] == np.nextafter(column.max(), np.inf)
        else:
            assert f1(y, found[:, label]) == pytest.approx(best)


@given(seed=st.integers(0, 10**6))
@settings(max_examples=60, deadline=None)
def test_micromacro_by_a_plain_loop(seed):
    scores, Y = problem(seed)
    rule = LabelThresholds(strategy="micromacro-freq", min_size=0).fit(scores, Y)
    found = rule.apply(scores).toarray()
    done = []
    for label in np.argsort(-Y.sum(axis=0), kind="stable"):
        column, y = scores[:, label], Y[:, label]
        worth = []
        for at in places(column):
            z = (column >= at).astype(int)
            micro = f1(np.concatenate([*(Y[:, one] for one in done), y]), np.concatenate([*found.T[done], z]))
            worth.append((f1(y, z) / (len(done) + 1) + micro, z))  # the others' part of macro-F1 is fixed
        best = max(value for value, _ in worth)
        first = next(z for value, z in worth if value >= best - 1e-12)
        if y.any():
            np.testing.assert_array_equal(found[:, label], first)
        else:
            assert not found[:, label].any()
        done.append(label)


@pytest.mark.parametrize("options", [{}, {"fbr": 0.0}, {"fbr": 0.1}, {"strategy": "micromacro-freq"}])
def test_a_label_absent_from_a_fold_is_not_given_to_everyone(options):
    """Its only positives are held out together, so that its scores are constant, 0, where nothing was learned."""
    rng = np.random.default_rng(0)
    scores, Y = rng.random((50, 4)), np.zeros((50, 4), dtype=int)
    Y[:, 0] = scores[:, 0] > 0.5
    scores[:, 1] = 0.0  # no positives, nothing learned
    scores[:, 2] = 0.0
    Y[:2, 2] = 1  # positives, but the same score as all others
    scores[:, 3] = np.where(np.arange(50) < 10, 0.0, 0.3 * rng.random(50))
    Y[:1, 3] = 1  # in the fold that got zeros
    rule = LabelThresholds(min_size=0, **options).fit(scores, Y)
    assert (rule.thresholds_[1:3] > 0).all()
    assert rule.apply(scores).toarray()[:, 1:3].sum() == 0
    if options != {"fbr": 0.0}:  # without a fallback, F1 of all is the best there is
        assert rule.apply(scores).toarray()[:, 3].sum() == 0


def test_a_label_of_every_record_is_taken():
    rule = LabelThresholds().fit(np.full((9, 1), 0.7), np.ones((9, 1)))
    assert rule.apply([[0.7], [0.9]]).toarray().tolist() == [[1], [1]]


def test_fallback_is_chosen_for_noise_and_not_for_signal():
    rng = np.random.default_rng(0)
    Y = (rng.random((300, 2)) < [0.3, 0.02]).astype(int)
    scores = np.column_stack([Y[:, 0] + 0.3 * rng.normal(size=300), rng.normal(size=300)])
    rule = LabelThresholds(min_size=0).fit(scores, Y)
    found = rule.apply(scores).toarray()
    assert f1(Y[:, 0], found[:, 0]) > 0.9
    assert found[:, 1].sum() == 0  # noise: F1 of a fold's threshold does not hold on the others
    grouped = LabelThresholds(min_size=0).fit(scores, Y, groups=np.arange(300) // 3)
    assert f1(Y[:, 0], grouped.apply(scores).toarray()[:, 0]) > 0.9
    assert LabelThresholds().fit(scores, Y, groups=np.zeros(300)).thresholds_.shape == (2,)


def test_other_labels_are_refused():
    rule = LabelThresholds().fit(*problem(0))
    with pytest.raises(ValueError, match="scores must be of 4 labels; got 3"):
        rule.apply(np.zeros((1, 3)))
