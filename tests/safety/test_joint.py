"""JointDecision against brute force over all sets, and against deciding first and filtering after."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import medrec
from medrec.decision import ExpectedJaccard
from medrec.recommenders import BinaryRelevanceRecommender
from medrec.safety import DDIFilter, DDIGraph, JointDecision


def draw(seed, n_labels=8):
    rng = np.random.default_rng(seed)
    adjacency = np.triu(rng.random((n_labels, n_labels)) < rng.random(), 1)
    graph = DDIGraph([f"d{i}" for i in range(n_labels)], (adjacency | adjacency.T).astype(int))
    scores = rng.beta(0.7, 1.0, (4, n_labels)) if rng.random() < 0.5 else rng.integers(0, 5, (4, n_labels)) / 4
    return graph, scores


def all_sets(graph, p):
    """Plug-in Jaccard and interacting pairs of every set but the empty one."""
    member = ((np.arange(1, 2 ** len(p))[:, None] >> np.arange(len(p))) & 1).astype(float)
    overlap = member @ p
    union = member.sum(axis=1) + p.sum() - overlap
    pairs = ((member @ np.triu(graph.drug_drug.toarray(), 1).astype(float)) * member).sum(axis=1)
    return overlap / np.maximum(union, 1e-300), np.rint(pairs).astype(int)


def worth(graph, p, chosen, penalty):
    overlap, pairs = p[chosen].sum(), int(np.triu(graph.drug_drug.toarray()[np.ix_(chosen, chosen)], 1).sum())
    return overlap / max(len(chosen) + p.sum() - overlap, 1e-300) - (penalty * pairs if pairs else 0.0), pairs


@given(
    seed=st.integers(0, 10**6),
    penalty=st.sampled_from([0.0, 0.01, 0.05, 0.2, 1.0, np.inf]),
    max_pairs=st.sampled_from([None, 0, 1, 3]),
)
@settings(max_examples=250, deadline=None)
def test_no_set_is_worth_more(seed, penalty, max_pairs):
    graph, scores = draw(seed)
    found = JointDecision(graph, penalty=penalty, max_pairs=max_pairs).fit(scores, np.ones(scores.shape)).apply(scores)
    for p, row in zip(scores, found.toarray()):
        jaccard, pairs = all_sets(graph, p)
        allowed = (pairs <= (np.inf if max_pairs is None else max_pairs)) & ((pairs == 0) | np.isfinite(penalty))
        best = (jaccard - (penalty if np.isfinite(penalty) else 0.0) * pairs)[allowed].max()
        reached, n_pairs = worth(graph, p, np.flatnonzero(row), penalty)
        assert row.any()
        assert n_pairs <= (np.inf if max_pairs is None else max_pairs)
        assert reached == pytest.approx(best, abs=1e-9)


@given(seed=st.integers(0, 10**6))
@settings(max_examples=60, deadline=None)
def test_never_worth_less_than_deciding_then_filtering(seed):
    graph, scores = draw(seed, n_labels=14)
    Y = np.ones(scores.shape)
    joint = JointDecision(graph).fit(scores, Y).apply(scores).toarray()
    decided = ExpectedJaccard().fit(None, Y).apply(scores)
    filtered = DDIFilter(graph).apply(decided, scores)[0].toarray()
    free = JointDecision(graph, penalty=0.0).fit(scores, Y).apply(scores).toarray()
    for p, one, other, whole, plain in zip(scores, joint, filtered, free, decided.toarray()):
        assert worth(graph, p, np.flatnonzero(one), np.inf)[1] == 0
        assert worth(graph, p, np.flatnonzero(one), 0.0)[0] >= worth(graph, p, np.flatnonzero(other), 0.0)[0] - 1e-9
        reached = (worth(graph, p, np.flatnonzero(row), 0.0)[0] for row in (whole, plain))
        assert next(reached) == pytest.approx(next(reached), abs=1e-9)


def test_a_higher_price_never_adds_pairs():
    graph, _ = draw(3, n_labels=20)
    scores = np.random.default_rng(0).beta(1.0, 1.5, (50, 20))
    last = np.full(50, 99)
    for penalty in (0.0, 0.002, 0.01, 0.05, 0.2, np.inf):
        pairs = graph.count_pairs(JointDecision(graph, penalty=penalty).fit(scores, scores > 0).apply(scores))
        assert (pairs <= last).all()
        last = pairs
    assert last.sum() == 0


def test_empty_sets_only_where_they_occurred():
    graph = DDIGraph.from_edges(["a", "b"], [("a", "b")])
    scores = [[0.1, 0.05], [0.9, 0.8]]
    assert JointDecision(graph).fit(scores, [[1, 0], [1, 1]]).apply(scores).toarray().tolist() == [[1, 0], [1, 0]]
    assert JointDecision(graph).fit(scores, [[1, 0], [0, 0]]).apply(scores).toarray().tolist() == [[0, 0], [1, 0]]
    assert JointDecision(graph).fit(scores, [[1, 0], [1, 1]]).apply(np.zeros((1, 2))).toarray().tolist() == [[1, 0]]
    assert JointDecision(graph).fit(scores, [[1, 0], [1, 1]]).apply(np.zeros((0, 2))).shape == (0, 2)


def test_as_the_decision_of_a_recommender(tmp_path):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(120, 5))
    Y = (X @ rng.normal(size=(5, 4)) + 0.5 * rng.normal(size=(120, 4)) > 0).astype(int)
    graph = DDIGraph.from_edges(list("abcd"), [("a", "b"), ("c", "d"), ("a", "d")])
    options = {"decision": JointDecision(graph), "drug_names": list("abcd")}
    fitted = BinaryRelevanceRecommender(**options).fit(X, Y)
    assert graph.count_pairs(fitted.predict(X)).sum() == 0
    medrec.save(fitted, tmp_path / "model")
    np.testing.assert_array_equal(medrec.load(tmp_path / "model").predict(X), fitted.predict(X))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"graph": [[0]]}, "graph must be a DDIGraph; got list"),
        ({"penalty": -1}, "penalty must be at least 0; got -1"),
        ({"penalty": np.nan}, "penalty must be at least 0"),
        ({"max_pairs": 0.5}, "max_pairs must be a whole number from 0 up, or None; got 0.5"),
    ],
)
def test_refused_options(options, message):
    graph = DDIGraph.from_edges(["a", "b"], [("a", "b")])
    with pytest.raises(ValueError, match=message):
        JointDecision(**{"graph": graph} | options).fit([[0.5, 0.5]], [[1, 1]])


@pytest.mark.parametrize(
    ("scores", "message"),
    [([[0.5]], "scores must be of 2 labels; got 1"), ([[0.5, 1.5]], "probabilities in"), ([[0, np.nan]], "finite")],
)
def test_refused_scores(scores, message):
    rule = JointDecision(DDIGraph.from_edges(["a", "b"], [("a", "b")])).fit([[0.5, 0.5]], [[1, 1]])
    with pytest.raises(ValueError, match=message):
        rule.apply(scores)
    with pytest.raises(ValueError, match="Y must have 2 labels"):
        rule.fit([[0.5]], [[1]])
