"""The benchmark of the recommenders runs, all of its parts, on small sets."""

import json
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "bench_recommenders.py"
PARTS = ("shared-bins", "fast", "linear", "quality", "size", "gpu", "checks")


def test_smoke_run_of_the_recommenders(tmp_path):
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "--smoke", "--out", str(tmp_path)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for part in PARTS:
        assert f"## {part}\n" in done.stdout
    bins = json.loads((tmp_path / "recommenders_shared_bins.json").read_text(encoding="utf-8"))
    assert {"machine", "cores", "versions", "commit"} <= set(bins)
    assert {row["against"] for row in bins["rows"]} == {"MultiOutputClassifier", "ClassifierChain"}
    assert json.loads((tmp_path / "recommenders_linear.json").read_text(encoding="utf-8"))["rows"]
