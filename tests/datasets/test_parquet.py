"""Partitioned Parquet: what was written comes back, block by block, and what is wrong is named with its row."""

import json
import sys

import numpy as np
import pandas as pd
import pytest

from medrec._checks import InputError
from medrec.datasets import Dataset, ParquetRecords, load, read_parquet, write_generated, write_parquet

pa = pytest.importorskip("pyarrow", reason="needs pyarrow: pip install 'medrec[parquet]'")
pq = pytest.importorskip("pyarrow.parquet", reason="needs pyarrow: pip install 'medrec[parquet]'")

SCHEMA = {
    "note": "text",
    "talk": "dialogue",
    "codes": "codes",
    "sex": "category",
    "age": "number",
    "day": "date",
    "why": "evidence",
}


def make_data(**options):
    records = pd.DataFrame(
        {
            "note": ["发热", "", "cough\nfever"],
            "talk": [["患者：痛", "医生：服药"], [], ["患者：好"]],
            "codes": [["I10", "E11.9"], ["I10"], []],
            "sex": ["男", None, "女"],
            "age": [61.5, np.nan, 30.0],
            "day": ["2015-03-01", None, "2016-01-01"],
            "why": [[["乙", "热"]], [], []],
        },
        dtype=object,
    ).astype({"age": float})
    options = {"ids": ["x", "y", "z"], "groups": ["p", "p", "q"], "ddi": pd.DataFrame([["甲", "乙", None]]), **options}
    if options["ddi"] is not None:
        options["ddi"].columns = ["drug", "other", "severity"]
    return Dataset(records, [[1, 0], [0, 0], [1, 1]], ["甲", "乙"], SCHEMA, aliases={"甲": ["甲片"]}, **options)


def test_what_was_written_comes_back(tmp_path):
    data = make_data()
    paths = write_parquet([data.subset([0, 1]), data.subset([2])], tmp_path)
    assert [path.name for path in paths] == ["part-00000.parquet", "part-00001.parquet"]
    for got in (read_parquet(tmp_path), load(f"parquet:{tmp_path}")):
        assert got.fingerprint() == data.fingerprint()
        assert got.describe() == data.describe()
        assert got.ids.tolist() == data.ids.tolist()
        assert got.groups.tolist() == data.groups.tolist()
        assert got.aliases == data.aliases
        assert got.ddi.to_numpy().tolist() == [["甲", "乙", None]]
        for column in SCHEMA:
            assert got.records[column].astype(str).tolist() == data.records[column].astype(str).tolist()


def test_blocks_are_cut_by_rows_and_files(tmp_path):
    data = load("synthetic:records=50,seed=0")
    write_parquet([data.subset(range(30)), data.subset(range(30, 50))], tmp_path, rows=7)
    records = ParquetRecords(tmp_path)
    assert records.n_records == 50
    blocks = list(records.blocks(12))
    assert [len(block) for block in blocks] == [12, 12, 6, 12, 8]
    assert [one for block in blocks for one in block.ids] == data.ids.tolist()
    assert [len(block) for block in records.blocks(100, records.files[1:])] == [20]


def test_what_others_write_is_read(tmp_path):
    header = {"medrec": 1, "schema": {"note": "text", "age": "number"}, "drugs": ["甲", "乙"]}
    table = pa.table(
        {
            "note": pa.array(["a", "b"]).dictionary_encode(),
            "age": pa.array([30, None], type=pa.int16()),
            "drugs": pa.array([["乙"], None], type=pa.large_list(pa.large_string())),
            "more": [1, 2],
        }
    ).replace_schema_metadata({"medrec": json.dumps(header)})
    path = tmp_path / "some.parquet"
    pq.write_table(table, path)
    data = read_parquet(path)
    assert data.ids.tolist() == ["some.parquet:1", "some.parquet:2"]
    assert len(set(data.groups)) == 2
    assert data.Y.toarray().tolist() == [[0, 1], [0, 0]]
    assert data.records["age"].isna().tolist() == [False, True]
    assert list(data.records) == ["note", "age"]


def broken(tmp_path, columns, header=None, name="broken.parquet"):
    known = {"medrec": 1, "schema": {"note": "text", "codes": "codes"}, "drugs": ["甲"]}
    metadata = {"medrec": json.dumps({**known, **(header or {})})}
    pq.write_table(pa.table(columns).replace_schema_metadata(metadata), tmp_path / name)
    return tmp_path / name


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"note": ["a", "b"], "drugs": [["甲"], ["丙"]]}, r"broken\.parquet:2: column 'drugs' names '丙'"),
        ({"note": ["a", "b"], "id": ["1", "1"]}, "id '1' stands twice"),
        ({"note": ["a", ""]}, r"broken\.parquet:2: record is empty"),
        ({"note": [1, 2]}, r"broken\.parquet:1: column 'note' must be text"),
        ({"note": ["a"], "codes": [[{"a": 1}]]}, r"broken\.parquet:1: column 'codes' must be a list of texts"),
        ({"note": ["a"], "id": [1.5]}, r"broken\.parquet:1: column 'id' must be a number or text"),
    ],
)
def test_bad_records_are_named_with_their_row(tmp_path, columns, message):
    with pytest.raises(InputError, match=message):
        read_parquet(broken(tmp_path, columns))


def test_bad_files_are_named(tmp_path):
    with pytest.raises(InputError, match="is not there"):
        read_parquet(tmp_path / "absent")
    with pytest.raises(InputError, match=r"holds no \*\.parquet"):
        read_parquet(tmp_path)
    (tmp_path / "a.parquet").write_bytes(b"PAR1 not really")
    with pytest.raises(InputError, match=r"a\.parquet: cannot be read as Parquet"):
        read_parquet(tmp_path)
    pq.write_table(pa.table({"note": ["a"]}), tmp_path / "a.parquet")
    with pytest.raises(InputError, match="has no header"):
        read_parquet(tmp_path)
    broken(tmp_path, {"note": ["a"]}, {"schema": {"note": "colour"}}, name="a.parquet")
    with pytest.raises(InputError, match="the kind 'colour'"):
        read_parquet(tmp_path)
    broken(tmp_path, {"note": ["a"]}, {"drugs": None}, name="a.parquet")
    with pytest.raises(InputError, match='must give "drugs"'):
        read_parquet(tmp_path)
    broken(tmp_path, {"note": ["a"]}, name="a.parquet")
    broken(tmp_path, {"note": ["a"]}, {"drugs": ["乙"]}, name="b.parquet")
    with pytest.raises(InputError, match=r"b\.parquet: has another header"):
        read_parquet(tmp_path)
    broken(tmp_path, {"note": pa.array([], type=pa.string())}, name="c.parquet")
    with pytest.raises(InputError, match="holds no records"):
        read_parquet(tmp_path / "c.parquet")
    whole = broken(
        tmp_path, {"note": ["a" * 1000] * 50, "id": list(map(str, range(50)))}, name="d.parquet"
    ).read_bytes()
    (tmp_path / "d.parquet").write_bytes(whole[:200] + whole[-900:])
    with pytest.raises(InputError, match=r"d\.parquet: cannot be read as Parquet"):
        read_parquet(tmp_path / "d.parquet")


def test_files_that_were_not_finished_are_left_alone(tmp_path):
    write_parquet([make_data()], tmp_path)
    (tmp_path / ".part-00001.parquet.x.part").write_bytes(b"")
    (tmp_path / ".hidden.parquet").write_bytes(b"")
    assert len(read_parquet(tmp_path)) == 3
    with pytest.raises(InputError, match="cannot be made"):
        write_parquet([make_data()], tmp_path / "part-00000.parquet")


def test_generated_records_are_the_same_however_many_are_made(tmp_path):
    write_generated(tmp_path / "few", 50, seed=4, file_records=20)
    write_generated(tmp_path / "more", 70, seed=4, file_records=20, columns=("主诉", "出院诊断"))
    few, more = ParquetRecords(tmp_path / "few"), ParquetRecords(tmp_path / "more")
    assert [path.name for path in more.files] == [f"part-0000{at}.parquet" for at in range(4)]
    assert list(more.schema) == ["主诉", "出院诊断"]
    one, two = few.read(), more.read()
    assert one.ids.tolist() == two.ids[:50].tolist()
    assert one.records["主诉"].tolist() == two.records["主诉"][:50].tolist()
    assert len(set(two.groups)) == len({patient for path in more.files for patient in read_parquet(path).groups})
    first = load("synthetic:records=20,seed=4")
    assert one.ids[:20].tolist() == first.ids.tolist()
    assert (one.Y[:20] != first.Y).nnz == 0
    with pytest.raises(ValueError, match="must be at least 1"):
        write_generated(tmp_path / "none", 0)


def test_without_pyarrow_the_cure_is_named(tmp_path, monkeypatch):
    (tmp_path / "a.parquet").touch()
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    for work in (lambda: read_parquet(tmp_path), lambda: write_parquet([make_data()], tmp_path)):
        with pytest.raises(ImportError, match=r'Records in Parquet files need .* pip install "medrec\[parquet\]"'):
            work()


def test_files_of_one_name_in_two_folders_keep_their_records_apart(tmp_path):
    for folder in ("a", "b"):
        data = make_data()
        [path] = write_parquet([data], tmp_path / folder)
        pq.write_table(pq.read_table(path).drop_columns(["id", "patient"]), path)
    both = read_parquet(tmp_path)
    assert both.ids.tolist() == [f"{folder}/part-00000.parquet:{row}" for folder in "ab" for row in (1, 2, 3)]
    assert len(set(both.groups)) == 6


def test_a_folder_that_was_not_finished_is_not_read(tmp_path):
    write_parquet([make_data()], tmp_path)
    left = tmp_path / ".sets.part"
    left.mkdir()
    (left / "part-00000.parquet").write_bytes(b"half")
    assert ParquetRecords(tmp_path).n_records == 3


def test_generated_records_are_not_mixed_with_those_of_before(tmp_path):
    write_generated(tmp_path, 40, file_records=20)
    write_generated(tmp_path, 40, file_records=20, seed=1)
    with pytest.raises(InputError, match=r"holds part-00001[.]parquet already"):
        write_generated(tmp_path, 20, file_records=20)
    with pytest.raises(ValueError, match=r"columns must be of .*; got 'colour'"):
        write_generated(tmp_path / "other", 20, columns=["BMI", "colour"])
