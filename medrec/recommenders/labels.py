"""What every base does with rows and with labels that are constant in them."""

from collections.abc import Iterator
from typing import Any

import numpy as np


def constant_score(target: np.ndarray, weight: np.ndarray | None = None) -> float | None:
    """Log-odds of a label that is the same in all rows that count, by the rule of succession; else None."""
    weight = np.ones(len(target)) if weight is None else weight
    present, total = float(weight[target > 0].sum()), float(weight.sum())
    if present > 0 and (weight[target == 0] > 0).any():
        return None
    return float(np.log((present + 0.5) / (total - present + 0.5)))


def each_label(Y: Any, weight: np.ndarray | None) -> Iterator[tuple[np.ndarray, np.ndarray | None]]:
    """For each label its target and weights (n_records,)."""
    columns = Y.tocsc()
    for label in range(Y.shape[1]):
        target = columns[:, [label]].toarray().astype(np.float32).ravel()
        yield target, weight if weight is None or weight.ndim == 1 else weight[:, label]


def take_rows(X: Any, Y: Any, weight: np.ndarray | None, rows: Any) -> tuple[Any, Any, np.ndarray | None]:
    """Features, sets and weights of some rows."""
    if rows is None:
        return X, Y, weight
    return X[rows], Y[rows], None if weight is None else weight[rows]
