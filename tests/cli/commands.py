"""Run a command in this process and look at what it said."""

import re

import pytest

from medrec.cli import main


def run(words: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    """Exit status, stdout and stderr of a command."""
    capsys.readouterr()
    try:
        status = main(words.split())
    except SystemExit as end:
        status = end.code
    written = capsys.readouterr()
    return status, written.out, written.err


def assert_refused(status: int, err: str, says: str) -> None:
    assert status == 1, err
    assert "Traceback" not in err
    lines = err.splitlines()
    assert len(lines) == 1, err
    assert lines[0].startswith("medrec: error: ")
    assert re.search(says, lines[0]), lines[0]
    assert len(lines[0]) < 600, "a message is for reading"
