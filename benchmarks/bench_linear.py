"""Time the linear trainer against scikit-learn, LibMultiLabel and PECOS, the objective and F1 beside each time.

Run ``python benchmarks/bench_linear.py [--smoke] [--data DIR] [--threads 1] [--out FILE]``. Peers that are not
installed are named as missing (``pip install libmultilabel libpecos``). With ``--threads T`` the process is
pinned to T cores, so that every peer gets the same ones, and BLAS is limited to T threads
(scikit-learn's liblinear calls it). Fits of the small sets are repeated and the shortest time kept; ``ratio`` is
that of CPU seconds, which a busy machine disturbs least.

``gap`` is the largest relative distance of a label's objective from its optimum (a fit at ``tol=1e-10``), for
rows that minimise the same objective; PECOS drops coefficients below 0.1 unless told not to, and here it is.
The set ``generated`` is TF-IDF-like: word frequencies by Zipf's law, rows of unit length, labels from frequent to
very rare, each a noisy linear function of 30 words.
"""

import argparse
import json
import os
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp
from common import DATA, machine
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.multiclass import OneVsRestClassifier
from sklearn.preprocessing import normalize
from sklearn.svm import LinearSVC
from threadpoolctl import threadpool_limits

from medrec.kernels.linear import fit_linear

PACKAGES = ("numpy", "scipy", "scikit-learn", "numba", "libmultilabel", "liblinear-multicore", "libpecos")
Weights = tuple[np.ndarray, np.ndarray]  # coefficients (n_labels, n_features), intercepts (n_labels,)


def mulan(folder: Path, name: str, part: str) -> tuple[sp.csr_matrix, sp.csr_matrix]:
    """X and Y of one part of a Mulan set."""
    from medrec.datasets.arff import read_arff

    dataset = read_arff(folder / name / f"{name}-{part}.arff.gz")
    return sp.csr_matrix(dataset.records.to_numpy(dtype=np.float64)), sp.csr_matrix(dataset.Y)


def generated(n: int, d: int, n_labels: int, *, words: int = 100, seed: int = 0) -> tuple[Any, Any, Any, Any]:
    """A train and a test part of ``n`` records each."""
    rng = np.random.default_rng(seed)
    rank = rng.permutation(d)
    draws = rank[np.minimum((d ** rng.random(2 * n * words)).astype(int), d - 1)]
    X = sp.csr_matrix((np.ones(draws.size), (np.repeat(np.arange(2 * n), words), draws)), shape=(2 * n, d))
    frequency = np.asarray((X > 0).sum(axis=0)).ravel()
    X.data = np.log1p(X.data)
    X = normalize(X.multiply(np.log(2 * n / (1 + frequency)) + 1).tocsr())
    columns = np.argsort(-frequency)[np.minimum((3000 ** rng.random((n_labels, 30))).astype(int), d - 1)]
    truth = sp.csr_matrix(
        (rng.normal(size=columns.size), (columns.ravel(), np.repeat(np.arange(n_labels), 30))),
        shape=(d, n_labels),
    )
    scores = (X @ truth).toarray()
    scores += 0.3 * scores.std(axis=0) * rng.normal(size=scores.shape)
    shares = np.geomspace(0.3, 3 / n, n_labels)
    Y = np.column_stack([scores[:, k] > np.quantile(scores[:, k], 1 - shares[k]) for k in range(n_labels)])
    return X[:n], sp.csr_matrix(Y[:n].astype(np.uint8)), X[n:], sp.csr_matrix(Y[n:].astype(np.uint8))


def peers(loss: str, C: float, threads: int) -> dict[str, Callable[[Any, Any], Weights]]:
    """Name to a function that fits and returns weights; ours first."""

    def ours(X: Any, Y: Any) -> Weights:
        fit = fit_linear(X, Y, loss=loss, C=C, n_threads=threads)
        return fit.coef, fit.intercept

    def scikit(X: Any, Y: Any) -> Weights:
        base = LogisticRegression(solver="liblinear", C=C) if loss == "logistic" else LinearSVC(C=C)
        model = OneVsRestClassifier(base, n_jobs=threads).fit(X, Y)
        coef, intercept = np.zeros((Y.shape[1], X.shape[1])), np.zeros(Y.shape[1])
        for label, estimator in enumerate(model.estimators_):
            if hasattr(estimator, "coef_"):
                coef[label], intercept[label] = estimator.coef_[0], estimator.intercept_[0]
            else:
                intercept[label] = 1.0 if estimator.y_[0] else -1.0
        return coef, intercept

    def libmultilabel(solver: int) -> Callable[[Any, Any], Weights]:
        def fit(X: Any, Y: Any) -> Weights:
            from libmultilabel.linear import train_1vsrest

            model = train_1vsrest(sp.csr_matrix(Y), X, options=f"-s {solver} -c {C} -B 1 -q", verbose=False)
            weights = np.asarray(model.weights)
            return weights[:-1].T, weights[-1]

        return fit

    def pecos(X: Any, Y: Any) -> Weights:
        from pecos.xmc.base import MLModel, MLProblem

        problem = MLProblem(X.astype(np.float32), sp.csc_matrix(Y, dtype=np.float32))
        train = MLModel.TrainParams(threshold=0.0, Cp=C, Cn=C, threads=threads)
        weights = MLModel.train(problem, train_params=train).W.toarray()
        return weights[:-1].T, weights[-1]

    named: dict[str, Callable[[Any, Any], Weights]] = {"medrec": ours, "scikit-learn OvR": scikit}
    solvers = {"primal": 0, "dual": 7} if loss == "logistic" else {"primal": 2, "dual": 1}
    for kind, solver in solvers.items():
        named[f"LibMultiLabel 1vsrest, {kind} (-s {solver})"] = libmultilabel(solver)
    if loss == "squared_hinge":
        named["PECOS MLModel"] = pecos
    return named


def objectives(X: Any, Y: Any, weights: Weights, *, loss: str, C: float) -> np.ndarray:
    """The objective of every label, written down plainly."""
    coef, intercept = weights
    margins = (2.0 * Y.toarray() - 1.0) * (X @ coef.T + intercept)
    losses = np.logaddexp(0.0, -margins) if loss == "logistic" else np.maximum(0.0, 1.0 - margins) ** 2
    return 0.5 * (coef**2).sum(axis=1) + 0.5 * intercept**2 + C * losses.sum(axis=0)


def compare(name: str, parts: tuple[Any, Any, Any, Any], *, loss: str, C: float, threads: int, repeats: int) -> list:
    X, Y, X_test, Y_test = parts
    Y_signed = Y.astype(np.int64)  # uint8 goes wrong unseen in LibMultiLabel, and in scikit-learn from 256 labels on
    counts = np.asarray(Y.sum(axis=0)).ravel()
    learnable = (counts > 0) & (counts < Y.shape[0])
    best = fit_linear(X, Y, loss=loss, C=C, tol=1e-10)
    optimum = objectives(X, Y, (best.coef, best.intercept), loss=loss, C=C)
    size = f"{X.shape[0]} x {X.shape[1]} x {Y.shape[1]}, {X.nnz / X.shape[0]:.0f} entries a row"
    print(f"\n{name}: {size}, {loss}, C={C:g}")
    print(f"{'':36}{'seconds':>9}{'CPU':>9}{'ratio':>7}{'gap':>10}{'micro-F1':>10}")
    rows: list[dict[str, Any]] = []
    for peer, fit in peers(loss, C, threads).items():
        times = []
        try:
            for _ in range(repeats):
                start, busy = time.perf_counter(), time.process_time()
                with warnings.catch_warnings(), threadpool_limits(threads):
                    warnings.simplefilter("ignore")
                    weights = fit(X, Y_signed)
                times.append((time.perf_counter() - start, time.process_time() - busy))
        except ImportError as error:
            print(f"{peer:36} missing: {error}")
            continue
        gap = (objectives(X, Y, weights, loss=loss, C=C) / optimum - 1.0)[learnable].max()
        found = (X_test @ weights[0].T + weights[1] > 0).astype(int)
        row = {
            "data": name, "loss": loss, "C": C, "peer": peer,
            "seconds": min(times)[0], "cpu": min(cpu for _, cpu in times), "gap": float(gap),
            "micro_f1": float(f1_score(Y_test, sp.csr_matrix(found), average="micro")),
        }  # fmt: skip
        rows.append(row)
        ratio = row["cpu"] / rows[0]["cpu"]
        print(f"{peer:36}{row['seconds']:9.3f}{row['cpu']:9.3f}{ratio:7.1f}{gap:10.1e}{row['micro_f1']:10.4f}")
    check(rows)
    return rows


def check(rows: list[dict[str, Any]]) -> None:
    """Ours is optimal within its tolerance, and decides as scikit-learn does."""
    ours, scikit = rows[0], rows[1]
    assert ours["gap"] <= 1e-4, ours
    assert abs(ours["micro_f1"] - scikit["micro_f1"]) <= 0.003, (ours, scikit)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DATA, help="folder that holds mulan/")
    parser.add_argument("--threads", type=int, default=1, help="cores that everyone may use")
    parser.add_argument("--smoke", action="store_true", help="small sets, one repeat")
    parser.add_argument("--out", type=Path, help="write the rows as JSON")
    options = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: options.threads])
    start = time.perf_counter()
    fit_linear(np.eye(2), np.eye(2))
    compiling = time.perf_counter() - start
    facts = {**machine(PACKAGES), "threads": options.threads}
    print(f"{facts['machine']}, {options.threads} thread(s); compiled or loaded from cache in {compiling:.1f} s")
    sets = {"generated": generated(*((300, 1000, 20) if options.smoke else (5000, 20000, 300)))}
    folder = Path(options.data) / "mulan"
    for name in ("medical",) if options.smoke else ("medical", "enron"):
        if (folder / name).exists():
            sets[name] = (*mulan(folder, name, "train"), *mulan(folder, name, "test"))
        else:
            print(f"{name}: missing, no {folder / name}")
    rows = []
    for name, parts in sets.items():
        for loss, C in (("logistic", 10.0), ("logistic", 1.0), ("squared_hinge", 1.0)):
            repeats = 1 if options.smoke or name == "generated" else 3
            rows += compare(name, parts, loss=loss, C=C, threads=options.threads, repeats=repeats)
    if options.out:
        options.out.write_text(json.dumps({**facts, "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
