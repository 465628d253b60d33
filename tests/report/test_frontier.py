"""The frontier: every row is what its method gives, ends meet, and the plot shows the table."""

from xml.etree import ElementTree

import numpy as np
import pytest

from medrec.decision import ExpectedJaccard
from medrec.metrics import ddi_rate, overlap_counts
from medrec.report import ddi_frontier, frontier_plot
from medrec.safety import DDIFilter, DDIGraph, JointDecision


def problem(seed=0, n_records=80, n_labels=10):
    rng = np.random.default_rng(seed)
    adjacency = np.triu(rng.random((n_labels, n_labels)) < 0.25, 1)
    graph = DDIGraph([f"d{i}" for i in range(n_labels)], (adjacency | adjacency.T).astype(int))
    scores = rng.beta(0.6, 1.2, (n_records, n_labels))
    Y = rng.random(scores.shape) < scores
    Y[np.arange(n_records), scores.argmax(axis=1)] = True
    return scores, Y, graph


def test_rows_are_what_the_methods_give():
    scores, Y, graph = problem()
    table = ddi_frontier(scores, Y, graph, n_points=5)
    assert list(table.columns) == ["method", "limit", "ddi_rate", "jaccard", "f1", "removed"]
    decided = ExpectedJaccard().fit(None, Y).apply(scores)
    for row in table.itertuples():
        made = {
            "exact": lambda at: DDIFilter(graph, max_rate=at).apply(decided, scores)[0],
            "greedy": lambda at: DDIFilter(graph, int(at), method="greedy").apply(decided, scores)[0],
            "penalised": lambda at: DDIFilter(graph, method="penalised", penalty=at).apply(decided, scores)[0],
            "joint": lambda at: JointDecision(graph, penalty=at).fit(scores, Y).apply(scores),
        }[row.method](row.limit)
        counts = overlap_counts(Y, made)
        assert (row.ddi_rate, row.jaccard, row.f1) == (ddi_rate(made, graph), counts.jaccard(), counts.f1())
        assert row.removed == (decided.toarray() & (1 - made.toarray())).sum()
    assert table.attrs == {
        "true_rate": ddi_rate(Y, graph),
        "rate": ddi_rate(decided, graph),
        "jaccard": overlap_counts(Y, decided).jaccard(),
    }


def test_every_method_goes_from_no_interaction_to_no_limit():
    scores, Y, graph = problem(1)
    table = ddi_frontier(scores, Y, graph)
    for _, rows in table.groupby("method"):
        assert rows["ddi_rate"].is_monotonic_increasing
        assert rows["ddi_rate"].iloc[0] == 0.0
        assert (rows["ddi_rate"].iloc[-1], rows["jaccard"].iloc[-1]) == (table.attrs["rate"], table.attrs["jaccard"])
        assert rows["removed"].iloc[-1] == 0
    exact = table[table["method"] == "exact"]
    assert (exact["ddi_rate"] <= exact["limit"]).all()


def test_given_sets_and_chosen_methods():
    scores, Y, graph = problem(2)
    table = ddi_frontier(scores, Y, graph, Z=Y, methods=["greedy", "exact"], n_points=3)
    assert list(dict.fromkeys(table["method"])) == ["greedy", "exact"]
    assert table.attrs["rate"] == table.attrs["true_rate"]
    assert table["jaccard"].iloc[-1] == 1.0


@pytest.mark.parametrize("n_points", [2, 7])
def test_nothing_interacts(n_points):
    scores, Y, _ = problem()
    graph = DDIGraph([f"d{i}" for i in range(10)], np.zeros((10, 10)))
    table = ddi_frontier(scores, Y, graph, n_points=n_points)
    assert (table[["ddi_rate", "removed"]] == 0).all(axis=None)
    assert frontier_plot(table).startswith("<svg")


def test_plot_is_an_image_with_words():
    table = ddi_frontier(*problem(), n_points=4)
    plot = ElementTree.fromstring(frontier_plot(table).replace("xlink:", ""))
    text = " ".join(plot.itertext())
    assert "Jaccard against the interaction rate" in text
    for method in table["method"].unique():
        rows = table[table["method"] == method]
        assert f"{method}: Jaccard {rows['jaccard'].iloc[0]:.4f} at 0.00%" in text


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"methods": ["best"]}, "methods must be among exact, greedy, penalised, joint; got 'best'"),
        ({"n_points": 1}, "n_points must be at least 2; got 1"),
        ({"Z": np.ones((3, 10))}, r"Z must be \(80, 10\), as Y is; got \(3, 10\)"),
    ],
)
def test_refused(options, message):
    with pytest.raises(ValueError, match=f"ddi_frontier: {message}"):
        ddi_frontier(*problem(), **options)
