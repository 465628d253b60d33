"""Linear models over fewer records than features, fitted among the records' inner products."""

from collections.abc import Callable, Iterable
from copy import copy
from typing import Any

import numpy as np
import scipy.sparse as sp
from sklearn.base import clone

from medrec._parallel import side_by_side
from medrec.kernels.gram import fit_gram, gram
from medrec.recommenders.folds import Folds
from medrec.recommenders.linear import LinearBase
from medrec.recommenders.shared import SharedFeatures, of_labels


class GramFeatures(SharedFeatures):
    """Linear models over fewer records than features, fitted among the records' inner products.

    A column that is added changes the products by one outer product; scores of records that a fold holds out come
    with the fit.
    """

    base: LinearBase

    def __init__(self, base: LinearBase, X: Any) -> None:
        super().__init__(base, X)
        values = X.data if sp.issparse(X) else X
        if not np.isfinite(values).all():
            raise ValueError("LinearBase: X must be finite; got NaN or infinity. Impute missing values first.")
        # Half as much memory to read for each product; only a tight tolerance needs more digits.
        coarse = base.dtype == "float32" and base.tol >= 1e-4
        self.products: np.ndarray = gram(X).astype(np.float32 if coarse else np.float64, copy=False)
        self.whole = self.products

    def append(self, column: np.ndarray) -> None:
        """Add a feature (n_records,)."""
        if not self.columns:
            self.products = self.whole.copy()
        super().append(column)
        held = np.flatnonzero(column)
        self.products[np.ix_(held, held)] += np.outer(column[held], column[held])

    def restart(self) -> None:
        """Take the added features away again, for another chain over the same records."""
        super().restart()
        self.products = self.whole

    def fit_folds(
        self,
        sets: sp.csr_matrix,
        folds: Folds,
        weight: np.ndarray | None = None,
        *,
        n_jobs: int | None = None,
        label: int | None = None,
        track: Callable[[Iterable[Any]], Iterable[Any]] = iter,
    ) -> tuple[np.ndarray, LinearBase]:
        """As ``SharedFeatures.fit_folds``."""
        out_of_fold = np.zeros(sets.shape)
        base = self.base if label is None else of_labels(self.base, label)
        if sets.shape[1] == 1 and folds:
            fit = self._fit_together(base, sets, folds, weight)
            for at, (_, test) in enumerate(folds):
                out_of_fold[test, 0] = fit.scores[test, at]
            return out_of_fold, self._fitted(fit.dual[:, -1:], fit.intercept[-1:], fit.n_iter[-1:])
        rounds = [*folds, None]
        if self.goes_to_cluster(sets, n_jobs):
            shared = (self._without_features(), sets, weight, rounds)
            fits = iter(side_by_side(_fit_task, range(len(rounds)), shared=shared, n_jobs=n_jobs, track=track))
        else:
            fits = (self._fit(base, sets, fold, weight) for fold in track(rounds))
        for fold, fit in zip(rounds, fits):
            if fold is not None:
                out_of_fold[fold[1]] = fit.scores[fold[1]]
        return out_of_fold, self._fitted(fit.dual, fit.intercept, fit.n_iter)

    def _without_features(self) -> "GramFeatures":
        """What fits on products alone."""
        other = copy(self)
        other.X = None
        return other

    def _fit(self, base: LinearBase, sets: sp.csr_matrix, fold: Any, weight: np.ndarray | None) -> Any:
        target = sets.toarray().astype(bool)
        cost = self._cost(base, target, weight) * _counted(fold, len(target))[:, None]
        return self._solve(target, cost)

    def _fit_together(self, base: LinearBase, sets: sp.csr_matrix, folds: Folds, weight: np.ndarray | None) -> Any:
        """One label on every fold and on all records, as the columns of one problem."""
        target = sets.toarray().astype(bool)
        counted = np.stack([_counted(fold, len(target)) for fold in [*folds, None]], axis=1)
        cost = self._cost(base, target, weight) * counted
        return self._solve(np.broadcast_to(target, cost.shape), cost)

    def _solve(self, target: np.ndarray, cost: np.ndarray) -> Any:
        base = self.base
        cost = cost.astype(self.products.dtype)
        fit = fit_gram(self.products, target, cost, loss=base.loss, tol=base.tol, max_iter=base.max_iter)
        base.warn_unconverged(fit.converged)
        return fit

    def _cost(self, base: LinearBase, target: np.ndarray, weight: np.ndarray | None) -> np.ndarray:
        cost = np.ones(target.shape) * _by_label(base.C, target.shape[1], "C")
        if weight is not None:
            cost *= weight if weight.ndim == 2 else weight[:, None]
        if base.positive_weight is not None:
            cost = np.where(target, cost * _by_label(base.positive_weight, target.shape[1], "positive_weight"), cost)
        return cost

    def _fitted(self, dual: np.ndarray, intercept: np.ndarray, n_iter: np.ndarray) -> LinearBase:
        fitted = clone(self.base)
        width = self.X.shape[1] + len(self.columns)
        fitted.coef_ = np.empty((dual.shape[1], width), dtype=fitted.dtype)
        for at in range(0, dual.shape[1], 64):
            block = slice(at, at + 64)
            fitted.coef_[block, : self.X.shape[1]] = (self.X.T @ dual[:, block]).T
        for at, column in enumerate(self.columns, start=self.X.shape[1]):
            fitted.coef_[:, at] = column @ dual
        fitted.intercept_, fitted.n_iter_ = intercept.astype(fitted.dtype), n_iter
        fitted.n_features_in_ = width
        return fitted


def _fit_task(
    at: int, features: GramFeatures, sets: sp.csr_matrix, weight: np.ndarray | None, rounds: list[Any]
) -> Any:
    """A fold, or all records."""
    return features._fit(features.base, sets, rounds[at], weight)


def _by_label(value: Any, n_labels: int, name: str) -> np.ndarray:
    array = np.asarray(value, dtype=np.float64)
    if array.shape not in ((), (n_labels,)) or not (np.isfinite(array) & (array > 0)).all():
        raise ValueError(f"LinearBase: {name} must be positive, one number or one a label; got {value!r}.")
    return array


def _counted(fold: Any, n_records: int) -> np.ndarray:
    counted = np.zeros(n_records)
    counted[slice(None) if fold is None else fold[0]] = 1.0
    return counted
