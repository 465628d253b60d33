"""medrec's own format: one JSON object a line, the first of which says what the columns are."""

import json
import math
import os
from collections.abc import Sequence
from typing import Any

import pandas as pd

from medrec._checks import InputError
from medrec._io import atomic_write
from medrec.datasets._json_lines import read_objects, shown
from medrec.datasets._values import CLEANERS, as_drugs
from medrec.datasets.cdrugred import sets_from_names
from medrec.datasets.dataset import KINDS, Dataset, interactions_frame

RESERVED = ("id", "patient", "drugs")
"""Fields of a record that are no columns of the schema."""


def read_jsonl(path: str | os.PathLike[str]) -> Dataset:
    """Read records in medrec's own format.

    The first line is the header, every other line a record::

        {"medrec": 1, "schema": {"note": "text", "age": "number"}, "drugs": ["甲", "乙"], "ddi": [["甲", "乙"]]}
        {"id": "v1", "patient": "p1", "note": "发热三天", "age": 61, "drugs": ["甲"]}

    ``schema`` gives the kind of each column (``medrec.datasets.KINDS``). ``drugs`` (label order) and ``ddi``
    may be left out of the header; then the drugs of the records, sorted, are the labels. Beside ``drugs`` the
    header may give other names of them, ``"aliases": {"甲": ["甲片"]}``. In a record
    ``id`` defaults to the line number, ``patient`` to a patient of its own, ``drugs`` to none; a column
    that is left out is missing, a column that the schema does not name is an error.

    Parameters
    ----------
    path : path-like
        A UTF-8 JSON-lines file, also ``.gz``.

    Raises
    ------
    InputError
        With file and line, for anything that is not as above.
    """
    lines = read_objects(path)
    try:
        at, header = next(lines)
    except StopIteration:
        raise InputError("is empty; the first line must be the header", path=path, line=1) from None
    schema, names, ddi, aliases = read_header(header, path, at)
    known = None if names is None else set(names)
    columns: dict[str, list[Any]] = {column: [] for column in schema}
    ids: list[str] = []
    patients: list[str | None] = []
    drugs: list[list[str]] = []
    line_of: dict[str, int] = {}
    for line, record in lines:
        unknown = [field for field in record if field not in schema and field not in RESERVED]
        if unknown:
            raise InputError(
                f"field {shown(unknown[0])} is not in the header's schema; add it there", path=path, line=line
            )
        for column, kind in schema.items():
            value = record.get(column)
            try:
                columns[column].append([] if value is None and kind == "dialogue" else CLEANERS[kind](value))
            except ValueError as error:
                raise InputError(f"field {column!r} {error}", path=path, line=line) from None
        if all(is_blank(columns[column][-1]) for column in schema):
            raise InputError("record is empty: no column of the schema has a value", path=path, line=line)
        identifier = _identifier(record, "id", path, line) or str(line - at)
        if identifier in line_of:
            raise InputError(
                f"id {shown(identifier)} stands at line {line_of[identifier]} already; give each record its own",
                path=path,
                line=line,
            )
        line_of[identifier] = line
        ids.append(identifier)
        patients.append(_identifier(record, "patient", path, line))
        try:
            drugs.append(as_drugs(record.get("drugs"), known))
        except ValueError as error:
            raise InputError(f"field 'drugs' {error}", path=path, line=line) from None
    if not ids:
        raise InputError("holds a header but no records", path=path, line=at)
    if names is None:
        names = sorted({drug for row in drugs for drug in row})
    groups = None
    if any(patient is not None for patient in patients):
        taken = set(patients)
        groups = [p if p is not None else _unused(f"record {i}", taken) for p, i in zip(patients, ids)]
    records = pd.DataFrame({column: pd.Series(values, dtype=object) for column, values in columns.items()})
    for column, kind in schema.items():
        if kind == "number":
            records[column] = records[column].astype(float)
    sets = sets_from_names(drugs, names)
    return Dataset(records, sets, names, schema, ids=ids, groups=groups, ddi=ddi, aliases=aliases)


def write_jsonl(dataset: Dataset, path: str | os.PathLike[str]) -> None:
    """Write a Dataset in medrec's own format; ``read_jsonl`` gives it back.

    Parameters
    ----------
    dataset : Dataset
        What to write. Columns without a kind are left out.
    path : path-like
        The file; it is written whole or not at all.
    """
    header = header_of(dataset)
    with atomic_write(path) as file:
        file.write(json.dumps(header, ensure_ascii=False) + "\n")
        columns = [dataset.records[column].tolist() for column in dataset.schema]
        for row, identifier in enumerate(dataset.ids):
            record: dict[str, Any] = {"id": identifier}
            if dataset.groups is not None:
                record["patient"] = str(dataset.groups[row])
            for column, values in zip(dataset.schema, columns):
                if not is_blank(values[row]):
                    record[column] = values[row]
            start, end = dataset.Y.indptr[row : row + 2]
            record["drugs"] = [dataset.drug_names[at] for at in dataset.Y.indices[start:end]]
            file.write(json.dumps(record, ensure_ascii=False) + "\n")


def header_of(dataset: Dataset) -> dict[str, Any]:
    """What stands before the records of a Dataset, as ``read_header`` takes it."""
    header: dict[str, Any] = {"medrec": 1, "schema": dict(dataset.schema), "drugs": list(dataset.drug_names)}
    if dataset.ddi is not None:
        header["ddi"] = dataset.ddi.astype(object).where(dataset.ddi.notna(), None).to_numpy().tolist()
    if dataset.aliases is not None:
        header["aliases"] = {name: list(others) for name, others in dataset.aliases.items()}
    return header


def read_header(
    header: dict[str, Any], path: Any, line: int | None
) -> tuple[dict[str, str], Sequence[str] | None, pd.DataFrame | None, dict[str, tuple[str, ...]] | None]:
    """Schema, drugs, interactions and aliases of a header, each refused where it is not as ``read_jsonl`` says."""

    def refuse(rule: str) -> InputError:
        return InputError(f"header {rule}", path=path, line=line)

    if header.get("medrec") != 1:
        raise refuse('must be the first line and hold "medrec": 1 and a "schema"')
    unknown = set(header) - {"medrec", "schema", "drugs", "ddi", "aliases"}
    if unknown:
        raise refuse(f"has an unknown field {shown(min(unknown))}; it takes medrec, schema, drugs, ddi, aliases")
    schema = header.get("schema")
    if not isinstance(schema, dict) or not schema:
        raise refuse('needs "schema": the kind of each column')
    for column, kind in schema.items():
        if not isinstance(kind, str) or kind not in KINDS:
            raise refuse(f"gives {shown(column)} the kind {shown(kind)}; kinds are {', '.join(KINDS)}")
        if column in RESERVED:
            raise refuse(f"names a column {column!r}, which is reserved")
    names = header.get("drugs")
    if names is not None:
        if not isinstance(names, list) or not all(isinstance(name, str) and name.strip() for name in names):
            raise refuse('must give "drugs" as a list of names')
        if len(set(names)) != len(names):
            raise refuse('names a drug twice in "drugs"')
    aliases = header.get("aliases")
    if aliases is not None:
        if not isinstance(aliases, dict) or not all(
            isinstance(others, list) and all(isinstance(other, str) for other in others) for others in aliases.values()
        ):
            raise refuse('must give "aliases" as a list of other names for each drug')
        strange = next((name for name in aliases if name not in (names or ())), None)
        if strange is not None:
            raise refuse(f'gives aliases of {shown(strange)}, which is not in its "drugs"')
        aliases = {name: tuple(others) for name, others in aliases.items()}
    pairs = header.get("ddi")
    if pairs is None:
        return schema, names, None, aliases
    if not isinstance(pairs, list) or not all(
        isinstance(pair, list)
        and len(pair) in (2, 3)
        and all(isinstance(part, str) and part.strip() for part in pair[:2])
        and (len(pair) == 2 or pair[2] is None or isinstance(pair[2], str))
        for pair in pairs
    ):
        raise refuse('must give "ddi" as a list of [drug, other] or [drug, other, severity]')
    return schema, names, interactions_frame(pairs), aliases


def _identifier(record: dict[str, Any], field: str, path: Any, line: int) -> str | None:
    value = record.get(field)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (str, int)) or not str(value).strip():
        raise InputError(f"field {field!r} must be a number or text; got {shown(value)}", path=path, line=line)
    return str(value)


def is_blank(value: Any) -> bool:
    """Whether a cleaned value says nothing."""
    if isinstance(value, str):
        return not value.strip()
    return value is None or value == [] or (isinstance(value, float) and math.isnan(value))


def _unused(name: str, taken: set[str | None]) -> str:
    while name in taken:
        name += "'"
    return name
