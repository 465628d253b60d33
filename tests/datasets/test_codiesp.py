"""The CodiEsp reader against cases written out by hand, in both layouts, and its official submission."""

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from medrec._checks import InputError
from medrec.datasets import load, read_codiesp, read_jsonl, write_jsonl, write_submission
from tests._data import data_path


def case(number: int = 0, **changes: Any) -> dict[str, Any]:
    whole = {
        "id": f"S0004-0{number}-1",
        "split": "train",
        "text_es": "Mujer con úlcera duodenal y estreñimiento.",
        "text_en": "Woman with duodenal ulcer and constipation.",
        "D": ["k59.00", "k26.9"],
        "P": ["bt41zzz"],
        "evidence": [
            {"kind": "D", "code": "k26.9", "text": "úlcera duodenal", "span": "10 25"},
            {"kind": "P", "code": "bt41zzz", "text": "ecografía renal", "span": "30 39;50 55"},
            {"kind": "D", "code": "k59.00", "text": "estreñimiento", "span": "28 41"},
        ],
    }
    return {**whole, **changes}


def written(folder: Path, *cases: Any, name: str = "train.jsonl") -> Path:
    raw = "".join(json.dumps(one, ensure_ascii=False) + "\n" for one in cases).encode()
    path = folder / name
    path.write_bytes(gzip.compress(raw) if name.endswith(".gz") else raw)
    return path


def published(folder: Path, *, codes: str, evidence: str = "") -> Path:
    split = folder / "train"
    for name, text in (("text_files", "Mujer con úlcera\nduodenal.\n"), ("text_files_en", "Woman with ulcer.\n")):
        (split / name).mkdir(parents=True)
        (split / name / "S0004-00-1.txt").write_text(text, encoding="utf-8")
    (split / "trainD.tsv").write_text(codes, encoding="utf-8")
    (split / "trainX.tsv").write_text(evidence, encoding="utf-8")
    return split


@pytest.mark.parametrize("name", ["train.jsonl", "train.jsonl.gz"])
def test_diagnoses_and_the_words_that_justify_them(tmp_path: Path, name: str) -> None:
    data = load(f"codiesp:{written(tmp_path, case(), case(1, D=['k26.9'], evidence=None), name=name)}")
    assert data.drug_names.tolist() == ["k26.9", "k59.00"]
    assert data.Y.toarray().tolist() == [[1, 1], [1, 0]]
    assert data.schema == {"text": "text", "evidence": "evidence"}
    assert data.records["text"][0].startswith("Mujer")
    assert data.records["evidence"].tolist() == [[["k26.9", "úlcera duodenal"], ["k59.00", "estreñimiento"]], []]
    assert data.ids.tolist() == ["S0004-00-1", "S0004-01-1"]
    assert data.groups.tolist() == ["S0004-00", "S0004-01"]
    assert data.notes == ()


def test_procedures_and_the_english_text(tmp_path: Path) -> None:
    data = read_codiesp(written(tmp_path, case()), task="P", language="en")
    assert data.drug_names.tolist() == ["bt41zzz"]
    assert data.schema == {"text": "text"}, "the words that were marked are Spanish"
    assert data.records["text"][0].startswith("Woman")


def test_both_languages_are_two_columns(tmp_path: Path) -> None:
    data = read_codiesp(written(tmp_path, case()), language="both")
    assert data.schema == {"text": "text", "text_en": "text", "evidence": "evidence"}
    assert data.records["text"].tolist() == [case()["text_es"]]
    assert data.records["text_en"].tolist() == [case()["text_en"]]
    with pytest.raises(InputError, match=r":1: field 'text_en' must be text; got None"):
        read_codiesp(written(tmp_path, case(text_en=None)), language="both")


def test_two_splits_share_the_codes_of_both(tmp_path: Path) -> None:
    train = read_codiesp(written(tmp_path, case()))
    dev = read_codiesp(written(tmp_path, case(D=["r31.9", "k26.9"], evidence=[]), name="dev.jsonl"))
    names = sorted({*train.drug_names, *dev.drug_names})
    again = read_codiesp(tmp_path / "dev.jsonl", codes=names)
    assert again.drug_names.tolist() == ["k26.9", "k59.00", "r31.9"]
    assert again.Y.toarray().tolist() == dev.align(names).Y.toarray().tolist() == [[1, 0, 1]]
    with pytest.raises(InputError, match=r"dev\.jsonl:1: field 'D' names 'r31\.9', which is no candidate"):
        read_codiesp(tmp_path / "dev.jsonl", codes=train.drug_names)


def test_a_test_set_without_codes_has_empty_sets(tmp_path: Path) -> None:
    bare = {key: value for key, value in case().items() if key not in ("D", "P", "evidence")}
    data = read_codiesp(written(tmp_path, bare), codes=["a00", "b00"])
    assert data.Y.toarray().tolist() == [[0, 0]]


def test_what_is_left_out_is_counted(tmp_path: Path) -> None:
    data = read_codiesp(written(tmp_path, case(D=["k26.9", "k26.9", " "])))
    assert data.Y.toarray().tolist() == [[1]]
    assert data.notes == (
        "blank or repeated codes were dropped: 2",
        "evidence for a code that the case does not have was left out: 1",
    )


def test_evidence_survives_our_own_format(tmp_path: Path) -> None:
    data = read_codiesp(written(tmp_path, case()))
    write_jsonl(data, tmp_path / "own.jsonl")
    again = read_jsonl(tmp_path / "own.jsonl")
    assert again.records["evidence"].tolist() == data.records["evidence"].tolist()
    assert again.fingerprint() == data.fingerprint()


def test_published_layout(tmp_path: Path) -> None:
    split = published(
        tmp_path,
        codes="S0004-00-1\tk26.9\nS0004-00-1\tk59.00\n",
        evidence="S0004-00-1\tDIAGNOSTICO\tk26.9\túlcera duodenal\t10 16;17 25\n"
        "S0004-00-1\tPROCEDIMIENTO\tbt41zzz\tecografía\t1 2\n",
    )
    data = read_codiesp(split)
    assert data.records["text"].tolist() == ["Mujer con úlcera\nduodenal.\n"]
    assert data.records["evidence"].tolist() == [[["k26.9", "úlcera duodenal"]]]
    assert data.Y.toarray().tolist() == [[1, 1]]
    english = read_codiesp(split, language="en")
    assert english.records["text"].tolist() == ["Woman with ulcer.\n"]
    both = read_codiesp(split, language="both")
    assert both.records[["text", "text_en"]].to_numpy().tolist() == [[*data.records["text"], *english.records["text"]]]
    assert read_codiesp(split, task="P").Y.shape == (1, 0), "no table of procedures, no codes"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"id": None}, "1: field 'id' must be text; got None"),
        ({"id": 7}, "1: field 'id' must be text; got 7"),
        ({"id": " "}, "1: field 'id' must be text; got ' '"),
        ({"text_es": None}, "1: field 'text_es' must be text; got None"),
        ({"text_es": ["a"]}, "1: field 'text_es' must be text"),
        ({"text_es": " \n"}, "1: text is empty; remove the case"),
        ({"D": "k26.9"}, "1: field 'D' must be a list of codes; got 'k26.9'"),
        ({"D": {"k26.9": 1}}, "1: field 'D' must be a list of codes"),
        ({"D": ["k26.9", 5]}, "1: field 'D' must be a list of drug names; got an item 5"),
        ({"evidence": {"k26.9": "a"}}, "1: field 'evidence' must be a list"),
        ({"evidence": ["k26.9"]}, "1: field 'evidence' must hold objects such as"),
        ({"evidence": [{"code": "k26.9", "text": "a"}]}, "1: field 'evidence' must hold objects such as"),
        ({"evidence": [{"kind": "X", "code": "k26.9", "text": "a"}]}, "1: field 'evidence' must hold objects"),
        ({"evidence": [{"kind": "D", "text": "a"}]}, "1: field 'evidence' must be a list of [drug, words]"),
        ({"evidence": [{"kind": "D", "code": "k26.9"}]}, "1: field 'evidence' must be a list of [drug, words]"),
        ({"evidence": [{"kind": "D", "code": "k26.9", "text": " "}]}, "neither blank; got an item ['k26.9', ' ']"),
        ({"evidence": [{"kind": "D", "code": 1, "text": "a"}]}, "neither blank; got an item [1, 'a']"),
    ],
)
def test_broken_cases_name_file_line_and_field(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    path = written(tmp_path, case(**changes))
    with pytest.raises(InputError) as error:
        read_codiesp(path)
    assert f"{path}:" in str(error.value)
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"", "1: holds no records"),
        (b"\n\n", "1: holds no records"),
        (b"[1]\n", "1: holds list, not an object"),
        (b'{"id": "a"', "1: is not JSON"),
        (b"\xff\xfe{}", "1: is UTF-16"),
        (b'{"id": "a", "id": "b"}\n', "1: field 'id' stands twice"),
    ],
)
def test_what_is_no_file_of_cases_is_refused(tmp_path: Path, raw: bytes, message: str) -> None:
    path = tmp_path / "train.jsonl"
    path.write_bytes(raw)
    with pytest.raises(InputError) as error:
        read_codiesp(path)
    assert f"{path}:{message}" in str(error.value)


def test_a_case_that_comes_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"train\.jsonl:2: id 'S0004-00-1' stands twice"):
        read_codiesp(written(tmp_path, case(), case()))


@pytest.mark.parametrize(
    ("codes", "evidence", "message"),
    [
        ("S0004-00-1 k26.9\n", "", "trainD.tsv:1: has 1 cells, not 2; separate them by tabs"),
        ("S0004-00-1\tk26.9\nS9\tk26.9\n", "", "trainD.tsv:2: case 'S9' has no text"),
        ("", "S0004-00-1\tDIAGNOSTICO\tk26.9\ta\n", "trainX.tsv:1: has 4 cells, not 5"),
        (
            "",
            "S0004-00-1\tOTRO\tk26.9\ta\t1 2\n",
            "trainX.tsv:1: kind must be DIAGNOSTICO or PROCEDIMIENTO; got 'OTRO'",
        ),
        ("", "S0004-00-1\tDIAGNOSTICO\tk26.9\t\t1 2\n", "case 'S0004-00-1' must be a list of [drug, words]"),
    ],
)
def test_broken_tables_name_file_and_line(tmp_path: Path, codes: str, evidence: str, message: str) -> None:
    split = published(tmp_path, codes=codes, evidence=evidence)
    with pytest.raises(InputError) as error:
        read_codiesp(split)
    assert message in str(error.value)


def test_a_folder_of_no_split_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"has no text_files/\*\.txt; name the folder of one split"):
        read_codiesp(tmp_path)
    split = published(tmp_path, codes="")
    (split / "devD.tsv").write_text("", encoding="utf-8")
    with pytest.raises(InputError, match=r"has several \*D\.tsv"):
        read_codiesp(split)


@pytest.mark.parametrize(("option", "message"), [({"task": "X"}, "task"), ({"language": "fr"}, "language")])
def test_options_that_do_not_exist(tmp_path: Path, option: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=f"read_codiesp: {message} must be"):
        read_codiesp(written(tmp_path, case()), **option)


def test_submission_is_ranked_without_a_header(tmp_path: Path) -> None:
    path = tmp_path / "run.tsv"
    write_submission([[0.1, 0.9, 0.1], [0.3, 0.2, 0.4]], ["a", "b", "c"], ["one", "two"], path)
    assert path.read_text() == "one\tb\none\ta\none\tc\ntwo\tc\ntwo\ta\ntwo\tb\n"
    write_submission([[0.1, 0.9, 0.1]], ["a", "b", "c"], ["one"], path, top_k=1)
    assert path.read_text() == "one\tb\n"


@pytest.mark.parametrize(
    ("names", "ids", "options", "message"),
    [
        (["a"], ["one"], {}, "scores must be"),
        (["a", "b"], ["one", "two"], {}, "scores must be"),
        (["a", "a"], ["one"], {}, "unique"),
        (["a", "b\t"], ["one"], {}, "holds a tab"),
        (["a", "b"], ["o\nne"], {}, "holds a tab or a line end"),
        (["a", "b"], ["one"], {"top_k": 0}, "top_k must be at least 1; got 0"),
    ],
)
def test_submissions_that_cannot_be_written(
    tmp_path: Path, names: list[str], ids: list[str], options: dict[str, int], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        write_submission(np.zeros((1, 2)), names, ids, tmp_path / "run.tsv", **options)
    assert not list(tmp_path.iterdir())


def test_the_real_splits() -> None:
    train, dev = (read_codiesp(data_path("codiesp", f"{split}.jsonl.gz")) for split in ("train", "dev"))
    assert (len(train), len(dev)) == (500, 250)
    assert len({*train.drug_names, *dev.drug_names}) == 2194
    assert (train.Y.nnz, dev.Y.nnz) == (5639, 2677)
    assert sum(map(len, train.records["evidence"])) == 7209
    assert train.notes == dev.notes == ()
    for record, row in zip(train.records["evidence"], train.Y):
        assert {code for code, _ in record} == set(train.drug_names[row.indices]), "each code has its words"
