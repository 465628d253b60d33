"""Base classifiers: each fits one binary classifier a label, all labels in one call.

A base has ``fit_labels(X, Y, *, rows=None, sample_weight=None, n_jobs=None)``, which returns itself, fitted, and
``decision_function(X)``, which gives scores (n_records, n_labels). Labels that are constant in the rows are
taken as they are: their score is constant too. A base may have ``prepare(X)``, which changes rows one by one and
is called once on the features, before they are fitted or scored and before a chain adds its links.
"""

from typing import Any

from sklearn.base import BaseEstimator, clone, is_classifier

from medrec.recommenders.estimator_base import EstimatorBase
from medrec.recommenders.lightgbm_base import LightGBMBase
from medrec.recommenders.linear import LinearBase
from medrec.recommenders.xgboost_base import XGBoostBase


def make_base(base: Any, *, random_state: int = 0, device: str = "cpu") -> Any:
    """A base from its name, from a scikit-learn classifier, or as it is.

    Parameters
    ----------
    base : {"logistic", "svm", "lightgbm", "xgboost"}, classifier or base
        What is fitted for every label. ``"logistic"`` is a ``LinearBase`` on rows of unit length with ``C=30``,
        ``"svm"`` one with the squared hinge and ``C=1``.
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
        raise ValueError(f"device={device!r} is for {' and '.join(BOOSTERS)}; base {base!r} runs on the CPU.")
    if isinstance(base, str):
        if base == "logistic":
            return LinearBase(loss="logistic", C=30.0, tol=1e-3, normalize=True, dtype="float32")
        if base == "svm":
            return LinearBase(loss="squared_hinge", C=1.0, tol=1e-3, normalize=True, dtype="float32")
        if base == "lightgbm":
            return LightGBMBase(random_state=random_state, device=device)
        if base == "xgboost":
            return XGBoostBase(random_state=random_state, device=device)
        raise ValueError(f"base must be one of {', '.join(BASES)}, a classifier or a base; got {base!r}.")
    if isinstance(base, BaseEstimator):
        if hasattr(base, "fit_labels"):
            return clone(base)
        if is_classifier(base):
            return EstimatorBase(base)
    raise ValueError(f"base must be one of {', '.join(BASES)}, a classifier or a base; got {base!r}.")


BOOSTERS = ("lightgbm", "xgboost")
BASES = ("logistic", "svm", *BOOSTERS)
"""Names that ``base=`` and the command line take; boosters run on other devices too."""


def prepare(base: Any, X: Any) -> Any:
    """Features as ``base`` wants them, see above."""
    return base.prepare(X) if hasattr(base, "prepare") else X
