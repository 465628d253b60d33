"""Cross-validated scores: every record once, by a model that never saw its patient."""

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from sklearn.model_selection import GroupKFold

from medrec.datasets import Dataset
from medrec.recommenders.folds import patient_folds
from medrec.tuning import GroupedIterativeSplit, RepeatedGroupedIterativeSplit, cross_decide, fit_records


class Spy:
    """A pipeline that remembers whom it was fitted on and gives each record its own number."""

    log: list = []

    def fit(self, records, Y, features__groups=None, recommender__groups=None):
        assert features__groups is recommender__groups
        self.patients = set(records["patient"])
        self.fitted = set(records["number"])
        self.groups = recommender__groups
        self.Y = Y
        Spy.log.append(self)
        return self

    def predict_proba(self, records):
        assert not self.patients & set(records["patient"])
        self.scored = set(records["number"])
        return np.stack([records["number"] / 1000, 1 - records["number"] / 1000], axis=1)

    def __getitem__(self, at):
        assert at == -1
        return self

    def decide(self, scores):
        decided = sp.csr_matrix((scores >= 0.01).astype(np.uint8))
        return sp.csr_matrix(decided.multiply(scores > 0.5).astype(np.uint8)), decided, None


def dataset(n_records=40, n_patients=11, seed=0):
    rng = np.random.default_rng(seed)
    patients = rng.integers(0, n_patients, size=n_records)
    records = pd.DataFrame({"number": np.arange(n_records), "patient": patients})
    Y = (rng.random((n_records, 2)) < 0.5).astype(int)
    return Dataset(records, Y, ["a", "b"], {"number": "number"}, groups=patients)


@pytest.mark.parametrize("n_splits", [2, 5, 50])
def test_every_record_is_scored_once_without_its_patient(n_splits):
    data = dataset()
    Spy.log.clear()
    scores, safe, decided = cross_decide(Spy, data, n_splits=n_splits)
    assert len(Spy.log) == min(n_splits, len(np.unique(data.groups)))
    np.testing.assert_array_equal(scores[:, 0], data.records["number"] / 1000)
    np.testing.assert_array_equal(decided.toarray(), scores >= 0.01)
    np.testing.assert_array_equal(safe.toarray(), (scores >= 0.01) & (scores > 0.5))
    assert sorted(number for spy in Spy.log for number in spy.scored) == list(range(len(data)))
    for spy in Spy.log:
        assert spy.fitted | spy.scored == set(range(len(data)))
        assert not spy.fitted & spy.scored
        rows = sorted(spy.fitted)
        np.testing.assert_array_equal(spy.groups, data.groups[rows])
        np.testing.assert_array_equal(spy.Y.toarray(), data.Y[rows].toarray())


def test_the_seed_decides_the_folds():
    data = dataset()

    def folds(seed):
        Spy.log.clear()
        cross_decide(Spy, data, n_splits=3, random_state=seed)
        return [spy.scored for spy in Spy.log]

    assert folds(0) == folds(0)
    assert folds(0) != folds(1)


def test_records_without_patients_are_patients_of_their_own():
    data = dataset()
    alone = Dataset(data.records.assign(patient=np.arange(len(data))), data.Y, data.drug_names, data.schema)
    Spy.log.clear()
    scores, _, _ = cross_decide(Spy, alone, n_splits=4)
    np.testing.assert_array_equal(scores[:, 0], data.records["number"] / 1000)
    assert [len(spy.scored) for spy in Spy.log] == [10] * 4
    assert all(spy.groups is None for spy in Spy.log)


def test_a_fit_of_ones_own():
    fitted = []

    def fit(pipeline, part):
        fitted.append(len(part))
        return fit_records(pipeline, part)

    cross_decide(Spy, dataset(), n_splits=2, fit=fit)
    assert len(fitted) == 2


def test_one_patient_is_not_enough():
    data = dataset()
    one = Dataset(data.records, data.Y, data.drug_names, data.schema, groups=np.zeros(len(data)))
    with pytest.raises(ValueError, match="folds need at least two patients"):
        cross_decide(Spy, one)
    with pytest.raises(ValueError, match="at least 2; got 1"):
        cross_decide(Spy, data, n_splits=1)


def test_folds_of_another_kind():
    data = dataset()

    def scored(**options):
        Spy.log.clear()
        scores, _, _ = cross_decide(Spy, data, **options)
        np.testing.assert_array_equal(scores[:, 0], data.records["number"] / 1000)
        return [sorted(spy.scored) for spy in Spy.log]

    cv = GroupedIterativeSplit(3, random_state=4)
    assert scored(cv=cv) == [test.tolist() for _, test in cv.split(data.records, data.Y, data.groups)]
    assert scored(cv=cv.split(None, data.Y, data.groups)) == scored(cv=cv)
    assert scored(cv=4, random_state=2) == scored(n_splits=4, random_state=2)
    assert scored(cv=4) == [test.tolist() for _, test in patient_folds(len(data), 4, data.groups, 0)]
    assert scored(cv=GroupKFold(2)) == [test.tolist() for _, test in GroupKFold(2).split(data.Y, groups=data.groups)]


def test_folds_that_are_no_partition():
    data = dataset()
    cv = RepeatedGroupedIterativeSplit(3, n_repeats=2)
    with pytest.raises(ValueError, match="must test each of 40 records once; got 80 tests of 40 records"):
        cross_decide(Spy, data, cv=cv)
    with pytest.raises(ValueError, match="got 0 tests of 0 records"):
        cross_decide(Spy, data, cv=[])
    with pytest.raises(ValueError, match="trained on and tested in one fold"):
        cross_decide(Spy, data, cv=[(np.arange(20), np.arange(20)), (np.arange(20), np.arange(20, 40))])


def test_rows_may_be_masks():
    data = dataset()
    first = np.asarray(data.groups) < 4
    masks = cross_decide(Spy, data, cv=[(~first, first), (first, ~first)])[0]
    np.testing.assert_array_equal(masks[:, 0], data.records["number"] / 1000)
