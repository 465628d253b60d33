"""Counting over index arrays on a GPU: CuPy's matrices in, CuPy's vectors out, nothing crosses to the host."""

from functools import cache
from importlib.resources import files
from types import ModuleType
from typing import Any

import numpy as np

from medrec._optional import import_optional
from medrec.kernels.reference import Overlap

__all__ = ["SOURCE", "denominator_sums", "interacting_pairs", "is_canonical", "kernel_names", "overlap", "top_k"]

SOURCE = "overlap.cu"
_OPTIONS = ("--std=c++17",)
_THREADS = 256
_THREADS_SHARED = 1024  # where a block's counters take much shared memory, few blocks fit beside each other
_MUCH_SHARED = 24 * 1024
_BLOCKS = 8  # for each multiprocessor
_HIT = 1 << 15  # as in the source
_STAGED = 1024  # labels of 32 records that are merged in shared memory; longer runs are looked up where they are
_LANES, _WARP = 8, 32  # threads a record, as in the source
_WIDTHS = {4: "int", 8: "long long"}
_VALUES = {"bool": "bool", "float32": "float", "float64": "double"}


def overlap(Y: Any, Z: Any) -> Overlap:
    """Count intersections and sizes of label sets by record and by label, as in ``reference``.

    Parameters
    ----------
    Y, Z : canonical cupyx.scipy.sparse.csr_matrix or DeviceSets, shape (n_records, n_labels)
        int32 or int64 indices, each its own.

    Returns
    -------
    Overlap
        Six CuPy vectors.
    """
    cupy = _cupy()
    n_records, n_labels = Y.shape
    h, y, z = (cupy.empty(n_records, dtype=np.int32) for _ in range(3))
    totals = cupy.zeros(3 * n_labels, dtype=np.int64)
    if n_records:
        device = cupy.cuda.Device().attributes
        most = device["MaxSharedMemoryPerBlockOptin"]
        counters = 3 * n_labels * 4
        in_shared = counters <= most
        counters = counters if in_shared else 0
        threads, blocks = (_THREADS_SHARED, 2) if counters > _MUCH_SHARED else (_THREADS, 32)
        warps = threads // _WARP
        usual = int(1.5 * _WARP * max(len(Y.indices), len(Z.indices)) / n_records) + _WARP
        staged = min(usual, _STAGED, (most - counters) // (4 * warps)) if n_labels <= _HIT else 0
        needed = counters + 4 * warps * staged
        kernel = _kernel(f"overlap<{_index(Y)}, {_index(Z)}, {threads}>")
        if needed > 48 * 1024:  # more than every block may have unasked
            kernel.max_dynamic_shared_size_bytes = needed
        kernel(
            (_grid(n_records, threads, device, blocks),),
            (threads,),
            (Y.indptr, Y.indices, Z.indptr, Z.indices, np.int64(n_records), np.int64(n_labels))
            + (np.int32(in_shared), np.int32(staged), h, y, z, totals),
            shared_mem=needed,
        )
    tp, t, p = totals.reshape(3, n_labels)
    return Overlap(h, y, z, tp, t, p)


def denominator_sums(h: Any, y: Any, z: Any) -> tuple[Any, int]:
    """Sums of numerators by denominator, and the records whose sets are equal, as in ``reference``.

    Parameters
    ----------
    h, y, z : int cupy.ndarray of shape (n_records,)

    Returns
    -------
    sums : int64 cupy.ndarray of shape (4, max(y) + max(z) + 1)
    exact : int
    """
    cupy = _cupy()
    width = int(y.max()) + int(z.max()) + 1 if len(h) else 1
    sums = cupy.zeros((4, width), dtype=np.int64)
    for row, (numerator, denominator) in enumerate(((h, y + z - h), (2 * h, y + z), (h, z), (h, y))):
        # Whole numbers, so exact.
        sums[row] = cupy.bincount(denominator, weights=numerator.astype(np.float64), minlength=width)
        sums[row, 0] = (denominator == 0).sum()
    return sums, int(((h == y) & (h == z)).sum())


def interacting_pairs(Z: Any, drug_drug: Any) -> tuple[Any, Any]:
    """Interacting pairs and all pairs inside the set of each record, as in ``reference``.

    Parameters
    ----------
    Z : canonical cupyx.scipy.sparse.csr_matrix of ones or DeviceSets, shape (n_records, n_labels)
    drug_drug : canonical cupyx.scipy.sparse.csr_matrix or DeviceSets, shape (n_labels, n_labels)
        Symmetric, with a zero diagonal and no stored zeros.

    Returns
    -------
    interacting, pairs : int64 CuPy arrays of shape (n_records,)
    """
    cupy = _cupy()
    n_records = Z.shape[0]
    interacting = cupy.empty(n_records, dtype=np.int64)
    if n_records:
        device = cupy.cuda.Device().attributes
        _kernel(f"interacting_pairs<{_index(Z)}, {_index(drug_drug)}>")(
            (_grid(n_records, _THREADS // _LANES, device),),
            (_THREADS,),
            (Z.indptr, Z.indices, drug_drug.indptr, drug_drug.indices, np.int64(n_records), interacting),
        )
    sizes = (Z.indptr[1:] - Z.indptr[:-1]).astype(np.int64)
    return interacting, sizes * (sizes - 1) // 2


def is_canonical(sets: Any) -> bool:
    """Whether a CSR matrix holds ones only and every row rises inside its columns.

    Parameters
    ----------
    sets : cupyx.scipy.sparse.csr_matrix, shape (n_records, n_labels)
    """
    cupy = _cupy()
    n_records, n_labels = sets.shape
    value = _VALUES.get(sets.data.dtype.name)
    arrays = (sets.indptr, sets.indices, sets.data)
    if value is None or not all(array.flags.c_contiguous for array in arrays):
        return False
    lengths = (len(sets.indptr), len(sets.data))
    if lengths != (n_records + 1, len(sets.indices)) or sets.indptr.dtype != sets.indices.dtype:
        return False
    wrong = cupy.zeros(2, dtype=np.int64)
    device = cupy.cuda.Device().attributes
    _kernel(f"irregular<{_index(sets)}, {value}>")(
        (_grid(max(n_records, 1), _THREADS, device),),
        (_THREADS,),
        (sets.indptr, sets.indices, sets.data, np.int64(n_records), np.int64(n_labels))
        + (np.int64(len(sets.indices)), wrong),
    )
    return not wrong.get().any()


def top_k(scores: Any, k: int) -> Any:
    """Labels of the ``k`` highest scores of each record, best first; of equal scores the lower label.

    Parameters
    ----------
    scores : cupy.ndarray of shape (n_records, n_labels), finite
        float32 and float64 as they are, others as float64.
    k : int

    Returns
    -------
    int64 cupy.ndarray of shape (n_records, min(k, n_labels))
    """
    cupy = _cupy()
    kind = scores.dtype if scores.dtype in (np.float32, np.float64) else np.dtype(np.float64)
    scores = cupy.ascontiguousarray(scores, dtype=kind)
    n_records, n_labels = scores.shape
    k = min(k, n_labels)
    best = cupy.empty((n_records, k), dtype=np.int64)
    if n_records and k:
        device = cupy.cuda.Device().attributes
        _kernel(f"top_k<{'float' if kind == np.float32 else 'double'}>")(
            (_grid(n_records, _THREADS // _WARP, device),),
            (_THREADS,),
            (scores, np.int64(n_records), np.int64(n_labels), np.int64(k), best),
        )
    return best


def kernel_names() -> list[str]:
    """Every instance of the source's templates that these functions call.

    Examples
    --------
    >>> len(kernel_names()), kernel_names()[0]
    (20, 'overlap<int, int, 256>')
    """
    widths = list(_WIDTHS.values())
    pairs = [f"interacting_pairs<{a}, {b}>" for a in widths for b in widths]
    pairs = [f"overlap<{a}, {b}, {n}>" for n in (_THREADS, _THREADS_SHARED) for a in widths for b in widths] + pairs
    checks = [f"irregular<{index}, {value}>" for index in widths for value in _VALUES.values()]
    return [*pairs, *checks, "top_k<float>", "top_k<double>"]


def _cupy() -> ModuleType:
    return import_optional("cupy", feature="GPU metrics", extra="gpu")


def _kernel(name: str) -> Any:
    return _module(_cupy().cuda.Device().id).get_function(name)


@cache
def _module(device: int) -> Any:
    """The compiled source; each device loads its own."""
    code = files("medrec.kernels").joinpath(SOURCE).read_text(encoding="utf-8")
    return _cupy().RawModule(code=code, options=_OPTIONS, name_expressions=kernel_names())


def _index(matrix: Any) -> str:
    """The index type of a matrix in the source's words; both arrays of it have one."""
    return _WIDTHS[matrix.indices.dtype.itemsize]


def _grid(n_records: int, per_block: int, device: Any, blocks: int = _BLOCKS) -> int:
    return max(1, min(-(-n_records // per_block), blocks * device["MultiProcessorCount"]))
