"""MIMIC's tables: the open demo beside pandas, and small files of both releases by hand."""
# ruff: noqa: E501 - one row or case a line

import csv
import gzip
import io
import json
import re
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medrec._checks import InputError
from medrec.cli import main
from medrec.datasets import load, read_mimic
from medrec.datasets._mimic_drugs import normal_drug, padded_ndc
from medrec.features import RecordVectorizer
from tests._data import data_path

Rows = list[dict[str, str]]

IV: dict[str, Rows] = {
    "patients": [
        {"subject_id": "1", "gender": "F", "anchor_age": "60", "anchor_year": "2150"},
        {"subject_id": "2", "gender": "M", "anchor_age": "91", "anchor_year": "2160"},
    ],
    "admissions": [
        {"subject_id": "1", "hadm_id": "10", "admittime": "2150-03-01 10:00:00", "insurance": "Other", "language": "?"},
        {"subject_id": "1", "hadm_id": "11", "admittime": "2152-03-01 23:00:00", "race": "WHITE"},
        {"subject_id": "2", "hadm_id": "20", "admittime": "2160-01-01 00:00:00", "admission_type": "URGENT"},
    ],
    "diagnoses_icd": [
        {"subject_id": "1", "hadm_id": "10", "seq_num": "2", "icd_code": "4139", "icd_version": "9"},
        {"subject_id": "1", "hadm_id": "10", "seq_num": "10", "icd_code": "0090", "icd_version": "9"},
        {"subject_id": "1", "hadm_id": "10", "seq_num": "1", "icd_code": "E119", "icd_version": "10"},
        {"subject_id": "1", "hadm_id": "10", "seq_num": "3", "icd_code": "4139", "icd_version": "9"},
        {"subject_id": "2", "hadm_id": "20", "seq_num": "1", "icd_code": "E8497", "icd_version": "9"},
    ],
    "procedures_icd": [
        {"subject_id": "1", "hadm_id": "11", "seq_num": "1", "icd_code": "0DJ08ZZ", "icd_version": "10"}
    ],
    "prescriptions": [
        {"subject_id": "1", "hadm_id": "10", "starttime": "2150-03-01 11:00:00", "drug_type": "MAIN", "drug": "Senna", "ndc": "00000000001"},
        {"subject_id": "1", "hadm_id": "10", "starttime": "2150-03-01 11:00:00", "drug_type": "MAIN", "drug": "SENNA ", "ndc": "0"},
        {"subject_id": "1", "hadm_id": "10", "starttime": "2150-03-02 10:00:00", "drug_type": "MAIN", "drug": "Acetaminophen IV", "ndc": "2"},
        {"subject_id": "1", "hadm_id": "10", "starttime": "2150-03-01 11:00:00", "drug_type": "BASE", "drug": "Bag", "ndc": "0"},
        {"subject_id": "2", "hadm_id": "20", "starttime": "", "drug_type": "ADDITIVE", "drug": "Senna", "ndc": ""},
        {"subject_id": "2", "hadm_id": "20", "starttime": "2160-01-01 00:00:00", "drug_type": "MAIN", "drug": "Insulin", "ndc": "00000000003"},
    ],
}  # fmt: skip
III: dict[str, Rows] = {
    "PATIENTS": [
        {"ROW_ID": "1", "SUBJECT_ID": "1", "GENDER": "F", "DOB": "2090-06-15 00:00:00"},
        {"ROW_ID": "2", "SUBJECT_ID": "2", "GENDER": "M", "DOB": "1860-01-01 00:00:00"},
    ],
    "ADMISSIONS": [
        {"SUBJECT_ID": "1", "HADM_ID": "10", "ADMITTIME": "2150-06-14 10:00:00", "ETHNICITY": "ASIAN", "INSURANCE": "Private"},
        {"SUBJECT_ID": "2", "HADM_ID": "20", "ADMITTIME": "2160-01-01 09:00:00", "ETHNICITY": "", "INSURANCE": ""},
    ],
    "DIAGNOSES_ICD": [
        {"SUBJECT_ID": "1", "HADM_ID": "10", "SEQ_NUM": "1", "ICD9_CODE": "0090"},
        {"SUBJECT_ID": "1", "HADM_ID": "10", "SEQ_NUM": "", "ICD9_CODE": ""},
        {"SUBJECT_ID": "9", "HADM_ID": "99", "SEQ_NUM": "1", "ICD9_CODE": "4139"},
    ],
    "PROCEDURES_ICD": [{"SUBJECT_ID": "1", "HADM_ID": "10", "SEQ_NUM": "1", "ICD9_CODE": "3893"}],
    "PRESCRIPTIONS": [
        {"SUBJECT_ID": "1", "HADM_ID": "10", "STARTDATE": "2150-06-14 00:00:00", "DRUG_TYPE": "MAIN", "DRUG": "Senna", "NDC": "00000000001"},
        {"SUBJECT_ID": "1", "HADM_ID": "10", "STARTDATE": "2150-06-16 00:00:00", "DRUG_TYPE": "MAIN", "DRUG": "Insulin", "NDC": "00000000003"},
        {"SUBJECT_ID": "1", "HADM_ID": "", "STARTDATE": "2150-06-14 00:00:00", "DRUG_TYPE": "MAIN", "DRUG": "Senna", "NDC": "0"},
        {"SUBJECT_ID": "2", "HADM_ID": "20", "STARTDATE": "2160-01-01 00:00:00", "DRUG_TYPE": "MAIN", "DRUG": "", "NDC": "0"},
    ],
    "NOTEEVENTS": [
        {"SUBJECT_ID": "1", "HADM_ID": "10", "CATEGORY": "Discharge summary", "ISERROR": "", "TEXT": 'first "part"\nof\ttwo,'},
        {"SUBJECT_ID": "1", "HADM_ID": "10", "CATEGORY": "Nursing", "ISERROR": "", "TEXT": "no"},
        {"SUBJECT_ID": "1", "HADM_ID": "10", "CATEGORY": "Discharge summary", "ISERROR": "1", "TEXT": "wrong"},
        {"SUBJECT_ID": "1", "HADM_ID": "10", "CATEGORY": "Discharge summary", "ISERROR": "", "TEXT": "addendum"},
        {"SUBJECT_ID": "1", "HADM_ID": "", "CATEGORY": "Discharge summary", "ISERROR": "", "TEXT": "of nobody"},
    ],
}  # fmt: skip
NOTES: Rows = [
    {"note_id": "a", "subject_id": "1", "hadm_id": "11", "note_seq": "12", "text": "later"},
    {"note_id": "b", "subject_id": "1", "hadm_id": "11", "note_seq": "2", "text": "sooner"},
    {"note_id": "c", "subject_id": "2", "hadm_id": "20", "note_seq": "1", "text": ""},
]
MAPPING = "ndc11,atc4char\n00000000001,A06A\n2,N02BE01\n00000000001,A06A\n0,A01A\n"


def as_csv(rows: Rows) -> str:
    file = io.StringIO()
    names = list(dict.fromkeys(name for row in rows for name in row))
    writer = csv.DictWriter(file, names, restval="")
    writer.writeheader()
    writer.writerows(rows)
    return file.getvalue()


def write(folder: Path, tables: dict[str, Rows] = IV, **changes: Any) -> Path:
    """The tables as CSV; an argument gives a table's rows or text anew, ``None`` leaves it out."""
    folder.mkdir(exist_ok=True)
    for name, rows in (tables | changes).items():
        if rows is not None:
            text = rows if isinstance(rows, str) else as_csv(rows)
            (folder / f"{name}.csv").write_text(text, encoding="utf-8", newline="")
    return folder


def second(table: str, **changes: str) -> dict[str, Rows]:
    """A table of MIMIC-IV whose second row is changed."""
    first, row, *rest = IV[table] + IV[table][:1]
    return {table: [first, row | changes, *rest[: len(IV[table]) - 2]]}


def sets(data: Any) -> list[set[str]]:
    return [{data.drug_names[at] for at in data.Y[[row]].indices} for row in range(len(data))]


class TestFourByHand:
    def test_values(self, tmp_path: Path) -> None:
        data = load(f"mimic:{write(tmp_path)}")
        assert data.ids.tolist() == ["10", "11", "20"]
        assert data.groups.tolist() == ["1", "1", "2"]
        assert data.records["diagnoses"].tolist() == [["ICD10:E119", "ICD9:4139", "ICD9:0090"], [], ["ICD9:E8497"]]
        assert data.records["procedures"].tolist() == [[], ["ICD10:0DJ08ZZ"], []]
        assert data.records["age"].tolist() == [60, 62, 91]
        assert data.records["gender"].tolist() == ["F", "F", "M"]
        assert data.records["language"].tolist() == [None, None, None]
        assert data.records["insurance"].tolist() == ["Other", None, None]
        assert data.records["race"].tolist() == [None, "WHITE", None]
        assert data.drug_names.tolist() == ["acetaminophen", "insulin", "senna"]
        assert sets(data) == [{"acetaminophen", "senna"}, set(), {"insulin", "senna"}]
        assert data.notes == (
            "admissions of patients above 89, whose age was set to 91: 1",
            "admissions without drugs, which have empty sets: 1",
            "diagnoses_icd.csv: rows read: 5",
            "prescriptions.csv: rows kept: 5",
            "prescriptions.csv: rows left out, the fluid or vehicle that carries a drug (drug_type BASE): 1",
            "prescriptions.csv: rows read: 6",
            "procedures_icd.csv: rows read: 1",
        )

    def test_first_hours(self, tmp_path: Path) -> None:
        data = read_mimic(write(tmp_path), hours=24)
        assert sets(data) == [{"senna"}, set(), {"insulin"}]
        assert "prescriptions.csv: rows left out, started later than 24 hours after admission: 1" in data.notes
        assert "prescriptions.csv: rows left out, without a start: 1" in data.notes
        assert sets(read_mimic(tmp_path, hours=24.001))[0] == {"senna", "acetaminophen"}

    def test_classes(self, tmp_path: Path) -> None:
        mapping = tmp_path / "map.csv"
        mapping.write_text(MAPPING)
        data = load(f"mimic:{write(tmp_path)}", labels="atc3", mapping=mapping)
        assert data.drug_names.tolist() == ["A06A", "N02B"]
        assert sets(data) == [{"A06A", "N02B"}, set(), set()]
        assert [note for note in data.notes if "left out" in note] == [
            "map.csv: rows left out, without NDC or ATC code: 1",
            "prescriptions.csv: rows left out, NDC not in the mapping: 1",
            "prescriptions.csv: rows left out, the fluid or vehicle that carries a drug (drug_type BASE): 1",
            "prescriptions.csv: rows left out, without an NDC: 2",
        ]
        mapping.write_text("YEAR,MONTH,NDC,RXCUI,ATC4\n2009,1,00000000003,7,A10AB\n2009,1,00000000003,7,A10AC\n")
        assert sets(read_mimic(tmp_path, labels="atc3", mapping=mapping))[2] == {"A10A"}

    def test_rare_drugs(self, tmp_path: Path) -> None:
        data = read_mimic(write(tmp_path), min_count=2)
        assert data.drug_names.tolist() == ["senna"]
        assert "drugs left out, of fewer than 2 admissions: 2" in data.notes
        assert "admissions' drugs left out, of fewer than 2 admissions: 2" in data.notes

    def test_notes(self, tmp_path: Path) -> None:
        data = read_mimic(write(tmp_path, discharge=NOTES), notes=True)
        assert data.records["text"].tolist() == ["", "sooner\n\nlater", ""]
        assert data.schema["text"] == "text"
        assert "admissions without a discharge summary: 2" in data.notes
        assert "discharge.csv: rows left out, without text: 1" in data.notes
        (tmp_path / "discharge.csv").rename(tmp_path / "mine.csv")
        assert read_mimic(tmp_path, notes=tmp_path / "mine.csv").fingerprint() == data.fingerprint()

    def test_a_long_note(self, tmp_path: Path) -> None:
        notes = [{"subject_id": "1", "hadm_id": "10", "text": "word " * 150_000}]
        assert len(read_mimic(write(tmp_path, discharge=notes), notes=True).records["text"][0]) == 749_999

    def test_folders_cases_and_packing_do_not_matter(self, tmp_path: Path) -> None:
        plain = read_mimic(write(tmp_path / "plain", discharge=NOTES), notes=True)
        packed = tmp_path / "packed"
        for name, rows in (IV | {"discharge": NOTES}).items():
            folder = packed / ("note" if name == "discharge" else "hosp")
            folder.mkdir(exist_ok=True, parents=True)
            upper = [{key.upper(): value for key, value in row.items()} for row in rows]
            (folder / f"{name.upper()}.csv.gz").write_bytes(gzip.compress(as_csv(upper).encode()))
        assert read_mimic(packed, notes=True).fingerprint() == plain.fingerprint()

    def test_without_prescriptions_every_set_is_empty(self, tmp_path: Path) -> None:
        data = read_mimic(write(tmp_path, prescriptions=None))
        assert data.Y.shape == (3, 0)
        assert "admissions without drugs, which have empty sets: 3" in data.notes

    def test_features_know_the_categories_of_both_versions(self, tmp_path: Path) -> None:
        data = read_mimic(write(tmp_path))
        vectorizer = RecordVectorizer(data.schema, min_df=1).fit(data.records)
        prefixes = {name for name in vectorizer.get_feature_names_out() if ":prefix=" in name}
        # An external cause of ICD-9 has four characters before the dot; E84 would be ICD-10's cystic fibrosis.
        assert prefixes == {
            "diagnoses:prefix=413",
            "diagnoses:prefix=009",
            "diagnoses:prefix=E11",
            "diagnoses:prefix=E849",
            "procedures:prefix=0DJ",
        }


class TestThreeByHand:
    def test_values(self, tmp_path: Path) -> None:
        data = read_mimic(write(tmp_path, III), notes=True)
        assert data.records["age"].tolist() == [59, 91]  # a day before the 60th birthday; births before 1900
        assert data.records["race"].tolist() == ["ASIAN", None]
        assert data.records["diagnoses"].tolist() == [["ICD9:0090"], []]
        assert data.records["procedures"].tolist() == [["ICD9:3893"], []]
        assert data.records["text"].tolist() == ['first "part"\nof\ttwo,\n\naddendum', ""]
        assert sets(data) == [{"insulin", "senna"}, set()]
        assert [note for note in data.notes if "left out" in note] == [
            "DIAGNOSES_ICD.csv: rows left out, of an admission that is not in ADMISSIONS.csv: 1",
            "DIAGNOSES_ICD.csv: rows left out, without a code: 1",
            "NOTEEVENTS.csv: rows left out, marked as an error: 1",
            "NOTEEVENTS.csv: rows left out, no discharge summary: 1",
            "NOTEEVENTS.csv: rows left out, without an admission: 1",
            "PRESCRIPTIONS.csv: rows left out, without a drug: 1",
            "PRESCRIPTIONS.csv: rows left out, without an admission: 1",
        ]

    def test_first_day(self, tmp_path: Path) -> None:
        assert sets(read_mimic(write(tmp_path, III), hours=24)) == [{"senna"}, set()]

    def test_nothing_is_carried_forward(self, tmp_path: Path) -> None:
        # Preprocessing in the literature fills a missing NDC from the row before, which may be another patient's.
        (tmp_path / "map.csv").write_text(MAPPING)
        data = read_mimic(write(tmp_path, III), labels="atc3", mapping=tmp_path / "map.csv")
        assert sets(data) == [{"A06A"}, set()]


class TestNames:
    @pytest.mark.parametrize(
        ("written", "name"),
        [
            ("Acetaminophen IV", "acetaminophen"),
            ("OxyCODONE (Immediate Release) ", "oxycodone"),
            ("0.9% Sodium Chloride", "sodium chloride"),
            ("Albumin 25% (12.5g / 50mL)", "albumin"),
            ("Albuterol 0.083% Neb Soln", "albuterol"),
            ("Clonidine Patch 0.2 mg/24 hr", "clonidine"),
            ("Hydrocodone-Acetaminophen (5mg-500mg)", "hydrocodone-acetaminophen"),
            ("Heparin Flush (10 units/ml)", "heparin flush"),
            ("Fluticasone-Salmeterol Diskus (100/50)", "fluticasone-salmeterol"),
            ("SulfaSALAzine_", "sulfasalazine"),
            ("Latanoprost 0.005% Ophth. Soln.", "latanoprost"),
            # What may tell drugs apart stays.
            ("Metoprolol Tartrate", "metoprolol tartrate"),
            ("HYDROmorphone (Dilaudid)", "hydromorphone (dilaudid)"),
            ("Insulin (Regular) for Hyperkalemia", "insulin (regular) for hyperkalemia"),
            ("Vitamin D3 ", "vitamin d3"),
            ("Pneumococcal 23-valent polysaccharide vaccine", "pneumococcal 23-valent polysaccharide vaccine"),
            ("Soln", "soln"),
            ("5%", "5%"),
        ],
    )
    def test_doses_and_forms_go(self, written: str, name: str) -> None:
        assert normal_drug(written) == name
        assert normal_drug(name) == name

    @pytest.mark.parametrize(
        ("written", "ndc"),
        [("2", "00000000002"), ("0", None), ("", None), ("000", None), ("nan", None), ("00002-2024-02", "00002202402")],
    )
    def test_ndc(self, written: str, ndc: str | None) -> None:
        assert padded_ndc(written) == ndc


BROKEN = [
    ("patient twice", {"patients": IV["patients"][:1] * 2}, r"patients\.csv:3: patient '1' stands twice"),
    ("patient without number", second("patients", subject_id=""), r"patients\.csv:3: subject_id is missing"),
    ("unknown sex", second("patients", gender="X"), r"patients\.csv:3: gender must be F or M; got 'X'"),
    ("age is a word", second("patients", anchor_age="old"), r"patients\.csv:3: anchor_age and anchor_year must be"),
    ("year is a word", second("patients", anchor_year="x"), r"patients\.csv:3: anchor_age and anchor_year must be"),
    ("no patients", {"patients": as_csv(IV["patients"][:1]).split("\n")[0] + "\n"}, r"patients\.csv:1: holds no pati"),
    ("unknown patient", second("admissions", subject_id="7"), r"admissions\.csv:3: patient '7' is not in patients\.csv"),
    ("admission twice", second("admissions", hadm_id="10"), r"admissions\.csv:3: admission '10' stands at line 2 already"),
    ("admission without number", second("admissions", hadm_id=""), r"admissions\.csv:3: an admission needs subject_id"),
    ("no time", second("admissions", admittime=""), r"admissions\.csv:3: admittime must be a time such as 2196-"),
    ("month 13", second("admissions", admittime="2150-13-01"), r"admissions\.csv:3: admittime must be a time"),
    ("another patient's diagnosis", second("diagnoses_icd", subject_id="2"), r"diagnoses_icd\.csv:3: gives admission '10' to patient '2'"),
    ("no code", second("diagnoses_icd", icd_code="dia betes"), r"diagnoses_icd\.csv:3: must have an ICD code such as"),
    ("version 11", second("diagnoses_icd", icd_version="11"), r"diagnoses_icd\.csv:3: icd_version must be 9 or 10; got '11'"),
    ("place is a word", second("diagnoses_icd", seq_num="first"), r"diagnoses_icd\.csv:3: seq_num must be a whole number"),
    ("another release", {"procedures_icd": [IV["procedures_icd"][0] | {"hadm_id": "5"}]}, r"procedures_icd\.csv: has no row of an admission in admissions\.csv"),
    ("cells are missing", {"diagnoses_icd": as_csv(IV["diagnoses_icd"]) + "1,2\n"}, r"diagnoses_icd\.csv:7: has 2 cells for 5 columns"),
    ("open quote", {"prescriptions": as_csv(IV["prescriptions"]) + '"1,2\n'}, r"prescriptions\.csv:8: is not CSV"),
    ("column twice", {"admissions": "subject_id,hadm_id,admittime,HADM_ID\n"}, r"admissions\.csv:1: names the column 'hadm_id' twice"),
    ("no header", {"prescriptions": ""}, r"prescriptions\.csv:1: lacks the column subject_id"),
    ("no code column", {"diagnoses_icd": "subject_id,hadm_id\n1,10\n"}, r"diagnoses_icd\.csv:1: lacks the column icd_code or icd9_code"),
    ("no start column", {"prescriptions": "subject_id,hadm_id,drug\n1,10,a\n"}, r"lacks the column starttime or startdate"),
    ("no admissions", {"admissions": None}, r"holds no admissions\.csv or \.csv\.gz, here or in hosp; name the folder"),
    ("no procedures", {"procedures_icd": None}, r"holds no procedures_icd\.csv"),
    ("empty admissions", {"admissions": "subject_id,hadm_id,admittime\n"}, r"admissions\.csv:1: holds no admissions"),
]  # fmt: skip


class TestRefused:
    @pytest.mark.parametrize(("name", "changes", "says"), BROKEN, ids=[case[0] for case in BROKEN])
    def test_tables(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, changes: dict[str, Any], says: str
    ) -> None:
        write(tmp_path, **changes)
        assert main(["data", "describe", f"mimic:{tmp_path}"]) == 1
        out, err = capsys.readouterr()
        assert out == ""
        assert len(err.splitlines()) == 1
        assert re.search(says, err), err

    @pytest.mark.parametrize("table", IV)
    def test_damaged_files(self, tmp_path: Path, table: str) -> None:
        write(tmp_path)
        whole = (tmp_path / f"{table}.csv").read_bytes()
        (tmp_path / f"{table}.csv").write_bytes(whole + "1,é\n".encode("latin-1"))
        with pytest.raises(InputError, match=rf"{table}\.csv:\d+: (is not UTF-8|ends within)"):
            read_mimic(tmp_path)
        (tmp_path / f"{table}.csv").unlink()
        (tmp_path / f"{table}.csv.gz").write_bytes(gzip.compress(whole)[:-12])
        with pytest.raises(InputError, match=rf"{table}\.csv\.gz:\d+: cannot be unpacked .*copy it again"):
            read_mimic(tmp_path)

    def test_start_is_a_word(self, tmp_path: Path) -> None:
        write(tmp_path, **second("prescriptions", starttime="noon"))
        assert read_mimic(tmp_path).Y.nnz  # it is not looked at unless asked for
        with pytest.raises(InputError, match=r"prescriptions\.csv:3: starttime must be a time"):
            read_mimic(tmp_path, hours=2)

    def test_notes(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match=r"holds no discharge\.csv"):
            read_mimic(write(tmp_path), notes=True)
        write(tmp_path, discharge=[NOTES[0] | {"note_seq": "last"}])
        with pytest.raises(InputError, match=r"discharge\.csv:2: note_seq must be a whole number"):
            read_mimic(tmp_path, notes=True)
        write(tmp_path, discharge='subject_id,hadm_id,text\n1,10,"' + "x" * (2**20 + 1) + '"\n')
        with pytest.raises(InputError, match=r"discharge\.csv:2: is not CSV \(field larger than"):
            read_mimic(tmp_path, notes=True)

    @pytest.mark.parametrize(
        ("text", "says"),
        [
            ("{'00338500341': u'1665046'}", r"map\.csv:1: maps NDC to RxCUI, which says nothing of ATC"),
            ("a,b\n1,2\n", r"map\.csv:1: must have a column for the NDC and one for the ATC code"),
            ("ndc,atc\n1,insulin\n", r"map\.csv:2: must have an ATC code such as A10B or A10BA02; got 'insulin'"),
            ("ndc,atc\n0,A10B\n", r"map\.csv:1: holds no NDC"),
        ],
    )
    def test_mappings(self, tmp_path: Path, text: str, says: str) -> None:
        (tmp_path / "map.csv").write_text(text)
        with pytest.raises(InputError, match=says):
            read_mimic(write(tmp_path), labels="atc3", mapping=tmp_path / "map.csv")

    @pytest.mark.parametrize(
        "options",
        [
            {"labels": "ndc"},
            {"labels": "atc3"},
            {"mapping": "map.csv"},
            {"hours": 0},
            {"hours": "day"},
            {"hours": True},
            {"min_count": 0},
            {"min_count": 1.5},
            {"colour": "red"},
        ],
    )
    def test_options(self, tmp_path: Path, capsys: pytest.CaptureFixture[str], options: dict[str, Any]) -> None:
        words = [word for key, value in options.items() for word in ("--read", f"{key}={value}")]
        assert main(["data", "describe", f"mimic:{write(tmp_path)}", *words]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert next(iter(options)) in line


class TestCommandLine:
    def test_fit_and_predict(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        source, model, out = f"mimic:{write(tmp_path / 'data')}", str(tmp_path / "model"), tmp_path / "out.json"
        read = ["--read", "hours=48", "--read", "min_count=1"]
        assert main(["fit", "--data", source, "--model", "prior", "--out", model, *read]) == 0
        assert main(["predict", "--model", model, "--data", source, "--out", str(out), *read]) == 0
        assert [one["ID"] for one in json.loads(out.read_text())] == ["10", "11", "20"]
        assert "prescriptions.csv: rows read: 6" in capsys.readouterr().err


@pytest.fixture
def tables() -> dict[str, pd.DataFrame]:
    """The demo's tables as pandas reads them."""
    paths = {name: data_path("mimic4demo", "hosp", f"{name}.csv.gz") for name in IV}
    return {name: pd.read_csv(path, dtype=str, keep_default_na=False) for name, path in paths.items()}


@pytest.mark.data
class TestDemo:
    def test_as_pandas_reads_it(self, tables: dict[str, pd.DataFrame]) -> None:
        data = load(f"mimic:{data_path('mimic4demo')}")
        stays = tables["admissions"]
        assert data.ids.tolist() == stays["hadm_id"].tolist()
        assert data.groups.tolist() == stays["subject_id"].tolist()
        joined = stays.merge(tables["patients"], on="subject_id", how="left")
        age = (
            joined["anchor_age"].astype(int)
            + joined["admittime"].str[:4].astype(int)
            - joined["anchor_year"].astype(int)
        )
        assert data.records["age"].tolist() == np.where(age > 89, 91, age).tolist()
        assert data.records["gender"].tolist() == joined["gender"].tolist()
        for column in ("admission_type", "admission_location", "insurance", "language", "marital_status", "race"):
            raw = [None if value in ("", "?") else value for value in stays[column]]
            assert [None if pd.isna(value) else value for value in data.records[column]] == raw
        for name in ("diagnoses", "procedures"):
            table = tables[f"{name}_icd"]
            table = table.assign(place=table["seq_num"].astype(int)).sort_values("place", kind="stable")
            codes = ("ICD" + table["icd_version"] + ":" + table["icd_code"]).groupby(table["hadm_id"]).agg(list)
            expected = [list(dict.fromkeys(codes.get(stay, []))) for stay in stays["hadm_id"]]
            assert data.records[name].tolist() == expected
        orders = tables["prescriptions"]
        main_orders = orders[orders["drug_type"] != "BASE"]
        pairs = set(zip(main_orders["hadm_id"], main_orders["drug"].map(normal_drug)))
        found = {(stay, drug) for stay, drugs in zip(data.ids, sets(data)) for drug in drugs}
        assert found == pairs
        assert f"prescriptions.csv.gz: rows kept: {len(main_orders)}" in data.notes
        assert len(orders) == 18_087

    @pytest.mark.parametrize("hours", [None, 24])
    @pytest.mark.parametrize("min_count", [1, 5])
    def test_classes(self, tables: dict[str, pd.DataFrame], hours: float | None, min_count: int) -> None:
        mapping = data_path("drug_terms", "ndc2atc3char4_molerec.csv")
        data = read_mimic(data_path("mimic4demo"), labels="atc3", mapping=mapping, hours=hours, min_count=min_count)
        orders = tables["prescriptions"].merge(tables["admissions"][["hadm_id", "admittime"]], on="hadm_id")
        orders = orders[orders["drug_type"] != "BASE"]
        if hours is not None:
            late = pd.to_datetime(orders["starttime"]) - pd.to_datetime(orders["admittime"])
            orders = orders[late < pd.Timedelta(hours=hours)]
        classes = pd.read_csv(mapping, dtype=str).rename(columns={"ndc11": "ndc"})
        pairs = orders.merge(classes, on="ndc")[["hadm_id", "atc4char"]].drop_duplicates()
        often = pairs["atc4char"].value_counts()
        pairs = pairs[pairs["atc4char"].map(often) >= min_count]
        found = {(stay, drug) for stay, drugs in zip(data.ids, sets(data)) for drug in drugs}
        assert found == set(pairs.itertuples(index=False, name=None))
        assert data.drug_names.tolist() == sorted(pairs["atc4char"].unique())

    @pytest.mark.parametrize("options", [{}, {"hours": 24}, {"labels": "atc3"}])
    def test_every_row_is_accounted_for(self, options: dict[str, Any]) -> None:
        if "labels" in options:
            options = options | {"mapping": data_path("drug_terms", "ndc2atc3char4_molerec.csv")}
        notes = read_mimic(data_path("mimic4demo"), **options).notes
        count = {note.rpartition(": ")[0]: int(note.rpartition(": ")[2]) for note in notes if "prescriptions" in note}
        n_read = count.pop("prescriptions.csv.gz: rows read")
        assert n_read == sum(count.values()) == 18_087

    def test_the_published_table_of_rxcui_alone_is_refused(self) -> None:
        with pytest.raises(InputError, match=r"ndc2rxnorm_mapping\.txt:1: maps NDC to RxCUI"):
            read_mimic(
                data_path("mimic4demo"), labels="atc3", mapping=data_path("drug_terms", "ndc2rxnorm_mapping.txt")
            )


def test_memory_is_bounded_by_what_is_kept(tmp_path: Path) -> None:
    # Fifteen megabytes of notes, of which one belongs to an admission.
    notes = [NOTES[0]] + [NOTES[0] | {"hadm_id": f"9{number}", "text": "word " * 1000} for number in range(3000)]
    write(tmp_path, discharge=notes)
    del notes
    tracemalloc.start()
    try:
        data = read_mimic(tmp_path, notes=True)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert "discharge.csv: rows left out, of an admission that is not in admissions.csv: 3000" in data.notes
    assert peak < 2_000_000


@given(st.text(alphabet="aB5 0.%()/,-_mglt", max_size=30) | st.text(max_size=12))
def test_a_name_made_plain_stays_as_it_is(name: str) -> None:
    once = normal_drug(name)
    assert normal_drug(once) == once
    assert bool(once) == bool(" ".join(name.replace("_", " ").split()))
