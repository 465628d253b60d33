"""``MultiLabelAdapter``: any multi-label classifier under our calibration, decision and safety."""

import inspect
import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import scipy.sparse as sp
from scipy.special import logit
from sklearn.base import clone

from medrec._progress import progress
from medrec.recommenders.base import BaseRecommender
from medrec.recommenders.folds import Folds
from medrec.recommenders.labels import constant_score

METHODS = ("predict_proba", "decision_function", "predict")
"""Where scores come from: the first that the estimator has."""
LEAST = 0.01
"""Probabilities are kept so far from 0 and 1 for calibration: votes of few trees or neighbours are never so sure, and
log-odds of their zeros would outweigh all that is between."""


class MultiLabelAdapter(BaseRecommender):
    """A multi-label classifier of scikit-learn or scikit-multilearn as a recommender.

    The estimator is fitted on every fold and on all records. Its scores are the log-odds of ``predict_proba``, else
    ``decision_function``, else ``predict``; out of fold they calibrate it and fit the decision. Labels that are
    constant in the records are left out of its fit and get a constant score; where a single label varies, the
    estimator is given its column twice, because several classifiers take no matrix of one column.

    Parameters
    ----------
    estimator : classifier
        ``fit(X, Y)`` takes a matrix of 0 and 1, int64 (n_records, n_labels): ``ClassifierChain``,
        ``MultiOutputClassifier``, ``OneVsRestClassifier``, ``RandomForestClassifier``, ``MLPClassifier``,
        ``KNeighborsClassifier``; of scikit-multilearn-ng ``MLkNN``, ``LabelPowerset``, ``RakelD``, ``RakelO``.
        It is given ``X`` as it comes, sparse or dense, and keeps its own ``random_state`` and ``n_jobs``.
    decision, drug_names, ddi, cv, verbose
        As in ``BinaryRelevanceRecommender``.
    random_state : int, default=0
        Seed of the inner folds, and of the global generators while the estimator is fitted: that of an estimator
        that has no seed of its own, such as ``RakelD``.

    Attributes
    ----------
    estimator_ : classifier or None
        Fitted on all records; None where every label is constant.
    method_ : str
        Where its scores come from.
    constant_ : ndarray of shape (n_labels,)
        Score of each constant label, NaN for the others.

    Raises
    ------
    ValueError
        When the estimator takes no ``sample_weight`` and one is given, when it is by label, or when the
        estimator's scores are not (n_records, n_labels).

    Notes
    -----
    ``medrec.save`` keeps linear models, perceptrons and brute-force neighbours, alone or inside ``ClassifierChain``,
    ``MultiOutputClassifier`` and ``OneVsRestClassifier``. It refuses scikit-learn's trees, whose arrays are used
    unchecked, and all of scikit-multilearn's types: a model file holds only types that are known to be harmless.

    scikit-learn's ``ClassifierChain`` and ``OneVsRestClassifier`` take ``sample_weight`` only with metadata routing:
    ``sklearn.set_config(enable_metadata_routing=True)`` and ``set_fit_request(sample_weight=True)`` on what they wrap.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.neighbors import KNeighborsClassifier
    >>> X = np.eye(4)[[0, 1, 2, 3] * 5]
    >>> Y = np.array([[1, 0], [1, 1], [0, 1], [0, 1]] * 5)
    >>> adapter = MultiLabelAdapter(KNeighborsClassifier(n_neighbors=3)).fit(X, Y)
    >>> adapter.predict(X[:2]).tolist()
    [[1, 0], [1, 1]]
    """

    def __init__(
        self,
        estimator: Any,
        *,
        decision: Any = "expected-jaccard",
        drug_names: Sequence[str] | None = None,
        ddi: Any = None,
        cv: int | None = 5,
        random_state: int = 0,
        verbose: bool = False,
    ) -> None:
        self.estimator = estimator
        self.decision = decision
        self.drug_names = drug_names
        self.ddi = ddi
        self.cv = cv
        self.random_state = random_state
        self.verbose = verbose

    def _fit_scores(
        self, X: Any, sets: sp.csr_matrix, folds: Folds, weight: np.ndarray | None, groups: Any
    ) -> np.ndarray:
        _check_estimator(self.estimator, weight)
        out_of_fold = np.zeros(sets.shape)
        every = np.arange(X.shape[0])
        for train, test in progress([*folds, (every, every)], desc="adapter, folds", show=self.verbose):
            self._fit_rows(X[train], sets[train], None if weight is None else weight[train])
            if test is not every:
                out_of_fold[test] = self._scores(X[test])
        return out_of_fold

    def _fit_rows(self, X: Any, sets: sp.csr_matrix, weight: np.ndarray | None) -> None:
        target = sets.toarray().astype(np.int64)
        constant = [constant_score(column, weight) for column in target.T]
        self.constant_ = np.array([np.nan if score is None else score for score in constant])
        self.estimator_, self.method_ = None, METHODS[-1]
        varying = target[:, np.isnan(self.constant_)]
        if not varying.shape[1]:
            return
        if varying.shape[1] == 1:
            varying = np.repeat(varying, 2, axis=1)
        options = {} if weight is None else {"sample_weight": weight}
        with _seeded(self.random_state):
            self.estimator_ = clone(self.estimator).fit(X, varying, **options)
        self.method_ = _method(self.estimator_, X[:1])

    def _scores(self, X: Any) -> np.ndarray:
        scores = np.tile(self.constant_, (X.shape[0], 1))
        if self.estimator_ is None:
            return scores
        varying = np.flatnonzero(np.isnan(self.constant_))
        found = _as_matrix(getattr(self.estimator_, self.method_)(X))
        if found.shape != (X.shape[0], max(2, len(varying))) or not np.isfinite(found).all():
            raise ValueError(
                f"MultiLabelAdapter: {type(self.estimator_).__name__}.{self.method_} must give finite scores of shape "
                f"{(X.shape[0], max(2, len(varying)))}; got {found.shape}. Is it a multi-label classifier?"
            )
        if self.method_ != "decision_function":
            least = 1e-9 if self.cv is None else LEAST
            found = logit(np.clip(found, least, 1 - least))
        scores[:, varying] = found[:, : len(varying)]
        return scores


def _check_estimator(estimator: Any, weight: np.ndarray | None) -> None:
    name = type(estimator).__name__
    if isinstance(estimator, type) or not hasattr(estimator, "fit") or not hasattr(estimator, "predict"):
        raise ValueError(
            f"MultiLabelAdapter: estimator must be a multi-label classifier with fit and predict; got {estimator!r}."
        )
    if weight is None:
        return
    if weight.ndim == 2:
        raise ValueError(
            f"MultiLabelAdapter: sample_weight must be (n_records,) for {name}; weights by drug need "
            f"BinaryRelevanceRecommender."
        )
    taken = inspect.signature(estimator.fit).parameters
    if "sample_weight" not in taken and not any(one.kind is one.VAR_KEYWORD for one in taken.values()):
        raise ValueError(
            f"MultiLabelAdapter: {name}.fit takes no sample_weight; leave it out, or take another estimator."
        )


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Python's and NumPy's global generators at a seed, and as they were afterwards."""
    before, numpy_before = random.getstate(), np.random.get_state()  # noqa: NPY002 - it is the one they draw from
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002
    try:
        yield
    finally:
        random.setstate(before)
        np.random.set_state(numpy_before)  # noqa: NPY002


def _method(estimator: Any, X: Any) -> str:
    """The first of ``METHODS`` that works on ``X``; a wrapper may have one that what it wraps has not."""
    for method in METHODS[:-1]:
        try:
            getattr(estimator, method)(X)
        except (AttributeError, NotImplementedError, TypeError):  # RakelO raises NotImplemented, which is no exception
            continue
        return method
    return METHODS[-1]


def _as_matrix(scores: Any) -> np.ndarray:
    """Scores (n_records, n_labels) of what a library gives: an array, a sparse matrix, a list of one array a label."""
    if isinstance(scores, list):
        scores = np.column_stack([np.asarray(one)[:, -1] for one in scores])
    return np.asarray(scores.toarray() if sp.issparse(scores) else scores, dtype=np.float64)
