"""The account of a filter's removals: which drug, against which, what it cost, what came instead."""

from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse as sp

from medrec.safety.graph import DDIGraph
from medrec.safety.severity import SEVERITIES

COLUMNS = ("record", "removed", "against", "against_is", "severity", "utility_lost", "replacement")


def audit_removals(
    sets: sp.csr_matrix,
    keep: np.ndarray,
    utility: np.ndarray,
    scores: np.ndarray,
    graph: DDIGraph,
    fixed: sp.csr_matrix,
    ids: np.ndarray,
    *,
    classes: np.ndarray | None = None,
) -> tuple[pd.DataFrame, sp.csr_matrix | None]:
    """One row for each removed drug and each drug it interacts with; and the replacements as sets.

    Parameters
    ----------
    sets : CSR matrix of shape (n_records, n_labels)
        The sets before.
    keep, utility : arrays of shape (nnz of sets,)
        Whether each entry stayed, and what it was worth.
    scores : array of shape (n_records, n_labels)
    graph : DDIGraph
    fixed : CSR matrix of shape (n_records, n_labels)
        Drugs already taken.
    ids : array of shape (n_records,)
    classes : array of shape (n_labels,), optional
        Class of each drug, for replacements; None where a drug has none.
    """
    owner = np.repeat(np.arange(sets.shape[0]), np.diff(sets.indptr))
    gone = np.flatnonzero(~keep)
    n_gone = len(gone)
    record, removed = owner[gone], sets.indices[gone]
    near = graph.severity[removed].tocoo()  # (n_gone, n_labels): what each removed drug interacts with
    here = record[near.row]
    status = np.zeros(len(here), dtype=np.int8)  # 0 not in the record, 1 removed, 2 kept, 3 already taken
    for matrix, code in ((_marked(sets, ~keep), 1), (_marked(sets, keep), 2), (fixed, 3)):
        if len(here):
            status[np.asarray(matrix[here, near.col]).ravel() != 0] = code
    stayed = np.zeros(n_gone, dtype=bool)
    stayed[near.row[status >= 2]] = True
    shown = np.flatnonzero((status >= 2) | ((status == 1) & ~stayed[near.row]))
    shown = shown[np.lexsort((near.col[shown], near.row[shown]))]
    row, against = near.row[shown], near.col[shown]
    filled, put = (
        (None, None)
        if classes is None
        else _replace(record, removed, sets, keep, scores, graph, fixed, classes)
    )
    words = np.array(SEVERITIES, dtype=object)
    kinds = np.array(["", "removed", "kept", "context"], dtype=object)
    instead = np.full(n_gone, None, dtype=object)
    if put is not None:
        instead[put >= 0] = graph.names[put[put >= 0]]
    table = pd.DataFrame(
        {
            "record": ids[record[row]],
            "removed": graph.names[removed[row]],
            "against": graph.names[against],
            "against_is": kinds[status[shown]],
            "severity": words[near.data[shown].astype(np.int64) - 1],
            "utility_lost": utility[gone[row]],
            "replacement": pd.Series(instead[row], dtype=object),
        },
        columns=list(COLUMNS),
    )
    for column in ("removed", "against", "against_is", "severity"):
        table[column] = table[column].astype(object)
    return table, filled


def _marked(sets: sp.csr_matrix, where: np.ndarray) -> sp.csr_matrix:
    return sp.csr_matrix((where.astype(np.uint8), sets.indices, sets.indptr), shape=sets.shape)


def _replace(
    record: np.ndarray,
    removed: np.ndarray,
    sets: sp.csr_matrix,
    keep: np.ndarray,
    scores: np.ndarray,
    graph: DDIGraph,
    fixed: sp.csr_matrix,
    classes: np.ndarray,
) -> tuple[sp.csr_matrix, np.ndarray]:
    """For each removed drug, the highest scored drug of its class that brings no interaction, or -1."""
    members: dict[Any, np.ndarray] = {
        one: np.flatnonzero(classes == one) for one in {kind for kind in classes if kind is not None}
    }
    kept = _marked(sets, keep)
    kept.eliminate_zeros()
    put = np.full(len(removed), -1, dtype=np.int64)
    order = np.lexsort((removed, -scores[record, removed], record))
    current = -1
    there = np.zeros(len(classes), dtype=bool)  # kept, taken or put in
    closed = np.zeros(len(classes), dtype=bool)  # the same, and removed
    for at in order:
        if record[at] != current:
            current = record[at]
            there[:] = False
            there[_row(kept, current)] = True
            there[_row(fixed, current)] = True
            closed = there.copy()
            closed[_row(sets, current)] = True
        options = members.get(classes[removed[at]], np.empty(0, dtype=np.int64))
        options = options[~closed[options]]
        options = options[graph.drug_drug[options].astype(np.int32) @ there.astype(np.int32) == 0]
        if len(options):
            best = options[np.argmax(scores[current, options])]
            put[at] = best
            there[best] = closed[best] = True
    found = put >= 0
    filled = sp.csr_matrix(
        (np.ones(int(found.sum()), dtype=np.uint8), (record[found], put[found])), shape=sets.shape
    )
    return filled, put


def _row(matrix: sp.csr_matrix, row: int) -> np.ndarray:
    return matrix.indices[matrix.indptr[row] : matrix.indptr[row + 1]]
