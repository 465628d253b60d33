"""One table of estimators; scikit-learn's checks and the checks of our own contract run over all of it."""

import pickle
import warnings

import joblib
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
import sklearn
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, GroupKFold, cross_val_predict, cross_validate
from sklearn.multioutput import MultiOutputClassifier
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils import assert_all_finite, column_or_1d, get_tags
from sklearn.utils.estimator_checks import parametrize_with_checks
from sklearn.utils.multiclass import type_of_target
from sklearn.utils.validation import check_is_fitted

from medrec import (
    BinaryRelevanceRecommender,
    ChainRecommender,
    DDIFilter,
    DDIGraph,
    MultiLabelAdapter,
    NeighborRecommender,
    PriorRecommender,
    RecordVectorizer,
    StackedBinaryRelevance,
    StackedRecommender,
)
from medrec.datasets import load
from medrec.decision import (
    Cardinality,
    ExpectedF1,
    ExpectedJaccard,
    IsotonicCalibrator,
    LabelThresholds,
    PlattCalibrator,
    Threshold,
    TopK,
)
from medrec.recommenders import (
    MODELS,
    EstimatorBase,
    LightGBMBase,
    LinearBase,
    PairBooster,
    XGBoostBase,
    make_recommender,
)

TREE = DecisionTreeClassifier(max_depth=3, random_state=0)
BOOSTER = LightGBMBase(n_estimators=3, min_child_samples=2)

RECOMMENDERS = {
    "prior": PriorRecommender(),
    "logistic": BinaryRelevanceRecommender("logistic"),
    "svm": BinaryRelevanceRecommender("svm"),
    "online": BinaryRelevanceRecommender("online"),
    "lightgbm": BinaryRelevanceRecommender(BOOSTER),
    "xgboost": BinaryRelevanceRecommender(XGBoostBase(n_estimators=3)),
    "tree": BinaryRelevanceRecommender(EstimatorBase(TREE)),
    "threshold": BinaryRelevanceRecommender("logistic", decision="threshold"),
    "chain": ChainRecommender("logistic"),
    "chain-svm": ChainRecommender("svm", order="random"),
    "chain-tree": ChainRecommender(TREE),
    "chain-sampling": ChainRecommender("logistic", cv=None, inference="sampling", n_samples=10),
    "chain-ensemble": ChainRecommender("logistic", n_chains=2),
    "stacked": StackedRecommender(["logistic", "neighbors"], pairs=PairBooster(n_estimators=20, min_child_samples=5)),
    "stacked-binary-relevance": StackedBinaryRelevance("logistic"),
    "neighbors": NeighborRecommender(n_neighbors=8),
    "adapter": MultiLabelAdapter(MultiOutputClassifier(LogisticRegression(solver="liblinear", tol=1e-10))),
}
"""Every recommender on every kind of base."""
MISSING = "to XGBoost an absent entry of a sparse matrix is missing, one of an array is 0; XGBoostBase says so"


class OneDrug(ClassifierMixin, BaseEstimator):
    """A recommender of one drug as scikit-learn's checks want a binary classifier: any two classes, 1-D targets.

    It hands features and weights on as they come, so that the checks reach the recommender's own validation and fit.
    Equal rows are one patient: a row that is repeated then stays in one inner fold, as its weight does.
    """

    def __init__(self, recommender):
        self.recommender = recommender

    def fit(self, X, y, sample_weight=None):
        if y is None:
            raise ValueError("requires y to be passed, but the target y is None.")
        y = column_or_1d(y, warn=True)
        if y.dtype.kind == "f":
            assert_all_finite(y, input_name="y")
        if type_of_target(y, input_name="y", raise_unknown=True) != "binary":
            raise ValueError("Only binary classification is supported; got continuous targets or more classes.")
        self.classes_ = np.unique(y)
        if len(self.classes_) < 2:
            raise ValueError("There is one class.")
        rows = X.toarray() if sp.issparse(X) else np.asarray(X)
        groups = np.unique(rows, axis=0, return_inverse=True)[1].ravel() if rows.dtype.kind == "f" else None
        self.recommender_ = clone(self.recommender)
        self.recommender_.fit(X, (y == self.classes_[1])[:, None], groups=groups, sample_weight=sample_weight)
        self.n_features_in_ = self.recommender_.n_features_in_
        if hasattr(self.recommender_, "feature_names_in_"):
            self.feature_names_in_ = self.recommender_.feature_names_in_
        return self

    def predict_proba(self, X):
        check_is_fitted(self)
        present = self.recommender_.predict_proba(X)
        return np.hstack([1 - present, present])

    def predict(self, X):
        check_is_fitted(self)
        return self.classes_[self.predict_proba(X).argmax(axis=1)]

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.allow_nan = get_tags(self.recommender).input_tags.allow_nan
        tags.classifier_tags.multi_class = False
        # The prior sees only which features are not zero.
        tags.classifier_tags.poor_score = isinstance(self.recommender, PriorRecommender)
        return tags


CHECKED = ("prior", "logistic", "svm", "lightgbm", "tree", "chain", "stacked", "neighbors", "adapter")
ONE_DRUG = ("prior", "logistic", "lightgbm", "tree", "chain", "stacked", "neighbors", "adapter")
SETS_ONLY = "targets are sets, a matrix of 0 and 1; the check passes other values. OneDrug runs it on recoded ones"
NO_SQUEEZE = "targets and predictions are matrices, never 1-D; the check passes or expects 1-D. OneDrug runs it"
NAMED_Y = (
    "the argument is named Y, as in scikit-learn's own multi-label estimators; the check passes y=. OneDrug runs it"
)
OLD = tuple(map(int, sklearn.__version__.split(".")[:2])) < (1, 7)
SHUFFLED = "scikit-learn 1.6 recodes classes by the first row, which differs between the two fits that it compares"
WEIGHTS = ["check_sample_weight_equivalence_on_dense_data", "check_sample_weight_equivalence_on_sparse_data"]
ALSO_OLD = [
    "check_dict_unchanged",
    "check_dont_overwrite_parameters",
    "check_dtype_object",
    "check_estimators_fit_returns_self",
    "check_estimators_overwrite_params",
    "check_estimators_pickle",
    "check_f_contiguous_array_estimator",
    "check_fit2d_predict1d",
    "check_fit_check_is_fitted",
    "check_methods_sample_order_invariance",
    "check_methods_subset_invariance",
    "check_pipeline_consistency",
    "check_readonly_memmap_input",
]
"""Checks that pass other values only because scikit-learn 1.6 recodes classes by the first row, not the lowest."""


def expected_failures(estimator):
    """Checks that fail by the contract, each with its reason."""
    if isinstance(estimator, OneDrug):
        return dict.fromkeys(WEIGHTS, SHUFFLED) if OLD else {}
    expected = dict.fromkeys(
        [
            "check_estimators_dtypes",
            "check_sample_weights_pandas_series",
            "check_sample_weights_not_an_array",
            "check_sample_weights_shape",
            "check_sample_weights_not_overwritten",
            "check_estimator_sparse_array",
            "check_estimator_sparse_matrix",
            "check_classifier_data_not_an_array",
            "check_fit2d_1feature",
        ],
        SETS_ONLY,
    )
    expected |= dict.fromkeys(
        ["check_classifiers_one_label_sample_weights", "check_classifiers_classes", "check_classifiers_train"],
        NO_SQUEEZE,
    )
    expected |= dict.fromkeys(WEIGHTS[:1] if OLD else WEIGHTS, NAMED_Y)
    if OLD:
        expected |= dict.fromkeys(ALSO_OLD, SETS_ONLY)
    return expected


# scikit-learn takes the labels whose probability rounds to 1: the threshold rule, which is put in the default's place.
CHECKS = parametrize_with_checks(
    [
        *(clone(RECOMMENDERS[name]).set_params(decision="threshold") for name in CHECKED),
        *(OneDrug(RECOMMENDERS[name]) for name in ONE_DRUG),
    ],
    expected_failed_checks=expected_failures,
)


# scikit-learn 1.6 gives a generator, which pytest is going to refuse.
@pytest.mark.parametrize(CHECKS.args[0], list(CHECKS.args[1]), **CHECKS.kwargs)
def test_scikit_learn(estimator, check):
    check(estimator)


def test_what_is_no_scikit_learn_estimator_says_so():
    """Records are no 2-D array of numbers, so scikit-learn has no check for the vectorizer; its own tests have.

    Calibrators and rules learn from (scores, sets) and apply; bases fit all labels at once by ``fit_labels``. They are
    parameter objects, and the tests below hold them to that.
    """
    assert not RecordVectorizer({"note": "text"}).__sklearn_tags__().input_tags.two_d_array
    for part in (LinearBase(), LightGBMBase(), EstimatorBase(TREE)):
        assert not hasattr(part, "fit")
        assert not hasattr(part, "predict")
    for part in (PlattCalibrator(), ExpectedJaccard(), Threshold()):
        assert not hasattr(part, "predict")


PARTS = [
    LinearBase(C=3.0, loss="squared_hinge"),
    LightGBMBase(num_leaves=7),
    EstimatorBase(TREE),
    PlattCalibrator(slope_shrinkage=2.0),
    IsotonicCalibrator(shrinkage=2.0),
    ExpectedJaccard(max_size=3),
    ExpectedF1(min_size=2),
    Threshold(0.3, tune="f1"),
    LabelThresholds(strategy="micromacro-freq"),
    Cardinality(C=2.0),
    TopK(3),
    RecordVectorizer({"note": "text"}, lexicon=("a",)),
    *RECOMMENDERS.values(),
    *(OneDrug(one) for one in list(RECOMMENDERS.values())[:1]),
]


@pytest.mark.parametrize("part", PARTS, ids=lambda part: type(part).__name__)
def test_parameters_are_stored_cloned_and_set(part):
    params = part.get_params(deep=False)
    assert all(getattr(part, name) is value for name, value in params.items())
    copy = clone(part)
    assert copy is not part
    assert repr(copy) == repr(part)
    assert copy.set_params(**params).get_params(deep=False) == params
    with pytest.raises(ValueError, match="Invalid parameter"):
        copy.set_params(nothing=1)


# ---------------------------------------------------------------------------------------------- our own contract

N_RECORDS, N_FEATURES, N_LABELS = 60, 12, 5


def problem(seed=0, n_labels=N_LABELS):
    """Sparse features and sets that depend on them, from a frequent label to a rare one."""
    rng = np.random.default_rng(seed)
    X = np.where(rng.random((N_RECORDS, N_FEATURES)) < 0.4, rng.random((N_RECORDS, N_FEATURES)) + 0.5, 0.0)
    signal = X @ rng.normal(size=(N_FEATURES, n_labels)) + 0.3 * rng.normal(size=(N_RECORDS, n_labels))
    share = np.linspace(0.6, 0.1, n_labels)
    Y = (signal > np.quantile(signal, 1 - share, axis=0).diagonal()).astype(int)
    return X, Y, rng.integers(0, 25, size=N_RECORDS)


@pytest.fixture(params=RECOMMENDERS, scope="module")
def name(request):
    return request.param


@pytest.fixture
def recommender(name):
    return clone(RECOMMENDERS[name])


def test_shapes_and_ranges(recommender):
    X, Y, groups = problem()
    recommender.fit(X, Y, groups)
    probabilities = recommender.predict_proba(X[:7])
    assert type(probabilities) is np.ndarray
    assert probabilities.dtype == np.float64
    assert probabilities.shape == (7, N_LABELS)
    assert ((probabilities >= 0) & (probabilities <= 1)).all()
    sets = recommender.predict(X[:7])
    assert sets.shape == (7, N_LABELS)
    assert np.isin(sets, (0, 1)).all()
    # Something was learned: each label's own records rank before the others.
    ranked = recommender.predict_proba(X)
    assert np.mean([ranked[Y[:, at] == 1, at].mean() - ranked[Y[:, at] == 0, at].mean() for at in range(5)]) > 0.02


def test_pickled_and_refitted_models_predict_the_same(recommender):
    X, Y, groups = problem()
    first = recommender.fit(X, Y, groups).predict_proba(X)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(recommender)).predict_proba(X), first)
    np.testing.assert_array_equal(clone(recommender).fit(X, Y, groups).predict_proba(X), first)
    np.testing.assert_array_equal(recommender.fit(X, Y, groups).predict_proba(X), first)


def test_permuting_labels_permutes_the_columns(name, recommender):
    X, Y, groups = problem()
    order = np.array([3, 0, 4, 2, 1])
    if name.startswith("chain"):
        recommender.set_params(order=[[1, 0, 2, 4, 3], [4, 2, 0, 3, 1]][: recommender.n_chains])
    straight = recommender.fit(X, Y, groups).predict_proba(X)
    if name.startswith("chain"):
        recommender.set_params(order=np.argsort(order)[recommender.order].tolist())
    permuted = recommender.fit(X, Y[:, order], groups).predict_proba(X)
    # Sums over labels (pooled calibration, blocks of labels) may differ in the last bits.
    np.testing.assert_allclose(permuted, straight[:, order], rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("container", [sp.csr_matrix, sp.csc_matrix, sp.csr_array, np.asfortranarray, pd.DataFrame])
def test_features_in_any_container(name, recommender, container):
    if name == "xgboost" and sp.issparse(container([[1.0]])):
        pytest.skip(MISSING)
    X, Y, groups = problem()
    dense = clone(recommender).fit(X, Y, groups)
    other = container(X) if container is not pd.DataFrame else pd.DataFrame(X, columns=[f"f{at}" for at in range(12)])
    recommender.fit(other, Y, groups)
    np.testing.assert_allclose(recommender.predict_proba(other), dense.predict_proba(X), rtol=1e-7, atol=1e-10)
    np.testing.assert_array_equal(recommender.predict(other), dense.predict(X))


def test_explicit_zeros_and_unsorted_indices_change_nothing(name, recommender):
    if name == "xgboost":
        pytest.skip(MISSING)
    X, Y, groups = problem()
    messy = sp.csr_matrix(X)
    messy.data[:5] = 0.0
    clean = messy.toarray()
    for row in range(N_RECORDS):
        span = slice(messy.indptr[row], messy.indptr[row + 1])
        messy.indices[span], messy.data[span] = messy.indices[span][::-1].copy(), messy.data[span][::-1].copy()
    messy.has_sorted_indices = False
    expected = clone(recommender).fit(clean, Y, groups).predict_proba(clean)
    before = messy.copy()
    np.testing.assert_allclose(recommender.fit(messy, Y, groups).predict_proba(messy), expected, rtol=1e-7, atol=1e-10)
    np.testing.assert_array_equal(messy.indices, before.indices)
    np.testing.assert_array_equal(messy.data, before.data)


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int64, np.float64])
def test_predict_gives_sets_of_the_type_of_Y(recommender, dtype):
    X, Y, groups = problem()
    dense = recommender.fit(X, Y.astype(dtype), groups).predict(X)
    assert type(dense) is np.ndarray
    assert dense.dtype == dtype
    sparse = clone(recommender).fit(X, sp.csr_matrix(Y.astype(dtype)), groups).predict(X)
    assert sp.issparse(sparse)
    assert sparse.format == "csr"
    assert sparse.dtype == dtype
    np.testing.assert_array_equal(sparse.toarray(), dense)


def test_drug_names_come_from_the_table_of_sets(recommender):
    X, Y, groups = problem()
    table = pd.DataFrame(Y, columns=list("abcde"))
    recommender.fit(X, table, groups)
    assert recommender.drug_names_.tolist() == list("abcde")
    assert set(recommender.recommend(X)["drug"]) <= set("abcde")
    assert type(recommender.predict(X)) is np.ndarray
    recommender.set_params(drug_names=list("vwxyz")).fit(X, table, groups)
    assert recommender.drug_names_.tolist() == list("vwxyz")
    recommender.set_params(drug_names=list("vwxyy"))
    with pytest.raises(ValueError, match="'y' stands twice"):
        recommender.fit(X, Y)
    recommender.set_params(drug_names=["v"])
    with pytest.raises(ValueError, match="5 labels need 5 drug names; got 1"):
        recommender.fit(X, Y)


def test_constant_absent_and_single_labels(recommender):
    X, Y, groups = problem(n_labels=6)
    Y[:, 1], Y[:, 2], Y[:, 3] = 0, 1, 0
    Y[4, 3] = 1
    probabilities = recommender.fit(X, Y, groups).predict_proba(X)
    assert np.isfinite(probabilities).all()
    assert (probabilities[:, 1] < 0.1).all()
    assert (probabilities[:, 2] > 0.8).all()
    assert np.median(probabilities[:, 3]) < 0.2


@pytest.mark.parametrize("value", [0, 1])
def test_all_labels_constant(recommender, value):
    X, Y, groups = problem()
    recommender.fit(X, np.full_like(Y, value), groups)
    probabilities = recommender.predict_proba(X)
    assert (np.abs(probabilities - value) < 0.1).all()
    np.testing.assert_array_equal(recommender.predict(X), np.full_like(Y, value))


@pytest.mark.parametrize("n_records", [1, 2, 3])
def test_few_records(recommender, n_records):
    X, Y, _ = problem()
    recommender.fit(X[:n_records], Y[:n_records])
    assert recommender.predict_proba(X[:1]).shape == (1, N_LABELS)
    assert np.isfinite(recommender.predict_proba(X)).all()
    assert recommender.predict(X[:1]).shape == (1, N_LABELS)


def test_one_patient_and_one_label(recommender):
    X, Y, _ = problem()
    recommender.fit(X, Y[:, :1], groups=["only"] * N_RECORDS)
    assert recommender.predict_proba(X).shape == (N_RECORDS, 1)
    assert recommender.fit(X, Y[:, :1]).predict(X).shape == (N_RECORDS, 1)


def test_jobs_do_not_change_a_bit(recommender):
    X, Y, groups = problem()
    if "n_jobs" not in recommender.get_params():
        pytest.skip("the prior fits everything in one product, an adapted estimator has its own n_jobs")
    if isinstance(getattr(recommender, "base", None), LightGBMBase):
        X, Y, groups = X[:20], Y[:20, :1], groups[:20]  # two OpenMP threads wait long for each other on busy cores
    one = clone(recommender).set_params(n_jobs=1).fit(X, Y, groups).predict_proba(X)
    with joblib.parallel_backend("threading"):
        many = recommender.set_params(n_jobs=2).fit(X, Y, groups).predict_proba(X)
    np.testing.assert_array_equal(one, many)


def test_jobs_in_processes():
    X, Y, groups = problem()
    one = clone(RECOMMENDERS["tree"]).fit(X, Y, groups).predict_proba(X)
    with joblib.parallel_backend("loky", n_jobs=2):
        many = clone(RECOMMENDERS["tree"]).set_params(n_jobs=2).fit(X, Y, groups).predict_proba(X)
    np.testing.assert_array_equal(one, many)


def test_seed_decides_the_folds(recommender):
    X, Y, _ = problem()
    same = [clone(recommender).set_params(random_state=3).fit(X, Y).predict_proba(X) for _ in range(2)]
    np.testing.assert_array_equal(*same)
    other = recommender.set_params(random_state=4).fit(X, Y).predict_proba(X)
    assert (other != same[0]).any()


def test_weights_count_as_repeated_records(name, recommender):
    if name in ("lightgbm", "xgboost", "stacked"):
        pytest.skip("boosters count records, not weights, in their bins, and LightGBM in min_child_samples too")
    if name == "online":
        pytest.skip("an online learner meets a repeated record at two times, a weighted one once")
    X, Y, _ = problem()
    for option in {"base", "meta"} & set(recommender.get_params()):
        base = getattr(recommender, option)
        if not isinstance(base, str):
            continue
        loose = {"logistic": LinearBase(C=3.0, tol=1e-12), "svm": LinearBase(loss="squared_hinge", C=0.5, tol=1e-12)}
        recommender.set_params(**{option: loose[base]})
    if name.startswith("chain"):
        recommender.set_params(order=[0, 1, 2, 3, 4])
    weight = np.arange(N_RECORDS) % 3
    patients = np.arange(N_RECORDS)
    weighted = clone(recommender).fit(X, Y, patients, sample_weight=weight)
    again = np.repeat(patients, weight)
    repeated = recommender.fit(X[again], Y[again], again)
    np.testing.assert_allclose(weighted.predict_proba(X), repeated.predict_proba(X), atol=2e-5)
    np.testing.assert_array_equal(weighted.predict(X), repeated.predict(X))


def test_weight_zero_is_absence(recommender):
    X, Y, groups = problem()
    weight = np.ones(N_RECORDS)
    weight[::4] = 0
    held = weight > 0
    Y[~held] = 1 - Y[~held]
    absent = clone(recommender).fit(X[held], Y[held], groups[held], np.ones(held.sum()))
    np.testing.assert_array_equal(recommender.fit(X, Y, groups, weight).predict_proba(X), absent.predict_proba(X))


def test_weights_by_drug(name, recommender):
    X, Y, groups = problem()
    by_drug = np.random.default_rng(0).random(Y.shape) + 0.5
    by_drug[:, 2] = 1.0
    by_drug[:5, 0] = 0.0
    if name in ("prior", "neighbors", "adapter", "stacked"):
        who = "NeighborRecommender" if name == "stacked" else type(recommender).__name__
        with pytest.raises(ValueError, match=rf"{who}: sample_weight must be \(n_records,\)"):
            recommender.fit(X, Y, groups, by_drug)
        return
    plain = clone(recommender).fit(X, Y, groups, np.ones(N_RECORDS))
    same = clone(recommender).fit(X, Y, groups, np.ones(Y.shape))
    np.testing.assert_allclose(same.predict_proba(X), plain.predict_proba(X), rtol=1e-9)
    assert (recommender.fit(X, Y, groups, by_drug).predict_proba(X)[:, 0] != plain.predict_proba(X)[:, 0]).any()


BROKEN = {
    "no sets": ({"Y": None}, "requires y to be passed"),
    "one column a list": ({"Y": [1, 0] * 30}, "Only binary classification is supported"),
    "other values": ({"Y": np.full((60, 2), 2)}, "must hold only 0 and 1"),
    "text": ({"Y": np.full((60, 2), "a")}, "Unknown label type"),
    "too few sets": ({"Y": np.ones((59, 2))}, "X has 60 records and Y has 59"),
    "no labels": ({"Y": np.ones((60, 0))}, "at least one drug is needed"),
    "NaN in sets": ({"Y": np.full((60, 2), np.nan)}, "must hold only 0 and 1"),
    "NaN in features": ({"X": np.full((60, 12), np.nan)}, "contains NaN"),
    "too few groups": ({"groups": [1, 2]}, "groups must have 60 entries; got 2"),
    "too few weights": ({"sample_weight": [1, 2]}, "sample_weight must be"),
    "negative weight": ({"sample_weight": -np.ones(60)}, "must be finite and not negative"),
    "weights of zero": ({"sample_weight": np.zeros(60)}, "every weight is zero"),
    "one fold": ({"cv": 1}, "at least 2; got 1"),
    "a decision that is none": ({"decision": "best"}, "expected-jaccard, .* or a rule; got 'best'"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_broken_input_is_named(case):
    changes, message = BROKEN[case]
    X, Y, groups = problem()
    call = {"X": X, "Y": Y, "groups": groups, "sample_weight": None} | changes
    options = {key: call.pop(key) for key in ("cv", "decision") if key in call}
    for name in ("prior", "logistic", "chain", "stacked", "neighbors", "adapter"):
        with pytest.raises(ValueError, match=message):
            clone(RECOMMENDERS[name]).set_params(**options).fit(**call)


def test_broken_options_are_named():
    X, Y, _ = problem()
    for options, message in [
        ({"order": "alphabet"}, "order must be"),
        ({"order": [0, 0, 1, 2, 3]}, "each of 0 … 4 once"),
        ({"base": "forest"}, "base must be one of logistic, svm, online, lightgbm"),
        ({"base": LinearBase(C=-1.0)}, "C must be positive"),
        ({"base": LinearBase(loss="hinge")}, "loss must be one of"),
    ]:
        with pytest.raises(ValueError, match=message):
            ChainRecommender(**options).fit(X, Y)
    with pytest.raises(ValueError, match="smoothing must be above 0"):
        PriorRecommender(smoothing=0).fit(X, Y)
    fitted = PriorRecommender().fit(X, Y)
    with pytest.raises(ValueError, match="top_k must be at least 1"):
        fitted.recommend(X, top_k=0)
    with pytest.raises(ValueError, match="features"):
        fitted.predict_proba(X[:, :3])


def test_given_rules_and_bases_are_left_as_they_were():
    X, Y, groups = problem()
    rule, base = ExpectedJaccard(max_size=1), LinearBase(C=2.0)
    recommender = BinaryRelevanceRecommender(base, decision=rule).fit(X, Y, groups)
    assert vars(rule) == {"min_size": None, "max_size": 1, "exact": None}
    assert not hasattr(base, "coef_")
    assert recommender.predict(X).sum(axis=1).max() == 1
    recommender.set_params(base__C=0.01, decision__max_size=2)
    assert recommender.base.C == 0.01
    assert recommender.fit(X, Y).predict(X).sum(axis=1).max() == 2


# ------------------------------------------------------------------------------------------- sets, tables, safety


def test_table_agrees_with_sets(recommender):
    X, Y, groups = problem()
    names = list("abcde")
    recommender.set_params(drug_names=names, ddi=pd.DataFrame({"drug": ["a", "c"], "other": ["b", "a"]}))
    recommender.fit(X, Y, groups)
    probabilities, sets = recommender.predict_proba(X), recommender.predict(X)
    safe, decided, audit = recommender.decide(probabilities)
    np.testing.assert_array_equal(safe.toarray(), sets)
    assert (safe.toarray() <= decided.toarray()).all()
    assert not (sets[:, 0] & (sets[:, 1] | sets[:, 2])).any()
    assert decided.sum() - safe.sum() == len(audit[["record", "removed"]].drop_duplicates()) > 0
    table = recommender.recommend(X)
    for mine, matrix in ((table, decided), (table[table["kept"]], safe)):
        rebuilt = np.zeros(Y.shape, dtype=int)
        rebuilt[mine["record"], [names.index(drug) for drug in mine["drug"]]] = 1
        np.testing.assert_array_equal(rebuilt, matrix.toarray())
    everything = recommender.recommend(X, top_k=N_LABELS)
    assert len(everything) == Y.size
    for row in everything.itertuples():
        label = names.index(row.drug)
        assert row.score == probabilities[row.record, label]
        assert row.kept == bool(sets[row.record, label])
        assert (
            row.rank
            == 1
            + (probabilities[row.record] > row.score).sum()
            + (probabilities[row.record, :label] == row.score).sum()
        )
        if row.kept:
            assert row.why == "recommended"
        else:
            assert row.why.startswith("interacts with" if decided[row.record, label] else "below the decision")
    assert recommender.recommend(X, top_k=2).groupby("record").size().tolist() == [2] * N_RECORDS


def test_every_form_of_interactions_and_every_order_of_names():
    X, Y, groups = problem()
    names = list("abcde")
    pairs = pd.DataFrame({"drug": ["a", "c"], "other": ["b", "a"], "severity": ["major", "minor"]})
    reference = BinaryRelevanceRecommender(drug_names=names, ddi=pairs).fit(X, Y, groups).predict(X)
    assert not (reference[:, 0] & (reference[:, 1] | reference[:, 2])).any()
    other = ["e", "x", "c", "b", "a", "d"]
    for ddi in (
        DDIGraph.from_edges(names, pairs),
        DDIFilter(DDIGraph.from_edges(names, pairs)),
        DDIGraph.from_edges(other, pairs),
        DDIFilter(DDIGraph.from_edges(other, pairs)),
    ):
        recommender = BinaryRelevanceRecommender(drug_names=names, ddi=ddi)
        np.testing.assert_array_equal(clone(recommender).fit(X, Y, groups).predict(X), reference)
    major = DDIFilter(DDIGraph.from_edges(other, pairs), severity="major")
    loose = BinaryRelevanceRecommender(drug_names=names, ddi=major).fit(X, Y, groups).predict(X)
    assert not (loose[:, 0] & loose[:, 1]).any()
    assert (loose[:, 0] & loose[:, 2]).any()


def test_a_replacement_is_in_the_table():
    X, Y, groups = problem()
    names = list("abcde")
    graph = DDIGraph.from_edges(names, [("a", "b"), ("a", "c"), ("b", "c")])
    ddi = DDIFilter(graph, replace=dict.fromkeys(names, "one class"))
    recommender = BinaryRelevanceRecommender(drug_names=names, ddi=ddi).fit(X, Y, groups)
    sets, table = recommender.predict(X), recommender.recommend(X)
    kept = table[table["kept"]]
    rebuilt = np.zeros(Y.shape, dtype=int)
    rebuilt[kept["record"], [names.index(drug) for drug in kept["drug"]]] = 1
    np.testing.assert_array_equal(rebuilt, sets)
    decided = recommender.decide(recommender.predict_proba(X))[1].toarray()
    assert (sets > decided).any()


# --------------------------------------------------------------------------------------- scikit-learn's machinery


@pytest.fixture(scope="module")
def data():
    dataset = load("synthetic:records=60,seed=0")
    common = np.argsort(np.bincount(dataset.Y.indices), kind="stable")[-8:]
    return dataset, dataset.Y[:, common].toarray(), dataset.drug_names[common]


@pytest.mark.parametrize("model", MODELS)
def test_cross_validate_a_pipeline(data, model):
    dataset, Y, names = data
    pipeline = make_recommender(model, schema=dataset.schema, drug_names=names, features__char_ngrams=(0, 0))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scikit-learn's own warning on empty sets
        found = cross_validate(
            pipeline,
            dataset.records,
            Y,
            groups=dataset.groups,
            cv=GroupKFold(2),
            params={"recommender__groups": dataset.groups},
            scoring=["jaccard_samples", "f1_micro"],
            return_estimator=True,
            error_score="raise",
        )
    assert ((found["test_f1_micro"] >= 0) & (found["test_f1_micro"] <= 1)).all()
    assert found["estimator"][0][-1].drug_names_.tolist() == names.tolist()
    assert not hasattr(pipeline[-1], "drug_names_")


def test_grid_search_over_a_nested_option(data):
    dataset, Y, _ = data
    pipeline = make_recommender(schema=dataset.schema, features__char_ngrams=(0, 0), cv=2)
    search = GridSearchCV(
        pipeline,
        {"recommender__base__C": [0.01, 10.0]},
        cv=GroupKFold(2),
        scoring="average_precision",
        refit=True,
        error_score="raise",
    )
    search.fit(dataset.records, Y[:, :3], groups=dataset.groups, recommender__groups=dataset.groups)
    assert search.best_params_["recommender__base__C"] in (0.01, 10.0)
    assert len(set(search.cv_results_["mean_test_score"])) == 2
    assert search.best_params_["recommender__base__C"] == search.best_estimator_[-1].base.C


@pytest.mark.parametrize("n_labels", [1, 2, 3])
@pytest.mark.parametrize("scoring", ["average_precision", "roc_auc", "accuracy"])
def test_scorers_take_any_number_of_labels(n_labels, scoring):
    X, Y, _ = problem()
    scores = cross_validate(PriorRecommender(), X, Y[:, :n_labels], scoring=scoring, cv=2, error_score="raise")[
        "test_score"
    ]
    assert np.isfinite(scores).all()


def test_cross_val_predict_of_probabilities(recommender):
    X, Y, _ = problem()
    found = cross_val_predict(recommender, X, Y, cv=2, method="predict_proba")
    assert found.shape == Y.shape


class SpyBase(BaseEstimator):
    """A base that keeps the rows of every fit; rows carry their number in the first feature."""

    seen: list = []

    def fit_labels(self, X, Y, *, rows=None, sample_weight=None, n_jobs=None):
        fitted = X[:, 0] if rows is None else X[rows, 0]
        self.seen.append(np.asarray(fitted, dtype=int))
        self.n_labels_ = Y.shape[1]
        return self

    def decision_function(self, X):
        self.seen.append(-np.asarray(X[:, 0], dtype=int) - 1)  # what is scored, told by its sign
        return np.tile(X[:, :1], self.n_labels_)


@pytest.mark.parametrize("kind", [BinaryRelevanceRecommender, ChainRecommender, StackedBinaryRelevance])
def test_inner_folds_keep_patients_together(kind):
    X, Y, groups = problem()
    X[:, 0] = np.arange(N_RECORDS)
    SpyBase.seen.clear()
    kind(SpyBase(), cv=4).fit(X, Y, groups)
    assert SpyBase.seen
    links = N_LABELS if kind is ChainRecommender else 1
    scored = np.zeros(N_RECORDS, dtype=int)
    fits = [rows for rows in SpyBase.seen if rows[0] >= 0]
    assert len(fits) == 5 * links
    assert sum(len(rows) == N_RECORDS for rows in fits) == links
    for fitted, held in zip(SpyBase.seen, SpyBase.seen[1:]):
        if held[0] < 0 <= fitted[0]:
            held = -held - 1
            assert not set(groups[held]) & set(groups[fitted])
            assert sorted([*held, *fitted]) == list(range(N_RECORDS))
            scored[held] += 1
    assert (scored == links).all()
