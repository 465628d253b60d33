"""What every recommender shares: out-of-fold scores, calibration, decision, safety."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse as sp
from scipy.special import expit
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.utils.validation import check_is_fitted, validate_data

from medrec._checks import check_names, check_sets
from medrec.decision import PlattCalibrator, make_decision
from medrec.recommenders.bases import takes_missing
from medrec.recommenders.folds import Folds, patient_folds
from medrec.safety import DDIFilter, DDIGraph


class BaseRecommender(ClassifierMixin, BaseEstimator):
    """Base of all recommenders: a model adds ``_fit_scores`` and ``_scores``.

    ``fit`` asks the model for its scores of the training rows, each made by a model that did not see the row (nor
    any of its patient's rows, when ``groups`` are given), calibrates them, and learns the decision rule on the
    calibrated scores. ``predict`` calibrates, decides, and then filters interactions. With ``cv=None`` there are no
    such scores: probabilities stay as the model gives them, and a rule that needs such scores is refused. Weights
    count for the model and for calibration; a rule learns from every record alike.
    """

    drug_names: Sequence[str] | None
    decision: Any
    ddi: Any
    cv: int | None
    random_state: int
    verbose: bool

    def fit(self, X: Any, Y: Any, groups: Any = None, sample_weight: Any = None) -> "BaseRecommender":
        """Learn from features and sets.

        Parameters
        ----------
        X : CSR, ndarray or DataFrame of shape (n_records, n_features)
            Features of the records.
        Y : CSR, ndarray or DataFrame of shape (n_records, n_labels)
            The drugs of each record, 0 or 1. A DataFrame's columns are the drug names.
        groups : array of shape (n_records,), optional
            The patient of each record; inner folds keep a patient together.
        sample_weight : array of shape (n_records,) or (n_records, n_labels), optional
            Weight of each record, or of each record and drug. A record of weight 0 is left out; one of weight 2
            counts as two of one patient.

        Raises
        ------
        ValueError
            When shapes do not agree, ``Y`` holds anything but 0 and 1, no weight is above 0, or the decision rule
            learns from out-of-fold scores and there are none.
        """
        who = type(self).__name__
        X = self._check_features(X, reset=True)
        _check_target(Y, who)
        sets = check_sets(Y, who=who)
        if sets.shape[0] != X.shape[0]:
            raise ValueError(f"{who}: X has {X.shape[0]} records and Y has {sets.shape[0]}; give each its row.")
        if sets.shape[1] == 0:
            raise ValueError(f"{who}: Y has no labels; at least one drug is needed.")
        if groups is not None and len(groups) != X.shape[0]:
            raise ValueError(f"{who}: groups must have {X.shape[0]} entries; got {len(groups)}.")
        weight = _check_weight(sample_weight, sets.shape, who)
        dtype = Y.dtype if sp.issparse(Y) else np.asarray(Y).dtype
        self._name_labels(sets.shape[1], getattr(Y, "columns", None), sparse=sp.issparse(Y), dtype=dtype)
        if weight is not None:
            X, sets, groups, weight = _drop_weightless(X, sets, groups, weight)
        folds = [] if self.cv is None else patient_folds(X.shape[0], self.cv, groups, self.random_state)
        rule = make_decision(self.decision)
        _check_rule(rule, bool(folds), self.cv, who)
        out_of_fold = self._fit_scores(X, sets, folds, weight, groups)
        return self._learn_decision(rule, out_of_fold if folds else None, sets, weight, groups)

    def _name_labels(self, n_labels: int, columns: Any, *, sparse: bool, dtype: Any) -> None:
        """Names of the labels, what interacts among them, and what ``predict`` is to give."""
        names = self.drug_names if self.drug_names is not None else columns
        names = [str(name) for name in (range(n_labels) if names is None else names)]
        self.drug_names_ = check_names(names, who=type(self).__name__, n_labels=n_labels)
        self.sparse_output_ = sparse
        self.output_dtype_ = np.dtype(dtype).name
        # A row a label, not arange(n_labels): scikit-learn's scorers would take two labels for one binary target.
        self.classes_ = np.tile([0, 1], (n_labels, 1))
        self.filter_ = make_filter(self.ddi, self.drug_names_)

    def _learn_decision(
        self, rule: Any, scores: np.ndarray | None, sets: sp.csr_matrix, weight: Any, groups: Any
    ) -> "BaseRecommender":
        """Calibration and decision from scores (n_records, n_labels) of records that the model was not fitted on; where
        there are none, the decision from the sets alone.
        """
        self.calibrator_ = None if scores is None else PlattCalibrator().fit(scores, sets, sample_weight=weight)
        self.decision_ = rule.fit(None if scores is None else self._probabilities(scores), sets, groups)
        return self

    @abstractmethod
    def _fit_scores(
        self, X: Any, sets: sp.csr_matrix, folds: Folds, weight: np.ndarray | None, groups: Any
    ) -> np.ndarray:
        """Fit the model on all rows and return out-of-fold scores (n_records, n_labels), where there are folds."""

    @abstractmethod
    def _scores(self, X: Any) -> np.ndarray:
        """Uncalibrated scores (n_records, n_labels)."""

    def _probabilities(self, scores: np.ndarray) -> np.ndarray:
        return expit(scores) if self.calibrator_ is None else self.calibrator_.transform(scores)

    def predict_proba(self, X: Any) -> np.ndarray:
        """Calibrated probability of each drug, ndarray (n_records, n_labels)."""
        check_is_fitted(self)
        return self._probabilities(self._scores(self._check_features(X, reset=False)))

    def predict(self, X: Any) -> Any:
        """Sets after decision and safety: CSR or ndarray of shape (n_records, n_labels), of the type that ``Y`` was."""
        return self._as_given(self.decide(self.predict_proba(X))[0])

    def decide(self, probabilities: np.ndarray) -> tuple[sp.csr_matrix, sp.csr_matrix, pd.DataFrame]:
        """Sets of ``probabilities`` (n_records, n_labels).

        Returns
        -------
        safe : CSR of shape (n_records, n_labels)
            The sets after the interaction filter.
        decided : CSR of shape (n_records, n_labels)
            The sets before it.
        audit : DataFrame
            Who was removed against whom, see ``DDIFilter.apply``; empty without a graph.
        """
        check_is_fitted(self)
        decided = self.decision_.apply(probabilities)
        if self.filter_ is None:
            return (
                decided,
                decided,
                pd.DataFrame(columns=["record", "removed", "against", "severity", "utility_lost"]),
            )
        safe, audit = self.filter_.apply(decided, probabilities)
        return safe, decided, audit

    def recommend(self, X: Any, top_k: int | None = None) -> pd.DataFrame:
        """Recommendations as a table, a row for each record and drug.

        Parameters
        ----------
        X : CSR, ndarray or DataFrame of shape (n_records, n_features)
            Features of the records.
        top_k : int, optional
            The ``top_k`` best drugs of each record, kept or not; default: those that the decision took or
            the filter put in another's place.

        Returns
        -------
        DataFrame
            Columns ``record`` (row), ``drug``, ``score`` (probability), ``rank`` (1 is best), ``kept`` (in the final
            set) and ``why`` (``recommended``, ``below the decision``, or which drug it interacts with).
        """
        if top_k is not None and top_k < 1:
            raise ValueError(f"{type(self).__name__}: top_k must be at least 1; got {top_k}.")
        probabilities = self.predict_proba(X)
        safe, decided, audit = self.decide(probabilities)
        against: dict[tuple[int, str], list[str]] = {}
        for record, removed, other in zip(audit["record"], audit["removed"], audit["against"]):
            against.setdefault((record, removed), []).append(other)
        rows = []
        for record in range(probabilities.shape[0]):
            order = np.argsort(-probabilities[record], kind="stable")
            in_safe = set(safe.indices[safe.indptr[record] : safe.indptr[record + 1]])
            in_decided = set(decided.indices[decided.indptr[record] : decided.indptr[record + 1]])
            for rank, label in enumerate(order, start=1):
                if top_k is not None and rank > top_k:
                    break
                if top_k is None and label not in in_decided and label not in in_safe:
                    continue
                drug = self.drug_names_[label]
                others = against.get((record, drug))
                if others:
                    why = "interacts with " + ", ".join(others)
                else:
                    why = "recommended" if label in in_safe else "below the decision"
                rows.append((record, drug, probabilities[record, label], rank, label in in_safe, why))
        return pd.DataFrame(rows, columns=["record", "drug", "score", "rank", "kept", "why"])

    def check_loaded(self) -> None:
        """Refuse attributes that do not go together; ``medrec.load`` asks for this."""
        who = type(self).__name__
        if not hasattr(self, "drug_names_"):
            return
        n_labels = len(check_names(self.drug_names_, who=who))
        if type(self.n_features_in_) is not int or self.classes_.shape != (n_labels, 2):
            raise ValueError(f"{who}: n_features_in_ or classes_ does not go with {n_labels} drugs")
        if not hasattr(self.decision_, "apply") or np.dtype(self.output_dtype_).kind not in "biuf":
            raise ValueError(f"{who}: decision_ or output_dtype_ is of another type")
        if self.calibrator_ is not None and not hasattr(self.calibrator_, "transform"):
            raise ValueError(f"{who}: calibrator_ is of another type")
        if self.filter_ is not None:
            if not isinstance(self.filter_, DDIFilter) or list(self.filter_.graph.names) != list(self.drug_names_):
                raise ValueError(f"{who}: filter_ is not of the {n_labels} drugs")
            self.filter_._check_options()

    def _check_features(self, X: Any, *, reset: bool) -> Any:
        finite = "allow-nan" if takes_missing(getattr(self, "base", None)) else True
        kinds = [np.float64, np.float32]
        X = validate_data(self, X, accept_sparse="csr", dtype=kinds, ensure_all_finite=finite, reset=reset)
        # Boosters do not know scipy's sparse arrays.
        return sp.csr_matrix(X) if sp.issparse(X) else X

    def _as_given(self, sets: sp.csr_matrix) -> Any:
        sets = sets.astype(self.output_dtype_)
        return sets if self.sparse_output_ else sets.toarray()

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.allow_nan = takes_missing(getattr(self, "base", None))
        tags.target_tags.multi_output = True
        tags.target_tags.single_output = False
        tags.classifier_tags.multi_label = True
        tags.classifier_tags.multi_class = False
        return tags


def make_filter(ddi: Any, names: np.ndarray) -> DDIFilter | None:
    """The filter in label order, from a filter, a graph or a table of pairs; None for none."""
    if ddi is None:
        return None
    if not isinstance(ddi, DDIFilter):
        ddi = DDIFilter(ddi if isinstance(ddi, DDIGraph) else DDIGraph.from_edges(names, ddi))
    if list(ddi.graph.names) == list(names):
        return ddi
    return clone(ddi).set_params(graph=ddi.graph.align(names))


def _check_rule(rule: Any, has_folds: bool, cv: Any, who: str) -> None:
    """Refuse a rule that would learn from scores of the very records that the model was fitted on."""
    if has_folds or not getattr(rule, "learns_from_scores", False):
        return
    cause, cure = "cv=None makes none", "Set cv=5"
    if cv is not None:
        cause, cure = "a single patient makes none", "Fit on records of several patients"
    raise ValueError(
        f"{who}: the decision rule {rule!r} learns from out-of-fold scores, and {cause}. "
        f"{cure}, or use a rule that does without them, such as 'expected-jaccard'."
    )


def _check_target(Y: Any, who: str) -> None:
    """Refuse what is no set of labels, in the words that scikit-learn's users know."""
    if Y is None:
        raise ValueError(f"{who}: requires y to be passed, but the target y is None.")
    if sp.issparse(Y):
        return
    target = np.asarray(Y)
    if target.ndim == 2 and target.dtype.kind in "biuf":
        return
    kind = "continuous" if target.dtype.kind == "f" and (target % 1 != 0).any() else f"{target.dtype} values"
    rule = "Only binary classification is supported" if target.ndim != 2 else "Unknown label type"
    raise ValueError(
        f"{who}: {rule}: Y must be a matrix (n_records, n_labels) of 0 and 1, one column a drug; got {kind} in "
        f"{target.ndim} dimension(s)."
    )


def _drop_weightless(
    X: Any, sets: sp.csr_matrix, groups: Any, weight: np.ndarray
) -> tuple[Any, sp.csr_matrix, Any, np.ndarray]:
    """The records that count for any drug; folds are made of them alone."""
    rows = np.flatnonzero(weight if weight.ndim == 1 else weight.any(axis=1))
    if len(rows) == len(weight):
        return X, sets, groups, weight
    return X[rows], sets[rows], None if groups is None else np.asarray(groups)[rows], weight[rows]


def _check_weight(weight: Any, shape: tuple[int, int], who: str) -> np.ndarray | None:
    if weight is None:
        return None
    array = np.asarray(weight, dtype=np.float64)
    if array.shape not in (shape, shape[:1]):
        raise ValueError(f"{who}: sample_weight must be ({shape[0]},) or {shape}; got {array.shape}.")
    if not np.isfinite(array).all() or (array < 0).any():
        raise ValueError(f"{who}: sample_weight must be finite and not negative.")
    if not array.any():
        raise ValueError(f"{who}: sample_weight must be above zero for a record at least; every weight is zero.")
    return array
