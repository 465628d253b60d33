"""The floor on real data, so that the README's tables are not lost; `benchmarks/bench_main.py` prints them whole."""

import pytest

from medrec import BinaryRelevanceRecommender, make_recommender
from medrec.datasets import load
from medrec.metrics import overlap_counts
from medrec.recommenders import LinearBase
from medrec.tuning import cross_decide
from tests._data import data_path


@pytest.mark.data
@pytest.mark.parametrize(("name", "floor"), [("medical", 0.750), ("enron", 0.488)])
def test_mulan_official_split(name, floor):
    train, test = (load(f"arff:{data_path('mulan', name, f'{name}-{part}.arff.gz')}") for part in ("train", "test"))
    recommender = BinaryRelevanceRecommender(LinearBase(C=10, normalize=True))
    recommender.fit(train.records.to_numpy(), train.Y)
    assert overlap_counts(test.Y, recommender.predict(test.records.to_numpy())).jaccard() >= floor


@pytest.mark.data
def test_dialmed_five_folds():
    data = load(f"dialmed:{data_path('dialmed', 'dev.txt')}", masks="drop")
    prior, linear = (
        overlap_counts(data.Y, cross_decide(lambda m=m: make_recommender(m, schema=data.schema), data)[1])
        for m in ("prior", "binary-relevance")
    )
    assert prior.jaccard() == pytest.approx(0.22, abs=0.02)
    assert linear.jaccard() >= 0.33
    assert linear.f1() >= 0.42
    assert linear.empty_sets() == 0
