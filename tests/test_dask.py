"""Work on a Dask cluster of processes: the numbers of one process, also when a worker is killed in the middle."""

import json
import os
import signal
import time
from pathlib import Path

import joblib
import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.base import clone
from sklearn.model_selection import cross_validate
from sklearn.tree import DecisionTreeClassifier

from medrec import BinaryRelevanceRecommender, ChainRecommender, NeighborRecommender, StackedRecommender
from medrec._dask import connected, spread
from medrec._parallel import cluster, cores, side_by_side, threads
from medrec.cli import main
from medrec.datasets import load
from medrec.recommenders import (
    EstimatorBase,
    LightGBMBase,
    LinearBase,
    OnlineLinearBase,
    PairBooster,
    XGBoostBase,
    make_recommender,
)
from medrec.tuning import cross_decide

dask = pytest.importorskip("dask", reason="needs Dask: pip install 'medrec[dask]'")
distributed = pytest.importorskip("distributed", reason="needs Dask: pip install 'medrec[dask]'")

TREE = DecisionTreeClassifier(max_depth=3, random_state=0)
RECOMMENDERS = {
    "tree": BinaryRelevanceRecommender(EstimatorBase(TREE), cv=3),
    "logistic, few records": BinaryRelevanceRecommender("logistic", cv=3),
    "svm by label": BinaryRelevanceRecommender(LinearBase(loss="squared_hinge", C=[1.0, 2.0, 3.0, 4.0]), cv=3),
    "lightgbm": BinaryRelevanceRecommender(LightGBMBase(n_estimators=3, max_columns=20), cv=3),
    "xgboost": BinaryRelevanceRecommender(XGBoostBase(n_estimators=3, scale_pos_weight=[1, 2, 1, 2]), cv=3),
    "no folds": BinaryRelevanceRecommender(EstimatorBase(TREE), cv=None),
    "chain": ChainRecommender("logistic", cv=2),
    "chains": ChainRecommender("logistic", cv=2, n_chains=3),
    "chains of boosters on truth": ChainRecommender(LightGBMBase(n_estimators=2), cv=None, n_chains=2),
    "neighbors": NeighborRecommender(n_neighbors=5, cv=3),
    "stacked": StackedRecommender(["logistic", EstimatorBase(TREE)], cv=2, pairs=PairBooster(n_estimators=5)),
}


def problem(n_records=90, n_features=40, n_labels=4, seed=0):
    rng = np.random.default_rng(seed)
    X = sp.random(n_records, n_features, density=0.3, format="csr", random_state=seed)
    Y = (X @ rng.normal(size=(n_features, n_labels)) + rng.normal(size=(n_records, n_labels)) > 0.5).astype(np.uint8)
    return X, sp.csr_matrix(Y), rng.integers(0, n_records // 3, n_records)


@pytest.fixture(scope="module")
def client():
    """Two worker processes of one thread each, which come back when they die."""
    options = {"threads_per_worker": 1, "processes": True, "dashboard_address": ":0", "host": "127.0.0.1"}
    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 1, "distributed.deploy.lost-worker-timeout": "1h"}),
        distributed.LocalCluster(n_workers=2, silence_logs=100, **options) as made,
        distributed.Client(made, set_as_default=False) as client,
    ):
        yield client


@pytest.fixture
def workers(client):
    client.wait_for_workers(2, timeout=60)
    return client


def on(client, **options):
    return joblib.parallel_config(backend="dask", client=client, **options)


class DiesOnce(DecisionTreeClassifier):
    """A tree that kills its process at the first fit of all, where ``flag`` is a file that is not there yet."""

    def __init__(self, flag="", max_depth=3, random_state=0):
        super().__init__(max_depth=max_depth, random_state=random_state)
        self.flag = flag

    def fit(self, X, y, sample_weight=None):
        die_once(self.flag)
        return super().fit(X, y, sample_weight=sample_weight)


def die_once(flag):
    try:
        Path(flag).touch(exist_ok=False)
    except OSError:  # a worker has died already
        return
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize("name", RECOMMENDERS)
def test_the_numbers_of_one_process(workers, name):
    X, Y, groups = problem()
    one = clone(RECOMMENDERS[name]).fit(X, Y, groups).predict_proba(X)
    with on(workers):
        fitted = clone(RECOMMENDERS[name]).fit(X, Y, groups)
    np.testing.assert_array_equal(fitted.predict_proba(X), one)


def test_weights_by_label(workers):
    X, Y, groups = problem()
    weight = np.random.default_rng(1).integers(0, 3, Y.shape)
    for base in (EstimatorBase(TREE), XGBoostBase(n_estimators=2)):
        recommender = BinaryRelevanceRecommender(base, cv=2)
        one = clone(recommender).fit(X, Y, groups, sample_weight=weight).predict_proba(X)
        with on(workers):
            recommender.fit(X, Y, groups, sample_weight=weight)
        np.testing.assert_array_equal(recommender.predict_proba(X), one)


def test_a_worker_killed_in_the_middle_changes_nothing(workers, tmp_path):
    X, Y, groups = problem(n_labels=8)
    one = BinaryRelevanceRecommender(EstimatorBase(TREE), cv=2).fit(X, Y, groups).predict_proba(X)
    flag = tmp_path / "died"
    before = set(workers.run(os.getpid).values())
    with on(workers):
        fitted = BinaryRelevanceRecommender(EstimatorBase(DiesOnce(str(flag))), cv=2).fit(X, Y, groups)
    assert flag.exists()
    workers.wait_for_workers(2, timeout=60)
    assert len(before & set(workers.run(os.getpid).values())) == 1
    np.testing.assert_array_equal(fitted.predict_proba(X), one)


def test_every_worker_killed_changes_nothing(workers, tmp_path):
    """What was sent to the workers is lost with them, and sent again."""
    X, Y, groups = problem()
    one = BinaryRelevanceRecommender(EstimatorBase(TREE), cv=2).fit(X, Y, groups).predict_proba(X)
    flags = [str(tmp_path / f"died {at}") for at in range(2)]
    with on(workers):
        fitted = BinaryRelevanceRecommender(EstimatorBase(AllDie(flags)), cv=2).fit(X, Y, groups)
    assert all(Path(flag).exists() for flag in flags)
    np.testing.assert_array_equal(fitted.predict_proba(X), one)


class AllDie(DecisionTreeClassifier):
    """A tree that waits until two processes are at it, which both die."""

    def __init__(self, flags=(), max_depth=3, random_state=0):
        super().__init__(max_depth=max_depth, random_state=random_state)
        self.flags = flags

    def fit(self, X, y, sample_weight=None):
        for flag in self.flags:
            try:
                Path(flag).touch(exist_ok=False)
            except OSError:
                continue
            until = time.monotonic() + 5
            while not all(Path(one).exists() for one in self.flags) and time.monotonic() < until:
                time.sleep(0.02)
            os.kill(os.getpid(), signal.SIGKILL)
        return super().fit(X, y, sample_weight=sample_weight)


def test_folds_of_cross_validation_also_when_one_is_killed(workers, tmp_path):
    data = load("synthetic:records=60,seed=0")
    flag = str(tmp_path / "died")

    def make():
        die_once(flag)
        return make_recommender("prior", schema=data.schema, cv=2)

    with on(workers):
        many = cross_decide(make, data, n_splits=3)
    assert Path(flag).exists()
    one = cross_decide(make, data, n_splits=3)
    for there, here in zip(many, one):
        np.testing.assert_array_equal(*(part.toarray() if sp.issparse(part) else part for part in (there, here)))


def test_folds_in_processes():
    data = load("synthetic:records=40,seed=0")
    one, two = (
        cross_decide(lambda: make_recommender("prior", schema=data.schema, cv=2), data, n_splits=2, n_jobs=n_jobs)
        for n_jobs in (1, 2)
    )
    np.testing.assert_array_equal(one[0], two[0])


def test_scikit_learn_sends_whole_fits_and_they_stay_where_they_are(workers):
    X, Y, _ = problem()
    recommender = BinaryRelevanceRecommender(EstimatorBase(TREE), cv=2, n_jobs=-1)
    options = {"cv": 2, "scoring": "f1_samples", "error_score": "raise"}
    one = cross_validate(recommender, X, Y.toarray(), **options)["test_score"]
    with on(workers):
        many = cross_validate(recommender, X, Y.toarray(), **options)["test_score"]
    np.testing.assert_array_equal(many, one)


def test_where_work_goes(workers):
    assert cluster(None) is None
    with on(workers):
        assert cluster(None) is workers
        assert cluster(1) is None
        assert (cores(None), cores(1)) == (2, 1)
        assert (threads(None), threads(1), threads(-1)) == (1, 1, joblib.cpu_count())
        here, there = (set(side_by_side(process_of, range(4), n_jobs=n_jobs)) for n_jobs in (1, None))
        assert side_by_side(threads_of_all, range(2), n_jobs=None) == [1, 1]
    assert here == {os.getpid()}
    assert here.isdisjoint(there)
    assert len(there) == 2


def process_of(at):
    time.sleep(0.1)
    assert cluster(None) is None  # one level of parallelism
    return os.getpid()


def threads_of_all(at):
    return threads(-1)


def test_large_data_are_sent_once_a_worker(workers):
    with on(workers):
        seen = side_by_side(address_of, range(8), shared=[np.zeros(100_000)], n_jobs=None)
    assert len(set(seen)) == 2


def address_of(at, array):
    time.sleep(0.05)
    return os.getpid(), array.ctypes.data


def test_what_a_task_raises_comes_back(workers):
    with on(workers), pytest.raises(ValueError, match="no even numbers"):
        side_by_side(refuse_even, range(4), n_jobs=None)


def refuse_even(at):
    if at % 2 == 0:
        raise ValueError("no even numbers")
    return at


def test_a_task_that_ran_out_of_its_own_time_is_no_worker_that_died(workers):
    with pytest.raises(TimeoutError, match="the disk is slow"):
        spread(workers, run_out_of_time, [0])


def run_out_of_time(at):
    raise TimeoutError("the disk is slow")


def test_one_job_stays_here(workers, monkeypatch):
    def submit(*arguments, **options):
        raise AssertionError("went to the cluster")

    X, Y, _ = problem(n_labels=70)
    alone = OnlineLinearBase(n_passes=1).fit_labels(X, Y, n_jobs=1)
    monkeypatch.setattr(workers, "submit", submit)
    with on(workers):
        here = OnlineLinearBase(n_passes=1).fit_labels(X, Y, n_jobs=1)
    np.testing.assert_array_equal(here.coef_, alone.coef_)


def test_no_worker_is_left(tmp_path):
    """Workers that nothing brings back: the error says so and how to go on, instead of waiting forever."""
    options = {"threads_per_worker": 1, "processes": False, "dashboard_address": ":0"}
    with (
        distributed.LocalCluster(n_workers=0, silence_logs=100, **options) as made,
        distributed.Client(made, set_as_default=False) as client,
        pytest.raises(ConnectionError, match=r"no worker for 0.3 s. Start workers \(dask worker ADDRESS\)"),
    ):
        spread(client, abs, [1], patience=0.3)


def test_a_task_that_kills_every_worker_is_given_up(workers):
    with pytest.raises(ConnectionError, match=r"every worker that took .* died, most likely for want of memory"):
        spread(workers, kill_the_process, [0], patience=60.0)


def kill_the_process(at):
    os.kill(os.getpid(), signal.SIGKILL)


def test_addresses(workers):
    with connected(None):
        assert cluster(None) is None
    with connected(workers.scheduler.address):
        assert cluster(None) is not None
    with connected("local:1"):
        assert cores(None) == 1
    for wrong in ("local:0", "local:many"):
        with pytest.raises(ValueError, match="number of workers of at least 1"), connected(wrong):
            pass
    with pytest.raises(ValueError, match="no Dask scheduler answers at 'nothing'"), connected("nothing"):
        pass


def test_the_command_line_on_a_cluster(workers, tmp_path, capsys):
    words = ["evaluate", "--data", "synthetic:records=60,seed=0", "--model", "prior", "--cv", "2"]
    figures = {}
    for name, more in {"one": [], "cluster": ["--dask", workers.scheduler.address]}.items():
        assert main([*words, *more, "--out", str(tmp_path / name)]) == 0
        figures[name] = json.loads((tmp_path / name).read_text(encoding="utf-8"))
        del figures[name]["seconds"]
    assert figures["one"] == figures["cluster"]
    capsys.readouterr()
    assert main([*words, "--dask", "local:0"]) == 1
    assert (
        "medrec: error: Dask: local:N needs a number of workers of at least 1; got 'local:0'" in capsys.readouterr().err
    )
    assert main(["fit", *words[1:5], "--out", str(tmp_path / "m"), "--dask", "nowhere"]) == 1
    assert "no Dask scheduler answers at 'nowhere'" in capsys.readouterr().err
    assert not (tmp_path / "m").exists()
