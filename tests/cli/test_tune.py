"""``medrec tune``: a study from the command line, and the command that repeats its best."""

import os
import shlex
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from medrec._io import load, read_manifest
from medrec.cli import main
from medrec.datasets import load as load_data
from tests.cli.commands import assert_refused, run
from tests.cli.files import RECORDS, as_lines, snapshot

TUNE = "tune --data cdrugred:train.jsonl --model prior --cv 2 --trials 3"


def scores(path: str) -> np.ndarray:
    return load(path).predict_proba(load_data("cdrugred:train.jsonl").records)


def test_the_printed_command_makes_the_model_again(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = f"{TUNE} --out best --ddi ddi.csv --max-ddi 0.5 --seed 3 --set recommender__cv=2".replace(
        "recommender__", ""
    )
    status, out, err = run(words, capsys)
    assert status == 0, err
    lines = out.splitlines()
    assert lines[0] == "prior in sqlite:///study.db: 3 configurations (3 complete)"
    assert lines[1] == "jaccard, 2 folds:"
    default, best = (float(line.split()[1]) for line in lines[2:4])
    assert best >= default
    command = shlex.split(lines[-1])
    assert command[:6] == ["medrec", "fit", "--data", "cdrugred:train.jsonl", "--out", "best"]
    assert {"--ddi", "--max-ddi", "--seed", "smoothing=2.0" if best == default else "--set"} <= set(command)
    command[5] = "again"
    assert main(command[1:]) == 0
    np.testing.assert_array_equal(scores("again"), scores("best"))
    again, told = read_manifest("again"), read_manifest("best")
    assert told.pop("study")["trials"] == 3
    del told["sha256"], again["sha256"]  # of the bytes, in which parts are numbered by their place in memory
    assert told == again


def test_a_study_goes_on(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(TUNE, capsys)
    status, out, err = run(f"{TUNE} --trials 5", capsys)
    assert status == 0, err
    assert out.startswith("prior in sqlite:///study.db: 5 configurations")
    assert "MODEL" in out.splitlines()[-1]
    before = out
    status, out, _ = run(f"{TUNE} --trials 5 --timeout 0.5", capsys)
    assert (status, out) == (0, before)


def test_a_study_of_other_data_is_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(TUNE, capsys)
    Path("other.jsonl").write_bytes(as_lines(*RECORDS[:10]))
    for changes in ("--data cdrugred:other.jsonl", "--decision top-k", "--cv 3", "--metric f1", "--set smoothing=3"):
        status, out, err = run(f"{TUNE} {changes}", capsys)
        assert_refused(status, err, "study 'prior' in sqlite:///study.db was made with")
        assert out == ""
    status, _, err = run(f"{TUNE} --data cdrugred:other.jsonl --study mine --trials 1", capsys)
    assert status == 0, err


@pytest.mark.parametrize(
    ("storage", "says"),
    [
        ("study.db", "must be the URL of a database"),
        ("sqlite:///none/study.db", "unable to open database file"),
        ("sqlite:///pred.json", "file is not a database"),
        ("oracle+nothing://me:secret@host/db", r"me:\*\*\*@host"),
    ],
)
def test_a_storage_that_cannot_be_used(
    storage: str, says: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = snapshot(folder)
    status, out, err = run(f"{TUNE} --storage {storage}", capsys)
    assert_refused(status, err, says)
    assert out == ""
    assert snapshot(folder) == before


@pytest.mark.parametrize(
    "words",
    [
        "tune --model prior",
        TUNE + " --trials 0",
        TUNE + " --timeout 0",
        TUNE + " --timeout soon",
        TUNE + " --cv 1",
        TUNE + " --metric beauty",
        TUNE + " --set colour=red",
        TUNE + " --set smoothing=0",
        TUNE + " --set smoothing=1 --decision top-k",
        TUNE + " --set smoothing=1 --decision expected-jaccard",  # the default, but said
        TUNE + " --max-ddi 0.1",
    ],
)
def test_wrong_usage_is_2(words: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, err = run(words, capsys)
    assert status == 2, err
    assert "Traceback" not in err
    assert out == ""


def test_one_patient_is_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("one.jsonl").write_bytes(as_lines(*RECORDS[:2]))
    status, _, err = run("tune --data cdrugred:one.jsonl --model prior", capsys)
    assert_refused(status, err, "folds need the records of two patients")


RUN = """
import signal, sys
from medrec.cli import main
# A shell's background processes, such as a gate's, ignore SIGINT, and their children inherit it.
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.exit(main(sys.argv[1:]))
"""


def states(path: Path) -> list[str]:
    if not path.exists():
        return []
    with sqlite3.connect(path) as connection:
        try:
            return [row[0] for row in connection.execute("SELECT state FROM trials ORDER BY number")]
        except sqlite3.OperationalError:  # its tables are being made
            return []


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_interrupt_leaves_a_whole_study(number: signal.Signals, status: int, folder: Path) -> None:
    words = f"{TUNE} --trials 100000 --out best".split()
    with subprocess.Popen([sys.executable, "-c", RUN, *words], stderr=subprocess.PIPE, text=True) as process:
        end = time.monotonic() + 120
        while states(folder / "study.db").count("COMPLETE") < 2:
            assert time.monotonic() < end
            time.sleep(0.05)
        process.send_signal(number)
        _, err = process.communicate(timeout=60)
    assert process.returncode == status, err
    assert "Traceback" not in err
    assert not Path("best").exists()
    assert set(states(folder / "study.db")) <= {"COMPLETE", "PRUNED", "FAIL"}
