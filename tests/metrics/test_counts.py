"""Set metrics against dense scikit-learn and against Python sets."""

import math
import warnings
from itertools import pairwise

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from sklearn import metrics as sk

from medrec.metrics import OverlapCounts, overlap_counts

SKLEARN = {
    "jaccard": sk.jaccard_score,
    "f1": sk.f1_score,
    "precision": sk.precision_score,
    "recall": sk.recall_score,
}
AVERAGES = ("samples", "micro", "macro", "weighted")


@st.composite
def pairs(draw, min_records=1, min_labels=1):
    shape = draw(array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=8))
    shape = (max(min_records, shape[0] - 1 + min_records), max(min_labels, shape[1]))
    return tuple(draw(arrays(bool, shape)) for _ in range(2))


def same(a, b):
    return a == pytest.approx(b, abs=1e-12, nan_ok=True)


@pytest.mark.parametrize("zero_division", [0, 1, math.nan])
@pytest.mark.parametrize("average", AVERAGES)
@pytest.mark.parametrize("metric", SKLEARN)
@settings(max_examples=25, deadline=None)
@given(pair=pairs(min_labels=2))
def test_equals_scikit_learn(metric, average, zero_division, pair):
    if metric == "jaccard" and math.isnan(zero_division):
        return  # scikit-learn refuses it; see the test of nan below
    Y, Z = pair
    expected = SKLEARN[metric](Y, Z, average=average, zero_division=zero_division)
    assert same(getattr(overlap_counts(Y, Z), metric)(average, zero_division), expected)


@given(pair=pairs(min_labels=2))
def test_subset_accuracy_and_hamming_loss_equal_scikit_learn(pair):
    counts = overlap_counts(*pair)
    assert same(counts.subset_accuracy(), sk.accuracy_score(*pair))
    assert same(counts.hamming_loss(), sk.hamming_loss(*pair))


def _jaccard(a, b):
    return len(a & b) / len(a | b) if a | b else None


def _f1(a, b):
    return 2 * len(a & b) / (len(a) + len(b)) if a or b else None


@pytest.mark.parametrize("zero_division", [0.0, 1.0, math.nan])
@given(pair=pairs(min_records=0))
def test_samples_averages_equal_arithmetic_on_python_sets(zero_division, pair):
    Y, Z = pair
    true, predicted = ([set(np.flatnonzero(row)) for row in matrix] for matrix in (Y, Z))
    counts = overlap_counts(Y, Z)
    for name, formula in (("jaccard", _jaccard), ("f1", _f1)):
        values = [formula(a, b) for a, b in zip(true, predicted)]
        values = [zero_division if value is None else value for value in values]
        np.testing.assert_allclose(counts.per_record(name, zero_division=zero_division), values, atol=1e-12)
        known = [value for value in values if not math.isnan(value)]
        expected = sum(known) / len(known) if known else math.nan
        assert same(getattr(counts, name)(zero_division=zero_division), expected)
    assert counts.empty_sets() == sum(not drugs for drugs in predicted)
    expected = sum(map(len, predicted)) / len(predicted) if predicted else math.nan
    assert same(counts.mean_set_size(), expected)


@given(pair=pairs(), seed=st.integers(0, 1000))
def test_permuting_records_or_labels_changes_nothing(pair, seed):
    Y, Z = pair
    rng = np.random.default_rng(seed)
    rows, columns = rng.permutation(Y.shape[0]), rng.permutation(Y.shape[1])
    counts, permuted = overlap_counts(Y, Z), overlap_counts(Y[rows][:, columns], Z[rows][:, columns])
    for metric in SKLEARN:
        for average in AVERAGES:
            assert same(getattr(counts, metric)(average), getattr(permuted, metric)(average))
    np.testing.assert_array_equal(counts.h[rows], permuted.h)
    np.testing.assert_array_equal(counts.tp[columns], permuted.tp)


@given(pair=pairs(min_records=0), cuts=st.lists(st.integers(0, 9), max_size=3))
def test_chunks_add_up_to_the_whole(pair, cuts):
    Y, Z = pair
    edges = [0, *sorted(min(cut, len(Y)) for cut in cuts), len(Y)]
    chunks = [overlap_counts(Y[a:b], Z[a:b]) for a, b in pairwise(edges)]
    total = chunks[0]
    for chunk in chunks[1:]:
        total = total + chunk
    whole = overlap_counts(Y, Z)
    assert len(total) == len(Y)
    for name in ("h", "y", "z", "tp", "t", "p"):
        np.testing.assert_array_equal(getattr(total, name), getattr(whole, name))


def nasty(dense, kind):
    """The same sets as an awkward sparse matrix."""
    matrix = sp.csr_matrix(dense.astype(np.uint8))
    if kind == "stored zeros":
        full = sp.csr_matrix(np.ones(dense.shape, dtype=np.uint8))
        full.data[:] = dense.ravel()
        return full
    if kind == "unsorted":
        for a, b in pairwise(matrix.indptr):
            matrix.indices[a:b] = matrix.indices[a:b][::-1].copy()
        matrix.has_sorted_indices = False
        return matrix
    if kind == "duplicates":
        rows, columns = np.nonzero(dense)
        rows, columns = np.repeat(rows, 2), np.repeat(columns, 2)
        starts = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=len(dense)))])
        return sp.csr_matrix((np.ones(len(rows), dtype=bool), columns, starts), shape=dense.shape)
    if kind == "int64":
        matrix.indices, matrix.indptr = matrix.indices.astype(np.int64), matrix.indptr.astype(np.int64)
        return matrix
    formats = {"csc": sp.csc_matrix, "coo": sp.coo_matrix, "csr_array": sp.csr_array, "lil": sp.lil_matrix}
    return formats[kind](matrix)


@pytest.mark.parametrize("kind", ["stored zeros", "unsorted", "duplicates", "int64", "csc", "coo", "csr_array", "lil"])
@given(pair=pairs(min_records=0))
def test_nasty_matrices_count_like_dense_ones(kind, pair):
    Y, Z = pair
    expected, got = overlap_counts(Y, Z), overlap_counts(nasty(Y, kind), nasty(Z, kind))
    for name in ("h", "y", "z", "tp", "t", "p"):
        np.testing.assert_array_equal(getattr(expected, name), getattr(got, name))


def test_input_stays_as_it_was():
    stored = nasty(np.array([[True, False], [True, True]]), "stored zeros")
    before = stored.data.copy()
    overlap_counts(stored, stored)
    np.testing.assert_array_equal(stored.data, before)


def test_zero_rows_and_empty_sets_are_said():
    nothing = overlap_counts(np.zeros((0, 3)), np.zeros((0, 3)))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        values = [nothing.jaccard(), nothing.subset_accuracy(), nothing.hamming_loss()]
        values.append(nothing.mean_set_size())
    assert all(math.isnan(value) for value in values)
    assert nothing.empty_sets() == 0
    empty = overlap_counts(np.zeros((2, 3)), np.zeros((2, 3)))
    assert (empty.jaccard(), empty.jaccard(zero_division=0), empty.empty_sets()) == (1.0, 0.0, 2)
    assert math.isnan(empty.f1(zero_division=math.nan))


def test_nan_leaves_the_undefined_out_of_jaccard_too():
    assert overlap_counts([[1, 0], [0, 0]], [[1, 1], [0, 0]]).jaccard(zero_division=math.nan) == 0.5


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: overlap_counts([[1, 0]], [[1, 0], [0, 1]]), "records"),
        (lambda: overlap_counts([[1, 0]], [[1, 0, 1]]), "labels"),
        (lambda: overlap_counts([[1, 2]], [[1, 0]]), "only 0 and 1"),
        (lambda: overlap_counts([1, 0], [1, 0]), "matrix"),
        (lambda: overlap_counts([[1]], [[1]]).f1("mean"), "samples, micro, macro, weighted"),
        (lambda: overlap_counts([[1]], [[1]]).f1(zero_division=0.5), "zero_division"),
        (lambda: overlap_counts([[1]], [[1]]).per_record("accuracy"), "jaccard, f1, precision, recall"),
        (lambda: overlap_counts([[1]], [[1]]) + overlap_counts([[1, 0]], [[1, 0]]), "same labels"),
    ],
)
def test_refusals_name_the_rule(call, words):
    with pytest.raises(ValueError, match=words):
        call()


def test_adding_something_else_is_a_type_error():
    with pytest.raises(TypeError):
        overlap_counts([[1]], [[1]]) + 1
    assert isinstance(overlap_counts([[1]], [[1]]), OverlapCounts)
