"""Isotonic calibration of many labels at once, rare ones leaning on the others."""

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.isotonic import isotonic_regression
from sklearn.utils.validation import check_is_fitted

from medrec._checks import check_scores, check_sets
from medrec.decision.calibration import PlattCalibrator


class IsotonicCalibrator(BaseEstimator):
    r"""Scores to probabilities by one rising step function a label.

    Scores first get the probabilities p of :class:`PlattCalibrator`, which brings the labels to one scale. An isotonic
    regression g of the sets on p over all labels pooled says what such a p is worth. Each label's own function then
    minimises

    .. math:: \sum_i (f(p_i) - y_i)^2 + \frac{\lambda}{n_+} \sum_i (f(p_i) - g(p_i))^2

    over rising f, with :math:`n_+` the label's positives: with few of them it stays at g, with many it is its own; with
    none it is g. Between scores that were learned from, f is linear.

    It can follow what a sigmoid cannot, and needs more records for it; it makes equal scores of unequal ones.

    Parameters
    ----------
    shrinkage : float, default=20.0
        :math:`\lambda`, in positives: how much evidence a label needs to leave the pooled function. ``inf``
        gives every label the pooled one.

    Attributes
    ----------
    platt_ : PlattCalibrator
    knots_, values_ : ndarray
        Places p and values f of all labels, label after label.
    starts_ : ndarray of shape (n_labels + 1,)
        Where each label's knots start.

    References
    ----------
    Zadrozny & Elkan (2002), Transforming classifier scores into accurate multiclass probability estimates (KDD).

    Examples
    --------
    >>> import numpy as np
    >>> scores = np.array([[0.1], [0.2], [0.8], [0.9]] * 25)
    >>> calibrator = IsotonicCalibrator().fit(scores, np.array([[0], [0], [1], [1]] * 25))
    >>> calibrator.transform([[0.0], [1.0]]).ravel().tolist()
    [0.0, 1.0]
    """

    def __init__(self, *, shrinkage: float = 20.0) -> None:
        self.shrinkage = shrinkage

    def fit(self, scores: Any, Y: Any, groups: Any = None, sample_weight: Any = None) -> "IsotonicCalibrator":
        """Learn the functions from out-of-fold ``scores`` (n_records, n_labels) and the sets ``Y``.

        Parameters
        ----------
        scores : array of shape (n_records, n_labels)
            Scores of models that did not see the record.
        Y : CSR or array of shape (n_records, n_labels)
            The drugs of each record, 0 or 1.
        groups : ignored
            Taken because decision rules take it.
        sample_weight : array of shape (n_records,) or (n_records, n_labels), optional
            How often each record, or each record and drug, counts.

        Raises
        ------
        ValueError
            When shapes differ, scores are not finite, or a weight is negative.
        """
        who = "IsotonicCalibrator"
        if not self.shrinkage >= 0:
            raise ValueError(f"{who}: shrinkage must be at least 0; got {self.shrinkage}.")
        sets = check_sets(Y, who=who)
        scores = check_scores(scores, who=who, shape=sets.shape)
        self.platt_ = PlattCalibrator().fit(scores, sets, sample_weight=sample_weight)
        p, target = self.platt_.transform(scores), sets.toarray().astype(np.float64)
        weight = np.ones(sets.shape) if sample_weight is None else np.asarray(sample_weight, dtype=np.float64)
        weight = np.broadcast_to(weight if weight.ndim == 2 else weight[:, None], sets.shape)
        pooled = _rising(p.ravel(), target.ravel(), weight.ravel())
        parts = [self._label(p[:, at], target[:, at], weight[:, at], pooled) for at in range(sets.shape[1])]
        self.starts_ = np.concatenate([[0], np.cumsum([len(knots) for knots, _ in parts])]).astype(np.int64)
        self.knots_, self.values_ = (
            np.concatenate([part[side] for part in parts]) if parts else np.empty(0) for side in (0, 1)
        )
        return self

    def _label(self, p: np.ndarray, target: np.ndarray, weight: np.ndarray, pooled: Any) -> Any:
        positives = float((weight * target).sum())
        if positives == 0 or not np.isfinite(self.shrinkage):
            return pooled
        pull = self.shrinkage / positives
        prior = np.interp(p, *pooled)
        return _rising(p, (target + pull * prior) / (1 + pull), weight)

    def transform(self, scores: Any) -> np.ndarray:
        """Probabilities (n_records, n_labels) of ``scores`` of the same shape."""
        check_is_fitted(self)
        p = self.platt_.transform(scores)
        for label, (start, end) in enumerate(zip(self.starts_[:-1], self.starts_[1:])):
            p[:, label] = np.interp(p[:, label], self.knots_[start:end], self.values_[start:end])
        return p


def _rising(p: np.ndarray, target: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Knots and values of the rising function of least weighted squares; one of nothing is the identity."""
    counted = weight > 0
    if not counted.any():
        return np.array([0.0, 1.0]), np.array([0.0, 1.0])
    knots, place = np.unique(p[counted], return_inverse=True)
    total = np.bincount(place, weights=weight[counted])
    mean = np.bincount(place, weights=weight[counted] * target[counted]) / total
    values = np.clip(isotonic_regression(mean, sample_weight=total), 0.0, 1.0)
    # A step needs its two ends only.
    inner = np.concatenate([[True], (values[1:-1] != values[:-2]) | (values[1:-1] != values[2:]), [True]])
    keep = inner[: len(values)] if len(values) > 1 else np.array([True])
    return knots[keep], values[keep]
