"""Every block of README and guide runs and prints what the page says; every link of every document leads somewhere."""

import contextlib
import io
import json
import re
import shlex
import shutil
import subprocess
import sys
from urllib.parse import unquote

import pytest

from medrec.cli import main
from tests.documents import DOCUMENTS, NOTEBOOKS, PAGES, ROOT, Block, agrees, anchors_of, blocks_of, links_of, text_of


def name_of(path):
    return path.relative_to(ROOT).as_posix()


def runs(path):
    return any(block.kind in ("python", "console") for block in blocks_of(text_of(path)))


@pytest.fixture(scope="session")
def sample_files(tmp_path_factory):
    """What the pages find in their folder."""
    folder = tmp_path_factory.mktemp("samples")
    subprocess.run([sys.executable, ROOT / "examples" / "sample_files.py", folder], check=True)
    return folder


@pytest.mark.parametrize("path", [path for path in (ROOT / "README.md", *PAGES) if runs(path)], ids=name_of)
def test_blocks_of_the_page_run(path, sample_files, tmp_path, monkeypatch):
    """In order, as one session: Python in one namespace, commands in the same folder."""
    folder = shutil.copytree(sample_files, tmp_path / "work")
    monkeypatch.chdir(folder)
    namespace = {"__name__": "__page__"}
    for block in blocks_of(text_of(path)):
        if block.kind in ("python", "console"):
            where = f"{name_of(path)}:{block.line}"
            with contextlib.redirect_stdout(io.StringIO()) as out:
                if block.kind == "python":
                    # Filled with empty lines, so that a traceback names the line of the page.
                    exec(compile("\n" * (block.line - 1) + block.code, str(path), "exec"), namespace)
                else:
                    run_commands(block, where)
            if block.output is not None:
                assert agrees(out.getvalue(), block.output), f"{where} prints\n{out.getvalue()}"


def run_commands(block: Block, where: str) -> None:
    for line in block.code.replace("\\\n", " ").splitlines():
        prompt, *words = shlex.split(line)
        assert (prompt, words[0]) == ("$", "medrec"), f"{where}: {line}"
        assert main(words[1:]) == 0, f"{where}: {line}"


def test_output_agrees_by_words_and_nearly_by_numbers():
    assert agrees("Jaccard 0.512  (3 empty)", "Jaccard 0.51 (3 empty)")
    assert agrees("a b c d 7", "a … 7")
    assert not agrees("Jaccard 0.512", "Jaccard 0.612")
    assert not agrees("Jaccard 0.512", "F1 0.512")
    assert not agrees("a b", "a")


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_links_lead_somewhere(path):
    text = text_of(path)
    for link in links_of(text):
        if re.match(r"[a-z]+:", link):
            assert link.startswith(("http://", "https://", "mailto:")), link
            continue
        file, _, anchor = unquote(link).partition("#")
        target = (path.parent / file).resolve() if file else path
        assert target.exists(), f"{name_of(path)} links to {link}"
        assert target.is_relative_to(ROOT), f"{name_of(path)} links outside the repository: {link}"
        if anchor:
            assert target.suffix in (".md", ".ipynb"), f"{name_of(path)}: {link} has an anchor in what has none"
            assert anchor in anchors_of(text_of(target)), f"{name_of(path)} links to {link}, which has no such heading"


def test_links_and_anchors_are_found():
    fenced = "```md\n[no](no.md)\n```\n"
    text = f'# A `b` C, d!\n[x](y.md#z) ![i](p.png "t") `[no](no.md)`\n{fenced}[a [b]](<c.md>)\n# a b c d'
    assert list(links_of(text)) == ["y.md#z", "p.png", "c.md"]
    assert anchors_of(text) == {"a-b-c-d", "a-b-c-d-1"}


@pytest.mark.parametrize("path", NOTEBOOKS, ids=name_of)
def test_notebook_is_kept_with_its_outputs(path):
    book = json.loads(path.read_text(encoding="utf-8"))
    code = [cell for cell in book["cells"] if cell["cell_type"] == "code" and cell["source"]]
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1)), "run it from top to bottom"
    outputs = [output for cell in code for output in cell["outputs"]]
    assert any("image/png" in output.get("data", {}) for output in outputs)
    for output in outputs:
        assert output["output_type"] != "error"
        assert output.get("name") != "stderr", output["text"]
    assert not re.search(r"/(?:home|tmp|root|work|usr|var)/|site-packages", json.dumps(book, ensure_ascii=False))


def test_api_page_names_every_room():
    import medrec

    text = text_of(ROOT / "docs" / "api.md")
    for room in medrec._ROOMS:
        assert re.search(rf"\bmedrec\.{room}\b", text), f"docs/api.md leaves out medrec.{room}"
