"""``medrec doctor``: every part has a line; what is absent or broken has its cure; broken core parts give status 1."""

import io
import json
import os
import shutil
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from medrec.cli import machine, main
from medrec.cli.machine import OPTIONAL, Part, package_part
from medrec.recommenders import device

PARTS = {
    *("numpy", "scikit-learn", "lightgbm", "skops", "segmentation", "model files", "interaction filter", "boosting"),
    *("xgboost", "lightgbm device=opencl", "lightgbm device=cuda", "NVIDIA driver", "cupy", "NVRTC", "dask"),
    *("distributed", "pyarrow", "scikit-multilearn-ng", "Chinese fonts", "compiled code", "disk", "memory", "threads"),
    *("printed text", "MEDREC_DATA"),
}


def test_every_part_is_looked_at(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--json"]) == 0
    written = capsys.readouterr()
    parts = {one["name"]: one for one in json.loads(written.out)["parts"]}
    assert parts.keys() >= PARTS
    assert written.err == ""
    for one in parts.values():
        assert one["state"] in ("ok", "absent", "broken")
        assert one["note"]
        assert bool(one["cure"]) == (one["state"] != "ok"), one
        if one["core"]:
            assert one["state"] == "ok", one


def test_a_line_a_part(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    parts = [
        Part("a", "ok", "1.0", core=True),
        Part("b", "absent", "no b", "pip install b"),
        Part("药", "broken", "x", "y"),
    ]
    monkeypatch.setattr("medrec.cli.doctor.examine", lambda: iter(parts))
    assert main(["doctor"]) == 0
    title, *lines = capsys.readouterr().out.splitlines()
    assert title.startswith("medrec ")
    assert lines == ["ok       a: 1.0", "absent   b: no b - pip install b", "broken   药: x - y"]


def test_a_broken_core_part_gives_status_1(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    parts = [Part("a", "broken", "torn", "mend a", core=True), Part("b", "broken", "torn", "mend b")]
    monkeypatch.setattr("medrec.cli.doctor.examine", lambda: iter(parts))
    for words in (["doctor"], ["doctor", "--json"]):
        assert main(words) == 1
        written = capsys.readouterr()
        assert "mend a" in written.out
        assert written.err == "medrec: error: a: broken, and medrec needs it; the line of each says the cure\n"


def test_output_that_has_no_chinese(monkeypatch: pytest.MonkeyPatch) -> None:
    narrow = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", narrow)
    assert machine.output() == Part("printed text", "broken", "ascii cannot print Chinese", "export PYTHONUTF8=1")
    monkeypatch.setattr("medrec.cli.doctor.examine", lambda: iter([Part("a", "ok", "/数据")]))
    assert main(["doctor"]) == 0
    narrow.flush()
    assert rb"ok       a: /\u6570\u636e" in narrow.buffer.getvalue()


class TestPackages:
    @pytest.mark.parametrize("package", ["xgboost", "cupy", *(one[0] for one in OPTIONAL)])
    def test_a_hidden_one_is_absent(self, package: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, machine.MODULES.get(package, package), None)
        parts = [*machine.boosters(), *machine.gpu(), *(package_part(p, why, f"medrec[{e}]") for p, why, e in OPTIONAL)]
        part = next(one for one in parts if one.name == package)
        assert part.state == "absent"
        assert "medrec[" in part.cure
        assert not part.core

    def test_a_hidden_core_package_is_broken(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "jieba", None)
        parts = {one.name: one for one in machine.core_packages()}
        assert parts["jieba"][1] == "broken"
        assert parts["jieba"].cure.startswith('pip install --upgrade "jieba')
        assert parts["numpy"][1] == "ok"
        assert "xgboost-cpu" not in parts, "an extra is no core package"

    def test_a_version_too_old(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(machine, "_version", lambda package: "0.0.1")
        part = next(one for one in machine.core_packages() if one.name == "numpy")
        assert (part.state, part.core) == ("broken", True)
        assert part.note.startswith("0.0.1 is installed, >=")
        assert part.cure.startswith('pip install --upgrade "numpy>=')

    def test_a_version_that_nobody_wrote_down(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(machine, "_version", lambda package: "")
        parts = list(machine.core_packages())
        assert {(one.state, one.note) for one in parts} == {("ok", "of unknown version")}

    @pytest.mark.parametrize(
        ("message", "cure"), [("libgomp.so.1: no such file", "apt-get install libgomp1"), ("torn", "--force-reinstall")]
    )
    def test_one_that_cannot_be_imported(
        self, message: str, cure: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "torn_package.py").write_text(f"raise OSError({message!r})", encoding="utf-8")
        monkeypatch.syspath_prepend(tmp_path)
        part = package_part("torn-package", "x", "y", core=True)
        assert part.state == "broken"
        assert message in part.note
        assert cure in part.cure

    def test_without_an_installation(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def none(name: str) -> Any:
            raise machine.metadata.PackageNotFoundError(name)

        monkeypatch.setattr(machine.metadata, "requires", none)
        assert [one.state for one in machine.core_packages()] == ["broken"]


class TestGraphics:
    def test_xgboost_without_cuda_beside_a_gpu(self, monkeypatch: pytest.MonkeyPatch) -> None:
        xgboost = pytest.importorskip("xgboost", reason="XGBoost is an extra")
        monkeypatch.setattr(device, "cuda_devices", lambda: 1)
        monkeypatch.setattr(device, "_probe_lightgbm", lambda kind: "no")
        for built, state in ((False, "absent"), (True, "ok")):
            monkeypatch.setattr(xgboost, "build_info", lambda built=built: {"USE_CUDA": built})
            part = next(machine.boosters())
            assert (part.state, "with" in part.note) == (state, True)
            assert bool(part.cure) == (not built)

    def test_devices_of_lightgbm(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for problem, state in (("", "ok"), ("No OpenCL device found", "absent")):
            monkeypatch.setattr(device, "cuda_devices", lambda: 1)
            monkeypatch.setattr(device, "_probe_lightgbm", lambda kind, problem=problem: problem)
            parts = {one.name: one for one in machine.boosters()}
            assert {parts[f"lightgbm device={kind}"].state for kind in ("opencl", "cuda")} == {state}
            assert problem in parts["lightgbm device=opencl"].note

    def test_a_gpu_with_cupy(self, monkeypatch: pytest.MonkeyPatch) -> None:
        cupy: Any = ModuleType("cupy")
        cupy.__version__, cupy.__spec__ = "13.0", SimpleNamespace()
        cupy.arange = import_module("numpy").arange
        # An attribute, no module of its own (CuPy 14.2).
        cupy.cuda = SimpleNamespace(nvrtc=SimpleNamespace(getVersion=lambda: (12, 9)))
        monkeypatch.setitem(sys.modules, "cupy", cupy)
        monkeypatch.setattr(device, "cuda_devices", lambda: 2)
        monkeypatch.setattr(machine, "_gpu_names", lambda: "H100, H100")
        monkeypatch.setattr(machine, "_version", lambda package: "13.0")
        assert [(one.name, one.state) for one in machine.gpu()] == [
            *(("NVIDIA driver", "ok"), ("cupy", "ok"), ("NVRTC", "ok"))
        ]
        cupy.arange = lambda n: import_module("numpy").zeros(n)
        assert [one.state for one in machine.gpu()][2] == "broken"

    def test_a_driver_without_its_tool(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(shutil, "which", lambda name: None)
        assert machine._gpu_names() == "no nvidia-smi to name them"
        monkeypatch.setattr(shutil, "which", lambda name: "/nowhere/nvidia-smi")
        assert machine._gpu_names() == "nvidia-smi does not answer"


class TestPlace:
    def test_what_must_work_and_does_not(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("medrec.features.tokens.segment", lambda text: [text])
        name, works, cure = machine.WORKS[0]
        part = machine._tried(name, works, cure)
        assert (part.state, part.core, part.cure) == ("broken", True, "pip install --force-reinstall jieba")
        assert part.note.startswith("RuntimeError: jieba's dictionary")

    def test_fonts(self, monkeypatch: pytest.MonkeyPatch) -> None:
        from matplotlib import font_manager

        for names, state in ((["DejaVu Sans"], "absent"), (["DejaVu Sans", "WenQuanYi Zen Hei"], "ok")):
            fonts = [SimpleNamespace(name=name) for name in names]
            monkeypatch.setattr(font_manager, "fontManager", SimpleNamespace(ttflist=fonts))
            assert machine.fonts().state == state

    def test_compiled_code_that_cannot_be_kept(self, monkeypatch: pytest.MonkeyPatch) -> None:
        assert machine.compiled_code().state == "ok"
        monkeypatch.setattr(os, "access", lambda path, mode: False)
        part = machine.compiled_code()
        assert part.state == "broken"
        assert "NUMBA_CACHE_DIR" in part.cure

    def test_a_full_disk(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=2**20))
        assert machine.temporary_files()[1:3] == ("broken", machine.temporary_files().note)
        assert machine.temporary_files().note.startswith("0.0 GiB free")

        def none(path: Any) -> Any:
            raise FileNotFoundError("no folder")

        monkeypatch.setattr(shutil, "disk_usage", none)
        assert machine.temporary_files().note == "no folder"

    def test_memory(self, monkeypatch: pytest.MonkeyPatch) -> None:
        assert " GiB free" in machine.memory().note

        def none(name: str) -> int:
            raise ValueError(name)

        monkeypatch.setattr(os, "sysconf", none)
        assert machine.memory().state == "ok"

    def test_threads(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for value, state in (("2", "ok"), ("two", "broken"), ("0", "broken"), ("", "ok")):
            monkeypatch.setenv("MKL_NUM_THREADS", value)
            part = machine.threads()
            assert (part.state, bool(part.cure)) == (state, state == "broken")

    def test_data(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("MEDREC_DATA", raising=False)
        assert machine.data().state == "absent"
        monkeypatch.setenv("MEDREC_DATA", str(tmp_path / "none"))
        assert machine.data().state == "broken"
        monkeypatch.setenv("MEDREC_DATA", str(tmp_path))
        assert machine.data().state == "absent"
        (tmp_path / "dialmed").mkdir()
        (tmp_path / "dialmed" / "dev.txt").write_bytes(bytes(3 * 2**20))
        assert machine.data().note == "dialmed 3.0 MiB"
