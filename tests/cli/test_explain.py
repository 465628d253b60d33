"""``medrec explain``: its tables, its page, and what it refuses."""

import re

import pytest

import medrec
from medrec.decision import Threshold
from tests.cli.commands import assert_refused, run
from tests.cli.files import CANDIDATES

EXPLAIN = "explain --model model --data cdrugred:train.jsonl"


@pytest.fixture
def linear(folder, capsys):
    """A linear model beside the good files."""
    status, _, err = run("fit --data cdrugred:train.jsonl --out linear --jobs 1 --set features__min_df=1", capsys)
    assert status == 0, err
    return folder


def test_every_recommended_drug_in_short(linear, capsys):
    status, out, err = run(f"{EXPLAIN.replace('model model', 'model linear')} --id 0-1", capsys)
    assert status == 0, err
    assert out.splitlines()[0] == "record 0-1: 1 recommended, contributions in log-odds"
    row = out.splitlines()[2]
    assert row.startswith(CANDIDATES[1])
    assert "房颤" in row


def test_one_drug_in_full_adds_up(linear, capsys):
    status, out, err = run(
        f"explain --model linear --data cdrugred:train.jsonl --id 0-1 --drug {CANDIDATES[1]} --html page.html", capsys
    )
    assert status == 0, err
    assert "page.html: written" in err
    score = re.search(r"log-odds ([+-][\d.]+)", out)[1]
    assert re.search(rf"^sum +{re.escape(score)}$", out, re.MULTILINE)
    amounts = [float(one) for one in re.findall(r"^\w.* ([+-]\d\.\d{4})  ", out, re.MULTILINE)]
    assert sum(amounts) + sum(map(float, re.findall(r"^ +([+-]\d\.\d{4})", out, re.MULTILINE))) == pytest.approx(
        float(score), abs=1e-3
    )
    assert "房颤" in (linear / "page.html").read_text(encoding="utf-8")


def test_neighbours_are_listed(folder, capsys):
    status, _, err = run("fit --data cdrugred:train.jsonl --out near --model neighbors --jobs 1", capsys)
    assert status == 0, err
    words = f"explain --model near --data cdrugred:train.jsonl --id 1-0 --drug {CANDIDATES[2]}"
    status, out, err = run(words, capsys)
    assert status == 0, err
    assert "neighbours, records of the training data" in out
    assert re.search(r"^3 +1\.000 .* yes$", out, re.MULTILINE)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (f"{EXPLAIN} --id nobody", "no record has the id 'nobody'; there are 12: 0-0, 0-1, 1-0 …"),
        (
            f"{EXPLAIN} --id 0-0 --drug 阿司匹林",
            "'阿司匹林' is none of the 5 drugs of the model; like it are 阿司匹林肠溶片",
        ),
        (f"{EXPLAIN} --id 0-0 --html nowhere/page.html", "name a folder that exists"),
        ("explain --model model --data jsonl:own.jsonl --id 1", "was fitted on records with a column '出院诊断'"),
        ("explain --model nothing --data jsonl:own.jsonl --id 1", "nothing"),
    ],
)
def test_refusals_are_one_line(words, says, folder, capsys):
    before = sorted(path.name for path in folder.iterdir())
    status, out, err = run(words, capsys)
    assert out == ""
    assert_refused(status, err, re.escape(says))
    assert sorted(path.name for path in folder.iterdir()) == before


def test_a_model_that_reads_no_records_is_refused(folder, capsys):
    medrec.save(medrec.load(folder / "model")[-1], folder / "bare")
    status, _, err = run("explain --model bare --data cdrugred:train.jsonl --id 0-0", capsys)
    assert_refused(status, err, "holds a PriorRecommender, which does not read records")


def test_a_record_without_drugs_says_how_to_go_on(folder, capsys):
    model = medrec.load(folder / "model")
    model[-1].decision_ = Threshold(1.0, min_size=0).fit(None, [[0] * len(CANDIDATES)])
    medrec.save(model, folder / "none")
    status, out, err = run("explain --model none --data cdrugred:train.jsonl --id 0-0", capsys)
    assert status == 0, err
    assert "no drug is recommended; --drug NAME says why one is not" in out
    status, _, err = run("explain --model none --data cdrugred:train.jsonl --id 0-0 --html page.html", capsys)
    assert_refused(status, err, "gets no drug, so there is no page to write")
    assert not (folder / "page.html").exists()
