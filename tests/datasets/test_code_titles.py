"""Titles of codes against a dictionary written out by hand, and the real one."""

import gzip
from pathlib import Path

import pytest

from medrec._checks import InputError
from medrec.datasets import read_code_titles, titles_of
from tests._data import data_path

MIMIC = 'icd_code,icd_version,long_title\n0090,9,"Colitis, infectious"\nK750 ,10,Abscess of liver\n\n'


def test_codes_lose_dots_and_capitals(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(MIMIC)
    assert read_code_titles(tmp_path / "a.csv") == {"0090": "Colitis, infectious", "k750": "Abscess of liver"}
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(MIMIC.encode()))
    assert read_code_titles(tmp_path / "a.csv.gz", version="10") == {"k750": "Abscess of liver"}
    (tmp_path / "b.csv").write_text("level,code,description\n3,N20.0,Cálculo\n", encoding="utf-8")
    assert read_code_titles(tmp_path / "b.csv") == {"n200": "Cálculo"}


@pytest.mark.parametrize(
    ("text", "version", "message"),
    [
        ("", None, "1: must have the columns"),
        ("code,title\na,b\n", None, "1: must have the columns icd_code and long_title or code and description"),
        ("code,description\na,b\n", "10", "with icd_version; its header has code, description"),
        ("code,description\na\n", None, "2: has 1 cells for 2 columns"),
        ("code,description\n", None, "holds no titles"),
        (MIMIC, "11", "holds no titles of version 11"),
        ('code,description\n"a', None, "is not CSV"),
    ],
)
def test_broken_dictionaries_name_file_and_line(tmp_path: Path, text: str, version: str | None, message: str) -> None:
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(InputError) as error:
        read_code_titles(tmp_path / "a.csv", version=version)
    assert "a.csv" in str(error.value)
    assert message in str(error.value)


def test_a_code_without_a_title_has_its_parents() -> None:
    es = {"s72": "Fractura del fémur", "s720": "Fractura del cuello de fémur (cuello)", "n": "too short"}
    en = {"s72001": "Fracture, unspecified", "n209": "(nothing)"}
    assert titles_of(["S72.001", "s72.1", "n20.9", "z00"], es, en) == {
        "S72.001": ["Fractura del cuello de fémur", "Fracture"],
        "s72.1": ["Fractura del fémur"],
        "n20.9": [""],
    }


def test_the_real_dictionary_knows_most_codes_of_codiesp() -> None:
    from medrec.datasets import read_codiesp

    titles = read_code_titles(data_path("mimic4demo", "hosp", "d_icd_diagnoses.csv.gz"), version="10")
    names = read_codiesp(data_path("codiesp", "train.jsonl.gz")).drug_names
    assert len(titles) > 90_000
    assert len(titles_of(names, titles)) == len(names)
