"""Broken inputs: each is refused in one line that names the file, with exit status 1, and nothing is left behind."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.broken import (
    ALL,
    ARFF_FIT,
    DESCRIBE,
    FIT,
    OUTPUT_CASES,
    OWN,
    PREDICT,
    SCORE,
    TABLE_CASES,
    TALK,
    Broken,
)
from tests.cli.commands import assert_refused, run
from tests.cli.files import snapshot


@pytest.mark.parametrize("case", ALL, ids=lambda case: case.name.replace(" ", "-"))
def test_broken_input_is_refused(case: Broken, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, content in case.files.items():
        if content is None:
            (folder / name).unlink()
        else:
            (folder / name).write_bytes(content)
    before = snapshot(folder)
    status, out, err = run(case.command, capsys)
    assert_refused(status, err, case.says)
    assert out == ""
    (folder / "made").is_dir() and (folder / "made").rmdir()  # an empty folder may stay
    assert snapshot(folder) == before
    if "--out out" in case.command:  # and once more where there is an old file
        (folder / "out").write_bytes(b"old")
        before = snapshot(folder)
        assert run(case.command, capsys)[0] == 1
        assert snapshot(folder) == before


def test_good_files_are_taken(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    # Without this, a table of refusals could pass because something else is wrong.
    for command in (
        FIT,
        f"{FIT} --ddi ddi.csv",
        OWN,
        TALK,
        ARFF_FIT,
        PREDICT,
        SCORE,
        f"{SCORE} --ddi ddi.csv",
        DESCRIBE,
    ):
        status, _, err = run(command, capsys)
        assert status == 0, (command, err)


@pytest.mark.parametrize(
    "case", [ALL[0], TABLE_CASES[0], OUTPUT_CASES[0]], ids=lambda case: case.name.replace(" ", "-")
)
def test_broken_input_in_a_process_of_its_own(case: Broken, folder: Path) -> None:
    for name, content in case.files.items():
        (folder / name).write_bytes(content)
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-m", "medrec", *case.command.split()],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert_refused(ran.returncode, ran.stderr, case.says)
    assert ran.stdout == ""


def test_closed_pipe_is_quiet(folder: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as closed:
        ran = subprocess.run(
            [sys.executable, "-m", "medrec", *DESCRIBE.split()],
            stdout=closed,
            stderr=subprocess.PIPE,
            text=True,
            timeout=120,
        )
    assert (ran.returncode, ran.stderr) == (1, "")
