"""The numbers behind the plots: calibration and set sizes."""

from typing import NamedTuple

import numpy as np
import scipy.sparse as sp


class Reliability(NamedTuple):
    """Calibration of scores, one entry a bin of equal width."""

    score: np.ndarray
    observed: np.ndarray
    cells: np.ndarray


def reliability(Y: sp.csr_matrix, scores: np.ndarray, *, bins: int = 10, least: int = 20) -> Reliability | None:
    """Mean score and observed share of (record, drug) cells in bins of the score.

    Parameters
    ----------
    Y : canonical CSR matrix of shape (n_records, n_labels)
    scores : array of shape (n_records, n_labels)
    bins : int, default=10
    least : int, default=20
        Bins with fewer cells are left out.

    Returns
    -------
    Reliability or None
        None where scores leave [0, 1] and so are no probabilities.

    Examples
    --------
    >>> import scipy.sparse as sp
    >>> import numpy as np
    >>> curve = reliability(sp.csr_matrix([[1, 0]] * 10), np.array([[0.75, 0.25]] * 10), least=1)
    >>> curve.observed.tolist(), curve.score.tolist()
    ([0.0, 1.0], [0.25, 0.75])
    """
    if not scores.size or scores.min() < 0 or scores.max() > 1:
        return None

    def binned(values: np.ndarray) -> np.ndarray:
        return np.minimum((values * bins).astype(np.int64), bins - 1)

    flat = scores.ravel()
    place = binned(flat)
    count = np.bincount(place, minlength=bins)
    total = np.bincount(place, weights=flat, minlength=bins)
    rows = np.repeat(np.arange(Y.shape[0]), np.diff(Y.indptr))
    hits = np.bincount(binned(scores[rows, Y.indices]), minlength=bins)
    kept = count >= max(1, least)
    return Reliability(total[kept] / count[kept], hits[kept] / count[kept], count[kept])


def size_shares(sets: sp.csr_matrix, largest: int) -> np.ndarray:
    """Share of the records with 0, 1, … ``largest`` or more labels."""
    sizes = np.minimum(np.diff(sets.indptr), largest)
    return np.bincount(sizes, minlength=largest + 1) / max(1, len(sizes))
