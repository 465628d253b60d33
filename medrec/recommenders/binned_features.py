"""Features binned once for a booster: all labels, all folds, and the links of every chain share them."""

import threading
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import scipy.sparse as sp
from sklearn.base import clone

from medrec._parallel import in_threads, threads
from medrec.recommenders.booster_base import Bins, BoosterBase
from medrec.recommenders.columns import take
from medrec.recommenders.folds import Folds
from medrec.recommenders.shared import SharedFeatures, append_columns, labels_of, of_labels


class BinnedFeatures(SharedFeatures):
    """Bins of every fold's training rows and of all rows, which take the columns that a chain adds.

    Labels and folds are fitted side by side in threads, each booster with one thread of its own; on a GPU they take
    turns, and on a Dask cluster each task makes bins of its own. Columns of wide features are chosen by the labels of
    the rows that are trained on.

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
        track: Callable[[Iterable[Any]], Iterable[Any]] = iter,
    ) -> tuple[np.ndarray, BoosterBase]:
        """As ``SharedFeatures.fit_folds``; ``track`` wraps the labels of all folds."""
        if self.goes_to_cluster(sets, n_jobs):
            return self._fit_on_cluster(sets, folds, weight, n_jobs=n_jobs, track=track)
        base = self.base if label is None else of_labels(self.base, label)
        rounds = [*folds, None]
        on_gpu = base.device != "cpu"
        jobs = 1 if on_gpu else threads(n_jobs)
        inside = n_jobs if on_gpu else None
        if not self.whole:
            self.whole = self.bins = in_threads(lambda fold: self._bin(base, fold, inside), rounds, n_jobs=jobs)
        pieces = np.array_split(np.arange(sets.shape[1]), min(sets.shape[1], -(-jobs // len(rounds))))
        ticks = iter(track(range(len(rounds) * sets.shape[1])))
        lock, stop = threading.Lock(), threading.Event()

        def tick() -> None:
            if stop.is_set():
                raise KeyboardInterrupt
            with lock:
                next(ticks, None)

        def fit(task: tuple[int, np.ndarray]) -> Any:
            at, piece = task
            # Bins hold one target at a time, so a second piece of a fold's labels needs bins of its own.
            bins = self.bins[at] if piece[0] == 0 else self.bins[at].fork()
            fitted = clone(of_labels(base, piece)).fit_bins(bins, sets[:, piece], labels_of(weight, piece), tick=tick)
            return fitted, self.score(fitted, folds[at][1]) if at < len(folds) else None

        try:
            done = in_threads(fit, [(at, piece) for at in range(len(rounds)) for piece in pieces], n_jobs=jobs)
        except BaseException:
            stop.set()
            raise
        next(ticks, None)
        out_of_fold = np.zeros(sets.shape)
        for at, (_, test) in enumerate(folds):
            for piece, (_, scores) in zip(pieces, done[at * len(pieces) :]):
                out_of_fold[np.ix_(test, piece)] = scores
        return out_of_fold, clone(base).join([fitted for fitted, _ in done[-len(pieces) :]])

    def fit_piece(self, base: Any, sets: sp.csr_matrix, fold: Any, weight: np.ndarray | None) -> BoosterBase:
        """As ``SharedFeatures.fit_piece``; columns are chosen by all labels."""
        return base.fit_bins(self._bin(base, fold, None), sets, weight)

    def _bin(self, base: BoosterBase, fold: Any, threads: int | None) -> Bins:
        rows = None if fold is None else fold[0]
        return base.bin(self.X, self.sets, rows=rows, groups=self.groups, n_jobs=threads)

    def score(self, fitted: BoosterBase, rows: np.ndarray) -> np.ndarray:
        """Scores of some rows; of wide features only what the trees know is copied."""
        own = fitted.columns_[: len(fitted.columns_) - len(self.columns)]
        columns = [column[rows] for column in self.columns]
        return fitted.margins(append_columns(take(self.X, rows, own), columns))
