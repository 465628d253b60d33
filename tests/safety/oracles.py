"""Brute force over all subsets: slow, obvious, and independent of the code under test."""

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp


def all_subsets(drugs, utility, adjacency, taken):
    """Utility, interacting pairs and size of every subset of ``drugs``.

    ``adjacency`` is dense and symmetric; a pair counts inside the subset or between it and ``taken``.
    """
    count = len(drugs)
    member = ((np.arange(2**count)[:, None] >> np.arange(count)) & 1).astype(float)
    inside = np.triu(adjacency[np.ix_(drugs, drugs)], 1).astype(float)
    outside = adjacency[np.ix_(drugs, taken)].sum(axis=1).astype(float)
    pairs = ((member @ inside) * member).sum(axis=1) + member @ outside
    return member @ utility, np.rint(pairs).astype(int), member.sum(axis=1).astype(int)


def best_by_milp(drugs, utility, adjacency, taken, max_pairs):
    """Greatest utility with at most ``max_pairs`` pairs, by integer programming (HiGHS)."""
    count = len(drugs)
    inside = np.argwhere(np.triu(adjacency[np.ix_(drugs, drugs)], 1))
    n_pairs = len(inside)
    rows = np.zeros((n_pairs + 1, count + n_pairs))
    for row, (i, j) in enumerate(inside):  # both kept means that the pair's variable is 1
        rows[row, [i, j]] = 1
        rows[row, count + row] = -1
    rows[-1, :count] = adjacency[np.ix_(drugs, taken)].sum(axis=1)
    rows[-1, count:] = 1
    top = np.ones(n_pairs + 1)
    top[-1] = max_pairs
    found = milp(
        c=-np.concatenate([utility, np.zeros(n_pairs)]),
        constraints=LinearConstraint(rows, -np.inf, top),
        integrality=np.ones(count + n_pairs),
        bounds=Bounds(0, 1),
        options={"mip_rel_gap": 0},
    )
    assert found.success, found.message
    return -found.fun


def batch_frontier(records):
    """Greatest summed utility over records for every (pairs, all pairs) total.

    Each record is a pair (subsets of :func:`all_subsets`, number of drugs taken). Returns a dict.
    """
    total = {(0, 0): 0.0}
    for (utility, pairs, size), n_taken in records:
        options: dict[tuple[int, int], float] = {}
        for one, p, m in zip(utility, pairs, size):
            key = (int(p), int(m * (m - 1) // 2 + m * n_taken))
            options[key] = max(options.get(key, -np.inf), one)
        fresh: dict[tuple[int, int], float] = {}
        for (p, d), value in total.items():
            for (q, e), more in options.items():
                fresh[p + q, d + e] = max(fresh.get((p + q, d + e), -np.inf), value + more)
        total = fresh
    return total
