"""The models of the quality table, and the data that each is fitted on."""

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.sparse as sp
from common import DATA
from scipy.special import logit
from sklearn.base import clone
from sklearn.preprocessing import StandardScaler

from medrec import BinaryRelevanceRecommender, ChainRecommender
from medrec.datasets import Dataset, load
from medrec.decision import PlattCalibrator, make_decision
from medrec.features import RecordVectorizer
from medrec.recommenders import (
    MultiLabelAdapter,
    NeighborRecommender,
    PriorRecommender,
    StackedBinaryRelevance,
    make_base,
)
from medrec.recommenders.folds import patient_folds

Split = tuple[Any, Any, Any, Any, Any]
"""X, Y and groups to fit on, X and Y to test on."""

SPARSE_SETS, DENSE_SETS = ("medical", "enron"), ("emotions", "scene", "yeast")
SETS = (*SPARSE_SETS, *DENSE_SETS, "dialmed", "uci-diabetes")


class OuterPlatt:
    """A recommender without inner folds, calibrated and decided on the scores of an outer cross-validation.

    It is the fair counterpart of chains with ``cv``: trained on true labels, but neither calibrated nor decided on
    the rows that were fitted.
    """

    def __init__(self, recommender: Any, *, n_splits: int = 5) -> None:
        self.recommender = recommender
        self.n_splits = n_splits

    def fit(self, X: Any, Y: Any, groups: Any = None) -> "OuterPlatt":
        scores = np.zeros(Y.shape)
        for train, test in patient_folds(X.shape[0], self.n_splits, groups, 0):
            own = None if groups is None else groups[train]
            scores[test] = self._log_odds(clone(self.recommender).fit(X[train], Y[train], groups=own), X[test])
        self.calibrator_ = PlattCalibrator().fit(scores, Y)
        self.decision_ = make_decision("expected-jaccard").fit(self.calibrator_.transform(scores), Y, groups)
        self.fitted_ = clone(self.recommender).fit(X, Y, groups=groups)
        return self

    def predict(self, X: Any) -> sp.csr_matrix:
        return self.decision_.apply(self.calibrator_.transform(self._log_odds(self.fitted_, X)))

    @staticmethod
    def _log_odds(fitted: Any, X: Any) -> np.ndarray:
        return logit(np.clip(fitted.predict_proba(X), 1e-9, 1 - 1e-9))


def small(base: str, smoke: bool) -> Any:
    """A base by name, of a few rounds where it boosts and the run is a smoke test."""
    made = make_base(base)
    return made.set_params(n_estimators=3) if smoke and "n_estimators" in made.get_params() else made


def models(*, jobs: int | None = 1, smoke: bool = False) -> dict[str, Callable[[], Any]]:
    """A function that makes each model, by its name in the tables."""

    def relevance(base: str) -> Callable[[], Any]:
        return lambda: BinaryRelevanceRecommender(small(base, smoke), n_jobs=jobs)

    def chain(base: str, **options: Any) -> Callable[[], Any]:
        return lambda: ChainRecommender(small(base, smoke), n_jobs=jobs, **options)

    def outer(base: str) -> Callable[[], Any]:
        make = chain(base, cv=None)
        return lambda: OuterPlatt(make())

    def stacked(base: str) -> Callable[[], Any]:
        return lambda: StackedBinaryRelevance(small(base, smoke), n_jobs=jobs)

    def adapter(name: str) -> Callable[[], Any]:
        def make() -> Any:
            if name == "MLkNN":
                from skmultilearn.adapt import MLkNN

                return MultiLabelAdapter(MLkNN(k=10))
            from sklearn.linear_model import LogisticRegression
            from sklearn.multiclass import OneVsRestClassifier
            from skmultilearn.ensemble import RakelD

            # One problem a class: the joint multinomial one took over 25 minutes on DialMed's columns.
            linear = OneVsRestClassifier(LogisticRegression(C=10, solver="liblinear"))
            return MultiLabelAdapter(RakelD(base_classifier=linear, labelset_size=3))

        return make

    found: dict[str, Callable[[], Any]] = {"prior": lambda: PriorRecommender()}
    for base in ("logistic", "svm", "lightgbm", "lightgbm-fast", "xgboost", "xgboost-fast"):
        found[f"binary relevance, {base}"] = relevance(base)
    for base in ("logistic", "lightgbm"):
        found[f"chain, {base}"] = chain(base, cv=5)
        found[f"chain on true labels, {base}"] = chain(base, cv=None)
        found[f"chain on true labels with outer Platt, {base}"] = outer(base)
    found["chain, lightgbm-fast"] = chain("lightgbm-fast", cv=5)
    found["10 chains, logistic"] = chain("logistic", order="random", n_chains=2 if smoke else 10)
    for base in ("logistic", "lightgbm"):
        found[f"stacked binary relevance, {base}"] = stacked(base)
    found["neighbors"] = lambda: NeighborRecommender(n_jobs=jobs)
    found["adapter, MLkNN"] = adapter("MLkNN")
    found["adapter, RAkEL"] = adapter("RAkEL")
    return found


def vectorizer(schema: Any, model: str) -> RecordVectorizer:
    """Features of records for a model: codes alone for the prior, all columns for the others."""
    if model == "prior":
        codes = {column: kind for column, kind in schema.items() if kind == "codes"}
        return RecordVectorizer(codes, char_ngrams=(0, 0), min_df=1)
    return RecordVectorizer(schema)


def splits(name: str, model: str) -> list[Split]:
    """The parts to fit and to test on: Mulan's own, five folds of DialMed, one fold of UCI's patients.

    Raises
    ------
    FileNotFoundError
        When the data is not there.
    """
    if name in SPARSE_SETS + DENSE_SETS:
        paths = [DATA / "mulan" / name / f"{name}-{part}.arff.gz" for part in ("train", "test")]
        train, test = (load(f"arff:{there(path)}") for path in paths)
        X, X_test = (one.records.to_numpy(dtype=np.float64) for one in (train, test))
        if name in SPARSE_SETS:
            X, X_test = sp.csr_matrix(X), sp.csr_matrix(X_test)
        elif model == "prior":  # numbers are no codes: what is left are the labels' frequencies
            X, X_test = (sp.csr_matrix((len(one), 1)) for one in (X, X_test))
        else:
            scaler = StandardScaler().fit(X)
            X, X_test = scaler.transform(X), scaler.transform(X_test)
        return [(X, train.Y, None, X_test, test.Y)]
    if name == "dialmed":
        data = load(f"dialmed:{there(DATA / 'dialmed' / 'dev.txt')}", masks="drop")
        return [split(data, train, test, model) for train, test in patient_folds(len(data), 5, None, 0)]
    data = load(f"uci-diabetes:{there(DATA / 'uci_diabetes130' / 'diabetic_data.csv.gz')}")
    return [split(data, *patient_folds(len(data), 5, data.groups, 0)[0], model)]


def split(data: Dataset, train: np.ndarray, test: np.ndarray, model: str) -> Split:
    features = vectorizer(data.schema, model)
    X = features.fit_transform(data.records.iloc[train])
    groups = None if data.groups is None else data.groups[train]
    return X, data.Y[train], groups, features.transform(data.records.iloc[test]), data.Y[test]


def there(path: Any) -> Any:
    if not path.exists():
        raise FileNotFoundError(f"{path} is absent; set MEDREC_DATA to the folder of the real data")
    return path
