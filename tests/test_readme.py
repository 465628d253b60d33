"""Every block of the README runs, and says what it says."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("code", [text for kind, text in BLOCKS if kind == "python"])
def test_python_block_runs(code, tmp_path):
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()


def test_console_block_runs(tmp_path):
    lines = [line[2:] for kind, text in BLOCKS if kind == "console" for line in text.splitlines()]
    assert len(lines) >= 4
    for line in lines:
        words = line.split()
        assert words[0] == "medrec"
        done = subprocess.run([sys.executable, "-m", *words], cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, f"{line}\n{done.stderr}"


def test_gate_runs_the_two_commands_of_the_readme():
    gate = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    first, second = re.findall(r"^```\n(pip install .*?)\n```", README, re.MULTILINE)
    assert first.split(" && ")[0] in gate
    assert first.split(" && ")[1] in gate
    assert second in gate


def test_links_of_the_documents_resolve():
    for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md"):
        text = (ROOT / name).read_text(encoding="utf-8")
        for link in re.findall(r"\]\(([^)#]+)\)", text):
            assert link.startswith("http") or (ROOT / link).exists(), f"{name} links to {link}"
