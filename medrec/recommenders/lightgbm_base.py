"""LightGBM for every label over bins that are made once."""

from typing import Any

import numpy as np
import scipy.sparse as sp
from sklearn.base import BaseEstimator

from medrec.recommenders.device import check_lightgbm_device
from medrec.recommenders.labels import each_label, take_rows


class LightGBMBase(BaseEstimator):
    """Gradient boosting by LightGBM, one model a label.

    Features are binned once; for each label only the target of the binned data changes, which gives the same
    trees as fitting each label alone.

    Parameters
    ----------
    n_estimators : int, default=100
        Boosting rounds.
    learning_rate : float, default=0.1
        Shrinkage of each round.
    num_leaves : int, default=15
        Leaves of a tree.
    min_child_samples : int, default=5
        Records in a leaf, at least; small, because drugs are rare.
    max_bin : int, default=63
        Bins of a feature.
    feature_fraction : float, default=0.3
        Share of the features that each tree may use.
    device : {"cpu", "cuda", "opencl"}, default="cpu"
        Where it trains; one that is not there is an error. ``"cuda"`` and ``"opencl"`` need LightGBM built for them.
    random_state : int, default=0
        Seed.

    Attributes
    ----------
    models_ : list
        LightGBM's own text of each label's model, or its score where the label is constant.
    device_ : str
        The device that trained.
    num_threads_ : int
        Threads of fit, and so of scoring; 0 is one a core.

    References
    ----------
    Ke et al. (2017), LightGBM: A highly efficient gradient boosting decision tree, NIPS.
    """

    def __init__(
        self,
        *,
        n_estimators: int = 100,
        learning_rate: float = 0.1,
        num_leaves: int = 15,
        min_child_samples: int = 5,
        max_bin: int = 63,
        feature_fraction: float = 0.3,
        device: str = "cpu",
        random_state: int = 0,
    ) -> None:
        self.n_estimators = n_estimators
        self.learning_rate = learning_rate
        self.num_leaves = num_leaves
        self.min_child_samples = min_child_samples
        self.max_bin = max_bin
        self.feature_fraction = feature_fraction
        self.device = device
        self.random_state = random_state

    def fit_labels(
        self,
        X: Any,
        Y: sp.csr_matrix,
        *,
        rows: Any = None,
        sample_weight: Any = None,
        n_jobs: int | None = None,
    ) -> "LightGBMBase":
        """Fit every label on ``rows`` (default all) of ``X`` (n_records, n_features); ``n_jobs`` threads a tree."""
        import lightgbm

        self.device_ = check_lightgbm_device(self.device)
        X, Y, weight = take_rows(X, Y, sample_weight, rows)
        params: dict[str, Any] = {
            "objective": "binary",
            "learning_rate": self.learning_rate,
            "num_leaves": self.num_leaves,
            "min_data_in_leaf": self.min_child_samples,
            "max_bin": self.max_bin,
            "feature_fraction": self.feature_fraction,
            "seed": self.random_state,
            "num_threads": 1 if n_jobs is None else 0 if n_jobs < 0 else n_jobs,
            "deterministic": True,
            "force_row_wise": True,
            "verbosity": -1,
        }
        if self.device_ != "cpu":
            # OpenCL turns to the CPU in silence on sparse features unless told that they are none.
            del params["force_row_wise"]
            params |= {"device_type": "gpu" if self.device_ == "opencl" else self.device_, "is_enable_sparse": False}
        data = lightgbm.Dataset(X, label=np.zeros(X.shape[0]), params=params, free_raw_data=False).construct()
        models: list[str | float] = []
        for target, counts, constant in each_label(Y, weight):
            if constant is not None:
                models.append(constant)
                continue
            data.set_label(target)
            if counts is not None:
                data.set_weight(counts)
            booster = lightgbm.train(params, data, num_boost_round=self.n_estimators)
            models.append(booster.model_to_string())
        self.models_ = models
        self.num_threads_ = params["num_threads"]
        return self

    def decision_function(self, X: Any) -> np.ndarray:
        """Log-odds (n_records, n_labels)."""
        import lightgbm

        scores = np.empty((X.shape[0], len(self.models_)))
        for label, model in enumerate(self.models_):
            if isinstance(model, float):
                scores[:, label] = model
            else:
                booster = lightgbm.Booster(model_str=model)
                scores[:, label] = booster.predict(X, raw_score=True, num_threads=self.num_threads_)
        return scores
