"""Label sets from tables with columns of lists: Parquet files, Arrow tables, data frames."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp

from medrec._io import parquet_files
from medrec._optional import import_optional
from medrec.metrics.evaluation import evaluate_stream

_FEATURE = "Metrics of tables with columns of lists"


def chunk_of_table(
    table: Any,
    *,
    labels: Sequence[str] | int,
    truth: str = "truth",
    predicted: str | None = "predicted",
    scores: str | None = None,
    groups: str | None = None,
) -> tuple[Any, Any, Any, Any]:
    """Sets, scores and groups of a table, a row a record.

    Parameters
    ----------
    table : pyarrow Table or RecordBatch, or pandas DataFrame
    labels : sequence of str, or int
        Names of the labels in order, for columns that list names; the number of labels, for columns that list
        them as integers 0 … labels − 1. The labels are not guessed from the table: those that occur nowhere
        belong to a macro average too.
    truth, predicted : str, default="truth" and "predicted"
        Columns of lists of labels. An empty list is an empty set; a missing one is refused. ``predicted=None``
        where only scores are there.
    scores : str, optional
        Column of lists of floats, one a label.
    groups : str, optional
        Column of patients.

    Returns
    -------
    Y, Z, scores, groups : CSR matrices of shape (n_records, n_labels), array of that shape, array (n_records,)
        A chunk for :func:`evaluate_stream`; None for what was not asked for.

    Raises
    ------
    ImportError
        Without pyarrow.
    ValueError
        When a column is absent or no column of lists, a list is missing, or a label is none of ``labels``.

    Examples
    --------
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"truth": [["a", "b"], []], "predicted": [["b"], ["a"]]})
    >>> Y, Z, _, _ = chunk_of_table(frame, labels=["a", "b"])
    >>> Y.toarray().tolist(), Z.toarray().tolist()
    ([[1, 1], [0, 0]], [[0, 1], [1, 0]])
    """
    pa = import_optional("pyarrow", feature=_FEATURE, extra="parquet")
    names = [name for name in (truth, predicted, scores, groups) if name is not None]
    absent = [name for name in names if name not in (table.columns if hasattr(table, "iloc") else table.column_names)]
    if absent:
        raise ValueError(f"chunk_of_table: the table has no column {absent[0]!r}. Name it with truth=, predicted= ….")
    columns = {}
    for name in names:
        column = table[name]
        columns[name] = pa.array(column) if hasattr(table, "iloc") else _one_array(pa, column)
    known = labels if isinstance(labels, (int, np.integer)) else pa.array(list(labels), type=pa.string())
    Y = _sets(pa, columns[truth], known, truth)
    Z = None if predicted is None else _sets(pa, columns[predicted], known, predicted)
    values = None if scores is None else _scores(pa, columns[scores], Y.shape, scores)
    return Y, Z, values, None if groups is None else columns[groups].to_numpy(zero_copy_only=False)


def parquet_chunks(
    source: str | Path | Sequence[str | Path],
    *,
    labels: Sequence[str] | int,
    truth: str = "truth",
    predicted: str | None = "predicted",
    scores: str | None = None,
    groups: str | None = None,
    rows: int = 65_536,
) -> Iterator[tuple[Any, Any, Any, Any]]:
    """Chunks for :func:`evaluate_stream` from Parquet files, read a piece at a time.

    Parameters
    ----------
    source : path or sequence of paths
        A file, a folder (all ``*.parquet`` in it and below, in the order of their paths), or files in order.
    labels, truth, predicted, scores, groups
        As in :func:`chunk_of_table`; other columns are not read.
    rows : int, default=65,536
        Records of a chunk at most.

    Yields
    ------
    tuple
        As :func:`chunk_of_table` gives it.

    Raises
    ------
    FileNotFoundError
        When there is no such file, or none in the folder.
    """
    pq = import_optional("pyarrow.parquet", feature=_FEATURE, extra="parquet")
    names = [name for name in (truth, predicted, scores, groups) if name is not None]
    for path in files_of(source):
        with pq.ParquetFile(path) as file:
            absent = [name for name in names if name not in file.schema_arrow.names]
            if absent:
                raise ValueError(f"parquet_chunks: {path} has no column {absent[0]!r}. Name it with truth= ….")
            for batch in file.iter_batches(rows, columns=names):
                yield chunk_of_table(
                    batch, labels=labels, truth=truth, predicted=predicted, scores=scores, groups=groups
                )


def files_of(source: str | Path | Sequence[str | Path]) -> list[Path]:
    """The files of a source in order; see :func:`parquet_chunks`."""
    if not isinstance(source, (str, Path)):
        return [Path(path) for path in source]
    folder = Path(source)
    if not folder.is_dir():
        return [folder]
    files = parquet_files(folder)
    if not files:
        raise FileNotFoundError(f"parquet_chunks: no *.parquet in {folder}.")
    return files


def evaluate_parquet(
    source: str | Path | Sequence[str | Path],
    *,
    labels: Sequence[str] | int,
    truth: str = "truth",
    predicted: str | None = "predicted",
    scores: str | None = None,
    groups: str | None = None,
    rows: int = 65_536,
    **options: Any,
) -> dict[str, Any]:
    """Evaluate Parquet files of any size; memory grows with a row group, not with the files.

    Parameters
    ----------
    source, labels, truth, predicted, scores, groups, rows
        As in :func:`parquet_chunks`.
    **options
        Those of :func:`evaluate_stream`: ``preset``, ``ddi``, ``zero_division``, ``n_resamples``, ``seed``.

    Returns
    -------
    dict
        As :func:`evaluate` gives it.
    """
    chunks = parquet_chunks(
        source, labels=labels, truth=truth, predicted=predicted, scores=scores, groups=groups, rows=rows
    )
    return evaluate_stream(chunks, **options)


def _one_array(pa: Any, column: Any) -> Any:
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def _check_lists(pa: Any, column: Any, name: str) -> None:
    kind = column.type
    lists = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)
    if not any(is_kind(kind) for is_kind in lists) and not (pa.types.is_null(kind) and not len(column)):
        raise ValueError(f"chunk_of_table: column {name!r} must hold lists; got {kind}.")
    if column.null_count:
        raise ValueError(
            f"chunk_of_table: column {name!r} has {column.null_count} missing lists. An empty set is an empty list."
        )


def _sets(pa: Any, column: Any, labels: Any, name: str) -> sp.csr_matrix:
    import_optional("pyarrow.compute", feature=_FEATURE, extra="parquet")
    _check_lists(pa, column, name)
    n_labels = int(labels) if isinstance(labels, (int, np.integer)) else len(labels)
    if not len(column):
        return sp.csr_matrix((0, n_labels), dtype=np.uint8)
    values = column.flatten()
    lengths = pa.compute.list_value_length(column).to_numpy(zero_copy_only=False)
    indptr = np.concatenate([[0], np.cumsum(lengths)])
    if isinstance(labels, (int, np.integer)):
        if not (pa.types.is_integer(values.type) or pa.types.is_null(values.type)) or values.null_count:
            raise ValueError(
                f"chunk_of_table: labels={labels} needs lists of integers in {name!r}; got {values.type}. "
                f"Pass the labels' names for lists of names."
            )
        indices = values.to_numpy(zero_copy_only=False)
        wrong = (indices < 0) | (indices >= n_labels) if len(indices) else np.zeros(0, dtype=bool)
    else:
        if pa.types.is_integer(values.type):
            raise ValueError(f"chunk_of_table: {name!r} lists integers; pass labels=the number of labels.")
        found = pa.compute.index_in(pa.compute.cast(values, pa.string()), value_set=labels)
        wrong = found.is_null().to_numpy(zero_copy_only=False)
        indices = pa.compute.fill_null(found, -1).to_numpy(zero_copy_only=False)
    if wrong.any():
        bad = values[int(np.flatnonzero(wrong)[0])].as_py()
        raise ValueError(
            f"chunk_of_table: {int(wrong.sum())} entries of {name!r} are none of the {n_labels} labels, the first "
            f"{bad!r}. Pass all labels, or leave those entries out."
        )
    kind = np.int32 if indptr[-1] < 2**31 else np.int64
    ones = np.ones(len(indices), dtype=np.uint8)
    return sp.csr_matrix((ones, indices.astype(kind), indptr.astype(kind)), shape=(len(column), n_labels))


def _scores(pa: Any, column: Any, shape: tuple[int, int], name: str) -> np.ndarray:
    _check_lists(pa, column, name)
    values = column.flatten().to_numpy(zero_copy_only=False) if len(column) else np.empty(0)
    if len(column) and set(pa.compute.list_value_length(column).unique().to_pylist()) != {shape[1]}:
        raise ValueError(f"chunk_of_table: column {name!r} must list {shape[1]} scores a record, one a label.")
    return np.asarray(values, dtype=np.float64).reshape(shape)
