"""UCI diabetes: the published file beside pandas, and small files by hand."""

import csv
import gzip
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from medrec._checks import InputError
from medrec.cli import main
from medrec.datasets import load, read_uci_diabetes
from medrec.datasets.uci_diabetes import DRUGS, ENCOUNTER, LEAKS, PATIENT, SCHEMA
from medrec.features import RecordVectorizer
from tests._data import data_path

HEADER = [ENCOUNTER, PATIENT, *SCHEMA, *DRUGS, *LEAKS]
PLAIN = {
    "race": "Asian",
    "gender": "Female",
    "age": "[70-80)",
    "diag_1": "250.83",
    "diag_2": "V57",
    "max_glu_serum": "None",
    "A1Cresult": ">8",
    **dict.fromkeys(DRUGS, "No"),
    **dict.fromkeys((column for column, kind in SCHEMA.items() if kind == "number"), "2"),
}


def row(number: int, **changes: str) -> dict[str, str]:
    """Encounter ``number``, two encounters a patient; ``_`` of a keyword stands for ``-``."""
    given = {key.replace("_", "-") if key.replace("_", "-") in DRUGS else key: value for key, value in changes.items()}
    return {**PLAIN, ENCOUNTER: str(100 + number), PATIENT: str(number // 2)} | given


def as_csv(*rows: dict[str, str], header: list[str] | None = None) -> str:
    file = io.StringIO()
    writer = csv.DictWriter(file, HEADER if header is None else header, restval="?", extrasaction="ignore")
    writer.writeheader()
    writer.writerows(rows)
    return file.getvalue()


def write(folder: Path, *rows: dict[str, str], **options: Any) -> Path:
    path = folder / "diabetic_data.csv"
    path.write_text(as_csv(*rows, **options), encoding="utf-8", newline="")
    return path


class TestByHand:
    def test_values(self, tmp_path: Path) -> None:
        path = write(tmp_path, row(0, insulin="Up", metformin="Steady"), row(1, glyburide_metformin="Down"), row(2))
        data = read_uci_diabetes(path)
        assert data.ids.tolist() == ["100", "101", "102"]
        assert data.groups.tolist() == ["0", "0", "1"]
        assert data.drug_names.tolist() == list(DRUGS)
        sets = [{DRUGS[at] for at in data.Y[[one]].indices} for one in range(3)]
        assert sets == [{"insulin", "metformin"}, {"glyburide-metformin"}, set()]
        first = data.records.loc[0].to_dict()
        assert (first["race"], first["age"], first["weight"]) == ("Asian", "[70-80)", None)
        assert (first["max_glu_serum"], first["A1Cresult"]) == ("None", ">8")
        assert (first["diag_1"], first["diag_2"], first["diag_3"]) == (["250.83"], ["V57"], [])
        assert first["num_procedures"] == 2.0
        assert not set(LEAKS) & set(data.records)
        assert data.notes == ("columns left out because they tell the drugs or come after them: 3",)

    def test_missing_is_missing_and_none_is_a_value(self, tmp_path: Path) -> None:
        rows = row(0, race="?", num_procedures="?", A1Cresult="None"), row(1, race="", A1Cresult="?"), row(2)
        data = read_uci_diabetes(write(tmp_path, *rows))
        assert data.records["race"].tolist() == [None, None, "Asian"]
        assert data.records["A1Cresult"].tolist() == ["None", None, ">8"]
        assert data.records["num_procedures"].isna().tolist() == [True, False, False]
        vectorizer = RecordVectorizer(data.schema, min_df=1)
        columns = dict(zip(vectorizer.fit(data.records).get_feature_names_out(), vectorizer.transform(data.records).T))
        assert columns["A1Cresult:is=None"].toarray().ravel().tolist() == [1, 0, 0]
        assert columns["num_procedures:number=missing"].toarray().ravel().tolist() == [1, 0, 0]
        assert "race:is=None" not in columns
        assert "race:is=?" not in columns
        assert columns["diag_1:prefix=250"].toarray().ravel().tolist() == [1, 1, 1]

    @pytest.mark.parametrize(
        ("written", "code"),
        [("38", "038"), ("8", "008"), ("8.5", "008.5"), ("250", "250"), ("250.01", "250.01"), ("E909", "E909")],
    )
    def test_leading_zeros_of_codes_come_back(self, tmp_path: Path, written: str, code: str) -> None:
        data = read_uci_diabetes(write(tmp_path, row(0, diag_3=written)))
        assert data.records["diag_3"][0] == [code]
        assert ("ICD-9 codes got their leading zeros back: 1" in data.notes) == (written != code)

    def test_order_of_columns_is_free_and_strange_ones_and_blank_lines_are_counted(self, tmp_path: Path) -> None:
        header = ["strange", *HEADER[::-1]]
        path = write(tmp_path, row(0, insulin="Up"), header=header)
        path.write_text(path.read_text(encoding="utf-8") + "\n,,\n", encoding="utf-8")
        data = read_uci_diabetes(path)
        assert [DRUGS[at] for at in data.Y.indices] == ["insulin"]
        assert data.notes == (
            "blank lines were passed over: 2",
            "columns left out because they are not published: 1",
            "columns left out because they tell the drugs or come after them: 3",
        )

    def test_columns_that_leak_need_not_be_there(self, tmp_path: Path) -> None:
        header = [name for name in HEADER if name not in LEAKS]
        assert read_uci_diabetes(write(tmp_path, row(0), header=header)).notes == ()

    def test_packed_file_and_folder(self, tmp_path: Path) -> None:
        plain = read_uci_diabetes(write(tmp_path, row(0), row(1, insulin="Up")))
        assert load(f"uci-diabetes:{tmp_path}").fingerprint() == plain.fingerprint()
        path = tmp_path / "diabetic_data.csv"
        packed = tmp_path / "packed"
        packed.mkdir()
        (packed / "diabetic_data.csv.gz").write_bytes(gzip.compress(path.read_bytes()))
        assert read_uci_diabetes(packed).fingerprint() == plain.fingerprint()


class TestRefused:
    @pytest.mark.parametrize(
        ("changes", "says"),
        [
            ({"insulin": "Maybe"}, r":3: column 'insulin' must be one of No, Steady, Up, Down; got 'Maybe'"),
            ({"tolazamide": "?"}, r":3: column 'tolazamide' must be one of No, Steady, Up, Down; got '\?'"),
            ({"num_procedures": "two"}, r":3: column 'num_procedures' must be a number; got 'two'"),
            ({"time_in_hospital": "inf"}, r":3: column 'time_in_hospital' must be a finite number; got 'inf'"),
            ({"diag_2": "diabetes"}, r":3: column 'diag_2' must be an ICD-9 code such as 250.83 or V57; got 'diab"),
            ({ENCOUNTER: "?"}, r":3: column 'encounter_id' is missing; every encounter needs"),
            ({PATIENT: " "}, r":3: column 'patient_nbr' is missing; every encounter needs"),
            ({ENCOUNTER: "100"}, r":3: encounter '100' stands at line 2 already; keep one"),
        ],
    )
    def test_values_with_file_and_line(self, tmp_path: Path, changes: dict[str, str], says: str) -> None:
        path = write(tmp_path, row(0), row(1, **changes), row(2))
        with pytest.raises(InputError, match=rf"diabetic_data\.csv{says}"):
            read_uci_diabetes(path)

    @pytest.mark.parametrize("lost", [ENCOUNTER, PATIENT, "A1Cresult", "insulin"])
    def test_missing_columns(self, tmp_path: Path, lost: str) -> None:
        path = write(tmp_path, row(0), header=[name for name in HEADER if name != lost])
        with pytest.raises(InputError, match=rf"diabetic_data\.csv:1: lacks 1 of the 47 columns, such as '{lost}'"):
            read_uci_diabetes(path)

    def test_column_twice(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match=r"\.csv:1: names the column 'insulin' twice"):
            read_uci_diabetes(write(tmp_path, row(0), header=[*HEADER, "insulin"]))

    @pytest.mark.parametrize(
        ("text", "says"),
        [
            (as_csv(row(0)) + "1,2\n", r":3: has 2 cells for 50 columns"),
            (as_csv(row(0)) + '"open\n', r":3: is not CSV"),
            (as_csv(), r":1: holds no records"),
            ("", r":1: lacks 47 of the 47 columns"),
        ],
    )
    def test_broken_files(self, tmp_path: Path, text: str, says: str) -> None:
        (tmp_path / "a.csv").write_text(text, encoding="utf-8", newline="")
        with pytest.raises(InputError, match=rf"a\.csv{says}"):
            read_uci_diabetes(tmp_path / "a.csv")

    def test_no_file(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match=r"diabetic_data\.csv: cannot be read"):
            read_uci_diabetes(tmp_path)


class TestCommandLine:
    def test_describe(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        write(tmp_path, row(0, insulin="Up"), row(1), row(2, insulin="Steady"))
        assert main(["data", "describe", f"uci-diabetes:{tmp_path}"]) == 0
        out, err = capsys.readouterr()
        found = json.loads(out)
        assert (found["records"], found["patients"], found["drugs"], found["empty_sets"]) == (3, 2, 23, 1)
        assert "columns left out because they tell the drugs" in err

    def test_evaluate(self, tmp_path: Path) -> None:
        rows = [row(at, insulin="Up" if at % 3 else "No", race="Asian" if at % 3 else "Other") for at in range(24)]
        out = tmp_path / "figures.json"
        source = f"uci-diabetes:{write(tmp_path, *rows)}"
        assert main(["evaluate", "--data", source, "--cv", "2", "--set", "cv=2", "--jobs", "1", "--out", str(out)]) == 0
        assert out.exists()


@pytest.mark.data
class TestPublished:
    @pytest.fixture
    def path(self) -> Path:
        return data_path("uci_diabetes130", "diabetic_data.csv.gz")

    def test_as_pandas_reads_it(self, path: Path) -> None:
        data = read_uci_diabetes(path)
        table = pd.read_csv(path, dtype=str, keep_default_na=False, na_values={})
        assert data.Y.shape == (len(table), 23) == (81412, 23)
        assert np.array_equal(data.Y.toarray(), table[list(DRUGS)].ne("No").to_numpy())
        assert set(np.unique(table[list(DRUGS)].to_numpy())) == {"No", "Steady", "Up", "Down"}
        assert data.ids.tolist() == table[ENCOUNTER].tolist()
        assert data.groups.tolist() == table[PATIENT].tolist()
        for column, kind in SCHEMA.items():
            raw, found = table[column], data.records[column]
            if kind == "number":
                assert np.array_equal(found.to_numpy(), raw.astype(float).to_numpy())
            elif kind == "category":
                assert found.isna().tolist() == raw.eq("?").tolist()
                assert found[raw.ne("?")].tolist() == raw[raw.ne("?")].tolist()
            else:
                assert [len(one) for one in found] == raw.ne("?").astype(int).tolist()
                assert all(one[0].lstrip("0") == code for one, code in zip(found, raw) if one)
                assert all(len(one[0].partition(".")[0]) >= 3 for one in found if one)
        assert (data.records["A1Cresult"] == "None").sum() == table["A1Cresult"].eq("None").sum() > 60_000
        short = sum(
            int(table[column].str.fullmatch(r"\d{1,2}(\..*)?").sum()) for column in ("diag_1", "diag_2", "diag_3")
        )
        assert f"ICD-9 codes got their leading zeros back: {short}" in data.notes
        # 22 % of the encounters have none of the drugs, see `diabetesMed`, which is left out.
        none = np.diff(data.Y.indptr) == 0
        assert none.mean() == pytest.approx(0.22, abs=0.01)

    def test_features(self, path: Path) -> None:
        data = read_uci_diabetes(path)
        vectorizer = RecordVectorizer(data.schema)
        X = vectorizer.fit_transform(data.records)
        names = vectorizer.get_feature_names_out().tolist()
        assert X.shape == (len(data), len(names))
        given = np.asarray(X[:, [names.index("A1Cresult:is=None")]].toarray()).ravel()
        assert np.array_equal(given == 1, (data.records["A1Cresult"] == "None").to_numpy())
        assert "diag_1:prefix=250" in names
        assert not any(leak in name for name in names for leak in LEAKS)
