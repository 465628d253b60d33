"""Moves and exchanges of groups against the objective computed anew from dense tables."""

import itertools

import numpy as np
import pytest
import scipy.sparse as sp

from medrec.kernels.stratify import assign_groups, move_groups, swap_groups


class Problem:
    """Random counts of groups by label, the last column their sum and more, with a fold of each group."""

    def __init__(self, seed, n_groups=14, n_labels=6):
        self.rng = rng = np.random.default_rng(seed)
        share = rng.dirichlet(np.full(3, 5.0)) if seed % 2 else np.full(3, 1 / 3)
        labels = rng.poisson(0.5, (n_groups, n_labels))
        self.dense = np.hstack([labels, labels.max(axis=1, keepdims=True) + rng.integers(1, 3, (n_groups, 1))])
        matrix = sp.csr_matrix(self.dense)
        self.counts = (matrix.indptr, matrix.indices, matrix.data)
        self.total = self.dense.sum(axis=0).astype(float)
        self.weight = rng.random(n_labels + 1)
        self.enough = (self.dense > 0).sum(axis=0) >= len(share)
        self.share, self.folds = share, np.full(n_groups, -1)
        self.table, self.holders = (np.zeros((n_labels + 1, len(share)), dtype=np.int64) for _ in range(2))
        self.state = (self.folds, self.table, self.holders)
        self.goal = (self.counts, share, self.weight, self.enough, self.total)

    def assign(self):
        columns = sp.csc_matrix(self.dense)
        assign_groups(
            self.counts, tuple(a.astype(np.int64) for a in (columns.indptr, columns.indices)), self.share, *self.state
        )

    def worth(self, folds):
        """Labels absent from folds, and the weighted sum of squared deviations: less is better."""
        table = np.stack([self.dense[folds == at].sum(axis=0) for at in range(len(self.share))], axis=1)
        expected = self.total[:, None] * self.share
        absent = int((table[self.enough] == 0).sum())
        return absent, float((self.weight[:, None] * (table - expected) ** 2 / self.share).sum())

    def check_counts(self):
        for at in range(len(self.share)):
            np.testing.assert_array_equal(self.table[:, at], self.dense[self.folds == at].sum(axis=0))
            np.testing.assert_array_equal(self.holders[:, at], (self.dense[self.folds == at] > 0).sum(axis=0))


def better(one, other):
    return one[0] < other[0] or (one[0] == other[0] and one[1] < other[1] - 1e-9)


@pytest.mark.parametrize("seed", range(12))
def test_given_folds_stay_and_the_others_are_filled(seed):
    problem = Problem(seed)
    problem.folds[:5] = [0, 1, 2, 0, 1]
    problem.assign()
    assert problem.folds[:5].tolist() == [0, 1, 2, 0, 1]
    assert problem.folds.min() >= 0
    problem.check_counts()


def test_the_rarest_label_is_given_out_first():
    problem = Problem(0, n_groups=6, n_labels=2)
    problem.dense = np.array([[0, 1, 1], [0, 1, 1], [0, 1, 1], [1, 1, 1], [1, 1, 1], [1, 1, 1]])
    matrix = sp.csr_matrix(problem.dense)
    problem.counts = (matrix.indptr, matrix.indices, matrix.data)
    problem.assign()
    assert sorted(problem.folds[3:]) == [0, 1, 2]
    assert sorted(problem.folds[:3]) == [0, 1, 2]


@pytest.mark.parametrize("seed", range(30))
def test_no_move_and_no_exchange_is_left_that_makes_the_table_better(seed):
    problem = Problem(seed)
    problem.assign()
    n_groups, n_folds = len(problem.folds), len(problem.share)
    worth, changes = problem.worth(problem.folds), 1
    while changes:
        changes = 0
        for step in (move_groups, swap_groups):
            order = problem.rng.permutation(n_groups)
            tries = () if step is move_groups else (n_groups - 1,)
            changed = step(order, *tries, *problem.goal, *problem.state)
            problem.check_counts()
            now = problem.worth(problem.folds)
            assert better(now, worth) if changed else now == worth
            worth, changes = now, changes + changed
    for group, fold in itertools.product(range(n_groups), range(n_folds)):
        moved = problem.folds.copy()
        moved[group] = fold
        assert not better(problem.worth(moved), worth)
    for one, other in itertools.combinations(range(n_groups), 2):
        swapped = problem.folds.copy()
        swapped[[one, other]] = swapped[[other, one]]
        assert not better(problem.worth(swapped), worth)
