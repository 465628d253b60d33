"""What came out of a model file, looked at before anybody uses it.

skops puts attributes back without asking the object, so each is asked here: sparse matrices are whole, options that
the version which wrote the file did not have get their defaults, and every class with a ``check_loaded`` method says
whether its attributes go together. scikit-learn's classes have none; those whose compiled code would read beyond an
array that is too short are asked for its shape.
"""

import inspect
from typing import Any

import numpy as np
import scipy.sparse as sp

ROWS = ("_fit_X", "cluster_centers_")
"""Rows that scikit-learn's neighbours and clusters hold, as wide as the records that are compared with them."""


def check_loaded(model: Any) -> None:
    """Look at an object and at all that it holds.

    Raises
    ------
    Exception
        Whatever a broken attribute raises; the caller says which file it is.
    """
    waiting, seen = [model], set()
    parts = []
    while waiting:
        one = waiting.pop()
        if isinstance(one, (str, int, float, bool, type(None))) or id(one) in seen:
            continue
        seen.add(id(one))
        if sp.issparse(one):
            _check_sparse(one)
        elif isinstance(one, dict):
            waiting.extend(one.values())
        elif isinstance(one, (list, tuple, set)):
            waiting.extend(one)
        elif isinstance(one, np.ndarray):
            waiting.extend(one.ravel().tolist() if one.dtype.hasobject else [])
        elif type(one).__module__.startswith(("medrec.", "sklearn.")) and hasattr(one, "__dict__"):
            if type(one).__module__.startswith("medrec."):
                _fill_options(one)
                parts.append(one)
            else:
                _check_rows(one)
            waiting.extend(vars(one).values())
    # What a part is made of was found after it, and is looked at before it.
    for one in reversed(parts):
        if hasattr(one, "check_loaded"):
            one.check_loaded()


def _check_sparse(matrix: Any) -> None:
    if matrix.format not in ("csr", "csc") or matrix.data.dtype.kind not in "biuf":
        raise ValueError(f"a sparse matrix is {matrix.format} of {matrix.data.dtype}")
    matrix.check_format(full_check=True)


def _check_rows(one: Any) -> None:
    held = vars(one)
    for name in ROWS:
        if name in held:
            shape = np.shape(held[name])
            if len(shape) != 2 or shape[1] != held.get("n_features_in_"):
                raise ValueError(f"{type(one).__name__}: {name} is of shape {shape}, not as wide as the records")
            if name == "_fit_X" and "_y" in held and np.shape(held["_y"])[:1] != shape[:1]:
                raise ValueError(f"{type(one).__name__}: {name} and _y are of other lengths")


def _fill_options(one: Any) -> None:
    """Give options that are not there their defaults: they came after the version that wrote the file."""
    if not hasattr(one, "get_params"):
        return
    for name, option in inspect.signature(type(one).__init__).parameters.items():
        if name not in vars(one) and option.default is not option.empty:
            setattr(one, name, option.default)
