"""Predicted sets from a file, in the order and with the names of a Dataset."""

import csv
import os
from collections.abc import Iterator
from typing import Any

import scipy.sparse as sp

from medrec._checks import InputError
from medrec.datasets._json_lines import read_json, read_lines, read_objects
from medrec.datasets._values import as_drugs
from medrec.datasets.cdrugred import sets_from_names
from medrec.datasets.dataset import Dataset


def read_predictions(path: str | os.PathLike[str], data: Dataset) -> tuple[sp.csr_matrix, int]:
    """Read the sets that a file predicts for the records of ``data``.

    Parameters
    ----------
    path : path-like
        What ``medrec predict`` writes: the CHIP-2025 array ``[{"ID": "1-1", "prediction": ["甲", …]}, …]``, JSON lines
        ``{"id": …, "drugs": […]}``, or CSV with the header ``id,drug`` (more columns are ignored). Told apart
        by the first character.
    data : Dataset
        The records, whose ``ids`` and ``drug_names`` the file must use.

    Returns
    -------
    sets : CSR ``uint8`` of shape (n_records, n_labels)
        Rows in the order of ``data``; an empty set where the file has no prediction.
    missing : int
        Records without a prediction.

    Raises
    ------
    InputError
        With file and line (item, for an array): an identifier that ``data`` does not have or that comes twice,
        a drug that is no candidate, or another form.
    """
    position = {identifier: at for at, identifier in enumerate(data.ids)}
    if len(position) < len(data):
        raise InputError("the true records repeat an id, so predictions cannot be told apart; give each its own")
    known = set(data.drug_names)
    found: dict[int, list[str]] = {}
    for where, identifier, drugs in _entries(path):
        if not isinstance(identifier, (str, int)) or isinstance(identifier, bool):
            raise InputError(f"has the id {identifier!r}; write text", path=path, line=where)
        row = position.get(str(identifier))
        if row is None:
            raise InputError(f"id {str(identifier)!r} is no record of the truth", path=path, line=where)
        if row in found:
            raise InputError(f"id {str(identifier)!r} stands twice; keep one", path=path, line=where)
        if not isinstance(drugs, list):
            raise InputError(f"drugs must be a list of names; got {str(drugs)[:60]!r}", path=path, line=where)
        try:
            found[row] = as_drugs(drugs, known)
        except ValueError as error:
            raise InputError(str(error), path=path, line=where) from None
    return sets_from_names([found.get(row, []) for row in range(len(data))], data.drug_names), len(data) - len(found)


def _entries(path: str | os.PathLike[str]) -> Iterator[tuple[int, Any, Any]]:
    """``(line or item, id, drugs)`` of a file in any of the three forms."""
    start = next((text for _, text in read_lines(path) if text.strip()), "").lstrip()
    if not start:
        raise InputError("is empty", path=path, line=1)
    if start.startswith("["):
        entries = read_json(path)
        if not isinstance(entries, list):
            raise InputError("must be a JSON array", path=path, line=1)
        for item, entry in enumerate(entries, start=1):
            if not isinstance(entry, dict) or not {"ID", "prediction"} <= set(entry):
                raise InputError('must be {"ID": …, "prediction": […]}', path=path, line=item)
            yield item, entry["ID"], entry["prediction"]
    elif start.startswith("{"):
        for line, entry in read_objects(path):
            if not {"id", "drugs"} <= set(entry):
                raise InputError('must be {"id": …, "drugs": […]}', path=path, line=line)
            yield line, entry["id"], entry["drugs"]
    else:
        yield from _csv_entries(path)


def _csv_entries(path: str | os.PathLike[str]) -> Iterator[tuple[int, str, list[str]]]:
    reader = csv.reader(text for _, text in read_lines(path))
    header = [name.strip() for name in next(reader, [])]
    if "id" not in header or "drug" not in header:
        raise InputError("is neither JSON nor CSV with the columns id and drug", path=path, line=1)
    at, drug = header.index("id"), header.index("drug")
    found: dict[str, tuple[int, list[str]]] = {}
    last = None
    for cells in reader:
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) != len(header):
            raise InputError(f"has {len(cells)} cells for {len(header)} columns", path=path, line=reader.line_num)
        identifier = cells[at]
        if identifier != last and identifier in found:
            raise InputError(f"id {identifier!r} stands apart from its lines above", path=path, line=reader.line_num)
        last = identifier
        drugs = found.setdefault(identifier, (reader.line_num, []))[1]
        if cells[drug]:
            drugs.append(cells[drug])
    for identifier, (line, drugs) in found.items():
        yield line, identifier, drugs
