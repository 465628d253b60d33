"""Whether a device that was asked for is there, found out before a library is touched."""

import ctypes
import subprocess
import sys
from functools import lru_cache

_PROBE = """
import numpy, lightgbm
X, y = numpy.random.default_rng(0).normal(size=(64, 4)), numpy.arange(64) % 2
params = {{"objective": "binary", "device_type": "{kind}", "verbosity": -1, "min_data_in_leaf": 2}}
lightgbm.train(params, lightgbm.Dataset(X, y, params={{"verbosity": -1}}), 1)
"""


def cuda_devices() -> int:
    """Number of NVIDIA GPUs that the driver offers; 0 without a driver."""
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return 0
    count = ctypes.c_int(0)
    if driver.cuInit(0) != 0 or driver.cuDeviceGetCount(ctypes.byref(count)) != 0:
        return 0
    return count.value


def check_xgboost_device(device: str) -> str:
    """``device`` itself where XGBoost can use it.

    Raises
    ------
    ValueError
        When the device is unknown, there is no GPU, or this build of XGBoost has no CUDA.
    """
    if device == "cpu":
        return device
    if device != "cuda":
        raise ValueError(f"XGBoostBase: device must be 'cpu' or 'cuda'; got {device!r}.")
    if not cuda_devices():
        raise ValueError(
            "XGBoostBase: device='cuda' needs an NVIDIA GPU with its driver, and none was found. "
            "Pass device='cpu'; 'medrec doctor' says what this machine has."
        )
    import xgboost

    if not xgboost.build_info().get("USE_CUDA"):
        raise ValueError(
            "XGBoostBase: this XGBoost is built without CUDA. pip install \"medrec[gpu]\", or device='cpu'."
        )
    return device


def check_lightgbm_device(device: str) -> str:
    """``device`` itself where LightGBM can use it.

    A LightGBM built for CUDA ends the process where there is no driver, so it is tried in a process of its own.

    Raises
    ------
    ValueError
        When the device is unknown, there is no GPU, or this build of LightGBM cannot use it.
    """
    if device == "cpu":
        return device
    if device not in ("cuda", "opencl"):
        raise ValueError(f"LightGBMBase: device must be 'cpu', 'cuda' or 'opencl'; got {device!r}.")
    if device == "cuda" and not cuda_devices():
        raise ValueError(
            "LightGBMBase: device='cuda' needs an NVIDIA GPU with its driver, and none was found. "
            "Pass device='cpu'; 'medrec doctor' says what this machine has."
        )
    problem = _probe_lightgbm("gpu" if device == "opencl" else device)
    if problem:
        raise ValueError(
            f"LightGBMBase: this LightGBM cannot use device={device!r} ({problem}). Install a build that can, "
            f"or pass device='cpu'."
        )
    return device


@lru_cache
def _probe_lightgbm(kind: str) -> str:
    """What went wrong when a process of its own trained one tree there; empty when nothing did."""
    done = subprocess.run([sys.executable, "-c", _PROBE.format(kind=kind)], capture_output=True, text=True, timeout=300)
    if done.returncode == 0:
        return ""
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    return lines[-1] if lines else f"its process ended with {done.returncode}"
