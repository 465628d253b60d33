"""The tables of MIMIC-III and MIMIC-IV that say who was admitted, with which codes, and what was written."""

import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from medrec._checks import InputError
from medrec.datasets._csv_rows import read_columns
from medrec.datasets._json_lines import shown

CATEGORIES = ("admission_type", "admission_location", "insurance", "language", "marital_status", "race|ethnicity")
"""Columns of the admissions that are known when a patient comes, by their names in MIMIC-IV, then MIMIC-III."""
OLDEST = 91
"""The age that stands for everyone above 89: MIMIC-IV's own, while MIMIC-III moves their births back by 300 years."""

_CODE = re.compile(r"[0-9A-Z]{2,7}")


@dataclass
class Admissions:
    """The admissions, in the order of their table.

    Parameters
    ----------
    path : Path
        Their table.
    rows : dict of str to int
        The row of each ``hadm_id``.
    patients : list of str
        The ``subject_id`` of each.
    starts : list of datetime
        When each began.
    columns : dict of str to list
        Features of each, by name.
    """

    path: Path
    rows: dict[str, int] = field(default_factory=dict)
    patients: list[str] = field(default_factory=list)
    starts: list[datetime] = field(default_factory=list)
    columns: dict[str, list[Any]] = field(default_factory=dict)

    def read(
        self, path: Path, wanted: Sequence[str], optional: Sequence[str], counts: Counter[str]
    ) -> Iterator[tuple[int, int, list[str]]]:
        """Yield ``(line, row of the admission, values)`` of a table that names its patient and admission.

        Rows without an admission, or of one that is not in the table, are left out and counted.
        """
        known = False
        n_read = 0
        for line, (patient, admission, *values) in read_columns(path, ["subject_id", "hadm_id", *wanted], optional):
            n_read += 1
            if not admission:
                counts[f"{path.name}: rows left out, without an admission"] += 1
                continue
            row = self.rows.get(admission)
            if row is None:
                counts[f"{path.name}: rows left out, of an admission that is not in {self.path.name}"] += 1
                continue
            if patient != self.patients[row]:
                rule = (
                    f"gives admission {shown(admission)} to patient {shown(patient)}, {self.path.name} to "
                    f"{shown(self.patients[row])}; take the tables of one release"
                )
                raise InputError(rule, path=path, line=line)
            known = True
            yield line, row, values
        if n_read:
            counts[f"{path.name}: rows read"] = n_read
            if not known:
                raise InputError(
                    f"has no row of an admission in {self.path.name}; take the tables of one release", path=path
                )


def find_table(folder: Path, *names: str) -> Path | None:
    """The file of a table: in the folder, in ``hosp`` or in ``note``; upper or lower case; packed or not."""
    for place in ("", "hosp", "note"):
        for name in names:
            for written in (name, name.upper()):
                for suffix in (".csv", ".csv.gz"):
                    path = folder / place / f"{written}{suffix}"
                    if path.exists():
                        return path
    return None


def need_table(folder: Path, *names: str) -> Path:
    """The file of a table that must be there."""
    found = find_table(folder, *names)
    if found is not None:
        return found
    if not folder.is_dir():
        raise InputError("is no folder; name the folder that holds MIMIC's tables", path=folder)
    rule = f"holds no {names[0]}.csv or .csv.gz, here or in hosp; name the folder that holds MIMIC's tables"
    raise InputError(rule, path=folder)


def read_admissions(path: Path, patients_path: Path, counts: Counter[str]) -> Admissions:
    """The admissions with age, sex and what is known of the patient when one comes."""
    births = _read_patients(patients_path)
    found = Admissions(path)
    names = [name.partition("|")[0] for name in CATEGORIES]
    found.columns = {name: [] for name in ("gender", "age", *names)}
    line_of: dict[str, int] = {}
    wanted = ["subject_id", "hadm_id", "admittime"]
    for line, (patient, admission, start, *values) in read_columns(path, wanted, CATEGORIES):
        if not admission or not patient:
            raise InputError("an admission needs subject_id and hadm_id; one is missing", path=path, line=line)
        if admission in line_of:
            rule = f"admission {shown(admission)} stands at line {line_of[admission]} already; keep one"
            raise InputError(rule, path=path, line=line)
        line_of[admission] = line
        if patient not in births:
            rule = f"patient {shown(patient)} is not in {patients_path.name}; take the tables of one release"
            raise InputError(rule, path=path, line=line)
        gender, birth, age_then = births[patient]
        begun = read_time(start, "admittime", path, line)
        age: float = begun.year - birth.year + age_then
        if age_then == 0:  # a date of birth, not the year of an age
            age -= (begun.month, begun.day) < (birth.month, birth.day)
        if age > 89:
            counts[f"admissions of patients above 89, whose age was set to {OLDEST}"] += 1
            age = OLDEST
        found.rows[admission] = len(found.patients)
        found.patients.append(patient)
        found.starts.append(begun)
        found.columns["gender"].append(gender)
        if age < 0:
            counts["admissions before the patient's birth, whose age was left out"] += 1
        found.columns["age"].append(float(age) if age >= 0 else None)
        for name, value in zip(names, values):
            found.columns[name].append(None if value in ("", "?") else value)
    if not found.patients:
        raise InputError("holds no admissions", path=path, line=1)
    return found


def _read_patients(path: Path) -> dict[str, tuple[str | None, datetime, int]]:
    """Sex, a date and the age then of each patient: MIMIC-III's date of birth and 0, MIMIC-IV's anchor year and age."""
    found: dict[str, tuple[str | None, datetime, int]] = {}
    wanted = ["subject_id", "gender", "anchor_year|dob"]
    for line, (patient, gender, year, age) in read_columns(path, wanted, ["anchor_age"]):
        if not patient or patient in found:
            rule = f"patient {shown(patient)} stands twice" if patient else "subject_id is missing"
            raise InputError(f"{rule}; give each patient one row", path=path, line=line)
        if gender not in ("F", "M", ""):
            raise InputError(f"gender must be F or M; got {shown(gender)}", path=path, line=line)
        if age or year.isdecimal():
            if not (age.isdecimal() and len(age) < 4 and year.isdecimal() and len(year) == 4 and int(year)):
                rule = f"anchor_age and anchor_year must be whole numbers; got {shown(age)} and {shown(year)}"
                raise InputError(rule, path=path, line=line)
            found[patient] = (gender or None, datetime(int(year), 1, 1), int(age))
            # An age of 0 in the anchor year reads as a birth on its first day, which gives the same age.
        else:
            found[patient] = (gender or None, read_time(year, "dob", path, line), 0)
    if not found:
        raise InputError("holds no patients", path=path, line=1)
    return found


def read_codes(path: Path, admissions: Admissions, counts: Counter[str]) -> list[list[str]]:
    """The ICD codes of each admission as ``"ICD9:4139"`` or ``"ICD10:E119"``, in the order of ``seq_num``, each once."""
    found: list[list[tuple[float, str]]] = [[] for _ in admissions.patients]
    rows = admissions.read(path, ["icd_code|icd9_code"], ["icd_version", "seq_num"], counts)
    for line, row, (code, version, place) in rows:
        if not code:
            counts[f"{path.name}: rows left out, without a code"] += 1
            continue
        if "." in code:
            counts[f"{path.name}: codes whose dot was taken out"] += 1
            code = code.replace(".", "")
        if not _CODE.fullmatch(code):
            raise InputError(f"must have an ICD code such as 4139 or E119; got {shown(code)}", path=path, line=line)
        if version not in ("9", "10", ""):
            raise InputError(f"icd_version must be 9 or 10; got {shown(version)}", path=path, line=line)
        if place and not (place.isdecimal() and len(place) < 10):
            raise InputError(f"seq_num must be a whole number; got {shown(place)}", path=path, line=line)
        found[row].append((int(place) if place else float("inf"), f"ICD{version or 9}:{code}"))
    return [list(dict.fromkeys(code for _, code in sorted(codes, key=lambda one: one[0]))) for codes in found]


def read_notes(path: Path, admissions: Admissions, counts: Counter[str]) -> list[str]:
    """The discharge summaries of each admission, several joined by an empty line; ``""`` where there is none."""
    found: list[list[tuple[int, str]]] = [[] for _ in admissions.patients]
    rows = admissions.read(path, ["text"], ["note_seq", "category", "iserror"], counts)
    for line, row, (text, place, category, wrong) in rows:
        if category and category.lower() != "discharge summary":
            counts[f"{path.name}: rows left out, no discharge summary"] += 1
        elif wrong == "1":
            counts[f"{path.name}: rows left out, marked as an error"] += 1
        elif not text:
            counts[f"{path.name}: rows left out, without text"] += 1
        elif place and not (place.isdecimal() and len(place) < 10):
            raise InputError(f"note_seq must be a whole number; got {shown(place)}", path=path, line=line)
        else:
            found[row].append((int(place or 0), text))
    none = sum(not notes for notes in found)
    if none:
        counts["admissions without a discharge summary"] = none
    return ["\n\n".join(text for _, text in sorted(notes, key=lambda one: one[0])) for notes in found]


def read_time(text: str, column: str, path: str | os.PathLike[str], line: int) -> datetime:
    """A date, with or without the time of day."""
    try:
        return datetime.fromisoformat(text).replace(tzinfo=None)
    except ValueError:
        rule = f"{column} must be a time such as 2196-02-24 14:38:00; got {shown(text)}"
        raise InputError(rule, path=path, line=line) from None
