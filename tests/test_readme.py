"""The gate runs the README's own two commands; its blocks and links are tested with those of the other documents."""

import re

from tests.documents import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_gate_runs_the_two_commands_of_the_readme():
    gate = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    first, second = re.findall(r"^```\n(pip install .*?)\n```", README, re.MULTILINE)
    assert first.split(" && ")[0] in gate
    assert first.split(" && ")[1] in gate
    assert second in gate
