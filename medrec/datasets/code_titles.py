"""Titles of codes from a dictionary file, and those of a code's next known parent where it has none."""

import os
import re
from collections.abc import Iterable, Mapping

from medrec._checks import InputError
from medrec.datasets._csv_rows import read_rows

COLUMNS = (("icd_code", "long_title"), ("code", "description"))
"""Names of the columns of code and title: those of MIMIC's dictionaries, or plain ones."""
_SAYS_NOTHING = re.compile(r"[(\[].*?[)\]]|,? unspecified\b|,? no especificad[oa]s?\b", re.IGNORECASE)


def read_code_titles(path: str | os.PathLike[str], *, version: str | None = None) -> dict[str, str]:
    """Read the title of every code.

    Parameters
    ----------
    path : path-like
        CSV (``.gz`` too) with the columns ``icd_code`` and ``long_title``, as MIMIC's ``d_icd_diagnoses.csv``, or
        ``code`` and ``description``; more columns are ignored.
    version : str, optional
        Rows of this ``icd_version`` only, such as ``"10"``.

    Returns
    -------
    dict of str to str
        Codes in small letters, without a dot.

    Raises
    ------
    InputError
        With file and line: no such columns, a row of another length, no titles.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> file = pathlib.Path(tempfile.mkdtemp()) / "codes.csv"
    >>> _ = file.write_text("code,description\\nK75.0,Absceso del hígado\\n", encoding="utf-8")
    >>> read_code_titles(file)
    {'k750': 'Absceso del hígado'}
    """
    rows = read_rows(path)
    header = [name.strip() for name in next(rows, (1, []))[1]]
    names = next((pair for pair in COLUMNS if set(pair) <= set(header)), None)
    if names is None or (version is not None and "icd_version" not in header):
        wanted = " or ".join(" and ".join(pair) for pair in COLUMNS)
        rest = ", with icd_version" if version is not None else ""
        raise InputError(f"must have the columns {wanted}{rest}; its header has {', '.join(header)}", path=path, line=1)
    code, title = map(header.index, names)
    titles = {}
    for line, cells in rows:
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) != len(header):
            raise InputError(f"has {len(cells)} cells for {len(header)} columns", path=path, line=line)
        if version is None or cells[header.index("icd_version")].strip() == version:
            titles[_bare(cells[code])] = cells[title].strip()
    if not titles:
        raise InputError("holds no titles" + ("" if version is None else f" of version {version}"), path=path)
    return titles


def titles_of(names: Iterable[str], *titles: Mapping[str, str]) -> dict[str, list[str]]:
    """What each code is called, as ``RecordVectorizer(descriptions=)`` takes it.

    Parameters
    ----------
    names : iterable of str
        The labels; dots and capitals do not matter.
    *titles : mappings of str to str
        Dictionaries as ``read_code_titles`` gives them, of several languages say. Of each the code's own title is
        taken, else that of the longest beginning of it (three characters at least) that has one. Brackets and the
        word "unspecified" (``no especificado``) are left out.

    Examples
    --------
    >>> titles_of(["K75.0", "n20.9", "z00"], {"k750": "Absceso del hígado", "n20": "Cálculo [litiasis] del riñón"})
    {'K75.0': ['Absceso del hígado'], 'n20.9': ['Cálculo  del riñón']}
    """
    found = {}
    for name in names:
        code = _bare(name)
        starts = [code[:end] for end in range(len(code), 2, -1)]
        own = [next((one[start] for start in starts if start in one), "") for one in titles]
        if any(own):
            found[name] = [_SAYS_NOTHING.sub("", title).strip() for title in own if title]
    return found


def _bare(code: str) -> str:
    return code.strip().replace(".", "").lower()
