"""DDIFilter: exact against brute force and integer programming; limits hold; the audit adds up."""

import itertools

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone

from medrec.safety import DDIFilter, DDIGraph
from tests.safety.oracles import all_subsets, batch_frontier, best_by_milp

SEEDS = st.integers(0, 2**32 - 1)


def draw(rng, n_records=1, n_labels=14, max_drugs=12, with_context=True):
    """Random interactions with severities, sets, scores (often tied) and drugs already taken."""
    names = [f"d{i}" for i in range(n_labels)]
    severity = np.triu(rng.integers(1, 5, (n_labels, n_labels)) * (rng.random((n_labels, n_labels)) < rng.random()), 1)
    graph = DDIGraph(names, severity + severity.T)
    Z = np.zeros((n_records, n_labels), dtype=np.uint8)
    for row in Z:
        row[rng.permutation(n_labels)[: rng.integers(0, max_drugs + 1)]] = 1
    scores = rng.random(Z.shape) if rng.random() < 0.5 else rng.integers(0, 9, Z.shape) / 8
    context = (rng.random(Z.shape) < 0.15 * with_context).astype(np.uint8)
    return graph, Z, scores, context


def subsets_of(graph, row, scores, taken):
    adjacency = graph.drug_drug.toarray()
    drugs = np.flatnonzero(row & ~taken.astype(bool))
    return drugs, all_subsets(drugs, scores[drugs], adjacency, np.flatnonzero(taken))


def free_utility(safe, scores, context):
    return float((safe.toarray() * (context == 0) * scores).sum())


@settings(max_examples=400, deadline=None)
@given(seed=SEEDS, max_pairs=st.integers(0, 6), severity=st.sampled_from([None, "moderate", "major"]))
def test_exact_for_a_number_of_pairs(seed, max_pairs, severity):
    graph, Z, scores, context = draw(np.random.default_rng(seed))
    safe, audit = DDIFilter(graph, max_pairs, severity=severity).apply(Z, scores, context)
    _, (utility, pairs, size) = subsets_of(graph.floor(severity), Z[0], scores[0], context[0])
    allowed = pairs <= max_pairs
    best = utility[allowed].max()
    kept = safe.toarray()[0] & ~context[0].astype(bool)
    assert free_utility(safe, scores, context) == pytest.approx(best, abs=1e-9)
    assert kept.sum() >= size[allowed & (utility > best - 1e-12)].max()  # of the best, the largest
    assert audit.attrs["pairs"] <= max_pairs


@settings(max_examples=200, deadline=None)
@given(seed=SEEDS, penalty=st.sampled_from([0.0, 0.1, 0.25, 0.5, 1.0, 50.0]))
def test_exact_for_a_penalty(seed, penalty):
    graph, Z, scores, context = draw(np.random.default_rng(seed))
    safe, audit = DDIFilter(graph, method="penalised", penalty=penalty).apply(Z, scores, context)
    _, (utility, pairs, _) = subsets_of(graph, Z[0], scores[0], context[0])
    reached = free_utility(safe, scores, context) - penalty * audit.attrs["pairs"]
    assert reached == pytest.approx((utility - penalty * pairs).max(), abs=1e-8)


@settings(max_examples=150, deadline=None)
@given(seed=SEEDS, n_records=st.integers(1, 4))
def test_rate_of_a_batch(seed, n_records):
    graph, Z, scores, context = draw(np.random.default_rng(seed), n_records, n_labels=8, max_drugs=6)
    whole = batch_frontier(
        [(subsets_of(graph, row, score, taken)[1], int(taken.sum())) for row, score, taken in zip(Z, scores, context)]
    )
    last_rate, last_utility = -1.0, -1.0
    for max_rate in (0.0, 0.03, 0.1, 0.2, 0.35, 0.7, 1.0):
        safe, audit = DDIFilter(graph, max_rate=max_rate).apply(Z, scores, context)
        reached, n_pairs, rate = free_utility(safe, scores, context), audit.attrs["pairs"], audit.attrs["rate"]
        assert rate <= max_rate
        assert rate >= last_rate  # a tighter limit never raises the rate
        assert reached >= last_utility - 1e-9
        # No choice with as few interacting pairs is worth more.
        assert reached == pytest.approx(max(u for (p, _), u in whole.items() if p <= n_pairs), abs=1e-9)
        # The true optimum lies within the gap that is stated.
        optimum = max(u for (p, d), u in whole.items() if p <= max_rate * d + 1e-12)
        assert reached - 1e-9 <= optimum + 2e-9 <= reached + audit.attrs["gap"] + 1e-8
        last_rate, last_utility = rate, reached
    assert (safe.toarray() == Z).all()  # a rate of 1 takes nothing away


def test_rate_is_the_pooled_rate_of_the_result():
    graph, Z, scores, _ = draw(np.random.default_rng(5), 40, n_labels=30, max_drugs=12)
    for max_rate in (0.0, 0.02, 0.1):
        safe, audit = DDIFilter(graph, max_rate=max_rate).apply(Z, scores)
        dense, size = safe.toarray().astype(int), np.diff(safe.indptr)
        pairs = np.einsum("ri,ij,rj->", dense, np.triu(graph.drug_drug.toarray(), 1).astype(int), dense)
        assert audit.attrs["pairs"] == pairs == graph.count_pairs(safe).sum()
        assert audit.attrs["rate"] == pytest.approx(pairs / (size * (size - 1) // 2).sum())


@settings(max_examples=150, deadline=None)
@given(seed=SEEDS, max_pairs=st.integers(0, 8))
def test_invariants(seed, max_pairs):
    rng = np.random.default_rng(seed)
    graph, Z, scores, context = draw(rng, n_records=5, n_labels=16, max_drugs=16)
    exact, audit = DDIFilter(graph, max_pairs).apply(Z, scores, context)
    greedy, _ = DDIFilter(graph, max_pairs, method="greedy").apply(Z, scores, context)
    for safe in (exact, greedy):
        assert safe.dtype == np.uint8
        assert ((safe.toarray() == 1) <= (Z == 1)).all()
        assert (safe.toarray()[(Z & context) == 1] == 1).all()  # what is taken stays
        for row, taken in zip(safe.toarray() & ~context, context):
            _, (_, pairs, _) = subsets_of(graph, row, np.ones(16), taken)
            assert pairs[-1] <= max_pairs
    gain = (exact.toarray() * scores).sum(axis=1) - (greedy.toarray() * scores).sum(axis=1)
    assert (gain >= -1e-9).all()
    looser, _ = DDIFilter(graph, max_pairs + 1).apply(Z, scores, context)
    assert ((looser.toarray() * scores).sum(axis=1) >= (exact.toarray() * scores).sum(axis=1) - 1e-9).all()
    # The audit names exactly what went, each against something that it does interact with.
    gone = {(int(i), f"d{j}") for i, j in np.argwhere((Z == 1) & (exact.toarray() == 0))}
    assert {(row.record, row.removed) for row in audit.itertuples()} == gone
    assert not audit.duplicated(["record", "removed", "against"]).any()
    for row in audit.itertuples():
        drug, other = int(row.removed[1:]), int(row.against[1:])
        assert graph.drug_drug[drug, other]
        present = {"kept": exact.toarray() & ~context, "context": context}[row.against_is]
        assert present[row.record, other]
        assert row.utility_lost == scores[row.record, drug]
    per_drug = audit.drop_duplicates(["record", "removed"])["utility_lost"].sum()
    assert per_drug == pytest.approx((Z * scores).sum() - (exact.toarray() * scores).sum(), abs=1e-9)


@settings(max_examples=60, deadline=None)
@given(seed=SEEDS, max_pairs=st.integers(0, 4))
def test_labels_and_records_may_be_permuted(seed, max_pairs):
    rng = np.random.default_rng(seed)
    graph, Z, _, context = draw(rng, n_records=6)
    scores = rng.permutation(np.linspace(0.01, 1, Z.size)).reshape(Z.shape) ** 1.7  # no ties
    labels, records = rng.permutation(Z.shape[1]), rng.permutation(len(Z))
    safe, audit = DDIFilter(graph, max_pairs).apply(Z, scores, context)
    turned = np.ix_(records, labels)
    again, audit_again = DDIFilter(graph.align(graph.names[labels]), max_pairs).apply(
        Z[turned], scores[turned], context[turned]
    )
    assert (again.toarray() == safe.toarray()[turned]).all()
    # The graph may stand in another order than the columns, if they are named.
    named, audit_named = DDIFilter(graph, max_pairs).apply(
        Z[turned], scores[turned], context[turned], drug_names=graph.names[labels], ids=records
    )
    assert (named != again).nnz == 0
    columns = ["record", "removed", "against", "severity", "utility_lost"]
    rows = [tuple(row) for row in audit[columns].to_numpy()]
    assert sorted(rows) == sorted(tuple(row) for row in audit_named[columns].to_numpy())
    assert len(audit_again) == len(audit)


@pytest.mark.parametrize("density", [0.08, 0.2, 0.5])
@pytest.mark.parametrize("max_pairs", [0, 2, 7])
def test_exact_on_large_sets_against_integer_programming(density, max_pairs):
    rng = np.random.default_rng(int(density * 100) + max_pairs)
    for size in (20, 30, 40):
        adjacency = np.triu(rng.random((45, 45)) < density, 1)
        adjacency |= adjacency.T
        graph = DDIGraph([f"d{i}" for i in range(45)], adjacency.astype(int))
        drugs, taken = np.arange(size), np.array([41, 43])
        Z, context = np.zeros((2, 1, 45), dtype=int)
        Z[0, drugs], context[0, taken] = 1, 1
        scores = rng.random((1, 45))
        safe, audit = DDIFilter(graph, max_pairs).apply(Z, scores, context)
        best = best_by_milp(drugs, scores[0, drugs], adjacency, taken, max_pairs)
        assert (safe.toarray() * scores).sum() == pytest.approx(best, abs=1e-6)
        assert audit.attrs["pairs"] <= max_pairs


def test_ties_keep_more_drugs_then_the_lower_label():
    star = DDIGraph.from_edges(list("abc"), [("c", "a"), ("c", "b")])
    safe, _ = DDIFilter(star).apply([[1, 1, 1]], [[0.25, 0.25, 0.5]])
    assert safe.toarray().tolist() == [[1, 1, 0]]
    decimal, _ = DDIFilter(star).apply([[1, 1, 1]], [[0.1, 0.2, 0.3]])  # 0.1 + 0.2 > 0.3 only in binary
    assert decimal.toarray().tolist() == [[1, 1, 0]]
    square = DDIGraph.from_edges(list("abcd"), [("a", "b"), ("b", "c"), ("c", "d"), ("d", "a")])
    safe, _ = DDIFilter(square).apply([[1, 1, 1, 1]], [[0.5, 0.5, 0.5, 0.5]])
    assert safe.toarray().tolist() == [[1, 0, 1, 0]]
    nothing, _ = DDIFilter(square).apply([[1, 1, 1, 1]], np.zeros((1, 4)))
    assert nothing.toarray().tolist() == [[1, 0, 1, 0]]


def test_utilities():
    star = DDIGraph.from_edges(list("abc"), [("c", "a"), ("c", "b")])
    Z, scores = [[1, 1, 1]], [[0.2, 0.2, 0.9]]
    for utility, kept in (("score", [0, 0, 1]), ("count", [1, 1, 0]), (lambda s: 1 - s, [1, 1, 0])):
        safe, _ = DDIFilter(star, utility=utility).apply(Z, scores)
        assert safe.toarray().tolist() == [kept]
    margins = [[-2.0, 7.0e6, -1.0]]
    with pytest.raises(ValueError, match=r"not negative; record 0 has -2\.0"):
        DDIFilter(star).apply(Z, margins)
    safe, _ = DDIFilter(star).apply([[0, 1, 0]], margins)  # negative only outside the set
    assert safe.toarray().tolist() == [[0, 1, 0]]
    large, _ = DDIFilter(star).apply(Z, [[3.0e9, 4.0e9, 6.5e9]])
    assert large.toarray().tolist() == [[1, 1, 0]]


def test_severity_allow_and_context():
    graph = DDIGraph.from_edges(list("abcd"), [("a", "b", "minor"), ("b", "c", "major"), ("c", "d", "moderate")])
    Z, scores = [[1, 1, 1, 0]], [[0.4, 0.6, 0.5, 0.9]]
    cases = [
        ({}, None, [1, 0, 1, 0]),
        ({"severity": "moderate"}, None, [1, 1, 0, 0]),
        ({"allow": [("c", "b")]}, None, [0, 1, 1, 0]),
        ({}, [[0, 0, 0, 1]], [0, 1, 0, 0]),  # d is taken: c must go
        ({}, [[0, 0, 1, 1]], [1, 0, 1, 0]),  # c and d are taken: their own pair is not ours to solve
        ({"max_pairs": 1}, [[0, 0, 0, 1]], [1, 1, 0, 0]),
    ]
    for options, context, kept in cases:
        safe, _ = DDIFilter(graph, **options).apply(Z, scores, context)
        assert safe.toarray().tolist() == [kept], options


def test_audit_of_context_and_names():
    graph = DDIGraph.from_edges(list("abc"), [("a", "b", "minor"), ("b", "c", "major")])
    _, audit = DDIFilter(graph).apply(
        sp.csr_matrix([[0, 0, 0], [1, 1, 0]]), np.full((2, 3), 0.5), [[0, 0, 0], [0, 0, 1]], ids=["1-1", "1-2"]
    )
    assert audit.to_dict("records") == [
        {
            "record": "1-2",
            "removed": "b",
            "against": other,
            "against_is": kind,
            "severity": severity,
            "utility_lost": 0.5,
            "replacement": None,
        }
        for other, kind, severity in (("a", "kept", "minor"), ("c", "context", "major"))
    ]


def test_replacement_of_the_same_class():
    names = ["ibuprofen", "naproxen", "warfarin", "paracetamol", "metamizole"]
    graph = DDIGraph.from_edges(names, [("ibuprofen", "warfarin"), ("naproxen", "warfarin")])
    classes = dict.fromkeys(["ibuprofen", "naproxen", "paracetamol", "metamizole"], "pain") | {"warfarin": "blood"}
    Z = [[1, 0, 1, 0, 0], [1, 0, 1, 1, 1], [1, 0, 0, 0, 0]]
    scores = np.tile([0.4, 0.9, 0.8, 0.3, 0.2], (3, 1))
    safe, audit = DDIFilter(graph, replace=classes).apply(Z, scores)
    # naproxen scores higher but interacts as well; where every other drug of the class is there, none comes.
    assert safe.toarray().tolist() == [[0, 0, 1, 1, 0], [0, 0, 1, 1, 1], [1, 0, 0, 0, 0]]
    assert audit[["record", "removed", "replacement"]].to_numpy().tolist() == [
        [0, "ibuprofen", "paracetamol"],
        [1, "ibuprofen", None],
    ]
    assert graph.count_pairs(safe).sum() == 0


def test_two_removed_drugs_of_a_class_get_two_replacements():
    names = ["a1", "a2", "a3", "a4", "x"]
    graph = DDIGraph.from_edges(names, [("a1", "x"), ("a2", "x"), ("a3", "a4")])
    safe, audit = DDIFilter(graph, replace=dict.fromkeys(names[:4], "a")).apply(
        [[1, 1, 0, 0, 1]], [[0.1, 0.2, 0.5, 0.4, 0.9]]
    )
    # a2 was worth more and is served first; a4 interacts with a3, so a1 gets nothing.
    assert safe.toarray().tolist() == [[0, 0, 1, 0, 1]]
    assert dict(zip(audit["removed"], audit["replacement"])) == {"a1": None, "a2": "a3"}


@pytest.mark.parametrize("options", [{}, {"max_pairs": 2}, {"max_rate": 0.1}, {"method": "greedy"}])
@pytest.mark.parametrize("shape", [(0, 3), (1, 1), (2, 3)])
def test_nothing_to_do(options, shape):
    graph = DDIGraph([f"d{i}" for i in range(shape[1])], np.ones((shape[1],) * 2) - np.eye(shape[1]))
    safe, audit = DDIFilter(graph, **options).apply(np.zeros(shape), np.zeros(shape))
    assert safe.shape == shape
    assert safe.nnz == 0
    assert len(audit) == 0
    assert audit.attrs == {"pairs": 0, "rate": 0.0, "gap": 0.0}
    edgeless = DDIGraph(graph.names, np.zeros((shape[1],) * 2))
    safe, _ = DDIFilter(edgeless, **options).apply(np.ones(shape), np.ones(shape))
    assert safe.nnz == shape[0] * shape[1]


def test_input_is_left_alone():
    graph, Z, scores, context = draw(np.random.default_rng(3), 20)
    Z, context = sp.csr_matrix(Z), sp.csr_matrix(context)
    before = Z.toarray().copy(), scores.copy(), context.toarray().copy(), graph.severity.toarray().copy()
    filtering = DDIFilter(graph, max_rate=0.05)
    filtering.apply(Z, scores, context)
    after = Z.toarray(), scores, context.toarray(), graph.severity.toarray()
    assert all((one == two).all() for one, two in zip(before, after))
    twin = clone(filtering)
    assert twin.get_params()["max_rate"] == 0.05
    assert twin.graph == graph


def test_too_many_interacting_drugs_are_refused_by_name():
    names = [f"d{i}" for i in range(70)]
    ring = DDIGraph.from_edges(names, list(itertools.pairwise(names)))
    Z = np.zeros((2, 70))
    Z[1] = 1
    for options in ({}, {"max_rate": 0.01}):
        with pytest.raises(ValueError, match=r"record 1 has more than 64 interacting drugs.*method='greedy'"):
            DDIFilter(ring, **options).apply(Z, np.ones((2, 70)))
    safe, audit = DDIFilter(ring, method="greedy").apply(Z, np.ones((2, 70)))
    assert safe[1].sum() == 35
    assert audit.attrs["pairs"] == 0


def test_a_search_that_grows_too_long_is_refused(monkeypatch):
    monkeypatch.setattr(DDIFilter, "_max_nodes", 1)
    graph = DDIGraph([f"d{i}" for i in range(12)], _random_graph(12, 0.5, 1))
    with pytest.raises(ValueError, match="record 0 has interactions that took more than 1 search nodes"):
        DDIFilter(graph).apply(np.ones((1, 12)), np.linspace(0.4, 0.5, 12)[None])


def _random_graph(n_labels, density, seed):
    rng = np.random.default_rng(seed)
    upper = np.triu(rng.random((n_labels, n_labels)) < density, 1).astype(int)
    return upper + upper.T


@pytest.mark.parametrize(
    ("options", "rule"),
    [
        ({"max_pairs": -1}, "max_pairs must be a whole number"),
        ({"max_pairs": 0.5}, "max_pairs must be a whole number"),
        ({"max_rate": 5}, r"max_rate must be in \[0, 1\]; got 5. Pass 0.05 for 5 %"),
        ({"max_rate": float("nan")}, "max_rate must be in"),
        ({"max_rate": 0.1, "max_pairs": 2}, "Give one limit"),
        ({"max_rate": 0.1, "method": "greedy"}, "Give one limit"),
        ({"method": "best"}, "method must be one of exact, greedy, penalised; got 'best'"),
        ({"method": "penalised"}, "needs a penalty"),
        ({"method": "penalised", "penalty": -1}, "needs a penalty"),
        ({"method": "penalised", "penalty": 1, "max_pairs": 3}, "keeps no limit"),
        ({"penalty": 1}, "penalty needs method='penalised'"),
        ({"severity": "deadly"}, "severity must be one of"),
        ({"allow": [("d0", "nobody")]}, "'nobody' is no drug"),
        ({"utility": "worth"}, "utility must be"),
        ({"utility": lambda s: s[:, :1]}, r"utility\(scores\) must be \(2, 3\)"),
        ({"replace": ["x"]}, "replace must map"),
        ({"graph": [[0]]}, "graph must be a DDIGraph; got list"),
    ],
)
def test_refused_options(options, rule):
    graph = options.pop("graph", DDIGraph(["d0", "d1", "d2"], np.zeros((3, 3))))
    with pytest.raises(ValueError, match=rule):
        DDIFilter(graph, **options).apply(np.ones((2, 3)), np.ones((2, 3)))


@pytest.mark.parametrize(
    ("arguments", "options", "rule"),
    [
        ((np.ones((2, 4)), np.ones((2, 4))), {}, "Z must have 3 labels"),
        ((np.ones((2, 3)), np.ones((2, 2))), {}, r"scores must be \(2, 3\)"),
        ((np.ones((2, 3)), np.full((2, 3), np.nan)), {}, "scores must be finite"),
        ((np.ones((2, 3)), np.ones((2, 3)), np.ones((1, 3))), {}, r"context must be \(2, 3\)"),
        ((np.full((2, 3), 2), np.ones((2, 3))), {}, "only 0 and 1"),
        ((np.ones((2, 3)), np.ones((2, 3))), {"ids": ["a"]}, "ids must have 2 entries"),
    ],
)
def test_refused_input(arguments, options, rule):
    with pytest.raises(ValueError, match=rule):
        DDIFilter(DDIGraph(["d0", "d1", "d2"], np.zeros((3, 3)))).apply(*arguments, **options)
