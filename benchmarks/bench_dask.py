"""A Dask cluster of processes: the numbers of one process, what it costs, and what a killed worker changes: nothing.

    python benchmarks/bench_dask.py [--workers N] [--only tasks boosters peers] [--smoke] [--out FOLDER]

Everything is done three times: in one process, on a cluster, and on a cluster of which one worker gets SIGKILL half way
through; what comes out is compared before times are printed.

1. Tasks (``joblib.parallel_config("dask")``): labels and folds of binary relevance on scikit-learn's trees, on linear
   models and on LightGBM, the chains of an ensemble, and the folds of cross-validation over generated records; beside
   them the least that a task costs.
2. Boosters on rows that lie with the workers (``fit_dask``): XGBoost and LightGBM, against the same booster in one
   process on all rows.
3. Peers, each in a process of its own that is stopped after a while: joblib's own Dask backend, ``xgboost.dask`` and
   ``lightgbm.dask`` on the same rows, without a kill and with one.

Seconds depend on the cores: with a core for each worker a cluster can win, on a busy machine it cannot. Ends with
status 1 where something differs that must not.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import threading
import time
from itertools import pairwise
from pathlib import Path

import joblib
import numpy as np
import scipy.sparse as sp
from common import show, write_result
from sklearn.base import clone
from sklearn.tree import DecisionTreeClassifier

from medrec import BinaryRelevanceRecommender, ChainRecommender
from medrec._dask import connected, spread
from medrec.datasets import load
from medrec.metrics import evaluate
from medrec.recommenders import EstimatorBase, LightGBMBase, LinearBase, XGBoostBase, fit_dask, make_recommender
from medrec.tuning import cross_decide

PARTS = ("tasks", "boosters", "peers")
PEERS = ("joblib's Dask backend", "medrec", "xgboost.dask", "lightgbm.dask")
STOP = 90.0
"""Seconds after which a peer counts as hanging."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--workers", type=int, default=2, help="processes of the cluster [%(default)s]")
    parser.add_argument("--smoke", action="store_true", help="small sizes and no peers, to see that it runs")
    parser.add_argument("--out", type=Path, help="folder for JSON")
    parser.add_argument("--peer", nargs=2, metavar=("NAME", "KILL"), help=argparse.SUPPRESS)
    parsed = parser.parse_args()
    if parsed.peer:
        print(json.dumps(peer(parsed.peer[0], parsed.peer[1] == "yes", parsed.workers)))
        return 0
    result = {}
    with connected(f"local:{parsed.workers}"):
        client = joblib.parallel.get_active_backend()[0].client
        if not parsed.smoke:
            client.run(import_all)
        if "tasks" in parsed.only:
            result["tasks"] = tasks(client, parsed.smoke)
            show(f"Tasks on {parsed.workers} worker processes", result["tasks"])
        if "boosters" in parsed.only:
            result["boosters"] = boosters(client, parsed.smoke)
            show(f"Boosters on the rows of {parsed.workers} worker processes", result["boosters"])
    if "peers" in parsed.only and not parsed.smoke:
        result["peers"] = peers(parsed.workers)
        show("Peers, one worker killed", result["peers"])
    busy = round(os.getloadavg()[0], 1)
    write_result(parsed.out, "dask", smoke=parsed.smoke, workers=parsed.workers, load_average=busy, **result)
    rows = [row for part in ("tasks", "boosters") for row in result.get(part, [])]
    wrong = [row["work"] for row in rows if "no" in (row["cluster equal"], row["killed equal"])]
    for work in wrong:
        print(f"WRONG: {work}: other numbers than in one process", file=sys.stderr)
    return 1 if wrong else 0


def import_all():
    """On a worker: what a first task would be charged for."""
    import lightgbm  # noqa: F401
    import xgboost  # noqa: F401

    import medrec.tuning  # noqa: F401


def nothing(at, X):
    """The least that a task can be."""


def problem(n_records, n_features=400, n_labels=16, per_record=30, seed=0):
    """Sparse counts, and sets that depend on them; the patient of each record."""
    rng = np.random.default_rng(seed)
    X = sp.random(n_records, n_features, per_record / n_features, "csr", random_state=seed)
    X.data = np.ceil(4 * X.data)
    margin = X @ rng.normal(size=(n_features, n_labels)) / np.sqrt(per_record)
    Y = margin + 2 * rng.normal(size=margin.shape) > np.linspace(2, 8, n_labels)
    return X, sp.csr_matrix(Y.astype(np.uint8)), rng.integers(0, n_records // 2, n_records)


def tasks(client, smoke):
    """Rows of the first part."""
    X, Y, groups = problem(600 if smoke else 2_000, n_labels=4 if smoke else 8)
    data = load("synthetic:records=10,seed=0" if smoke else "synthetic:records=120,seed=0")

    def scores_of(recommender):
        return lambda: clone(recommender).fit(X, Y, groups).predict_proba(X)

    def folds():
        return cross_decide(lambda: make_recommender("binary-relevance", schema=data.schema, cv=2), data, n_splits=4)[0]

    tree = EstimatorBase(DecisionTreeClassifier(max_depth=8, random_state=0))
    works = {"labels and folds, trees": scores_of(BinaryRelevanceRecommender(tree, cv=3))}
    if not smoke:
        works |= {
            "folds of cross-validation": folds,
            "labels and folds, linear": scores_of(BinaryRelevanceRecommender(LinearBase(C=3.0), cv=3)),
            "labels and folds, LightGBM": scores_of(BinaryRelevanceRecommender(LightGBMBase(), cv=3)),
            "4 chains, LightGBM": scores_of(ChainRecommender(LightGBMBase(n_estimators=25), cv=2, n_chains=4)),
        }
    rows = []
    for work, run in works.items():
        with joblib.parallel_config(backend="sequential"):
            one, seconds = timed(run)
        rows.append({"work": work, **compared(client, run, one, seconds, np.array_equal, smoke)})
    count = 20 if smoke else 200
    _, seconds = timed(lambda: spread(client, nothing, range(count), [X]))
    print(f"\nA task that does nothing: {1000 * seconds / count:.1f} ms ({count} tasks)")
    return rows


def boosters(client, smoke):
    """Rows of the second part."""
    import dask

    X, Y, groups = problem(1_000 if smoke else 10_000, n_labels=3 if smoke else 6, seed=1)
    edges = np.linspace(0, X.shape[0], 9).astype(int)
    blocks = [[dask.delayed(one[low:high]) for low, high in pairwise(edges)] for one in (X, Y, groups)]
    rows = []
    for name, base in {"XGBoost": XGBoostBase(), **({} if smoke else {"LightGBM": LightGBMBase()})}.items():
        base.set_params(n_estimators=5 if smoke else 20)
        recommender = BinaryRelevanceRecommender(base)
        fitted = []

        def run(recommender=recommender, fitted=fitted):
            fitted.append(fit_dask(recommender, *blocks, client=client))
            return fitted[-1].labels_.decision_function(X)

        held = held_out(groups, recommender.random_state)

        def alone(base=base, held=held):
            return clone(base).fit_labels(X[~held], Y[~held]).decision_function(X)

        one, seconds = timed(alone)
        exact = name == "XGBoost"
        row = compared(client, run, one, seconds, np.array_equal if exact else close, smoke)
        jaccards = [evaluate(Y, model.predict(X), n_resamples=0)["jaccard"] for model in fitted[-2:]]
        rows.append({"work": f"{name}, {X.shape[0]} rows × {Y.shape[1]} drugs", **row, "Jaccard": jaccards[0]})
        rows[-1]["Jaccard, killed"] = jaccards[1]
    return rows


def held_out(groups, seed):
    """The patients that ``fit_dask`` holds out."""
    from medrec.recommenders.dask_boosters import _read

    return _read(0, np.zeros((len(groups), 1)), np.zeros((len(groups), 1), np.uint8), groups, 0.1, seed).held


def close(found, expected):
    """Whether log-odds are as good as the same: LightGBM does not promise the same trees on several machines."""
    return bool(np.abs(found - expected).mean() < 0.02)


def compared(client, run, expected, seconds, equal, smoke):
    """What the cluster makes of it, undisturbed and with a worker killed half way through."""
    count = len(client.nthreads())
    whole, undisturbed = timed(run)
    killed, timer = kill_one(client, undisturbed / 3)
    broken, disturbed = timed(run)
    in_time = bool(killed)
    timer.join()
    if not smoke:
        while killed[0] in client.run(os.getpid, on_error="ignore").values():
            time.sleep(0.2)
        client.wait_for_workers(count, timeout=120)
        client.run(import_all, on_error="ignore")
    return {
        "one process s": round(seconds, 2),
        "cluster s": round(undisturbed, 2),
        "ratio": seconds / undisturbed,
        "one killed s": round(disturbed, 2),
        "cluster equal": "yes" if equal(whole, expected) else "no",
        "killed equal": ("yes" if equal(broken, expected) else "no") if in_time else "not killed",
        "largest difference": float(max(np.abs(whole - expected).max(), np.abs(broken - expected).max())),
    }


def kill_one(client, after):
    """Kill a worker ``after`` seconds; the list gets its number when that has happened."""
    processes = sorted(client.run(os.getpid).values())
    killed = []

    def kill():
        os.kill(processes[0], signal.SIGKILL)
        killed.append(processes[0])

    timer = threading.Timer(after, kill)
    timer.start()
    return killed, timer


def timed(run):
    start = time.perf_counter()
    found = run()
    return found, time.perf_counter() - start


# Peers: they may hang, so each runs in a process of its own ------------------------------------------------------


def peers(n_workers):
    rows = []
    for name in PEERS:
        row = {"peer": name}
        for kill in ("no", "yes"):
            command = [sys.executable, __file__, "--peer", name, kill, "--workers", str(n_workers)]
            with subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, start_new_session=True
            ) as process:
                try:
                    out, _ = process.communicate(timeout=STOP)
                    found = json.loads(out.splitlines()[-1]) if process.returncode == 0 else {"says": "failed"}
                except subprocess.TimeoutExpired:
                    os.killpg(process.pid, signal.SIGKILL)
                    found = {"says": f"hangs (stopped after {STOP:.0f} s)"}
            row["undisturbed" if kill == "no" else "one killed"] = found["says"]
        rows.append(row)
    return rows


def peer(name, kill, n_workers):
    """Work of some seconds in which a worker dies, by the means of a peer."""
    import dask.array as da
    from distributed import Client, LocalCluster

    X, Y, groups = problem(20_000, n_labels=8, seed=1)
    labels = range(Y.shape[1])
    with (
        LocalCluster(n_workers=n_workers, threads_per_worker=1, dashboard_address=":0", silence_logs=100) as cluster,
        Client(cluster) as client,
    ):
        client.run(import_all)
        dense = da.from_array(X.toarray(), chunks=(2_500, -1)).persist()
        target = da.from_array(Y.toarray(), chunks=(2_500, -1)).persist()

        def by_joblib():
            tasks = (joblib.delayed(fit_tree)(label, X, Y) for label in range(64))
            with joblib.parallel_config(backend="dask", client=client):
                return joblib.Parallel()(tasks)

        def by_xgboost():
            from xgboost.dask import DaskXGBClassifier

            for label in labels:
                DaskXGBClassifier(n_estimators=30, max_depth=4, max_bin=63).fit(dense, target[:, label])

        def by_lightgbm():
            from lightgbm import DaskLGBMClassifier

            for label in labels:
                DaskLGBMClassifier(n_estimators=30, num_leaves=7, verbosity=-1).fit(dense, target[:, label])

        def by_medrec():
            spread(client, fit_tree, range(64), [X, Y])
            base = XGBoostBase(n_estimators=30)
            rows = [da.from_array(groups, chunks=2_500)]
            fit_dask(BinaryRelevanceRecommender(base), dense, target, *rows, client=client)

        run = dict(zip(PEERS, (by_joblib, by_medrec, by_xgboost, by_lightgbm)))[name]
        if kill:
            kill_one(client, 4.0)
        try:
            _, seconds = timed(run)
            says = f"done in {seconds:.1f} s"
        except Exception as error:
            says = f"{type(error).__name__}: {' '.join(str(error).split())[:80]}"
    return {"says": says}


def fit_tree(label, X, Y):
    target = Y[:, [label % Y.shape[1]]].toarray().ravel()
    return DecisionTreeClassifier(max_depth=8, random_state=label).fit(X, target).tree_.node_count


if __name__ == "__main__":
    sys.exit(main())
