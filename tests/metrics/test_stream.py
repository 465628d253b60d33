"""Chunks, Parquet files and a Dask cluster give the numbers of one call."""

import sys
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from medrec.metrics import (
    PRESETS,
    chunk_of_table,
    evaluate,
    evaluate_dask,
    evaluate_parquet,
    evaluate_stream,
    overlap_counts,
    parquet_chunks,
)

ROUNDED = ("prauc", "map")  # sums of floats; everything else is equal bit for bit


def draw(seed, n_records=43, n_labels=12):
    rng = np.random.default_rng(seed)
    Y = rng.random((n_records, n_labels)) < 0.2
    Z = np.where(rng.random(Y.shape) < 0.8, Y, rng.random(Y.shape) < 0.3)
    graph = np.triu(rng.random((n_labels, n_labels)) < 0.3, 1)
    return Y, Z, rng.random(Y.shape), rng.integers(0, 9, n_records).astype(str), graph | graph.T


def cut(arrays, cuts):
    edges = [0, *sorted(cuts), arrays[0].shape[0]]
    return [tuple(None if one is None else one[a:b] for one in arrays) for a, b in pairwise(edges)]


def assert_same_figures(got, expected):
    assert got.keys() == expected.keys()
    for name, value in expected.items():
        assert got[name] == (pytest.approx(value, abs=1e-12) if name.startswith(ROUNDED) else value), name


@pytest.mark.parametrize("preset", PRESETS)
@settings(max_examples=12, deadline=None)
@given(
    seed=st.integers(0, 1000),
    cuts=st.lists(st.integers(0, 43), max_size=5),
    n_resamples=st.sampled_from([0, 20]),
    without=st.sampled_from(["", "Z", "scores", "groups"]),
    zero_division=st.sampled_from([None, 0.0, 1.0, float("nan")]),
)
def test_chunks_give_the_figures_of_one_call(preset, seed, cuts, n_resamples, without, zero_division):
    if PRESETS[preset].needs_groups and without == "groups":
        return
    Y, Z, scores, groups, graph = draw(seed)
    arrays = [
        None if name == without else one for name, one in zip(("Y", "Z", "scores", "groups"), (Y, Z, scores, groups))
    ]
    options = {"preset": preset, "ddi": graph, "n_resamples": n_resamples, "zero_division": zero_division}
    expected = evaluate(*arrays[:3], groups=arrays[3], **options)
    assert_same_figures(evaluate_stream(cut(arrays, cuts), **options), expected)


@given(seed=st.integers(0, 1000), order=st.randoms())
@settings(max_examples=20, deadline=None)
def test_no_order_of_records_changes_a_bit(seed, order):
    Y, Z, *_ = draw(seed)
    rows = list(range(len(Y)))
    order.shuffle(rows)
    before, after = overlap_counts(Y, Z), overlap_counts(Y[rows], Z[rows])
    for metric in ("jaccard", "f1", "precision", "recall"):
        for zero_division in (0, 1, float("nan")):
            np.testing.assert_equal(
                getattr(before, metric)(zero_division=zero_division),
                getattr(after, metric)(zero_division=zero_division),
            )


def test_patients_of_many_chunks_are_counted_once():
    Y, Z, _, groups, _ = draw(4)
    chunks = [(Y[i : i + 1], Z[i : i + 1], None, groups[i : i + 1]) for i in range(len(Y))]
    assert evaluate_stream(chunks)["patients"] == len(set(groups))


def test_totals_add_up_and_give_every_average():
    Y, Z, *_ = draw(0)
    Z[5] = True  # a large set widens the sums
    whole = overlap_counts(Y, Z)
    total = overlap_counts(Y[:5], Z[:5]).totals + overlap_counts(Y[5:], Z[5:]).totals
    assert len(total) == len(whole)
    for metric in ("jaccard", "f1", "precision", "recall"):
        for average in ("samples", "micro", "macro", "weighted"):
            assert getattr(total, metric)(average) == getattr(whole, metric)(average)
        np.testing.assert_array_equal(total.per_label(metric), whole.per_label(metric))
    for name in ("subset_accuracy", "hamming_loss", "mean_set_size", "empty_sets"):
        assert getattr(total, name)() == getattr(whole, name)()
    with pytest.raises(ValueError, match="same labels"):
        total + overlap_counts([[1]], [[1]]).totals
    with pytest.raises(TypeError):
        total + 1


@pytest.mark.parametrize(
    ("chunks", "words"),
    [
        ([], "at least one chunk"),
        ([([[1, 0]], [[1, 0]]), ([[1]], [[1]])], "chunk 2 does not fit .* same labels; got 2 and 1"),
        ([([[1, 0]], [[1, 0]]), ([[1, 0]], [[1, 0]], [[0.5, 0.5]])], "scores must be in every chunk"),
        ([([[1, 0]], [[1, 0]], None, ["a"]), ([[1, 0]], [[1, 0]])], "groups must be in every chunk"),
        ([([[1, 0]], None)], "sets Z, scores, or both"),
        ([([[1, 0]], [[1, 0]], None, [None])], "groups must not be missing"),
    ],
)
def test_chunks_that_do_not_fit_are_refused(chunks, words):
    with pytest.raises(ValueError, match=words):
        evaluate_stream(chunks)


def test_unknown_presets_and_missing_groups_are_refused():
    with pytest.raises(ValueError, match="evaluate_stream: preset must be one of"):
        evaluate_stream([([[1]], [[1]])], preset="none")
    with pytest.raises(ValueError, match="averages within patients"):
        evaluate_stream([([[1]], [[1]])], preset="gamenet")


# Parquet ------------------------------------------------------------------------------------------------------


def frame_of(Y, Z, scores, groups, names=None):
    def lists(matrix):
        return [
            np.flatnonzero(row).tolist() if names is None else [names[i] for i in np.flatnonzero(row)] for row in matrix
        ]

    return pd.DataFrame({"truth": lists(Y), "predicted": lists(Z), "scores": list(scores), "patient": groups})


def write(frame, path, **options):
    pa = pytest.importorskip("pyarrow", reason="needs pyarrow: pip install 'medrec[parquet]'")
    import pyarrow.parquet as pq

    pq.write_table(pa.Table.from_pandas(frame, preserve_index=False), path, **options)


@pytest.mark.parametrize("named", [False, True], ids=["integers", "names"])
@pytest.mark.parametrize("rows", [1, 7, 1000])
def test_partitioned_parquet_gives_the_figures_of_one_call(tmp_path, named, rows):
    Y, Z, scores, groups, graph = draw(1)
    names = [f"药{i}" for i in range(12)] if named else None
    frame = frame_of(Y, Z, scores, groups, names)
    for folder in ("year=2", ".sets.part"):
        (tmp_path / folder).mkdir()
    write(frame[:20], tmp_path / "a.parquet", row_group_size=9)
    write(frame[20:], tmp_path / "year=2" / "b.parquet", row_group_size=4)
    write(frame[:3], tmp_path / ".sets.part" / "c.parquet", row_group_size=4)  # not finished: not counted
    options = {"labels": names or 12, "rows": rows, "scores": "scores", "groups": "patient", "ddi": graph}
    for preset in PRESETS:
        got = evaluate_parquet(tmp_path, preset=preset, n_resamples=10, **options)
        expected = evaluate(Y, Z, scores, preset=preset, groups=groups, ddi=graph, n_resamples=10)
        assert_same_figures(got, expected)
    got = evaluate_parquet([tmp_path / "a.parquet"], labels=names or 12)
    assert_same_figures(got, evaluate(Y[:20], Z[:20], n_resamples=0))


@pytest.mark.parametrize("kind", ["list", "large_list", "dictionary", "sliced", "empty", "int8", "chunked"])
def test_every_kind_of_list_column_is_read(kind):
    pa = pytest.importorskip("pyarrow", reason="needs pyarrow: pip install 'medrec[parquet]'")
    lists = [["a"], [], ["b", "a"], ["c"]]
    types = {
        "list": pa.list_(pa.string()),
        "large_list": pa.large_list(pa.large_string()),
        "dictionary": pa.list_(pa.dictionary(pa.int8(), pa.string())),
        "int8": pa.list_(pa.int8()),
    }
    labels = ["a", "b", "c"]
    if kind == "int8":
        lists, labels = [[labels.index(one) for one in row] for row in lists], 3
    column = pa.array(lists, type=types.get(kind, types["list"]))
    table = pa.table({"truth": column, "predicted": column})
    expected = np.array([[1, 0, 0], [0, 0, 0], [1, 1, 0], [0, 0, 1]])
    if kind == "sliced":
        table, expected = table.slice(1, 2), expected[1:3]
    if kind == "empty":
        table, expected = table.slice(0, 0), expected[:0]
    if kind == "chunked":
        table, expected = pa.concat_tables([table, table]), np.concatenate([expected, expected])
    Y, Z, scores, groups = chunk_of_table(table, labels=labels)
    np.testing.assert_array_equal(Y.toarray(), expected)
    np.testing.assert_array_equal(Z.toarray(), expected)
    assert scores is None
    assert groups is None


def test_a_label_listed_twice_counts_once():
    pytest.importorskip("pyarrow", reason="needs pyarrow: pip install 'medrec[parquet]'")
    frame = pd.DataFrame({"truth": [["a", "a"]], "predicted": [["a"]]})
    assert evaluate_stream([chunk_of_table(frame, labels=["a", "b"])], preset="sklearn")["subset_accuracy"] == 1


@pytest.mark.parametrize(
    ("frame", "options", "words"),
    [
        ({"truth": [["a"]], "predicted": [["x"]]}, {}, "none of the 2 labels, the first 'x'"),
        ({"truth": [["a"]], "predicted": [[5]]}, {"labels": 2}, "needs lists of integers in 'truth'"),
        ({"truth": [[1]], "predicted": [[5]]}, {"labels": 2}, "the first 5"),
        ({"truth": [[1]], "predicted": [[-1]]}, {"labels": 2}, "the first -1"),
        ({"truth": [[1]], "predicted": [[1]]}, {}, "lists integers; pass labels=the number"),
        ({"truth": [["a"], None], "predicted": [["a"], ["a"]]}, {}, "1 missing lists"),
        ({"truth": ["a"], "predicted": [["a"]]}, {}, "must hold lists; got"),
        ({"truth": [["a"]]}, {}, "no column 'predicted'"),
        ({"truth": [["a"]], "predicted": [["a"]], "s": [[0.5]]}, {"scores": "s"}, "must list 2 scores"),
    ],
)
def test_tables_that_cannot_be_read_are_refused(frame, options, words):
    pytest.importorskip("pyarrow", reason="needs pyarrow: pip install 'medrec[parquet]'")
    with pytest.raises(ValueError, match=words):
        chunk_of_table(pd.DataFrame(frame), **{"labels": ["a", "b"], **options})


def test_parquet_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no \*\.parquet"):
        next(parquet_chunks(tmp_path, labels=2))
    write(pd.DataFrame({"truth": [[1]]}), tmp_path / "one.parquet")
    with pytest.raises(ValueError, match=r"one.parquet has no column 'predicted'"):
        next(parquet_chunks(tmp_path, labels=2))
    assert next(parquet_chunks(tmp_path, labels=2, predicted=None))[1] is None


@pytest.mark.parametrize(
    ("module", "call"),
    [
        ("pyarrow", lambda: chunk_of_table(None, labels=2)),
        ("pyarrow.parquet", lambda: next(parquet_chunks("x", labels=2))),
        ("dask", lambda: evaluate_dask([])),
    ],
)
def test_an_absent_package_is_named_with_its_cure(monkeypatch, module, call):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImportError, match=r"need '.*': pip install \"medrec\[(parquet|dask)\]\""):
        call()


# Dask ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def cluster():
    """Two worker processes on this machine."""
    distributed = pytest.importorskip("distributed", reason="needs Dask: pip install 'medrec[dask]'")
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0", host="127.0.0.1"
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


def test_a_cluster_of_processes_gives_the_figures_of_one_call(cluster):
    import dask
    import dask.bag

    Y, Z, scores, groups, graph = draw(2)
    sparse = [sp.csr_matrix(Y), sp.csr_matrix(Z), scores, groups]
    chunks = cut(sparse, [3, 10, 10, 30])
    bag = dask.bag.from_sequence(chunks, npartitions=2)
    for preset in PRESETS:
        expected = evaluate(Y, Z, scores, preset=preset, groups=groups, ddi=graph, n_resamples=20)
        for how in ([dask.delayed(chunk) for chunk in chunks], bag):
            assert_same_figures(evaluate_dask(how, preset=preset, ddi=graph, n_resamples=20), expected)
    totals = cluster.submit(sum_of_totals, chunks).result()
    assert totals.jaccard() == overlap_counts(Y, Z).jaccard()


def sum_of_totals(chunks):
    totals = [overlap_counts(*chunk[:2]).totals for chunk in chunks]
    return sum(totals[1:], totals[0])


def test_partitions_of_a_table_on_a_cluster(cluster, tmp_path):
    import dask

    Y, Z, scores, groups, _ = draw(3)
    names = [f"drug {i}" for i in range(12)]
    frame = frame_of(Y, Z, scores, groups, names)
    parts = [dask.delayed(chunk_of_table)(part, labels=names, groups="patient") for part in (frame[:11], frame[11:])]
    got = evaluate_dask(parts, preset="gamenet")
    assert_same_figures(got, evaluate(Y, Z, groups=groups, preset="gamenet", n_resamples=0))
