"""Part shared-bins: one binned data set for all labels, against one for each label as scikit-learn's wrappers make."""

import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp
from bench_linear import generated
from common import show, write_result
from scipy.special import expit
from sklearn.multioutput import ClassifierChain, MultiOutputClassifier

from medrec import ChainRecommender
from medrec.recommenders import LightGBMBase, XGBoostBase

ROUNDS = 10
TARGETS = {"sparse": 1.2, "dense": 2.5, "chain": 1.25}
"""How many times as fast ours should be."""


def dense(n: int, d: int, n_labels: int, seed: int = 0) -> tuple[np.ndarray, sp.csr_matrix]:
    """Normal features; labels are noisy linear functions of ten of them, from frequent to rare."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d))
    weights = rng.normal(size=(d, n_labels)) * (rng.random((d, n_labels)) < 10 / d)
    scores = X @ weights + rng.normal(size=(n, n_labels))
    shares = np.geomspace(0.3, max(20 / n, 0.01), n_labels)
    return X, sp.csr_matrix((scores > [np.quantile(one, 1 - s) for one, s in zip(scores.T, shares)]).astype(np.uint8))


def linked(Y: sp.csr_matrix, share: float = 0.3, seed: int = 0) -> sp.csr_matrix:
    """The labels, each a copy of the one before it in a share of the records, so that a chain has links to learn."""
    rng = np.random.default_rng(seed)
    sets = Y.toarray()
    for label in range(1, sets.shape[1]):
        sets[:, label] = np.where(rng.random(len(sets)) < share, sets[:, label - 1], sets[:, label])
    return sp.csr_matrix(sets)


def lightgbm_pair() -> tuple[Any, Any]:
    """Our base on all columns, and LightGBM's scikit-learn classifier with the same parameters."""
    from lightgbm import LGBMClassifier

    base = LightGBMBase(n_estimators=ROUNDS, max_columns=None)
    names = ("n_estimators", "learning_rate", "num_leaves", "min_child_samples", "reg_lambda", "max_bin")
    alone = LGBMClassifier(
        **{name: getattr(base, name) for name in (*names, "random_state")}, colsample_bytree=base.feature_fraction,
        n_jobs=1, deterministic=True, force_row_wise=True, verbosity=-1,
    )  # fmt: skip
    return base, alone


def xgboost_pair() -> tuple[Any, Any]:
    """Our base on all columns, and XGBoost's scikit-learn classifier with the same parameters."""
    from xgboost import XGBClassifier

    base = XGBoostBase(n_estimators=ROUNDS, max_columns=None)
    names = ("n_estimators", "learning_rate", "max_depth", "min_child_weight", "reg_lambda", "max_bin")
    alone = XGBClassifier(
        **{name: getattr(base, name) for name in (*names, "colsample_bytree", "random_state")},
        base_score=0.5, tree_method="hist", n_jobs=1,
    )  # fmt: skip
    return base, alone


def margins(model: Any, X: Any) -> np.ndarray:
    """Log-odds of LightGBM's or XGBoost's scikit-learn classifier, (n_records,)."""
    if type(model).__name__ == "LGBMClassifier":
        return model.predict(X, raw_score=True)
    return model.predict(X, output_margin=True)


def timed(work: Callable[[], Any], repeats: int) -> tuple[float, Any]:
    """The fewest CPU seconds, which other work on the machine disturbs least, and the last result."""
    times = []
    for _ in range(repeats):
        start = time.process_time()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            result = work()
        times.append(time.process_time() - start)
    return min(times), result


def relevance(kind: str, X: Any, Y: sp.csr_matrix, pair: Callable[[], tuple[Any, Any]], repeats: int) -> dict[str, Any]:
    """``fit_labels`` against ``MultiOutputClassifier``, the scores equal bit for bit."""
    base, alone = pair()
    ours, fitted = timed(lambda: base.fit_labels(X, Y, n_jobs=1), repeats)
    theirs, wrapper = timed(lambda: MultiOutputClassifier(alone).fit(X, Y.toarray()), repeats)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = np.stack([margins(one, X) for one in wrapper.estimators_], axis=1)
    found = fitted.decision_function(X)
    difference = float(np.abs(found - expected).max())
    assert difference == 0.0, f"{type(base).__name__}, {kind}: scores differ by {difference}"
    return row(kind, type(base).__name__, "MultiOutputClassifier", X, Y, ours, theirs, "bit for bit", TARGETS[kind])


def chain(kind: str, X: Any, Y: sp.csr_matrix, pair: Callable[[], tuple[Any, Any]], repeats: int) -> dict[str, Any]:
    """``ChainRecommender(cv=None)`` against ``ClassifierChain``, both trained on the true labels."""
    base, alone = pair()
    recommender = ChainRecommender(base, cv=None, min_link=0.0, n_jobs=1)
    ours, fitted = timed(lambda: recommender.fit(X, Y), repeats)
    found = fitted.predict_proba(X)
    order = [int(label) for label in np.argsort(-np.bincount(Y.indices, minlength=Y.shape[1]), kind="stable")]
    theirs, wrapper = timed(lambda: ClassifierChain(alone, order=order).fit(X, Y.toarray()), repeats)
    expected = chain_probabilities(wrapper, X)
    difference = float(np.abs(found - expected).max())
    assert difference < 1e-6, f"chain of {type(base).__name__}, {kind}: probabilities differ by {difference}"
    return row(kind, f"chain of {type(base).__name__}", "ClassifierChain", X, Y, ours, theirs, f"to {difference:.0e}",
               TARGETS["chain"])  # fmt: skip


def chain_probabilities(wrapper: ClassifierChain, X: Any) -> np.ndarray:
    """Probabilities in label order where each link sees the 0/1 predictions of those before it, the default."""
    found = np.zeros((X.shape[0], len(wrapper.order_)))
    seen: list[np.ndarray] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for label, link in zip(wrapper.order_, wrapper.estimators_):
            columns = np.reshape(seen, (len(seen), X.shape[0])).T
            features = sp.hstack([X, columns], format="csr") if sp.issparse(X) else np.hstack([X, columns])
            found[:, label] = expit(margins(link, features))
            seen.append(link.predict(features))
    return found


def row(
    kind: str, ours_is: str, theirs_is: str, X: Any, Y: Any, ours: float, theirs: float, equal: str, target: float
) -> dict[str, Any]:
    return {
        "features": kind,
        "size": f"{X.shape[0]} x {X.shape[1]} x {Y.shape[1]}",
        "ours": ours_is,
        "against": theirs_is,
        "equal": equal,
        "our CPU seconds": ours,
        "their CPU seconds": theirs,
        "ratio": theirs / ours,
        "target": target,
        "met": theirs / ours >= target,
    }


def run(smoke: bool, out: Path | None) -> None:
    sizes = {"sparse": (300, 1000, 4), "dense": (400, 20, 4)}
    if not smoke:
        sizes = {"sparse": (4000, 20000, 30), "dense": (20000, 100, 30)}
    rows = []
    for kind, size in sizes.items():
        X, Y = dense(*size) if kind == "dense" else generated(*size)[:2]
        Y = linked(Y)
        for pair in (lightgbm_pair, xgboost_pair):
            try:
                pair()
            except ImportError as error:
                print(f"left out: {error}")
                continue
            for work in (relevance, chain):
                # The shorter of two times counts, but not of the sparse ones, which take minutes.
                rows.append(work(kind, X, Y, pair, 1 if smoke or kind == "sparse" else 2))
                print(", ".join(f"{key} {value}" for key, value in rows[-1].items()), flush=True)
                write_result(out, "recommenders_shared_bins", smoke=smoke, rounds=ROUNDS, rows=rows)
    show(f"Shared bins, {ROUNDS} rounds, one thread", rows)
