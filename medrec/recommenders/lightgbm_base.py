"""LightGBM for every label over bins that are made once."""

import warnings
from typing import Any

import numpy as np

from medrec.recommenders.booster_base import Bins, BoosterBase
from medrec.recommenders.columns import take
from medrec.recommenders.device import check_lightgbm_device
from medrec.recommenders.lightgbm_text import check_lightgbm_text


class LightGBMBase(BoosterBase):
    """Gradient boosting by LightGBM, one model a label.

    Features are binned once; for each label only the target of the binned data changes, and a chain appends its
    links to it (``add_features_from``), which gives the same trees as fitting each label alone.

    Parameters
    ----------
    n_estimators : int, default=100
        Boosting rounds.
    learning_rate : float, default=0.1
        Shrinkage of each round.
    num_leaves : int, default=7
        Leaves of a tree.
    min_child_samples : int, default=5
        Records in a leaf, at least; small, because drugs are rare.
    reg_lambda : float, default=5.0
        L2 penalty of leaf values.
    max_bin : int, default=63
        Bins of a feature.
    feature_fraction : float, default=1.0
        Share of the features that each tree may use. A smaller one makes LightGBM copy its bins for every tree and
        start anew for every label, which costs more than it saves.
    max_columns : int or None, default=2000
        Columns that are kept: those that explain most of the labels, see ``choose_columns``. None keeps all; then
        every model pays for every column, about 60 µs each before its first tree.
    scale_pos_weight : float, array of shape (n_labels,) or "balanced", optional
        Factor on the weight of records that have the label; ``"balanced"`` is negatives over positives.
    early_stopping_rounds : int, optional
        Stop a label when its log loss on held-out patients did not improve for so many rounds. Default: never.
    validation_fraction : float, default=0.1
        Share of the patients that early stopping holds out, the same for every label and link.
    device : {"cpu", "cuda", "opencl"}, default="cpu"
        Where it trains; one that is not there is an error. ``"cuda"`` and ``"opencl"`` need LightGBM built for them.
    random_state : int, default=0
        Seed.

    Attributes
    ----------
    models_ : list
        LightGBM's own text of each label's model, or its score where the label is constant.
    columns_ : ndarray of int
        The columns that were kept.
    n_iter_ : ndarray of int of shape (n_labels,)
        Rounds of each label.
    device_ : str
        The device that trained.

    References
    ----------
    Ke et al. (2017), LightGBM: A highly efficient gradient boosting decision tree, NIPS.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.repeat([[0.0, 1.0], [1.0, 0.0]], 20, axis=0)
    >>> base = LightGBMBase(n_estimators=5).fit_labels(X, X[:, :1])
    >>> base.decision_function(X[[0, 39]]).round(1).tolist()
    [[-0.5], [0.5]]
    """

    def __init__(
        self,
        *,
        n_estimators: int = 100,
        learning_rate: float = 0.1,
        num_leaves: int = 7,
        min_child_samples: int = 5,
        reg_lambda: float = 5.0,
        max_bin: int = 63,
        feature_fraction: float = 1.0,
        max_columns: int | None = 2000,
        scale_pos_weight: Any = None,
        early_stopping_rounds: int | None = None,
        validation_fraction: float = 0.1,
        device: str = "cpu",
        random_state: int = 0,
    ) -> None:
        self.n_estimators = n_estimators
        self.learning_rate = learning_rate
        self.num_leaves = num_leaves
        self.min_child_samples = min_child_samples
        self.reg_lambda = reg_lambda
        self.max_bin = max_bin
        self.feature_fraction = feature_fraction
        self.max_columns = max_columns
        self.scale_pos_weight = scale_pos_weight
        self.early_stopping_rounds = early_stopping_rounds
        self.validation_fraction = validation_fraction
        self.device = device
        self.random_state = random_state

    @classmethod
    def fast(cls, **options: Any) -> "LightGBMBase":
        """The fast preset: a quarter of the rounds in longer steps, 15 bins, 1000 columns; other options as given.

        Chosen by cross-validation on training parts of Mulan's medical, enron and yeast: see ``--part fast`` of
        ``benchmarks/bench_recommenders.py`` for what it saves and costs.
        """
        preset: dict[str, Any] = {"n_estimators": 25, "learning_rate": 0.25, "max_bin": 15, "max_columns": 1000}
        return cls(**{**preset, **options})

    def _check_text(self, model: str) -> None:
        check_lightgbm_text(model, len(self.columns_))

    def _device(self) -> str:
        return check_lightgbm_device(self.device)

    def _bins(self) -> type[Bins]:
        return LightGBMBins

    def _data(self, kept: Any) -> Any:
        return kept

    def _margins(self, model: str, data: Any) -> np.ndarray:
        import lightgbm

        return np.asarray(lightgbm.Booster(model_str=model).predict(data, raw_score=True, num_threads=1))

    def _contributions(self, model: str, data: Any) -> Any:
        import lightgbm

        return lightgbm.Booster(model_str=model).predict(data, pred_contrib=True, num_threads=1)

    def _importance(self, model: str) -> np.ndarray:
        import lightgbm

        return lightgbm.Booster(model_str=model).feature_importance("gain")


class LightGBMBins(Bins):
    """A LightGBM ``Dataset``, and a second one aligned to it for the rows held out."""

    def __init__(self, base: LightGBMBase, X: Any, *args: Any, **options: Any) -> None:
        super().__init__(base, X, *args, **options)
        self.params: dict[str, Any] = {
            "objective": "binary",
            "learning_rate": base.learning_rate,
            "num_leaves": base.num_leaves,
            "min_data_in_leaf": base.min_child_samples,
            "lambda_l2": base.reg_lambda,
            "max_bin": base.max_bin,
            "feature_fraction": base.feature_fraction,
            "seed": base.random_state,
            "num_threads": self.threads,
            "deterministic": True,
            "force_row_wise": True,
            "verbosity": -1,
        }
        if self.device != "cpu":
            # OpenCL turns to the CPU in silence on sparse features unless told that they are none.
            del self.params["force_row_wise"]
            kind = "gpu" if self.device == "opencl" else self.device
            self.params |= {"device_type": kind, "is_enable_sparse": False}
        self.booster: Any = None
        self.spare: Any = None
        self.data, self.watched = self._pair(lambda rows: take(X, rows, self.columns))

    def _append(self, column: np.ndarray) -> None:
        self.booster = self.spare = None
        added = self._pair(lambda rows: column[rows, None].astype(self.dtype))
        with warnings.catch_warnings():
            # LightGBM says that it kept no raw data, which is meant.
            warnings.simplefilter("ignore", UserWarning)
            self.data.add_features_from(added[0])
            if self.watched is not None:
                self.watched.add_features_from(added[1])

    def fork(self) -> "LightGBMBins":
        """As ``Bins.fork``."""
        other = object.__new__(type(self))
        other.__dict__ = {**self.__dict__, "booster": None, "spare": None}
        other.data = self._copy(self.data, len(self.rows))
        if self.watched is not None and self.held is not None:
            other.watched = self._copy(self.watched, len(self.held))
        return other

    def train(self, target: np.ndarray, weight: np.ndarray | None, ratio: float | None) -> tuple[str, int]:
        """As ``Bins.train``."""
        import lightgbm

        rounds = self.base.n_estimators
        if self.device == "cpu" and self.watched is None and ratio is None and self.base.feature_fraction == 1.0:
            return self._retrain(target, weight).model_to_string(num_iteration=rounds), rounds
        params = self.params if ratio is None else {**self.params, "scale_pos_weight": ratio}
        watched: list[Any] = []
        callbacks: list[Any] = []
        self._aim(self.data, self.rows, target, weight)
        if self.watched is not None:
            self._aim(self.watched, self.held, target, weight)
            watched = [self.watched]
            callbacks = [lightgbm.early_stopping(self.base.early_stopping_rounds, verbose=False)]
        booster = lightgbm.train(params, self.data, rounds, valid_sets=watched, callbacks=callbacks)
        if self.watched is not None:
            rounds = booster.best_iteration
        return booster.model_to_string(num_iteration=rounds), rounds

    def _retrain(self, target: np.ndarray, weight: np.ndarray | None) -> Any:
        """The booster of the label before, its trees taken back and grown for this one.

        A new booster costs more than its trees where columns are many, and where nothing is drawn at random an old one
        grows the same trees. It takes other targets only with another data set, so two take turns.
        """
        import lightgbm

        rounds = self.base.n_estimators
        if self.booster is None:
            self._aim(self.data, self.rows, target, weight)
            self.booster = lightgbm.Booster(self.params, self.data)
        else:
            if self.spare is None:
                self.spare = self._copy(self.data, len(self.rows))
            self.data, self.spare = self.spare, self.data
            self._aim(self.data, self.rows, target, weight)
            for _ in range(self.booster.current_iteration()):
                self.booster.rollback_one_iter()
            self.booster.update(train_set=self.data)
            rounds -= 1
        for _ in range(rounds):
            self.booster.update()
        return self.booster

    def _aim(self, data: Any, rows: Any, target: np.ndarray, weight: np.ndarray | None) -> None:
        data.set_label(target[rows])
        if weight is not None:
            data.set_weight(weight[rows])

    def _pair(self, part: Any) -> tuple[Any, Any]:
        """``Dataset`` of the rows to train on, and one of the rows held out in the bins of the first."""
        import lightgbm

        options: dict[str, Any] = {"params": self.params, "free_raw_data": True}
        like = None
        if self.like is not None:
            like = lightgbm.Dataset(self.like, label=np.zeros(self.like.shape[0]), **options).construct()
        data = lightgbm.Dataset(part(self.rows), label=np.zeros(len(self.rows)), reference=like, **options).construct()
        if self.held is None:
            return data, None
        watched = lightgbm.Dataset(part(self.held), label=np.zeros(len(self.held)), reference=data, **options)
        return data, watched.construct()

    def _copy(self, data: Any, n_rows: int) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            return data.subset(np.arange(n_rows)).construct()
