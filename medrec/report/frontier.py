"""``ddi_frontier``: what fewer interactions cost, by method, as a table and a plot."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse as sp
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator, PercentFormatter

from medrec._checks import check_scores, check_sets
from medrec.decision import ExpectedJaccard
from medrec.metrics import ddi_rate, overlap_counts
from medrec.report.plots import MARKERS, MUTED, _color, draw, legend_above
from medrec.safety import DDIFilter, DDIGraph, JointDecision

_SPAN = 0.01  # Jaccard that the plot spans at least

METHODS = ("exact", "greedy", "penalised", "joint")


def ddi_frontier(
    scores: Any,
    Y: Any,
    graph: DDIGraph,
    *,
    Z: Any = None,
    methods: Sequence[str] = METHODS,
    n_points: int = 11,
) -> pd.DataFrame:
    """Quality against the interaction rate, from no interaction to as many as without any limit.

    Parameters
    ----------
    scores : array of shape (n_records, n_labels)
        Probabilities of records that no model has seen.
    Y : sparse or dense 0/1 matrix of shape (n_records, n_labels)
        True sets.
    graph : DDIGraph
        Interactions of the labels.
    Z : sparse or dense 0/1 matrix of shape (n_records, n_labels), optional
        The sets to filter; default: those of ``ExpectedJaccard``.
    methods : sequence of {"exact", "greedy", "penalised", "joint"}
        ``exact`` is ``DDIFilter(max_rate=limit)``; ``greedy`` drops drugs one by one, ``max_pairs=limit``;
        ``penalised`` is ``DDIFilter(method="penalised", penalty=limit)``; ``joint`` is
        ``JointDecision(penalty=limit)``, which decides from the scores anew and does not look at ``Z``.
    n_points : int, default=11
        Limits of each method; greedy has as many as the most interacting record has pairs, at most.

    Returns
    -------
    DataFrame
        Columns ``method``, ``limit``, ``ddi_rate`` (pooled), ``jaccard`` and ``f1`` (means over records), ``removed``
        (drugs of Z that are not in the result); by rising rate within a method. ``attrs`` holds ``true_rate``, the
        rate of ``Y``, and ``rate`` and ``jaccard`` of Z.

    Raises
    ------
    ValueError
        When shapes disagree, a method is unknown, or there are fewer than 2 points.

    Examples
    --------
    >>> graph = DDIGraph.from_edges(["aspirin", "heparin", "warfarin"], [("warfarin", "aspirin")])
    >>> table = ddi_frontier([[0.8, 0.5, 0.9]], [[1, 0, 1]], graph, methods=["exact", "joint"], n_points=2)
    >>> table[["method", "ddi_rate", "removed"]].round(2).to_numpy().tolist()
    [['exact', 0.0, 1], ['exact', 0.33, 0], ['joint', 0.0, 1], ['joint', 0.33, 0]]
    """
    for method in methods:
        if method not in METHODS:
            raise ValueError(f"ddi_frontier: methods must be among {', '.join(METHODS)}; got {method!r}.")
    if n_points < 2:
        raise ValueError(f"ddi_frontier: n_points must be at least 2; got {n_points}.")
    truth = check_sets(Y, who="ddi_frontier", n_labels=len(graph.names))
    scores = check_scores(scores, who="ddi_frontier", shape=truth.shape)
    if Z is None:
        Z = ExpectedJaccard().fit(None, truth).apply(scores)
    sets = check_sets(Z, who="ddi_frontier", n_labels=truth.shape[1], name="Z")
    if sets.shape != truth.shape:
        raise ValueError(f"ddi_frontier: Z must be {truth.shape}, as Y is; got {sets.shape}.")
    rows = []
    for method in methods:
        for limit, found in _results(method, scores, truth, sets, graph, n_points):
            counts = overlap_counts(truth, found)
            removed = sets.nnz - int(sets.multiply(found).sum())
            rows.append((method, limit, ddi_rate(found, graph), counts.jaccard(), counts.f1(), removed))
    table = pd.DataFrame(rows, columns=["method", "limit", "ddi_rate", "jaccard", "f1", "removed"])
    order = table["method"].map({method: place for place, method in enumerate(methods)})
    table = table.iloc[np.lexsort((table["ddi_rate"], order))].reset_index(drop=True)
    table.attrs = {
        "true_rate": ddi_rate(truth, graph),
        "rate": ddi_rate(sets, graph),
        "jaccard": overlap_counts(truth, sets).jaccard(),
    }
    return table


def _results(
    method: str, scores: np.ndarray, truth: sp.csr_matrix, sets: sp.csr_matrix, graph: DDIGraph, n_points: int
) -> list[tuple[float, sp.csr_matrix]]:
    """Limits of a method, each with the sets that it gives."""
    if method == "exact":
        limits = np.linspace(0.0, ddi_rate(sets, graph), n_points)
        return [(float(rate), DDIFilter(graph, max_rate=float(rate)).keep_best(sets, scores)) for rate in limits]
    if method == "greedy":
        most = int(graph.count_pairs(sets).max(initial=0))
        counts = np.unique(np.linspace(0, most, min(n_points, most + 1)).astype(int))
        return [(int(k), DDIFilter(graph, int(k), method="greedy").keep_best(sets, scores)) for k in counts]
    if method == "penalised":
        # Breaking a pair costs the lesser of its two scores at most, so these are the prices that change something.
        lesser = _lesser_scores(scores, sets, graph)
        prices = [0.0, *np.quantile(lesser, np.linspace(0, 1, n_points - 1) if n_points > 2 else [1.0])]
        solvers = [(price, DDIFilter(graph, method="penalised", penalty=float(price))) for price in prices]
        return [(float(price), one.keep_best(sets, scores)) for price, one in solvers]
    prices = [0.0, *np.geomspace(5e-4, 0.1, n_points - 2), np.inf]
    rules = [(price, JointDecision(graph, penalty=float(price)).fit(scores, truth)) for price in prices]
    return [(float(price), rule.apply(scores)) for price, rule in rules]


def _lesser_scores(scores: np.ndarray, sets: sp.csr_matrix, graph: DDIGraph) -> np.ndarray:
    """The lesser score of each interacting pair of a set, and a little more; 1 where there is none."""
    upper = sp.triu(graph.drug_drug, k=1).tocoo()
    dense = sets.toarray().astype(bool)
    found = [
        np.minimum(scores[both, i], scores[both, j])
        for i, j in zip(upper.row, upper.col)
        if (both := dense[:, i] & dense[:, j]).any()
    ]
    return np.concatenate(found) * (1 + 1e-9) + 1e-11 if found else np.ones(1)


def frontier_plot(table: pd.DataFrame) -> str:
    """The table of :func:`ddi_frontier` as one plot, an ``<svg>`` element as those of the report.

    Parameters
    ----------
    table : DataFrame
        As :func:`ddi_frontier` gives it.
    """
    methods = list(dict.fromkeys(table["method"]))
    true_rate = float(table.attrs.get("true_rate", np.nan))

    def paint(axes: Axes) -> None:
        if not np.isnan(true_rate):
            axes.axvline(true_rate, color=MUTED, linewidth=1.2, linestyle=(0, (4, 3)), label="prescribed")
        for place, method in enumerate(methods):
            rows = table[table["method"] == method]
            axes.plot(
                rows["ddi_rate"],
                rows["jaccard"],
                color=_color(place),
                marker=MARKERS[place],
                markersize=4.5,
                linewidth=1.6,
                zorder=3 + len(methods) - place,  # where they meet, the first lies on top
                label=method,
                clip_on=False,
            )
        axes.set(xlabel="interacting pairs / all pairs", ylabel="Jaccard")
        axes.set_xlim(left=0)
        low, high = axes.get_ylim()
        if high - low < _SPAN:  # so that nothing does not look like much
            axes.set_ylim((low + high - _SPAN) / 2, (low + high + _SPAN) / 2)
        axes.xaxis.set_major_formatter(PercentFormatter(1.0))
        axes.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
        axes.grid()
        legend_above(axes)

    words = []
    for method in methods:
        rows = table[table["method"] == method]
        first, last = rows.iloc[0], rows.iloc[-1]
        words.append(
            f"{method}: Jaccard {first['jaccard']:.4f} at {first['ddi_rate']:.2%}, "
            f"{last['jaccard']:.4f} at {last['ddi_rate']:.2%}"
        )
    return draw("frontier", "Jaccard against the interaction rate", "; ".join(words), 3.4, paint)
