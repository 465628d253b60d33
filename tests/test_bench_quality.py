"""The quality benchmark: its figures against scikit-learn's, cells that are kept, a smoke run that says what it is."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.metrics import average_precision_score, f1_score, jaccard_score

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture
def quality_run(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import quality_run

    return quality_run


@pytest.fixture
def sets():
    rng = np.random.default_rng(0)
    Y, Z = ((rng.random((60, 7)) < 0.4).astype(np.uint8) for _ in range(2))
    Y[:, 0] = Z[:, 1] = 1  # no row is empty
    return Y, Z, rng.random((60, 7))


def test_figures_of_pooled_folds_are_scikit_learns(quality_run, sets, tmp_path):
    Y, Z, scores = sets
    folds = [slice(0, 25), slice(25, 60)]
    parts = [quality_run.Scored.of(sp.csr_matrix(Y[f]), sp.csr_matrix(Z[f]), scores[f]) for f in folds]
    pooled = parts[0] + parts[1]
    pooled.save(tmp_path / "one.npz")
    pooled = quality_run.Scored.read(tmp_path / "one.npz")
    expected = {
        "Jaccard": jaccard_score(Y, Z, average="samples"),
        "F1": f1_score(Y, Z, average="samples"),
        "micro Jaccard": jaccard_score(Y, Z, average="micro"),
        "micro F1": f1_score(Y, Z, average="micro"),
        "MAP": np.mean([average_precision_score(*pair) for pair in zip(Y, scores)]),
    }
    for figure, value in expected.items():
        assert pooled.mean(figure) == pytest.approx(value), figure
        low, high = pooled.interval(figure)
        assert low < value < high


def test_records_of_one_patient_are_drawn_together(quality_run, sets):
    Y, Z, _ = sets
    doubled = [np.repeat(one, 2, axis=0) for one in (Y, Z)]
    once = quality_run.Scored.of(Y, Z).interval("F1")
    assert quality_run.Scored.of(*doubled, groups=np.arange(120) // 2).interval("F1") == pytest.approx(once, abs=0.02)
    alone = quality_run.Scored.of(*doubled).interval("F1")
    assert alone[1] - alone[0] < 0.85 * (once[1] - once[0])


def test_cells_are_kept_and_those_that_failed_are_measured_anew(quality_run, tmp_path, capsys):
    asked = []

    def measure(words):
        asked.append(words)
        return {"error": "broken"} if len(asked) == 1 else {"value": len(asked)}

    def cells(**options):
        path = tmp_path / "cells.json"
        return quality_run.Cells(Path("x.py"), path, jobs=1, timeout=1, says=str, inside=measure, **options)

    assert cells().get("a", ["a"]) == cells().found["a"]
    first = cells()
    assert first.get("a", ["a"])["value"] == first.get("a", ["a"])["value"] == 2
    assert cells().get("a", ["a"])["value"] == 2  # kept
    assert cells(again=True, only="b").get("a", ["a"])["value"] == 2
    assert cells(only="b").get("c", ["c"]) == {"error": "not run"}
    assert cells().get("a", ["a"], [tmp_path / "absent.npz"])["value"] == 3
    assert cells(again=True).get("a", ["a"])["value"] == 4
    assert "a: broken" in capsys.readouterr().out


def test_a_smoke_run_measures_generated_records_and_writes_nothing(tmp_path):
    command = [sys.executable, str(BENCHMARKS / "bench_quality.py"), "--smoke", "--part", "uci", "--out", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "smoke test, generated records" in done.stdout
    assert "| stacked |" in done.stdout
    assert not list(tmp_path.iterdir())
