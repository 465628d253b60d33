"""``max_rate`` of ``DDIFilter``: a budget of interacting pairs shared by the records of a batch."""

from typing import Any

import numpy as np


def within_rate(
    candidates: Any,
    units: np.ndarray,
    edges: Any,
    taken: Any,
    n_labels: int,
    max_rate: float,
    max_nodes: int,
    keep: np.ndarray,
    status: np.ndarray,
) -> float:
    """Solves ``max_rate`` in ``keep``; returns by how much at most a better choice could exceed it."""
    from medrec.kernels import conflicts
    from medrec.kernels import safe_sets as kernel

    n_records = len(candidates[0]) - 1
    pairs, possible = np.zeros((2, n_records), dtype=np.int64)
    conflicts.count_conflicts(candidates, edges, taken, n_labels, pairs, possible)
    room, most_pairs = int(pairs.sum()), max_rate * possible.sum()
    steps = np.zeros((room, 4), dtype=np.int64)
    masks = np.zeros((room, 2), dtype=np.uint64)
    n_steps = kernel.price_steps(candidates, units, edges, taken, n_labels, max_nodes, keep, status, steps, masks)
    if status.any():
        return 0.0
    steps, masks = steps[:n_steps], masks[:n_steps]
    order = np.argsort(-(steps[:, 2] / steps[:, 1]), kind="stable")
    # Path of the batch: pairs so far over all pairs so far; a record's pairs grow with its drugs.
    record, more_pairs, more_utility, more_drugs = steps[order].T
    owner = np.repeat(np.arange(n_records), np.diff(candidates[0]))
    fixed_size = np.diff(taken[0])
    already = np.zeros(n_records, dtype=np.int64)
    conflicts.count_taken(candidates, taken, n_labels, already)
    size = np.bincount(owner[keep], minlength=n_records) - already
    start = size * (size - 1) // 2 + size * fixed_size
    grouped = np.argsort(record, kind="stable")
    within = np.cumsum(more_drugs[grouped])
    first = np.searchsorted(record[grouped], record[grouped])
    before_group = np.concatenate(([0], within))[first]
    after = np.empty(n_steps, dtype=np.int64)
    after[grouped] = size[record[grouped]] + within - before_group
    before = after - more_drugs
    growth = (after * (after - 1) - before * (before - 1)) // 2 + more_drugs * fixed_size[record]
    so_far = np.concatenate(([0], np.cumsum(more_pairs)))
    all_pairs = start.sum() + np.concatenate(([0], np.cumsum(growth)))
    fits = np.flatnonzero(so_far / np.maximum(all_pairs, 1) <= max_rate)
    n_taken = int(fits[-1])
    kernel.take_steps(order, steps, masks, n_taken, candidates, edges, taken, n_labels, keep)
    # Subsets have no more pairs than the input, so at most `most_pairs` may interact, and the path's
    # utility, concave in the pairs, is the most that any number of them allows.
    reached = np.concatenate(([0.0], np.cumsum(more_utility, dtype=np.float64)))
    gap = max(0.0, float(np.interp(most_pairs, so_far, reached)) - float(reached[n_taken]))
    if gap == 0.0 or n_taken == n_steps:
        return gap
    price = more_utility[n_taken] / more_pairs[n_taken]
    bound = _greatest_utility(candidates, units, edges, taken, n_labels, max_rate, max_nodes, price)
    return min(gap, max(0.0, bound - float(units[keep].sum(dtype=np.float64))))


def _greatest_utility(
    candidates: Any,
    units: np.ndarray,
    edges: Any,
    taken: Any,
    n_labels: int,
    max_rate: float,
    max_nodes: int,
    price: float,
) -> float:
    r"""A bound on the utility of any choice within the rate, by Lagrange's method.

    A record of which s of m free drugs stay has :math:`d = s (s - 1) / 2 + s t` pairs, with t drugs already taken, and
    since d is convex, :math:`d \le s w` with :math:`w = (m - 1) / 2 + t`. So for any price :math:`\theta \ge 0` a
    choice S within the rate has :math:`u(S) \le \max [u(S) + \theta r w |S| - \theta p(S)]`: the exact search at a
    price, with every drug worth more. The price is the one that the choice made would pay next: others are no better
    by much.
    """
    from medrec.kernels import conflicts
    from medrec.kernels import safe_sets as kernel

    indptr, indices = candidates
    n_records = len(indptr) - 1
    owner, holder = (np.repeat(np.arange(n_records), np.diff(starts)) for starts in (indptr, taken[0]))
    free = ~np.isin(owner * n_labels + indices, holder * n_labels + taken[1])
    weight = (np.bincount(owner[free], minlength=n_records) - 1) / 2 + np.diff(taken[0])
    weight = np.where(free, weight[owner], 0.0)
    paid = float(np.floor(price))
    worth = units + np.ceil(paid * max_rate * weight).astype(np.int64)
    keep, status = np.ones(len(units), dtype=bool), np.zeros(n_records, dtype=np.int8)
    kernel.safe_sets(candidates, worth, edges, taken, n_labels, kernel.UNLIMITED, int(paid), max_nodes, keep, status)
    if status.any():
        return np.inf
    kept = np.concatenate(([0], np.cumsum(np.bincount(owner[keep], minlength=n_records)))), indices[keep]
    pairs, possible = np.zeros((2, n_records), dtype=np.int64)
    conflicts.count_conflicts(kept, edges, taken, n_labels, pairs, possible)
    return float(worth[keep].sum(dtype=np.float64)) - paid * float(pairs.sum())
