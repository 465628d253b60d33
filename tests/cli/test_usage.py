"""Wrong usage: exit status 2 and a message about the words, before any work."""

from pathlib import Path

import pytest

from tests.cli.broken import FIT, PREDICT, SCORE
from tests.cli.commands import run
from tests.cli.files import snapshot


@pytest.mark.parametrize(
    "words",
    [
        "",
        "cook",
        "fit",
        "fit --data jsonl:own.jsonl",
        FIT + " --model forest",
        FIT + " --max-ddi 2",
        FIT + " --max-ddi nan",
        FIT + " --max-ddi 0.1",
        FIT + " --masks keep",
        FIT + " --read hours=2",
        FIT + " --read candidates",
        FIT + " --read candidates=5",
        "data describe jsonl:own.jsonl --read labels=atc3",
        "data describe gamenet:talk --read history=often",
        FIT + " --jobs 0",
        FIT + " --jobs many",
        FIT + " --seed -1",
        FIT + " --seed 4294967296",
        FIT + " --set colour=red",
        FIT + " --set cv",
        FIT + " --set cv=0",
        FIT + " --set cv=red",
        PREDICT + " --format xml",
        PREDICT + " --top-k 0",
        PREDICT + " --top-k x",
        SCORE + " --preset best",
        "evaluate --data jsonl:own.jsonl --cv 1",
        "evaluate --data jsonl:own.jsonl --cv 2 --test jsonl:own.jsonl",
        "data",
        "data make --out made --records 0",
        "data fetch unicorns --out made",
    ],
)
def test_wrong_usage_is_2(words: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = snapshot(folder)
    status, out, err = run(words, capsys)
    assert status == 2, err
    assert "Traceback" not in err
    assert "invalid _" not in err, "the name of a function says nothing to a stranger"
    assert out == ""
    assert snapshot(folder) == before


def test_score_says_what_it_made_of_a_table(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = "a,b,minor\nb,a,major\na,a,minor\na,stranger,minor\n"
    Path("odd.csv").write_text("drug,other,severity\n" + rows, encoding="utf-8")
    Path("sets.jsonl").write_text('{"id": "0", "drugs": ["a", "b"]}\n', encoding="utf-8")
    status, out, err = run("score --truth jsonl:own.jsonl --pred sets.jsonl --ddi odd.csv", capsys)
    assert status == 0, err
    assert "1 names are no drug of the data and were left out: stranger" in err
    assert "odd.csv: 1 rows pair a drug with itself and were left out" in err
    assert "odd.csv: 1 pairs have several severities, of which the highest holds" in err
    assert "ddi_pairs" in out
