"""A record as passages of its own text, and how what the features read leads back to them."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd

from medrec.features.parts import DOCTOR, READERS, SPEAKER, read_column
from medrec.report.marked_text import Passage


class Reading(NamedTuple):
    """What a part of the features reads of a column.

    Parameters
    ----------
    text : str
        What is read.
    passage : ndarray of int of shape (n_characters,)
        The passage that each character comes from, counted within the column; -1 for none.
    offset : ndarray of int of shape (n_characters,)
        Where it stands there.
    """

    text: str
    passage: np.ndarray
    offset: np.ndarray


def passages_of(record: pd.DataFrame, schema: Mapping[str, str]) -> list[Passage]:
    """The passages of a record in the schema's order; columns without a value, and evidence, have none.

    Parameters
    ----------
    record : DataFrame of one row
    schema : dict
        Kind of each column.

    Examples
    --------
    >>> record = pd.DataFrame({"note": ["发热"], "codes": [["I10", "E11.9"]], "age": [70]})
    >>> [one.text for one in passages_of(record, {"note": "text", "codes": "codes", "age": "number"})]
    ['发热', 'I10', 'E11.9', '70']
    """
    found = []
    for column, kind in schema.items():
        if kind == "evidence" or column not in record:
            continue
        found += [Passage(column, kind, text) for text in _pieces(record, column, kind)]
    return found


def _pieces(record: pd.DataFrame, column: str, kind: str) -> list[str]:
    if kind == "text":
        return [text for text in read_column(record, column, "text") if text]
    if kind == "dialogue":
        return [one for one in _list(record, column) if one.strip()]
    if kind == "codes":
        return read_column(record, column, "codes")[0]
    return read_column(record, column, "category")[0]


def _list(record: pd.DataFrame, column: str) -> list[str]:
    value = record[column].iloc[0]
    return list(value) if isinstance(value, (list, tuple, np.ndarray)) else []


def read_pieces(record: pd.DataFrame, column: str, kind: str, read: str) -> Reading:
    """What a reader of ``medrec.features.parts.READERS`` makes of a column, with the way back to its passages.

    Examples
    --------
    >>> record = pd.DataFrame({"talk": [["患者：咳", "医生：用药", "患者：好"]]})
    >>> reading = read_pieces(record, "talk", "dialogue", "patient")
    >>> reading.text, reading.passage.tolist(), reading.offset.tolist()
    ('咳\\n好', [0, -1, 2], [3, 0, 3])
    """
    pieces = _pieces(record, column, kind)
    places: list[tuple[str, int, int]] = []
    is_first = True
    for number, piece in enumerate(pieces):
        if read in ("patient", "doctor", "closing"):
            is_doctor = bool(DOCTOR.match(piece))
            if is_doctor == (read == "patient"):
                continue
            if read == "closing":
                places, is_first = [], True
            speaker = SPEAKER.search(piece)
            start, end = speaker.span() if speaker else (0, 0)
        elif read == "names" and not READERS["names"]([piece]):
            continue
        else:
            start = end = 0
        if not is_first:
            places.append(("\n", -1, 0))
        is_first = False
        kept = [at for at in range(len(piece)) if not start <= at < end]
        places += [(piece[at], number, at) for at in kept]
    passage = np.asarray([number for _, number, _ in places], dtype=np.int64)
    return Reading(
        "".join(letter for letter, _, _ in places), passage, np.asarray([at for _, _, at in places], dtype=np.int64)
    )
