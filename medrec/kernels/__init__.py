"""Counting over index arrays: the same names whichever implementation runs.

``overlap``, ``interacting_pairs`` and ``top_k`` take canonical CSR matrices (see
``medrec._checks.check_sets``) and dense scores and check nothing; rooms above call them from here, so
that an implementation is chosen in this one place: CuPy's arrays are counted on the GPU and the counts stay
there, large SciPy and NumPy input is counted by compiled loops, small by ``reference``, which needs no start.
"""

from typing import Any

import scipy.sparse as sp

from medrec.kernels import reference
from medrec.kernels.reference import Overlap

__all__ = ["Overlap", "denominator_sums", "interacting_pairs", "overlap", "overlap_if_sets", "top_k"]

_SMALL = 100_000  # entries under which loading the compiled loops costs more than they save


def overlap(Y: Any, Z: Any) -> Overlap:
    """Count intersections and sizes of label sets by record and by label.

    Parameters
    ----------
    Y, Z : canonical CSR matrices of ones, shape (n_records, n_labels)
        True and predicted sets, both of SciPy or both of CuPy.

    Returns
    -------
    Overlap
        Six vectors, on the GPU for CuPy's matrices.

    Raises
    ------
    TypeError
        When one matrix is on the GPU and the other is not.

    Examples
    --------
    >>> import scipy.sparse as sp
    >>> counts = overlap(sp.csr_matrix([[1, 1, 0], [0, 0, 0]]), sp.csr_matrix([[1, 0, 1], [1, 0, 0]]))
    >>> counts.h.tolist(), counts.tp.tolist()
    ([1, 0], [1, 0, 0])
    """
    return _implementation("overlap", (Y, Z), lambda: Y.nnz + Z.nnz).overlap(Y, Z)


def overlap_if_sets(Y: Any, Z: Any) -> tuple[Overlap, Any, int] | None:
    """Count the overlap of matrices that nobody has looked at yet: looking at them is part of the counting.

    Parameters
    ----------
    Y, Z : any

    Returns
    -------
    overlap, sums, exact : or None
        As :func:`overlap` and :func:`denominator_sums` give them. None where they are small, or not CSR matrices
        of one shape that hold each label of a row once, within the columns, as 1; then make them so and call those.

    Examples
    --------
    >>> overlap_if_sets([[1, 1, 0]], [[1, 0, 1]]) is None
    True
    """
    if not all(sp.issparse(sets) and sets.nnz for sets in (Y, Z)) or Y.nnz + Z.nnz < _SMALL:
        return None
    from medrec.kernels import cpu

    return cpu.overlap_if_sets(Y, Z)


def denominator_sums(h: Any, y: Any, z: Any) -> tuple[Any, int]:
    """Sums of numerators by denominator, from which every mean of ratios over records follows exactly.

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
    """
    return _implementation("denominator_sums", (h, y, z), lambda: h.size).denominator_sums(h, y, z)


def interacting_pairs(Z: Any, drug_drug: Any) -> tuple[Any, Any]:
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

    Raises
    ------
    TypeError
        When one matrix is on the GPU and the other is not.
    """
    return _implementation("interacting_pairs", (Z, drug_drug), lambda: Z.nnz).interacting_pairs(Z, drug_drug)


def top_k(scores: Any, k: int) -> Any:
    """Labels of the ``k`` highest scores of each record, best first; of equal scores the lower label.

    Parameters
    ----------
    scores : array of shape (n_records, n_labels)
        Finite.
    k : int
        A ``k`` above ``n_labels`` gives all labels.

    Returns
    -------
    array of shape (n_records, min(k, n_labels))
    """
    return _implementation("top_k", (scores,), lambda: scores.size).top_k(scores, k)


def on_gpu(*arrays: Any, who: str) -> bool:
    """Whether these are CuPy's.

    Raises
    ------
    TypeError
        When some are and some are not.
    """
    where = {type(array).__module__.partition(".")[0] in ("cupy", "cupyx") for array in arrays}
    if len(where) > 1:
        raise TypeError(
            f"{who}: all input must be in one place; got CuPy and host arrays. "
            f"Move one: cupyx.scipy.sparse.csr_matrix(host) or gpu.get()."
        )
    return where == {True}


def _implementation(who: str, arrays: tuple[Any, ...], size: Any) -> Any:
    if on_gpu(*arrays, who=who):
        from medrec.kernels import cuda

        return cuda
    if size() < _SMALL:
        return reference
    from medrec.kernels import cpu

    return cpu
