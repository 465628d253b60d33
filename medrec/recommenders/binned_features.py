"""Features binned once for a booster: all labels, all folds, and the links of every chain share them."""

import threading
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import scipy.sparse as sp
from joblib import Parallel, delayed, effective_n_jobs
from sklearn.base import clone

from medrec.recommenders.booster_base import Bins, BoosterBase
from medrec.recommenders.columns import take
from medrec.recommenders.folds import Folds
from medrec.recommenders.shared import SharedFeatures, append_columns, of_labels


class BinnedFeatures(SharedFeatures):
    """Bins of every fold's training rows and of all rows, which take the columns that a chain adds.

    Labels and folds are fitted side by side in threads, each booster with one thread of its own; on a GPU they take
    turns. Columns of wide features are chosen by the labels of the rows that are trained on.

    Parameters
    ----------
    base : BoosterBase
        What is fitted; it is cloned each time.
    X : CSR or ndarray of shape (n_records, n_features)
    sets : CSR of shape (n_records, n_labels)
        All labels, which say what columns are kept.
    groups : array of shape (n_records,), optional
        Patient of each record, for early stopping.
    """

    base: BoosterBase

    def __init__(self, base: BoosterBase, X: Any, sets: sp.csr_matrix, groups: Any = None) -> None:
        super().__init__(base, X)
        self.sets = sets
        self.groups = groups
        self.whole: list[Bins] = []
        self.bins: list[Bins] = []

    def append(self, column: np.ndarray) -> None:
        """Add a feature (n_records,)."""
        if not self.columns:
            self.bins = [bins.fork() for bins in self.whole]
        super().append(column)
        for bins in self.bins:
            bins.append(column)

    def restart(self) -> None:
        """Take the added features away again, for another chain over the same records."""
        super().restart()
        self.bins = self.whole

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
    ) -> tuple[np.ndarray, BoosterBase]:
        """As ``SharedFeatures.fit_folds``; ``track`` wraps the labels of all folds."""
        base = self.base if label is None else of_labels(self.base, label)
        rounds = [*folds, None]
        on_gpu = base.device != "cpu"
        jobs = 1 if on_gpu else effective_n_jobs(n_jobs)
        threads = n_jobs if on_gpu else None
        parallel = Parallel(n_jobs=jobs, require="sharedmem")
        if not self.whole:
            make = delayed(lambda fold: self._bin(base, fold, threads))
            self.whole = self.bins = parallel(make(fold) for fold in rounds)
        pieces = np.array_split(np.arange(sets.shape[1]), min(sets.shape[1], -(-jobs // len(rounds))))
        ticks = iter(track(range(len(rounds) * sets.shape[1])))
        lock, stop = threading.Lock(), threading.Event()

        def tick() -> None:
            if stop.is_set():
                raise KeyboardInterrupt
            with lock:
                next(ticks, None)

        def fit(at: int, piece: np.ndarray) -> Any:
            # Bins hold one target at a time, so a second piece of a fold's labels needs bins of its own.
            bins = self.bins[at] if piece[0] == 0 else self.bins[at].fork()
            fitted = clone(of_labels(base, piece)).fit_bins(bins, sets[:, piece], _piece(weight, piece), tick=tick)
            if at < len(folds):
                return fitted, self._score(fitted, folds[at][1])
            return fitted, self._score(fitted, None) if scored and not folds else None

        try:
            done = parallel(delayed(fit)(at, piece) for at in range(len(rounds)) for piece in pieces)
        except BaseException:
            stop.set()
            raise
        next(ticks, None)
        out_of_fold = np.zeros(sets.shape)
        for at, (_, test) in enumerate(folds):
            for piece, (_, scores) in zip(pieces, done[at * len(pieces) :]):
                out_of_fold[np.ix_(test, piece)] = scores
        last = done[-len(pieces) :]
        if not folds and scored:
            out_of_fold = np.hstack([scores for _, scores in last])
        return out_of_fold, _join([fitted for fitted, _ in last], base)

    def _bin(self, base: BoosterBase, fold: Any, threads: int | None) -> Bins:
        rows = None if fold is None else fold[0]
        return base.bin(self.X, self.sets, rows=rows, groups=self.groups, n_jobs=threads)

    def _score(self, fitted: BoosterBase, rows: np.ndarray | None) -> np.ndarray:
        """Scores of some rows (None for all); of wide features only what the trees know is copied."""
        own = fitted.columns_[: len(fitted.columns_) - len(self.columns)]
        columns = [column if rows is None else column[rows] for column in self.columns]
        return fitted.margins(append_columns(take(self.X, rows, own), columns))


def _piece(weight: np.ndarray | None, piece: np.ndarray) -> np.ndarray | None:
    return weight if weight is None or weight.ndim == 1 else weight[:, piece]


def _join(parts: list[BoosterBase], base: BoosterBase) -> BoosterBase:
    """One fitted base, with the options of ``base``, of the labels of several."""
    first = parts[0].set_params(**{name: getattr(base, name) for name in base.PER_LABEL})
    first.models_ = [model for part in parts for model in part.models_]
    first.n_iter_ = np.concatenate([part.n_iter_ for part in parts])
    return first
