"""Readers against records written out by hand, and against other parsers of the same files."""

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from medrec._checks import InputError
from medrec.datasets import KINDS, Dataset, load, read_cdrugred, read_dialmed, read_jsonl, write_jsonl
from tests._data import data_path
from tests.cli.files import CANDIDATES, as_lines, record

LIST = "候选药物列表.json"
CUT = "出院诊断 written as one string was cut into a list: 1"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / LIST).write_text(json.dumps(CANDIDATES, ensure_ascii=False), encoding="utf-8")
    return tmp_path


def read(folder: Path, *records: dict[str, Any]) -> Dataset:
    (folder / "a.jsonl").write_bytes(as_lines(*records))
    return read_cdrugred(folder / "a.jsonl")


class TestCDrugRed:
    def test_clean_record_as_published(self, folder: Path) -> None:
        data = read(folder, record(0), record(1, 出院诊断=["房颤", "高血压"]), record(2))
        assert data.ids.tolist() == ["0-0", "0-1", "1-0"]
        assert data.groups.tolist() == ["0", "0", "1"]
        assert data.drug_names.tolist() == CANDIDATES
        assert data.Y.toarray().tolist() == [[1, 0, 0, 0, 1], [0, 1, 0, 0, 0], [0, 0, 1, 0, 0]]
        row = data.records.loc[1].to_dict()
        assert row["出院诊断"] == ["房颤", "高血压"]
        assert (row["性别"], row["BMI"], row["出生日期"], row["就诊时间"]) == ("男", 23.5, "1950-01-01", "2015-03-01")
        assert data.notes == ()

    def test_blank_lines_are_passed_over_and_counted(self, folder: Path) -> None:
        (folder / "a.jsonl").write_bytes(b"\n" + as_lines(record(0)) + b" \r\n\n" + as_lines(record(1)))
        data = read_cdrugred(folder / "a.jsonl")
        assert len(data) == 2
        assert data.notes == ("blank lines were passed over: 3",)

    @pytest.mark.parametrize(
        ("changes", "column", "value", "note"),
        [
            ({"出院诊断": "房颤；高血压;  "}, "出院诊断", ["房颤", "高血压"], CUT),
            ({"出院诊断": "['房颤', '高血压，3级']"}, "出院诊断", ["房颤", "高血压，3级"], CUT),
            ({"出院诊断": '["房颤"]'}, "出院诊断", ["房颤"], CUT),
            ({"出院诊断": "[]"}, "出院诊断", [], CUT),
            ({"出院诊断": ["房颤", " ", None, ""]}, "出院诊断", ["房颤"], "blank items of 出院诊断 were dropped: 1"),
            ({"出院诊断": None}, "出院诊断", [], None),
            ({"出院诊断": "None"}, "出院诊断", [], None),
            ({"主诉": ["胸闷", "气短"]}, "主诉", "胸闷\n气短", "主诉 written as a list was joined: 1"),
            ({"主诉": None}, "主诉", "", None),
            ({"主诉": "胸闷\r\n三天"}, "主诉", "胸闷\n三天", None),
            ({"BMI": "23.5"}, "BMI", 23.5, "BMI written as text was read as a number: 1"),
            ({"出生日期": "1950年3月"}, "出生日期", "1950-03-01", None),
            ({"出生日期": 1950}, "出生日期", "1950-01-01", None),
            ({"出生日期": ""}, "出生日期", None, None),
            ({"患者序号": " 7 "}, "患者序号", "7", None),
            ({"患者序号": 7.0}, "患者序号", "7", "患者序号 written with decimals was read as a whole number: 1"),
            ({"就诊标识": 71}, "就诊标识", "71", None),
            ({"就诊标识": None}, "就诊标识", "1", "records without 就诊标识 got their line number: 1"),
            ({"新字段": 1}, "主诉", "胸闷三天", "field '新字段' is not in the published schema and was left out of the features: 1"),  # noqa: E501
        ],
    )  # fmt: skip
    def test_known_dirt_is_repaired_and_counted(
        self, folder: Path, changes: dict[str, Any], column: str, value: Any, note: str | None
    ) -> None:
        data = read(folder, record(0, **changes))
        assert data.records[column][0] == value
        assert data.notes == (() if note is None else (note,))

    def test_missing_number_is_nan(self, folder: Path) -> None:
        data = read(folder, record(0, BMI=None), record(1, BMI="不详"), record(2, BMI=20))
        assert data.records["BMI"].isna().tolist() == [True, True, False]

    @pytest.mark.parametrize(
        ("drugs", "expected", "note"),
        [
            ("钙片（A、B）", [3], "written as one string was cut into a list"),
            ("钙片（A、B）、华法林钠片，替格瑞洛片", [1, 3, 4], "written as one string was cut into a list"),
            ("['钙片（A、B）', '华法林钠片']", [1, 3], "written as one string was cut into a list"),
            (["华法林钠片", "华法林钠片", ""], [1], "repeated items of 出院带药列表 were dropped"),
            ([" 华法林钠片 "], [1], None),
            ([], [], None),
            (None, [], None),
            ("无", [], None),
        ],
    )
    def test_drugs(self, folder: Path, drugs: Any, expected: list[int], note: str | None) -> None:
        data = read(folder, record(0, 出院带药列表=drugs))
        assert data.Y.indices.tolist() == expected
        assert len(data.notes) == (note is not None)
        assert note is None or note in data.notes[0]

    def test_test_file_has_no_drugs_but_all_labels(self, folder: Path) -> None:
        bare = record(0)
        del bare["出院带药列表"]
        data = read(folder, bare)
        assert data.Y.shape == (1, 5)
        assert data.Y.nnz == 0

    def test_without_candidates_the_drugs_of_the_file_are_labels(self, tmp_path: Path) -> None:
        data = read(tmp_path, record(0), record(1))
        assert data.drug_names.tolist() == sorted([CANDIDATES[0], CANDIDATES[1], CANDIDATES[4]])

    def test_packed_file(self, folder: Path) -> None:
        (folder / "a.jsonl.gz").write_bytes(gzip.compress(as_lines(record(0))))
        assert load(f"cdrugred:{folder}/a.jsonl.gz").fingerprint() == read(folder, record(0)).fingerprint()

    def test_folder_means_its_training_file(self, folder: Path) -> None:
        (folder / "CDrugRed_train.jsonl").write_bytes(as_lines(record(0)))
        assert len(read_cdrugred(folder)) == 1


TEXT = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), max_size=6)
NAME = TEXT.filter(
    lambda text: text == text.strip() and text and text.lower() not in ("none", "null", "nan", "n/a", "na")
)
WORD = NAME.filter(lambda text: not text.startswith("[") and text not in ("无", "不详", "未知", "未提供"))
VALUES = {
    "text": TEXT,
    "dialogue": st.lists(TEXT, max_size=3),
    "codes": st.lists(WORD, max_size=3),
    "category": st.one_of(st.none(), WORD),
    "number": st.one_of(st.just(float("nan")), st.floats(allow_nan=False, allow_infinity=False)),
    "date": st.one_of(st.none(), st.dates().map(str)),
    "birthdate": st.one_of(st.none(), st.dates().map(str)),
    "evidence": st.lists(st.lists(WORD, min_size=2, max_size=2), max_size=2),
}


@st.composite
def datasets(draw: st.DrawFn) -> Dataset:
    """Any Dataset that our own format can say: each record has a note."""
    assert set(VALUES) == set(KINDS)
    n_records = draw(st.integers(1, 4))
    kinds = draw(
        st.dictionaries(
            NAME.filter(lambda name: name not in ("id", "patient", "drugs")), st.sampled_from(sorted(KINDS)), max_size=4
        )
    )
    schema = {**kinds, "note": "text"}
    columns = {
        column: draw(st.lists(VALUES[kind] if column != "note" else WORD, min_size=n_records, max_size=n_records))
        for column, kind in schema.items()
    }
    records = pd.DataFrame({
        column: pd.Series(values, dtype=float if schema[column] == "number" else object)
        for column, values in columns.items()
    })  # fmt: skip
    drugs = draw(st.lists(WORD, min_size=1, max_size=4, unique=True))
    sets = np.array(
        draw(
            st.lists(
                st.lists(st.booleans(), min_size=len(drugs), max_size=len(drugs)),
                min_size=n_records,
                max_size=n_records,
            )
        )
    )
    ids = draw(st.lists(NAME, min_size=n_records, max_size=n_records, unique=True))
    groups = draw(st.one_of(st.none(), st.lists(NAME, min_size=n_records, max_size=n_records)))
    pairs = draw(
        st.one_of(st.none(), st.lists(st.tuples(WORD, WORD, st.sampled_from([None, "minor", "major"])), max_size=3))
    )
    ddi = None if pairs is None else pd.DataFrame(pairs, columns=["drug", "other", "severity"], dtype=object)
    aliases = draw(st.one_of(st.none(), st.dictionaries(st.sampled_from(drugs), st.lists(WORD, max_size=2))))
    sets = sp.csr_matrix(sets.astype(np.uint8))
    return Dataset(records, sets, drugs, schema, ids=ids, groups=groups, ddi=ddi, aliases=aliases)


class TestAliases:
    def data(self, aliases: Any) -> Dataset:
        return Dataset(
            pd.DataFrame({"note": ["x", "y"]}), [[1, 0], [1, 0]], ["甲", "乙"], {"note": "text"}, aliases=aliases
        )

    def test_they_go_where_the_labels_go_and_are_no_part_of_the_fingerprint(self) -> None:
        data = self.data({"甲": ["甲片", "甲片"], "乙": ("B",)})
        assert data.aliases == {"甲": ("甲片",), "乙": ("B",)}
        assert data.subset([1]).aliases == data.aliases
        assert data.align(["丙", "甲"]).aliases == {"甲": ("甲片",)}
        assert data.describe()["aliases"] == 2
        assert self.data(None).align(["甲"]).aliases is None
        assert self.data(None).describe()["aliases"] == 0
        assert data.fingerprint() == self.data(None).fingerprint()

    def test_what_is_no_table_of_names(self) -> None:
        with pytest.raises(ValueError, match="Dataset: aliases name '丙', which is no drug of the data"):
            self.data({"丙": ("C",)})
        with pytest.raises(ValueError, match="Dataset: aliases of '甲' must be a list of strings; got '甲片'"):
            self.data({"甲": "甲片"})


class TestJsonl:
    @settings(max_examples=150, deadline=None)
    @given(data=datasets())
    def test_written_data_come_back(self, data: Dataset, tmp_path_factory: pytest.TempPathFactory) -> None:
        path = tmp_path_factory.mktemp("own") / "a.jsonl"
        write_jsonl(data, path)
        back = read_jsonl(path)
        assert back.schema == data.schema
        assert back.ids.tolist() == data.ids.tolist()
        assert back.drug_names.tolist() == data.drug_names.tolist()
        assert (back.Y != data.Y).nnz == 0
        assert back.aliases == data.aliases
        assert (back.groups is None) == (data.groups is None)
        if data.groups is not None:
            assert back.groups.tolist() == data.groups.tolist()
        for column, kind in data.schema.items():
            wanted, found = data.records[column].tolist(), back.records[column].tolist()
            if kind == "number":
                np.testing.assert_array_equal(found, wanted)
            elif kind == "text":  # blank text is no text
                assert [one.strip() and one for one in wanted] == [one.strip() and one for one in found]
            else:
                assert found == wanted
        if data.ddi is None:
            assert back.ddi is None
        else:
            assert (
                back.ddi.to_numpy().tolist()
                == data.ddi.astype(object).where(data.ddi.notna(), None).to_numpy().tolist()
            )
        again = path.with_name("b.jsonl")
        write_jsonl(back, again)
        assert again.read_bytes() == path.read_bytes()

    def test_defaults(self, tmp_path: Path) -> None:
        header = {"medrec": 1, "schema": {"note": "text", "age": "number"}}
        lines = [header, {"note": "a", "drugs": ["y", "x"]}, {"age": 3, "patient": "record 1"}, {"note": "c", "id": 9}]
        (tmp_path / "a.jsonl").write_bytes(as_lines(*lines))
        data = read_jsonl(tmp_path / "a.jsonl")
        assert data.ids.tolist() == ["1", "2", "9"]
        assert data.drug_names.tolist() == ["x", "y"]
        assert data.Y.toarray().tolist() == [[1, 1], [0, 0], [0, 0]]
        assert len(set(data.groups)) == 3, "a record without a patient is none of the named ones"
        assert data.records["note"].tolist() == ["a", "", "c"]

    def test_unwritable_folder_and_old_file(self, tmp_path: Path) -> None:
        data = Dataset(pd.DataFrame({"note": [object()]}), [[1]], ["a"], {"note": "text"})
        (tmp_path / "a.jsonl").write_text("old", encoding="utf-8")
        with pytest.raises(TypeError):
            write_jsonl(data, tmp_path / "a.jsonl")
        assert [path.name for path in tmp_path.iterdir()] == ["a.jsonl"]
        assert (tmp_path / "a.jsonl").read_text(encoding="utf-8") == "old"


class TestDialMed:
    def test_by_hand(self, tmp_path: Path) -> None:
        (tmp_path / "label.json").write_text('{"乙": 1, "甲": 0}', encoding="utf-8")
        (tmp_path / "ddi.json").write_text('{"甲": ["乙"]}', encoding="utf-8")
        (tmp_path / "dev.txt").write_bytes(
            as_lines(
                {
                    "label": ["乙"],
                    "disease": ["无"],
                    "dialog": ["患者：疼", "医生：用[MASK]，[MASK]"],
                    "original_dialog": [],
                }
            )
        )
        drop, keep = read_dialmed(tmp_path), read_dialmed(tmp_path, masks="keep")
        assert drop.drug_names.tolist() == ["甲", "乙"]
        assert drop.Y.toarray().tolist() == [[0, 1]]
        assert drop.records["dialog"][0] == ["患者：疼", "医生：用"]
        assert keep.records["dialog"][0] == ["患者：疼", "医生：用[MASK]，[MASK]"]
        assert keep.records["mask_count"].tolist() == [2.0]
        assert keep.records["mask_context"].tolist() == ["患者：疼\n医生：用[MASK]，[MASK]"]
        assert not {"mask_count", "mask_context"} & set(drop.records)
        assert drop.records["disease"][0] == []
        assert drop.ddi.to_numpy().tolist() == [["甲", "乙", None]]
        assert drop.aliases is None
        table = tmp_path / "medication_normalization.json"
        table.write_text('{"甲片": "甲", "丙片": "丙", "甲": "甲"}', encoding="utf-8")
        assert read_dialmed(tmp_path).aliases == {"甲": ("甲片",)}
        table.write_text('{"甲片": ["甲"]}', encoding="utf-8")
        with pytest.raises(InputError, match=r"medication_normalization\.json:1: must map each product to its drug"):
            read_dialmed(tmp_path)
        with pytest.raises(ValueError, match="masks must be 'drop' or 'keep'"):
            read_dialmed(tmp_path, masks="count")

    @pytest.mark.parametrize(
        "said",
        ["口服[MASK]。", "口服[MASK]，[MASK]。", "口服[MASK] 和[MASK]、[MASK]+[MASK]。", "口服，[MASK]；\n[MASK]。"],
    )
    def test_dropped_masks_do_not_tell_their_number(self, tmp_path: Path, said: str) -> None:
        (tmp_path / "label.json").write_text('{"甲": 0}', encoding="utf-8")
        record = {"label": ["甲"], "disease": ["无"], "dialog": ["患者：疼", f"医生：{said}"]}
        (tmp_path / "dev.txt").write_bytes(as_lines(record))
        assert read_dialmed(tmp_path).records["dialog"][0][1] == "医生：口服。"

    @pytest.mark.data
    def test_published_split(self) -> None:
        path = data_path("dialmed", "dev.txt")
        drop, keep = read_dialmed(path), read_dialmed(path, masks="keep")
        raw = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        assert drop.Y.shape == keep.Y.shape == (1192, 70)
        for row, one in enumerate(raw):
            start, end = drop.Y.indptr[row : row + 2]
            assert {drop.drug_names[at] for at in drop.Y.indices[start:end]} == set(one["label"])
        counts = keep.records["mask_count"].to_numpy()
        assert counts.tolist() == ["".join(one["dialog"]).count("[MASK]") for one in raw]
        sizes = np.asarray(drop.Y.sum(axis=1)).ravel()
        assert (counts == sizes).mean() >= 0.999
        assert "[MASK]" not in "".join("".join(one) for one in drop.records["dialog"])
        assert (keep.Y != drop.Y).nnz == 0
        pairs = json.loads(data_path("dialmed", "ddi.json").read_text(encoding="utf-8"))
        assert len(drop.ddi) == sum(len(others) for others in pairs.values())
        names = json.loads(data_path("dialmed", "medication_normalization.json").read_text(encoding="utf-8"))
        assert all(names[product] == drug for drug, products in drop.aliases.items() for product in products)
        assert sum(map(len, drop.aliases.values())) == sum(
            drug in set(drop.drug_names) and product != drug for product, drug in names.items()
        )
