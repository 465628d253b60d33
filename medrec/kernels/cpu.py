"""Counting over index arrays on the CPU: one pass by compiled loops, rows shared out among threads.

The loops release the interpreter and run in plain threads, each with counters of its own that are added up at
the end: the integers are the same for any number of threads.
"""

# mypy: allow-untyped-defs

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import numpy as np
import scipy.sparse as sp
from numba import config, njit

from medrec.kernels.overlap_words import count_overlap, sum_by_denominator
from medrec.kernels.reference import Overlap

__all__ = ["denominator_sums", "interacting_pairs", "overlap", "overlap_if_sets", "top_k"]

_SHARE = 200_000  # entries that pay for a thread
_THREADS: int = getattr(config, "NUMBA_NUM_THREADS", 1)


def overlap(Y: sp.csr_matrix, Z: sp.csr_matrix, *, n_threads: int | None = None) -> Overlap:
    """Count intersections and sizes of label sets by record and by label, as in ``reference``.

    Parameters
    ----------
    Y, Z : CSR matrices of shape (n_records, n_labels)
        True and predicted sets, without duplicates and stored zeros, rows in any order inside; int32 and
        int64 indices are read in place.
    n_threads : int, optional
        By default what numba may use (``NUMBA_NUM_THREADS``), fewer where there is little to count.

    Returns
    -------
    Overlap

    Raises
    ------
    ValueError
        When a label stands twice in a row or is none of the columns. Stored zeros are not seen.

    Examples
    --------
    >>> import scipy.sparse as sp
    >>> overlap(sp.csr_matrix([[1, 1, 0], [0, 0, 0]]), sp.csr_matrix([[1, 0, 1], [1, 0, 0]])).tp.tolist()
    [1, 0, 0]
    """
    counted = _overlap(Y, Z, n_threads)
    if counted is None:
        raise ValueError("overlap: rows must hold each label once, within the columns. Pass medrec's check_sets.")
    return counted[0]


def overlap_if_sets(Y: Any, Z: Any, *, n_threads: int | None = None) -> tuple[Overlap, np.ndarray, int] | None:
    """Count the overlap of matrices that nobody has looked at yet, and sum up as :func:`denominator_sums` does.

    Parameters
    ----------
    Y, Z : any
    n_threads : int, optional
        As in :func:`overlap`.

    Returns
    -------
    overlap, sums, exact : Overlap, int64 array of shape (4, width), int; or None
        The sums may be wider than they need be. None where they are not CSR matrices of one shape that hold each
        label of a row once, within the columns, as 1.

    Examples
    --------
    >>> import scipy.sparse as sp
    >>> counts, sums, exact = overlap_if_sets(sp.csr_matrix([[1, 1, 0]]), sp.csr_matrix([[1, 0, 1]]))
    >>> counts.h.tolist(), exact
    ([1], 0)
    >>> overlap_if_sets(sp.csr_matrix([[1, 2, 0]]), sp.csr_matrix([[1, 0, 1]])) is None
    True
    """
    if not (_is_whole(Y) and _is_whole(Z)) or Y.shape != Z.shape:
        return None
    return _overlap(Y, Z, n_threads, check_values=True)


def denominator_sums(
    h: np.ndarray, y: np.ndarray, z: np.ndarray, *, n_threads: int | None = None
) -> tuple[np.ndarray, int]:
    """Sums of numerators by denominator, and the records whose sets are equal, as in ``reference``.

    Examples
    --------
    >>> sums, exact = denominator_sums(np.array([1, 0]), np.array([2, 0]), np.array([2, 0]))
    >>> sums[0].tolist(), exact
    ([1, 0, 0, 1, 0], 1)
    """
    width = int(y.max(initial=0)) + int(z.max(initial=0)) + 1
    shares = _shares(len(h), len(h), n_threads, most=len(h) // max(1, 8 * width))
    sums = np.zeros((len(shares), 4, width), dtype=np.int64)
    exact = [0] * len(shares)

    def work(i: int, first: int, last: int) -> None:
        exact[i] = sum_by_denominator(h[first:last], y[first:last], z[first:last], sums[i])

    _spread(work, shares, n_threads)
    return sums.sum(axis=0), int(sum(exact))


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


def _overlap(
    Y: Any, Z: Any, n_threads: int | None, *, check_values: bool = False
) -> tuple[Overlap, np.ndarray, int] | None:
    n_records, n_labels = Y.shape
    size = int(Y.indptr[-1]) + int(Z.indptr[-1])
    shares = _shares(n_records, size, n_threads, most=size // max(1, 8 * n_labels))
    rows = np.empty((3, n_records), dtype=np.int32)
    columns = np.zeros((len(shares), 3, n_labels), dtype=np.int64)
    arrays = *_arrays(Y), *_arrays(Z)
    found: list[tuple[np.ndarray, int]] = [(columns[0], -1)] * len(shares)

    def work(i: int, first: int, last: int) -> None:
        if not check_values or all(_are_ones(sets, i, len(shares)) for sets in (Y, Z)):
            found[i] = count_overlap(*arrays, first, last, *rows, *columns[i])

    _spread(work, shares, n_threads)
    tp, t, p = columns.sum(axis=0)
    if any(exact < 0 for _, exact in found) or (t.sum(), p.sum()) != (Y.indptr[-1], Z.indptr[-1]):
        return None
    h, y, z = rows
    sums = np.zeros((4, max(part.shape[1] for part, _ in found)), dtype=np.int64)
    for part, _ in found:
        sums[:, : part.shape[1]] += part
    return Overlap(h, y, z, tp, t, p), sums, sum(exact for _, exact in found)


def _is_whole(sets: Any) -> bool:
    """Whether this is a CSR matrix whose arrays are as long as they must be."""
    if not sp.issparse(sets) or sets.format != "csr" or sets.ndim != 2:
        return False
    indptr, indices, data = sets.indptr, sets.indices, sets.data
    if not data.dtype.isnative or (data.dtype.kind not in "biu" and data.dtype not in (np.float32, np.float64)):
        return False
    whole = len(indptr) == sets.shape[0] + 1 and indptr[0] == 0 and 0 <= indptr[-1] <= min(len(indices), len(data))
    return bool(whole and all(array.flags.c_contiguous and array.dtype.isnative for array in (indptr, indices)))


def _are_ones(sets: Any, part: int, parts: int) -> bool:
    """Whether the stored values of one part of all are 1."""
    n_values = int(sets.indptr[-1])
    values = sets.data[n_values * part // parts : n_values * (part + 1) // parts]
    return bool(_all_ones(values.view(np.uint8) if values.dtype == bool else values))


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
    """Work on all shares; the thread that calls takes part."""
    waiting = list(enumerate(shares))

    def drain() -> None:
        while True:
            try:
                i, share = waiting.pop()  # one thread gets it
            except IndexError:
                return
            work(i, *share)

    others = min(n_threads or _THREADS, len(shares)) - 1
    if not others:
        return drain()
    with ThreadPoolExecutor(others) as pool:
        done = [pool.submit(drain) for _ in range(others)]
        drain()
    for one in done:
        one.result()


@njit(nogil=True, cache=True)
def _all_ones(values):
    other = False
    for at in range(len(values)):
        other |= values[at] != 1
    return not other


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
