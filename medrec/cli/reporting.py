"""What ``evaluate`` and ``demo`` put into the page beside figures: cards, the frontier, records to look at."""

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import joblib
import numpy as np

from medrec._progress import progress
from medrec.datasets import Dataset
from medrec.explain import extreme_records, record_examples
from medrec.recommenders.folds import Folds, patient_folds
from medrec.report import RecordExample, SystemResult, ddi_frontier
from medrec.safety import DDIGraph

SECONDS = "seconds to fit and predict"
FRONTIER_RECORDS = 5000
"""The frontier is made of so many records at most, evenly taken: each of its points decides all of them."""


class KeptFolds:
    """A ``fit`` for ``cross_decide`` that keeps what it fitted, on disk: five models need not fit into memory.

    Parameters
    ----------
    fit : callable
        ``fit(pipeline, dataset)``.
    folder : Path
        Where the models are kept, by the fingerprint of what they learned from.
    """

    def __init__(self, fit: Callable[[Any, Dataset], Any], folder: Path) -> None:
        self.fit = fit
        self.folder = folder

    def __call__(self, pipeline: Any, data: Dataset) -> Any:
        """Fit and keep."""
        fitted = self.fit(pipeline, data)
        if self.folder.exists():  # not on another machine of a cluster
            joblib.dump(fitted, self._path(data))
        return fitted

    def of(self, data: Dataset) -> Any | None:
        """The model that learned from ``data``; None where it was fitted on another machine."""
        path = self._path(data)
        return joblib.load(path) if path.exists() else None

    def _path(self, data: Dataset) -> Path:
        return self.folder / f"{data.fingerprint()}.joblib"


def temporary_folder() -> tempfile.TemporaryDirectory:
    """A folder for :class:`KeptFolds` that goes when the block ends."""
    return tempfile.TemporaryDirectory(prefix="medrec-folds-")


def folds_of(data: Dataset, n_splits: int, seed: int) -> tuple[Folds, np.ndarray, np.ndarray]:
    """The folds of ``cross_decide``, the fold that tests each record, and the training records of each drug in each."""
    folds = patient_folds(len(data), n_splits, data.groups, seed)
    fold = np.zeros(len(data), dtype=np.int64)
    for place, (_, test) in enumerate(folds):
        fold[test] = place
    counts = np.stack([np.asarray(data.Y[train].sum(axis=0)).ravel() for train, _ in folds])
    return folds, fold, counts


def examples_of(
    models: Mapping[int, Callable[[], Any]], fold: np.ndarray, truth: Dataset, system: SystemResult, count: int
) -> list[RecordExample]:
    """The worst and best records of a system, each explained by the model that had not seen it.

    Parameters
    ----------
    models : mapping of int to callable
        For each fold what gives its fitted pipeline, or None where there is none.
    fold : int array of shape (n_records,)
    truth : Dataset
    system : SystemResult
    count : int
        Worst and best records, so many each.
    """
    rows = extreme_records(truth.Y, system.sets, truth.groups, count=count)
    found: dict[int, RecordExample] = {}
    for place in progress(sorted({int(fold[row]) for row, _ in rows}), desc="explaining records"):
        pipeline = models[place]()
        some = [one for one in rows if fold[one[0]] == place]
        if pipeline is not None:
            made = record_examples(pipeline, truth, system.sets, some, model=system.name)
            found.update(zip((row for row, _ in some), made))
    return [found[row] for row, _ in rows if row in found]


def frontier_of(graph: DDIGraph | None, truth: Dataset, system: SystemResult) -> Any:
    """Quality against the interaction rate of a system, None where nothing interacts."""
    if graph is None or system.scores is None or system.sets_unfiltered is None:
        return None
    rows = np.arange(len(truth))
    if len(rows) > FRONTIER_RECORDS:
        rows = np.linspace(0, len(rows) - 1, FRONTIER_RECORDS).astype(int)
    before = system.sets_unfiltered[rows]
    if not graph.count_pairs(before).any():
        return None
    table = ddi_frontier(system.scores[rows], truth.Y[rows], graph, Z=before)
    table.attrs["records"] = len(rows)
    return table
