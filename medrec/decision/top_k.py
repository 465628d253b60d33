"""``TopK``: the same number of drugs for every record."""

from typing import Any

import numpy as np
import scipy.sparse as sp

from medrec.decision.sets import DecisionRule


class TopK(DecisionRule):
    """The k drugs of highest score of each record (R-cut).

    Parameters
    ----------
    k : int or None, default=None
        Drugs of each record. None: the mean size of the sets learned from, rounded, at least 1.

    Attributes
    ----------
    k_ : int
        The number in use.

    References
    ----------
    Yang (2001), A study of thresholding strategies for text categorization (SIGIR): RCut.

    Examples
    --------
    >>> TopK(2).fit([[0.5, 0.1, 0.3]], [[1, 0, 0]]).apply([[0.5, 0.1, 0.3]]).toarray().tolist()
    [[1, 0, 1]]
    """

    min_size = max_size = None

    def __init__(self, k: int | None = None) -> None:
        self.k = k

    def _check_options(self, who: str) -> None:
        if self.k is not None and not self.k >= 1:
            raise ValueError(f"{who}: k must be at least 1, or None; got {self.k}.")

    def _learn(self, scores: Any, sets: sp.csr_matrix, groups: Any) -> None:
        mean = sets.nnz / max(1, sets.shape[0])
        self.k_ = int(self.k) if self.k is not None else max(1, int(np.floor(mean + 0.5)))

    def _counts(self, scores: np.ndarray, falling: np.ndarray) -> np.ndarray:
        return np.full(len(scores), min(self.k_, scores.shape[1]))
