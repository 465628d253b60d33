"""Which columns of wide features are worth a booster's time."""

from typing import Any

import numpy as np
import scipy.sparse as sp

_BLOCK = 64  # labels at a time, which bounds the product of features and labels


def choose_columns(X: Any, Y: Any, rows: np.ndarray, max_columns: int | None) -> np.ndarray:
    r"""The columns that say most about the labels, in ascending order.

    A column :math:`x` is worth :math:`\sum_l \mathrm{cov}(x, y_l)^2 / \mathrm{var}(x)`: the part of the label
    matrix's variance that it explains alone. Rare columns that meet a rare label by chance weigh little. Ties go to
    the lower column.

    Parameters
    ----------
    X : CSR or ndarray of shape (n_records, n_features)
        NaN counts as 0.
    Y : CSR of shape (n_records, n_labels)
    rows : ndarray of int
        The rows to learn from.
    max_columns : int or None
        How many are kept; None keeps all.

    Examples
    --------
    >>> X = np.array([[1.0, 0.0, 5.0], [0.0, 1.0, 5.0], [1.0, 1.0, 5.0], [0.0, 0.0, 5.0]])
    >>> choose_columns(X, sp.csr_matrix([[0], [1], [1], [0]]), np.arange(4), 1)
    array([1])
    """
    n_features = X.shape[1]
    if max_columns is None or n_features <= max_columns:
        return np.arange(n_features)
    part = sp.csr_matrix(X[rows], dtype=np.float64, copy=True)
    part.data[np.isnan(part.data)] = 0.0
    targets = sp.csc_matrix(Y[rows], dtype=np.float64)
    mean = np.asarray(part.mean(axis=0)).ravel()
    variance = np.asarray(part.multiply(part).mean(axis=0)).ravel() - mean**2
    explained = np.zeros(n_features)
    turned = part.T.tocsr()
    for low in range(0, targets.shape[1], _BLOCK):
        block = targets[:, low : low + _BLOCK]
        together = (turned @ block).toarray() / len(rows)
        together -= mean[:, None] * np.asarray(block.mean(axis=0))
        explained += (together**2).sum(axis=1)
    worth = np.divide(explained, variance, out=np.zeros(n_features), where=variance > 1e-12)
    return np.sort(np.argsort(-worth, kind="stable")[:max_columns])


def take(X: Any, rows: Any, columns: np.ndarray) -> Any:
    """Some rows (None for all) and columns of ``X``, CSR or ndarray as it is; ``X`` itself where that is all."""
    if rows is not None:
        X = X[rows]
    if len(columns) == X.shape[1]:
        return X
    return X[:, columns]
