"""What the labels of a linear fit share, and how one label is set up from it."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp

__all__ = ["Entries", "Problem", "column_squares", "read_entries"]


@dataclass(frozen=True)
class Entries:
    """X as the kernels read it: row ``r`` is ``count[r]`` entries from two offsets; dense rows share one."""

    indices: np.ndarray
    data: np.ndarray
    first: np.ndarray
    start: np.ndarray
    count: np.ndarray
    n_features: int


def read_entries(X: Any) -> Entries:
    """Read X in place where its types allow; refuse NaN and infinity."""
    values = X.data if sp.issparse(X) else X
    if values.dtype not in (np.float32, np.float64):
        values = values.astype(np.float64)
    if values.size and not (np.isfinite(values.min()) and np.isfinite(values.max())):
        raise ValueError("fit_linear: X must be finite; got NaN or infinity. Impute missing values first.")
    n, d = X.shape
    if sp.issparse(X):
        start = X.indptr[:-1].astype(np.int64)
        first, count, indices = start, np.diff(X.indptr).astype(np.int64), X.indices
    else:
        start = np.arange(n, dtype=np.int64) * d
        first, count, indices = np.zeros(n, dtype=np.int64), np.full(n, d, dtype=np.int64), np.arange(d)
    data = np.ascontiguousarray(values).reshape(-1)
    return Entries(np.ascontiguousarray(indices, dtype=np.int32), data, first, start, count, d)


def column_squares(entries: Entries, rows: np.ndarray) -> np.ndarray:
    """Sum of squares of every column over the training rows, and their number for the intercept."""
    total = np.zeros(entries.n_features + 1)
    for row in np.array_split(rows, max(1, len(rows) // 4096)):
        count = entries.count[row]
        within = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
        values = entries.data[np.repeat(entries.start[row], count) + within].astype(np.float64)
        columns = entries.indices[np.repeat(entries.first[row], count) + within]
        total[:-1] += np.bincount(columns, values * values, minlength=entries.n_features)
    total[-1] = len(rows)
    return total


@dataclass(frozen=True)
class Problem:
    """All that the labels share, and how one of them is set up."""

    X: Any
    entries: Entries
    rows: np.ndarray
    labels: sp.csc_matrix
    C: np.ndarray
    positive_weight: np.ndarray
    weight: np.ndarray | None
    hinge: bool
    bias: float
    tol: float
    max_iter: int
    coef_init: Any
    intercept_init: Any
    squares: np.ndarray

    def costs(self, label: int) -> np.ndarray:
        """Weight times C of every training row, negative where the label is absent."""
        if self.weight is None:
            cost = np.full(len(self.rows), -self.C[label])
        else:
            column = self.weight if self.weight.ndim == 1 else self.weight[:, label]
            cost = -self.C[label] * column[self.rows]
        span = slice(self.labels.indptr[label], self.labels.indptr[label + 1])
        has = self.labels.indices[span][self.labels.data[span] != 0]
        cost[has] *= -self.positive_weight[label]
        return cost

    def triage(self, intercept: np.ndarray) -> deque[int]:
        """Set the intercept of constant labels; queue the others, rare ones last: they are quick."""
        counts = []
        for label in range(self.labels.shape[1]):
            cost = self.costs(label)
            present, absent = int((cost > 0).sum()), int((cost < 0).sum())
            if present and absent:
                counts.append((present, label))
            else:
                sure = 1.0 if self.hinge else np.log(2.0 * (present + absent) + 1.0)
                intercept[label] = sure if present else -sure
        return deque(label for _, label in sorted(counts, reverse=True))

    def start(self, label: int, cost: np.ndarray) -> tuple[np.ndarray | None, float, Any]:
        """Initial coefficients (None for zeros), intercept and scores of a label."""
        if self.coef_init is None and self.intercept_init is None:
            intercept = _best_constant(cost, self.hinge) if self.bias else 0.0
            return None, intercept, intercept
        coef = np.zeros(self.entries.n_features)
        if self.coef_init is not None:
            row = self.coef_init[label]
            coef = np.asarray(row.todense() if sp.issparse(row) else row, dtype=np.float64).ravel()
        intercept = 0.0 if self.intercept_init is None else self.bias * float(self.intercept_init[label])
        return coef, intercept, (self.X @ coef)[self.rows] + intercept


def _best_constant(cost: np.ndarray, hinge: bool) -> float:
    """The intercept that is optimal while all coefficients are zero."""
    present, absent = cost[cost > 0].sum(), -cost[cost < 0].sum()
    if hinge:
        return 2.0 * (present - absent) / (1.0 + 2.0 * (present + absent))
    b = 0.0
    for _ in range(100):
        p = 1.0 / (1.0 + np.exp(-b))
        gradient = b + (present + absent) * p - present
        # Steps are cut to 1 because the sigmoid is flat where b is large.
        step = np.clip(gradient / (1.0 + (present + absent) * p * (1.0 - p)), -1.0, 1.0)
        b -= step
        if abs(step) < 1e-9:
            break
    return float(b)
