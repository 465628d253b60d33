"""``PairBooster``: trees over (record, drug) pairs that correct a margin."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator

from medrec._parallel import threads
from medrec.recommenders.lightgbm_text import check_lightgbm_text


class PairBooster(BaseEstimator):
    """One LightGBM over the (record, drug) pairs of all drugs, which starts at a given margin.

    Boosting from a margin (``init_score``) learns only what the margin gets wrong: without evidence it changes
    nothing, so few records are enough, and a pair that it never sees keeps its margin on the same scale. The number of
    rounds is the one of least log loss on pairs of patients that the trees did not see, over all folds together.

    Parameters
    ----------
    n_estimators : int, default=400
        Rounds at most; 0 leaves margins as they are.
    learning_rate : float, default=0.05
        Shrinkage of each round.
    num_leaves : int, default=7
        Leaves of a tree.
    min_child_samples : int, default=20
        Pairs in a leaf, at least.
    reg_lambda : float, default=10.0
        L2 penalty of leaf values.
    max_bin : int, default=63
        Bins of a feature.
    feature_fraction : float, default=0.7
        Share of the features that each tree may use.
    random_state : int, default=0
        Seed.

    Attributes
    ----------
    model_ : str or None
        LightGBM's own text of the model; None without rounds.
    n_iter_ : int
        Rounds.

    References
    ----------
    Ke et al. (2017), LightGBM: A highly efficient gradient boosting decision tree, NIPS.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> pairs = rng.normal(size=(400, 2))
    >>> target = pairs[:, 0] > 0
    >>> booster = PairBooster(n_estimators=5)
    >>> held_out = booster.fit_folds(pairs, target, np.zeros(400), fold=np.arange(400) % 2, n_folds=2)
    >>> booster.predict([[1.0, 0.0], [-1.0, 0.0]]).round(1).tolist()
    [0.2, -0.1]
    """

    def __init__(
        self,
        *,
        n_estimators: int = 400,
        learning_rate: float = 0.05,
        num_leaves: int = 7,
        min_child_samples: int = 20,
        reg_lambda: float = 10.0,
        max_bin: int = 63,
        feature_fraction: float = 0.7,
        random_state: int = 0,
    ) -> None:
        self.n_estimators = n_estimators
        self.learning_rate = learning_rate
        self.num_leaves = num_leaves
        self.min_child_samples = min_child_samples
        self.reg_lambda = reg_lambda
        self.max_bin = max_bin
        self.feature_fraction = feature_fraction
        self.random_state = random_state

    def fit_folds(
        self,
        pairs: np.ndarray,
        target: np.ndarray,
        margin: np.ndarray,
        *,
        fold: np.ndarray,
        n_folds: int,
        weight: np.ndarray | None = None,
        n_jobs: int | None = None,
    ) -> np.ndarray:
        """Learn corrections of ``margin`` and return those of trees that did not see the pair's fold, (n_pairs,).

        Parameters
        ----------
        pairs : ndarray of shape (n_pairs, n_features)
        target : array of bool of shape (n_pairs,)
            Whether the record has the drug.
        margin : ndarray of shape (n_pairs,)
            Log-odds to start from.
        fold : array of int of shape (n_pairs,)
            The fold of each pair's patient.
        n_folds : int
            Folds; with 0 there is nothing to choose the rounds by: all are made, and seen pairs corrected.
        weight : ndarray of shape (n_pairs,), optional
        n_jobs : int, optional
            Threads.

        Raises
        ------
        ValueError
            When ``n_estimators`` is below 0.
        """
        if self.n_estimators < 0:
            raise ValueError(f"PairBooster: n_estimators must be at least 0; got {self.n_estimators}.")
        self.model_, self.n_iter_ = None, self.n_estimators
        self.n_features_in_ = pairs.shape[1]
        out_of_fold = np.zeros(len(pairs))
        if not self.n_estimators or not target.any() or target.all():
            self.n_iter_ = 0
            return out_of_fold
        data = pairs, target, margin, weight
        losses, boosters = np.zeros(self.n_estimators + 1), []
        for held in (fold == at for at in range(n_folds)):
            if held.any():
                booster, loss = self._train(data, ~held, held, n_jobs)
                losses += loss * held.sum()
                boosters.append((booster, held))
        if boosters:
            self.n_iter_ = int(losses.argmin())
        if not self.n_iter_:
            return out_of_fold
        booster, _ = self._train(data, np.ones(len(pairs), dtype=bool), None, n_jobs)
        self.model_ = booster.model_to_string(num_iteration=self.n_iter_)
        if not boosters:
            return self.predict(pairs)
        for booster, held in boosters:
            out_of_fold[held] = booster.predict(pairs[held], raw_score=True, num_iteration=self.n_iter_)
        return out_of_fold

    def predict(self, pairs: Any) -> np.ndarray:
        """Corrections (n_pairs,) to the margins of ``pairs`` (n_pairs, n_features)."""
        pairs = np.asarray(pairs)
        return np.zeros(len(pairs)) if self.model_ is None else self._booster().predict(pairs, raw_score=True)

    def contributions(self, pairs: Any) -> np.ndarray:
        """What each feature adds to the correction, (n_pairs, n_features + 1); the last is the same for all pairs."""
        pairs = np.asarray(pairs)
        if self.model_ is None:
            return np.zeros((len(pairs), self.n_features_in_ + 1))
        return self._booster().predict(pairs, pred_contrib=True)

    def check_loaded(self) -> None:
        """Refuse a model that LightGBM could not read safely; ``medrec.load`` asks for this."""
        model = getattr(self, "model_", None)
        if isinstance(model, str):
            check_lightgbm_text(model, self.n_features_in_)
        elif model is not None:
            raise ValueError(f"PairBooster: model_ is of type {type(model).__name__}")

    def _booster(self) -> Any:
        import lightgbm

        return lightgbm.Booster(model_str=self.model_)

    def _train(
        self, data: Sequence[Any], rows: np.ndarray, held: np.ndarray | None, n_jobs: int | None
    ) -> tuple[Any, np.ndarray]:
        """A booster of some pairs, and its log loss after 0, 1, 2 … rounds on those held out."""
        import lightgbm

        params = {
            "objective": "binary",
            "learning_rate": self.learning_rate,
            "num_leaves": self.num_leaves,
            "min_data_in_leaf": self.min_child_samples,
            "lambda_l2": self.reg_lambda,
            "max_bin": self.max_bin,
            "feature_fraction": self.feature_fraction,
            "seed": self.random_state,
            "num_threads": 1 if n_jobs is None else threads(n_jobs),
            "deterministic": True,
            "force_row_wise": True,
            "verbosity": -1,
        }

        pairs, target, margin, weight = data

        def dataset(which: np.ndarray, **options: Any) -> Any:
            return lightgbm.Dataset(
                pairs[which],
                target[which].astype(np.float32),
                init_score=margin[which],
                weight=None if weight is None else weight[which],
                params=params,
                **options,
            )

        train = dataset(rows)
        if held is None:
            return lightgbm.train(params, train, self.n_iter_), np.zeros(0)
        seen: dict[str, Any] = {}
        booster = lightgbm.train(
            params,
            train,
            self.n_estimators,
            valid_sets=[dataset(held, reference=train)],
            callbacks=[lightgbm.record_evaluation(seen)],
        )
        loss = (np.logaddexp(0.0, margin) - target * margin)[held]
        start = np.average(loss, weights=None if weight is None else weight[held])
        return booster, np.asarray([start, *seen["valid_0"]["binary_logloss"]])
