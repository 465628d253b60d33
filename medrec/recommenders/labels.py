"""What every base does with rows and with labels that are constant in them."""

from typing import Any

import numpy as np


def constant_score(target: np.ndarray) -> float:
    """Log-odds of a label that is the same in all rows, by the rule of succession."""
    return float(np.log((target.sum() + 0.5) / (len(target) - target.sum() + 0.5)))


def take_rows(X: Any, Y: Any, weight: np.ndarray | None, rows: Any) -> tuple[Any, Any, np.ndarray | None]:
    """Features, sets and weights of some rows."""
    if rows is None:
        return X, Y, weight
    return X[rows], Y[rows], None if weight is None else weight[rows]
