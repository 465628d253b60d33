"""Part gpu: the boosters on CPU and GPU, the device read back, the scores in agreement."""

import subprocess
import time
from pathlib import Path
from typing import Any

import numpy as np
from common import show, write_result
from recommenders_bins import dense
from scipy.special import expit

from medrec.metrics import overlap_counts
from medrec.recommenders import LightGBMBase, XGBoostBase
from medrec.recommenders.device import check_lightgbm_device, check_xgboost_device, cuda_devices

MEAN, F1 = 0.01, 0.01
"""How far probabilities may be apart on average, and micro-F1 on records not fitted: sums of floats differ in order."""


def run(smoke: bool, out: Path | None, jobs: int) -> None:
    if not cuda_devices():
        print(
            "\npart gpu: no NVIDIA GPU with its driver here, so nothing was run; benchmarks/run_gpu.sh runs it on one"
        )
        return
    n_records, n_features, n_labels = (600, 20, 3) if smoke else (100_000, 100, 30)
    X, Y = dense(2 * n_records, n_features, n_labels)
    X = X.astype(np.float32)
    rows = []
    for kind, check, options in (
        # All features for every tree: which ones a GPU draws is another matter.
        (XGBoostBase, check_xgboost_device, {"colsample_bytree": 1.0, "max_bin": 256}),
        (LightGBMBase, check_lightgbm_device, {"feature_fraction": 1.0, "max_bin": 255}),
    ):
        try:
            check("cuda")
        except (ValueError, ImportError) as error:
            print(f"{kind.__name__} left out: {error}")
            continue
        rows.append(compare(kind, options, X, Y, n_records, jobs, 10 if smoke else 100))
    gpu = _gpu()
    show(f"CPU ({jobs} thread(s)) and {gpu}: {n_records} x {n_features} x {n_labels}", rows)
    assert rows, "there is a GPU, and no booster could use it"
    write_result(out, "recommenders_gpu", gpu=gpu, smoke=smoke, jobs=jobs, rows=rows)


def compare(kind: Any, options: dict[str, Any], X: Any, Y: Any, n_train: int, jobs: int, rounds: int) -> dict[str, Any]:
    """One booster on both devices."""
    seconds, scores = {}, {}
    for device in ("cpu", "cuda"):
        base = kind(n_estimators=rounds, device=device, **options)
        if device == "cuda":  # the first use of a GPU sets it up
            kind(n_estimators=1, device=device, **options).fit_labels(X[:500], Y[:500, :1])
        start = time.perf_counter()
        base.fit_labels(X[:n_train], Y[:n_train], n_jobs=jobs)
        middle = time.perf_counter()
        scores[device] = base.decision_function(X[n_train:])
        seconds[device] = (middle - start, time.perf_counter() - middle)
        assert base.device_ == device, f"{kind.__name__}: asked for {device}, used {base.device_}"
    apart = float(np.abs(expit(scores["cpu"]) - expit(scores["cuda"])).mean())
    f1 = {device: overlap_counts(Y[n_train:], one > 0).f1("micro") for device, one in scores.items()}
    assert apart <= MEAN, f"{kind.__name__}: probabilities are {apart} apart on average"
    assert abs(f1["cpu"] - f1["cuda"]) <= F1, f"{kind.__name__}: micro-F1 {f1}"
    return {
        "model": kind.__name__,
        "fit s, CPU": seconds["cpu"][0],
        "fit s, GPU": seconds["cuda"][0],
        "ratio": seconds["cpu"][0] / seconds["cuda"][0],
        "predict s, CPU": seconds["cpu"][1],
        "predict s, GPU": seconds["cuda"][1],
        "micro F1, CPU": f1["cpu"],
        "micro F1, GPU": f1["cuda"],
        "mean distance": f"{apart:.1e}",
    }


def _gpu() -> str:
    query = ["nvidia-smi", "--query-gpu=name,driver_version,memory.total", "--format=csv,noheader"]
    try:
        return subprocess.run(query, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "a GPU that nvidia-smi does not name"
