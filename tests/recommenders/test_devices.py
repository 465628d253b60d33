"""Devices that are not there, and boosters against the library called label by label."""

import lightgbm
import numpy as np
import pytest
import scipy.sparse as sp

from medrec.recommenders import LightGBMBase, XGBoostBase, device, make_base

xgboost = pytest.importorskip("xgboost", reason='needs xgboost: pip install "medrec[xgboost]"')


def problem(dense=False, n_labels=4):
    X = sp.random(200, 40, 0.3, format="csr", dtype=np.float32, random_state=0)
    Y = sp.csr_matrix((np.random.default_rng(1).random((200, n_labels)) < 0.3).astype(np.uint8))
    return (X.toarray() if dense else X), Y


@pytest.mark.parametrize("dense", [False, True])
def test_shared_bins_give_xgboosts_own_trees(dense):
    X, Y = problem(dense)
    base = XGBoostBase(n_estimators=5).fit_labels(X, Y)
    scores = base.decision_function(X)
    for label in range(Y.shape[1]):
        data = xgboost.QuantileDMatrix(X, label=Y[:, [label]].toarray().ravel(), max_bin=63)
        params = {"objective": "binary:logistic", "learning_rate": 0.1, "max_depth": 5, "max_bin": 63, "nthread": 1}
        params |= {"colsample_bytree": 0.3, "base_score": 0.5, "tree_method": "hist", "seed": 0}
        alone = xgboost.train(params, data, 5).predict(xgboost.DMatrix(X), output_margin=True)
        assert np.array_equal(alone, scores[:, label].astype(np.float32))
    assert base.device_ == "cpu"


def test_xgboost_takes_the_other_container_as_the_same_records():
    X, Y = problem()
    base = XGBoostBase(n_estimators=5).fit_labels(X, Y)
    assert np.array_equal(base.decision_function(X), base.decision_function(X.toarray()))


def test_shared_bins_give_lightgbms_own_trees():
    X, Y = problem()
    base = LightGBMBase(n_estimators=5).fit_labels(X, Y)
    scores = base.decision_function(X)
    for label in range(Y.shape[1]):
        params = {"objective": "binary", "learning_rate": 0.1, "num_leaves": 15, "min_data_in_leaf": 5, "max_bin": 63}
        params |= {"feature_fraction": 0.3, "seed": 0, "num_threads": 1, "deterministic": True}
        params |= {"force_row_wise": True, "verbosity": -1}
        data = lightgbm.Dataset(X, Y[:, [label]].toarray().ravel().astype(np.float32), params=params)
        assert np.array_equal(lightgbm.train(params, data, 5).predict(X, raw_score=True), scores[:, label])


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
    with pytest.raises(ValueError, match="cannot use device='cuda'"):
        LightGBMBase(device="cuda").fit_labels(*problem())


def test_linear_bases_run_on_the_cpu():
    with pytest.raises(ValueError, match="device='cuda' is for lightgbm and xgboost"):
        make_base("logistic", device="cuda")


@pytest.mark.gpu
def test_gpu_scores_agree_with_cpu():
    if not device.cuda_devices() or not xgboost.build_info().get("USE_CUDA"):
        pytest.skip("needs an NVIDIA GPU and XGBoost with CUDA")
    X, Y = problem(dense=True)
    cpu, gpu = (XGBoostBase(n_estimators=10, device=kind).fit_labels(X, Y) for kind in ("cpu", "cuda"))
    assert gpu.device_ == "cuda"
    assert np.abs(cpu.decision_function(X) - gpu.decision_function(X)).max() < 0.05
