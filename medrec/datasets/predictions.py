"""Predicted sets from a file, in the order and with the names of a Dataset."""

import os
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import scipy.sparse as sp

from medrec._checks import InputError
from medrec.datasets._csv_rows import read_rows
from medrec.datasets._json_lines import first_byte, read_json, read_objects, shown
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
    for refuse, identifier, drugs in _entries(path):
        if not isinstance(identifier, (str, int)) or isinstance(identifier, bool):
            raise refuse(f"has the id {shown(identifier)}; write text")
        row = position.get(str(identifier))
        if row is None:
            raise refuse(f"id {shown(str(identifier))} is no record of the truth; remove it")
        if row in found:
            raise refuse(f"id {shown(str(identifier))} stands twice; keep one")
        if not isinstance(drugs, list):
            raise refuse(f"drugs must be a list of names; got {shown(drugs)}")
        try:
            found[row] = as_drugs(drugs, known)
        except ValueError as error:
            raise refuse(str(error)) from None
    return sets_from_names([found.get(row, []) for row in range(len(data))], data.drug_names), len(data) - len(found)


def _entries(path: str | os.PathLike[str]) -> Iterator[tuple[Callable[[str], InputError], Any, Any]]:
    """``(error that says where, id, drugs)`` of each entry of a file in any of the three forms."""
    start = first_byte(path)
    if not start:
        raise InputError("is empty", path=path, line=1)
    if start == b"[":
        for item, entry in enumerate(read_json(path), start=1):
            refuse = partial(_refuse, path, f"item {item} ", None)
            if not isinstance(entry, dict) or not {"ID", "prediction"} <= set(entry):
                raise refuse(f'must be {{"ID": …, "prediction": […]}}; got {shown(entry)}')
            yield refuse, entry["ID"], entry["prediction"]
    elif start == b"{":
        for line, entry in read_objects(path):
            refuse = partial(_refuse, path, "", line)
            if not {"id", "drugs"} <= set(entry):
                raise refuse(f'must be {{"id": …, "drugs": […]}}; got {shown(entry)}')
            yield refuse, entry["id"], entry["drugs"]
    else:
        for line, identifier, names in _csv_entries(path):
            yield partial(_refuse, path, "", line), identifier, names


def _refuse(path: Any, item: str, line: int | None, rule: str) -> InputError:
    return InputError(item + rule, path=path, line=line)


def _csv_entries(path: str | os.PathLike[str]) -> Iterator[tuple[int, str, list[str]]]:
    rows = read_rows(path)
    header = [name.strip() for name in next(rows, (1, []))[1]]
    if "id" not in header or "drug" not in header:
        raise InputError("is neither JSON nor CSV with the columns id and drug", path=path, line=1)
    at, drug = header.index("id"), header.index("drug")
    found: dict[str, tuple[int, list[str]]] = {}
    last = None
    for line, cells in rows:
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) != len(header):
            raise InputError(f"has {len(cells)} cells for {len(header)} columns", path=path, line=line)
        identifier = cells[at]
        if identifier != last and identifier in found:
            raise InputError(
                f"id {shown(identifier)} stands apart from its lines above; keep them together", path=path, line=line
            )
        last = identifier
        drugs = found.setdefault(identifier, (line, []))[1]
        if cells[drug]:
            drugs.append(cells[drug])
    for identifier, (line, drugs) in found.items():
        yield line, identifier, drugs
