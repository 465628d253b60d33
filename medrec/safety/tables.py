"""Interaction tables on disk: CSV and JSON, read with the line of whatever is wrong."""

import csv
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from reprlib import repr as brief
from typing import Any, NamedTuple

from medrec._checks import InputError
from medrec.safety.severity import severity_code


class Interaction(NamedTuple):
    """One row of a table: two names as they stand there and the code of the severity."""

    drug: str
    other: str
    severity: int


def read_interactions(path: Any) -> tuple[list[Interaction], list[str]]:
    """Rows of an interaction table, and every name that stands in it.

    Parameters
    ----------
    path : path-like
        ``.csv`` (or ``.tsv``) with the header ``drug,other`` or ``drug,other,severity``, or ``.json``:
        an object ``{name: [names]}`` as DialMed's ``ddi.json``, an object ``{name: {name: severity}}``,
        a list of pairs or triples, or a list of objects with the keys of the CSV. UTF-8, with or
        without a byte-order mark. An empty severity (``null`` in JSON) is unspecified.

    Returns
    -------
    rows : list of Interaction
        In the order of the file; self-pairs and repetitions are still there.
    names : list of str
        Each name once, in order of appearance; names without any interaction too.

    Raises
    ------
    InputError
        With file and line (of JSON the line where the entry of the outer list or object starts) when the file cannot
        be read, a row is malformed, a severity is unknown, or a JSON object has a key twice, of which one would be
        lost.
    """
    path = Path(path)
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise InputError("is not UTF-8; convert it, for example with iconv", path=path, line=line) from error
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror}); name an existing file", path=path) from error
    is_json = path.suffix.lower() == ".json"
    items = _json_items(text, path) if is_json else _csv_items(text, path)
    rows = []
    names: dict[str, None] = {}
    for line, drug, other, severity in items:
        for name in (drug, other):
            if name is None and name is other:
                continue  # a name that was listed without interactions
            if not isinstance(name, str) or not name.strip():
                raise InputError(f"a drug name must be non-empty text; got {brief(name)}", path=path, line=line)
            names[name] = None
        if other is None:
            continue
        try:
            code = severity_code(severity)
        except ValueError as error:
            raise InputError(str(error), path=path, line=line) from error
        rows.append(Interaction(drug, other, code))
    return rows, list(names)


def _csv_items(text: str, path: Path) -> list[tuple[int, Any, Any, Any]]:
    cure = "the header must be drug,other or drug,other,severity"
    head = text.split("\n", 1)[0]
    # Of its lines, not str.splitlines': that ends a line at characters which may stand in a name.
    reader = csv.reader(io.StringIO(text, newline=""), delimiter="\t" if "\t" in head else ",", strict=True)
    items: list[tuple[int, Any, Any, Any]] = []
    columns: list[str] | None = None
    try:
        for row in reader:
            if not any(cell.strip() for cell in row):
                continue
            if columns is None:
                columns = [cell.strip().casefold() for cell in row]
                if not {"drug", "other"} <= set(columns) or len(set(columns)) != len(columns):
                    raise InputError(f"{cure}; got {','.join(row)[:80]!r}", path=path, line=reader.line_num)
                continue
            if len(row) != len(columns):
                raise InputError(
                    f"{len(columns)} columns expected; got {len(row)}. Quote names that hold the delimiter",
                    path=path,
                    line=reader.line_num,
                )
            cells = dict(zip(columns, row))
            items.append((reader.line_num, cells["drug"], cells["other"], cells.get("severity")))
            if not cells["other"].strip():
                raise InputError("column 'other' is empty; name the other drug", path=path, line=reader.line_num)
    except csv.Error as error:
        raise InputError(f"is not CSV ({error}); {cure}", path=path, line=reader.line_num) from error
    if columns is None:
        raise InputError(f"is empty; {cure}", path=path)
    return items


def _json_items(text: str, path: Path) -> list[tuple[int, Any, Any, Any]]:
    try:
        content = json.loads(text)
    except json.JSONDecodeError as error:
        raise InputError(f"is not JSON ({error.msg}); check the file", path=path, line=error.lineno) from error
    except ValueError as error:  # a number of more digits than Python converts
        raise InputError(f"holds a value that cannot be read ({error})", path=path) from error
    except RecursionError as error:
        raise InputError("is nested too deeply to be an interaction table", path=path) from error
    if not isinstance(content, (dict, list)):
        raise InputError("must be {name: [names]} or a list of pairs", path=path, line=1)
    items: list[tuple[int, Any, Any, Any]] = []
    drugs: set[str] = set()
    for line, key, one in _entries(text, path):
        if isinstance(content, list):
            items.append((line, *_triple(one, path, line)))
            continue
        if key in drugs:
            raise _twice(key, path, line)
        drugs.add(key)
        if isinstance(one, dict):
            items.extend((line, key, other, severity) for other, severity in one.items())
        elif isinstance(one, list):
            for other in one:
                if not isinstance(other, str):
                    raise InputError(f"{key!r} must list names; got {brief(other)} in its list", path=path, line=line)
                items.append((line, key, other, None))
        else:
            raise InputError(f"{key!r} must have a list of names; got {brief(one)}", path=path, line=line)
        if not one:
            items.append((line, key, None, None))
    return items


def _triple(one: Any, path: Path, line: int) -> tuple[Any, Any, Any]:
    if isinstance(one, dict) and "drug" in one and "other" in one:
        one = [one["drug"], one["other"], one.get("severity")]
    if not isinstance(one, list) or len(one) not in (2, 3) or not isinstance(one[1], str):
        raise InputError(
            f"each item must be [drug, other] or [drug, other, severity]; got {brief(one)}", path=path, line=line
        )
    return one[0], one[1], one[2] if len(one) == 3 else None


def _entries(text: str, path: Path) -> Iterator[tuple[int, str, Any]]:
    """Line, key ("" in a list) and value of each entry of a valid JSON list or object."""
    line = 1

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            keys = [key for key, _ in pairs]
            raise _twice(next(key for key in keys if keys.count(key) > 1), path, line)
        return found

    def constant(word: str) -> Any:
        raise InputError(f"{word} is not JSON; write null for a severity that is not known", path=path, line=line)

    decoder = json.JSONDecoder(object_pairs_hook=unique, parse_constant=constant)
    between = re.compile(r"[\s,:]*")
    start = re.match(r"\s*", text).end()  # type: ignore[union-attr]  # it matches any text
    at = start + 1
    while True:
        before, at = at, between.match(text, at).end()  # type: ignore[union-attr]
        line += text.count("\n", 0 if before == start + 1 else before, at)
        if text[at] in "]}":
            return
        value, end = decoder.raw_decode(text, at)
        key = ""
        if text[start] == "{":
            key = value
            value, end = decoder.raw_decode(text, between.match(text, end).end())  # type: ignore[union-attr]
        yield line, key, value
        line += text.count("\n", at, end)
        at = end


def _twice(key: str, path: Path, line: int) -> InputError:
    return InputError(f"{brief(key)} stands twice in one object, so one would be lost; keep one", path=path, line=line)
