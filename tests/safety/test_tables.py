"""Interaction tables on disk: each broken one is refused with its line and a cure."""

import json

import pytest

from medrec._checks import InputError
from medrec.safety import DDIGraph, read_interactions


def write(folder, name, content):
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("t.csv", "drug,other,severity\na,b,Major\n\nb,c,\n"),
        ("t.csv", "\ufeffDrug , OTHER,severity\r\na,b,major\r\nb,c,unspecified\r\n"),
        ("t.csv", 'severity,drug,other\nMAJOR,"a",b\n,b,c'),
        ("t.tsv", "drug\tother\tseverity\na\tb\tmajor\nb\tc\t\n"),
        ("t.json", json.dumps([["a", "b", "major"], ["b", "c"]])),
        ("t.json", json.dumps([["a", "b", " major"], ["b", "c", None]])),
        ("t.json", json.dumps({"a": {"b": "major"}, "b": {"c": ""}})),
        ("t.json", json.dumps([{"drug": "a", "other": "b", "severity": "major"}, {"drug": "b", "other": "c"}])),
    ],
)
def test_forms_that_mean_the_same(tmp_path, name, content):
    rows, names = read_interactions(write(tmp_path, name, content))
    assert [tuple(row) for row in rows] == [("a", "b", 4), ("b", "c", 1)]
    assert names == ["a", "b", "c"]


def test_object_of_lists_as_dialmed(tmp_path):
    rows, names = read_interactions(write(tmp_path, "ddi.json", json.dumps({"甲": [], "乙": ["丙", "甲"]})))
    assert [tuple(row) for row in rows] == [("乙", "丙", 1), ("乙", "甲", 1)]
    assert names == ["甲", "乙", "丙"]


@pytest.mark.parametrize(
    ("name", "content", "line", "rule"),
    [
        ("t.csv", "", None, "is empty"),
        ("t.csv", "a,b\nc,d\n", 1, "header must be drug,other"),
        ("t.csv", "drug,other,drug\na,b,c\n", 1, "header must be"),
        ("t.csv", "drug,other\na,b\na\n", 3, "2 columns expected; got 1"),
        ("t.csv", "drug,other\na,b,c\n", 2, "2 columns expected; got 3"),
        ("t.csv", "drug,other\na,\n", 2, "'other' is empty"),
        ("t.csv", "drug,other\n ,a\n", 2, "non-empty text"),
        ("t.csv", "drug,other,severity\na,b,minor\n\nb,c,lethal\n", 4, "severity must be one of .*'lethal'"),
        ("t.csv", 'drug,other\n"a,b\n', 2, "is not CSV"),
        ("t.csv", "drug,other\n阿,b\n".encode("gb18030"), 2, "is not UTF-8"),
        ("t.json", "", 1, "is not JSON"),
        ("t.json", '{"a": ["b"],\n "c": [', 2, "is not JSON"),
        ("t.json", "3", 1, "must be"),
        ("t.json", '{"a": ["b"],\n "c": "d"}', 2, "must have a list"),
        ("t.json", '{"a": ["b"],\n\n "c": [\n1]}', 3, "must list names"),
        ("t.json", '{"": ["b"]}', 1, "non-empty text"),
        ("t.json", '[["a",\n "b"], ["a"]]', 2, r"\[drug, other\]"),
        ("t.json", '[["a", null]]', 1, r"\[drug, other\]"),
        ("t.json", '[[null, "a"]]', 1, "non-empty text"),
        ("t.json", '["ab"]', 1, r"\[drug, other\]"),
        ("t.json", '[["a", "b", "fatal"]]', 1, "severity must be one of"),
        ("t.json", '[["a", "b", 3]]', 1, "severity must be one of"),
        ("t.json", '\n[\n["a", "b"], [\n"b", "c", "fatal"],\n["c", "d"]]', 3, "severity must be one of"),
        ("t.json", '{"a": ["b"],\n "b": [],\n "a": ["c"]}', 3, "'a' stands twice"),
        ("t.json", '{"b": [],\n "a": {"b": "major", "b": "minor"}}', 2, "'b' stands twice"),
        ("t.json", '[\n["a", "b", NaN]]', 2, "NaN is not JSON; write null"),
        ("t.csv", "drug,other,severity\na,b,NaN\n", 2, "severity must be one of .*'NaN'"),
        ("t.csv", "drug,other,severity\na\u2028,b,minor\na,b,bad\n", 3, "severity must be one of .*'bad'"),
        ("t.json", "[" * 100_000, None, "nested too deeply|is not JSON"),
    ],
)
def test_broken_tables(tmp_path, name, content, line, rule):
    path = write(tmp_path, name, content)
    with pytest.raises(InputError, match=rule) as caught:
        DDIGraph.from_file(path, ["a", "b"])
    assert caught.value.line == line
    assert str(caught.value).startswith(f"{path}:")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["missing.csv", "missing.json", "."])
def test_unreadable(tmp_path, name):
    with pytest.raises(InputError, match="cannot be read"):
        read_interactions(tmp_path / name)
