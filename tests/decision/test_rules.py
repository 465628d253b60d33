"""Decision rules against brute force over every set size."""

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from medrec.decision import RULES, ExpectedJaccard, Threshold, make_decision, rules

PROBABILITIES = arrays(
    float,
    st.tuples(st.integers(1, 6), st.integers(1, 7)),
    elements=st.one_of(st.sampled_from([0.0, 0.25, 0.5, 1.0]), st.floats(0, 1, allow_subnormal=False)),
)


def worth(p, chosen):
    """Plug-in expected Jaccard and F1 of a set, written down plainly."""
    hits, size, total = p[chosen].sum(), len(chosen), p.sum()
    return hits / (size + total - hits), 2 * hits / (size + total)


def never_empty(**options):
    return ExpectedJaccard(**options).fit([[0.5]], [[1]])


@given(PROBABILITIES)
@settings(max_examples=150, deadline=None)
def test_no_size_is_worth_more_for_jaccard_or_for_f1(scores):
    sets = never_empty().apply(scores)
    for p, row in zip(scores, sets.toarray()):
        chosen = np.flatnonzero(row)
        order = np.argsort(-p, kind="stable")
        assert len(chosen) >= 1
        assert set(chosen) == set(order[: len(chosen)])
        worths = np.array([worth(p, order[:size]) for size in range(1, len(p) + 1)])
        np.testing.assert_allclose(worth(p, chosen), worths.max(axis=0), rtol=1e-12)


@given(PROBABILITIES)
@settings(max_examples=50, deadline=None)
def test_no_other_set_of_any_kind_is_worth_more(scores):
    p = scores[0]
    best = worth(p, np.flatnonzero(never_empty().apply(scores[:1]).toarray()[0]))[0]
    for mask in range(1, 2 ** len(p)):
        assert worth(p, [at for at in range(len(p)) if mask >> at & 1])[0] <= best * (1 + 1e-12)


@given(PROBABILITIES, st.integers(1, 3))
@settings(max_examples=50, deadline=None)
def test_max_size_takes_the_best_of_the_sizes_allowed(scores, most):
    sets = never_empty(max_size=most).apply(scores).toarray()
    for p, row in zip(scores, sets):
        order = np.argsort(-p, kind="stable")
        worths = [worth(p, order[:size])[0] for size in range(1, min(most, len(p)) + 1)]
        assert 1 <= row.sum() <= most
        np.testing.assert_allclose(worth(p, np.flatnonzero(row))[0], max(worths), rtol=1e-12)


@given(PROBABILITIES)
@settings(max_examples=50, deadline=None)
def test_empty_sets_only_where_they_occurred_and_pay(scores):
    rule = ExpectedJaccard().fit([[0.5], [0.5]], [[1], [0]])
    assert rule.allow_empty_
    filled = never_empty().apply(scores).toarray()
    for p, row, full in zip(scores, rule.apply(scores).toarray(), filled):
        no_drug, best = np.prod(1 - p), worth(p, np.flatnonzero(full))[0]
        if no_drug > best * (1 + 1e-9):
            assert not row.any()
        elif no_drug < best * (1 - 1e-9):
            np.testing.assert_array_equal(row, full)


def test_ties_go_to_the_lower_label_and_the_smaller_set():
    sets = never_empty().apply([[0.5, 0.5, 0.5, 0.0], [0.0, 0.0, 0.0, 0.0], [1.0, 1.0, 0.0, 0.0]]).toarray()
    assert sets.tolist() == [[1, 1, 1, 0], [1, 0, 0, 0], [1, 1, 0, 0]]


def test_blocks_change_nothing(monkeypatch):
    scores = np.random.default_rng(0).random((37, 5))
    whole = never_empty().apply(scores)
    monkeypatch.setattr(rules, "_BLOCK", 5 * 4)
    parts = never_empty().apply(scores)
    np.testing.assert_array_equal(parts.toarray(), whole.toarray())
    assert parts.has_canonical_format


@pytest.mark.parametrize("rule", [never_empty(), Threshold(0.5)])
@pytest.mark.parametrize("shape", [(0, 3), (1, 1), (2, 0), (1, 4)])
def test_shapes(rule, shape):
    sets = rule.apply(np.full(shape, 0.5))
    assert sp.issparse(sets)
    assert sets.format == "csr"
    assert sets.dtype == np.uint8
    assert sets.shape == shape
    assert (sets.toarray() == 1).all()


def test_the_order_of_records_and_labels_does_not_matter():
    rng = np.random.default_rng(1)
    scores = rng.random((20, 6))
    rows, columns = rng.permutation(20), rng.permutation(6)
    straight = never_empty().apply(scores).toarray()
    np.testing.assert_array_equal(never_empty().apply(scores[rows][:, columns]).toarray(), straight[rows][:, columns])


def test_threshold_takes_what_reaches_it():
    assert Threshold().fit(None, None).apply([[0.49, 0.5, 0.51]]).toarray().tolist() == [[0, 1, 1]]
    assert Threshold(-2.0).apply([[-3.0, -2.0]]).toarray().tolist() == [[0, 1]]


@pytest.mark.parametrize(
    ("scores", "message"),
    [
        ([[0.5, 1.5]], "probabilities in"),
        ([[-0.1]], "Calibrate them first"),
        ([[np.nan]], "finite"),
        ([0.5], "n_records, n_labels"),
    ],
)
def test_what_is_no_probability_is_refused(scores, message):
    with pytest.raises(ValueError, match=f"ExpectedJaccard: .*{message}"):
        never_empty().apply(scores)


def test_rules_by_name():
    assert [type(make_decision(name)) for name in RULES] == list(RULES.values())
    given_rule = never_empty(max_size=2)
    made = make_decision(given_rule)
    assert made is not given_rule
    assert not hasattr(made, "allow_empty_")
    assert made.max_size == 2
    with pytest.raises(ValueError, match="one of expected-jaccard, threshold or a rule; got 'best'"):
        make_decision("best")
    with pytest.raises(ValueError, match="max_size must be at least 1; got 0"):
        ExpectedJaccard(max_size=0).fit([[0.5]], [[1]])
