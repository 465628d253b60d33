"""Multi-label ARFF as Mulan and MEKA publish it: dense or sparse, labels named beside it."""

import csv
import os
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pandas as pd
import scipy.sparse as sp

from medrec._checks import InputError
from medrec.datasets._json_lines import open_bytes, read_lines, shown
from medrec.datasets.dataset import Dataset

_ATTRIBUTE = re.compile(r"@attribute\s+('(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|\S+)\s+(.+)", re.IGNORECASE)
_CELL = re.compile(r"([0-9]{1,9})\s+(\S.*)")
_NUMERIC = {"numeric", "real", "integer"}


def read_arff(path: str | os.PathLike[str], *, labels: str | os.PathLike[str] | None = None) -> Dataset:
    """Read a multi-label ARFF file (also ``.gz``).

    Parameters
    ----------
    path : path-like
        The ARFF file, dense or sparse. Attributes must be numeric or nominal.
    labels : path-like, optional
        Mulan's XML that names the labels and their order. Default: the XML beside the file whose name
        begins it (``medical.xml`` for ``medical-train.arff``); without one MEKA's ``-C n`` in the
        relation's name counts: the first n attributes are labels, the last n where n is negative.

    Returns
    -------
    Dataset
        Numeric and 0/1 attributes are ``number`` columns, other nominal ones ``category``; ``?`` is
        missing.

    Raises
    ------
    InputError
        With file and line, for what is neither.
    """
    source = Path(path)
    names: list[str] = []
    lines_of: dict[str, int] = {}
    nominal: list[list[str] | None] = []
    relation = ""
    rows: list[int] = []
    columns: list[int] = []
    values: list[float] = []
    n_rows = 0
    in_data = False
    for line, text in read_lines(source):
        text = text.strip()
        if not text or text.startswith("%"):
            continue
        if in_data:
            for at, word in _cells(text, len(names), source, line):
                value = _value(word, nominal[at], source, line)
                if value:
                    rows.append(n_rows)
                    columns.append(at)
                    values.append(value)
            n_rows += 1
        elif text.lower().startswith("@relation"):
            relation = text[9:].strip()
        elif text.lower().startswith("@attribute"):
            match = _ATTRIBUTE.fullmatch(text)
            if match is None:
                raise InputError("is no attribute: write @attribute NAME TYPE", path=source, line=line)
            names.append(_unquote(match[1]))
            if names[-1] in lines_of:
                rule = f"attribute {shown(names[-1])} stands at line {lines_of[names[-1]]} already; rename one"
                raise InputError(rule, path=source, line=line)
            lines_of[names[-1]] = line
            nominal.append(_kind(match[2].strip(), source, line))
        elif text.lower().startswith("@data"):
            in_data = True
        else:
            raise InputError(f"is neither @relation, @attribute nor @data: {shown(text)}", path=source, line=line)
    if not names or not n_rows:
        raise InputError("holds no attributes or no rows", path=source, line=1)
    matrix = sp.csr_matrix((values, (rows, columns)), shape=(n_rows, len(names)))
    label_names = _label_names(source, labels, names, relation)
    position = {name: at for at, name in enumerate(names)}
    label_at = [position[name] for name in label_names]
    for at in label_at:
        column = matrix[:, [at]].data
        if nominal[at] is not None or not np.isin(column[~np.isnan(column)], (0, 1)).all():
            rule = f"label {shown(names[at])} must be 0 or 1 in every row; declare it {{0,1}}"
            raise InputError(rule, path=source, line=lines_of[names[at]])
    return _dataset(matrix, names, nominal, label_names, label_at)


def _dataset(
    matrix: sp.csr_matrix,
    names: list[str],
    nominal: list[list[str] | None],
    label_names: list[str],
    label_at: list[int],
) -> Dataset:
    is_label = set(label_at)
    feature_at = [at for at in range(len(names)) if at not in is_label]
    dense = matrix[:, feature_at].toarray()
    records = pd.DataFrame(dense, columns=[names[at] for at in feature_at])
    schema = {}
    categories = {}
    for at in feature_at:
        words = nominal[at]
        schema[names[at]] = "number" if words is None else "category"
        if words is not None:
            codes = records[names[at]]
            categories[names[at]] = pd.Series([None if c != c else words[int(c)] for c in codes], dtype=object)
    if categories:
        records = records.assign(**categories)
    sets = matrix[:, label_at].tocsr()
    sets.data = np.where(np.isnan(sets.data), 0.0, sets.data)
    return Dataset(records, sets, label_names, schema)


def _cells(text: str, n_columns: int, path: Path, line: int) -> list[tuple[int, str]]:
    sparse = text.startswith("{")
    if sparse and not text.endswith("}"):
        raise InputError("sparse row is cut off: '}' is missing", path=path, line=line)
    body = text[1:-1] if sparse else text
    words = _split(body, path, line)
    if not sparse:
        if len(words) != n_columns:
            raise InputError(f"has {len(words)} values for {n_columns} attributes", path=path, line=line)
        return list(enumerate(word.strip() for word in words))
    cells: dict[int, str] = {}
    for word in words:
        match = _CELL.fullmatch(word.strip())
        if match is None or int(match[1]) >= n_columns:
            rule = f"sparse cell {shown(word)} is not 'NUMBER VALUE' with a number below {n_columns}"
            raise InputError(rule, path=path, line=line)
        if int(match[1]) in cells:
            raise InputError(f"gives attribute {match[1]} twice; keep one", path=path, line=line)
        cells[int(match[1])] = match[2].strip("'\"")
    return list(cells.items())


def _split(text: str, path: Path, line: int) -> list[str]:
    try:
        return next(csv.reader([text], quotechar="'", skipinitialspace=True), [])
    except csv.Error as error:
        raise InputError(f"does not divide into values ({error})", path=path, line=line) from error


def _value(word: str, words: list[str] | None, path: Path, line: int) -> float:
    if word == "?":
        return np.nan
    if words is not None:
        if word not in words:
            raise InputError(f"value {shown(word)} is not one of {', '.join(words[:5])}", path=path, line=line)
        return float(words.index(word))
    try:
        number = float(word)
    except ValueError:
        raise InputError(f"value {shown(word)} is not a number", path=path, line=line) from None
    if not np.isfinite(number):
        raise InputError(f"value {shown(word)} is not finite; write ? for missing", path=path, line=line)
    return number


def _kind(kind: str, path: Path, line: int) -> list[str] | None:
    """None for a numeric attribute (0/1 nominals too), else the words of a nominal one."""
    if kind.lower() in _NUMERIC:
        return None
    if not (kind.startswith("{") and kind.endswith("}")):
        raise InputError(f"attribute type {shown(kind)} is neither numeric nor nominal", path=path, line=line)
    words = [_unquote(word.strip()) for word in _split(kind[1:-1], path, line)]
    if not words or len(set(words)) < len(words):
        raise InputError(f"attribute type {shown(kind)} must list each value once", path=path, line=line)
    return None if set(words) <= {"0", "1"} else words


def _label_names(source: Path, labels: object, names: list[str], relation: str) -> list[str]:
    path = Path(str(labels)) if labels is not None else None
    if path is None:
        found = [xml for xml in source.parent.glob("*.xml") if source.name.startswith(xml.stem)]
        path = max(found, key=lambda xml: len(xml.stem), default=None)
    if path is None:
        match = re.search(r"-C\s+(-?[0-9]{1,9})\b", relation)
        if match is None or not 0 < abs(int(match[1])) <= len(names):
            raise InputError(
                "names no labels: put Mulan's XML beside it or MEKA's -C into @relation", path=source, line=1
            )
        count = int(match[1])
        return names[:count] if count >= 0 else names[count:]
    try:
        with open_bytes(path) as file:
            tree = ElementTree.parse(file)
    except ElementTree.ParseError as error:
        raise InputError(f"is not XML ({error})", path=path, line=error.position[0]) from error
    except (ValueError, LookupError) as error:  # an encoding that the parser does not have
        raise InputError(f"is not XML in UTF-8 ({error})", path=path, line=1) from error
    found_names = [str(one.get("name")) for one in tree.iter() if one.tag.rpartition("}")[2] == "label"]
    missing = [name for name in found_names if name not in set(names)]
    if missing or not found_names:
        rule = (
            f"names the label {shown(missing[0])}, which {source.name} does not have" if missing else "names no labels"
        )
        raise InputError(rule, path=path)
    if len(set(found_names)) < len(found_names):
        raise InputError("names a label twice; keep one", path=path)
    return found_names


def _unquote(word: str) -> str:
    if len(word) > 1 and word[0] == word[-1] and word[0] in "'\"":
        return re.sub(r"\\(.)", r"\1", word[1:-1])
    return word
