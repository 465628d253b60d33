"""The table of drugs against scikit-learn, and the interacting pairs against counting them."""

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from sklearn.metrics import precision_recall_fscore_support

from medrec.report import drug_table
from medrec.report.interactions import pair_table, pairs_html
from medrec.safety import DDIGraph

N_LABELS = 9
NAMES = [f"drug {at}" for at in range(N_LABELS)]


def problem(seed=0):
    rng = np.random.default_rng(seed)
    Y = rng.random((40, N_LABELS)) < np.linspace(0.6, 0.02, N_LABELS)
    scores = np.clip(0.6 * Y + 0.4 * rng.random(Y.shape), 0, 1)
    return Y, scores > 0.5, scores


def test_figures_are_scikit_learns_and_the_frequent_come_first():
    Y, Z, scores = problem()
    counts = np.arange(2 * N_LABELS).reshape(2, N_LABELS)
    table = drug_table(Y, sp.csr_matrix(Z), NAMES, scores=scores, train_counts=counts)
    assert table["prescribed"].is_monotonic_decreasing
    table = table.set_index("drug").loc[NAMES]
    precision, recall, f1, support = precision_recall_fscore_support(Y, Z, zero_division=np.nan)
    np.testing.assert_allclose(table[["precision", "recall", "f1"]].to_numpy().T, [precision, recall, f1])
    assert table["prescribed"].tolist() == support.tolist()
    assert table["right"].tolist() == (Y & Z).sum(axis=0).tolist()
    assert table["training"].tolist() == counts.mean(axis=0).tolist()
    np.testing.assert_allclose(table["gap"], scores.mean(axis=0) - Y.mean(axis=0))


def test_what_is_not_given_is_unknown():
    Y, Z, _ = problem()
    table = drug_table(Y, Z, NAMES)
    assert table[["training", "mean_score", "gap"]].isna().all(axis=None)
    empty = drug_table(np.zeros((0, 2)), np.zeros((0, 2)), ["a", "b"], scores=np.zeros((0, 2)))
    assert empty[["precision", "recall", "f1", "gap"]].isna().all(axis=None)
    with pytest.raises(ValueError, match="drug_table"):
        drug_table(Y, Z, NAMES[:3])


def test_pairs_are_counted_record_by_record():
    Y, Z, _ = problem(1)
    rng = np.random.default_rng(1)
    adjacency = np.triu(rng.random((N_LABELS, N_LABELS)) < 0.4, 1)
    edges = [(NAMES[i], NAMES[j]) for i, j in np.argwhere(adjacency)]
    severity = [("major", "minor")[at % 2] for at in range(len(edges))]
    graph = DDIGraph.from_edges(NAMES, edges, severity=severity)
    after = Z & (rng.random(Z.shape) < 0.7)
    matrices = [sp.csr_matrix(one.astype(np.uint8)) for one in (Y, Z, after)]
    table = pair_table(graph, NAMES, *matrices)
    expected = {}
    for i, j in np.argwhere(adjacency):
        row = [int((one[:, i] & one[:, j]).sum()) for one in (Y, Z, after)]
        if any(row):
            expected[NAMES[i], NAMES[j]] = row
    found = {(row.drug, row.other): [row.prescribed, row.before, row.after] for row in table.itertuples()}
    assert found == expected
    assert table["before"].is_monotonic_decreasing
    assert set(table["severity"]) == {"major", "minor"}
    bare = pair_table(adjacency | adjacency.T, NAMES, *matrices)
    pd.testing.assert_frame_equal(bare.drop(columns="severity"), table.drop(columns="severity"))
    assert "Severity" in pairs_html(table, "m")
    assert "Severity" not in pairs_html(bare, "m")


def test_no_interacting_pair_is_said():
    nothing = sp.csr_matrix((3, 2), dtype=np.uint8)
    table = pair_table(np.ones((2, 2)) - np.eye(2), ["a", "b"], nothing, nothing, nothing)
    assert "no interacting pair" in pairs_html(table, "m")
