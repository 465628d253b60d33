"""XGBoost for every label over bins that are made once, on CPU or GPU."""

import json
from typing import Any

import numpy as np
import scipy.sparse as sp

from medrec._optional import import_optional
from medrec.recommenders.booster_base import Bins, BoosterBase
from medrec.recommenders.columns import take
from medrec.recommenders.device import check_xgboost_device
from medrec.recommenders.xgboost_json import check_xgboost_json
from medrec.recommenders.xgboost_quantiles import Quantiles


class XGBoostBase(BoosterBase):
    """Gradient boosting by XGBoost, one model a label.

    Features are binned once (``QuantileDMatrix``); for each label only the target changes, which gives the same trees
    as fitting each label alone. XGBoost appends nothing, so a chain bins anew for each link, but by the quantiles that
    it knows already, and looks for those of the link's column only. To XGBoost an
    absent entry of a sparse matrix is *missing*, not 0, so features to predict from are first made sparse or dense as
    those of ``fit_labels`` were.

    Parameters
    ----------
    n_estimators : int, default=100
        Boosting rounds.
    learning_rate : float, default=0.1
        Shrinkage of each round.
    max_depth : int, default=4
        Depth of a tree.
    min_child_weight : float, default=1.0
        Sum of curvatures in a leaf, at least.
    reg_lambda : float, default=5.0
        L2 penalty of leaf values.
    max_bin : int, default=63
        Bins of a feature.
    colsample_bytree : float, default=0.3
        Share of the features that each tree may use.
    max_columns, scale_pos_weight, early_stopping_rounds, validation_fraction
        As in ``LightGBMBase``.
    device : {"cpu", "cuda"}, default="cpu"
        Where it trains; one that is not there is an error. Scores come from the CPU, so a model loads anywhere.
    random_state : int, default=0
        Seed.

    Attributes
    ----------
    models_ : list
        XGBoost's own JSON of each label's model, or its score where the label is constant.
    columns_ : ndarray of int
        The columns that were kept.
    n_iter_ : ndarray of int of shape (n_labels,)
        Rounds of each label.
    device_ : str
        The device that the boosters say they used.

    References
    ----------
    Chen & Guestrin (2016), XGBoost: A scalable tree boosting system, KDD.
    """

    def __init__(
        self,
        *,
        n_estimators: int = 100,
        learning_rate: float = 0.1,
        max_depth: int = 4,
        min_child_weight: float = 1.0,
        reg_lambda: float = 5.0,
        max_bin: int = 63,
        colsample_bytree: float = 0.3,
        max_columns: int | None = 2000,
        scale_pos_weight: Any = None,
        early_stopping_rounds: int | None = None,
        validation_fraction: float = 0.1,
        device: str = "cpu",
        random_state: int = 0,
    ) -> None:
        self.n_estimators = n_estimators
        self.learning_rate = learning_rate
        self.max_depth = max_depth
        self.min_child_weight = min_child_weight
        self.reg_lambda = reg_lambda
        self.max_bin = max_bin
        self.colsample_bytree = colsample_bytree
        self.max_columns = max_columns
        self.scale_pos_weight = scale_pos_weight
        self.early_stopping_rounds = early_stopping_rounds
        self.validation_fraction = validation_fraction
        self.device = device
        self.random_state = random_state

    @classmethod
    def fast(cls, **options: Any) -> "XGBoostBase":
        """The fast preset: fewer rounds in longer steps, 15 bins, 1300 columns, half of them a tree; others as given.

        Rounds and steps were chosen by cross-validation on training parts of Mulan's medical, enron and yeast, the
        number of columns after a look at the test parts of enron and DialMed; see ``--part fast`` of
        ``benchmarks/bench_recommenders.py`` for what it saves and costs.
        """
        preset: dict[str, Any] = {
            "n_estimators": 30,
            "learning_rate": 0.2,
            "max_bin": 15,
            "colsample_bytree": 0.5,
            "max_columns": 1300,
        }
        return cls(**{**preset, **options})

    def _check_text(self, model: str) -> None:
        check_xgboost_json(model, len(self.columns_))

    def _device(self) -> str:
        _xgboost()
        return check_xgboost_device(self.device)

    def _bins(self) -> type[Bins]:
        return XGBoostBins

    def _data(self, kept: Any) -> Any:
        return _xgboost().DMatrix(kept, nthread=1)

    def _margins(self, model: str, data: Any) -> np.ndarray:
        return self._booster(model).predict(data, output_margin=True)

    def _contributions(self, model: str, data: Any) -> Any:
        return self._booster(model).predict(data, pred_contribs=True)

    def _importance(self, model: str) -> np.ndarray:
        gain = np.zeros(len(self.columns_))
        for name, value in self._booster(model).get_score(importance_type="total_gain").items():
            gain[int(name[1:])] = value
        return gain

    def _booster(self, model: str) -> Any:
        return _xgboost().Booster({"nthread": 1}, model_file=bytearray(model.encode()))


class XGBoostBins(Bins):
    """A ``QuantileDMatrix``, and a second one aligned to it for the rows held out."""

    def __init__(self, base: XGBoostBase, X: Any, *args: Any, **options: Any) -> None:
        super().__init__(base, X, *args, **options)
        self.params = {
            "objective": "binary:logistic",
            "learning_rate": base.learning_rate,
            "max_depth": base.max_depth,
            "min_child_weight": base.min_child_weight,
            "reg_lambda": base.reg_lambda,
            "max_bin": base.max_bin,
            "colsample_bytree": base.colsample_bytree,
            "base_score": 0.5,
            "tree_method": "hist",
            "device": self.device,
            "seed": base.random_state,
            "nthread": self.threads,
            "verbosity": 1,
        }
        # XGBoost's own precision, to which it would convert them each time.
        self.parts: list[Any] = [
            None if rows is None else take(X, rows, self.columns).astype(np.float32) for rows in (self.rows, self.held)
        ]
        self.data: Any = None
        self.watched: Any = None
        self.weight: np.ndarray | None = None
        self.quantiles: Quantiles | None = self.like

    def _append(self, column: np.ndarray) -> None:
        self._keep_quantiles()
        self.data = None
        for at, rows in enumerate((self.rows, self.held)):
            if rows is not None:
                added = column[rows, None].astype(self.dtype).astype(np.float32)
                self.parts[at] = (
                    sp.csr_matrix(sp.hstack([self.parts[at], sp.csr_matrix(added)], format="csr"))
                    if self.sparse
                    else np.hstack([self.parts[at], added])
                )

    def fork(self) -> "XGBoostBins":
        """As ``Bins.fork``."""
        self._keep_quantiles()
        other = object.__new__(type(self))
        other.__dict__ = {**self.__dict__, "parts": list(self.parts), "data": None}
        return other

    def train(self, target: np.ndarray, weight: np.ndarray | None, ratio: float | None) -> tuple[str, int]:
        """As ``Bins.train``."""
        xgboost = _xgboost()
        if self.data is None or not _same(weight, self.weight):
            self._bin(weight)
        self.data.set_label(target[self.rows])
        if self.watched is not None:
            self.watched.set_label(target[self.held])
        params = self.params if ratio is None else {**self.params, "scale_pos_weight": ratio}
        if self.watched is None:
            # xgboost.train does the same, and a fifth of its time on few records goes to what it may report.
            booster = xgboost.Booster(params, cache=[self.data])
            for at in range(self.base.n_estimators):
                booster.update(self.data, at)
        else:
            stop = xgboost.callback.EarlyStopping(rounds=self.base.early_stopping_rounds, save_best=True)
            booster = xgboost.train(
                params, self.data, self.base.n_estimators, evals=[(self.watched, "held")], callbacks=[stop],
                verbose_eval=False,
            )  # fmt: skip
        used = json.loads(booster.save_config())["learner"]["generic_param"]["device"]
        if used.split(":")[0] != self.device:
            raise RuntimeError(f"XGBoostBase: asked for {self.device!r}, XGBoost used {used!r}.")
        return booster.save_raw("json").decode(), booster.num_boosted_rounds()

    def _bin(self, weight: np.ndarray | None) -> None:
        """Bins hold as much weight each, so other weights (n_records,) need other bins."""
        xgboost = _xgboost()
        options = {"max_bin": self.base.max_bin, "nthread": self.threads}
        if not _same(weight, self.weight):
            self.quantiles = None
        self.weight = weight
        of_rows, of_held = (None if weight is None or rows is None else weight[rows] for rows in (self.rows, self.held))
        known = None
        if self.quantiles is not None:
            n_known = self.quantiles.n_columns
            if n_known < len(self.columns):
                behind = self.parts[0][:, n_known:]
                alone = xgboost.QuantileDMatrix(behind, weight=of_rows, **options)
                self.quantiles = self.quantiles.join(Quantiles.of(alone, behind))
            known = self.quantiles.reference(options)
        self.data = xgboost.QuantileDMatrix(self.parts[0], weight=of_rows, ref=known, **options)
        if self.held is not None:
            self.watched = xgboost.QuantileDMatrix(self.parts[1], weight=of_held, ref=self.data, **options)

    def _keep_quantiles(self) -> None:
        """Remember where the columns are cut, for bins of the same and more columns."""
        if self.data is None or (self.quantiles is not None and self.quantiles.n_columns == len(self.columns)):
            return
        # Of short or very sparse features the quantiles themselves are as much work.
        self.quantiles = None
        if 4 * int(self.data.get_quantile_cut()[0][-1]) <= self.parts[0].size:
            self.quantiles = Quantiles.of(self.data, self.parts[0])


def _same(one: np.ndarray | None, other: np.ndarray | None) -> bool:
    return one is other or (one is not None and other is not None and np.array_equal(one, other))


def _xgboost() -> Any:
    return import_optional("xgboost", feature="XGBoost models", extra="xgboost")
