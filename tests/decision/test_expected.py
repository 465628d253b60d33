"""Rules of highest expectation against brute force: every set size, every set, every outcome."""

import itertools
import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression

from medrec.decision import ExpectedF1, ExpectedJaccard
from medrec.decision.poisson_binomial import best_jaccard_sizes, best_sizes

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


def expected_jaccard(p, chosen):
    """E[Jaccard] as the sum over all outcomes of independent labels."""
    total, given = 0.0, np.isin(np.arange(len(p)), chosen)
    for outcome in itertools.product((0, 1), repeat=len(p)):
        truth = np.array(outcome, dtype=bool)
        chance = np.prod(np.where(truth, p, 1 - p))
        union = (truth | given).sum()
        total += chance * ((truth & given).sum() / union if union else 1.0)
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
    exact = ExpectedJaccard(exact=True)
    exact_jaccard = expected_jaccard(p, np.flatnonzero(never_empty(exact).apply(scores[:1]).toarray()[0]))
    for mask in range(1, 2 ** len(p)):
        chosen = [at for at in range(len(p)) if mask >> at & 1]
        assert plug_in(p, chosen)[0] <= jaccard * (1 + 1e-12)
        assert expected_f1(p, chosen) <= f1 + 1e-12
        assert expected_jaccard(p, chosen) <= exact_jaccard + 1e-12


@given(PROBABILITIES, st.integers(0, 3), st.integers(0, 3))
@settings(max_examples=60, deadline=None)
def test_sizes_take_the_best_of_those_allowed(scores, least, more):
    most = max(1, least + more)
    rules = (
        (ExpectedJaccard(exact=False), lambda *args: plug_in(*args)[0]),
        (ExpectedJaccard(exact=True), expected_jaccard),
        (ExpectedF1(), expected_f1),
    )
    for rule, worth in rules:
        sets = rule.set_params(min_size=least, max_size=most).fit([[0.5]], [[1]]).apply(scores).toarray()
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
def test_empty_sets_only_where_they_occurred_and_then_every_size_is_exact(scores):
    rule = ExpectedJaccard().fit(None, [[1], [0]])
    assert rule.allow_empty_
    assert (never_empty(ExpectedJaccard()).apply(scores).sum(axis=1) > 0).all()
    for p, row in zip(scores, rule.apply(scores).toarray()):
        order = np.argsort(-p, kind="stable")
        best = max(expected_jaccard(p, order[:size]) for size in range(len(p) + 1))
        np.testing.assert_allclose(expected_jaccard(p, np.flatnonzero(row)), best, rtol=1e-10)


def test_a_record_is_not_left_empty_where_plug_in_values_are_too_low():
    p = np.array([0.46, 0.2, 0.2])  # nothing: .346; the first: .329 by plug-in, .374 exactly
    scores = p[None]
    assert plug_in(p, [0])[0] < np.prod(1 - p) < expected_jaccard(p, [0])
    both = [ExpectedJaccard(exact=exact).fit(None, [[1], [0]]).apply(scores).sum() for exact in (False, None)]
    assert both == [0, 1]


@pytest.mark.parametrize("rule", [ExpectedJaccard(), ExpectedJaccard(exact=False), ExpectedF1()])
def test_drugs_that_go_together_leave_more_records_empty_than_independent_ones(rule):
    """Four drugs, all or none: 30 % of the records get all. Independent ones would leave 24 % empty, not 70."""
    rng = np.random.default_rng(0)
    Y = np.repeat(rng.random((2000, 1)) < 0.3, 4, axis=1).astype(int)
    scores = np.full(Y.shape, 0.3)
    assert clone(rule).fit(None, Y).apply(scores[:1]).sum() == 4
    learned = clone(rule).fit(scores, Y)
    assert learned.apply(scores[:1]).sum() == 0
    assert learned._empty(scores[:1])[0] == pytest.approx((Y.sum(axis=1) == 0).mean(), abs=0.01)


@given(st.integers(0, 10**6))
@settings(max_examples=20, deadline=None)
def test_the_chance_of_an_empty_set_is_a_logistic_regression_on_the_product(seed):
    rng = np.random.default_rng(seed)
    scores = rng.beta(0.5, 2.0, (3000, 5))
    Y = (rng.random(scores.shape) < scores) & (rng.random((3000, 1)) < 0.8)
    rule = ExpectedJaccard().fit(scores, Y)
    product = np.prod(1 - scores, axis=1, keepdims=True)
    oracle = LogisticRegression(C=1e6, tol=1e-8).fit(np.log(product / (1 - product)), ~Y.any(axis=1))
    np.testing.assert_allclose(
        rule._empty(scores), oracle.predict_proba(np.log(product / (1 - product)))[:, 1], atol=0.01
    )


@pytest.mark.parametrize("Y", [[[1], [0]], [[1], [1]]])
def test_scores_that_do_not_go_with_the_sets_are_refused(Y):
    with pytest.raises(
        ValueError, match=r"ExpectedF1: scores must be \(2, 1\), as the sets are, or None; got \(1, 1\)"
    ):
        ExpectedF1().fit([[0.5]], Y)
    with pytest.raises(ValueError, match=r"ExpectedJaccard: .* probabilities in \[0, 1\]; got -1 to 2"):
        ExpectedJaccard().fit([[2.0], [-1.0]], Y)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.parametrize("rule", ["ExpectedJaccard(exact=True)", "ExpectedF1()"])
def test_a_forked_process_decides_as_its_parent_did(rule):
    """Of a pool of compiled threads a fork has none, and is ended when it asks for them."""
    code = f"""
import os
from medrec.decision import ExpectedF1, ExpectedJaccard
rule, scores = {rule}.fit(None, [[1, 0]]), [[0.9, 0.8], [0.6, 0.1]]
expected = rule.apply(scores).toarray().tolist()
child = os.fork()
if not child:
    os._exit(0 if rule.apply(scores).toarray().tolist() == expected == [[1, 1], [1, 0]] else 1)
assert os.waitpid(child, 0)[1] == 0
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_ties_go_to_the_lower_label_and_the_smaller_set():
    scores = [[0.5, 0.5, 0.5, 0.0], [0.0, 0.0, 0.0, 0.0], [1.0, 1.0, 0.0, 0.0]]
    for rule in (ExpectedJaccard(), ExpectedJaccard(exact=True), ExpectedF1()):
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
        best_sizes(p[None], np.zeros(1), least, 120, size, value)
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
        best_sizes(p[None], np.zeros(1), 1, 40, size, best)
        np.testing.assert_allclose(best[0], value.max(), rtol=1e-12)
        np.testing.assert_allclose(value[size[0]], value.max(), rtol=1e-12)


@given(st.integers(0, 10**6))
@settings(max_examples=60, deadline=None)
def test_kernels_take_the_best_of_all_sizes_whatever_the_empty_set_is_worth(seed):
    rng = np.random.default_rng(seed)
    some = (rng.random(6), rng.choice([0.0, 1.0], 6), rng.choice([0.0, 1e-300, 1e-12, 0.5, 1 - 1e-16, 1.0], 6))
    p = np.sort(some[rng.integers(3)][: rng.integers(1, 7)])[::-1].copy()
    least = int(rng.integers(0, len(p) + 1))
    most = int(rng.integers(max(least, 1), len(p) + 1))
    empty = rng.choice([0.0, 1.0, rng.random()])
    for kernel, worth in ((best_jaccard_sizes, expected_jaccard), (best_sizes, expected_f1)):
        value = {size: worth(p, np.arange(size)) if size else empty for size in range(least, most + 1)}
        size, best = np.zeros(1, dtype=np.int64), np.zeros(1)
        kernel(p[None], np.array([empty]), least, most, size, best)
        np.testing.assert_allclose([best[0], value[size[0]]], max(value.values()), rtol=1e-10, atol=1e-12)


def test_expected_jaccard_of_many_labels_against_the_full_recursion():
    """All sizes, no cut: the chances of the drugs outside the set by plain convolution."""
    rng = np.random.default_rng(2)
    for _ in range(20):
        p = np.sort(rng.beta(0.2, rng.choice([0.5, 3.0]), 200))[::-1].copy()
        value = np.zeros(201)
        for k in range(1, 201):
            outside = np.array([1.0])
            for q in p[k:]:
                outside = np.convolve(outside, [1 - q, q])
            value[k] = p[:k].sum() * (outside / (k + np.arange(len(outside)))).sum()
        size, best = np.zeros(1, dtype=np.int64), np.zeros(1)
        best_jaccard_sizes(p[None], np.zeros(1), 1, 200, size, best)
        np.testing.assert_allclose(best[0], value.max(), rtol=1e-12)
        np.testing.assert_allclose(value[size[0]], value.max(), rtol=1e-12)
