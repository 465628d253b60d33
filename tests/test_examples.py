"""Every example runs from an empty folder and has something to say, without a warning; so does every notebook."""

import json
import os
import subprocess
import sys

import pytest

from tests.documents import NOTEBOOKS, ROOT, agrees

EXAMPLES = sorted((ROOT / "examples").glob("[0-9]*.py"))


def run(words, folder):
    """What the command prints, from a folder of its own; warnings of the kinds that users see are errors."""
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    environment = os.environ | {"MPLBACKEND": "Agg", "PYTHONPATH": path, "PYTHONWARNINGS": "error::UserWarning"}
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, env=environment, timeout=300)
    assert done.returncode == 0, done.stderr
    assert "Warning" not in done.stderr, done.stderr
    return done.stdout


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_example_runs(path, tmp_path):
    assert len(run([sys.executable, path], tmp_path).splitlines()) >= 2


def test_examples_are_numbered_cells():
    assert [int(path.name[:2]) for path in EXAMPLES] == list(range(1, len(EXAMPLES) + 1))
    for path in EXAMPLES:
        assert path.read_text(encoding="utf-8").count("\n# %%") >= 2, f"{path.name} has no cells"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_runs_and_prints_what_it_shows(path, tmp_path):
    pytest.importorskip("nbclient", reason="needs nbclient and ipykernel")
    code = "from nbclient.cli import main; main()"
    run([sys.executable, "-c", code, path, "--output", str(tmp_path / "again.ipynb")], tmp_path)
    again, kept = (printed(one) for one in (tmp_path / "again.ipynb", path))
    assert len(again) == len(kept)
    for one, other in zip(again, kept):
        assert agrees(one, other), f"{path.name} now prints\n{one}"


def printed(path):
    """The text that each code cell prints."""
    cells = [cell for cell in json.loads(path.read_text(encoding="utf-8"))["cells"] if cell["cell_type"] == "code"]
    return ["".join("".join(out["text"]) for out in cell["outputs"] if out.get("name") == "stdout") for cell in cells]
