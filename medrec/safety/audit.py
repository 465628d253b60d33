"""The account of a filter's removals: which drug, against which, what it cost, what came instead."""

from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse as sp

from medrec.safety.graph import DDIGraph
from medrec.safety.severity import SEVERITIES

TEXT = ("removed", "against", "against_is", "severity", "replacement")


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
    from medrec.kernels.conflicts import list_removals

    found = np.empty((2 * int((~keep).sum()), 4), dtype=np.int64)
    while True:
        n_rows = list_removals(
            index_arrays(sets),
            keep,
            index_arrays(graph.severity),
            graph.severity.data,
            index_arrays(fixed),
            len(graph.names),
            found,
        )
        if n_rows <= len(found):
            break
        found = np.empty((n_rows, 4), dtype=np.int64)
    entry, against, code, status = found[:n_rows].T
    owner = np.repeat(np.arange(sets.shape[0]), np.diff(sets.indptr))
    removed = sets.indices[entry]
    instead = np.full(n_rows, None, dtype=object)
    filled = None
    if classes is not None:
        filled, put = _replace(owner, sets, keep, scores, graph, fixed, classes)
        put = put[entry]
        instead[put >= 0] = graph.names[put[put >= 0]]
    words = np.array(SEVERITIES, dtype=object)
    kinds = np.array(["", "removed", "kept", "context"], dtype=object)
    columns: dict[str, Any] = {
        "record": ids[owner[entry]],
        "removed": graph.names[removed],
        "against": graph.names[against],
        "against_is": kinds[status],
        "severity": words[code - 1],
        "utility_lost": utility[entry],
        "replacement": instead,
    }
    for name in TEXT:  # as they are: pandas would turn None among texts into NaN
        columns[name] = pd.Series(columns[name], dtype=object)
    return pd.DataFrame(columns), filled


def index_arrays(matrix: sp.csr_matrix) -> tuple[np.ndarray, np.ndarray]:
    """``indptr`` and ``indices`` of a CSR matrix as the kernels take them."""
    return matrix.indptr.astype(np.int64), matrix.indices.astype(np.int64)


def _replace(
    owner: np.ndarray,
    sets: sp.csr_matrix,
    keep: np.ndarray,
    scores: np.ndarray,
    graph: DDIGraph,
    fixed: sp.csr_matrix,
    classes: np.ndarray,
) -> tuple[sp.csr_matrix, np.ndarray]:
    """For each entry of ``sets``, the drug that takes its place: the highest scored of its class, or -1."""
    members: dict[Any, np.ndarray] = {
        one: np.flatnonzero(classes == one) for one in {kind for kind in classes if kind is not None}
    }
    kept = sets.copy()  # its indices move when zeros go
    kept.data = keep.astype(np.uint8)
    kept.eliminate_zeros()
    put = np.full(sets.nnz, -1, dtype=np.int64)
    gone = np.flatnonzero(~keep)
    order = gone[np.lexsort((sets.indices[gone], -scores[owner[gone], sets.indices[gone]], owner[gone]))]
    current = -1
    there = np.zeros(len(classes), dtype=bool)  # kept, taken or put in
    closed = np.zeros(len(classes), dtype=bool)  # the same, and removed
    for at in order:
        if owner[at] != current:
            current = owner[at]
            there[:] = False
            there[_row(kept, current)] = True
            there[_row(fixed, current)] = True
            closed = there.copy()
            closed[_row(sets, current)] = True
        options = members.get(classes[sets.indices[at]], np.empty(0, dtype=np.int64))
        options = options[~closed[options]]
        options = options[graph.drug_drug[options].astype(np.int32) @ there.astype(np.int32) == 0]
        if len(options):
            best = options[np.argmax(scores[current, options])]
            put[at] = best
            there[best] = closed[best] = True
    found = put >= 0
    filled = sp.csr_matrix((np.ones(int(found.sum()), dtype=np.uint8), (owner[found], put[found])), shape=sets.shape)
    return filled, put


def _row(matrix: sp.csr_matrix, row: int) -> np.ndarray:
    return matrix.indices[matrix.indptr[row] : matrix.indptr[row + 1]]
