"""What several benchmarks share: where the data lies, the machine's facts, tables, a process for a measurement."""

import json
import os
import platform
import re
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from medrec._io import atomic_write

HERE = Path(__file__).resolve().parent
DATA = Path(os.environ.get("MEDREC_DATA", HERE.parents[1] / "shared" / "data"))
"""The folder of the real data."""
PACKAGES = ("numpy", "scipy", "pandas", "scikit-learn", "numba", "lightgbm", "xgboost", "scikit-multilearn-ng")


def machine(packages: Sequence[str] = PACKAGES) -> dict[str, Any]:
    """Processor, cores, versions and commit, as they stand in every result, and whether the code was changed since."""
    versions = {"python": platform.python_version()}
    for package in packages:
        versions[package] = "missing"
        for name in (package, f"{package}-cpu"):  # XGBoost without CUDA has a name of its own
            try:
                versions[package] = version(name)
                break
            except PackageNotFoundError:
                continue
    commit = _git("rev-parse", "HEAD")
    changed = bool(_git("status", "--porcelain", "--", "../medrec", "*.py"))
    model = platform.processor() or platform.machine()
    if Path("/proc/cpuinfo").exists():
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), model)
    found = {"machine": model, "cores": os.cpu_count(), "versions": versions, "commit": commit}
    return found | ({"uncommitted changes": True} if changed else {})


def _git(*words: str) -> str:
    """What git says of this repository; nothing where there is none."""
    try:
        return subprocess.run(["git", *words], cwd=HERE, capture_output=True, text=True).stdout.strip()
    except OSError:
        return ""


def show(title: str, rows: list[dict[str, Any]]) -> None:
    """Print rows as a Markdown table."""
    print(markdown(title, rows), flush=True)


def markdown(title: str, rows: list[dict[str, Any]]) -> str:
    """Rows as a Markdown table under a heading."""
    lines = [f"\n### {title}\n"]
    if not rows:
        return "\n".join([*lines, "(no rows)"])
    lines += ["| " + " | ".join(rows[0]) + " |", "|" + "---|" * len(rows[0])]
    for row in rows:
        cells = (f"{v:.3f}" if isinstance(v, float) and k != "seconds" else str(v) for k, v in row.items())
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def write_result(folder: Path | None, name: str, **values: Any) -> None:
    """Write ``folder/name.json`` with the machine's facts, whole or not at all; nothing without a folder."""
    if folder is None:
        return
    folder.mkdir(parents=True, exist_ok=True)
    with atomic_write(folder / f"{name}.json") as file:
        json.dump({**machine(), **values}, file, ensure_ascii=False, indent=1)
        file.write("\n")


def peak_memory() -> float:
    """The most memory that this process held at a time, GiB."""
    status = Path("/proc/self/status")
    if status.exists():  # that of this program alone; getrusage's may be the parent's
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 2**20
    import resource

    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / (2**30 if sys.platform == "darwin" else 2**20)


def run_cell(script: Path, words: Sequence[str], *, cores: int, timeout: float) -> dict[str, Any]:
    """What ``script --cell words`` prints as JSON in its last line, run in a process of its own on ``cores`` cores."""
    variables = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")
    threads = dict.fromkeys(variables, str(min(cores, os.cpu_count() or 1)))
    command = [sys.executable, str(script), "--cell", *words, "--jobs", str(cores)]
    start = time.perf_counter()
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, env={**os.environ, **threads})
    except subprocess.TimeoutExpired:
        return {"error": f"stopped after {timeout:.0f} s"}
    if done.returncode:
        last = (done.stderr.strip().splitlines() or [f"ended with {done.returncode}"])[-1]
        return {"error": last[:300]}
    return {**json.loads(done.stdout.splitlines()[-1]), "wall_seconds": time.perf_counter() - start}


class Cells:
    """Cells of a benchmark in a JSON file, written one by one, so that a run goes on where it was stopped.

    Parameters
    ----------
    script : Path
        What ``run_cell`` starts.
    path : Path or None
        The file; None keeps nothing.
    jobs : int
        Cores of a cell.
    timeout : float
        Seconds of a cell.
    again : bool, default=False
        Whether cells that are there are measured anew.
    says : callable
        What is printed of a cell that came to an end.
    only : str, default=""
        Pattern that the key of a cell must match somewhere to be measured.
    inside : callable, optional
        From the words of a cell to its figures in this process, instead of a process of its own.
    **also
        What stands in the file beside the cells.
    """

    def __init__(
        self,
        script: Path,
        path: Path | None,
        *,
        jobs: int,
        timeout: float,
        says: Callable[[dict[str, Any]], str],
        again: bool = False,
        only: str = "",
        inside: Callable[[Sequence[str]], dict[str, Any]] | None = None,
        **also: Any,
    ) -> None:
        self.script, self.path, self.jobs, self.timeout = script, path, jobs, timeout
        self.says, self.again, self.only, self.inside = says, again, only, inside
        self.facts = machine()
        held = json.loads(path.read_text(encoding="utf-8")) if path is not None and path.exists() else {}
        self.found: dict[str, dict[str, Any]] = held.pop("cells", {})
        self.also = {**{key: value for key, value in held.items() if key not in self.facts}, **also}
        self._fresh: set[str] = set()

    def get(self, key: str, words: Sequence[str], needs: Sequence[Path] = ()) -> dict[str, Any]:
        """The cell of a key as it is in the file; measured where it failed or a file that it needs is absent."""
        held = key in self.found and "error" not in self.found[key] and all(path.exists() for path in needs)
        wanted = re.search(self.only, key) is not None
        if key in self._fresh or (held and not (self.again and wanted)):
            return self.found[key]
        if not wanted:
            return self.found[key] if "error" in self.found.get(key, {}) else {"error": "not run"}
        if self.inside is not None:
            one = self.inside(words)
        else:
            one = run_cell(self.script, words, cores=self.jobs, timeout=self.timeout)
        self.found[key] = {**one, "jobs": self.jobs, "commit": self.facts["commit"]}
        self._fresh.add(key)
        print(f"{key}: {one.get('error') or self.says(one)}", flush=True)
        self.write()
        return self.found[key]

    def write(self) -> None:
        """Write the file, whole or not at all."""
        if self.path is None:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(self.path) as file:
            json.dump({**self.facts, **self.also, "cells": self.found}, file, ensure_ascii=False, indent=1)
            file.write("\n")
