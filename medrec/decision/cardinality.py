"""``Cardinality``: the predicted, or a given, number of best drugs of each record."""

from typing import Any

import numpy as np
import scipy.sparse as sp
from sklearn.linear_model import LogisticRegression

from medrec._checks import check_scores
from medrec.decision.sets import DecisionRule, blocks, none_at_all, sort_falling, take_best

_BEST = 20  # probabilities of a record that the size is predicted from


class Cardinality(DecisionRule):
    r"""As many of a record's best drugs as its set is predicted, or known, to have.

    The size is predicted from the record's probabilities alone: a multinomial logistic regression on the highest of
    them (as log-odds), their sum (the expected size), their variance :math:`\sum p (1 - p)` and :math:`\prod (1 - p)`,
    fitted on out-of-fold probabilities. The median of the predicted sizes is taken, which makes the expected distance
    from the true size least.

    Where the sizes are known, as where each drug of a text was masked, pass them: ``apply(scores, sizes=...)``. That
    needs no fit.

    Parameters
    ----------
    min_size : int or None, default=None
        Drugs at least in a set of predicted size. None: 0 where a set learned from is empty, else 1.
    max_size : int or None, default=None
        Drugs at most in a set of predicted size.
    C : float, default=1.0
        Inverse strength of the regression's L2 penalty.

    Attributes
    ----------
    sizes_ : ndarray
        Sizes that occurred, rising.
    centre_, spread_ : ndarray of shape (n_features,)
        What the features were standardised by.
    model_ : LogisticRegression or None
        None where all sets have one size.

    References
    ----------
    Tang, Rajan & Narayanan (2009), Large scale multi-label classification via MetaLabeler (WWW).

    Examples
    --------
    >>> rule = Cardinality()
    >>> rule.apply([[0.5, 0.1, 0.3], [0.2, 0.9, 0.4]], sizes=[2, 1]).toarray().tolist()
    [[1, 0, 1], [0, 1, 0]]
    >>> rule.fit([[0.9, 0.1], [0.8, 0.8]] * 9, [[1, 0], [1, 1]] * 9).apply([[0.1, 0.9], [0.8, 0.7]]).toarray().tolist()
    [[0, 1], [1, 1]]
    """

    learns_from_scores = True
    _takes_probabilities = True

    def __init__(self, *, min_size: int | None = None, max_size: int | None = None, C: float = 1.0) -> None:
        self.min_size = min_size
        self.max_size = max_size
        self.C = C

    def apply(self, scores: Any, sizes: Any = None) -> sp.csr_matrix:
        """Sets, CSR ``uint8`` (n_records, n_labels).

        Parameters
        ----------
        scores : array of shape (n_records, n_labels)
            Probabilities.
        sizes : array of shape (n_records,), optional
            Drugs of each record, whole numbers from 0 up; then nothing is predicted and any scores do. More than
            there are labels means all of them.

        Raises
        ------
        ValueError
            When ``sizes`` are no such numbers.
        """
        if sizes is None:
            return super().apply(scores)
        scores = check_scores(scores, who="Cardinality")
        given = np.asarray(sizes, dtype=np.float64)
        if given.shape != (len(scores),) or not ((given >= 0) & (given % 1 == 0)).all():
            raise ValueError(
                f"Cardinality: sizes must be {len(scores)} whole numbers from 0 up, one a record; got "
                f"{np.array2string(given, threshold=6)} of shape {given.shape}."
            )
        if not scores.shape[1]:
            return sp.csr_matrix(scores.shape, dtype=np.uint8)
        return take_best(scores, sort_falling(scores), np.minimum(given, scores.shape[1]))

    def _learn(self, scores: np.ndarray, sets: sp.csr_matrix, groups: Any) -> None:
        if not self.C > 0:
            raise ValueError(f"Cardinality: C must be above 0; got {self.C}.")
        size = np.diff(sets.indptr)
        self.sizes_ = np.unique(size)
        features = _features(scores)
        self.centre_, spread = features.mean(axis=0), features.std(axis=0)
        self.spread_ = np.where(spread > 1e-9, spread, 1.0)
        self.model_ = None
        if len(self.sizes_) > 1:
            self.model_ = LogisticRegression(C=self.C, max_iter=1000)
            self.model_.fit((features - self.centre_) / self.spread_, size)

    def _counts(self, scores: np.ndarray, falling: np.ndarray) -> np.ndarray:
        if self.model_ is None:
            return self._clip(np.full(len(scores), self.sizes_[0]), scores.shape[1])
        share = self.model_.predict_proba((_features(scores) - self.centre_) / self.spread_)
        median = np.argmax(np.cumsum(share, axis=1) >= 0.5 - 1e-12, axis=1)
        return self._clip(self.sizes_[median], scores.shape[1])


def _features(scores: np.ndarray) -> np.ndarray:
    """What the size of a record's set is predicted from, (n_records, min(n_labels, 20) + 3)."""
    parts = [np.empty((0, min(_BEST, scores.shape[1]) + 3))]
    for rows in blocks(*scores.shape):
        p = scores[rows]
        best = np.clip(sort_falling(p)[:, :_BEST], 1e-6, 1 - 1e-6)
        total, variance = p.sum(axis=1), (p * (1 - p)).sum(axis=1)
        parts.append(np.column_stack([np.log(best / (1 - best)), total, variance, none_at_all(p)]))
    return np.concatenate(parts)
