"""Features that many fits share: all labels, all folds, and the links of a chain."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import scipy.sparse as sp
from sklearn.base import clone

from medrec._parallel import cluster, cores, in_threads, side_by_side
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
        track: Callable[[Iterable[Any]], Iterable[Any]] = iter,
    ) -> tuple[np.ndarray, Any]:
        """Fit the labels of ``sets`` on all records, and on each fold's for out-of-fold scores.

        Parameters
        ----------
        sets : CSR of shape (n_records, n_labels)
        folds : list of (train rows, test rows)
            An empty list fits on all records alone.
        weight : array of shape (n_records,) or (n_records, n_labels), optional
        n_jobs : int, optional
            For one label folds, for several labels are worked on at a time; on a Dask cluster labels of all folds.
        label : int, optional
            Which label the only column of ``sets`` is, for options of the base that hold a number a label.
        track : callable, optional
            Wraps the folds of several labels, to show progress.

        Returns
        -------
        out_of_fold : ndarray of shape (n_records, n_labels)
            0 where there are no folds.
        fitted : base
            Fitted on all records.
        """
        if self.goes_to_cluster(sets, n_jobs):
            return self._fit_on_cluster(sets, folds, weight, n_jobs=n_jobs, track=track)
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
            *parts, fitted = in_threads(fit, rounds, n_jobs=n_jobs)
        else:
            *parts, fitted = [fit(fold) for fold in track(rounds)]
        out_of_fold = np.zeros(sets.shape)
        for (_, test), scores in zip(folds, parts):
            out_of_fold[test] = scores
        return out_of_fold, fitted

    def goes_to_cluster(self, sets: sp.csr_matrix, n_jobs: int | None) -> bool:
        """Whether ``fit_folds`` is work for a cluster: one label is a link, which is sooner done than sent."""
        return sets.shape[1] > 1 and not self.columns and cluster(n_jobs) is not None

    def fit_piece(self, base: Any, sets: sp.csr_matrix, fold: Any, weight: np.ndarray | None) -> Any:
        """``base`` fitted for some labels on the records of a fold, None for all records."""
        rows = None if fold is None else fold[0]
        return base.fit_labels(self.X, sets, rows=rows, sample_weight=weight, n_jobs=1)

    def score(self, fitted: Any, rows: np.ndarray) -> np.ndarray:
        """Scores (n_rows, n_labels) of some rows."""
        return fitted.decision_function(self.features()[rows])

    def _fit_on_cluster(
        self,
        sets: sp.csr_matrix,
        folds: Folds,
        weight: np.ndarray | None,
        *,
        n_jobs: int | None,
        track: Callable[[Iterable[Any]], Iterable[Any]],
    ) -> tuple[np.ndarray, Any]:
        """``fit_folds`` with a task for some labels of a fold; a base that cannot ``join`` labels has all in one."""
        n_labels, rounds = sets.shape[1], [*folds, None]
        n_pieces = min(n_labels, -(-2 * cores(n_jobs) // len(rounds))) if hasattr(self.base, "join") else 1
        pieces = np.array_split(np.arange(n_labels), n_pieces)
        tasks = [(at, piece) for at in range(len(rounds)) for piece in pieces]
        shared = (self, sets, weight, rounds)
        done = side_by_side(_fit_task, tasks, shared=shared, n_jobs=n_jobs, track=track)
        out_of_fold = np.zeros(sets.shape)
        for (at, piece), (_, scores) in zip(tasks, done):
            if scores is not None:
                out_of_fold[np.ix_(folds[at][1], piece)] = scores
        parts = [fitted for fitted, _ in done[-n_pieces:]]
        return out_of_fold, parts[0] if n_pieces == 1 else clone(self.base).join(parts)


def _fit_task(
    task: tuple[int, np.ndarray],
    features: SharedFeatures,
    sets: sp.csr_matrix,
    weight: np.ndarray | None,
    rounds: list[Any],
) -> tuple[Any, np.ndarray | None]:
    """Some labels of a round: the fitted base where it is the last, else the scores of the records left out."""
    at, piece = task
    fold = rounds[at]
    base = clone(of_labels(features.base, piece))
    fitted = features.fit_piece(base, sets[:, piece], fold, labels_of(weight, piece))
    return (fitted, None) if fold is None else (None, features.score(fitted, fold[1]))


def labels_of(weight: np.ndarray | None, labels: np.ndarray) -> np.ndarray | None:
    """Weights (n_records,) as they are, of (n_records, n_labels) those of some labels."""
    return weight if weight is None or weight.ndim == 1 else weight[:, labels]


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
