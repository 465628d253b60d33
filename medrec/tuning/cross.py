"""Cross-validated scores and sets of every record."""

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.sparse as sp

from medrec._parallel import side_by_side
from medrec.datasets import Dataset
from medrec.recommenders.folds import Folds, patient_folds


def fit_records(pipeline: Any, data: Dataset) -> Any:
    """Fit a Pipeline on a Dataset, its patients kept together in inner folds of features and recommender.

    Parameters
    ----------
    pipeline : Pipeline
        Of the steps ``features`` and ``recommender``; see ``make_recommender``.
    data : Dataset
        Records and their drugs.
    """
    return pipeline.fit(data.records, data.Y, features__groups=data.groups, recommender__groups=data.groups)


def cross_decide(
    make: Callable[[], Any],
    data: Dataset,
    *,
    n_splits: int = 5,
    random_state: int = 0,
    cv: Any = None,
    fit: Callable[[Any, Dataset], Any] = fit_records,
    n_jobs: int | None = None,
) -> tuple[np.ndarray, sp.csr_matrix, sp.csr_matrix]:
    """Score and decide every record by a model that was fitted without its patient.

    Parameters
    ----------
    make : callable
        Gives an unfitted Pipeline that ends in a recommender.
    data : Dataset
        Records and their drugs.
    n_splits : int, default=5
        Folds.
    random_state : int, default=0
        Seed of the folds.
    cv : int, splitter or iterable of (train, test), optional
        Folds of another kind, in which every record is tested once: ``GroupedIterativeSplit()`` for rare drugs in each,
        any splitter of scikit-learn, or rows; it must itself keep the records of a patient together. A number is
        another name for ``n_splits``. Default: shuffled patients.
    fit : callable, optional
        ``fit(pipeline, dataset)``; default: ``fit_records``.
    n_jobs : int, optional
        Folds at a time, in processes of their own; None is one. On a Dask cluster (``joblib.parallel_config("dask")``)
        all folds are its tasks. The result does not depend on it. Leave the pipeline's own ``n_jobs`` at one then.

    Returns
    -------
    scores : ndarray of shape (n_records, n_labels)
        Calibrated probabilities.
    safe : CSR of shape (n_records, n_labels)
        Sets after the interaction filter.
    decided : CSR of shape (n_records, n_labels)
        Sets before it.

    Raises
    ------
    ValueError
        When there are fewer than two patients, or ``cv`` does not test every record once, by others.

    Examples
    --------
    >>> from medrec.datasets import load
    >>> from medrec.recommenders import make_recommender
    >>> data = load("synthetic:records=60,seed=0")
    >>> scores, safe, decided = cross_decide(lambda: make_recommender("prior", schema=data.schema), data, n_splits=2)
    >>> scores.shape == safe.shape == decided.shape == data.Y.shape
    True
    """
    folds = _folds(data, n_splits if cv is None else cv, random_state)
    parts = side_by_side(_decide_fold, folds, shared=[(make, fit, data)], n_jobs=n_jobs)
    back = np.argsort(np.concatenate([test for _, test in folds]))
    scores = np.concatenate([part[0] for part in parts])[back]
    safe, decided = (sp.csr_matrix(sp.vstack([part[at] for part in parts], format="csr"))[back] for at in (1, 2))
    return scores, safe, decided


def _decide_fold(
    fold: tuple[np.ndarray, np.ndarray], work: tuple[Callable[[], Any], Callable[[Any, Dataset], Any], Dataset]
) -> tuple[np.ndarray, sp.csr_matrix, sp.csr_matrix]:
    """Scores, safe sets and decided sets of the records that a fold holds out."""
    train, test = fold
    make, fit, data = work
    pipeline = fit(make(), data.subset(train))
    scores = pipeline.predict_proba(data.records.iloc[test])
    safe, decided = pipeline[-1].decide(scores)[:2]
    return scores, safe, decided


def _folds(data: Dataset, cv: Any, random_state: int) -> Folds:
    """The rows of each fold, of which every record is tested in one."""
    if hasattr(cv, "split") or np.iterable(cv):
        folds = cv.split(data.records, data.Y, data.groups) if hasattr(cv, "split") else cv
        folds = [(_rows(train), _rows(test)) for train, test in folds]
        tested = np.concatenate([np.zeros(0, dtype=int), *(test for _, test in folds)])
        if not np.array_equal(np.sort(tested), np.arange(len(data))):
            raise ValueError(
                f"cross_decide: cv must test each of {len(data)} records once; got {len(tested)} tests of "
                f"{len(np.unique(tested))} records. Give a partition, such as GroupedIterativeSplit()."
            )
        if any(np.isin(test, train).any() for train, test in folds):
            raise ValueError("cross_decide: cv has records trained on and tested in one fold. Keep them apart.")
        return folds
    folds = patient_folds(len(data), cv, data.groups, random_state)
    if not folds:
        raise ValueError("cross_decide: folds need at least two patients.")
    return folds


def _rows(rows: Any) -> np.ndarray:
    """Rows as numbers, from numbers or a mask."""
    rows = np.asarray(rows)
    return np.flatnonzero(rows) if rows.dtype == bool else rows
