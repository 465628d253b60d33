"""Processes that end too early: the output's name holds the old file or the new one, never a part of it."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from medrec._io import load
from tests.cli.broken import FIT, PREDICT

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")

# Runs medrec and waits at a moment of its writing: the temporary file begun, its text written, on disk, or renamed.
SLOW = """
import os, signal, sys, time
import medrec._io as io
from medrec.cli import main

# A shell's background processes, such as a gate's, ignore SIGINT, and their children inherit it.
signal.signal(signal.SIGINT, signal.default_int_handler)

def wait(name):
    if name == sys.argv[1]:
        print("at", name, flush=True)
        time.sleep(60)

begin, replace, sync = io._begin, os.replace, os.fsync
def slow_begin(path):
    found = begin(path)
    wait("begun")
    return found
def slow_sync(handle):
    wait("written")
    sync(handle)
def slow_replace(old, new):
    wait("synced")
    replace(old, new)
    wait("renamed")
io._begin, os.fsync, os.replace = slow_begin, slow_sync, slow_replace
sys.exit(main(sys.argv[2:]))
"""
MOMENTS = [("begun", b"old"), ("written", b"old"), ("written", None), ("synced", b"old"), ("renamed", b"old")]


def stop_at(moment: str, words: str, number: signal.Signals) -> tuple[int, str]:
    """Exit status and stderr of a process that got a signal at a moment of its writing."""
    with subprocess.Popen(
        [sys.executable, "-c", SLOW, moment, *words.split()], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == f"at {moment}\n", process.stderr
        process.send_signal(number)
        _, err = process.communicate(timeout=60)
    return process.returncode, err


@pytest.mark.parametrize(("moment", "old"), MOMENTS)
def test_killed_predict_leaves_old_or_new(moment: str, old: bytes | None, folder: Path) -> None:
    if old is not None:
        (folder / "out").write_bytes(old)
    status, _ = stop_at(moment, PREDICT, signal.SIGKILL)
    assert status == -signal.SIGKILL
    if moment == "renamed":
        assert (folder / "out").read_text().endswith("]\n")
    else:
        assert ((folder / "out").read_bytes() if (folder / "out").exists() else None) == old
    # A killed process cannot tidy: its hidden temporary file may stay, and nothing else.
    strange = [path.name for path in folder.iterdir() if path.name.startswith(".")]
    assert all(name.startswith(".out.") and name.endswith(".part") for name in strange)


def test_killed_fit_leaves_the_old_model(folder: Path) -> None:
    old = (folder / "model").read_bytes()
    stop_at("synced", FIT.replace("--out out", "--out model"), signal.SIGKILL)
    assert (folder / "model").read_bytes() == old
    load(folder / "model")


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("moment", ["written", "synced"])
def test_interrupt_leaves_nothing(moment: str, number: signal.Signals, status: int, folder: Path) -> None:
    before = sorted(path.name for path in folder.iterdir())
    found, err = stop_at(moment, PREDICT, number)
    assert found == status
    assert "Traceback" not in err
    assert sorted(path.name for path in folder.iterdir()) == before


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_killed_fit_at_any_time(share: float, folder: Path) -> None:
    command = [sys.executable, "-m", "medrec", *FIT.split()]
    start = time.monotonic()
    assert subprocess.run(command, capture_output=True, timeout=120).returncode == 0
    whole = time.monotonic() - start
    (folder / "out").write_bytes(b"old")
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(share * whole)
    process.kill()
    process.wait()
    if (folder / "out").read_bytes() != b"old":
        load(folder / "out")
