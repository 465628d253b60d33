"""Interactions: which pairs the filter parted, and what fewer of them cost."""

from html import escape
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse as sp

from medrec.report.frontier import frontier_plot
from medrec.report.tables import head_cells, language, number, plural, scrolling_table
from medrec.safety import DDIGraph
from medrec.safety.severity import severity_name

MOST = 10
"""Pairs in the table."""


def pair_table(graph: Any, drug_names: Any, true: sp.csr_matrix, before: sp.csr_matrix, after: Any) -> pd.DataFrame:
    """The interacting pairs that are together in some set, the most frequent before the filter first.

    Parameters
    ----------
    graph : DDIGraph or symmetric matrix of shape (n_labels, n_labels)
    drug_names : sequence of str
    true, before, after : CSR of shape (n_records, n_labels)
        Sets that were prescribed, and recommended before and after the filter.

    Returns
    -------
    DataFrame
        Columns ``drug``, ``other``, ``severity``, ``prescribed``, ``before`` and ``after``:
        records in which both are.

    Examples
    --------
    >>> before, after = sp.csr_matrix([[1, 1], [1, 1]]), sp.csr_matrix([[1, 0], [0, 1]])
    >>> pair_table([[0, 1], [1, 0]], ["aspirin", "warfarin"], after, before, after).to_numpy().tolist()
    [['aspirin', 'warfarin', 'unspecified', 0, 2, 0]]
    """
    matrix = graph.severity if isinstance(graph, DDIGraph) else sp.csr_matrix(sp.csr_matrix(graph) != 0)
    upper = sp.coo_matrix(sp.triu(matrix, k=1))
    together = {}
    for key, sets in (("prescribed", true), ("before", before), ("after", after)):
        columns = sp.csc_matrix(sets).astype(np.int64)
        both = (columns.T @ columns).tocsr()
        together[key] = np.asarray(both[upper.row, upper.col]).ravel() if len(upper.row) else np.zeros(0, np.int64)
    severity = [severity_name(int(code)) if isinstance(graph, DDIGraph) else "unspecified" for code in upper.data]
    names = np.asarray(drug_names, dtype=object)
    table = pd.DataFrame({"drug": names[upper.row], "other": names[upper.col], "severity": severity, **together})
    table = table[(table[["prescribed", "before", "after"]] > 0).any(axis=1)]
    order = np.lexsort((-table["prescribed"], -table["after"], -table["before"]))
    return table.iloc[order].reset_index(drop=True)


def pairs_html(table: pd.DataFrame, model: str) -> str:
    """The most frequent pairs of :func:`pair_table`."""
    shown = table[table["before"] + table["after"] > 0].iloc[:MOST]
    if shown.empty:
        return f"<p>{escape(model)} recommends no interacting pair, with or without the filter.</p>"
    has_severity = bool((shown["severity"] != "unspecified").any())
    rows = []
    for row in shown.to_dict("records"):
        pair = f"{row['drug']} + {row['other']}"
        cells = [escape(row["severity"])] if has_severity else []
        cells += [f"{value:,}" for value in (row["before"], row["after"], row["prescribed"])]
        inner = "".join(f"<td>{cell}</td>" for cell in cells)
        rows.append(f'<tr><th scope="row"{language(pair)}>{escape(pair)}</th>{inner}</tr>')
    titles = ["Pair", *(["Severity"] if has_severity else []), "Before the filter", "After it", "Prescribed"]
    total = int((table["before"] > 0).sum())
    some = f"the {len(shown)} most frequent of {total:,}" if total > len(shown) else "all"
    caption = f"{escape(model)}: records with both drugs of an interacting pair; {some} that it would recommend."
    return scrolling_table("Interacting pairs", caption, head_cells(*titles), rows, "names", frame="fit")


def frontier_html(table: pd.DataFrame, model: str) -> str:
    """The frontier of :func:`medrec.report.ddi_frontier` as a plot, its numbers folded below.

    ``attrs["records"]``, where it is there, says of how many records it was made.
    """
    rows = []
    for row in table.to_dict("records"):
        cells = [f"{row['ddi_rate']:.2%}", number(row["jaccard"], 4), number(row["f1"], 4), f"{row['removed']:,}"]
        inner = "".join(f"<td>{cell}</td>" for cell in cells)
        rows.append(f'<tr><th scope="row">{escape(row["method"])}</th>{inner}</tr>')
    head = head_cells("Method", "Interacting pairs", "Jaccard", "F1", "Drugs taken away")
    numbers = scrolling_table("The frontier in numbers", "By rising rate.", head, rows, frame="fit")
    known = ", ".join(WHAT[method] for method in dict.fromkeys(table["method"]) if method in WHAT)
    text = (
        f"What fewer interactions cost {escape(model)}: to the left safer, to the top nearer to what was prescribed. "
        f"Ways to get there: {known}. Dashed: what was prescribed. Sets before any filter are at the right end."
    )
    if "records" in table.attrs:
        text += f" Made from {plural(table.attrs['records'], 'record')}."
    return (
        f"<figure><figcaption><h3>What safety costs</h3><p>{text}</p></figcaption>\n{frontier_plot(table)}\n"
        f"<details><summary>The numbers</summary>{numbers}</details></figure>\n"
    )


WHAT = {
    "exact": "exact, the best drugs to keep under a limit for all records together",
    "greedy": "greedy, drugs in the order of their scores while the limit of each record allows",
    "penalised": "penalised, a price for each pair",
    "joint": "joint, the set decided anew with a price for each pair",
}
