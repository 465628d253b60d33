"""Rules of highest expectation against brute force: every set size, every set, every outcome."""

import itertools

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from medrec.decision import ExpectedF1, ExpectedJaccard
from medrec.decision.poisson_binomial import best_sizes

PROBABILITIES = arrays(
    float,
    st.tuples(st.integers(1, 6), st.integers(1, 7)),
    elements=st.one_of(st.sampled_from([0.0, 0.25, 0.5, 1.0]), st.floats(0, 1, allow_subnormal=False)),
)


def plug_in(p, chosen):
    """Plug-in expected Jaccard and F1 of a set, written down plainly."""
    hits, size, total = p[chosen].sum(), len(chosen), p.sum()
    return hits / (size + total - hits), 2 * hits / (size + total)


def expected_f1(p, chosen):
    """E[F1] as the sum over all outcomes of independent labels."""
    total = 0.0
    for outcome in itertools.product((0, 1), repeat=len(p)):
        truth = np.array(outcome)
        chance = np.prod(np.where(truth, p, 1 - p))
        size = truth.sum() + len(chosen)
        total += chance * (2 * truth[chosen].sum() / size if size else 1.0)
    return total


def never_empty(rule):
    return rule.fit([[0.5]], [[1]])


@given(PROBABILITIES)
@settings(max_examples=150, deadline=None)
def test_no_size_is_worth_more_for_plug_in_jaccard_or_f1(scores):
    sets = never_empty(ExpectedJaccard()).apply(scores)
    for p, row in zip(scores, sets.toarray()):
        chosen = np.flatnonzero(row)
        order = np.argsort(-p, kind="stable")
        assert len(chosen) >= 1
        assert set(chosen) == set(order[: len(chosen)])
        worths = np.array([plug_in(p, order[:size]) for size in range(1, len(p) + 1)])
        np.testing.assert_allclose(plug_in(p, chosen), worths.max(axis=0), rtol=1e-12)


@given(PROBABILITIES)
@settings(max_examples=50, deadline=None)
def test_no_other_set_of_any_kind_is_worth_more(scores):
    p = scores[0]
    jaccard = plug_in(p, np.flatnonzero(never_empty(ExpectedJaccard()).apply(scores[:1]).toarray()[0]))[0]
    f1 = expected_f1(p, np.flatnonzero(never_empty(ExpectedF1()).apply(scores[:1]).toarray()[0]))
    for mask in range(1, 2 ** len(p)):
        chosen = [at for at in range(len(p)) if mask >> at & 1]
        assert plug_in(p, chosen)[0] <= jaccard * (1 + 1e-12)
        assert expected_f1(p, chosen) <= f1 + 1e-12


@given(PROBABILITIES, st.integers(0, 3), st.integers(0, 3))
@settings(max_examples=60, deadline=None)
def test_sizes_take_the_best_of_those_allowed(scores, least, more):
    most = max(1, least + more)
    for rule, worth in ((ExpectedJaccard, lambda *args: plug_in(*args)[0]), (ExpectedF1, expected_f1)):
        sets = rule(min_size=least, max_size=most).fit([[0.5]], [[1]]).apply(scores).toarray()
        for p, row in zip(scores, sets):
            order = np.argsort(-p, kind="stable")
            low, high = min(least, len(p)), min(most, len(p))
            assert low <= row.sum() <= high
            worths = [worth(p, order[:size]) for size in range(max(low, 1), high + 1)]
            worths += [np.prod(1 - p)] * (low == 0)  # the empty set is right where nothing is needed
            reached = worth(p, np.flatnonzero(row)) if row.any() else np.prod(1 - p)
            np.testing.assert_allclose(reached, max(worths), rtol=1e-10, atol=1e-12)


@given(PROBABILITIES)
@settings(max_examples=50, deadline=None)
def test_empty_sets_only_where_they_occurred_and_pay(scores):
    rule = ExpectedJaccard().fit([[0.5], [0.5]], [[1], [0]])
    assert rule.allow_empty_
    filled = never_empty(ExpectedJaccard()).apply(scores).toarray()
    for p, row, full in zip(scores, rule.apply(scores).toarray(), filled):
        no_drug, best = np.prod(1 - p), plug_in(p, np.flatnonzero(full))[0]
        if no_drug > best * (1 + 1e-9):
            assert not row.any()
        elif no_drug < best * (1 - 1e-9):
            np.testing.assert_array_equal(row, full)


def test_ties_go_to_the_lower_label_and_the_smaller_set():
    scores = [[0.5, 0.5, 0.5, 0.0], [0.0, 0.0, 0.0, 0.0], [1.0, 1.0, 0.0, 0.0]]
    for rule in (ExpectedJaccard(), ExpectedF1()):
        sets = never_empty(rule).apply(scores).toarray()
        assert sets.tolist() == [[1, 1, 1, 0], [1, 0, 0, 0], [1, 1, 0, 0]]


def test_expected_f1_of_many_labels_is_the_mean_of_draws():
    """The tail that is cut and the bound that ends the search change nothing that 200,000 draws could show."""
    rng = np.random.default_rng(0)
    p = np.sort(rng.beta(0.1, 2.0, 120))[::-1].copy()
    truth = rng.random((200_000, 120)) < p
    hits, needed = np.cumsum(truth, axis=1), truth.sum(axis=1, keepdims=True)
    drawn = (2 * hits / (needed + np.arange(1, 121))).mean(axis=0)
    for least in (1, 3, 10, 30):
        size, value = np.zeros(1, dtype=np.int64), np.zeros(1)
        best_sizes(p[None], least, 120, size, value)
        assert abs(value[0] - drawn[size[0] - 1]) < 3e-3
        assert drawn[least - 1 :].max() - drawn[size[0] - 1] < 3e-3


def test_expected_f1_of_many_labels_against_the_full_recursion():
    """All sizes, no cut: the chances by plain convolution, leaving each label out anew."""
    rng = np.random.default_rng(1)
    for _ in range(20):
        p = np.sort(rng.beta(0.2, rng.choice([0.5, 3.0]), 40))[::-1].copy()
        found, value = np.zeros(41), np.zeros(41)
        for k in range(1, 41):
            others = np.array([1.0])
            for q in np.delete(p, k - 1):
                others = np.convolve(others, [1 - q, q])
            found[1:] += p[k - 1] * others
            value[k] = (2 * found[1:] / (k + np.arange(1, 41))).sum()
        size, best = np.zeros(1, dtype=np.int64), np.zeros(1)
        best_sizes(p[None], 1, 40, size, best)
        np.testing.assert_allclose(best[0], value.max(), rtol=1e-12)
        np.testing.assert_allclose(value[size[0]], value.max(), rtol=1e-12)
