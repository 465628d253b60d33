"""Every metric on every awkward matrix, by the compiled loops and by the reference, against dense scikit-learn."""

import math
import warnings
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from medrec import kernels
from medrec.metrics import OverlapCounts, evaluate, evaluate_stream, overlap_counts

SKLEARN = {"jaccard": sk.jaccard_score, "f1": sk.f1_score, "precision": sk.precision_score, "recall": sk.recall_score}
AVERAGES = ("samples", "micro", "macro", "weighted")
FIELDS = ("h", "y", "z", "tp", "t", "p")


@pytest.fixture(params=[0, None], ids=["compiled", "small"])
def way(request, monkeypatch):
    """Sends input of any size to the compiled loops, or leaves small input to the reference."""
    if request.param is not None:
        monkeypatch.setattr(kernels, "_SMALL", request.param)


@st.composite
def dense_pairs(draw, min_records=0, min_labels=1):
    """Rows of every fullness: empty, full, between; sometimes all of a matrix is."""
    n_records, n_labels = draw(st.integers(min_records, 9)), draw(st.integers(min_labels, 7))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    levels = draw(st.sampled_from([(0.0,), (1.0,), (0.0, 0.5), (0.0, 0.2, 0.6, 1.0), (0.0, 0.0, 1.0)]))
    return tuple(rng.random((n_records, n_labels)) < rng.choice(levels, size=(n_records, 1)) for _ in range(2))


def _csr(dense):
    return sp.csr_matrix(dense.astype(np.uint8))


def _stored_zeros(dense):
    full = _csr(np.ones(dense.shape))
    full.data[:] = dense.ravel()
    return full


def _unsorted(dense):
    matrix = _csr(dense)
    for a, b in pairwise(matrix.indptr):
        matrix.indices[a:b] = matrix.indices[a:b][::-1].copy()
    matrix.has_sorted_indices = False
    return matrix


def _duplicates(dense):
    rows, columns = np.nonzero(dense)
    starts = np.concatenate([[0], np.cumsum(2 * dense.sum(axis=1))])
    return sp.csr_matrix((np.ones(2 * len(rows), dtype=np.uint8), np.repeat(columns, 2), starts), shape=dense.shape)


def _wide(dense):
    matrix = _csr(dense)
    matrix.indices, matrix.indptr = matrix.indices.astype(np.int64), matrix.indptr.astype(np.int64)
    return matrix


def _longer_than_said(dense):
    """Arrays with room behind the last entry, as incremental building leaves them."""
    matrix = _csr(dense)
    matrix.data = np.concatenate([matrix.data, np.array([7, 7], dtype=np.uint8)])
    matrix.indices = np.concatenate([matrix.indices, np.array([99, -1], dtype=matrix.indices.dtype)])
    return matrix


def _read_only(dense):
    matrix = _csr(dense)
    for array in (matrix.data, matrix.indices, matrix.indptr):
        array.setflags(write=False)
    return matrix


def _foreign(dense):
    """Values in the other order of bytes."""
    matrix = _csr(dense).astype(np.int32)
    matrix.data = matrix.data.astype(matrix.data.dtype.newbyteorder())
    return matrix


FORMS = {
    "other byte order": _foreign,
    "csr": _csr,
    "stored zeros": _stored_zeros,
    "unsorted": _unsorted,
    "duplicates": _duplicates,
    "int64 indices": _wide,
    "room behind": _longer_than_said,
    "read only": _read_only,
    "csr_array": lambda dense: sp.csr_array(_csr(dense)),
    "csc": sp.csc_matrix,
    "coo": sp.coo_matrix,
    "lil": sp.lil_matrix,
    "dense": lambda dense: dense,
    "frame": pd.DataFrame,
    "lists": lambda dense: dense.astype(int).tolist() if len(dense) else dense,
    **{
        f"csr of {kind}": lambda dense, kind=kind: sp.csr_matrix(dense.astype(kind))
        for kind in (
            "bool",
            "int8",
            "int16",
            "int32",
            "int64",
            "uint16",
            "uint32",
            "uint64",
            "float32",
            "float64",
            "longdouble",
        )
    },
}


def counts_of(Y, Z):
    """By Python sets."""
    true, predicted = ([set(np.flatnonzero(row)) for row in matrix] for matrix in (Y, Z))
    both = [a & b for a, b in zip(true, predicted)]
    rows = [np.array([len(one) for one in sets], dtype=np.int64) for sets in (both, true, predicted)]
    columns = [
        np.array([sum(label in one for one in sets) for label in range(Y.shape[1])], dtype=np.int64)
        for sets in (both, true, predicted)
    ]
    return OverlapCounts(*rows, *columns)


def assert_same_counts(got, expected):
    for name in FIELDS:
        np.testing.assert_array_equal(getattr(got, name), getattr(expected, name), err_msg=name)


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("form", FORMS)
@settings(max_examples=20, deadline=None)
@given(pair=dense_pairs(), other=st.sampled_from(sorted(FORMS)), swapped=st.booleans())
def test_every_form_counts_what_python_sets_count(form, pair, other, swapped):
    forms = (FORMS[other], FORMS[form]) if swapped else (FORMS[form], FORMS[other])
    got = overlap_counts(*(make(one) for make, one in zip(forms, pair)))
    expected = counts_of(*pair)
    assert_same_counts(got, expected)
    np.testing.assert_array_equal(got.totals.sums[:, : expected.totals.sums.shape[1]], expected.totals.sums)
    assert not got.totals.sums[:, expected.totals.sums.shape[1] :].any()
    assert got.totals.exact == expected.totals.exact


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("zero_division", [0, 1, math.nan])
@pytest.mark.parametrize("average", AVERAGES)
@pytest.mark.parametrize("metric", SKLEARN)
@settings(max_examples=15, deadline=None)
@given(pair=dense_pairs(min_records=1, min_labels=2), form=st.sampled_from(sorted(FORMS)))
def test_every_average_equals_dense_scikit_learn(metric, average, zero_division, pair, form):
    got = getattr(overlap_counts(*(FORMS[form](one) for one in pair)), metric)(average, zero_division)
    if metric == "jaccard" and math.isnan(zero_division):  # scikit-learn refuses it: leave out what is undefined
        Y, Z = pair
        kept = [(Y | Z).any(axis=1), slice(None)] if average == "samples" else [slice(None), (Y | Z).any(axis=0)]
        values = _jaccards(Y[kept[0]][:, kept[1]], Z[kept[0]][:, kept[1]], average)
        assert got == pytest.approx(values, abs=1e-12, nan_ok=True)
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = SKLEARN[metric](*pair, average=average, zero_division=zero_division)
    assert got == pytest.approx(expected, abs=1e-12, nan_ok=True)


def _jaccards(Y, Z, average):
    both, either, true = (Y & Z), (Y | Z), Y.sum(axis=0)
    if average == "micro":
        return both.sum() / either.sum() if either.any() else math.nan
    axis = 1 if average == "samples" else 0
    values = both.sum(axis=axis) / either.sum(axis=axis)
    if average == "weighted" and true.any():
        return float(np.average(values, weights=true))
    return float(values.mean()) if len(values) else math.nan


@pytest.mark.usefixtures("way")
@settings(max_examples=30, deadline=None)
@given(pair=dense_pairs(), seed=st.integers(0, 1000), cuts=st.lists(st.integers(0, 9), max_size=3))
def test_permutations_and_chunks_change_no_bit(pair, seed, cuts):
    Y, Z = pair
    rng = np.random.default_rng(seed)
    rows, columns = rng.permutation(Y.shape[0]), rng.permutation(Y.shape[1])
    edges = [0, *sorted(min(cut, len(Y)) for cut in cuts), len(Y)]
    whole = overlap_counts(_csr(Y), _csr(Z))
    moved = overlap_counts(_csr(Y[rows][:, columns]), _csr(Z[rows][:, columns]))
    parts = [overlap_counts(_unsorted(Y[a:b]), _wide(Z[a:b])) for a, b in pairwise(edges)]
    total, sums = parts[0], parts[0].totals
    for part in parts[1:]:
        total, sums = total + part, sums + part.totals
    assert_same_counts(total, whole)
    for metric in SKLEARN:
        for zero_division in (0, 1, math.nan):
            for average in AVERAGES:
                values = [getattr(one, metric)(average, zero_division) for one in (whole, moved, total, sums)]
                if average in ("samples", "micro"):
                    np.testing.assert_equal(values[1], values[0])
                assert values[1] == pytest.approx(values[0], abs=1e-12, nan_ok=True)
                np.testing.assert_equal(values[2:], [values[0]] * 2)
        np.testing.assert_array_equal(whole.per_record(metric)[rows], moved.per_record(metric))
        np.testing.assert_array_equal(whole.per_label(metric)[columns], moved.per_label(metric))


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("n_records", [0, 1])
@pytest.mark.parametrize("n_labels", [0, 1, 3])
def test_no_record_one_record_no_label(n_records, n_labels):
    Y = sp.csr_matrix((n_records, n_labels), dtype=np.uint8)
    counts = overlap_counts(Y, Y)
    assert_same_counts(counts, counts_of(Y.toarray(), Y.toarray()))
    assert counts.jaccard() == pytest.approx(1.0 if n_records else math.nan, nan_ok=True)
    figures = evaluate(Y, Y, preset="sklearn")
    assert figures["empty_predicted"] == n_records
    assert evaluate_stream([(Y, Y)], preset="sklearn") == {
        name: value for name, value in figures.items() if not name.endswith("_interval")
    }


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("form", ["csr", "dense", "coo", "csr of float64", "csr of int64"])
@pytest.mark.parametrize("value", [2, -1])
def test_values_other_than_0_and_1_are_refused_in_every_form(form, value):
    dense = np.array([[1, 0], [1, 1]]) * np.array([[1], [value]])
    kinds = {"csr": lambda d: sp.csr_matrix(d.astype(np.int8)), "dense": np.asarray, "coo": sp.coo_matrix}
    wrong = kinds.get(form, lambda d: sp.csr_matrix(d.astype(form.removeprefix("csr of "))))(dense)
    with pytest.raises(ValueError, match="only 0 and 1"):
        overlap_counts(wrong, np.eye(2))
    with pytest.raises(ValueError, match="only 0 and 1"):
        overlap_counts(sp.csr_matrix(np.eye(2)), wrong)


@pytest.mark.usefixtures("way")
def test_broken_index_arrays_are_refused():
    broken = sp.csr_matrix(np.eye(3, dtype=np.uint8))
    broken.indices[1] = 5
    for pair in ((broken, np.eye(3)), (sp.csr_matrix(np.eye(3)), broken)):
        with pytest.raises(ValueError, match="index arrays are broken"):
            overlap_counts(*pair)


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("form", FORMS)
def test_input_stays_as_it_was(form):
    dense = np.array([[True, False, True], [False, False, False], [True, True, True]])
    given_, before = FORMS[form](dense), FORMS[form](dense)
    overlap_counts(given_, dense)
    if sp.issparse(given_):
        for name in ("data", "indices", "indptr", "row", "col"):
            if hasattr(before, name):
                np.testing.assert_array_equal(getattr(given_, name), getattr(before, name))
    else:
        np.testing.assert_array_equal(np.asarray(given_), np.asarray(before))
