"""Devices that are not there, and those that are."""

import os
import subprocess
import sys
from importlib import metadata

import numpy as np
import pytest
import scipy.sparse as sp

from medrec.recommenders import LightGBMBase, XGBoostBase, device, make_base

xgboost = pytest.importorskip("xgboost", reason='needs xgboost: pip install "medrec[xgboost]"')


def problem(n_labels=4):
    X = sp.random(200, 40, 0.3, format="csr", dtype=np.float32, random_state=0)
    Y = sp.csr_matrix((np.random.default_rng(1).random((200, n_labels)) < 0.3).astype(np.uint8))
    return X, Y


@pytest.mark.parametrize(("base", "who"), [(XGBoostBase, "XGBoostBase"), (LightGBMBase, "LightGBMBase")])
def test_absent_gpu_is_an_error_with_its_cure(base, who, monkeypatch):
    monkeypatch.setattr(device, "cuda_devices", lambda: 0)
    with pytest.raises(ValueError, match=f"{who}: device='cuda' needs an NVIDIA GPU.*device='cpu'"):
        base(device="cuda").fit_labels(*problem())
    with pytest.raises(ValueError, match=f"{who}: device must be"):
        base(device="tpu").fit_labels(*problem())


def test_build_without_the_device_is_an_error(monkeypatch):
    monkeypatch.setattr(device, "cuda_devices", lambda: 1)
    if not xgboost.build_info().get("USE_CUDA"):
        with pytest.raises(ValueError, match="built without CUDA"):
            XGBoostBase(device="cuda").fit_labels(*problem())
    if device._probe_lightgbm("cuda"):
        with pytest.raises(ValueError, match="cannot use device='cuda'"):
            LightGBMBase(device="cuda").fit_labels(*problem())


def test_linear_bases_run_on_the_cpu():
    with pytest.raises(ValueError, match="device='cuda' is for lightgbm, lightgbm-fast, xgboost, xgboost-fast"):
        make_base("logistic", device="cuda")


LOGGED = """
import lightgbm
train = lightgbm.train
lightgbm.train = lambda params, *args, **options: train({**params, "verbosity": 1}, *args, **options)
"""
"""LightGBM says on which device it trains, where it is not told to be quiet."""
ON_OPENCL = """
import numpy as np
import scipy.sparse as sp
from medrec import BinaryRelevanceRecommender
from medrec.recommenders import LightGBMBase

X = sp.random(300, 20, 0.4, format="csr", random_state=0)
Y = sp.csr_matrix((X[:, :3].toarray() > 0.3).astype(np.uint8))
scores = {}
for device in ("cpu", "opencl"):
    base = LightGBMBase(n_estimators=10, feature_fraction=1.0, device=device).fit_labels(X, Y)
    scores[base.device_] = base.decision_function(X)
assert list(scores) == ["cpu", "opencl"], list(scores)
print("furthest:", np.abs(scores["cpu"] - scores["opencl"]).max())
model = BinaryRelevanceRecommender(LightGBMBase(n_estimators=3, device="opencl"), cv=2, n_jobs=2).fit(X, Y)
print("sets:", model.predict(X).shape)
"""


def test_lightgbm_trains_by_opencl():
    try:
        files = metadata.files("pocl-binary-distribution") or []
    except metadata.PackageNotFoundError:
        pytest.skip("needs an OpenCL driver for the CPU: pip install pocl-binary-distribution")
    driver = next(str(file.locate()) for file in files if file.name.startswith("libpocl"))
    code = LOGGED + ON_OPENCL
    environment = os.environ | {"OCL_ICD_FILENAMES": driver, "POCL_CACHE_DIR": os.environ.get("TMPDIR", "/tmp")}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300, env=environment)
    assert done.returncode == 0, done.stderr
    assert "Using GPU Device: pthread" in done.stdout
    assert " dense feature groups" in done.stdout
    assert " 0 sparse feature groups" in done.stdout
    assert float(done.stdout.split("furthest: ")[1].split()[0]) < 1e-4
    assert "sets: (300, 3)" in done.stdout


# All columns for every tree, since a GPU draws others; so many records that no two splits are equally good.
@pytest.mark.gpu
@pytest.mark.parametrize(
    ("base", "check", "options"),
    [
        (XGBoostBase, device.check_xgboost_device, {"colsample_bytree": 1.0, "max_bin": 256}),
        (LightGBMBase, device.check_lightgbm_device, {"feature_fraction": 1.0, "max_bin": 255}),
    ],
)
def test_gpu_scores_agree_with_cpu(base, check, options):
    try:
        check("cuda")
    except ValueError as error:
        pytest.skip(f"needs an NVIDIA GPU and a build for it: {error}")
    rng = np.random.default_rng(0)
    X = rng.normal(size=(20_000, 10)).astype(np.float32)
    Y = (X[:, :3] + rng.normal(size=(20_000, 3)) > 0.5).astype(np.uint8)
    cpu, gpu = (base(n_estimators=10, device=kind, **options).fit_labels(X, Y) for kind in ("cpu", "cuda"))
    assert gpu.device_ == "cuda"
    assert np.abs(cpu.decision_function(X) - gpu.decision_function(X)).mean() < 0.01
