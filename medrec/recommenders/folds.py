"""Folds that keep a patient's records together."""

from typing import Any

import numpy as np
from sklearn.model_selection import GroupKFold, KFold

Folds = list[tuple[np.ndarray, np.ndarray]]
"""Rows to fit on and rows to score, for each fold."""


def patient_folds(n_records: int, n_splits: int, groups: Any = None, random_state: int = 0) -> Folds:
    """Shuffled folds; all records of a patient stand in one of them.

    Parameters
    ----------
    n_records : int
        Number of records.
    n_splits : int
        Folds, at least 2; fewer where there are fewer patients, and none for a single one.
    groups : array of shape (n_records,), optional
        The patient of each record; default: every record is a patient of its own.
    random_state : int, default=0
        Seed of the shuffle.

    Raises
    ------
    ValueError
        When ``n_splits`` is below 2.

    Examples
    --------
    >>> [test.tolist() for _, test in patient_folds(4, 2, groups=[7, 7, 8, 9])]
    [[2, 3], [0, 1]]
    """
    if isinstance(n_splits, bool) or not isinstance(n_splits, (int, np.integer)) or n_splits < 2:
        raise ValueError(f"patient_folds: folds must be a whole number of at least 2; got {n_splits!r}.")
    distinct = n_records if groups is None else len(np.unique(np.asarray(groups)))
    n_splits = min(int(n_splits), distinct)
    if n_splits < 2:
        return []
    rows = np.zeros(n_records)
    if groups is None:
        return list(KFold(n_splits, shuffle=True, random_state=random_state).split(rows))
    return list(GroupKFold(n_splits, shuffle=True, random_state=random_state).split(rows, groups=groups))
