# mypy: allow-untyped-defs
"""Groups of records put into folds so that every label has its share of every fold.

``counts`` (indptr, indices, data) is CSR (n_groups, n_labels + 1): records of each group by label, sorted; its last
column is all records of the group, so the size of a fold is one more label. ``folds`` (n_groups,) is the fold of each
group, ``table`` (n_labels + 1, n_folds) the records of each label in each fold and ``holders`` its groups there, both
kept up to date. ``share`` (n_folds,) sums to 1: of a label's records a fold is to have its share.

A table is better where fewer labels miss a fold, of the labels that ``enough`` (n_labels + 1,) groups have to be in
every fold; of equals, where the weighted sum over labels of Pearson's chi-square is less.
"""

import numpy as np
from numba import njit

NOISE = 1e-12
"""What a step must gain, so that rounding is not taken for progress."""


@njit(nogil=True, cache=True)
def _put(group, fold, sign, counts, table, holders):
    """Count a group into a fold, or out of it."""
    indptr, indices, data = counts
    for at in range(indptr[group], indptr[group + 1]):
        table[indices[at], fold] += sign * data[at]
        holders[indices[at], fold] += sign


@njit(nogil=True, cache=True)
def assign_groups(counts, by_label, share, folds, table, holders):
    """Iterative stratification: the label that the fewest groups still have goes first, to the folds that lack it most.

    Parameters
    ----------
    counts : CSR
    by_label : CSC as (starts, members)
        The groups of each label in the order in which they are given out.
    share : float array of shape (n_folds,)
    folds : int array of shape (n_groups,)
        Filled where it is -1; the others stay.
    table, holders : int arrays of shape (n_labels + 1, n_folds)
        Filled; they must come with zeros.
    """
    indptr, indices, data = counts
    starts, members = by_label
    n_labels, n_folds = table.shape
    left = np.diff(starts)
    total = np.zeros(n_labels)
    for at in range(len(indices)):
        total[indices[at]] += data[at]
    for group in range(len(folds)):
        if folds[group] >= 0:
            _put(group, folds[group], 1, counts, table, holders)
            for entry in range(indptr[group], indptr[group + 1]):
                left[indices[entry]] -= 1
    size = n_labels - 1
    while True:
        rarest = -1
        for label in range(n_labels):
            if left[label] > 0 and (rarest < 0 or left[label] < left[rarest]):
                rarest = label
        if rarest < 0:
            return
        for at in range(starts[rarest], starts[rarest + 1]):
            group = members[at]
            if folds[group] >= 0:
                continue
            best, most, room = 0, -np.inf, -np.inf
            for fold in range(n_folds):
                lacks = share[fold] * total[rarest] - table[rarest, fold]
                free = share[fold] * total[size] - table[size, fold]
                if lacks > most or (lacks == most and free > room):
                    best, most, room = fold, lacks, free
            folds[group] = best
            _put(group, best, 1, counts, table, holders)
            for entry in range(indptr[group], indptr[group + 1]):
                left[indices[entry]] -= 1


@njit(nogil=True, cache=True)
def _gain(group, source, target, counts, share, weight, enough, total, table, holders):
    """Labels that a move brings into folds, less those it takes out, and by how much it lowers chi-square."""
    indptr, indices, data = counts
    covered, gain = 0, 0.0
    for at in range(indptr[group], indptr[group + 1]):
        label, count = indices[at], data[at]
        over = table[label, source] - share[source] * total[label]
        under = share[target] * total[label] - table[label, target]
        gain += weight[label] * count * ((2 * over - count) / share[source] + (2 * under - count) / share[target])
        if enough[label]:
            covered += (holders[label, target] == 0) - (holders[label, source] == 1)
    return covered, gain


@njit(nogil=True, cache=True)
def move_groups(order, counts, share, weight, enough, total, folds, table, holders):
    """Move every group once to where the table is best, if that is better than now; the number that moved."""
    moved = 0
    for group in order:
        source = folds[group]
        best, most, gained = source, 0, NOISE
        for target in range(len(share)):
            if target == source:
                continue
            covered, gain = _gain(group, source, target, counts, share, weight, enough, total, table, holders)
            if covered > most or (covered == most and gain > gained):
                best, most, gained = target, covered, gain
        if best != source:
            _put(group, source, -1, counts, table, holders)
            _put(group, best, 1, counts, table, holders)
            folds[group] = best
            moved += 1
    return moved


@njit(nogil=True, cache=True)
def swap_groups(order, tries, counts, share, weight, enough, total, folds, table, holders):
    """Exchange each group with one of the ``tries`` next ones, if the table gets better; the number of exchanges."""
    swapped = 0
    for at in range(len(order)):
        group = order[at]
        source = folds[group]
        for target in range(len(share)):
            if target == source:
                continue
            first, gain = _gain(group, source, target, counts, share, weight, enough, total, table, holders)
            _put(group, source, -1, counts, table, holders)
            _put(group, target, 1, counts, table, holders)
            for step in range(1, tries + 1):
                other = order[(at + step) % len(order)]
                if folds[other] != target:
                    continue
                second, more = _gain(other, target, source, counts, share, weight, enough, total, table, holders)
                if first + second > 0 or (first + second == 0 and gain + more > NOISE):
                    _put(other, target, -1, counts, table, holders)
                    _put(other, source, 1, counts, table, holders)
                    folds[group], folds[other] = target, source
                    break
            if folds[group] == target:
                swapped += 1
                break
            _put(group, target, -1, counts, table, holders)
            _put(group, source, 1, counts, table, holders)
    return swapped
