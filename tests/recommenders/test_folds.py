"""Folds that keep patients together."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medrec.recommenders.folds import patient_folds


@given(st.lists(st.integers(0, 9), min_size=1, max_size=40), st.integers(2, 6), st.integers(0, 5))
@settings(max_examples=80, deadline=None)
def test_every_record_is_held_out_once_with_its_patient(groups, n_splits, seed):
    groups = np.array(groups)
    folds = patient_folds(len(groups), n_splits, groups, seed)
    patients = len(set(groups))
    assert len(folds) == (0 if patients < 2 else min(n_splits, patients))
    if folds:
        assert sorted(np.concatenate([test for _, test in folds])) == list(range(len(groups)))
    for train, test in folds:
        assert sorted([*train, *test]) == list(range(len(groups)))
        assert not set(groups[train]) & set(groups[test])
        assert len(train)
        assert len(test)


def test_which_patients_share_a_fold_does_not_depend_on_how_often_they_come():
    patients = np.arange(12)
    again = np.repeat(patients, [1, 3] * 6)
    plain = [set(patients[test]) for _, test in patient_folds(12, 3, patients)]
    assert [set(again[test]) for _, test in patient_folds(len(again), 3, again)] == plain


@pytest.mark.parametrize("n_splits", [1, 0, -1, 2.0, True, "5"])
def test_a_number_of_folds_that_is_none(n_splits):
    with pytest.raises(ValueError, match="folds must be a whole number of at least 2"):
        patient_folds(10, n_splits)
