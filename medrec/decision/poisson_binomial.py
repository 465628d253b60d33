# mypy: allow-untyped-defs
"""Exact expected F1 and Jaccard of the best k drugs, for independent drugs, compiled."""

import numpy as np
from numba import njit

_TAIL = 1e-17


@njit(nogil=True, cache=True)
def _largest_size(mean, n_labels):
    """A size that the number of drugs exceeds with probability under 1e-17 (Chernoff)."""
    size = np.int64(np.ceil(mean)) + 1
    while size < n_labels and size - mean - size * np.log(size / max(mean, 1e-300)) > np.log(_TAIL):
        size += 1
    return min(size, n_labels)


@njit(nogil=True, cache=True)
def _best_size(falling, empty, least, most):
    """The k from ``least`` to ``most`` of the highest expected F1 of the first k drugs; that of none is ``empty``."""
    n_labels = len(falling)
    mean = falling.sum()
    top = _largest_size(mean, n_labels)
    # chance[s]: exactly s of all drugs are needed.
    chance = np.zeros(top + 1)
    chance[0] = 1.0
    reach = 0
    for p in falling:
        if p <= 0.0:
            break
        reach = min(reach + 1, top)
        for s in range(reach, 0, -1):
            chance[s] += p * (chance[s - 1] - chance[s])
        chance[0] *= 1.0 - p
    best, best_k = (empty, 0) if least == 0 else (-1.0, max(least, 1))
    found = np.zeros(top + 1)  # E[needed ones among the first k; s needed in all]
    others = np.zeros(top + 1)  # chance of s needed drugs among the others than the k-th
    for k in range(1, most + 1):
        # 2h / (k + y) is at most 2y / (k + y), concave in y, so no larger set is worth more than this (Jensen).
        if k > best_k and 2.0 * mean < best * (k + mean):
            break
        p = falling[k - 1]
        if p <= 0.5:
            others[0] = chance[0] / (1.0 - p)
            for s in range(1, top + 1):
                others[s] = max(0.0, (chance[s] - p * others[s - 1]) / (1.0 - p))
        else:
            others[top] = 0.0
            for s in range(top, 0, -1):
                others[s - 1] = max(0.0, (chance[s] - (1.0 - p) * others[s]) / p)
        value = 0.0
        for s in range(1, top + 1):
            found[s] += p * others[s - 1]
            value += 2.0 * found[s] / (k + s)
        if k >= least and value > best + 1e-13:
            best, best_k = value, k
    return best_k, best


@njit(nogil=True, cache=True)
def best_sizes(falling, empty, least, most, sizes, values):
    """Fill ``sizes`` and ``values`` (n_records,) with the best size of each record and its expected F1.

    Parameters
    ----------
    falling : float64 array of shape (n_records, n_labels)
        Probabilities of each record from high to low.
    empty : float64 array of shape (n_records,)
        What the empty set is worth: the probability that nothing is needed.
    least, most : int
        Sizes allowed.
    """
    for record in range(len(falling)):
        sizes[record], values[record] = _best_size(falling[record], empty[record], least, most)


@njit(nogil=True, cache=True)
def _best_jaccard_size(falling, empty, least, most):
    """As ``_best_size``, of expected Jaccard."""
    n_labels = len(falling)
    mean = falling.sum()
    top = _largest_size(mean, n_labels)
    # The first k are worth their plug-in value at least (Jensen), and their mean probability, which falls, at most.
    surely = empty if least == 0 else 0.0
    hits = 0.0
    for k in range(1, most + 1):
        hits += falling[k - 1]
        if k >= least:
            surely = max(surely, hits / max(k + mean - hits, 1e-300))
    hits = 0.0
    last = 0
    while last < most and (last < least or hits + falling[last] >= (1.0 - 1e-12) * surely * (last + 1)):
        hits += falling[last]
        last += 1
    # chance[s]: exactly s drugs after the first k are needed; from the last drug to the first nothing is divided.
    chance = np.zeros(top + 1)
    chance[0] = 1.0
    reach = 0
    shares = np.zeros(n_labels + 1)  # E[1 / (k + s)]
    for k in range(n_labels, 0, -1):
        if k <= last:
            for s in range(reach + 1):
                shares[k] += chance[s] / (k + s)
        p = falling[k - 1]
        if p > 0.0:
            reach = min(reach + 1, top)
            for s in range(reach, 0, -1):
                chance[s] += p * (chance[s - 1] - chance[s])
            chance[0] *= 1.0 - p
    best, best_k = (empty, 0) if least == 0 else (-1.0, max(least, 1))
    hits = 0.0
    for k in range(1, last + 1):
        hits += falling[k - 1]
        if k >= least and hits * shares[k] > best + 1e-13:
            best, best_k = hits * shares[k], k
    return best_k, best


@njit(nogil=True, cache=True)
def best_jaccard_sizes(falling, empty, least, most, sizes, values):
    """As ``best_sizes``, of expected Jaccard."""
    for record in range(len(falling)):
        sizes[record], values[record] = _best_jaccard_size(falling[record], empty[record], least, most)
