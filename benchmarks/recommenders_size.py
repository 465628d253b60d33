"""Part size: 651 labels and 3,600 generated records within limits of time and memory, a process for each model."""

import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from common import Cells, peak_memory, show
from recommenders_models import models, vectorizer

from medrec.datasets import load
from medrec.metrics import overlap_counts

SCRIPT = Path(__file__).with_name("bench_recommenders.py")
TRAIN, TEST = 3600, 1722
FIT_SECONDS, PREDICT_SECONDS, PEAK_GIB = 300.0, 10.0, 4.0
"""The limits on two cores, features included."""
CORES = 2
MODELS = (
    "prior",
    "binary relevance, logistic",
    "binary relevance, svm",
    "binary relevance, lightgbm-fast",
    "binary relevance, xgboost-fast",
    "chain, logistic",
    "chain on true labels, logistic",
    "chain, lightgbm-fast",
    "stacked binary relevance, logistic",
    "neighbors",
)
"""Every model; boosters by their fast presets, which are for hundreds of labels."""


def cell(model: str, jobs: int, train: int = TRAIN, test: int = TEST) -> dict[str, Any]:
    """Fit and predict in this process."""
    data = load(f"synthetic:records={train + test},seed=0")
    first, last = data.subset(np.arange(train)), data.subset(np.arange(train, train + test))
    features, recommender = vectorizer(data.schema, model), models(jobs=jobs)[model]()
    times = [time.perf_counter()]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        X = features.fit_transform(first.records)
        times.append(time.perf_counter())
        options = {} if hasattr(recommender, "recommender") else {"groups": first.groups}
        recommender.fit(X, first.Y, **options)
        times.append(time.perf_counter())
        X_test = features.transform(last.records)
        times.append(time.perf_counter())
        sets = recommender.predict(X_test)
        times.append(time.perf_counter())
    steps = np.diff(times)
    return {
        "features": int(X.shape[1]),
        "labels": int(first.Y.shape[1]),
        "fit_features_seconds": steps[0],
        "fit_seconds": steps[1],
        "predict_features_seconds": steps[2],
        "predict_seconds": steps[3],
        "peak_gib": peak_memory(),
        "jaccard": overlap_counts(last.Y, sets).jaccard(),
    }


def run(smoke: bool, out: Path | None, *, wanted: list[str] | None, timeout: float, again: bool = False) -> None:
    if smoke:
        one = cell("prior", 1, 60, 20)
        print(f"\nsize: prior on 60 generated records, Jaccard {one['jaccard']:.3f}")
        return
    held = Cells(
        SCRIPT,
        None if out is None else out / "recommenders_size.json",
        jobs=CORES,
        timeout=timeout,
        again=again,
        says=lambda one: f"{one['fit_seconds']:.1f} s",
        train=TRAIN,
        test=TEST,
        cores=CORES,
    )
    for model in wanted or MODELS:
        held.get(model, ["size", model])
    cells = held.found
    rows = []
    for model, one in cells.items():
        if "error" in one:
            print(f"{model}: {one['error']}")
            continue
        fit = one["fit_features_seconds"] + one["fit_seconds"]
        predict = one["predict_features_seconds"] + one["predict_seconds"]
        rows.append(
            {
                "model": model,
                "columns": one["features"],
                "Jaccard": one["jaccard"],
                "fit s": f"{one['fit_seconds']:.1f}",
                "with features": f"{fit:.1f}",
                "predict s": f"{one['predict_seconds']:.2f}",
                "with features ": f"{predict:.2f}",
                "peak GiB": f"{one['peak_gib']:.2f}",
                "met": bool(fit <= FIT_SECONDS and predict <= PREDICT_SECONDS and one["peak_gib"] <= PEAK_GIB),
            }
        )
    show(
        f"{TRAIN} generated records x 651 labels, {CORES} cores; limits: fit {FIT_SECONDS:.0f} s, "
        f"{TEST} records predicted in {PREDICT_SECONDS:.0f} s, {PEAK_GIB:.0f} GiB",
        rows,
    )
