"""The reference kernels against Python sets."""

from itertools import combinations

import numpy as np
import pytest
import scipy.sparse as sp

from medrec import kernels
from medrec._checks import check_sets


def random_sets(rng, n_records, n_labels, density=0.3):
    return check_sets(rng.random((n_records, n_labels)) < density, who="test")


def as_sets(matrix):
    return [set(row.indices.tolist()) for row in sp.csr_matrix(matrix)]


@pytest.mark.parametrize("shape", [(40, 7), (1, 1), (5, 1), (1, 9), (0, 4), (3, 0)])
def test_overlap_counts_what_python_sets_count(shape):
    rng = np.random.default_rng(0)
    Y, Z = random_sets(rng, *shape), random_sets(rng, *shape, density=0.5)
    counts = kernels.overlap(Y, Z)
    true, predicted = as_sets(Y), as_sets(Z)
    assert counts.h.tolist() == [len(a & b) for a, b in zip(true, predicted)]
    assert counts.y.tolist() == [len(a) for a in true]
    assert counts.z.tolist() == [len(b) for b in predicted]
    for label in range(shape[1]):
        assert counts.tp[label] == sum(label in a and label in b for a, b in zip(true, predicted))
        assert counts.t[label] == sum(label in a for a in true)
        assert counts.p[label] == sum(label in b for b in predicted)
    assert [vector.dtype for vector in counts] == [np.int32] * 3 + [np.int64] * 3
    assert [len(vector) for vector in counts] == [shape[0]] * 3 + [shape[1]] * 3


def test_overlap_takes_int64_indices():
    rng = np.random.default_rng(1)
    Y, Z = random_sets(rng, 20, 6), random_sets(rng, 20, 6)
    wide = [sp.csr_matrix((m.data, m.indices, m.indptr), shape=m.shape) for m in (Y, Z)]
    for matrix in wide:
        matrix.indices, matrix.indptr = matrix.indices.astype(np.int64), matrix.indptr.astype(np.int64)
    for expected, got in zip(kernels.overlap(Y, Z), kernels.overlap(*wide)):
        np.testing.assert_array_equal(expected, got)


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.float64])
def test_interacting_pairs_counts_unordered_pairs(dtype):
    rng = np.random.default_rng(2)
    Z = random_sets(rng, 30, 8, density=0.5)
    graph = np.triu(rng.random((8, 8)) < 0.3, k=1)
    graph = graph | graph.T
    interacting, pairs = kernels.interacting_pairs(Z, sp.csr_matrix(graph.astype(dtype)))
    for row, drugs in enumerate(as_sets(Z)):
        assert pairs[row] == len(list(combinations(drugs, 2)))
        assert interacting[row] == sum(graph[a, b] for a, b in combinations(drugs, 2))


def test_interacting_pairs_of_large_sets_do_not_overflow():
    n_labels = 400
    graph = sp.csr_matrix(~np.eye(n_labels, dtype=bool))
    interacting, pairs = kernels.interacting_pairs(check_sets(np.ones((2, n_labels)), who="test"), graph)
    assert interacting.tolist() == pairs.tolist() == [n_labels * (n_labels - 1) // 2] * 2


def test_top_k_orders_by_score_and_breaks_ties_by_label():
    rng = np.random.default_rng(3)
    scores = rng.integers(0, 4, size=(20, 6)) / 4.0
    for k in (1, 3, 6, 10):
        expected = [sorted(range(6), key=lambda label: (-row[label], label))[:k] for row in scores]
        assert kernels.top_k(scores, k).tolist() == expected
