"""Patients into folds that look alike: every label has its share of every fold, and no patient is in two."""

from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse as sp

from medrec._checks import check_sets

ROUNDS = 5
"""Most sweeps of moves and of exchanges; far fewer are used where nothing is left to gain."""
PAIRS = 250_000
"""Pairs of patients that are tried in a sweep of exchanges; at least four partners for each."""
STARTS = 5
"""Attempts, where a label that could be in every fold is still absent from one."""


def check_groups(groups: Any, n_records: int, who: str) -> np.ndarray:
    """Patients as numbers 0, 1, … in the order of their names; without names every record is one.

    Raises
    ------
    ValueError
        When there is not one for each record, or one is missing.
    """
    if groups is None:
        return np.arange(n_records)
    names = np.asarray(groups)
    if names.shape != (n_records,):
        raise ValueError(f"{who}: groups must be one patient a record, ({n_records},); got {names.shape}.")
    if pd.isna(names).any():
        raise ValueError(f"{who}: groups must name every record's patient; got NaN. Give such records a name each.")
    try:
        return np.unique(names, return_inverse=True)[1].reshape(-1)
    except TypeError as error:
        raise ValueError(f"{who}: groups must be all texts or all numbers; got a mixture: {error}.") from error


def stratified_folds(Y: Any, groups: Any, share: Any, rng: np.random.RandomState, *, who: str) -> np.ndarray:
    """The fold of each record.

    Iterative stratification (Sechidis et al. 2011), with a patient's records as one: the label that the fewest
    patients still have is given out first, each patient to the fold that lacks most of that label. That looks at one
    label at a time, so afterwards patients move and change places while the whole table of labels by folds gets better:
    first, fewer labels are absent from a fold, of those whose patients would fill the least fold's share; then, less of

    .. math:: \\sum_k \\frac{(m_k - p_k n)^2}{p_k n} + \\frac{1}{L} \\sum_l \\chi^2_l, \\qquad
       \\chi^2_l = \\sum_k \\frac{(n_{lk} - p_k n_l)^2}{p_k n_l (1 - n_l / n)},

    where fold k is to have the share :math:`p_k`, and has :math:`m_k` of all n records, of which :math:`n_{lk}` have
    label l, as :math:`n_l` of all. The first part keeps folds equal in size; :math:`\\chi^2_l` is Pearson's statistic
    of whether a label depends on the fold, so that rare and frequent labels weigh the same.

    Parameters
    ----------
    Y : sparse or dense 0/1 matrix of shape (n_records, n_labels)
    groups : array of shape (n_records,) or None
        The patient of each record.
    share : array of shape (n_folds,)
        Parts of the records, above 0, that sum to 1.
    rng : RandomState
        Decides between equals.
    who : str
        Named in errors.

    Returns
    -------
    int array of shape (n_records,)

    Raises
    ------
    ValueError
        When there are fewer patients than folds.

    References
    ----------
    K. Sechidis, G. Tsoumakas, I. Vlahavas: On the stratification of multi-label data. ECML PKDD 2011.

    Examples
    --------
    >>> Y = [[1, 0], [1, 0], [0, 1], [0, 1]]
    >>> fold = stratified_folds(Y, None, [0.5, 0.5], np.random.RandomState(0), who="example")
    >>> bool(fold[0] != fold[1]), bool(fold[2] != fold[3])
    (True, True)
    """
    Y = check_sets(Y, who=who, name="y", copy=False)
    group = check_groups(groups, Y.shape[0], who)
    share = np.asarray(share, dtype=np.float64)
    n_groups, n_folds = int(group.max(initial=-1)) + 1, len(share)
    if n_groups < n_folds:
        raise ValueError(f"{who}: {n_folds} folds need at least {n_folds} patients; got {n_groups}. Ask for fewer.")
    counts = _group_counts(Y, group, n_groups, rng)
    fewest, best = np.inf, np.zeros(0, dtype=np.int64)
    for start in range(STARTS):
        given = np.full(n_groups, -1, dtype=np.int64)
        if start:  # half of the patients anywhere, because stratification alone would come to much the same
            given = np.where(rng.uniform(size=n_groups) < 0.5, rng.randint(n_folds, size=n_groups), given)
        absent, folds = _search(counts, share, given, rng)
        if absent < fewest:
            fewest, best = absent, folds
        if not absent:
            break
    return best[group]


def _search(
    counts: sp.csr_matrix, share: np.ndarray, folds: np.ndarray, rng: np.random.RandomState
) -> tuple[int, np.ndarray]:
    """Labels absent from folds though they have patients enough, and the fold of each patient, -1 being open."""
    from medrec.kernels.stratify import assign_groups, move_groups, swap_groups

    (n_groups, n_columns), n_folds = counts.shape, len(share)
    order = rng.permutation(n_groups)
    by_label = _by_label(counts, order)
    arrays = (counts.indptr, counts.indices, counts.data)
    table, holders = (np.zeros((n_columns, n_folds), dtype=np.int64) for _ in range(2))
    state = (folds, table, holders)
    assign_groups(arrays, by_label, share, *state)
    total = table.sum(axis=1).astype(np.float64)
    weight = _weights(total)
    enough = holders.sum(axis=1) * share.min() >= 1.0 - 1e-9
    enough[-1] = True  # every fold has a patient
    goal = (arrays, share, weight, enough, total)
    for _ in range(ROUNDS):
        if not move_groups(order, *goal, *state):
            break
    tries = min(max(4, PAIRS // n_groups), n_groups - 1)
    for _ in range(ROUNDS):
        order = rng.permutation(n_groups)
        if not swap_groups(order, tries, *goal, *state) + move_groups(order, *goal, *state):
            break
    return int((holders[enough] == 0).sum()), folds


def _weights(total: np.ndarray) -> np.ndarray:
    """Of squared deviations, by label and, last, of the number of records."""
    held, n_records = total[:-1], total[-1]
    differ = (held > 0) & (held < n_records)
    weight = np.zeros(len(total))
    weight[:-1][differ] = 1.0 / (held[differ] * (1.0 - held[differ] / n_records)) / max(differ.sum(), 1)
    weight[-1] = 1.0 / n_records
    return weight


def _group_counts(Y: sp.csr_matrix, group: np.ndarray, n_groups: int, rng: np.random.RandomState) -> sp.csr_matrix:
    """Records of each patient by label, and by no label in the last column: all of them.

    Labels are put in an order that depends on who has them, so that folds do not depend on the order of columns.
    """
    n_records = Y.shape[0]
    member = sp.csr_matrix((np.ones(n_records, dtype=np.int64), (group, np.arange(n_records))), (n_groups, n_records))
    counts = sp.csr_matrix(member @ Y.astype(np.int64))
    marks = rng.randint(0, 2**62, size=n_groups, dtype=np.int64)
    order = np.argsort(counts.T @ marks, kind="stable")  # sums wrap around, which does no harm
    sizes = sp.csr_matrix(np.bincount(group, minlength=n_groups)[:, None])
    counts = sp.hstack([counts[:, order], sizes], format="csr")
    counts.sort_indices()
    return counts


def _by_label(counts: sp.csr_matrix, order: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """CSC of the patients of each label: most records of it first, of equals as in ``order``."""
    n_groups, n_columns = counts.shape
    rank = np.empty(n_groups, dtype=np.int64)
    rank[order] = np.arange(n_groups)
    rows = np.repeat(np.arange(n_groups), np.diff(counts.indptr))
    entries = np.lexsort((rank[rows], -counts.data, counts.indices))
    starts = np.concatenate([[0], np.cumsum(np.bincount(counts.indices, minlength=n_columns))])
    return starts, rows[entries]
