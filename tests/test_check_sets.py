"""check_sets: whatever sets come as, the canonical matrix says the same; and who asks for a copy has one."""

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from medrec._checks import check_sets


def nasty(rng, n_records, n_labels, kind, index):
    """CSR with unsorted rows, duplicates and stored zeros, and what it means."""
    n = int(rng.integers(0, 3 * n_labels + 1)) * (n_records > 0)
    rows = np.sort(rng.integers(0, max(1, n_records), n))
    matrix = sp.csr_matrix((n_records, n_labels), dtype=kind)
    matrix.data = rng.integers(0, 2, n).astype(kind)
    matrix.indices = rng.integers(0, n_labels, n).astype(index)
    matrix.indptr = np.searchsorted(rows, np.arange(n_records + 1)).astype(index)
    dense = np.zeros((n_records, n_labels), dtype=np.uint8)
    np.maximum.at(dense, (rows, matrix.indices), matrix.data.astype(np.uint8))
    return matrix, dense


@settings(max_examples=150, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    n_records=st.integers(0, 6),
    n_labels=st.integers(1, 6),
    kind=st.sampled_from([bool, np.uint8, np.int64, np.float32, np.float64]),
    index=st.sampled_from([np.int32, np.int64]),
    copy=st.booleans(),
)
def test_nasty_matrices_are_read_as_sets(seed, n_records, n_labels, kind, index, copy):
    matrix, dense = nasty(np.random.default_rng(seed), n_records, n_labels, kind, index)
    before = matrix.data.copy(), matrix.indices.copy(), matrix.indptr.copy()
    got = check_sets(matrix, who="test", copy=copy)
    np.testing.assert_array_equal(got.toarray(), dense)
    fresh = sp.csr_matrix((got.data, got.indices, got.indptr), shape=got.shape)
    assert fresh.has_canonical_format
    assert got.dtype == np.uint8
    assert (got.data == 1).all()
    for old, now in zip(before, (matrix.data, matrix.indices, matrix.indptr)):
        np.testing.assert_array_equal(old, now)


@pytest.mark.parametrize("index", [np.int32, np.int64])
@pytest.mark.parametrize("kind", [bool, np.uint8, np.float64])
def test_canonical_input_is_shared_only_when_asked(index, kind):
    matrix = sp.csr_matrix(np.eye(3, dtype=kind))
    matrix.indices, matrix.indptr = matrix.indices.astype(index), matrix.indptr.astype(index)
    own, shared = check_sets(matrix, who="test"), check_sets(matrix, who="test", copy=False)
    assert np.shares_memory(shared.indices, matrix.indices)
    assert np.shares_memory(shared.indptr, matrix.indptr)
    for one, other in ((own.indices, matrix.indices), (own.indptr, matrix.indptr), (own.data, matrix.data)):
        assert not np.shares_memory(one, other)
    np.testing.assert_array_equal(own.toarray(), np.eye(3))
    np.testing.assert_array_equal(shared.toarray(), np.eye(3))


@pytest.mark.parametrize("form", [sp.csr_matrix, sp.csr_array, sp.csc_matrix, sp.coo_matrix, np.asarray, pd.DataFrame])
@pytest.mark.parametrize("kind", [bool, np.int8, np.uint64, np.float64])
def test_every_container_and_type_means_the_same(form, kind):
    dense = np.random.default_rng(0).random((7, 4)) < 0.4
    got = check_sets(form(dense.astype(kind)), who="test")
    assert isinstance(got, sp.csr_matrix)
    np.testing.assert_array_equal(got.toarray(), dense)


@pytest.mark.parametrize("value", [2, -1, 0.5, np.nan, np.inf])
@pytest.mark.parametrize("form", [sp.csr_matrix, sp.coo_matrix, np.asarray])
def test_other_values_are_refused(form, value):
    with pytest.raises(ValueError, match="test: Y must hold only 0 and 1"):
        check_sets(form(np.array([[1.0, value], [0.0, 1.0]])), who="test")


@pytest.mark.parametrize("label", [3, -1, 1000])
def test_labels_outside_the_columns_are_refused(label):
    matrix = sp.csr_matrix(np.eye(3))
    matrix.indices[1] = label
    with pytest.raises(ValueError, match="test: Y must be a whole sparse matrix"):
        check_sets(matrix, who="test")
