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


@pytest.mark.parametrize(
    ("n_records", "n_labels", "density"),
    [(200, 3, 0.9), (130, 40, 0.1), (64, 1500, 1.0), (65, 1500, 0.9), (300, 20_000, 0.0003), (129, 700, 0.0)],
    ids=["few labels", "blocks", "long rows", "longer than the first room", "many labels", "nothing"],
)
@pytest.mark.parametrize("n_threads", [1, 3])
def test_overlap_of_every_shape_equals_the_reference(n_records, n_labels, density, n_threads):
    Y, Z = (check_sets(sp.random(n_records, n_labels, density, random_state=i) > 0, who="test") for i in range(2))
    assert_same(cpu.overlap(Y, Z, n_threads=n_threads), reference.overlap(Y, Z))
    counts, sums, exact = cpu.overlap_if_sets(Y, Z, n_threads=n_threads)
    assert_same(counts, reference.overlap(Y, Z))
    expected, equal = reference.denominator_sums(counts.h, counts.y, counts.z)
    np.testing.assert_array_equal(sums[:, : expected.shape[1]], expected)
    assert (exact, sums[:, expected.shape[1] :].any()) == (equal, False)


def test_more_records_than_a_packed_count_holds():
    n_records = 2**21 + 100
    hot = np.zeros(n_records, dtype=np.int32)
    starts = np.arange(n_records + 1, dtype=np.int32)
    Y, Z = (sp.csr_matrix((np.ones(n_records, np.uint8), labels, starts)) for labels in (hot, hot))
    counts = cpu.overlap(Y, Z, n_threads=1)
    assert [int(column[0]) for column in (counts.tp, counts.t, counts.p)] == [n_records] * 3
    assert (counts.h == 1).all()


def test_an_error_in_a_thread_is_raised():
    def work(i, first, last):
        raise RuntimeError(f"share {i}")

    for n_threads in (1, 3):
        with pytest.raises(RuntimeError, match="share"):
            cpu._spread(work, [(0, 1)] * 4, n_threads)


def altered(change, n_records=70, n_labels=9):
    """Sets, and the same after a change of their arrays."""
    dense = np.random.default_rng(0).random((n_records, n_labels)) < 0.5
    sets = check_sets(dense, who="test")
    broken = sp.csr_matrix((sets.data.copy(), sets.indices.copy(), sets.indptr.copy()), shape=sets.shape)
    change(broken)
    return sets, broken


def set_at(name, at, value):
    return lambda matrix: getattr(matrix, name).__setitem__(at, value)


@pytest.mark.parametrize(
    "change",
    [
        set_at("data", -1, 0),
        set_at("data", 0, 2),
        set_at("indices", 0, 9),
        set_at("indices", -1, -1),
        lambda matrix: set_at("indices", -1, matrix.indices[-2])(matrix),
        set_at("indptr", 3, 400),
        set_at("indptr", 65, 2),
        set_at("indptr", 0, 1),
        set_at("indptr", -1, 10_000),
        set_at("indptr", -1, -1),
        lambda matrix: setattr(matrix, "data", matrix.data.astype(complex)),
        lambda matrix: setattr(matrix, "data", np.where(np.arange(len(matrix.data)) == 5, np.nan, 1.0)),
        lambda matrix: setattr(matrix, "data", matrix.data[:5]),
    ],
    ids=[
        "stored zero",
        "a two",
        "column too far",
        "negative column",
        "duplicate",
        "row ends behind the next",
        "row ends before it starts",
        "first row starts late",
        "last row ends behind the labels",
        "negative end",
        "complex",
        "nan",
        "values missing",
    ],
)
def test_what_is_no_canonical_set_is_noticed_while_counting(change):
    sets, broken = altered(change)
    assert cpu.overlap_if_sets(sets, sets) is not None
    assert cpu.overlap_if_sets(sets, broken) is None
    assert cpu.overlap_if_sets(broken, sets) is None


@pytest.mark.parametrize(
    "change",
    [set_at("indices", 0, 9), set_at("indptr", 3, 400), lambda m: set_at("indices", -1, m.indices[-2])(m)],
)
def test_overlap_refuses_labels_twice_or_outside(change):
    sets, broken = altered(change)
    with pytest.raises(ValueError, match="each label once, within the columns"):
        cpu.overlap(sets, broken)


@pytest.mark.parametrize("kind", [bool, np.int8, np.int64, np.uint16, np.float32, np.float64])
def test_ones_of_any_type_are_taken_as_they_are(kind):
    sets, _ = altered(lambda matrix: None)
    assert_same(cpu.overlap_if_sets(sets.astype(kind), sets)[0], reference.overlap(sets, sets))


def test_other_formats_and_shapes_are_left_to_the_checks():
    sets, _ = altered(lambda matrix: None)
    for other in (sets.tocsc(), sets.toarray(), sets[:-1], None, [[1, 0]]):
        assert cpu.overlap_if_sets(sets, other) is None


@settings(max_examples=60, deadline=None)
@given(sizes=st.lists(st.tuples(*[st.integers(0, 9)] * 3), max_size=30), n_threads=st.integers(1, 3))
def test_denominator_sums_equal_the_reference_and_plain_counting(sizes, n_threads):
    h, y, z = np.array(sizes, dtype=np.int32).reshape(-1, 3).T
    h = np.minimum(h, np.minimum(y, z))
    sums, exact = cpu.denominator_sums(h, y, z, n_threads=n_threads)
    expected, equal = reference.denominator_sums(h, y, z)
    np.testing.assert_array_equal(sums, expected, strict=True)
    assert exact == equal == sum(a == b == c for a, b, c in zip(h, y, z))
    plain = np.zeros_like(sums)
    for a, b, c in zip(*(column.tolist() for column in (h, y, z))):
        for row, (top, bottom) in enumerate(((a, b + c - a), (2 * a, b + c), (a, c), (a, b))):
            plain[row, bottom] += top if bottom else 1
    np.testing.assert_array_equal(sums, plain)


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
