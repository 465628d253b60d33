"""CDrugRed (CHIP-2025 task 2): Chinese discharge records and the drugs taken home."""

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import scipy.sparse as sp

from medrec._checks import InputError
from medrec.datasets._json_lines import read_names, read_objects, shown
from medrec.datasets._values import CLEANERS, as_drugs, is_missing, note_repairs
from medrec.datasets.dataset import Dataset

PATIENT, VISIT, DRUGS = "患者序号", "就诊标识", "出院带药列表"
SCHEMA = {
    "性别": "category",
    "出生日期": "birthdate",
    "民族": "category",
    "BMI": "number",
    "就诊时间": "date",
    "主诉": "text",
    "现病史": "text",
    "既往史": "text",
    "入院情况": "text",
    "诊疗过程描述": "text",
    "出院诊断": "codes",
}
"""Kind of each feature column, by the field's published name."""
CANDIDATES = "候选药物列表.json"
"""File name of the candidate list, looked for beside the records."""


def read_cdrugred(path: str | os.PathLike[str], *, candidates: str | os.PathLike[str] | None = None) -> Dataset:
    """Read a CDrugRed file: ``CDrugRed_train.jsonl``, ``…test-A.jsonl`` or ``…test-B.jsonl``.

    Parameters
    ----------
    path : path-like
        A JSON-lines file, or the folder that holds ``CDrugRed_train.jsonl``.
    candidates : path-like, optional
        The candidate list, a flat JSON array of names; default: ``候选药物列表.json`` beside the file.
        Without one the drugs of the file are the labels, in sorted order.

    Returns
    -------
    Dataset
        Labels in candidate order, ``groups`` the patients, ``ids`` the visits. A file without
        ``出院带药列表`` gives empty sets.

    Raises
    ------
    InputError
        With file and line: what is not JSON, has a value of a wrong type, repeats a visit, names a
        drug that is no candidate, or says nothing at all.

    Notes
    -----
    Known dirt is repaired and counted in ``Dataset.notes``: blank lines and items, lists written as one
    string, texts written as lists, numbers and identifiers written as text, ``None`` for nothing.
    Drug names hold delimiters themselves, so a string of several is cut only where every piece is a
    candidate.

    References
    ----------
    CHIP 2025 shared task 2, discharge medication recommendation (CDrugRed).
    """
    source = Path(path)
    if source.is_dir():
        source = source / "CDrugRed_train.jsonl"
    list_path = Path(candidates) if candidates is not None else source.parent / CANDIDATES
    names = read_names(list_path) if candidates is not None or list_path.exists() else None
    repairs: Counter[str] = Counter()
    return parse_cdrugred(read_objects(source, repairs), names, path=source, repairs=repairs)


def parse_cdrugred(
    objects: Iterable[tuple[int, dict[str, Any]]],
    names: Sequence[str] | None,
    *,
    path: Any = None,
    repairs: Counter[str] | None = None,
) -> Dataset:
    """A Dataset from ``(line, object)`` pairs of the CDrugRed schema; see ``read_cdrugred``."""
    known = None if names is None else set(names)
    repairs = Counter() if repairs is None else repairs
    columns: dict[str, list[Any]] = {PATIENT: [], VISIT: [], **{column: [] for column in SCHEMA}}
    drugs: list[list[str]] = []
    line_of: dict[str, int] = {}
    for line, record in objects:
        clean = _clean_record(record, known, repairs, path, line)
        visit = clean[VISIT]
        if visit in line_of:
            raise InputError(
                f"visit {shown(visit)} ({VISIT}) stands at line {line_of[visit]} already; give each visit its own",
                path=path,
                line=line,
            )
        line_of[visit] = line
        drugs.append(clean.pop(DRUGS))
        for column, values in columns.items():
            values.append(clean[column])
    if not drugs:
        raise InputError("holds no records", path=path, line=1)
    if names is None:
        names = sorted({drug for row in drugs for drug in row})
    records = pd.DataFrame({column: pd.Series(values, dtype=object) for column, values in columns.items()})
    records["BMI"] = records["BMI"].astype(float)
    return Dataset(
        records,
        sets_from_names(drugs, names),
        names,
        SCHEMA,
        ids=columns[VISIT],
        groups=columns[PATIENT],
        notes=note_repairs(repairs),
    )


def _clean_record(
    record: dict[str, Any], known: set[str] | None, repairs: Counter[str], path: Any, line: int
) -> dict[str, Any]:
    clean: dict[str, Any] = {}
    for field in record:
        if field not in SCHEMA and field not in (PATIENT, VISIT, DRUGS):
            repairs[f"field {shown(field)} is not in the published schema and was left out of the features"] += 1
    for column, kind in SCHEMA.items():
        value = record.get(column)
        try:
            clean[column] = CLEANERS[kind](value)
        except ValueError as error:
            raise InputError(f"field {column!r} {error}", path=path, line=line) from None
        if kind == "codes" and isinstance(value, str) and not is_missing(value):
            repairs[f"{column} written as one string was cut into a list"] += 1
        elif kind == "codes" and isinstance(value, list) and len(clean[column]) < len(value):
            repairs[f"blank items of {column} were dropped"] += 1
        elif kind == "text" and isinstance(value, list):
            repairs[f"{column} written as a list was joined"] += 1
        elif kind == "number" and isinstance(value, str) and not is_missing(value):
            repairs[f"{column} written as text was read as a number"] += 1
    if not any(clean[column] for column, kind in SCHEMA.items() if kind in ("text", "codes")):
        raise InputError("record has neither text nor diagnoses; remove it or fill it", path=path, line=line)
    for column, fallback in ((PATIENT, None), (VISIT, str(line))):
        value = record.get(column)
        if is_missing(value):
            if fallback is None:
                raise InputError(f"field {column!r} is missing; every record needs its patient", path=path, line=line)
            value = fallback
            repairs[f"records without {column} got their line number"] += 1
        if isinstance(value, float) and value.is_integer():
            value = int(value)
            repairs[f"{column} written with decimals was read as a whole number"] += 1
        if isinstance(value, bool) or not isinstance(value, (str, int)):
            raise InputError(
                f"field {column!r} must be a whole number or text; got {shown(value)}", path=path, line=line
            )
        clean[column] = str(value).strip()
    value = record.get(DRUGS)
    try:
        clean[DRUGS] = as_drugs(value, known)
    except ValueError as error:
        raise InputError(f"field {DRUGS!r} {error}", path=path, line=line) from None
    if isinstance(value, str) and not is_missing(value):
        repairs[f"{DRUGS} written as one string was cut into a list"] += 1
    elif isinstance(value, list) and len(clean[DRUGS]) < len(value):
        repairs[f"blank or repeated items of {DRUGS} were dropped"] += 1
    return clean


def sets_from_names(drugs: Sequence[Sequence[str]], names: Sequence[str]) -> sp.csr_matrix:
    """Sets of names as CSR ``(n_records, n_labels)``, columns in the order of ``names``."""
    position = {name: at for at, name in enumerate(names)}
    indices = [position[name] for row in drugs for name in row]
    indptr = [0]
    for row in drugs:
        indptr.append(indptr[-1] + len(row))
    return sp.csr_matrix(([1] * len(indices), indices, indptr), shape=(len(drugs), len(names)))
