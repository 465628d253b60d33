"""The slow obvious kernels in NumPy and SciPy: the oracle for every faster one."""

from typing import NamedTuple

import numpy as np
import scipy.sparse as sp


class Overlap(NamedTuple):
    """What two matrices of label sets have in common.

    Attributes
    ----------
    h, y, z : int32 arrays of shape (n_records,)
        Size of the intersection, of the true set and of the predicted set of each record.
    tp, t, p : int64 arrays of shape (n_labels,)
        For each label the records that have it in both sets, in the true one and in the predicted one.
    """

    h: np.ndarray
    y: np.ndarray
    z: np.ndarray
    tp: np.ndarray
    t: np.ndarray
    p: np.ndarray


def overlap(Y: sp.csr_matrix, Z: sp.csr_matrix) -> Overlap:
    """Count intersections and sizes of label sets by record and by label.

    Parameters
    ----------
    Y, Z : canonical CSR matrices of ones, shape (n_records, n_labels)
        True and predicted sets.

    Returns
    -------
    Overlap
        Six integer vectors.

    Examples
    --------
    >>> import scipy.sparse as sp
    >>> counts = overlap(sp.csr_matrix([[1, 1, 0], [0, 0, 0]]), sp.csr_matrix([[1, 0, 1], [1, 0, 0]]))
    >>> counts.h.tolist(), counts.y.tolist(), counts.z.tolist()
    ([1, 0], [2, 0], [2, 1])
    >>> counts.tp.tolist(), counts.t.tolist(), counts.p.tolist()
    ([1, 0, 0], [1, 1, 0], [2, 0, 1])
    """
    n_labels = Y.shape[1]
    both = sp.csr_matrix(Y.multiply(Z))

    def sizes(sets: sp.csr_matrix) -> np.ndarray:
        return np.diff(sets.indptr).astype(np.int32)

    def frequencies(sets: sp.csr_matrix) -> np.ndarray:
        return np.bincount(sets.indices, minlength=n_labels).astype(np.int64)

    return Overlap(sizes(both), sizes(Y), sizes(Z), frequencies(both), frequencies(Y), frequencies(Z))


def denominator_sums(h: np.ndarray, y: np.ndarray, z: np.ndarray) -> tuple[np.ndarray, int]:
    r"""Sums of numerators by denominator, from which every mean of ratios over records follows exactly.

    The mean of :math:`a_i/b_i` is :math:`\sum_d (\sum_{i: b_i = d} a_i)/d` over the number of records: integers
    that add up over chunks in any order, and as few of them as there are denominators.

    Parameters
    ----------
    h, y, z : int arrays of shape (n_records,)
        As in :class:`Overlap`.

    Returns
    -------
    sums : int64 array of shape (4, max(y) + max(z) + 1)
        For Jaccard, F1, precision and recall; at 0, where all numerators are 0, the number of records.
    exact : int
        Records whose sets are equal.

    Examples
    --------
    >>> import numpy as np
    >>> sums, exact = denominator_sums(np.array([1, 0]), np.array([2, 0]), np.array([2, 0]))
    >>> sums[0].tolist(), exact
    ([1, 0, 0, 1, 0], 1)
    """
    width = int(y.max(initial=0)) + int(z.max(initial=0)) + 1
    sums = np.empty((4, width), dtype=np.int64)
    for row, (numerator, denominator) in enumerate(((h, y + z - h), (2 * h, y + z), (h, z), (h, y))):
        sums[row] = np.bincount(denominator, weights=numerator, minlength=width)  # whole numbers, so exact
        sums[row, 0] = (denominator == 0).sum()
    return sums, int(((h == y) & (h == z)).sum())


def interacting_pairs(Z: sp.csr_matrix, drug_drug: sp.csr_matrix) -> tuple[np.ndarray, np.ndarray]:
    """Interacting pairs and all pairs inside the set of each record.

    Parameters
    ----------
    Z : canonical CSR matrix of ones, shape (n_records, n_labels)
        Sets of drugs.
    drug_drug : CSR matrix, shape (n_labels, n_labels)
        Symmetric, nonzero where two drugs interact, with a zero diagonal.

    Returns
    -------
    interacting, pairs : int64 arrays of shape (n_records,)

    Examples
    --------
    >>> import scipy.sparse as sp
    >>> interacting, pairs = interacting_pairs(
    ...     sp.csr_matrix([[1, 1, 1], [1, 0, 0]]), sp.csr_matrix([[0, 1, 0], [1, 0, 0], [0, 0, 0]])
    ... )
    >>> interacting.tolist(), pairs.tolist()
    ([1, 0], [3, 0])
    """
    sets = Z.astype(np.int64)
    partners = sets @ (drug_drug != 0).astype(np.int64)
    interacting = np.asarray(partners.multiply(sets).sum(axis=1)).ravel().astype(np.int64) // 2
    sizes = np.diff(Z.indptr).astype(np.int64)
    return interacting, sizes * (sizes - 1) // 2


def top_k(scores: np.ndarray, k: int) -> np.ndarray:
    """Labels of the ``k`` highest scores of each record, best first; of equal scores the lower label.

    Parameters
    ----------
    scores : array of shape (n_records, n_labels)
    k : int
        A ``k`` above ``n_labels`` gives all labels.

    Returns
    -------
    array of shape (n_records, min(k, n_labels))

    Examples
    --------
    >>> import numpy as np
    >>> top_k(np.array([[0.1, 0.9, 0.9, 0.3]]), 3).tolist()
    [[1, 2, 3]]
    """
    return np.argsort(-scores, axis=1, kind="stable")[:, :k]
