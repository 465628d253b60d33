"""The benchmarks of the recommenders and of names run, all of their parts, on small sets."""

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


def test_smoke_run_of_names(tmp_path):
    script = SCRIPT.with_name("bench_names.py")
    done = subprocess.run(
        [sys.executable, str(script), "--smoke", "--out", str(tmp_path)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    written = json.loads((tmp_path / "names.json").read_text(encoding="utf-8"))
    assert [row["texts that differ"] for row in written["speed"]][::2] == [0, 0]
    jaccard = {row["model"]: row["jaccard"] for row in written["quality"]}
    assert jaccard["said of it"] > jaccard["named in which text"] > jaccard["frequency alone"]
