"""Features that many fits share: all labels, all folds, and the links of a chain."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import scipy.sparse as sp
from joblib import Parallel, delayed
from sklearn.base import clone

from medrec.recommenders.folds import Folds


class SharedFeatures:
    """Features and the columns that a chain adds; every fit takes them anew.

    Parameters
    ----------
    base : base
        What is fitted; it is cloned each time.
    X : CSR or ndarray of shape (n_records, n_features)
    """

    def __init__(self, base: Any, X: Any) -> None:
        self.base = base
        self.X = X
        self.columns: list[np.ndarray] = []

    def append(self, column: np.ndarray) -> None:
        """Add a feature (n_records,)."""
        self.columns.append(column)

    def restart(self) -> None:
        """Take the added features away again, for another chain over the same records."""
        self.columns = []

    def features(self) -> Any:
        """Features (n_records, n_features + columns added), of the kind that ``X`` is."""
        return append_columns(self.X, self.columns)

    def fit_folds(
        self,
        sets: sp.csr_matrix,
        folds: Folds,
        weight: np.ndarray | None = None,
        *,
        n_jobs: int | None = None,
        label: int | None = None,
        scored: bool = True,
        track: Callable[[Iterable[Any]], Iterable[Any]] = iter,
    ) -> tuple[np.ndarray, Any]:
        """Fit the labels of ``sets`` on all records, and on each fold's for out-of-fold scores.

        Parameters
        ----------
        sets : CSR of shape (n_records, n_labels)
        folds : list of (train rows, test rows)
            None at all gives the scores of the training records.
        weight : array of shape (n_records,) or (n_records, n_labels), optional
        n_jobs : int, optional
            For one label folds, for several labels are worked on at a time.
        label : int, optional
            Which label the only column of ``sets`` is, for options of the base that hold a number a label.
        scored : bool, default=True
            Whether the scores of the training records are wanted where there are no folds; without them they are 0.
        track : callable, optional
            Wraps the folds of several labels, to show progress.

        Returns
        -------
        out_of_fold : ndarray of shape (n_records, n_labels)
        fitted : base
            Fitted on all records.
        """
        features = self.features()
        alone = sets.shape[1] == 1
        base = self.base if label is None else of_labels(self.base, label)

        def fit(fold: Any) -> Any:
            rows = None if fold is None else fold[0]
            inside = None if alone else n_jobs
            fitted = clone(base).fit_labels(features, sets, rows=rows, sample_weight=weight, n_jobs=inside)
            return fitted if fold is None else fitted.decision_function(features[fold[1]])

        rounds = [*folds, None]
        if alone:
            *parts, fitted = Parallel(n_jobs=n_jobs, prefer="threads")(delayed(fit)(fold) for fold in rounds)
        else:
            *parts, fitted = [fit(fold) for fold in track(rounds)]
        if not folds and scored:
            return fitted.decision_function(features), fitted
        out_of_fold = np.zeros(sets.shape)
        for (_, test), scores in zip(folds, parts):
            out_of_fold[test] = scores
        return out_of_fold, fitted


def of_labels(base: Any, labels: Any) -> Any:
    """The base for one label (int) or some (array of int): of options with a number a label it keeps theirs."""
    options = {name: getattr(base, name) for name in getattr(base, "PER_LABEL", ())}
    own = {name: np.asarray(value)[labels].tolist() for name, value in options.items() if np.ndim(value) == 1}
    return clone(base).set_params(**own) if own else base


def append_columns(X: Any, columns: list[np.ndarray]) -> Any:
    """``X`` with columns (n_records,) behind it, CSR or ndarray as ``X`` is."""
    if not columns:
        return X
    added = np.stack(columns, axis=1).astype(X.dtype)
    if sp.issparse(X):
        return sp.csr_matrix(sp.hstack([X, sp.csr_matrix(added)], format="csr"))
    return np.hstack([X, added])
