"""Cuts that a chain keeps from link to link, against those that XGBoost finds anew."""

import numpy as np
import pytest
import scipy.sparse as sp

from medrec import ChainRecommender
from medrec.recommenders import XGBoostBase
from medrec.recommenders import xgboost_quantiles as quantiles

xgboost = pytest.importorskip("xgboost", reason='needs xgboost: pip install "medrec[xgboost]"')

KINDS = {
    "normal": lambda rng, n: rng.normal(size=n),
    "0 and 1": lambda rng, n: rng.integers(0, 2, n),
    "small whole numbers": lambda rng, n: rng.integers(-2, 5, n),
    "mostly one value": lambda rng, n: np.where(rng.random(n) < 0.8, 0.0, rng.random(n)),
    "mostly the greatest": lambda rng, n: np.minimum(rng.random(n), 0.1),
    "constant": lambda rng, n: np.full(n, -3.0),
    "zero": lambda rng, n: np.zeros(n),
    "half missing": lambda rng, n: np.where(rng.random(n) < 0.5, np.nan, rng.normal(size=n) * 1e6),
    "all missing": lambda rng, n: np.full(n, np.nan),
    "one value there": lambda rng, n: np.where(np.arange(n) == 3, 2.5, np.nan),
    "tiny": lambda rng, n: rng.random(n) * 1e-30,
}


def columns(n=400, seed=0):
    rng = np.random.default_rng(seed)
    return np.stack([make(rng, n) for make in KINDS.values()], axis=1).astype(np.float32)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("max_bin", [2, 3, 15, 63, 500])
@pytest.mark.parametrize("dense", [False, True])
def test_reference_cuts_as_the_records_do(dense, max_bin, weighted):
    X = columns() if dense else sp.csr_matrix(columns())
    weight = np.random.default_rng(1).random(X.shape[0]) if weighted else None
    options = {"max_bin": max_bin, "nthread": 1}
    plain = xgboost.QuantileDMatrix(X, weight=weight, **options)
    head, tail = X[:, :4], X[:, 4:]
    of = [quantiles.Quantiles.of(xgboost.QuantileDMatrix(one, weight=weight, **options), one) for one in (head, tail)]
    known = of[0].join(of[1])
    reference = known.reference(options)
    assert known.n_columns == X.shape[1]
    assert reference is not None
    again = xgboost.QuantileDMatrix(X, weight=weight, ref=reference, **options)
    for ours, theirs in zip(again.get_quantile_cut(), plain.get_quantile_cut()):
        assert np.array_equal(ours, theirs)


def test_cuts_that_come_out_otherwise_are_not_used():
    X = columns()
    options = {"max_bin": 15, "nthread": 1}
    known = quantiles.Quantiles.of(xgboost.QuantileDMatrix(X, **options), X)
    known.cuts[3] += 1.0
    assert known.reference(options) is None


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("cv", [None, 3])
@pytest.mark.parametrize("dense", [False, True])
def test_chain_by_kept_cuts_has_the_trees_of_one_that_looks_for_all_anew(dense, cv, weighted, monkeypatch):
    rng = np.random.default_rng(2)
    X = columns(600) if dense else sp.csr_matrix(np.nan_to_num(columns(600)))
    Y = (rng.random((600, 4)) < [0.5, 0.3, 0.2, 0.1]).astype(np.uint8)
    weight = rng.random((600, 4)) if weighted else None
    base = XGBoostBase(n_estimators=5, max_bin=8, colsample_bytree=0.7, early_stopping_rounds=2)
    used = []
    reference = quantiles.Quantiles.reference
    monkeypatch.setattr(quantiles.Quantiles, "reference", lambda *given: used.append(reference(*given)) or used[-1])
    kept = ChainRecommender(base, cv=cv).fit(X, Y, sample_weight=weight)
    # Weights that differ from label to label ask for other cuts of every column.
    assert bool(used) is not weighted
    assert all(one is not None for one in used)
    monkeypatch.setattr(quantiles.Quantiles, "reference", lambda *given: None)
    anew = ChainRecommender(base, cv=cv).fit(X, Y, sample_weight=weight)
    assert [link.models_ for link in kept.links_] == [link.models_ for link in anew.links_]
