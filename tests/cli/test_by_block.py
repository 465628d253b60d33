"""Records of any number on the command line: partitioned Parquet in, partitioned Parquet out."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from medrec._checks import InputError
from medrec.cli import main
from medrec.datasets import load, write_parquet
from tests.cli.commands import assert_refused, run

pytest.importorskip("pyarrow", reason="needs pyarrow: pip install 'medrec[parquet]'")

FIT = "fit --data parquet:records --out m --base online --set hashed=True --set features__n_features=1024"


@pytest.fixture
def records(folder: Path) -> Path:
    data = load("cdrugred:train.jsonl")
    write_parquet([data.subset(range(6)), data.subset(range(6, 12))], folder / "records")
    return folder / "records"


def test_too_few_patients_to_hold_some_out(records: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_parquet([load("cdrugred:train.jsonl").subset(range(2))], "one")
    status, _, err = run(FIT.replace("records", "one"), capsys)
    assert status == 1
    assert "patients held out; both are needed" in err.splitlines()[-1]
    assert not Path("m").exists()


def test_generated_records_through_every_step(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    steps = [
        "data make --records 150 --format parquet --out records",
        FIT,
        "predict --model m --data parquet:records --out sets --format parquet",
        "score --truth parquet:records --pred sets --json",
    ]
    for words in steps:
        status, out, err = run(words, capsys)
        assert status == 0, err
    streamed = json.loads(out)["chip2025"]
    assert streamed["records"] == 150
    assert streamed["ddi_pairs"] == 0
    assert sorted(path.name for path in Path("sets").iterdir()) == ["part-00000.parquet"]
    for words in (
        "predict --model m --data parquet:records --out p.json",
        "score --truth parquet:records --pred p.json --json",
    ):
        status, out, err = run(words, capsys)
        assert status == 0, err
    in_memory = json.loads(out)["chip2025"]
    assert {key: in_memory[key] for key in streamed} == streamed


@pytest.mark.parametrize("words", [FIT, "tune --data cdrugred:train.jsonl --model prior --cv 2"])
def test_the_cluster_that_was_asked_for_is_used(words: str, records: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    @contextmanager
    def connected(address: str | None) -> Iterator[None]:
        asked.append(address)
        raise InputError("enough")
        yield

    monkeypatch.setattr(f"medrec.cli.{words.split()[0]}.connected", connected)
    assert main([*words.split(), "--dask", "tcp://there:1"]) == 1
    assert asked == ["tcp://there:1"]


def test_refusals(records: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, _, err = run("predict --model model --data jsonl:own.jsonl --out o --format parquet", capsys)
    assert status == 2
    assert "--format parquet is for parquet:DIR" in err
    status, _, err = run("predict --model model --data parquet:records --out records --format parquet", capsys)
    assert_refused(status, err, "records: is there already; name a new folder")
    status, _, err = run("predict --model model --data parquet:absent --out o --format parquet", capsys)
    assert_refused(status, err, "absent: is not there")
    status, _, err = run("predict --model own.jsonl --data parquet:records --out o --format parquet", capsys)
    assert_refused(status, err, "no medrec model")
    status, _, err = run("score --truth cdrugred:train.jsonl --pred records", capsys)
    assert_refused(status, err, "which --truth parquet:DIR goes with")
    status, _, err = run("score --truth parquet:records --pred records", capsys)
    assert_refused(status, err, "no column 'predicted'")
    status, _, err = run("score --truth parquet:records --pred records --read labels=atc3", capsys)
    assert status == 2
    assert "without --read" in err
    for option in ("--masks drop", "--read labels=atc3"):
        status, _, err = run(f"{FIT} {option}", capsys)
        assert status == 2
        assert "without --masks and --read" in err
    assert not Path("o").exists()
