"""CSV rows from strangers, with the line that each ends on."""

import csv
import os
from collections.abc import Iterator

from medrec._checks import InputError
from medrec.datasets._json_lines import read_lines


def read_rows(path: str | os.PathLike[str]) -> Iterator[tuple[int, list[str]]]:
    """Yield ``(line number, cells)`` of every row of a UTF-8 CSV file, blank ones too.

    Raises
    ------
    InputError
        With file and line: no such file, not UTF-8, an open quote, a cell too long.
    """
    reader = csv.reader((text for _, text in read_lines(path)), strict=True)
    try:
        for cells in reader:
            yield reader.line_num, cells
    except csv.Error as error:
        raise InputError(f"is not CSV ({error})", path=path, line=reader.line_num) from error
