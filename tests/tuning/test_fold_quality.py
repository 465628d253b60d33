"""Figures about folds against their definitions, one label and one fold at a time."""

import numpy as np
import pytest
import scipy.sparse as sp

from medrec.tuning import RepeatedGroupedIterativeSplit, describe_folds, grouped_holdout


def example(seed=0, n_records=60, n_labels=7):
    rng = np.random.default_rng(seed)
    Y = (rng.random((n_records, n_labels)) < 0.15).astype(int)
    Y[:, 0], Y[:, 1] = 0, 1  # of no record, of every record
    groups = rng.integers(0, 20, n_records)
    fold = rng.integers(0, 3, n_records)
    return Y, groups, [(np.flatnonzero(fold != k), np.flatnonzero(fold == k)) for k in range(3)]


@pytest.mark.parametrize("seed", range(5))
def test_figures_are_as_defined(seed):
    Y, groups, folds = example(seed)
    rates, odds, absent = [], [], set()
    for _, test in folds:
        for label in range(1, Y.shape[1]):
            held, total = Y[test, label].sum(), Y[:, label].sum()
            rates.append(abs(held / len(test) - total / len(Y)))
            if label > 1:
                odds.append(abs(held / (len(test) - held) - total / (len(Y) - total)))
            if held == 0 and len(set(groups[Y[:, label] == 1])) >= 3:
                absent.add(label)
    shared = {patient for train, test in folds for patient in set(groups[train]) & set(groups[test])}
    for given in (Y, sp.csr_matrix(Y)):
        found = describe_folds(folds, given, groups)
        assert found.pop("rate_deviation") == pytest.approx(np.mean(rates), rel=1e-12)
        assert found.pop("label_distribution") == pytest.approx(np.mean(odds), rel=1e-12)
        assert found == {
            "folds": 3,
            "shared_patients": len(shared),
            "absent_labels": len(absent),
            "smallest": min(len(test) for _, test in folds),
            "largest": max(len(test) for _, test in folds),
        }


def test_repeats_and_holdouts_ask_for_the_patients_of_one_fold_each():
    Y = np.zeros((20, 1), dtype=int)
    Y[:2] = 1
    folds = list(RepeatedGroupedIterativeSplit(2, n_repeats=8).split(None, Y))
    assert describe_folds(folds, Y)["absent_labels"] == 0
    rows = np.arange(20)
    assert describe_folds([*folds, (rows[:10], rows[10:])], Y)["absent_labels"] == 1
    assert describe_folds([grouped_holdout(Y, test_size=0.5)], Y)["absent_labels"] == 0


def test_no_labels_and_no_folds():
    Y, groups, folds = example()
    found = describe_folds(folds, np.zeros_like(Y), groups)
    assert found["rate_deviation"] == found["label_distribution"] == found["absent_labels"] == 0
    assert describe_folds(folds, Y[:, :0])["shared_patients"] == 0
    for wrong in ([], [(np.arange(60), np.arange(0))]):
        with pytest.raises(ValueError, match="folds must have records to test on"):
            describe_folds(wrong, Y)
    with pytest.raises(ValueError, match="one patient a record"):
        describe_folds(folds, Y, groups[:3])
