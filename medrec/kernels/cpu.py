"""Counting over index arrays on the CPU: one pass by compiled loops, rows shared out among threads.

A row's true labels are stamped with the row's number and its predicted labels looked up among the stamps,
so rows may be in any order inside. The loops release the interpreter and run in plain threads, each with
counters of its own that are added up at the end: the integers are the same for any number of threads.
"""

# mypy: allow-untyped-defs

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import numpy as np
import scipy.sparse as sp
from numba import config, njit

from medrec.kernels.reference import Overlap

__all__ = ["interacting_pairs", "overlap", "top_k"]

_SHARE = 200_000  # entries that pay for a thread
_THREADS: int = getattr(config, "NUMBA_NUM_THREADS", 1)


def overlap(Y: sp.csr_matrix, Z: sp.csr_matrix, *, n_threads: int | None = None) -> Overlap:
    """Count intersections and sizes of label sets by record and by label, as in ``reference``.

    Parameters
    ----------
    Y, Z : CSR matrices of shape (n_records, n_labels)
        True and predicted sets, without duplicates and stored zeros; int32 and int64 indices are read in place.
    n_threads : int, optional
        By default what numba may use (``NUMBA_NUM_THREADS``), fewer where there is little to count.

    Returns
    -------
    Overlap

    Examples
    --------
    >>> import scipy.sparse as sp
    >>> overlap(sp.csr_matrix([[1, 1, 0], [0, 0, 0]]), sp.csr_matrix([[1, 0, 1], [1, 0, 0]])).tp.tolist()
    [1, 0, 0]
    """
    n_records, n_labels = Y.shape
    shares = _shares(n_records, Y.nnz + Z.nnz, n_threads, most=(Y.nnz + Z.nnz) // max(1, 8 * n_labels))
    rows = np.empty((3, n_records), dtype=np.int64)
    columns = np.zeros((len(shares), 3, n_labels), dtype=np.int64)
    arrays = *_arrays(Y), *_arrays(Z)
    _spread(lambda i, first, last: _overlap(*arrays, first, last, *rows, *columns[i]), shares, n_threads)
    return Overlap(*rows, *columns.sum(axis=0))


def interacting_pairs(
    Z: sp.csr_matrix, drug_drug: sp.csr_matrix, *, n_threads: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Interacting pairs and all pairs inside the set of each record, as in ``reference``.

    Examples
    --------
    >>> import scipy.sparse as sp
    >>> graph = sp.csr_matrix([[0, 1, 0], [1, 0, 0], [0, 0, 0]])
    >>> [pairs.tolist() for pairs in interacting_pairs(sp.csr_matrix([[1, 1, 1], [1, 0, 0]]), graph)]
    [[1, 0], [3, 0]]
    """
    graph = sp.csr_matrix(drug_drug != 0)
    graph.sum_duplicates()
    interacting = np.empty(Z.shape[0], dtype=np.int64)
    arrays = *_arrays(Z), *_arrays(graph)
    shares = _shares(Z.shape[0], Z.nnz, n_threads)
    _spread(lambda i, first, last: _pairs(*arrays, first, last, Z.shape[1], interacting), shares, n_threads)
    sizes = np.diff(Z.indptr).astype(np.int64)
    return interacting, sizes * (sizes - 1) // 2


def top_k(scores: np.ndarray, k: int, *, n_threads: int | None = None) -> np.ndarray:
    """Labels of the ``k`` highest scores of each record, best first; of equal scores the lower label.

    Examples
    --------
    >>> top_k(np.array([[0.1, 0.9, 0.9, 0.3]]), 3).tolist()
    [[1, 2, 3]]
    """
    best = np.empty((scores.shape[0], min(k, scores.shape[1])), dtype=np.int64)
    if best.size:
        shares = _shares(len(scores), scores.size, n_threads)
        _spread(lambda i, first, last: _top_k(scores, first, last, best), shares, n_threads)
    return best


def _arrays(sets: sp.csr_matrix) -> tuple[np.ndarray, np.ndarray]:
    """The index arrays, as unsigned: a signed index would be looked at for being negative."""
    return tuple(array.view(f"u{array.itemsize}") for array in (sets.indptr, sets.indices))  # type: ignore[return-value]


def _shares(n_records: int, size: int, n_threads: int | None, most: int | None = None) -> list[tuple[int, int]]:
    """Row ranges: four a thread, so that none waits long for another; at most ``most``."""
    threads = n_threads or min(_THREADS, size // _SHARE)
    count = 4 * threads if threads > 1 else 1
    if most is not None:
        count = min(count, max(threads, most))
    ends = np.linspace(0, n_records, max(1, count) + 1).astype(np.int64).tolist()
    return list(pairwise(ends))


def _spread(work: Callable[[int, int, int], Any], shares: list[tuple[int, int]], n_threads: int | None) -> None:
    if len(shares) == 1:
        work(0, *shares[0])
        return
    with ThreadPoolExecutor(n_threads or _THREADS) as pool:
        for done in [pool.submit(work, i, *share) for i, share in enumerate(shares)]:
            done.result()


@njit(nogil=True, cache=True)
def _overlap(y_ptr, y_labels, z_ptr, z_labels, first, last, h, y, z, tp, t, p):
    stamp = np.full(len(tp), -1, dtype=np.int64)
    for row in range(first, last):
        for at in range(y_ptr[row], y_ptr[row + 1]):
            label = y_labels[at]
            stamp[label] = row
            t[label] += 1
        both = np.int64(0)
        for at in range(z_ptr[row], z_ptr[row + 1]):
            label = z_labels[at]
            hit = np.int64(stamp[label] == row)
            p[label] += 1
            tp[label] += hit
            both += hit
        h[row] = both
        y[row] = np.int64(y_ptr[row + 1]) - np.int64(y_ptr[row])
        z[row] = np.int64(z_ptr[row + 1]) - np.int64(z_ptr[row])


@njit(nogil=True, cache=True)
def _pairs(z_ptr, z_labels, near_ptr, near, first, last, n_labels, interacting):
    stamp = np.full(n_labels, -1, dtype=np.int64)
    for row in range(first, last):
        found = np.int64(0)
        for at in range(z_ptr[row], z_ptr[row + 1]):
            label = z_labels[at]
            for edge in range(near_ptr[label], near_ptr[label + 1]):
                found += np.int64(stamp[near[edge]] == row)
            stamp[label] = row
        interacting[row] = found


@njit(nogil=True, cache=True)
def _top_k(scores, first, last, best):
    k = best.shape[1]
    for row in range(first, last):
        count = 0
        for label in range(scores.shape[1]):
            score = scores[row, label]
            if count == k and not score > scores[row, best[row, k - 1]]:
                continue
            place = count if count < k else k - 1
            while place > 0 and score > scores[row, best[row, place - 1]]:
                best[row, place] = best[row, place - 1]
                place -= 1
            best[row, place] = label
            count = min(count + 1, k)
