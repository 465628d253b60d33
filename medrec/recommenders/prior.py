"""``PriorRecommender``: the drugs that usually go with what a record names."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.sparse as sp
from scipy.special import logit

from medrec.recommenders.base import BaseRecommender
from medrec.recommenders.folds import Folds


class PriorRecommender(BaseRecommender):
    r"""Drug frequencies by diagnosis: the floor that every other model must beat.

    For a code :math:`c` the drug's smoothed frequency is
    :math:`p(d \mid c) = (n_{cd} + \alpha\,p(d)) / (n_c + \alpha)`; a record's score is the mean over the codes that
    it holds (non-zero columns of ``X``), and :math:`p(d)` for a record without any.

    Parameters
    ----------
    smoothing : float, default=2.0
        :math:`\alpha`, in records.
    decision : str or rule, default="expected-jaccard"
        From scores to sets.
    drug_names : sequence of str, optional
        Names of the labels; default: ``Y``'s columns, or numbers.
    ddi : DDIFilter, DDIGraph or DataFrame, optional
        What ``predict`` filters by; of a graph or a table of pairs, no interacting pair is kept. Default: no filter.
    cv : int or None, default=5
        Inner folds for out-of-fold scores; None leaves probabilities uncalibrated.
    random_state : int, default=0
        Seed of the inner folds.

    Attributes
    ----------
    code_drug_ : ndarray of shape (n_features, n_labels)
        :math:`p(d \mid c)`.

    Examples
    --------
    >>> prior = PriorRecommender(smoothing=0.1, drug_names=["insulin", "aspirin"])
    >>> X, Y = [[1, 0], [1, 0], [0, 1], [0, 1]], [[1, 0], [1, 0], [0, 1], [0, 1]]
    >>> prior.fit(X, Y).recommend([[1, 0]])["drug"].tolist()
    ['insulin']
    """

    def __init__(
        self,
        *,
        smoothing: float = 2.0,
        decision: Any = "expected-jaccard",
        drug_names: Sequence[str] | None = None,
        ddi: Any = None,
        cv: int | None = 5,
        random_state: int = 0,
    ) -> None:
        self.smoothing = smoothing
        self.decision = decision
        self.drug_names = drug_names
        self.ddi = ddi
        self.cv = cv
        self.random_state = random_state

    def _fit_scores(
        self, X: Any, sets: sp.csr_matrix, folds: Folds, weight: np.ndarray | None, groups: Any
    ) -> np.ndarray:
        if not self.smoothing > 0:
            raise ValueError(f"PriorRecommender: smoothing must be above 0; got {self.smoothing}.")
        if weight is not None and weight.ndim == 2:
            raise ValueError("PriorRecommender: sample_weight must be (n_records,); weights by drug are not used.")
        present = _present(X)
        targets = sets.astype(np.float64)
        # Weights multiply what a record counts for; a record of weight 2 counts as two.
        weight = np.ones(len(present.indptr) - 1) if weight is None else weight
        out_of_fold = np.zeros(sets.shape)
        for train, test in folds:
            table, prior = self._table(present[train], targets[train], weight[train])
            out_of_fold[test] = _mean(present[test], table, prior)
        self.code_drug_, self.prior_ = self._table(present, targets, weight)
        return _logit(out_of_fold)

    def _table(self, present: sp.csr_matrix, targets: sp.csr_matrix, weight: np.ndarray) -> tuple[np.ndarray, ...]:
        weighted = sp.diags(weight) @ present
        prior = (targets.T @ weight + 0.5) / (weight.sum() + 1.0)
        together = (weighted.T @ targets).toarray()
        count = np.asarray(weighted.sum(axis=0)).ravel()
        return (together + self.smoothing * prior) / (count + self.smoothing)[:, None], prior

    def _scores(self, X: Any) -> np.ndarray:
        return _logit(_mean(_present(X), self.code_drug_, self.prior_))


def _present(X: Any) -> sp.csr_matrix:
    present = sp.csr_matrix(X, copy=True)
    present.eliminate_zeros()
    present.data = np.ones_like(present.data, dtype=np.float64)
    return present


def _mean(present: sp.csr_matrix, table: np.ndarray, prior: np.ndarray) -> np.ndarray:
    count = np.diff(present.indptr)
    scores = present @ table / np.maximum(count, 1)[:, None]
    scores[count == 0] = prior
    return scores


def _logit(frequency: np.ndarray) -> np.ndarray:
    return logit(np.clip(frequency, 1e-9, 1 - 1e-9))
