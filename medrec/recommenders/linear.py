"""Linear models over all labels at once: the base that binary relevance and chains put on sparse text."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import scipy.sparse as sp
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.preprocessing import normalize as normalize_rows

from medrec._parallel import threads
from medrec.kernels.linear import fit_linear

__all__ = ["LinearBase"]

_BLOCK = 64  # labels scored at once: bounds the transposed copy of the coefficients


class LinearBase(BaseEstimator):
    """One L2-regularised linear classifier for each label, trained together on one matrix.

    The models, the intercept included, are those of scikit-learn's ``LogisticRegression(solver="liblinear")``
    and ``LinearSVC`` in one-versus-rest, found several times faster because labels share every pass
    over X (see ``medrec.kernels.linear.fit_linear``).

    Parameters
    ----------
    loss : {"logistic", "squared_hinge"}, default="logistic"
    C : float or array of shape (n_labels,), default=1.0
        Weight of the loss; larger regularises less.
    positive_weight : float or array of shape (n_labels,), optional
        Factor on the weight of the records that have the label.
    tol : float, default=1e-4
        Relative distance from the optimal objective, proven by the duality gap, at which a label is done.
    max_iter : int, default=100
        Newton iterations for a label.
    normalize : bool, default=False
        Whether ``prepare`` scales every row to unit length, which makes one C fit records of any length.
    dtype : {"float64", "float32"}, default="float64"
        Of the stored coefficients; 651 labels on 100,000 features take 521 MB in float64.

    Attributes
    ----------
    coef_ : ndarray of shape (n_labels, n_features)
    intercept_ : ndarray of shape (n_labels,)
    n_iter_ : ndarray of int of shape (n_labels,)
    n_features_in_ : int

    Examples
    --------
    >>> import numpy as np
    >>> X = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    >>> base = LinearBase(C=10.0).fit_labels(X, np.array([[1, 0], [0, 0], [1, 0]]))
    >>> base.decision_function(X).shape
    (3, 2)
    """

    PER_LABEL = ("C", "positive_weight")
    """Options that may hold a number a label."""

    coef_: np.ndarray
    intercept_: np.ndarray
    n_iter_: np.ndarray

    def __init__(
        self,
        *,
        loss: str = "logistic",
        C: Any = 1.0,
        positive_weight: Any = None,
        tol: float = 1e-4,
        max_iter: int = 100,
        normalize: bool = False,
        dtype: str = "float64",
    ) -> None:
        self.loss = loss
        self.C = C
        self.positive_weight = positive_weight
        self.tol = tol
        self.max_iter = max_iter
        self.normalize = normalize
        self.dtype = dtype

    def prepare(self, X: Any) -> Any:
        """Rows of ``X`` (n_records, n_features) at unit length where ``normalize`` says so, else as they are."""
        return normalize_rows(X) if self.normalize else X

    def fit_labels(
        self,
        X: Any,
        Y: Any,
        *,
        rows: Any = None,
        sample_weight: Any = None,
        init: LinearBase | None = None,
        n_jobs: int | None = None,
        progress: Callable[[int], Any] | None = None,
    ) -> LinearBase:
        """Learn every label of Y.

        Parameters
        ----------
        X : CSR matrix or ndarray of shape (n_records, n_features)
        Y : CSR matrix or ndarray of shape (n_records, n_labels)
        rows : array of int, optional
            Train on these rows only; X is not copied.
        sample_weight : array of shape (n_records,) or (n_records, n_labels), optional
        init : LinearBase, optional
            A fitted model of the same shape to start from; the optimum is the same.
        n_jobs : int, optional
            Threads over labels, as joblib counts them; no effect on the result.
        progress : callable, optional
            Called with the number of labels done since its last call.

        Returns
        -------
        LinearBase
            Itself, fitted.

        Raises
        ------
        ValueError
            When X holds NaN or infinity, or an option or shape is wrong.
        """
        fit = fit_linear(
            X,
            Y,
            rows=rows,
            loss=self.loss,
            C=self.C,
            sample_weight=sample_weight,
            positive_weight=self.positive_weight,
            tol=self.tol,
            max_iter=self.max_iter,
            coef_init=None if init is None else init.coef_,
            intercept_init=None if init is None else init.intercept_,
            dtype=self.dtype,
            n_threads=threads(n_jobs),
            callback=progress,
        )
        self.warn_unconverged(fit.converged)
        self.coef_, self.intercept_, self.n_iter_ = fit.coef, fit.intercept, fit.n_iter
        self.n_features_in_ = X.shape[1]
        return self

    def join(self, parts: Sequence[LinearBase]) -> LinearBase:
        """Become the fitted base of all labels from those of some labels each."""
        self.coef_ = np.vstack([part.coef_ for part in parts])
        self.intercept_ = np.concatenate([part.intercept_ for part in parts])
        self.n_iter_ = np.concatenate([part.n_iter_ for part in parts])
        self.n_features_in_ = parts[0].n_features_in_
        return self

    def warn_unconverged(self, converged: np.ndarray) -> None:
        """Warn when labels did not reach ``tol``."""
        if not converged.all():
            warnings.warn(
                f"{type(self).__name__}: {(~converged).sum()} of {len(converged)} labels did not "
                f"reach tol={self.tol} within max_iter={self.max_iter}. Scale the features, or raise either.",
                ConvergenceWarning,
                stacklevel=3,
            )

    def decision_function(self, X: Any) -> np.ndarray:
        """Scores of all labels, float64 of shape (n_records, n_labels): log-odds or signed margins.

        Raises
        ------
        ValueError
            When X has other columns than the model was fitted on.
        """
        if not hasattr(self, "coef_"):
            raise NotFittedError(f"{type(self).__name__}: call fit_labels before decision_function.")
        return linear_scores(X, self.coef_, self.intercept_, who=type(self).__name__)


def linear_scores(X: Any, coef: np.ndarray, intercept: np.ndarray, *, who: str) -> np.ndarray:
    """``X coef' + intercept``, float64 of shape (n_records, n_labels), a few labels at a time."""
    X = sp.csr_matrix(X) if sp.issparse(X) else np.asarray(X)
    if X.ndim != 2 or X.shape[1] != coef.shape[1]:
        raise ValueError(f"{who}: X must have the {coef.shape[1]} features it was fitted on; got shape {X.shape}.")
    scores = np.empty((X.shape[0], len(intercept)))
    for low in range(0, scores.shape[1], _BLOCK):
        block = slice(low, low + _BLOCK)
        scores[:, block] = X @ np.ascontiguousarray(coef[block].T, dtype=np.float64)
        scores[:, block] += intercept[block]
    return scores
