"""UCI "Diabetes 130-US hospitals": hospital encounters of diabetics and their diabetes drugs."""

import os
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pandas as pd

from medrec._checks import InputError
from medrec.datasets._csv_rows import read_rows
from medrec.datasets._json_lines import shown
from medrec.datasets._values import as_number, note_repairs
from medrec.datasets.cdrugred import sets_from_names
from medrec.datasets.dataset import Dataset

ENCOUNTER, PATIENT = "encounter_id", "patient_nbr"
SCHEMA = {
    "race": "category",
    "gender": "category",
    "age": "category",
    "weight": "category",
    "admission_type_id": "category",
    "discharge_disposition_id": "category",
    "admission_source_id": "category",
    "time_in_hospital": "number",
    "payer_code": "category",
    "medical_specialty": "category",
    "num_lab_procedures": "number",
    "num_procedures": "number",
    "num_medications": "number",
    "number_outpatient": "number",
    "number_emergency": "number",
    "number_inpatient": "number",
    "diag_1": "codes",
    "diag_2": "codes",
    "diag_3": "codes",
    "number_diagnoses": "number",
    "max_glu_serum": "category",
    "A1Cresult": "category",
}
"""Kind of each feature column, by its published name."""
DRUGS = (
    "metformin",
    "repaglinide",
    "nateglinide",
    "chlorpropamide",
    "glimepiride",
    "acetohexamide",
    "glipizide",
    "glyburide",
    "tolbutamide",
    "pioglitazone",
    "rosiglitazone",
    "acarbose",
    "miglitol",
    "troglitazone",
    "tolazamide",
    "examide",
    "citoglipton",
    "insulin",
    "glyburide-metformin",
    "glipizide-metformin",
    "glimepiride-pioglitazone",
    "metformin-rosiglitazone",
    "metformin-pioglitazone",
)
"""The drug columns, which are the labels."""
GIVEN = {"No": False, "Steady": True, "Up": True, "Down": True}
"""Whether the drug was given, by the value of its column."""
LEAKS = ("change", "diabetesMed", "readmitted")
"""Columns that are no features: the first two say whether a drug was changed or given, the third what came after."""
FILES = ("diabetic_data.csv", "diabetic_data.csv.gz")
"""File names that a folder is searched for."""

_ICD9 = re.compile(r"(?P<category>\d{1,3}|V\d\d|E\d{3})(?P<rest>\.\d{1,2})?")


def read_uci_diabetes(path: str | os.PathLike[str]) -> Dataset:
    """Read ``diabetic_data.csv`` (also ``.gz``) of the UCI repository.

    Parameters
    ----------
    path : path-like
        The CSV file with its header, or the folder that holds it.

    Returns
    -------
    Dataset
        One record an encounter, 23 labels in the order of ``DRUGS``; ``ids`` the encounters, ``groups`` the
        patients. A record without any of the drugs has an empty set.

    Raises
    ------
    InputError
        With file and line: a column is missing or stands twice, a drug has an unknown value, a diagnosis is no
        ICD-9 code, a count no number, or an encounter stands twice.

    Notes
    -----
    - A drug was given where its column says ``Steady``, ``Up`` or ``Down``, and was not where it says ``No``.
    - ``?`` and nothing are missing. ``None`` in ``max_glu_serum`` and ``A1Cresult`` is a value: not measured.
    - ``change`` and ``diabetesMed`` are functions of the labels, and ``readmitted`` is known only afterwards. They
      and columns that are not published are left out, and counted in ``Dataset.notes``.
    - The diagnoses are codes, so that features have a column for the code and one for its three-character
      category. The file dropped leading zeros (``38`` for ``038``); they are put back and counted. It dropped trailing
      ones too, which cannot be known again: ``250.6`` may have been ``250.60``.
    - Age and weight are brackets (``[70-80)``), and the admission's numbers are names, so all are categories.
    - ``num_medications`` counts all drugs of the stay, diabetes drugs too. It is a feature, as in published work.

    References
    ----------
    Strack et al. (2014), Impact of HbA1c Measurement on Hospital Readmission Rates, BioMed Research International.
    """
    source = Path(path)
    if source.is_dir():
        source = next((source / name for name in FILES if (source / name).exists()), source / FILES[0])
    rows = read_rows(source)
    header = [name.strip() for name in next(rows, (1, []))[1]]
    wanted = [ENCOUNTER, PATIENT, *SCHEMA, *DRUGS]
    at = _positions(header, wanted, source)
    repairs: Counter[str] = Counter()
    columns: dict[str, list[Any]] = {column: [] for column in (ENCOUNTER, PATIENT, *SCHEMA)}
    drugs: list[list[str]] = []
    line_of: dict[str, int] = {}
    read = {"category": _category, "codes": _codes, "number": _number}
    for line, cells in rows:
        if not any(cell.strip() for cell in cells):
            repairs["blank lines were passed over"] += 1
            continue
        if len(cells) != len(header):
            raise InputError(f"has {len(cells)} cells for {len(header)} columns", path=source, line=line)
        column = ENCOUNTER
        try:
            encounter = _identifier(cells[at[column]])
            column = PATIENT
            patient = _identifier(cells[at[column]])
            for column, kind in SCHEMA.items():
                columns[column].append(read[kind](cells[at[column]].strip(), repairs))
            given = []
            for column in DRUGS:
                if _given(cells[at[column]]):
                    given.append(column)
        except ValueError as error:
            raise InputError(f"column {column!r} {error}", path=source, line=line) from None
        if encounter in line_of:
            rule = f"encounter {shown(encounter)} stands at line {line_of[encounter]} already; keep one"
            raise InputError(rule, path=source, line=line)
        line_of[encounter] = line
        drugs.append(given)
        columns[ENCOUNTER].append(encounter)
        columns[PATIENT].append(patient)
    if not drugs:
        raise InputError("holds no records", path=source, line=1)
    for name in header:
        if name in LEAKS:
            repairs["columns left out because they tell the drugs or come after them"] += 1
        elif name not in at:
            repairs["columns left out because they are not published"] += 1
    kinds = {column: float if kind == "number" else object for column, kind in SCHEMA.items()}
    records = pd.DataFrame({name: pd.Series(values, dtype=kinds.get(name, object)) for name, values in columns.items()})
    return Dataset(
        records,
        sets_from_names(drugs, DRUGS),
        DRUGS,
        SCHEMA,
        ids=columns[ENCOUNTER],
        groups=columns[PATIENT],
        notes=note_repairs(repairs),
    )


def _positions(header: list[str], wanted: list[str], path: Path) -> dict[str, int]:
    """Where each wanted column stands."""
    missing = [name for name in wanted if name not in header]
    if missing:
        rule = f"lacks {len(missing)} of the {len(wanted)} columns, such as {missing[0]!r}; take the file as published"
        raise InputError(rule, path=path, line=1)
    twice = [name for name in wanted if header.count(name) > 1]
    if twice:
        raise InputError(f"names the column {twice[0]!r} twice; keep one", path=path, line=1)
    return {name: header.index(name) for name in wanted}


def _is_missing(text: str) -> bool:
    return text in ("?", "")


def _identifier(text: str) -> str:
    text = text.strip()
    if _is_missing(text):
        raise ValueError("is missing; every encounter needs its number and its patient")
    return text


def _category(text: str, repairs: Counter[str]) -> str | None:
    return None if _is_missing(text) else text


def _number(text: str, repairs: Counter[str]) -> float | None:
    return None if _is_missing(text) else as_number(text)


def _codes(text: str, repairs: Counter[str]) -> list[str]:
    if _is_missing(text):
        return []
    match = _ICD9.fullmatch(text)
    if match is None:
        raise ValueError(f"must be an ICD-9 code such as 250.83 or V57; got {shown(text)}")
    category = match["category"].zfill(3)
    if len(category) > len(match["category"]):
        repairs["ICD-9 codes got their leading zeros back"] += 1
    return [category + (match["rest"] or "")]


def _given(text: str) -> bool:
    try:
        return GIVEN[text.strip()]
    except KeyError:
        raise ValueError(f"must be one of {', '.join(GIVEN)}; got {shown(text)}") from None
