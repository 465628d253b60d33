"""``medrec doctor``."""

import os
import platform
import shutil
import subprocess
from importlib import util
from typing import Any

from medrec._io import library_versions
from medrec._version import __version__

OPTIONAL = {
    "xgboost": ("boosting by XGBoost, on CPU or GPU", 'pip install "medrec[xgboost]"'),
    "cupy": ("metrics on a GPU", 'pip install "medrec[gpu]"'),
}
"""Optional packages: what each brings and how to get it."""


def run(parsed: Any) -> None:
    """Print what this machine can do, and the cure for what it cannot; broken parts give exit status 1."""
    print(f"medrec {__version__}, Python {platform.python_version()}, {platform.system()} {platform.machine()}")
    print(f"cores      {os.cpu_count()}")
    for name, version in library_versions().items():
        if name != "python":
            print(f"ok         {name} {version}")
    for name, (purpose, cure) in OPTIONAL.items():
        print(f"absent     {name}: {purpose} - {cure}" if util.find_spec(name) is None else f"ok         {name}")
    gpus = _gpus()
    print(f"ok         NVIDIA {gpus}" if gpus else "absent     NVIDIA GPU: everything runs on the CPU without one")
    failures = [
        name for name, works in (("segmentation", _segments), ("model files", _round_trip)) if not _check(name, works)
    ]
    if failures:
        raise OSError(f"{', '.join(failures)} did not work: pip install --force-reinstall medrec")


def _check(name: str, works: Any) -> bool:
    try:
        works()
    except Exception as error:  # whatever is broken is what doctor is to say
        print(f"broken     {name}: {type(error).__name__}: {error}")
        return False
    print(f"ok         {name}")
    return True


def _segments() -> None:
    from medrec.features.tokens import segment

    if segment("发热三天") != ["发热", "三天"]:
        raise RuntimeError(f"jieba cut 发热三天 into {segment('发热三天')}")


def _round_trip() -> None:
    import tempfile
    from pathlib import Path

    import numpy as np

    import medrec

    X, Y = np.eye(4)[[0, 1, 2, 3] * 5], np.array([[1, 0], [1, 1], [0, 1], [0, 1]] * 5)
    model = medrec.BinaryRelevanceRecommender().fit(X, Y)
    with tempfile.TemporaryDirectory() as folder:
        medrec.save(model, Path(folder) / "model")
        if not np.array_equal(medrec.load(Path(folder) / "model").predict_proba(X), model.predict_proba(X)):
            raise RuntimeError("a model did not come back as it was")


def _gpus() -> str:
    """Names of the GPUs that the driver lists, empty without any."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return ""
    try:
        asked = subprocess.run(
            [tool, "--query-gpu=name", "--format=csv,noheader"], capture_output=True, text=True, timeout=20
        )
    except (OSError, subprocess.TimeoutExpired):  # a tool without its driver
        return ""
    return ", ".join(asked.stdout.split("\n")).strip(", ") if asked.returncode == 0 else ""
