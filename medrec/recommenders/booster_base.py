"""What both boosters share: columns kept, rows held out, labels in turn over bins that are made once."""

from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import scipy.sparse as sp
from sklearn.base import BaseEstimator

from medrec._parallel import threads
from medrec.recommenders.columns import choose_columns, take
from medrec.recommenders.folds import patient_folds
from medrec.recommenders.labels import constant_score, each_label


class BoosterBase(BaseEstimator):
    """Base of ``LightGBMBase`` and ``XGBoostBase``.

    A library adds ``_device`` (the device that was asked for, checked), ``_bins`` (a ``Bins``), ``_margins`` and
    ``_contributions`` of one model, ``_importance``, and ``_check_text`` of a model that comes from a file.
    """

    n_estimators: int
    max_columns: int | None
    scale_pos_weight: Any
    early_stopping_rounds: int | None
    validation_fraction: float
    device: str
    random_state: int

    PER_LABEL = ("scale_pos_weight",)
    """Options that may hold a number a label."""

    models_: list[str | float]
    columns_: np.ndarray
    n_features_in_: int

    def fit_labels(
        self,
        X: Any,
        Y: Any,
        *,
        rows: Any = None,
        groups: Any = None,
        sample_weight: Any = None,
        n_jobs: int | None = None,
    ) -> "BoosterBase":
        """Learn every label of Y.

        Parameters
        ----------
        X : CSR matrix or ndarray of shape (n_records, n_features)
            NaN is a missing value.
        Y : CSR matrix or ndarray of shape (n_records, n_labels)
        rows : array of int, optional
            Train on these rows only.
        groups : array of shape (n_records,), optional
            Patient of each row; early stopping holds out whole patients.
        sample_weight : array of shape (n_records,) or (n_records, n_labels), optional
        n_jobs : int, optional
            Threads of a tree; the recommenders fit labels side by side instead, and leave this at one.

        Raises
        ------
        ValueError
            When an option or a shape is wrong, or the device is not there.
        """
        Y = sp.csr_matrix(Y)
        return self.fit_bins(self.bin(X, Y, rows=rows, groups=groups, n_jobs=n_jobs), Y, sample_weight)

    def bin(self, X: Any, Y: sp.csr_matrix, *, rows: Any = None, groups: Any = None, n_jobs: int | None = None) -> Any:
        """``Bins`` of some rows of ``X``, for ``fit_bins``; ``Y`` says which columns are worth keeping."""
        self._check_options()
        device = self._device()
        rows = np.arange(X.shape[0]) if rows is None else np.asarray(rows)
        held = self._held_out(rows, groups)
        if held is not None:
            rows = np.setdiff1d(rows, held)
        columns = choose_columns(X, Y, rows, self.max_columns)
        n_threads = 1 if n_jobs is None else threads(n_jobs)
        return self._bins()(self, X, rows, held, columns, device=device, threads=n_threads)

    def fit_bins(
        self,
        bins: Any,
        Y: sp.csr_matrix,
        sample_weight: np.ndarray | None = None,
        *,
        tick: Callable[[], Any] = lambda: None,
    ) -> "BoosterBase":
        """Learn every label of ``Y`` (n_records, n_labels) on ``bins``; ``tick`` is called after each."""
        ratios = self._ratios(Y.shape[1])
        self.device_ = bins.device
        self.models_ = []
        self.n_iter_ = np.zeros(Y.shape[1], dtype=np.int64)
        for label, (target, weight) in enumerate(each_label(Y, sample_weight)):
            part = None if weight is None else weight[bins.rows]
            constant = constant_score(target[bins.rows], part)
            if constant is None:
                model, self.n_iter_[label] = bins.train(target, weight, _ratio(ratios[label], target[bins.rows], part))
                self.models_.append(model)
            else:
                self.models_.append(constant)
            tick()
        self.columns_ = bins.columns
        self.n_features_in_ = bins.n_features
        self.sparse_ = bins.sparse
        return self

    def join(self, parts: Sequence["BoosterBase"]) -> "BoosterBase":
        """Become the fitted base of all labels from those of some labels each."""
        self.models_ = [model for part in parts for model in part.models_]
        self.n_iter_ = np.concatenate([part.n_iter_ for part in parts])
        first = parts[0]
        self.device_, self.sparse_ = first.device_, first.sparse_
        self.columns_, self.n_features_in_ = first.columns_, first.n_features_in_
        return self

    def decision_function(self, X: Any) -> np.ndarray:
        """Log-odds (n_records, n_labels)."""
        return self.margins(self.take(X))

    def take(self, X: Any) -> Any:
        """The columns of ``X`` (n_records, n_features) that the trees know, in their container."""
        if X.shape[1] != self.n_features_in_:
            raise ValueError(
                f"{type(self).__name__}: X must have the {self.n_features_in_} features it was fitted on; "
                f"got shape {X.shape}."
            )
        if sp.issparse(X) != self.sparse_:
            X = sp.csr_matrix(X) if self.sparse_ else X.toarray()
        return take(X, None, self.columns_)

    def margins(self, kept: Any) -> np.ndarray:
        """As ``decision_function``, of what ``take`` gave."""
        data = self._data(kept)
        scores = np.empty((kept.shape[0], len(self.models_)))
        for label, model in enumerate(self.models_):
            scores[:, label] = model if isinstance(model, float) else self._margins(model, data)
        return scores

    def contributions(self, X: Any, label: int) -> sp.csr_matrix:
        """What each feature adds to a label's score of each record.

        Returns
        -------
        CSR of shape (n_records, n_features + 1)
            SHAP values by the library's own tree algorithm; the last column is the expected score. A row sums to the
            record's score.

        References
        ----------
        Lundberg et al. (2020), From local explanations to global understanding with explainable AI for trees,
        Nature Machine Intelligence 2.
        """
        model = self.models_[label]
        kept = self.take(X)
        if isinstance(model, float):
            values = sp.csr_matrix(
                (np.full(kept.shape[0], model), (np.arange(kept.shape[0]), [len(self.columns_)] * kept.shape[0]))
            )
        else:
            values = sp.csr_matrix(self._contributions(model, self._data(kept)))
        where = np.append(self.columns_, self.n_features_in_)
        shape = (kept.shape[0], self.n_features_in_ + 1)
        return sp.csr_matrix((values.data, where[values.indices], values.indptr), shape=shape)

    def feature_importances(self) -> sp.csr_matrix:
        """Total gain of the splits on each feature, CSR (n_labels, n_features)."""
        rows = []
        for model in self.models_:
            gain = np.zeros(self.n_features_in_)
            if not isinstance(model, float):
                gain[self.columns_] = self._importance(model)
            rows.append(sp.csr_matrix(gain[None, :]))
        return sp.vstack(rows, format="csr")

    def check_loaded(self) -> None:
        """Refuse models that the library could not read safely; ``medrec.load`` asks for this."""
        if not hasattr(self, "models_"):
            return
        columns = np.asarray(self.columns_)
        if columns.ndim != 1 or columns.dtype.kind != "i" or not isinstance(self.models_, list):
            raise ValueError(f"{type(self).__name__}: columns_ or models_ is of another type")
        if len(columns) and not (columns.min() >= 0 and columns.max() < self.n_features_in_):
            raise ValueError(f"{type(self).__name__}: columns_ are not among the {self.n_features_in_} features")
        for model in self.models_:
            if isinstance(model, str):
                self._check_text(model)
            elif not isinstance(model, float):
                raise ValueError(f"{type(self).__name__}: a model is of type {type(model).__name__}")

    @abstractmethod
    def _check_text(self, model: str) -> None: ...

    @abstractmethod
    def _device(self) -> str: ...

    @abstractmethod
    def _bins(self) -> type["Bins"]: ...

    @abstractmethod
    def _data(self, kept: Any) -> Any: ...

    @abstractmethod
    def _margins(self, model: str, data: Any) -> np.ndarray: ...

    @abstractmethod
    def _contributions(self, model: str, data: Any) -> Any: ...

    @abstractmethod
    def _importance(self, model: str) -> np.ndarray: ...

    def _held_out(self, rows: np.ndarray, groups: Any) -> np.ndarray | None:
        """The rows that early stopping watches: those of some patients, the same for every label and link."""
        if self.early_stopping_rounds is None:
            return None
        mine = None if groups is None else np.asarray(groups)[rows]
        folds = patient_folds(len(rows), max(2, round(1 / self.validation_fraction)), mine, self.random_state)
        return rows[folds[0][1]] if folds else None

    def _ratios(self, n_labels: int) -> list[Any]:
        value = self.scale_pos_weight
        if value is None or isinstance(value, str):
            return [value] * n_labels
        ratios = np.asarray(value, dtype=np.float64)
        if ratios.shape not in ((), (n_labels,)) or not (np.isfinite(ratios) & (ratios > 0)).all():
            raise ValueError(
                f"{type(self).__name__}: scale_pos_weight must be positive, one number or one a label, or 'balanced'; "
                f"got {value!r}."
            )
        return np.broadcast_to(ratios, n_labels).tolist()

    def _check_options(self) -> None:
        who = type(self).__name__
        if isinstance(self.scale_pos_weight, str) and self.scale_pos_weight != "balanced":
            raise ValueError(
                f"{who}: scale_pos_weight must be a number, one a label, 'balanced' or None; "
                f"got {self.scale_pos_weight!r}."
            )
        if self.max_columns is not None and self.max_columns < 1:
            raise ValueError(f"{who}: max_columns must be at least 1, or None for all; got {self.max_columns!r}.")
        if self.early_stopping_rounds is not None and self.early_stopping_rounds < 1:
            raise ValueError(f"{who}: early_stopping_rounds must be at least 1; got {self.early_stopping_rounds!r}.")
        if not 0 < self.validation_fraction <= 0.5:
            raise ValueError(
                f"{who}: validation_fraction must be above 0 and at most 0.5; got {self.validation_fraction!r}."
            )

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.sparse = True
        return tags


class Bins:
    """Features of some rows, binned once for every label, and those of the rows held out for early stopping.

    Parameters
    ----------
    base : BoosterBase
        Options.
    X : CSR or ndarray of shape (n_records, n_features)
    rows : ndarray of int
        Rows to train on.
    held : ndarray of int or None
        Rows that early stopping watches.
    columns : ndarray of int
        Columns that are binned.
    device, threads
        Where trees are grown, and by how many threads.
    like : object, optional
        What ``booster_groups`` gave of other bins: these are to be the same.
    """

    params: dict[str, Any]

    def __init__(
        self,
        base: Any,
        X: Any,
        rows: np.ndarray,
        held: np.ndarray | None,
        columns: np.ndarray,
        *,
        device: str,
        threads: int,
        like: Any = None,
    ) -> None:
        self.like = like
        self.base, self.rows, self.held, self.columns = base, rows, held, columns
        self.device, self.threads = device, threads
        self.n_features, self.sparse = X.shape[1], sp.issparse(X)
        self.dtype = X.dtype

    def append(self, column: np.ndarray) -> None:
        """Bin one more feature (n_records,), which stands behind all others."""
        self.columns = np.append(self.columns, self.n_features)
        self.n_features += 1
        self._append(column)

    @abstractmethod
    def _append(self, column: np.ndarray) -> None: ...

    @abstractmethod
    def fork(self) -> "Bins":
        """A copy that takes other columns than this one from here on."""

    @abstractmethod
    def train(self, target: np.ndarray, weight: np.ndarray | None, ratio: float | None) -> tuple[str, int]:
        """The model, and its rounds, of one label's targets and weights (n_records,)."""


def _ratio(ratio: Any, target: np.ndarray, weight: np.ndarray | None) -> float | None:
    """A number for ``"balanced"``: weight of the records without the label over that of those with it."""
    if ratio != "balanced":
        return ratio
    weight = np.ones(len(target)) if weight is None else weight
    present = float(weight[target > 0].sum())
    return (float(weight.sum()) - present) / present
