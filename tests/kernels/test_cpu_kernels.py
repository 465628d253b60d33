"""The compiled kernels against the reference: random and nasty matrices, any threads, any index type."""

import subprocess
import sys

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from medrec import kernels
from medrec._checks import check_sets
from medrec.kernels import cpu, reference
from medrec.metrics import overlap_counts


@st.composite
def sets(draw, shape=None):
    """Canonical sets; some rows empty, some full."""
    n_records, n_labels = shape or (draw(st.integers(0, 12)), draw(st.integers(1, 9)))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    dense = rng.random((n_records, n_labels)) < rng.choice([0.0, 0.1, 0.5, 1.0], size=(n_records, 1))
    return check_sets(dense, who="test")


def with_indices(matrix, dtype):
    """The same matrix with index arrays of another type, which the constructor would narrow."""
    wide = matrix.copy()
    wide.indices, wide.indptr = matrix.indices.astype(dtype), matrix.indptr.astype(dtype)
    return wide


def assert_same(got, expected):
    for one, other in zip(got, expected, strict=True):
        np.testing.assert_array_equal(one, other, strict=True)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_overlap_equals_the_reference(data):
    Y = data.draw(sets())
    Z = data.draw(sets(Y.shape))
    kinds = data.draw(st.tuples(*[st.sampled_from([np.int32, np.int64])] * 2))
    n_threads = data.draw(st.integers(1, 3))
    got = cpu.overlap(with_indices(Y, kinds[0]), with_indices(Z, kinds[1]), n_threads=n_threads)
    assert_same(got, reference.overlap(Y, Z))


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_interacting_pairs_equals_the_reference(data):
    Z = data.draw(sets())
    graph = data.draw(sets((Z.shape[1], Z.shape[1]))).toarray()
    graph = sp.csr_matrix(np.triu(graph, 1) | np.triu(graph, 1).T)
    n_threads = data.draw(st.integers(1, 3))
    assert_same(cpu.interacting_pairs(Z, graph, n_threads=n_threads), reference.interacting_pairs(Z, graph))


def test_interacting_pairs_reads_any_numeric_graph():
    Z = sp.csr_matrix([[1, 1, 1]])
    severity = sp.csr_matrix(([2.5, 2.5, 0.0, 0.0], ([0, 1, 1, 2], [1, 0, 2, 1])), shape=(3, 3))
    assert [pairs.tolist() for pairs in cpu.interacting_pairs(Z, severity)] == [[1], [3]]


@settings(max_examples=60, deadline=None)
@given(
    n_records=st.integers(0, 8),
    n_labels=st.integers(1, 12),
    k=st.integers(1, 15),
    levels=st.sampled_from([2, 4, 1000]),
    kind=st.sampled_from([np.float64, np.float32]),
    order=st.sampled_from("CF"),
    n_threads=st.integers(1, 3),
    seed=st.integers(0, 2**32),
)
def test_top_k_equals_the_reference_with_ties(n_records, n_labels, k, levels, kind, order, n_threads, seed):
    rng = np.random.default_rng(seed)
    scores = np.asarray(rng.integers(0, levels, (n_records, n_labels)) / levels, dtype=kind, order=order)
    assert_same([cpu.top_k(scores, k, n_threads=n_threads)], [reference.top_k(scores, k)])


def large(seed, n_records=30_000, n_labels=70, dtype=np.int32):
    """Enough entries for the compiled loops and for several threads."""
    dense = np.random.default_rng(seed).random((n_records, n_labels)) < 0.2
    return with_indices(check_sets(dense, who="test"), dtype)


@pytest.mark.parametrize("dtype", [np.int32, np.int64])
def test_large_input_takes_the_compiled_loops_and_counts_the_same(dtype, monkeypatch):
    Y, Z = large(0, dtype=dtype), large(1)
    graph = sp.csr_matrix((np.random.default_rng(2).random((70, 70)) < 0.1).astype(int))
    graph = sp.csr_matrix(sp.triu(graph, 1) + sp.triu(graph, 1).T)
    scores = np.random.default_rng(3).random((3_000, 70))
    expected = reference.overlap(Y, Z), reference.interacting_pairs(Z, graph), reference.top_k(scores, 5)
    for name in ("overlap", "interacting_pairs", "top_k"):
        monkeypatch.setattr(reference, name, None)
    assert_same(kernels.overlap(Y, Z), expected[0])
    assert_same(kernels.interacting_pairs(Z, graph), expected[1])
    assert_same([kernels.top_k(scores, 5)], expected[2:])
    for n_threads in (1, 2, 5):
        assert_same(cpu.overlap(Y, Z, n_threads=n_threads), expected[0])


def test_chunks_add_up_to_the_whole():
    Y, Z = large(0), large(1)
    whole, parts = overlap_counts(Y, Z), None
    for rows in np.array_split(np.arange(Y.shape[0]), [1, 5_000, 5_000, 29_999]):
        part = overlap_counts(Y[rows], Z[rows])
        parts = part if parts is None else parts + part
    for name in ("h", "y", "z", "tp", "t", "p"):
        np.testing.assert_array_equal(getattr(parts, name), getattr(whole, name), strict=True)


def test_concurrent_calls_count_right():
    from concurrent.futures import ThreadPoolExecutor

    Y, Z = large(0), large(1)
    expected = reference.overlap(Y, Z)
    with ThreadPoolExecutor(3) as pool:
        for got in pool.map(lambda _: cpu.overlap(Y, Z), range(6)):
            assert_same(got, expected)


def test_unsorted_rows_need_no_sorting():
    Y = sp.csr_matrix((np.ones(3, np.uint8), [2, 0, 1], [0, 3]), shape=(1, 3))
    assert_same(
        cpu.overlap(Y, sp.csr_matrix([[1, 0, 1]])), reference.overlap(Y.sorted_indices(), sp.csr_matrix([[1, 0, 1]]))
    )


def test_importing_metrics_does_not_load_the_compiler():
    code = "import medrec.metrics, sys; assert 'numba' not in sys.modules and 'cupy' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


class OnGpu(sp.csr_matrix):
    """Looks like CuPy's by where its type comes from."""


OnGpu.__module__ = "cupyx.scipy.sparse"


@pytest.mark.parametrize("name", ["overlap", "interacting_pairs"])
def test_input_in_two_places_is_refused(name):
    host = sp.csr_matrix([[1, 0], [0, 1]])
    with pytest.raises(TypeError, match=f"{name}: all input must be in one place; .* Move one"):
        getattr(kernels, name)(host, OnGpu(host))
