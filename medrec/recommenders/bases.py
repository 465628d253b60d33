"""Base classifiers: each fits one binary classifier a label, all labels in one call.

A base has ``fit_labels(X, Y, *, rows=None, sample_weight=None, n_jobs=None)``, which returns itself, fitted, and
``decision_function(X)``, which gives scores (n_records, n_labels). Labels that are constant in the rows are
taken as they are: their score is constant too. A base may have ``prepare(X)``, which changes rows one by one and
is called once on the features, before they are fitted or scored and before a chain adds its links.
"""

from typing import Any

import scipy.sparse as sp
from sklearn.base import BaseEstimator, clone, is_classifier
from sklearn.utils import get_tags

from medrec.recommenders.binned_features import BinnedFeatures
from medrec.recommenders.booster_base import BoosterBase
from medrec.recommenders.estimator_base import EstimatorBase
from medrec.recommenders.gram_features import GramFeatures
from medrec.recommenders.lightgbm_base import LightGBMBase
from medrec.recommenders.linear import LinearBase
from medrec.recommenders.online_linear import OnlineLinearBase
from medrec.recommenders.shared import SharedFeatures
from medrec.recommenders.xgboost_base import XGBoostBase

BOOSTERS: dict[str, Any] = {
    "lightgbm": LightGBMBase,
    "lightgbm-fast": LightGBMBase.fast,
    "xgboost": XGBoostBase,
    "xgboost-fast": XGBoostBase.fast,
}
BASES = ("logistic", "svm", "online", *BOOSTERS)
"""Names that ``base=`` and the command line take; boosters run on other devices too."""


def make_base(base: Any, *, random_state: int = 0, device: str = "cpu") -> Any:
    """A base from its name, from a scikit-learn classifier, or as it is.

    Parameters
    ----------
    base : {"logistic", "svm", "online", "lightgbm", "lightgbm-fast", "xgboost", "xgboost-fast"}, classifier or base
        What is fitted for every label. ``"logistic"`` is a ``LinearBase`` on rows of unit length with ``C=30``,
        ``"svm"`` one with the squared hinge and ``C=1``; ``"online"`` is an ``OnlineLinearBase``; ``-fast``
        boosters are those of ``LightGBMBase.fast()`` and ``XGBoostBase.fast()``.
    random_state : int, default=0
        Seed of a base made from its name.
    device : {"cpu", "cuda", "opencl"}, default="cpu"
        Device of a booster made from its name.

    Raises
    ------
    ValueError
        When it is none of these.

    Examples
    --------
    >>> make_base("svm")
    LinearBase(dtype='float32', loss='squared_hinge', normalize=True, tol=0.001)
    """
    if device != "cpu" and not (isinstance(base, str) and base in BOOSTERS):
        raise ValueError(f"device={device!r} is for {', '.join(BOOSTERS)}; base {base!r} runs on the CPU.")
    if isinstance(base, str):
        if base == "logistic":
            return LinearBase(loss="logistic", C=30.0, tol=1e-3, normalize=True, dtype="float32")
        if base == "svm":
            return LinearBase(loss="squared_hinge", C=1.0, tol=1e-3, normalize=True, dtype="float32")
        if base == "online":
            return OnlineLinearBase(random_state=random_state)
        if base in BOOSTERS:
            return BOOSTERS[base](random_state=random_state, device=device)
        raise ValueError(f"base must be one of {', '.join(BASES)}, a classifier or a base; got {base!r}.")
    if isinstance(base, BaseEstimator):
        if hasattr(base, "fit_labels"):
            return clone(base)
        if is_classifier(base):
            return EstimatorBase(base)
    raise ValueError(f"base must be one of {', '.join(BASES)}, a classifier or a base; got {base!r}.")


def takes_missing(base: Any) -> bool:
    """Whether what ``make_base`` takes can be fitted on NaN."""
    if isinstance(base, str):
        return base in BOOSTERS
    return bool(isinstance(base, BaseEstimator) and get_tags(base).input_tags.allow_nan)


def prepare(base: Any, X: Any) -> Any:
    """Features as ``base`` wants them, see above."""
    return base.prepare(X) if hasattr(base, "prepare") else X


GRAM_RECORDS = 4000
"""Records up to which inner products are kept: 128 MB at this size."""


def share(base: Any, X: Any, sets: sp.csr_matrix, groups: Any = None) -> SharedFeatures:
    """What fits ``base`` for labels, folds and links on ``X`` (n_records, n_features).

    Parameters
    ----------
    base : base
    X : CSR or ndarray of shape (n_records, n_features)
    sets : CSR of shape (n_records, n_labels)
        All labels that will be fitted.
    groups : array of shape (n_records,), optional
        Patient of each record.
    """
    if isinstance(base, BoosterBase):
        return BinnedFeatures(base, X, sets, groups)
    if isinstance(base, LinearBase) and X.shape[0] <= min(X.shape[1], GRAM_RECORDS):
        return GramFeatures(base, X)
    return SharedFeatures(base, X)
