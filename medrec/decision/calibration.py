"""Platt calibration of many labels at once, rare ones leaning on the others."""

from typing import Any

import numpy as np
from scipy.special import expit
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from medrec._checks import check_scores, check_sets

_FAST = 1e12  # a shrinkage that nothing moves


class PlattCalibrator(BaseEstimator):
    r"""Scores to probabilities by one sigmoid a label.

    For label :math:`l` the probability is :math:`\sigma(a_l s + b_l)` with :math:`a_l \ge 0`: a higher score never
    means a lower probability, and scores that rank a label backwards count for nothing. A pooled pair
    :math:`(a, b)` is fitted on the scores of all labels, towards the targets of Lin, Lin & Weng; each label's own
    pair maximises its log-likelihood less :math:`\tfrac{\lambda}{2} ((a_l - a)/a)^2 + \tfrac{\mu}{2} (b_l - b)^2`,
    so a label with few positives keeps the pooled sigmoid and a frequent one gets its own. A slope takes more evidence
    than an intercept, so by default it is held faster. Where the pooled slope is 0, so is every label's.

    Parameters
    ----------
    slope_shrinkage : float, default=100.0
        :math:`\lambda`: how much evidence a label needs to leave the pooled slope. ``inf``: none may.
    intercept_shrinkage : float, default=1.0
        :math:`\mu`, the same of the intercept.
    max_iter : int, default=50
        Newton steps at most.

    Attributes
    ----------
    slope_, intercept_ : ndarray of shape (n_labels,)
        :math:`a_l`, never below 0, and :math:`b_l`.

    References
    ----------
    Platt (1999), Probabilistic outputs for support vector machines; Lin, Lin & Weng (2007), A note on Platt's
    probabilistic outputs.

    Examples
    --------
    >>> import numpy as np
    >>> scores = np.array([[2.0], [1.0], [-1.0], [-2.0]])
    >>> PlattCalibrator().fit(scores, [[1], [0], [1], [0]]).transform(scores).round(2).ravel().tolist()
    [0.6, 0.55, 0.45, 0.4]
    """

    def __init__(self, *, slope_shrinkage: float = 100.0, intercept_shrinkage: float = 1.0, max_iter: int = 50) -> None:
        self.slope_shrinkage = slope_shrinkage
        self.intercept_shrinkage = intercept_shrinkage
        self.max_iter = max_iter

    def fit(self, scores: Any, Y: Any, groups: Any = None, sample_weight: Any = None) -> "PlattCalibrator":
        """Learn the sigmoids from out-of-fold ``scores`` (n_records, n_labels) and the sets ``Y``.

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
            When shapes differ, scores are not finite, or a weight or a shrinkage is negative.
        """
        for option in ("slope_shrinkage", "intercept_shrinkage"):
            if not getattr(self, option) >= 0:
                raise ValueError(f"PlattCalibrator: {option} must be at least 0; got {getattr(self, option)}.")
        sets = check_sets(Y, who="PlattCalibrator")
        scores = check_scores(scores, who="PlattCalibrator", shape=sets.shape)
        target = sets.toarray().astype(bool)
        weight = _weights(sample_weight, sets.shape)
        # With nothing to learn from, the slope stays where it starts: one unit of spread is one of log-odds.
        start = 1.0 / _spread(scores[weight > 0])
        flat = (one.reshape(-1, 1) for one in (scores, target, weight))
        pooled = _fit(*flat, centre=(start, 0.0), penalty=(1e-6, 1e-6), smooth=True, max_iter=self.max_iter)
        centre = float(pooled[0][0]), float(pooled[1][0])
        penalty = self.slope_shrinkage, self.intercept_shrinkage
        if np.isfinite(penalty).any():
            finite = min(penalty[0], _FAST), min(penalty[1], _FAST)
            self.slope_, self.intercept_ = _fit(
                scores, target, weight, centre=centre, penalty=finite, smooth=False, max_iter=self.max_iter
            )
        else:
            self.slope_, self.intercept_ = (np.full(sets.shape[1], value) for value in centre)
        return self

    def transform(self, scores: Any) -> np.ndarray:
        """Probabilities (n_records, n_labels) of ``scores`` of the same shape."""
        check_is_fitted(self)
        scores = check_scores(scores, who="PlattCalibrator")
        if scores.shape[1] != len(self.slope_):
            raise ValueError(f"PlattCalibrator: scores must be of {len(self.slope_)} labels; got {scores.shape[1]}.")
        return expit(scores * self.slope_ + self.intercept_)


def _fit(
    scores: np.ndarray,
    target: np.ndarray,
    weight: np.ndarray,
    *,
    centre: tuple[float, float],
    penalty: tuple[float, float],
    smooth: bool,
    max_iter: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Slope and intercept of every column; where the best slope is below 0, 0 and the best intercept with it."""
    aim = target.astype(np.float64)
    if smooth:
        positives, total = (weight * target).sum(axis=0), weight.sum(axis=0)
        aim = np.where(target, (positives + 1.0) / (positives + 2.0), 1.0 / (total - positives + 2.0))
    free = np.full(scores.shape[1], centre[0] > 0)
    # Far from 0, scores would begin where the sigmoid is flat.
    start = -centre[0] * float(np.median(scores)) if smooth and scores.size else None
    slope, intercept = _newton(scores, aim, weight, free, centre, penalty, max_iter, start)
    backwards = slope < 0
    if backwards.any():
        # The objective is convex, so a best slope below 0 means that 0 is the best of those allowed.
        none = np.zeros(int(backwards.sum()), dtype=bool)
        columns = scores[:, backwards], aim[:, backwards], weight[:, backwards]
        slope[backwards], intercept[backwards] = _newton(*columns, none, centre, penalty, max_iter)
    return slope, intercept


def _newton(
    scores: np.ndarray,
    aim: np.ndarray,
    weight: np.ndarray,
    free: np.ndarray,
    centre: tuple[float, float],
    penalty: tuple[float, float],
    max_iter: int,
    start: float | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Damped Newton steps, all columns in step; the slope is 0 where it is not ``free``."""
    scale = max(centre[0], 1e-12)
    slope, intercept = np.where(free, centre[0], 0.0), np.full(len(free), centre[1])
    if start is not None:
        intercept[:] = start

    def loss(slope: np.ndarray, intercept: np.ndarray) -> np.ndarray:
        margin = scores * slope + intercept
        fit = (weight * (np.logaddexp(0.0, margin) - aim * margin)).sum(axis=0)
        return fit + penalty[0] / 2 * ((slope - centre[0]) / scale) ** 2 + penalty[1] / 2 * (intercept - centre[1]) ** 2

    best = loss(slope, intercept)
    for _ in range(max_iter):
        probability = expit(scores * slope + intercept)
        residual = weight * (probability - aim)
        curve = weight * probability * (1 - probability)
        gradient_a = (residual * scores).sum(axis=0) + penalty[0] * (slope - centre[0]) / scale**2
        gradient_b = residual.sum(axis=0) + penalty[1] * (intercept - centre[1])
        # In units of the slope's scale, so that the determinant is one of numbers of like size.
        aa = (curve * (scores * scale) ** 2).sum(axis=0) + penalty[0] + 1e-12
        ab = (curve * scores * scale).sum(axis=0)
        bb = curve.sum(axis=0) + penalty[1] + 1e-12
        determinant = np.maximum(aa * bb - ab**2, 1e-18)
        step_a = np.where(free, scale * (bb * gradient_a * scale - ab * gradient_b) / determinant, 0.0)
        step_b = np.where(free, (aa * gradient_b - ab * gradient_a * scale) / determinant, gradient_b / bb)
        size = np.ones(len(free))
        for _ in range(30):
            tried = loss(slope - size * step_a, intercept - size * step_b)
            worse = ~(tried <= best + 1e-12 * np.abs(best))
            if not worse.any():
                break
            size[worse] /= 2
        slope = np.where(worse, slope, slope - size * step_a)
        intercept = np.where(worse, intercept, intercept - size * step_b)
        gain = np.where(worse, 0.0, best - tried)
        best = np.where(worse, best, tried)
        if (gain <= 1e-12 * (1 + np.abs(best))).all():
            break
    return slope, intercept


def _spread(scores: np.ndarray) -> float:
    """What one unit of log-odds may be in scores: a standard deviation that single extremes do not move."""
    if not scores.size:
        return 1.0
    low, high = np.quantile(scores, [0.25, 0.75])
    size = float(np.abs(scores).max())
    for spread in ((high - low) / 1.349, scores.std()):
        if spread > 1e-9 * size:
            return float(spread)
    return size or 1.0


def _weights(weight: Any, shape: tuple[int, int]) -> np.ndarray:
    array = np.ones(shape[:1]) if weight is None else np.asarray(weight, dtype=np.float64)
    if array.shape not in (shape, shape[:1]) or not (np.isfinite(array) & (array >= 0)).all():
        raise ValueError(
            f"PlattCalibrator: sample_weight must be finite, not negative, of shape {shape[:1]} or {shape}; "
            f"got {array.shape}."
        )
    return np.broadcast_to(array if array.ndim == 2 else array[:, None], shape)
