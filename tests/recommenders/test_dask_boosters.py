"""Boosters on rows that lie with the workers of a Dask cluster: the models of one process, whoever dies."""

import os
import signal
import threading
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from sklearn.base import clone

import medrec
from medrec import BinaryRelevanceRecommender
from medrec.decision import PlattCalibrator
from medrec.recommenders import LightGBMBase, XGBoostBase, dask_boosters, fit_dask
from medrec.recommenders.xgboost_base import XGBoostBins

dask = pytest.importorskip("dask", reason="needs Dask: pip install 'medrec[dask]'")
distributed = pytest.importorskip("distributed", reason="needs Dask: pip install 'medrec[dask]'")
pytest.importorskip("xgboost", reason="needs XGBoost: pip install 'medrec[xgboost]'")
da = pytest.importorskip("dask.array")

BOOSTER = XGBoostBase(n_estimators=4, max_columns=15, max_bin=7)
LIGHT = LightGBMBase(n_estimators=4, max_columns=15, max_bin=7)


@pytest.fixture(scope="module")
def client():
    options = {"threads_per_worker": 1, "processes": True, "dashboard_address": ":0", "host": "127.0.0.1"}
    with (
        dask.config.set({"distributed.deploy.lost-worker-timeout": "1h"}),  # or the second to be killed stays away
        distributed.LocalCluster(n_workers=2, silence_logs=100, **options) as made,
        distributed.Client(made, set_as_default=False) as client,
    ):
        yield client


@pytest.fixture
def workers(client):
    client.wait_for_workers(2, timeout=60)
    return client


def problem(n_records=300, n_features=20, n_labels=4, seed=0):
    """Features, sets whose last label is constant, and patients of two records or so."""
    rng = np.random.default_rng(seed)
    X = sp.random(n_records, n_features, density=0.4, format="csr", random_state=seed)
    Y = X @ rng.normal(size=(n_features, n_labels)) + rng.normal(size=(n_records, n_labels)) > 0.5
    Y[:, -1] = False
    return X, sp.csr_matrix(Y.astype(np.uint8)), rng.integers(0, n_records // 2, n_records)


def cut(matrix, where):
    """Blocks of rows as Delayed."""
    edges = [0, *where, matrix.shape[0]]
    return [dask.delayed(matrix[low:high]) for low, high in pairwise(edges)]


def held(groups, share=0.1, seed=0):
    hashed = pd.util.hash_array(pd.util.hash_array(groups) ^ np.uint64(2 * seed + 1))
    return hashed / 2.0**64 < share


def one_process(recommender, X, Y, groups, share=0.1):
    """The same thing in plain words: fit on the patients not held out, calibrate and decide on those that are."""
    out = held(groups, share)
    base = dask_boosters.make_base(recommender.base).fit_labels(X[~out], Y[~out])
    scores = base.decision_function(X)
    calibrator = PlattCalibrator().fit(scores[out], Y[out])
    return base, calibrator.transform(scores)


@pytest.mark.parametrize("dense", [False, True])
def test_the_models_of_one_process(workers, dense):
    X, Y, groups = problem()
    booster = clone(BOOSTER).set_params(scale_pos_weight="balanced" if dense else None)
    recommender = BinaryRelevanceRecommender(booster, decision="tuned-threshold")
    rows = [cut(one, [20, 190]) for one in (X, Y, groups)]
    if dense:
        X = X.toarray()
        arrays = X, Y.toarray(), groups
        rows = [da.from_array(one, chunks=((20, 170, 110), *[(n,) for n in one.shape[1:]])) for one in arrays]
    fitted = fit_dask(recommender, *rows, client=workers)
    base, probabilities = one_process(recommender, X, Y, groups)
    assert fitted.labels_.models_ == base.models_
    assert fitted.labels_.columns_.tolist() == base.columns_.tolist()
    assert fitted.labels_.n_iter_.tolist() == base.n_iter_.tolist() == [4, 4, 4, 0]
    np.testing.assert_array_equal(fitted.predict_proba(X), probabilities)
    assert type(fitted.predict(X)) is (np.ndarray if dense else sp.csr_matrix)
    assert not hasattr(recommender, "labels_")


def test_lightgbm_is_as_good_as_in_one_process(workers):
    X, Y, groups = problem()
    for booster in (LIGHT, LightGBMBase(n_estimators=20, scale_pos_weight=2.0)):
        recommender = BinaryRelevanceRecommender(booster)
        fitted = fit_dask(recommender, *(cut(one, [20, 190]) for one in (X, Y, groups)), client=workers)
        base, probabilities = one_process(recommender, X, Y, groups)
        assert fitted.labels_.columns_.tolist() == base.columns_.tolist()
        assert fitted.labels_.n_iter_.tolist() == base.n_iter_.tolist()
        error, of_one = (np.abs(found - Y.toarray()).mean() for found in (fitted.predict_proba(X), probabilities))
        assert error == pytest.approx(of_one, rel=0.05)


def test_blocks_do_not_matter(workers):
    X, Y, groups = problem()
    for base in ("xgboost-fast", BOOSTER):
        recommender = BinaryRelevanceRecommender(base)
        found = []
        for where in ([150], [10, 20, 220, 250], []):  # the last leaves a worker without rows
            fitted = fit_dask(recommender, *(cut(one, where) for one in (X, Y, groups)), client=workers)
            found.append(fitted.predict_proba(X))
        np.testing.assert_array_equal(found[0], found[1])
        np.testing.assert_array_equal(found[0], found[2])


def test_a_patient_is_held_out_with_all_records_and_a_model_is_saved(workers, tmp_path):
    X, Y, groups = problem()
    names = np.array([f"患者{group}" for group in groups], dtype=object)
    recommender = BinaryRelevanceRecommender(
        BOOSTER, drug_names=list("abcd"), ddi=medrec.DDIGraph.from_edges(list("abcd"), [("a", "b")])
    )
    fitted = fit_dask(recommender, cut(X, [99]), cut(Y, [99]), cut(names, [99]), client=workers, held_out=0.3)
    base, probabilities = one_process(recommender, X, Y, names, share=0.3)
    assert fitted.labels_.models_ == base.models_
    np.testing.assert_array_equal(fitted.predict_proba(X), probabilities)
    assert fitted.filter_.graph.n_pairs == 1
    medrec.save(fitted, tmp_path / "model")
    np.testing.assert_array_equal(medrec.load(tmp_path / "model").predict_proba(X), probabilities)


def test_a_patient_is_the_same_in_blocks_of_other_numbers():
    kinds = [np.int64, np.int32, np.float64, np.uint8]
    parts = [
        dask_boosters._read(at, np.ones((40, 1)), np.ones((40, 1)), np.arange(40, dtype=kind), 0.4, 0)
        for at, kind in enumerate(kinds)
    ]
    assert 5 < parts[0].held.sum() < 30
    for part in parts:
        np.testing.assert_array_equal(part.held, held(np.arange(40), share=0.4))
    with pytest.raises(ValueError, match="block 3 has NaN"):
        dask_boosters._read(3, np.ones((2, 1)), np.ones((2, 1)), np.array([1.0, np.nan]), 0.4, 0)


def test_nobody_held_out_and_a_sample_for_the_bins(workers):
    X, Y, _ = problem(n_records=600)
    recommender = BinaryRelevanceRecommender(BOOSTER, cv=None)
    rows = cut(X, [200, 300]), cut(Y, [200, 300])
    exact = fit_dask(recommender, *rows, client=workers, held_out=None)
    assert exact.calibrator_ is None
    one = recommender.fit(X, Y)
    assert exact.labels_.models_ == one.labels_.models_
    np.testing.assert_array_equal(exact.predict_proba(X), one.predict_proba(X))
    sampled = fit_dask(recommender, *rows, client=workers, held_out=None, n_sample=300)
    again = fit_dask(recommender, *rows, client=workers, held_out=None, n_sample=300)
    assert sampled.labels_.models_ == again.labels_.models_ != exact.labels_.models_
    error = [np.abs(model.predict_proba(X) - Y.toarray()).mean() for model in (exact, sampled)]
    assert error[1] < error[0] * 1.02


class DiesOnce(XGBoostBase):
    """XGBoost whose process kills itself after ``after`` labels, where ``flag`` is a file that is not there yet."""

    def _bins(self):
        return DyingBins


class DyingBins(XGBoostBins):
    def train(self, target, weight, ratio):
        flag = Path(os.environ.get("MEDREC_TEST_FLAG", "/nowhere/at/all"))
        trained = super().train(target, weight, ratio)
        try:
            flag.touch(exist_ok=False)
        except OSError:
            return trained
        os.kill(os.getpid(), signal.SIGKILL)


def set_flag(flag):
    os.environ["MEDREC_TEST_FLAG"] = flag


def test_a_worker_that_dies_in_its_first_label(workers, tmp_path):
    X, Y, groups = problem()
    rows = [cut(one, [20, 190]) for one in (X, Y, groups)]
    flag = tmp_path / "died"
    workers.run(set_flag, str(flag))
    before = set(workers.run(os.getpid).values())
    fitted = fit_dask(BinaryRelevanceRecommender(DiesOnce(n_estimators=4)), *rows, client=workers)
    assert flag.exists()
    workers.wait_for_workers(2, timeout=60)
    assert before != set(workers.run(os.getpid).values())
    base, probabilities = one_process(BinaryRelevanceRecommender(XGBoostBase(n_estimators=4)), X, Y, groups)
    assert fitted.labels_.models_ == base.models_
    np.testing.assert_array_equal(fitted.predict_proba(X), probabilities)


def read_or_die(flag, matrix):
    try:
        Path(flag).touch(exist_ok=False)
    except OSError:
        return matrix
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_worker_that_dies_while_it_reads(workers, tmp_path):
    """What had been given to it goes to others, also before it has come back."""
    X, Y, groups = problem()
    edges = [0, 20, 100, 190, X.shape[0]]
    read = dask.delayed(read_or_die)
    flags = ["", "", str(tmp_path / "died"), ""]
    rows = [
        [read(flag or str(tmp_path), one[low:high]) for flag, (low, high) in zip(flags, pairwise(edges))]
        for one in (X, Y, groups)
    ]
    fitted = fit_dask(BinaryRelevanceRecommender(BOOSTER), *rows, client=workers)
    assert (tmp_path / "died").exists()
    _, probabilities = one_process(BinaryRelevanceRecommender(BOOSTER), X, Y, groups)
    np.testing.assert_array_equal(fitted.predict_proba(X), probabilities)
    workers.wait_for_workers(2, timeout=60)


@pytest.mark.parametrize("booster", [XGBoostBase(n_estimators=150), LightGBMBase(n_estimators=150)])
def test_a_worker_killed_from_outside_while_blocks_are_trained(workers, monkeypatch, booster):
    X, Y, groups = problem(n_labels=6)
    rows = [cut(one, [20, 190]) for one in (X, Y, groups)]
    monkeypatch.setattr(dask_boosters, "BLOCK", 2)
    tries = []
    begin = dask_boosters.together

    def together(client, function, tasks):
        if function is not dask_boosters._train:
            return begin(client, function, tasks)
        tries.append(len(tasks))
        if len(tries) == 2:  # in the middle of the second block
            victim = client.run(os.getpid, workers=list(tasks)[:1])
            threading.Timer(0.1, os.kill, [*victim.values(), signal.SIGKILL]).start()
        return begin(client, function, tasks)

    monkeypatch.setattr(dask_boosters, "together", together)
    fitted = fit_dask(BinaryRelevanceRecommender(booster), *rows, client=workers)
    assert len(tries) == 4, "three blocks, one of them twice"
    _, probabilities = one_process(BinaryRelevanceRecommender(booster), X, Y, groups)
    exact = {} if isinstance(booster, XGBoostBase) else {"atol": 0.1}  # LightGBM: see fit_dask
    np.testing.assert_allclose(fitted.predict_proba(X), probabilities, **{"rtol": 0, "atol": 0, **exact})


def test_what_is_refused(workers):
    X, Y, _ = problem(n_records=30)
    rows = cut(X, [10]), cut(Y, [10])
    for recommender, options, says in [
        (medrec.ChainRecommender("xgboost"), {}, "must be a BinaryRelevanceRecommender; got ChainRecommender"),
        (BinaryRelevanceRecommender("logistic"), {}, "base must be a booster"),
        (BinaryRelevanceRecommender(XGBoostBase(early_stopping_rounds=3)), {}, "not for clusters"),
        (BinaryRelevanceRecommender("xgboost"), {"held_out": 1.0}, "between 0 and 1, or None; got 1.0"),
        (BinaryRelevanceRecommender("xgboost"), {"held_out": 1e-9}, "holds out nobody of 30 records"),
        (
            BinaryRelevanceRecommender("xgboost", decision="threshold", cv=2),
            {"n_sample": 0},
            "n_sample must be at least",
        ),
        (BinaryRelevanceRecommender("xgboost", decision="cardinality"), {"held_out": None}, "learns from scores"),
        (BinaryRelevanceRecommender(XGBoostBase(min_child_weight=-1)), {}, "min_child_weight"),
    ]:
        with pytest.raises(Exception, match=says):
            fit_dask(recommender, *rows, client=workers, **options)
    recommender = BinaryRelevanceRecommender("xgboost")
    # Both blocks are wrong, and either worker may be the first to say so.
    with pytest.raises(ValueError, match=r"block (0 has X \(10, 20\), Y \(12, 4\)|1 has X \(20, 20\), Y \(18, 4\))"):
        fit_dask(recommender, rows[0], cut(Y, [12]), client=workers)
    with pytest.raises(ValueError, match="X has 2, Y has 1"):
        fit_dask(recommender, rows[0], cut(Y, []), client=workers)
    with pytest.raises(ValueError, match="block 1 has 7 features and 4 labels"):
        fit_dask(recommender, [*cut(X[:10], []), *cut(X[10:, :7], [])], rows[1], client=workers)
    with pytest.raises(ValueError, match="whole rows; rechunk it"):
        fit_dask(recommender, da.zeros((10, 4), chunks=(5, 2)), da.zeros((10, 4), chunks=(5, 4)), client=workers)


def test_no_worker_at_all():
    options = {"processes": False, "dashboard_address": ":0", "silence_logs": 100}
    X, Y, _ = problem(n_records=30)
    with (
        distributed.LocalCluster(n_workers=0, **options) as made,
        distributed.Client(made, set_as_default=False) as client,
        pytest.raises(ConnectionError, match=r"no worker for 0.3 s"),
    ):
        fit_dask(BinaryRelevanceRecommender("xgboost"), cut(X, []), cut(Y, []), client=client, patience=0.3)
