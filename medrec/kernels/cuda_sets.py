"""Label sets on a GPU: what comes in is checked there, as ``medrec._checks.check_sets`` does on the host."""

from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp

from medrec._optional import import_optional
from medrec.kernels import cuda

__all__ = ["DeviceSets", "check_sets", "to_device"]


class DeviceSets(NamedTuple):
    """The index arrays of canonical CSR sets, as CuPy's arrays.

    Attributes
    ----------
    shape : tuple of int
    indptr, indices : int32 or int64 cupy.ndarray
    """

    shape: tuple[int, int]
    indptr: Any
    indices: Any


def check_sets(sets: Any, *, who: str, name: str) -> DeviceSets:
    """Label sets with rising labels in each row, ``(n_records, n_labels)``.

    Parameters
    ----------
    sets : cupy.ndarray or cupyx.scipy.sparse matrix of 0 and 1
        Canonical CSR input is not copied. In other sparse input duplicates are merged and stored zeros dropped.
    who, name : str
        For messages.

    Raises
    ------
    ValueError
        When the input is not two-dimensional, holds values other than 0 and 1, or indices outside its shape.
    """
    cupy = import_optional("cupy", feature="GPU metrics", extra="gpu")
    sparse = hasattr(sets, "tocoo")
    if sets.ndim != 2:
        raise ValueError(
            f"{who}: {name} must be a matrix (n_records, n_labels); got {sets.ndim} dimension(s). "
            f"Pass one column a label."
        )
    if sparse and sets.format == "csr" and cuda.is_canonical(sets):
        return DeviceSets((int(sets.shape[0]), int(sets.shape[1])), sets.indptr, sets.indices)
    values = sets.data if sparse else sets
    if values.dtype.kind not in "biuf" or not bool(((values == 0) | (values == 1)).all()):
        raise ValueError(f"{who}: {name} must hold only 0 and 1; got {values.dtype} with other values.")
    shape = (int(sets.shape[0]), int(sets.shape[1]))
    if not sparse:
        rows, labels = cupy.nonzero(sets)
        return _rebuilt(cupy, shape, rows, labels)
    if sets.format == "csr":
        rows, labels, values = _entries(cupy, sets, who, name)
    else:
        entries = sets.tocoo()
        rows, labels, values = entries.row, entries.col, entries.data
    stored = values != 0
    rows, labels = rows[stored], labels[stored]
    if len(labels) and (int(labels.min()) < 0 or int(labels.max()) >= shape[1]):
        raise ValueError(f"{who}: {name} must be a whole sparse matrix; it has labels outside its {shape[1]} columns.")
    return _rebuilt(cupy, shape, rows, labels)


def to_device(matrix: sp.csr_matrix) -> DeviceSets:
    """A canonical matrix of the host on the GPU."""
    cupy = import_optional("cupy", feature="GPU metrics", extra="gpu")
    return DeviceSets(matrix.shape, cupy.asarray(matrix.indptr), cupy.asarray(matrix.indices))


def _entries(cupy: Any, sets: Any, who: str, name: str) -> tuple[Any, Any, Any]:
    """Row, label and value of each entry of a CSR matrix; behind the last there may be room that is not used."""
    starts = sets.indptr
    n_entries = int(starts[-1]) if len(starts) == sets.shape[0] + 1 else -1
    falls = (starts[1:] < starts[:-1]).any()
    if not 0 <= n_entries <= min(len(sets.indices), len(sets.data)) or int(starts[0]) != 0 or bool(falls):
        raise ValueError(f"{who}: {name} must be a whole sparse matrix; its index arrays are broken.")
    rows = cupy.searchsorted(starts, cupy.arange(n_entries, dtype=starts.dtype), side="right") - 1
    return rows, sets.indices[:n_entries], sets.data[:n_entries]


def _rebuilt(cupy: Any, shape: tuple[int, int], rows: Any, labels: Any) -> DeviceSets:
    """Sorted rows without duplicates."""
    n_records, n_labels = shape
    keys = cupy.unique(rows.astype(np.int64) * n_labels + labels.astype(np.int64))
    kind = np.int32 if len(keys) < 2**31 and n_labels < 2**31 else np.int64
    starts = cupy.arange(n_records + 1, dtype=np.int64) * n_labels
    indptr = cupy.searchsorted(keys, starts).astype(kind)
    return DeviceSets(shape, indptr, (keys % max(1, n_labels)).astype(kind))
