"""What comes in is checked once, at the door, by these functions."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.sparse as sp

LONGEST = 500
"""Characters of a message, which is for reading; the middle of a longer one is left out."""


class InputError(ValueError):
    """Refused input: one line that names file, line, rule and cure.

    Parameters
    ----------
    message : str
        The rule that was broken, what came, and the cure.
    path : path-like, optional
        The file that it is about.
    line : int, optional
        The 1-based line (or item, for a JSON array) in that file.

    Examples
    --------
    >>> str(InputError("not JSON", path="train.jsonl", line=3))
    'train.jsonl:3: not JSON'
    """

    def __init__(self, message: str, *, path: Any = None, line: int | None = None) -> None:
        file = str(path)
        file = file if file.strip() and file.isprintable() else repr(file)
        file = file if len(file) <= LONGEST else f"…{file[-LONGEST:]}"
        where = "" if path is None else f"{file}:{line}: " if line is not None else f"{file}: "
        text = " ".join(str(message).split())
        if len(text) > LONGEST:  # what came may be anything
            text = f"{text[: LONGEST // 2]} … {text[-LONGEST // 2 :]}"
        super().__init__(where + text)
        self.path = path
        self.line = line


def check_sets(
    sets: Any, *, who: str, n_labels: int | None = None, name: str = "Y", copy: bool = True
) -> sp.csr_matrix:
    """Label sets as a canonical CSR matrix of ``uint8`` ones, ``(n_records, n_labels)``.

    Accepts dense or sparse, boolean or numeric 0/1 input, a DataFrame too. Duplicate entries of a
    sparse matrix are merged and stored zeros dropped, so that counting entries counts labels. With
    ``copy=False`` the arrays of a canonical CSR matrix are not copied: for those who only read.

    Raises
    ------
    ValueError
        When the input is not two-dimensional, holds values other than 0 and 1, or has not
        ``n_labels`` columns.
    """
    if _is_canonical(sets):
        matrix = sets if not copy else sets.copy()
    else:
        matrix = _canonical(sets, who, name)
    if n_labels is not None and matrix.shape[1] != n_labels:
        raise ValueError(f"{who}: {name} must have {n_labels} labels (columns); got {matrix.shape[1]}.")
    # Set one by one, because the constructor would copy int64 indices into int32.
    result = sp.csr_matrix(matrix.shape, dtype=np.uint8)
    result.indices, result.indptr = matrix.indices[: matrix.nnz], matrix.indptr
    ones = matrix.data.dtype == np.uint8 and len(matrix.data) == matrix.nnz
    result.data = matrix.data if ones else np.ones(matrix.nnz, dtype=np.uint8)
    result.has_canonical_format = True
    return result


def _is_canonical(sets: Any) -> bool:
    """Whether these are CSR index arrays whose rows rise within the columns, and every stored value is 1."""
    if not sp.issparse(sets) or sets.format != "csr" or sets.data.dtype.kind not in "biuf":
        return False
    indptr, indices, data = sets.indptr, sets.indices[: sets.nnz], sets.data[: sets.nnz]
    if indptr[0] != 0 or (indptr[1:] < indptr[:-1]).any() or not (data == 1).all():
        return False
    if not len(indices):
        return True
    rising = indices[1:] > indices[:-1]
    starts = indptr[1:-1]
    rising[starts[(starts > 0) & (starts < len(indices))] - 1] = True
    return bool(rising.all() and indices.min() >= 0 and indices.max() < sets.shape[1])


def _canonical(sets: Any, who: str, name: str) -> sp.csr_matrix:
    """A canonical copy, whose stored values are all true."""
    matrix = sp.csr_matrix(sets, copy=True) if sp.issparse(sets) else None
    if matrix is not None:
        _check_indices(matrix, who, name)
    # Converting from COO adds duplicate entries up, so what came is looked at.
    values = np.asarray(sets) if matrix is None else sets.data if sets.format == "coo" else matrix.data
    if values.ndim != 2 and matrix is None:
        raise ValueError(
            f"{who}: {name} must be a matrix (n_records, n_labels); got {values.ndim} dimension(s). "
            f"Pass one column a label."
        )
    if values.dtype.kind not in "biuf" or not ((values == 0) | (values == 1)).all():
        raise ValueError(f"{who}: {name} must hold only 0 and 1; got {values.dtype} with other values.")
    if matrix is None:
        return sp.csr_matrix(values != 0)
    matrix = sp.csr_matrix(sets.astype(bool)) if sets.format == "coo" else matrix.astype(bool)
    matrix.sum_duplicates()
    matrix.eliminate_zeros()
    return matrix


def _check_indices(matrix: sp.csr_matrix, who: str, name: str) -> None:
    try:
        matrix.check_format(full_check=True)
    except ValueError as error:
        raise ValueError(
            f"{who}: {name} must be a whole sparse matrix; its index arrays are broken: {error}."
        ) from error


def check_scores(scores: Any, *, who: str, shape: tuple[int, int] | None = None) -> np.ndarray:
    """Scores as a dense float64 array ``(n_records, n_labels)`` without NaN.

    Raises
    ------
    ValueError
        When the input is not two-dimensional, holds NaN or infinity, or has another shape.
    """
    array = np.asarray(scores, dtype=np.float64)
    if array.ndim != 2:
        raise ValueError(f"{who}: scores must be (n_records, n_labels); got {array.ndim} dimension(s).")
    if shape is not None and array.shape != shape:
        raise ValueError(f"{who}: scores must be {shape}, as the sets are; got {array.shape}.")
    if not np.isfinite(array).all():
        raise ValueError(f"{who}: scores must be finite; got NaN or infinity.")
    return array


def check_names(names: Sequence[str] | np.ndarray, *, who: str, n_labels: int | None = None) -> np.ndarray:
    """Drug names as a 1-D object array of unique strings, in label order.

    Raises
    ------
    ValueError
        When names are one text, a name is not text or stands twice, or there are not ``n_labels`` of them.
    """
    if isinstance(names, str):  # its letters would be drugs
        raise ValueError(f"{who}: drug names must be a list of strings; got the text {names[:40]!r}.")
    array = np.asarray(list(names), dtype=object)
    wrong = [name for name in array if not isinstance(name, str)]
    if wrong:
        raise ValueError(f"{who}: drug names must be strings; got {wrong[0]!r}.")
    if len(set(array)) != len(array):
        seen: set[str] = set()
        twice = next(name for name in array if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        raise ValueError(f"{who}: drug names must be unique; {twice!r} stands twice.")
    if n_labels is not None and len(array) != n_labels:
        raise ValueError(f"{who}: {n_labels} labels need {n_labels} drug names; got {len(array)}.")
    return array
