"""Any scikit-learn classifier as a base: a clone of it for every label."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.sparse as sp
from scipy.special import logit
from sklearn.base import BaseEstimator, clone
from sklearn.utils import get_tags

from medrec._parallel import side_by_side
from medrec.recommenders.labels import constant_score, take_rows


class EstimatorBase(BaseEstimator):
    """Any scikit-learn classifier, cloned for every label.

    Parameters
    ----------
    estimator : classifier
        With ``decision_function`` or ``predict_proba``.

    Attributes
    ----------
    estimators_ : list
        The fitted clone of each label, or its score where the label is constant.
    """

    def __init__(self, estimator: Any) -> None:
        self.estimator = estimator

    def fit_labels(
        self,
        X: Any,
        Y: sp.csr_matrix,
        *,
        rows: Any = None,
        sample_weight: Any = None,
        n_jobs: int | None = None,
    ) -> "EstimatorBase":
        """Fit a clone for every label on ``rows`` (default all) of ``X`` (n_records, n_features)."""
        X, Y, weight = take_rows(X, Y, sample_weight, rows)
        shared = (self.estimator, X, Y.tocsc(), weight)
        self.estimators_ = side_by_side(_fit_one, range(Y.shape[1]), shared=shared, n_jobs=n_jobs)
        return self

    def join(self, parts: Sequence["EstimatorBase"]) -> "EstimatorBase":
        """Become the fitted base of all labels from those of some labels each."""
        self.estimators_ = [one for part in parts for one in part.estimators_]
        return self

    def decision_function(self, X: Any) -> np.ndarray:
        """Scores (n_records, n_labels): margins, or log-odds of ``predict_proba``."""
        scores = np.empty((X.shape[0], len(self.estimators_)))
        for label, one in enumerate(self.estimators_):
            if isinstance(one, float):
                scores[:, label] = one
            elif hasattr(one, "decision_function"):
                scores[:, label] = one.decision_function(X)
            else:
                scores[:, label] = logit(np.clip(one.predict_proba(X)[:, 1], 1e-9, 1 - 1e-9))
        return scores

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = get_tags(self.estimator).input_tags.allow_nan
        return tags


def _fit_one(label: int, estimator: Any, X: Any, Y: sp.csc_matrix, weight: np.ndarray | None) -> Any:
    """The fitted clone of a label, or its score where it is constant."""
    target = Y[:, [label]].toarray().ravel()
    counts = weight if weight is None or weight.ndim == 1 else weight[:, label]
    constant = constant_score(target, counts)
    if constant is not None:
        return constant
    one = clone(estimator)
    if counts is None:
        return one.fit(X, target)
    held = np.flatnonzero(counts)
    return one.fit(X[held], target[held], sample_weight=counts[held])
