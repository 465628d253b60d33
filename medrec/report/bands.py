"""Frequent and rare drugs: quality in bands of how often training records have a drug."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import scipy.sparse as sp

from medrec.metrics import resampled_means

EDGES = (0, 5, 20)
"""Training records of the rarest bands at most; all that is more frequent is the last."""


class Bands(NamedTuple):
    """Which band each drug is in.

    Parameters
    ----------
    names : tuple of str
        From the rarest to the most frequent.
    of_label : int array of shape (n_folds, n_labels)
        The band of each drug, in each fold.
    folds : int array of shape (n_records,)
        The fold of each record.
    rule : str
        What the bands are, in words.
    of_training : bool
        Whether they are of training records, which their names then count.
    """

    names: tuple[str, ...]
    of_label: np.ndarray
    folds: np.ndarray
    rule: str
    of_training: bool

    def of(self, sets: sp.csr_matrix) -> np.ndarray:
        """The drugs of each record in each band, (n_records, n_bands)."""
        rows = np.repeat(np.arange(sets.shape[0]), np.diff(sets.indptr))
        cells = rows * len(self.names) + self.of_label[self.folds[rows], sets.indices]
        shape = (sets.shape[0], len(self.names))
        return np.bincount(cells, minlength=shape[0] * shape[1]).reshape(shape)

    def drugs(self) -> np.ndarray:
        """Drugs of each band, the mean over folds, (n_bands,)."""
        n_folds = max(1, len(self.of_label))
        return np.bincount(self.of_label.ravel(), minlength=len(self.names)) / n_folds


def training_bands(train_counts: Any, folds: Any, shape: tuple[int, int]) -> Bands:
    """Bands by the training records that have a drug.

    Parameters
    ----------
    train_counts : int array of shape (n_labels,) or (n_folds, n_labels)
        Records that have each drug, among those that the models learned from.
    folds : int array of shape (n_records,) or None
        The row of ``train_counts`` that holds for each record.
    shape : (n_records, n_labels)
        Of what is evaluated.

    Raises
    ------
    ValueError
        When the counts are not one a label, or folds are missing or out of range.

    Examples
    --------
    >>> bands = training_bands([0, 3, 90], None, (1, 3))
    >>> [bands.names[at] for at in bands.of_label[0]]
    ['never seen', '1–5', 'over 20']
    """
    counts = np.atleast_2d(np.asarray(train_counts))
    if counts.ndim != 2 or counts.shape[1] != shape[1] or (counts < 0).any():
        raise ValueError(
            f"write_report: train_counts must be {shape[1]} numbers from 0, one a label, or a row of them a fold; "
            f"got shape {np.shape(train_counts)}. Pass Y_train.sum(axis=0)."
        )
    if folds is None and len(counts) > 1:
        raise ValueError(f"write_report: train_counts have {len(counts)} rows; say in folds which holds for a record.")
    folds = np.zeros(shape[0], dtype=np.int64) if folds is None else np.asarray(folds)
    if folds.shape != (shape[0],) or (len(folds) and not 0 <= folds.min() <= folds.max() < len(counts)):
        raise ValueError(
            f"write_report: folds must be {shape[0]} numbers from 0 to {len(counts) - 1}, one a record; "
            f"got shape {folds.shape}."
        )
    names = ["never seen"]
    names += [f"{low + 1}–{high}" for low, high in pairwise(EDGES)]
    rule = "Bands are by the number of training records that have a drug"
    rule += "." if len(counts) == 1 else ", in each fold its own."
    return Bands((*names, f"over {EDGES[-1]}"), np.searchsorted(EDGES, counts, side="left"), folds, rule, True)


def prescription_bands(frequencies: Any, n_records: int) -> Bands:
    """Bands of about a third of all prescriptions each, where nothing is known of the training.

    Drugs that nobody has belong to the tail.

    Examples
    --------
    >>> bands = prescription_bands([10, 1, 4, 0, 5, 3, 2, 5], 10)
    >>> [bands.names[at] for at in bands.of_label[0]]
    ['head', 'tail', 'tail', 'tail', 'middle', 'tail', 'tail', 'middle']
    """
    frequencies = np.asarray(frequencies, dtype=np.float64)
    order = np.argsort(-frequencies, kind="stable")
    middles = np.cumsum(frequencies[order]) - frequencies[order] / 2
    band = np.zeros(len(frequencies), dtype=np.int64)
    if frequencies.sum() > 0:
        band[order] = 2 - np.minimum(np.floor(3 * middles / frequencies.sum()), 2).astype(np.int64)
        band[order[0]] = 2
    band[frequencies == 0] = 0
    rule = (
        "Bands are by the prescriptions in the records above: each has about a third of them, so the tail has most "
        "of the drugs. How often the training records have a drug was not given."
    )
    return Bands(("tail", "middle", "head"), band[None], np.zeros(n_records, dtype=np.int64), rule, False)


def count_text(count: float) -> str:
    """A number of drugs, which is a mean over folds, in words that do not call few none.

    Examples
    --------
    >>> [count_text(count) for count in (0.0, 0.4, 1.2, 1234.0)]
    ['0', 'under 1', '1', '1,234']
    """
    return "under 1" if 0 < count < 0.5 else f"{count:,.0f}"


def band_table(
    true: sp.csr_matrix, sets: sp.csr_matrix, bands: Bands, *, groups: Any, n_resamples: int, seed: int
) -> pd.DataFrame:
    """Micro averages of each band, with the interval of F1 over patients.

    Returns
    -------
    DataFrame indexed by band
        Columns ``drugs``, ``prescribed``, ``recommended``, ``precision``, ``recall``, ``f1``, ``f1_low`` and
        ``f1_high``; nan where there is nothing to divide by.

    Examples
    --------
    >>> sets = [sp.csr_matrix(rows) for rows in ([[1, 1], [0, 1]], [[0, 1], [1, 1]])]
    >>> table = band_table(*sets, training_bands([9, 0], None, (2, 2)), groups=None, n_resamples=9, seed=0)
    >>> table.loc["never seen", ["prescribed", "precision", "f1"]].tolist()
    [2.0, 1.0, 1.0]
    """
    tp, t, p = (bands.of(one) for one in (sp.csr_matrix(true.multiply(sets)), true, sets))
    hits, prescribed, recommended = (one.sum(axis=0) for one in (tp, t, p))
    table = pd.DataFrame({"drugs": bands.drugs(), "prescribed": prescribed, "recommended": recommended})
    table.index = pd.Index(bands.names, name="band")
    table["precision"] = _shares(hits, recommended)
    table["recall"] = _shares(hits, prescribed)
    table["f1"] = _shares(2 * hits, prescribed + recommended)
    weights = (t + p).astype(np.float64)
    values = np.divide(2.0 * tp, weights, out=np.full(tp.shape, np.nan), where=weights > 0)
    means = resampled_means(values, groups, weights=weights, n_resamples=n_resamples, seed=seed)
    intervals = np.full((2, len(bands.names)), np.nan)
    for at, column in enumerate(means.T):
        if not np.isnan(column).all():
            intervals[:, at] = np.nanquantile(column, [0.025, 0.975])
    table["f1_low"], table["f1_high"] = intervals
    return table


def _shares(part: Sequence[int] | np.ndarray, whole: Sequence[int] | np.ndarray) -> np.ndarray:
    return np.divide(part, whole, out=np.full(len(whole), np.nan), where=np.asarray(whole) > 0)
