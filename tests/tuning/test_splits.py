"""Folds by patient with every label in each: properties, a brute-force oracle, scikit-learn's ways of using them."""

import itertools

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
import sklearn
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.metrics import f1_score
from sklearn.model_selection import GridSearchCV, GroupKFold, KFold, cross_val_predict, cross_validate
from sklearn.tree import DecisionTreeClassifier

from medrec.tuning import (
    GroupedIterativeSplit,
    RepeatedGroupedIterativeSplit,
    describe_folds,
    grouped_holdout,
    nested_splits,
)

quick = settings(max_examples=60, deadline=None)


def visits(seed=0, n_records=3000, n_patients=900, n_labels=80, size=5.0):
    """Sets of Zipf-like labels in which a patient's visits are alike."""
    rng = np.random.default_rng(seed)
    groups = rng.choice(n_patients, n_records, p=rng.dirichlet(np.full(n_patients, 1.5)))
    rates = np.minimum(size / np.arange(1, n_labels + 1) / np.sum(1 / np.arange(1, n_labels + 1)), 0.9)
    usual = rng.random((n_patients, n_labels)) < rates
    Y = np.where(rng.random((n_records, n_labels)) < 0.7, usual[groups], rng.random((n_records, n_labels)) < rates)
    return Y.astype(np.uint8), groups


def folds_of(cv, Y, groups=None):
    return [(train.tolist(), test.tolist()) for train, test in cv.split(np.zeros(Y.shape[0]), Y, groups)]


@st.composite
def cases(draw, most_patients=12, most_labels=6):
    n_splits = draw(st.integers(2, 4))
    n_patients = draw(st.integers(n_splits, most_patients))
    n_records = draw(st.integers(n_patients, 2 * n_patients))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    groups = rng.permutation(
        np.concatenate([np.arange(n_patients), rng.integers(0, n_patients, n_records - n_patients)])
    )
    Y = rng.random((n_records, draw(st.integers(1, most_labels)))) < draw(st.floats(0, 0.7))
    return n_splits, Y.astype(np.uint8), groups


@quick
@given(cases(), st.integers(0, 5))
def test_folds_are_a_partition_by_patient(case, seed):
    n_splits, Y, groups = case
    cv = GroupedIterativeSplit(n_splits, random_state=seed)
    folds = folds_of(cv, Y, groups)
    assert len(folds) == cv.get_n_splits() == n_splits
    assert sorted(row for _, test in folds for row in test) == list(range(len(Y)))
    for train, test in folds:
        assert test
        assert train == sorted(set(range(len(Y))) - set(test))
        assert not set(groups[train]) & set(groups[test])
    assert folds == folds_of(cv, Y, groups)


@quick
@given(cases())
def test_input_of_any_kind_gives_the_same_folds(case):
    n_splits, Y, groups = case
    cv = GroupedIterativeSplit(n_splits)
    folds = folds_of(cv, Y, groups)
    assert folds == folds_of(cv, sp.csr_matrix(Y), groups)
    assert folds == folds_of(cv, sp.coo_matrix(Y.astype(float)), groups.tolist())
    assert folds == folds_of(cv, Y.astype(bool), pd.Series(groups).map("patient{:03d}".format))
    assert folds == folds_of(cv, pd.DataFrame(Y), 10 * groups - 7.0)


@quick
@given(cases(), st.randoms(use_true_random=False))
def test_the_order_of_labels_and_records_does_not_matter(case, random):
    n_splits, Y, groups = case
    cv = GroupedIterativeSplit(n_splits)
    columns, rows = list(range(Y.shape[1])), list(range(len(Y)))
    random.shuffle(columns)
    random.shuffle(rows)
    assert folds_of(cv, Y, groups) == folds_of(cv, Y[:, columns], groups)
    patients = [set(groups[test]) for _, test in folds_of(cv, Y, groups)]
    assert patients == [set(groups[rows][test]) for _, test in folds_of(cv, Y[rows], groups[rows])]


def missing(patient_labels, fold, n_splits):
    """(label, fold) pairs without a patient, of labels that have a patient for each fold."""
    enough = patient_labels.sum(axis=0) >= n_splits
    return sum(int((~patient_labels[fold == at].any(axis=0) & enough).sum()) for at in range(n_splits))


@pytest.mark.parametrize("n_splits", [2, 3])
def test_no_label_misses_a_fold_that_brute_force_can_bring_it_to(n_splits):
    rng = np.random.default_rng(n_splits)
    hard = 0
    for seed in range(120):
        n_patients = int(rng.integers(n_splits, 8))
        groups = np.concatenate([np.arange(n_patients), rng.integers(0, n_patients, int(rng.integers(0, n_patients)))])
        Y = (rng.random((len(groups), int(rng.integers(1, 8)))) < rng.uniform(0.05, 0.5)).astype(np.uint8)
        patient_labels = np.stack([Y[groups == patient].any(axis=0) for patient in range(n_patients)])
        fold = np.empty(n_patients, dtype=int)
        for at, (_, test) in enumerate(GroupedIterativeSplit(n_splits, random_state=seed).split(None, Y, groups)):
            fold[groups[test]] = at
        ways = (np.array((0, *rest)) for rest in itertools.product(range(n_splits), repeat=n_patients - 1))
        fewest = min(missing(patient_labels, way, n_splits) for way in ways if len(set(way)) == n_splits)
        assert missing(patient_labels, fold, n_splits) == fewest, (seed, patient_labels.astype(int), fold)
        hard += fewest > 0
    assert hard < 20


@pytest.mark.parametrize("seed", range(3))
def test_labels_are_spread_far_better_than_by_plain_grouped_folds(seed):
    Y, groups = visits(seed)
    found = describe_folds(GroupedIterativeSplit(5, random_state=seed).split(None, Y, groups), Y, groups)
    for plain in (GroupKFold(5), GroupKFold(5, shuffle=True, random_state=seed)):
        other = describe_folds(plain.split(Y, groups=groups), Y, groups)
        assert found["rate_deviation"] < other["rate_deviation"] / 3
        assert found["label_distribution"] < other["label_distribution"] / 2
    assert found["shared_patients"] == found["absent_labels"] == 0
    assert found["largest"] - found["smallest"] <= 1


def test_rare_labels_reach_every_fold():
    Y, groups = visits(1, n_patients=400, n_records=1000)
    rare = np.zeros((len(Y), 40), dtype=np.uint8)
    rng = np.random.default_rng(0)
    for label in range(40):  # five patients each, some of them with many visits
        for patient in rng.choice(np.unique(groups), 5, replace=False):
            rare[groups == patient, label] = 1
    Y = np.hstack([Y, rare])
    found = describe_folds(GroupedIterativeSplit(5).split(None, Y, groups), Y, groups)
    assert found["absent_labels"] == 0
    assert describe_folds(GroupKFold(5).split(Y, groups=groups), Y, groups)["absent_labels"] > 30


@pytest.mark.parametrize("seed", range(2))
def test_without_patients_it_is_no_worse_than_iterative_stratification(seed):
    from iterstrat.ml_stratifiers import MultilabelStratifiedKFold

    Y, _ = visits(seed, n_records=1500, n_labels=40)
    found = describe_folds(GroupedIterativeSplit(5, random_state=seed).split(None, Y), Y)
    theirs = MultilabelStratifiedKFold(5, shuffle=True, random_state=seed)
    other = describe_folds(theirs.split(Y, Y), Y)
    assert found["rate_deviation"] <= 1.1 * other["rate_deviation"]
    assert found["label_distribution"] <= 1.1 * other["label_distribution"]
    assert found["largest"] - found["smallest"] <= other["largest"] - other["smallest"]


def test_seeds():
    Y, groups = visits(n_records=300)

    def split(seed):
        return folds_of(GroupedIterativeSplit(3, random_state=seed), Y, groups)

    assert split(1) == split(1) == split(np.random.RandomState(1)) != split(2)
    assert split(None) != split(None)


def test_one_of_everything():
    one = np.ones((1, 1), dtype=np.uint8)
    with pytest.raises(ValueError, match="2 folds need at least 2 patients; got 1"):
        next(GroupedIterativeSplit(2).split(one, one))
    with pytest.raises(ValueError, match="got 0"):
        next(GroupedIterativeSplit(2).split(one[:0], one[:0]))
    assert [len(test) for _, test in folds_of(GroupedIterativeSplit(3), np.zeros((3, 0)))] == [1, 1, 1]
    assert sorted(len(test) for _, test in folds_of(GroupedIterativeSplit(2), np.zeros((5, 2)))) == [2, 3]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"y": None}, "y must be the drugs of each record"),
        ({"y": np.zeros(4)}, "y must be a matrix"),
        ({"y": np.full((4, 2), 2)}, "y must hold only 0 and 1"),
        ({"X": np.zeros((5, 1))}, "got 5 and 4"),
        ({"groups": [1, 2, 3]}, r"one patient a record, \(4,\); got \(3,\)"),
        ({"groups": [1, 2, 3, None]}, "got NaN"),
        ({"groups": [1.0, 2.0, np.nan, 4.0]}, "got NaN"),
        ({"groups": np.array([1, 2, "a", "b"], dtype=object)}, "got a mixture"),
        ({"groups": [7, 7, 7, 7]}, "got 1"),
    ],
)
def test_wrong_input(change, message):
    given = {"X": np.zeros((4, 1)), "y": np.eye(4, 2), "groups": np.arange(4), **change}
    with pytest.raises(ValueError, match=message):
        next(GroupedIterativeSplit(2).split(**given))


def test_wrong_options():
    for wrong in (1, 2.0, True, "5"):
        with pytest.raises(ValueError, match="GroupedIterativeSplit: n_splits must be a whole number of at least 2"):
            GroupedIterativeSplit(wrong)
    with pytest.raises(ValueError, match="n_repeats must be a whole number of at least 1; got 0"):
        RepeatedGroupedIterativeSplit(n_repeats=0)
    for wrong in (0, 1, 1.5, True, "0.2"):
        with pytest.raises(ValueError, match="test_size must be between 0 and 1"):
            grouped_holdout(np.eye(3), test_size=wrong)


def test_repeats_differ_and_are_each_a_partition():
    Y, groups = visits(n_records=300)
    cv = RepeatedGroupedIterativeSplit(3, n_repeats=4, random_state=5)
    folds = folds_of(cv, Y, groups)
    assert len(folds) == cv.get_n_splits() == 12
    assert folds == folds_of(cv, Y, groups)
    repeats = [folds[at : at + 3] for at in range(0, 12, 3)]
    for repeat in repeats:
        assert sorted(row for _, test in repeat for row in test) == list(range(300))
    assert all(one != other for one, other in itertools.combinations(repeats, 2))
    assert describe_folds(folds, Y, groups)["shared_patients"] == 0


def test_nested_folds_are_inside_the_training_part():
    Y, groups = visits(n_records=400)
    outer, inner = GroupedIterativeSplit(4), GroupedIterativeSplit(3, random_state=1)
    nested = list(nested_splits(Y.tolist(), groups.tolist(), outer=outer, inner=inner))
    assert [(one.train.tolist(), one.test.tolist()) for one in nested] == folds_of(outer, Y, groups)
    for train, test, folds in nested:
        assert len(folds) == 3
        assert sorted(train[row] for _, validate in folds for row in validate) == train.tolist()
        for fit, validate in folds:
            parts = [set(groups[rows]) for rows in (train[fit], train[validate], test)]
            assert not any(one & other for one, other in itertools.combinations(parts, 2))
    assert [len(one.inner) for one in nested_splits(sp.csr_matrix(Y))] == [5] * 5
    assert all(len(one.inner) == 2 for one in nested_splits(Y, groups, outer=GroupKFold(2), inner=GroupKFold(2)))


@pytest.mark.parametrize("test_size", [0.1, 0.2, 0.5, 0.75])
def test_a_holdout_is_of_its_size_and_has_every_label(test_size):
    Y, groups = visits(2)
    train, test = grouped_holdout(Y, groups, test_size=test_size)
    assert sorted([*train, *test]) == list(range(len(Y)))
    assert not set(groups[train]) & set(groups[test])
    assert abs(len(test) - test_size * len(Y)) <= 2
    holders = np.array([len(np.unique(groups[Y[:, label] == 1])) for label in range(Y.shape[1])])
    assert (Y[test].any(axis=0) & Y[train].any(axis=0))[holders * min(test_size, 1 - test_size) >= 1].all()
    drawn = np.random.default_rng(0).permutation(np.unique(groups))
    plain = np.flatnonzero(np.isin(groups, drawn[: round(test_size * len(drawn))]))
    ours, theirs = (np.abs(Y[rows].mean(axis=0) - Y.mean(axis=0)).mean() for rows in (test, plain))
    assert ours < theirs / 3


def test_labels_of_few_patients_do_not_swell_a_holdout():
    Y = np.kron(np.eye(100, dtype=int), np.ones((2, 1), dtype=int))  # two patients a label
    train, test = grouped_holdout(Y, test_size=0.1)
    assert len(test) == 20
    assert Y[train].any(axis=0).all()


@pytest.mark.parametrize("test_size", [0.01, 0.99])
def test_neither_part_of_a_holdout_is_empty(test_size):
    rng = np.random.default_rng(0)
    for n_patients in (2, 3, 5):
        train, test = grouped_holdout(rng.integers(0, 2, (n_patients, 4)), test_size=test_size)
        assert len(train) + len(test) == n_patients
        assert min(len(train), len(test)) == 1


class Patients(ClassifierMixin, BaseEstimator):
    """Fails where it predicts a record of a patient that it was fitted on; X holds the patient."""

    def __init__(self, shift=0):
        self.shift = shift

    def fit(self, X, y):
        self.seen_, self.n_labels_ = set(X[:, 0]), y.shape[1]
        self.classes_ = [np.array([0, 1])] * self.n_labels_
        return self

    def predict(self, X):
        assert not self.seen_ & set(X[:, 0])
        return np.zeros((len(X), self.n_labels_), dtype=int)


def test_in_the_hands_of_scikit_learn():
    Y, groups = visits(n_records=200, n_patients=60, n_labels=4)
    X = groups[:, None]
    cv = GroupedIterativeSplit(3)
    assert repr(cv) == "GroupedIterativeSplit(n_splits=3, random_state=0)"
    kept = cross_validate(Patients(), X, Y, groups=groups, cv=cv, return_indices=True)["indices"]["test"]
    assert [test.tolist() for test in kept] == [test for _, test in folds_of(cv, Y, groups)]
    assert cross_val_predict(Patients(), X, Y, groups=groups, cv=cv).shape == Y.shape
    repeated = RepeatedGroupedIterativeSplit(3, n_repeats=2)
    assert len(cross_validate(Patients(), X, Y, groups=groups, cv=repeated)["test_score"]) == 6
    search = GridSearchCV(Patients(), {"shift": [0, 1]}, cv=cv).fit(X, Y, groups=groups)
    assert search.n_splits_ == 3
    for train, test, inner in nested_splits(Y, groups, outer=cv, inner=cv):
        best = GridSearchCV(Patients(), {"shift": [0, 1]}, cv=inner).fit(X[train], Y[train])
        assert best.predict(X[test]).shape == (len(test), 4)


def test_groups_reach_it_by_metadata_routing():
    Y, groups = visits(n_records=200, n_patients=60, n_labels=4)
    X = groups[:, None]
    with sklearn.config_context(enable_metadata_routing=True):
        for cv in (GroupedIterativeSplit(3), RepeatedGroupedIterativeSplit(3, n_repeats=2)):
            search = GridSearchCV(Patients(), {"shift": [0, 1]}, cv=cv)
            scores = cross_validate(search, X, Y, params={"groups": groups}, cv=cv)["test_score"]
            assert len(scores) == cv.get_n_splits()


def test_a_rare_label_is_in_every_fold_of_a_search():
    rare = np.zeros((40, 1), dtype=int)
    rare[:4] = 1
    y = np.hstack([rare, 1 - rare])

    def f1(model, X, y):
        return f1_score(y, model.predict(X), average="macro", zero_division=0)

    model = DecisionTreeClassifier(random_state=0)
    assert cross_validate(model, y, y, cv=GroupedIterativeSplit(4), scoring=f1)["test_score"].tolist() == [1.0] * 4
    assert min(cross_validate(model, y, y, cv=KFold(4), scoring=f1)["test_score"]) < 1
