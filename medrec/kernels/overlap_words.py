"""Overlap of label sets, 64 records at a time: a word a label, in which each record has its bit.

Entries are read in one loop without branches, whatever the lengths of the rows: a record's bit is shifted on
wherever a row starts. A label's counts are then the bits set in its words. A label twice in a row sets its bit
once, so that a column count short of the entries shows it, for nothing. The next records' labels are
prefetched: the arrays are read in turns too short for the processor to foresee.
"""

# mypy: allow-untyped-defs, disable-error-code="call-arg"

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

__all__ = ["count_overlap", "sum_by_denominator"]

_ROWS = 64
_BITS = 21  # of each count in a packed word
_FULL = 2**20  # rows after which packed words are emptied
_T, _P, _MASK = np.uint64(_BITS), np.uint64(2 * _BITS), np.uint64(2**_BITS - 1)
_LINE = 64  # bytes of the cache


@njit(nogil=True, cache=True)
def count_overlap(y_ptr, y_labels, z_ptr, z_labels, first, last, h, y, z, tp, t, p):
    """Count the records ``first:last``.

    Parameters
    ----------
    y_ptr, y_labels, z_ptr, z_labels : unsigned arrays
        Row starts and labels of both matrices; rows in any order inside.
    first, last : int
    h, y, z : int32 arrays of shape (n_records,)
        Written for these records.
    tp, t, p : int64 arrays of shape (n_labels,)
        Added to.

    Returns
    -------
    sums : int64 array of shape (4, width)
        See :func:`sum_by_denominator`; at least as wide as the largest denominator needs.
    exact : int
        Records whose sets are equal; -1 where the row starts do not rise within the labels, or a label is none of
        the columns, and then nothing else means anything.
    """
    counts = np.zeros(len(tp), dtype=np.uint64)  # of a label in one word: tp, then t and p 21 and 42 bits up
    y_words = np.zeros(len(tp), dtype=np.uint64)
    z_words = np.zeros(len(tp), dtype=np.uint64)
    starts = np.zeros(1024, dtype=np.uint8)
    hits = np.zeros(1025, dtype=np.uint32)  # up to each entry; the first stays 0
    sums, exact = np.zeros((4, 64), dtype=np.int64), np.int64(0)
    for start in range(first, last, _ROWS):
        stop = min(start + _ROWS, last)
        y_rows, z_rows = y_ptr[start : stop + 1], z_ptr[start : stop + 1]
        if not (_rise(y_rows, len(y_labels)) and _rise(z_rows, len(z_labels))):
            return sums, np.int64(-1)
        true, predicted = y_labels[y_rows[0] : y_rows[-1]], z_labels[z_rows[0] : z_rows[-1]]
        if not (_inside(true, len(tp)) and _inside(predicted, len(tp))):
            return sums, np.int64(-1)
        _prefetch(y_labels, y_rows[-1], len(true))
        _prefetch(z_labels, z_rows[-1], len(predicted))
        most = max(len(true), len(predicted))
        if most >= len(starts):
            starts = np.zeros(2 * most, dtype=np.uint8)
            hits = np.zeros(2 * most + 1, dtype=np.uint32)
        _mark_starts(y_rows, starts)
        _set_bits(true, starts, y_words)
        _mark_starts(z_rows, starts)
        _find_bits(predicted, starts, y_words, z_words, hits[1:])
        _write_rows(y_rows, z_rows, hits, h[start:stop], y[start:stop], z[start:stop])
        sums = _widened(sums, y[start:stop], z[start:stop])
        exact += sum_by_denominator(h[start:stop], y[start:stop], z[start:stop], sums)
        if len(tp) < 4 * most:
            _settle_all(y_words, z_words, counts)
        else:
            _settle_touched(true, predicted, y_words, z_words, counts)
        if (start - first) % _FULL == _FULL - _ROWS:
            _unpack(counts, tp, t, p)
    _unpack(counts, tp, t, p)
    return sums, exact


@njit(nogil=True, cache=True)
def sum_by_denominator(h, y, z, sums):
    """Add the numerators of Jaccard, F1, precision and recall where their denominators say; at 0 count the records.

    Returns how many records have two equal sets.
    """
    exact = np.int64(0)
    for row in range(len(h)):
        both, true, predicted = np.uint64(h[row]), np.uint64(y[row]), np.uint64(z[row])
        either, total = true + predicted - both, true + predicted
        sums[0, either] += both + np.uint64(either == 0)
        sums[1, total] += both + both + np.uint64(total == 0)
        sums[2, predicted] += both + np.uint64(predicted == 0)
        sums[3, true] += both + np.uint64(true == 0)
        exact += np.int64(both == true) & np.int64(both == predicted)
    return exact


@njit(nogil=True, cache=True)
def _widened(sums, y, z):
    """Room for the largest denominator of these records."""
    width = np.int64(0)
    for row in range(len(y)):
        width = max(width, np.int64(y[row]) + np.int64(z[row]) + 1)
    if width <= sums.shape[1]:
        return sums
    wide = np.zeros((4, 2 * width), dtype=np.int64)
    wide[:, : sums.shape[1]] = sums
    return wide


@intrinsic
def _ones(typing_context, word):
    """Bits that are set."""

    def codegen(context, builder, signature, arguments):
        return builder.ctpop(arguments[0])

    return word(word), codegen


@intrinsic
def _prefetch_line(typing_context, array, at):
    """Ask for the cache line of ``array[at]``, which may lie behind the end."""

    def codegen(context, builder, signature, arguments):
        data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        byte, number = ir.IntType(8).as_pointer(), ir.IntType(32)
        line = builder.bitcast(builder.gep(data, [arguments[1]]), byte)
        kind = ir.FunctionType(ir.VoidType(), [byte, number, number, number])
        prefetch = builder.module.declare_intrinsic("llvm.prefetch", [byte], kind)
        builder.call(prefetch, [line, *(ir.Constant(number, value) for value in (0, 3, 1))])  # to read, to all levels
        return context.get_dummy_value()

    return types.none(array, types.int64), codegen


@njit(nogil=True, cache=True)
def _prefetch(array, first, count):
    for at in range(np.int64(first), np.int64(first) + count, _LINE // array.itemsize):
        _prefetch_line(array, at)


@njit(nogil=True, cache=True)
def _rise(ptr, end):
    rise = True
    for row in range(len(ptr) - 1):
        rise &= ptr[row] <= ptr[row + 1]
    return rise and ptr[-1] <= end


@njit(nogil=True, cache=True)
def _inside(labels, n_labels):
    most = labels.dtype.type(0)
    for at in range(len(labels)):
        most = labels[at] if labels[at] > most else most  # this form becomes vector instructions, max() does not
    return np.uint64(most) < np.uint64(n_labels) or len(labels) == 0


@njit(nogil=True, cache=True)
def _mark_starts(ptr, starts):
    """For each entry, how many rows after the first start there."""
    base = ptr[0]
    starts[: np.int64(ptr[-1] - base) + 1] = 0
    for row in range(1, len(ptr) - 1):
        starts[np.uint64(ptr[row] - base)] += np.uint8(1)


@njit(nogil=True, cache=True)
def _set_bits(labels, starts, words):
    bit = np.uint64(1)
    for at in range(len(labels)):
        bit = bit << np.uint64(starts[at])
        words[labels[at]] |= bit


@njit(nogil=True, cache=True)
def _find_bits(labels, starts, y_words, z_words, hits):
    bit, found = np.uint64(1), np.uint32(0)
    for at in range(len(labels)):
        bit = bit << np.uint64(starts[at])
        label = labels[at]
        found += np.uint32((y_words[label] & bit) != np.uint64(0))
        hits[at] = found
        z_words[label] |= bit


@njit(nogil=True, cache=True)
def _write_rows(y_rows, z_rows, hits, h, y, z):
    before = np.uint32(0)
    for row in range(len(h)):
        now = hits[np.uint64(z_rows[row + 1] - z_rows[0])]
        h[row] = now - before
        before = now
        y[row] = y_rows[row + 1] - y_rows[row]
        z[row] = z_rows[row + 1] - z_rows[row]


@njit(nogil=True, cache=True)
def _settle_all(y_words, z_words, counts):
    """Count the bits of every label and clear them."""
    for label in range(len(counts)):
        true, predicted = y_words[label], z_words[label]
        counts[label] += _ones(true & predicted) + (_ones(true) << _T) + (_ones(predicted) << _P)
        y_words[label] = 0
        z_words[label] = 0


@njit(nogil=True, cache=True)
def _settle_touched(y_labels, z_labels, y_words, z_words, counts):
    """The same for the labels that occur, where they are few among all: a word counts when it is first met."""
    for at in range(len(z_labels)):
        label = z_labels[at]
        predicted = z_words[label]
        counts[label] += _ones(y_words[label] & predicted) + (_ones(predicted) << _P)
        z_words[label] = 0
    for at in range(len(y_labels)):
        label = y_labels[at]
        counts[label] += _ones(y_words[label]) << _T
        y_words[label] = 0


@njit(nogil=True, cache=True)
def _unpack(counts, tp, t, p):
    """Add packed counts up and clear them."""
    for label in range(len(counts)):
        word = counts[label]
        tp[label] += np.int64(word & _MASK)
        t[label] += np.int64((word >> _T) & _MASK)
        p[label] += np.int64(word >> _P)
        counts[label] = 0
