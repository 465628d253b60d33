"""Threshold: the tuned one against trying every threshold that could matter, by the package's own metrics."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medrec.decision import Threshold
from medrec.decision.threshold import METRICS
from medrec.metrics import overlap_counts


def metric_of(name, Y, Z):
    counts = overlap_counts(Y, Z)
    return {
        "jaccard": counts.jaccard,
        "f1": counts.f1,
        "chip2025": lambda: (counts.jaccard() + counts.f1()) / 2,
        "micro-f1": lambda: counts.f1("micro"),
        "macro-f1": lambda: counts.f1("macro"),
    }[name]()


def problem(seed):
    rng = np.random.default_rng(seed)
    shape = rng.integers(1, 12), rng.integers(1, 6)
    scores = rng.normal(size=shape) if rng.random() < 0.5 else rng.integers(0, 5, shape) / 4 - 0.5
    return scores, (rng.random(shape) < rng.random()).astype(np.uint8)


@pytest.mark.parametrize("tune", METRICS)
@given(seed=st.integers(0, 10**6), least=st.sampled_from([None, 0, 1, 2]), more=st.sampled_from([None, 0, 1, 3]))
@settings(max_examples=60, deadline=None)
def test_no_threshold_is_better(tune, seed, least, more):
    scores, Y = problem(seed)
    sizes = {"min_size": least, "max_size": None if more is None else max(1, (least or 0) + more)}
    rule = Threshold(tune=tune, **sizes).fit(scores, Y)
    reached = metric_of(tune, Y, rule.apply(scores))
    assert reached == pytest.approx(rule.tuned_, abs=1e-12)
    if least is None:
        sizes["min_size"] = 0 if (Y.sum(axis=1) == 0).any() else 1
    places = np.unique(scores)
    tried = [np.inf, *places, *(places - 1e-9), -np.inf]
    found = [metric_of(tune, Y, Threshold(at, **sizes).apply(scores)) for at in tried]
    assert reached >= max(found) - 1e-12
    # Of equally good thresholds the highest: the fewest drugs.
    best = [at for at, value in zip(tried, found) if value >= max(found) - 1e-12]
    assert rule.apply(scores).nnz == min(Threshold(at, **sizes).apply(scores).nnz for at in best)


def test_the_threshold_stands_between_two_scores():
    rule = Threshold(tune="micro-f1", min_size=0).fit([[0.9, 0.5], [0.8, 0.4]], [[1, 0], [1, 0]])
    assert rule.threshold_ == pytest.approx(0.65)
    close = np.array([[1.0, np.nextafter(1.0, 0)]])
    assert Threshold(tune="f1").fit(close, [[1, 0]]).threshold_ == 1.0
    everything = Threshold(tune="f1").fit([[0.5, 0.2]], [[1, 1]])
    assert everything.threshold_ == 0.2
    nothing = Threshold(tune="f1").fit([[0.5, 0.2]], [[0, 0]])
    assert nothing.threshold_ > 0.5


def test_threshold_takes_what_reaches_it():
    assert Threshold().fit(None, None).apply([[0.49, 0.5, 0.51]]).toarray().tolist() == [[0, 1, 1]]
    assert Threshold(-2.0).apply([[-3.0, -2.0]]).toarray().tolist() == [[0, 1]]
    assert Threshold(0.5, min_size=1, max_size=1).apply([[0.1, 0.2], [0.7, 0.6]]).toarray().tolist() == [[0, 1], [1, 0]]
    assert Threshold().fit(None, None).threshold_ == 0.5
