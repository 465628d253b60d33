"""XGBoost for every label over bins that are made once, on CPU or GPU."""

import json
from typing import Any

import numpy as np
import scipy.sparse as sp
from sklearn.base import BaseEstimator

from medrec._optional import import_optional
from medrec.recommenders.device import check_xgboost_device
from medrec.recommenders.labels import each_label, take_rows


class XGBoostBase(BaseEstimator):
    """Gradient boosting by XGBoost, one model a label.

    Features are binned once (``QuantileDMatrix``); for each label only the target changes, which gives the same trees
    as fitting each label alone. To XGBoost an absent entry of a sparse matrix is *missing*, not 0, so features to
    predict from are first made sparse or dense as those of ``fit_labels`` were.

    Parameters
    ----------
    n_estimators : int, default=100
        Boosting rounds.
    learning_rate : float, default=0.1
        Shrinkage of each round.
    max_depth : int, default=5
        Depth of a tree.
    min_child_weight : float, default=1.0
        Sum of curvatures in a leaf, at least.
    max_bin : int, default=63
        Bins of a feature.
    colsample_bytree : float, default=0.3
        Share of the features that each tree may use.
    device : {"cpu", "cuda"}, default="cpu"
        Where it trains and predicts; one that is not there is an error.
    random_state : int, default=0
        Seed.

    Attributes
    ----------
    models_ : list
        XGBoost's own JSON of each label's model, or its score where the label is constant.
    device_ : str
        The device that the first booster says it used.

    References
    ----------
    Chen & Guestrin (2016), XGBoost: A scalable tree boosting system, KDD.
    """

    models_: list[str | float]

    def __init__(
        self,
        *,
        n_estimators: int = 100,
        learning_rate: float = 0.1,
        max_depth: int = 5,
        min_child_weight: float = 1.0,
        max_bin: int = 63,
        colsample_bytree: float = 0.3,
        device: str = "cpu",
        random_state: int = 0,
    ) -> None:
        self.n_estimators = n_estimators
        self.learning_rate = learning_rate
        self.max_depth = max_depth
        self.min_child_weight = min_child_weight
        self.max_bin = max_bin
        self.colsample_bytree = colsample_bytree
        self.device = device
        self.random_state = random_state

    def fit_labels(
        self, X: Any, Y: sp.csr_matrix, *, rows: Any = None, sample_weight: Any = None, n_jobs: int | None = None
    ) -> "XGBoostBase":
        """Fit every label on ``rows`` (default all) of ``X`` (n_records, n_features); ``n_jobs`` threads a tree."""
        xgboost = import_optional("xgboost", feature="XGBoost models", extra="xgboost")
        device = check_xgboost_device(self.device)
        X, Y, weight = take_rows(X, Y, sample_weight, rows)
        params = {
            "objective": "binary:logistic",
            "learning_rate": self.learning_rate,
            "max_depth": self.max_depth,
            "min_child_weight": self.min_child_weight,
            "max_bin": self.max_bin,
            "colsample_bytree": self.colsample_bytree,
            "base_score": 0.5,
            "tree_method": "hist",
            "device": device,
            "seed": self.random_state,
            "nthread": 1 if n_jobs is None else 0 if n_jobs < 0 else n_jobs,
            "verbosity": 1,
        }
        self.sparse_ = sp.issparse(X)
        self.n_features_in_ = X.shape[1]
        data = xgboost.QuantileDMatrix(X, max_bin=self.max_bin, nthread=params["nthread"])
        self.models_ = []
        self.device_ = device
        read_back = False
        for target, counts, constant in each_label(Y, weight):
            if constant is not None:
                self.models_.append(constant)
                continue
            data.set_label(target)
            if counts is not None:
                data.set_weight(counts)
            booster = xgboost.train(params, data, num_boost_round=self.n_estimators)
            if not read_back:
                used = json.loads(booster.save_config())["learner"]["generic_param"]["device"]
                self.device_, read_back = used.split(":")[0], True
                if self.device_ != device:
                    raise RuntimeError(f"XGBoostBase: asked for {device!r}, XGBoost used {used!r}.")
            self.models_.append(booster.save_raw("json").decode())
        return self

    def decision_function(self, X: Any) -> np.ndarray:
        """Log-odds (n_records, n_labels)."""
        xgboost = import_optional("xgboost", feature="XGBoost models", extra="xgboost")
        if sp.issparse(X) != self.sparse_:
            X = sp.csr_matrix(X) if self.sparse_ else X.toarray()
        data = xgboost.DMatrix(X)
        scores = np.empty((X.shape[0], len(self.models_)))
        for label, model in enumerate(self.models_):
            if isinstance(model, float):
                scores[:, label] = model
            else:
                booster = xgboost.Booster(model_file=bytearray(model.encode()))
                scores[:, label] = booster.predict(data, output_margin=True)
        return scores
