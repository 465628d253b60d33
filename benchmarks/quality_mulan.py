"""Part mulan: official splits, ours and the peers in the same run, paired differences."""

import random
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import scipy.sparse as sp
from quality_peers import peers
from quality_run import DASH, Outcome, Run, Scored, Timer, row
from recommenders_models import DENSE_SETS, SPARSE_SETS, models, splits

from medrec.recommenders import StackedRecommender

SETS = (*SPARSE_SETS, "yeast", *(name for name in DENSE_SETS if name != "yeast"))
OURS = (
    "binary relevance, logistic",
    "binary relevance, svm",
    "binary relevance, lightgbm",
    "chain, logistic",
    "chain, lightgbm",
)
STACKED = "stacked"
FIGURES = ("Jaccard", "F1", "micro F1")
GAIN, GAIN_SETS = 0.01, 3
"""How much the stacked recommender should gain over our binary relevance and chain, and on how many sets."""


def ours(jobs: int, smoke: bool) -> dict[str, Callable[[], Any]]:
    """Our models by name."""
    made = models(jobs=jobs, smoke=smoke)
    bases = ("logistic", "neighbors") if smoke else None
    stacked = {STACKED: lambda: StackedRecommender(**({} if bases is None else {"bases": bases}), n_jobs=jobs)}
    return {name: made[name] for name in (OURS[:1] if smoke else OURS)} | stacked


def cell(words: Sequence[str], jobs: int, smoke: bool) -> Outcome:
    name, model = words
    X, Y, _, X_test, Y_test = toy() if smoke else splits(name, model)[0]
    timer = Timer()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if model in (found := ours(jobs, smoke)):
            fitted = found[model]().fit(X, Y)
            timer.stop("fit")
            sets, scores = sp.csr_matrix(fitted.predict(X_test)), fitted.predict_proba(X_test)
        else:
            random.seed(0)
            sets, scores = peers(smoke=smoke)[model](X, sp.csr_matrix(Y), X_test), None
            timer.stop("fit")
        timer.stop("predict")
    return Outcome(timer.figures, {"": Scored.of(Y_test, sets, scores)})


def toy() -> tuple[Any, ...]:
    """A few generated records."""
    rng = np.random.default_rng(0)
    X = sp.csr_matrix(rng.random((80, 30)) * (rng.random((80, 30)) < 0.3))
    Y = sp.csr_matrix((X[:, :5].toarray() + 0.3 * rng.random((80, 5)) > 0.35).astype(np.uint8))
    return X[:60], Y[:60], None, X[60:], Y[60:]


def run(run: Run, jobs: int) -> None:
    names = ("toy",) if run.smoke else SETS
    ahead = []
    summary = []
    for name in names:
        mine, theirs = list(ours(jobs, run.smoke)), list(peers(smoke=run.smoke))
        cells = {model: run.get("mulan", name, model) for model in [*theirs, *mine]}
        scored = {model: run.scored("mulan", name, model) for model in cells}
        rows = [row(model, scored[model], cells[model], FIGURES) for model in cells]
        run.show(f"{name}: official split, peers as their users run them (fit includes prediction for peers)", rows)
        best = {
            side: max(
                (m for m in models if scored[m] is not None), key=lambda m: scored[m].mean("Jaccard"), default=None
            )
            for side, models in (("peer", theirs), ("base", [m for m in mine if m != STACKED]))
        }
        stacked = scored[STACKED]
        line = {"set": name, "stacked": DASH if stacked is None else stacked.mean("Jaccard")}
        for side, title in (("peer", "best peer"), ("base", "best binary relevance or chain")):
            other = None if best[side] is None else scored[best[side]]
            line |= {
                title: best[side] or DASH,
                f"its Jaccard ({side})": DASH if other is None else other.mean("Jaccard"),
            }
            if stacked is None or other is None:
                line[f"stacked minus {side}"] = DASH
                run.target(f"mulan, {name}: stacked minus best {side}, Jaccard", None, 0.0)
                continue
            difference, line[f"stacked minus {side}"] = stacked.minus(other)
            if side == "peer":
                run.target(f"mulan, {name}: stacked minus best peer, Jaccard", difference, 0.0)
            else:
                ahead.append(difference >= GAIN)
        summary.append(line)
    run.show(
        "Samples Jaccard of the stacked recommender against the best of each side, chosen on the test part", summary
    )
    run.say(
        "\nThe best peer and the best of ours are the best on the test part, which favours them. Differences are "
        "paired, with 95 % bootstrap intervals over records."
    )
    run.target(
        f"mulan: sets where stacked gains {GAIN} over our binary relevance and chain",
        float(sum(ahead)) if len(ahead) == len(SETS) or ahead else None,
        float(GAIN_SETS),
    )
