"""CSV rows from strangers, with the line that each ends on."""

import csv
import os
from collections.abc import Iterator, Sequence

from medrec._checks import InputError
from medrec.datasets._json_lines import read_lines

MAX_CELL = 2**17
"""Characters of a cell at most; a longer one is an open quote."""
MAX_NOTE = 2**20
"""The same where a cell may be a clinical note."""


def read_rows(path: str | os.PathLike[str], *, max_cell: int = MAX_CELL) -> Iterator[tuple[int, list[str]]]:
    """Yield ``(line number, cells)`` of every row of a UTF-8 CSV file, blank ones too.

    Raises
    ------
    InputError
        With file and line: no such file, not UTF-8, an open quote, a cell too long.
    """
    reader = csv.reader((text for _, text in read_lines(path)), strict=True)
    while True:
        before = csv.field_size_limit(max_cell)  # it holds for the process, so it is set back after every row
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise InputError(f"is not CSV ({error})", path=path, line=reader.line_num) from error
        finally:
            csv.field_size_limit(before)
        yield reader.line_num, cells


def read_columns(
    path: str | os.PathLike[str], wanted: Sequence[str], optional: Sequence[str] = ()
) -> Iterator[tuple[int, list[str]]]:
    """Yield ``(line number, values)`` of some columns of a CSV file, a row at a time; blank rows are passed over.

    Parameters
    ----------
    path : path-like
        The file, its first row the names of the columns, in upper or lower case.
    wanted : sequence of str
        Names in lower case; ``"icd_code|icd9_code"`` is whichever is there.
    optional : sequence of str
        Names whose values are ``""`` where the column is not there.

    Yields
    ------
    tuple of int and list of str
        The line that the row ends on; the values of ``wanted``, then of ``optional``, without blanks around them.

    Raises
    ------
    InputError
        As ``read_rows``; and where a column is missing or stands twice, or a row has another number of cells.
    """
    rows = read_rows(path, max_cell=MAX_NOTE)
    header = [name.strip().lower() for name in next(rows, (1, []))[1]]
    at = []
    for name in (*wanted, *optional):
        found = next((one for one in name.split("|") if one in header), None)
        if found is None and name not in optional:
            names = name.replace("|", " or ")
            raise InputError(f"lacks the column {names}; take the file as published", path=path, line=1)
        if found is not None and header.count(found) > 1:
            raise InputError(f"names the column {found!r} twice; keep one", path=path, line=1)
        at.append(-1 if found is None else header.index(found))
    n_columns = len(header)
    for line, cells in rows:
        if len(cells) != n_columns:
            if not any(cell.strip() for cell in cells):
                continue
            raise InputError(f"has {len(cells)} cells for {n_columns} columns", path=path, line=line)
        yield line, [cells[column].strip() if column >= 0 else "" for column in at]
