"""What all decision rules promise: sizes, shapes, orders, clones, files; and rules by name."""

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone

import medrec
from medrec.cli.arguments import DECISIONS
from medrec.decision import (
    RULES,
    Cardinality,
    ExpectedF1,
    ExpectedJaccard,
    LabelThresholds,
    Threshold,
    TopK,
    make_decision,
    sets,
)
from medrec.recommenders import BinaryRelevanceRecommender

EXAMPLES = {
    "expected-jaccard": ExpectedJaccard(),
    "expected-jaccard-exact": ExpectedJaccard(exact=True),
    "expected-f1": ExpectedF1(),
    "threshold": Threshold(0.4),
    "tuned": Threshold(tune="f1"),
    "tuned-macro": Threshold(tune="macro-f1"),
    "scutfbr": LabelThresholds(),
    "scutfbr-given": LabelThresholds(fbr=0.3),
    "micromacro-freq": LabelThresholds(strategy="micromacro-freq"),
    "cardinality": Cardinality(),
    "top-k": TopK(),
}
SIZED = [name for name, rule in EXAMPLES.items() if "max_size" in rule.get_params()]
NEVER_EMPTY = [name for name in EXAMPLES if name != "threshold"]


def problem(seed=0, n_records=60, n_labels=6, empty=False):
    """Calibrated probabilities with ties, and sets drawn from them."""
    rng = np.random.default_rng(seed)
    scores = np.round(rng.beta(0.6, 2.0, (n_records, n_labels)), 2)
    Y = rng.random(scores.shape) < scores
    if not empty:
        Y[np.arange(n_records), scores.argmax(axis=1)] |= ~Y.any(axis=1)
    else:
        Y[0] = False
    return scores, sp.csr_matrix(Y.astype(np.uint8))


@pytest.mark.parametrize("name", EXAMPLES)
@pytest.mark.parametrize("shape", [(0, 6), (1, 6), (3, 6)])
def test_shapes(name, shape):
    rule = clone(EXAMPLES[name]).fit(*problem())
    found = rule.apply(np.full(shape, 0.5))
    assert (found.format, found.dtype, found.shape) == ("csr", np.uint8, shape)
    assert found.has_canonical_format
    assert (found.data == 1).all()


@pytest.mark.parametrize("name", EXAMPLES)
@pytest.mark.parametrize("n_labels", [0, 1])
def test_no_label_and_one_label(name, n_labels):
    scores, Y = problem(n_labels=1)
    rule = clone(EXAMPLES[name])
    if not n_labels and rule.learns_from_scores:
        with pytest.raises(ValueError, match=r"one record and one label are needed to learn from; got \(60, 0\)"):
            rule.fit(scores[:, :0], Y[:, :0])
        return
    rule.fit(scores[:, :n_labels], Y[:, :n_labels])
    assert rule.apply(scores[:5, :n_labels]).shape == (5, n_labels)


@pytest.mark.parametrize("name", NEVER_EMPTY)
@given(seed=st.integers(0, 10**6))
@settings(max_examples=20, deadline=None)
def test_never_empty_unless_empty_sets_occur(name, seed):
    scores, Y = problem(seed)
    rule = clone(EXAMPLES[name]).fit(scores, Y)
    extreme = np.vstack([problem(seed + 1)[0], np.zeros((1, 6)), np.full((1, 6), 1e-9)])
    assert np.diff(rule.apply(extreme).indptr).min() >= 1
    if name in ("expected-jaccard", "expected-f1", "scutfbr", "micromacro-freq"):
        rule = clone(EXAMPLES[name]).fit(*problem(seed, empty=True))
        assert np.diff(rule.apply(np.full((1, 6), 1e-9)).indptr).min() == 0


@pytest.mark.parametrize("name", SIZED)
@given(seed=st.integers(0, 10**6), least=st.integers(0, 3), more=st.integers(0, 2))
@settings(max_examples=20, deadline=None)
def test_sizes_are_kept_and_change_no_record_within_them(name, seed, least, more):
    most = max(1, least + more)
    scores, Y = problem(seed)
    free = clone(EXAMPLES[name]).set_params(min_size=0).fit(scores, Y)
    bound = clone(EXAMPLES[name]).set_params(min_size=least, max_size=most).fit(scores, Y)
    found = bound.apply(scores)
    assert np.diff(found.indptr).min() >= least
    assert np.diff(found.indptr).max() <= most
    if name in ("expected-jaccard", "expected-f1", "threshold", "scutfbr-given", "micromacro-freq", "cardinality"):
        # What these learn does not depend on the sizes.
        first = free.apply(scores)
        size = np.diff(first.indptr)
        within = (size >= least) & (size <= most)
        assert (first[within] != found[within]).nnz == 0
        assert (found[size < least].multiply(first[size < least]).sum(axis=1).ravel() == size[size < least]).all()
        assert found[size > most].multiply(first[size > most]).sum() == found[size > most].sum()


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_order_of_records_and_labels_does_not_matter(name):
    rng = np.random.default_rng(1)
    scores, Y = problem(3)
    scores = scores + 1e-6 * rng.random(scores.shape)  # ties go to the lower label
    scores /= scores.max()
    rows, columns = rng.permutation(60), rng.permutation(6)
    rule = clone(EXAMPLES[name])
    if name == "scutfbr":
        rows = np.arange(60)  # its folds are of the records in their order
    straight = rule.fit(scores, Y).apply(scores).toarray()
    turned = clone(rule).fit(scores[rows][:, columns], Y[rows][:, columns]).apply(scores[rows][:, columns])
    np.testing.assert_array_equal(turned.toarray(), straight[rows][:, columns])


@pytest.mark.parametrize("name", EXAMPLES)
def test_blocks_change_nothing(name, monkeypatch):
    scores, Y = problem()
    rule = clone(EXAMPLES[name]).fit(scores, Y)
    whole = rule.apply(scores)
    monkeypatch.setattr(sets, "_BLOCK", 6 * 7)
    parts = rule.apply(scores)
    np.testing.assert_array_equal(parts.toarray(), whole.toarray())
    assert parts.has_canonical_format


@given(seed=st.integers(0, 10**6))
@settings(max_examples=50, deadline=None)
def test_best_labels_are_those_of_a_stable_sort(seed):
    rng = np.random.default_rng(seed)
    scores = rng.integers(0, 4, (8, 5)) / 3
    counts = rng.integers(0, 6, 8)
    found = sets.take_best(scores, sets.sort_falling(scores), counts).toarray()
    order = sets.rank_labels(scores)
    for row, ranked, count in zip(found, order, counts):
        assert set(np.flatnonzero(row)) == set(ranked[:count])


@pytest.mark.parametrize("name", EXAMPLES)
def test_saved_and_loaded_inside_a_recommender(name, tmp_path):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(80, 4))
    Y = (X @ rng.normal(size=(4, 5)) + rng.normal(size=(80, 5)) > 0.7).astype(int)
    fitted = BinaryRelevanceRecommender(decision=EXAMPLES[name]).fit(X, Y)
    medrec.save(fitted, tmp_path / "model")
    np.testing.assert_array_equal(medrec.load(tmp_path / "model").predict(X), fitted.predict(X))


@pytest.mark.parametrize("name", EXAMPLES)
def test_without_folds_a_rule_that_learns_is_refused(name):
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(30, 3)), rng.random((30, 2)) < 0.5
    rule = EXAMPLES[name]
    assert rule.learns_from_scores == (
        name not in ("expected-jaccard", "expected-jaccard-exact", "expected-f1", "threshold", "top-k")
    )
    recommender = BinaryRelevanceRecommender(decision=rule, cv=None)
    if not rule.learns_from_scores:
        recommender.fit(X, Y)
        return
    with pytest.raises(ValueError, match=r"learns from out-of-fold scores, and cv=None makes none\. Set cv=5"):
        recommender.fit(X, Y)
    with pytest.raises(ValueError, match=r"a single patient makes none\. Fit on records of several patients"):
        recommender.set_params(cv=5).fit(X, Y, groups=np.zeros(30))


def test_rules_by_name():
    assert tuple(RULES) == DECISIONS
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(40, 3)), rng.random((40, 4)) < 0.4
    for name, make in RULES.items():
        assert type(make_decision(name)) is type(make())
        assert BinaryRelevanceRecommender(decision=name).fit(X, Y).predict(X).shape == Y.shape
    assert make_decision("expected-jaccard-exact").exact is True
    assert make_decision("expected-jaccard").exact is None
    assert make_decision("tuned-threshold").tune == "jaccard"
    assert make_decision("micromacro-freq").strategy == "micromacro-freq"
    given_rule = ExpectedJaccard(max_size=2).fit([[0.5]], [[1]])
    made = make_decision(given_rule)
    assert made is not given_rule
    assert not hasattr(made, "allow_empty_")
    assert made.max_size == 2
    with pytest.raises(ValueError, match=r"one of expected-jaccard, .*, top-k or a rule; got 'best'"):
        make_decision("best")


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        (ExpectedJaccard(max_size=0), "ExpectedJaccard: max_size must be at least 1; got 0"),
        (ExpectedF1(min_size=-1), "ExpectedF1: min_size must be at least 0, or None; got -1"),
        (Threshold(min_size=3, max_size=2), "min_size must not be above max_size; got 3 and 2"),
        (Threshold(tune="best"), "Threshold: tune must be one of jaccard, .*; got 'best'"),
        (TopK(0), "TopK: k must be at least 1, or None; got 0"),
        (Cardinality(C=0), "Cardinality: C must be above 0; got 0"),
        (LabelThresholds(strategy="cut"), "strategy must be one of scutfbr, micromacro-freq; got 'cut'"),
        (LabelThresholds(fbr=2), r"fbr must be in \[0, 1\]"),
        (LabelThresholds(strategy="micromacro-freq", fbr=0.1), "is for strategy='scutfbr'"),
    ],
)
def test_refused_options(rule, message):
    with pytest.raises(ValueError, match=message):
        rule.fit([[0.5, 0.1], [0.4, 0.3]], [[1, 0], [1, 1]])


@pytest.mark.parametrize("name", [name for name in EXAMPLES if EXAMPLES[name].learns_from_scores])
def test_refused_scores(name):
    rule = clone(EXAMPLES[name])
    with pytest.raises(ValueError, match=r"scores must be \(2, 1\), as the sets are; got \(1, 1\)"):
        rule.fit([[0.5]], [[1], [0]])
    with pytest.raises(ValueError, match="at least one record and one label"):
        rule.fit(np.zeros((0, 2)), np.zeros((0, 2)))
    with pytest.raises(ValueError, match="finite"):
        rule.fit([[np.nan]], [[1]])


@pytest.mark.parametrize("rule", [ExpectedJaccard(), ExpectedF1(), Cardinality()])
@pytest.mark.parametrize(
    ("scores", "message"),
    [
        ([[0.5, 1.5]], "probabilities in"),
        ([[-0.1]], "Calibrate them first"),
        ([[np.nan]], "finite"),
        ([0.5], "n_records, n_labels"),
    ],
)
def test_what_is_no_probability_is_refused(rule, scores, message):
    fitted = clone(rule).fit(*problem())
    with pytest.raises(ValueError, match=f"{type(rule).__name__}: .*{message}"):
        fitted.apply(scores)
