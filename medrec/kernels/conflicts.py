# mypy: allow-untyped-defs
"""Interactions of each record's drugs, one pass over the sets: counted, listed, greedily avoided.

Throughout, ``sets``, ``graph`` and ``context`` are (indptr, indices) of CSR matrices, sorted and without
duplicates: sets (n_records, n_labels), interactions (n_labels, n_labels), symmetric, and drugs that each
record already takes (n_records, n_labels). A drug of a set that is already taken counts as taken.
"""

import numpy as np
from numba import njit

REMOVED, KEPT, TAKEN = 1, 2, 3


@njit(nogil=True, cache=True)
def count_conflicts(sets, graph, context, n_labels, pairs, possible):
    """Per record: interacting pairs inside the set and with drugs already taken, and all such pairs."""
    indptr, indices = sets
    near_ptr, near = graph
    taken_ptr, taken_drugs = context
    held = np.full(n_labels, -1, dtype=np.int64)
    fixed = np.full(n_labels, -1, dtype=np.int64)
    for record in range(len(indptr) - 1):
        n_fixed = taken_ptr[record + 1] - taken_ptr[record]
        for at in range(taken_ptr[record], taken_ptr[record + 1]):
            held[taken_drugs[at]] = record
            fixed[taken_drugs[at]] = record
        size = 0
        for at in range(indptr[record], indptr[record + 1]):
            drug = indices[at]
            if fixed[drug] == record:
                continue
            for edge in range(near_ptr[drug], near_ptr[drug + 1]):
                pairs[record] += held[near[edge]] == record
            held[drug] = record
            possible[record] += size + n_fixed
            size += 1


@njit(nogil=True, cache=True)
def count_taken(sets, context, n_labels, already):
    """Per record: candidates that are already taken."""
    indptr, indices = sets
    taken_ptr, taken_drugs = context
    fixed = np.full(n_labels, -1, dtype=np.int64)
    for record in range(len(indptr) - 1):
        for at in range(taken_ptr[record], taken_ptr[record + 1]):
            fixed[taken_drugs[at]] = record
        for at in range(indptr[record], indptr[record + 1]):
            already[record] += fixed[indices[at]] == record


@njit(nogil=True, cache=True)
def greedy_sets(sets, utility, graph, context, n_labels, budget, keep):
    """Best first, each record by itself: a drug stays while the number of pairs stays within ``budget``."""
    indptr, indices = sets
    near_ptr, near = graph
    taken_ptr, taken_drugs = context
    held = np.full(n_labels, -1, dtype=np.int64)
    fixed = np.full(n_labels, -1, dtype=np.int64)
    for record in range(len(indptr) - 1):
        for at in range(taken_ptr[record], taken_ptr[record + 1]):
            held[taken_drugs[at]] = record
            fixed[taken_drugs[at]] = record
        first, last = indptr[record], indptr[record + 1]
        order = np.argsort(-utility[first:last], kind="mergesort")
        pairs = 0
        for step in order:
            drug = indices[first + step]
            if fixed[drug] == record:
                continue
            cost = 0
            for edge in range(near_ptr[drug], near_ptr[drug + 1]):
                cost += held[near[edge]] == record
            if pairs + cost <= budget:
                pairs += cost
                held[drug] = record
            else:
                keep[first + step] = False


@njit(nogil=True, cache=True)
def list_removals(sets, keep, graph, severity, context, n_labels, found):
    """What each removed drug interacts with: kept and taken drugs or, where there are none, removed ones.

    Parameters
    ----------
    keep : bool array of shape (nnz of sets,)
    severity : int8 array of shape (nnz of graph,)
    found : int64 array of shape (n_rows, 4)
        Filled with rows (entry of the removed drug in ``sets``, the other drug, code of the severity,
        ``REMOVED``, ``KEPT`` or ``TAKEN``), in order of the removed drug, then of the other.

    Returns
    -------
    n_rows : int
        Rows needed; if ``found`` has fewer, its content is not complete.
    """
    indptr, indices = sets
    near_ptr, near = graph
    taken_ptr, taken_drugs = context
    owner = np.full(n_labels, -1, dtype=np.int64)
    state = np.zeros(n_labels, dtype=np.int64)
    n_rows = 0
    for record in range(len(indptr) - 1):
        first, last = indptr[record], indptr[record + 1]
        n_gone = 0
        for at in range(first, last):
            owner[indices[at]] = record
            state[indices[at]] = KEPT if keep[at] else REMOVED
            n_gone += not keep[at]
        if n_gone == 0:
            continue
        for at in range(taken_ptr[record], taken_ptr[record + 1]):
            owner[taken_drugs[at]] = record
            state[taken_drugs[at]] = TAKEN
        for at in range(first, last):
            if keep[at]:
                continue
            drug = indices[at]
            strongest = 0
            for edge in range(near_ptr[drug], near_ptr[drug + 1]):
                if owner[near[edge]] == record:
                    strongest = max(strongest, state[near[edge]])
            for edge in range(near_ptr[drug], near_ptr[drug + 1]):
                other = near[edge]
                if owner[other] == record and (state[other] != REMOVED or strongest == REMOVED):
                    if n_rows < len(found):
                        found[n_rows, 0] = at
                        found[n_rows, 1] = other
                        found[n_rows, 2] = severity[edge]
                        found[n_rows, 3] = state[other]
                    n_rows += 1
    return n_rows
