"""The adapter around classifiers of two libraries: shapes, calibration by hand, weights, constants and files."""

import random

import numpy as np
import pytest
import scipy.sparse as sp
import sklearn
from scipy.special import logit
from sklearn.base import BaseEstimator, clone
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import ClassifierChain, MultiOutputClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier

import medrec
from medrec import MultiLabelAdapter
from medrec._checks import InputError
from medrec.decision import PlattCalibrator
from medrec.recommenders.folds import patient_folds

LINEAR = LogisticRegression(C=3.0, solver="liblinear")
TREE = DecisionTreeClassifier(max_depth=3, random_state=0)
SKLEARN = {
    "chain": ClassifierChain(LINEAR, order=[2, 0, 1, 3]),
    "multi-output": MultiOutputClassifier(LINEAR),
    "multi-output, margins": MultiOutputClassifier(LinearSVC()),
    "one against rest": OneVsRestClassifier(LINEAR),
    "one against rest, margins": OneVsRestClassifier(LinearSVC()),
    "perceptron": MLPClassifier((5,), solver="lbfgs", max_iter=2000, alpha=0.1, tol=1e-3, random_state=0),
    "forest": RandomForestClassifier(10, random_state=0),
    "tree": TREE,
    "neighbours": KNeighborsClassifier(5, algorithm="brute"),
}
METHODS = {
    "multi-output, margins": "predict",
    "one against rest, margins": "decision_function",
    "BRkNNaClassifier": "predict",
    "RakelO": "predict",
}
MULTILEARN = {
    "MLkNN": ("adapt", {"k": 5}),
    "BRkNNaClassifier": ("adapt", {"k": 5}),
    "BinaryRelevance": ("problem_transform", {"classifier": TREE}),
    "ClassifierChain": ("problem_transform", {"classifier": TREE}),
    "LabelPowerset": ("problem_transform", {"classifier": TREE}),
    "RakelD": ("ensemble", {"base_classifier": TREE, "labelset_size": 2}),
    "RakelO": (
        "ensemble",
        {
            "base_classifier": TREE,
            "model_count": 3,
            "labelset_size": 2,
            "base_classifier_require_dense": [True, True],
        },
    ),
}
TREES = ("forest", "tree")


def problem(seed=0, n=60, d=9, n_labels=4):
    rng = np.random.default_rng(seed)
    X = (rng.random((n, d)) < 0.4) * rng.random((n, d))
    Y = (X @ rng.normal(size=(d, n_labels)) + 0.2 * rng.normal(size=(n, n_labels)) > 0.1).astype(int)
    return X, Y, rng.integers(0, 20, size=n)


def multilearn(name):
    room, options = MULTILEARN[name]
    module = pytest.importorskip(f"skmultilearn.{room}", reason="scikit-multilearn-ng is not installed")
    return getattr(module, name)(**options)


def seeded(estimator, X, Y):
    """scikit-multilearn's random label sets come from the global generator."""
    random.seed(2)
    return clone(estimator).fit(X, Y)


def scores_by_hand(estimator, method, X):
    found = getattr(estimator, method)(X)
    if isinstance(found, list):
        found = np.column_stack([one[:, list(classes).index(1)] for one, classes in zip(found, estimator.classes_)])
    found = found.toarray() if sp.issparse(found) else found
    return found if method == "decision_function" else logit(np.clip(found, 0.01, 0.99))


@pytest.mark.parametrize("container", [np.asarray, sp.csr_matrix])
@pytest.mark.parametrize("name", [*SKLEARN, *MULTILEARN])
def test_probabilities_are_calibrated_scores_of_the_estimator(name, container):
    estimator = SKLEARN[name] if name in SKLEARN else multilearn(name)
    X, Y, groups = problem()
    X = container(X)
    model = MultiLabelAdapter(estimator, cv=3, random_state=2).fit(X, sp.csr_matrix(Y), groups)
    method = METHODS.get(name, "predict_proba")
    assert model.method_ == method
    assert np.isnan(model.constant_).all()
    out_of_fold = np.empty(Y.shape)
    for train, test in patient_folds(len(Y), 3, groups, 2):
        out_of_fold[test] = scores_by_hand(seeded(estimator, X[train], Y[train]), method, X[test])
    scores = scores_by_hand(seeded(estimator, X, Y), method, X)
    expected = PlattCalibrator().fit(out_of_fold, Y).transform(scores)
    np.testing.assert_allclose(model.predict_proba(X), expected, rtol=1e-6, atol=1e-9)
    assert sp.issparse(model.predict(X))


# RakelO draws label sets until it has enough different ones, for ever where there are not as many.
@pytest.mark.parametrize("name", [*SKLEARN, *(name for name in MULTILEARN if name != "RakelO")])
@pytest.mark.parametrize("n_varying", [0, 1, 3])
def test_constant_labels_are_left_out(name, n_varying):
    estimator = SKLEARN[name] if name in SKLEARN else multilearn(name)
    if "order" in estimator.get_params():
        estimator = ClassifierChain(LINEAR)
    X, Y, groups = problem(n_labels=5)
    Y[:, 0], Y[:, 4] = 1, 0
    Y[:, 1 + n_varying : 4] = 0
    model = MultiLabelAdapter(estimator, cv=2).fit(X, Y, groups)
    assert np.isfinite(model.constant_).tolist() == [True, *[False] * n_varying, *[True] * (4 - n_varying)]
    probabilities = model.predict_proba(X)
    assert np.isfinite(probabilities).all()
    assert (probabilities[:, 0] > 0.9).all()
    assert (probabilities[:, 1 + n_varying :] < 0.1).all()
    if n_varying:
        held = Y[:, 1] == 1
        assert probabilities[held, 1].mean() > probabilities[~held, 1].mean()


def test_without_folds_probabilities_are_the_estimators():
    X, Y, _ = problem()
    model = MultiLabelAdapter(KNeighborsClassifier(5), cv=None).fit(X, Y)
    expected = np.column_stack([one[:, 1] for one in KNeighborsClassifier(5).fit(X, Y).predict_proba(X)])
    np.testing.assert_allclose(model.predict_proba(X), expected, atol=1e-8)


def test_many_labels_of_sparse_sets():
    """From 256 labels on, one-against-rest miscounts sets of unsigned bytes; it is given whole numbers."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(80, 4))
    Y = (X @ rng.normal(size=(4, 300)) > 0).astype(np.uint8)
    model = MultiLabelAdapter(OneVsRestClassifier(LINEAR), cv=2).fit(X, sp.csr_matrix(Y))
    assert (model.predict(X).toarray() == Y).mean() > 0.9


def test_weights_reach_the_estimator():
    X, Y, groups = problem()
    weight = np.random.default_rng(0).integers(1, 4, size=len(X)).astype(float)
    for estimator in (MultiOutputClassifier(LINEAR), TREE):
        model = MultiLabelAdapter(estimator, cv=None).fit(X, Y, groups, weight)
        again = np.repeat(np.arange(len(X)), weight.astype(int))
        repeated = MultiLabelAdapter(estimator, cv=None).fit(X[again], Y[again])
        np.testing.assert_allclose(model.predict_proba(X), repeated.predict_proba(X), atol=1e-3)


def test_weights_through_a_chain_need_metadata_routing():
    X, Y, groups = problem()
    weight = np.ones(len(X))
    weight[::3] = 2.0
    chain = MultiLabelAdapter(ClassifierChain(LINEAR), cv=None)
    with pytest.raises(ValueError, match="only supported if enable_metadata_routing=True"):
        chain.fit(X, Y, groups, weight)
    with sklearn.config_context(enable_metadata_routing=True):
        chain.set_params(estimator=ClassifierChain(clone(LINEAR).set_fit_request(sample_weight=True)))
        weighted = chain.fit(X, Y, groups, weight).predict_proba(X)
        again = np.repeat(np.arange(len(X)), weight.astype(int))
        np.testing.assert_allclose(chain.fit(X[again], Y[again]).predict_proba(X), weighted, atol=1e-3)


def test_global_generators_are_left_as_they_were():
    X, Y, _ = problem()
    random.seed(7)
    np.random.seed(7)  # noqa: NPY002
    expected = random.random(), np.random.random()  # noqa: NPY002
    random.seed(7)
    np.random.seed(7)  # noqa: NPY002
    unseeded = RandomForestClassifier(5)
    first = MultiLabelAdapter(unseeded, cv=2).fit(X, Y).predict_proba(X)
    assert (random.random(), np.random.random()) == expected  # noqa: NPY002
    np.testing.assert_array_equal(MultiLabelAdapter(unseeded, cv=2).fit(X, Y).predict_proba(X), first)


def test_weights_that_cannot_be_used_are_refused():
    X, Y, groups = problem()
    with pytest.raises(ValueError, match=r"MultiLabelAdapter: KNeighborsClassifier.fit takes no sample_weight"):
        MultiLabelAdapter(KNeighborsClassifier()).fit(X, Y, groups, np.ones(len(X)))
    with pytest.raises(ValueError, match=r"must be \(n_records,\) for DecisionTreeClassifier; weights by drug need"):
        MultiLabelAdapter(TREE).fit(X, Y, groups, np.ones(Y.shape))


class Misshapen(BaseEstimator):
    """Scores only the first label."""

    def fit(self, X, Y):
        self.fitted_ = True
        return self

    def predict(self, X):
        return np.zeros((len(X), 1))


def test_what_is_no_multi_label_classifier_is_named():
    X, Y, _ = problem()
    for estimator in ("MLkNN", None, KNeighborsClassifier, PlattCalibrator()):
        with pytest.raises(ValueError, match="estimator must be a multi-label classifier with fit and predict; got"):
            MultiLabelAdapter(estimator).fit(X, Y)
    with pytest.raises(
        ValueError, match=r"Misshapen.predict must give finite scores of shape \(\d+, 4\); got \(\d+, 1\)"
    ):
        MultiLabelAdapter(Misshapen()).fit(X, Y)


@pytest.mark.parametrize("name", [name for name in SKLEARN if name not in TREES])
def test_scikit_learn_estimators_come_back_from_a_file(name, tmp_path):
    X, Y, groups = problem()
    model = MultiLabelAdapter(SKLEARN[name], cv=2, drug_names=list("abcd"), ddi=[("a", "b")]).fit(X, Y, groups)
    medrec.save(model, tmp_path / "model")
    back = medrec.load(tmp_path / "model")
    np.testing.assert_array_equal(back.predict_proba(X), model.predict_proba(X))
    np.testing.assert_array_equal(back.predict(X), model.predict(X))


@pytest.mark.parametrize("name", [*TREES, *MULTILEARN])
def test_estimators_that_loading_would_refuse_are_not_saved(name, tmp_path):
    X, Y, _ = problem()
    model = MultiLabelAdapter(SKLEARN[name] if name in SKLEARN else multilearn(name), cv=2).fit(X, Y)
    with pytest.raises(InputError, match=r"model (holds .*, which loading would refuse|cannot be saved)"):
        medrec.save(model, tmp_path / "model")
    assert not (tmp_path / "model").exists()


def test_progress_is_shown_when_asked(capsys):
    X, Y, _ = problem()
    MultiLabelAdapter(TREE, verbose=True).fit(X, Y)
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "adapter, folds: 6 done" in shown.err
