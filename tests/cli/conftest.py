"""A folder of good files, for the tests of the command line."""

from pathlib import Path

import pytest

from medrec.cli import main
from tests.cli.files import write_good


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The bytes of a model of the good records."""
    folder = tmp_path_factory.mktemp("model")
    write_good(folder)
    assert (
        main(["fit", "--data", f"cdrugred:{folder}/train.jsonl", "--out", f"{folder}/model", "--model", "prior"]) == 0
    )
    return (folder / "model").read_bytes()


@pytest.fixture
def folder(tmp_path: Path, model: bytes, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of good files, which is the current one."""
    write_good(tmp_path)
    (tmp_path / "model").write_bytes(model)
    monkeypatch.chdir(tmp_path)
    return tmp_path
