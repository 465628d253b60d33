"""Platt calibration of many labels at once, rare ones leaning on the others."""

from typing import Any

import numpy as np
from scipy.special import expit
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from medrec._checks import check_scores, check_sets


class PlattCalibrator(BaseEstimator):
    r"""Scores to probabilities by one sigmoid a label.

    For label :math:`l` the probability is :math:`\sigma(a_l s + b_l)`. A pooled pair :math:`(a, b)` is fitted on the
    scores of all labels; each label's own pair maximises its log-likelihood less
    :math:`\tfrac{\lambda}{2}\,[((a_l - a)/a)^2 + (b_l - b)^2]`, so a label with few positives keeps the pooled sigmoid
    and a frequent one gets its own.

    Parameters
    ----------
    shrinkage : float, default=5.0
        :math:`\lambda`, in records: how much evidence a label needs to leave the pooled sigmoid.
        ``inf`` gives every label the pooled one.
    max_iter : int, default=50
        Newton steps at most.

    Attributes
    ----------
    slope_, intercept_ : ndarray of shape (n_labels,)
        :math:`a_l` and :math:`b_l`.

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

    def __init__(self, *, shrinkage: float = 5.0, max_iter: int = 50) -> None:
        self.shrinkage = shrinkage
        self.max_iter = max_iter

    def fit(self, scores: Any, Y: Any, groups: Any = None) -> "PlattCalibrator":
        """Learn the sigmoids from out-of-fold ``scores`` (n_records, n_labels) and the sets ``Y``.

        Raises
        ------
        ValueError
            When the two have different shapes or scores are not finite.
        """
        if not self.shrinkage >= 0:
            raise ValueError(f"PlattCalibrator: shrinkage must be at least 0; got {self.shrinkage}.")
        sets = check_sets(Y, who="PlattCalibrator")
        scores = check_scores(scores, who="PlattCalibrator", shape=sets.shape)
        target = sets.toarray().astype(bool)
        pooled = self._newton(scores.reshape(-1, 1), target.reshape(-1, 1), None)
        if not np.isfinite(self.shrinkage):
            self.slope_, self.intercept_ = (np.repeat(value, sets.shape[1]) for value in pooled)
        else:
            self.slope_, self.intercept_ = self._newton(scores, target, (pooled[0][0], pooled[1][0]))
        return self

    def transform(self, scores: Any) -> np.ndarray:
        """Probabilities (n_records, n_labels) of ``scores`` of the same shape."""
        check_is_fitted(self)
        scores = check_scores(scores, who="PlattCalibrator")
        return expit(scores * self.slope_ + self.intercept_)

    def _newton(
        self, scores: np.ndarray, target: np.ndarray, pooled: tuple[float, float] | None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Fit every column's sigmoid by damped Newton steps, all columns in step."""
        n_records, n_labels = scores.shape
        # Lin, Lin & Weng's targets, so that separable scores do not send the slope to infinity.
        positives = target.sum(axis=0)
        if pooled is None:
            # The scale of the scores sets the slope's prior; with nothing to learn from, it stays there.
            spread = scores.std() if scores.size else 1.0
            centre_a, centre_b = 1.0 / max(spread, 1e-12), 0.0
            penalty = 1e-6
        else:
            centre_a, centre_b = pooled
            penalty = self.shrinkage
        high = (positives + 1.0) / (positives + 2.0) if pooled is None else np.ones(n_labels)
        low = 1.0 / (n_records - positives + 2.0) if pooled is None else np.zeros(n_labels)
        aim = np.where(target, high, low)
        scale = max(abs(centre_a), 1e-12)
        slope, intercept = np.full(n_labels, centre_a), np.full(n_labels, centre_b)

        def loss(slope: np.ndarray, intercept: np.ndarray) -> np.ndarray:
            margin = scores * slope + intercept
            fit = (np.logaddexp(0.0, margin) - aim * margin).sum(axis=0)
            return fit + penalty / 2 * (((slope - centre_a) / scale) ** 2 + (intercept - centre_b) ** 2)

        best = loss(slope, intercept)
        for _ in range(self.max_iter):
            probability = expit(scores * slope + intercept)
            residual = probability - aim
            curve = probability * (1 - probability)
            gradient_a = (residual * scores).sum(axis=0) + penalty * (slope - centre_a) / scale**2
            gradient_b = residual.sum(axis=0) + penalty * (intercept - centre_b)
            aa = (curve * scores**2).sum(axis=0) + penalty / scale**2 + 1e-12
            ab = (curve * scores).sum(axis=0)
            bb = curve.sum(axis=0) + penalty + 1e-12
            determinant = np.maximum(aa * bb - ab**2, 1e-18)
            step_a = (bb * gradient_a - ab * gradient_b) / determinant
            step_b = (aa * gradient_b - ab * gradient_a) / determinant
            size = np.ones(n_labels)
            for _ in range(20):
                tried = loss(slope - size * step_a, intercept - size * step_b)
                worse = ~(tried <= best + 1e-12 * np.abs(best))
                if not worse.any():
                    break
                size[worse] /= 2
            better = ~worse
            slope = np.where(better, slope - size * step_a, slope)
            intercept = np.where(better, intercept - size * step_b, intercept)
            gain = np.where(better, best - tried, 0.0)
            best = np.where(better, tried, best)
            if (gain <= 1e-9 * (1 + np.abs(best))).all():
                break
        return slope, intercept
