"""Where XGBoost cuts columns into bins, kept so that a chain looks for the cuts of its new column only."""

from typing import Any

import numpy as np
import scipy.sparse as sp

from medrec._optional import import_optional


class Quantiles:
    """The values at which XGBoost cuts each column, with its least and greatest value.

    Finding quantiles takes most of the time of a ``QuantileDMatrix``, and a new column changes none of the others'.
    XGBoost takes no cuts, but it takes those of a *reference* matrix. Of a column with no more values than bins it
    cuts at every value, so a matrix of nothing but the values here has the same cuts as the records that they came
    from, and it has a row for each bin instead of one for each record.

    Parameters
    ----------
    values : ndarray of float32
        Those of all columns, column by column, ascending.
    starts : ndarray of int of shape (n_columns + 1,)
        Where each column starts in ``values``.
    cuts : ndarray of float32
        What XGBoost said of all columns.
    """

    def __init__(self, values: np.ndarray, starts: np.ndarray, cuts: np.ndarray) -> None:
        self.values, self.starts, self.cuts = values, starts, cuts

    @property
    def n_columns(self) -> int:
        """Columns whose cuts are known."""
        return len(self.starts) - 1

    @classmethod
    def of(cls, data: Any, part: Any) -> "Quantiles":
        """Those of a ``QuantileDMatrix``, made of ``part`` (n_records, n_columns), CSR or ndarray of float32."""
        starts, cuts = data.get_quantile_cut()
        starts, cuts = starts.astype(np.int64), np.array(cuts)
        # The first cut lies below all values and the last one above them.
        values = cuts.copy()
        values[starts[:-1]], values[starts[1:] - 1] = _range(part)
        kept = np.isfinite(values)
        kept[1:] &= (values[1:] != values[:-1]) | np.isin(np.arange(1, len(values)), starts)
        return cls(values[kept], np.append(0, np.cumsum(kept))[starts], cuts)

    def join(self, other: "Quantiles") -> "Quantiles":
        """Those of these columns and of ``other``'s behind them."""
        starts = np.append(self.starts, self.starts[-1] + other.starts[1:])
        return Quantiles(np.append(self.values, other.values), starts, np.append(self.cuts, other.cuts))

    def reference(self, options: dict[str, Any]) -> Any:
        """A ``QuantileDMatrix`` with these cuts, or None where XGBoost, of ``options``, finds others."""
        rows = np.arange(len(self.values)) - np.repeat(self.starts[:-1], np.diff(self.starts))
        shape = (int(rows.max(initial=0)) + 1, self.n_columns)
        small = sp.csc_matrix((self.values, rows, self.starts), shape=shape).tocsr()
        xgboost = import_optional("xgboost", feature="XGBoost models", extra="xgboost")
        made = xgboost.QuantileDMatrix(small, **options)
        return made if np.array_equal(made.get_quantile_cut()[1], self.cuts) else None


def _range(part: Any) -> tuple[np.ndarray, np.ndarray]:
    """Least and greatest value of each column, those that are missing left out; infinite where all are."""
    low, high = np.full(part.shape[1], np.inf, np.float32), np.full(part.shape[1], -np.inf, np.float32)
    if sp.issparse(part):
        np.fmin.at(low, part.indices, part.data)
        np.fmax.at(high, part.indices, part.data)
        return low, high
    return np.fmin.reduce(part, axis=0, initial=np.inf), np.fmax.reduce(part, axis=0, initial=-np.inf)
