"""JSON lines from strangers, read with the file and line of everything that is wrong."""

import gzip
import json
import math
import os
import re
import reprlib
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

from medrec._checks import InputError

MAX_LINE_BYTES = 8 * 2**20
"""The longest line that is read; a longer one is no record but a broken file."""
MAX_JSON_BYTES = 2**30
"""The largest file that is read as one JSON value, unpacked."""

_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = _SHORT.maxlong = 60


def shown(value: Any) -> str:
    """How a value of any size and depth stands in a message.

    Examples
    --------
    >>> len(shown("a" * 10**6)) < 70
    True
    """
    return _SHORT.repr(value)


def open_bytes(path: str | os.PathLike[str]) -> IO[bytes]:
    """Open a file for reading, unpacked where its name ends in ``.gz``."""
    source = Path(path)
    if source.is_dir():
        raise InputError("is a folder; name the file in it", path=source)
    try:
        return gzip.open(source) if source.suffix == ".gz" else source.open("rb")  # type: ignore[return-value]
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror}); check the path", path=source) from error


def decode(raw: bytes, *, path: Any, line: int) -> str:
    """UTF-8 text of a line, or the encoding that it seems to be in and the cure."""
    if raw.startswith(b"\xef\xbb\xbf"):
        raise InputError("begins with a byte-order mark; save the file as UTF-8 without BOM", path=path, line=line)
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise InputError("is UTF-16; convert it: iconv -f UTF-16 -t UTF-8", path=path, line=line)
    if b"\0" in raw:
        raise InputError("holds NUL bytes: no text file, or UTF-16; convert it to UTF-8", path=path, line=line)
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.reason == "unexpected end of data":
            raise InputError(
                "ends within a character; the file may be cut off, copy it again", path=path, line=line
            ) from error
        try:
            raw.decode("gb18030")
            cure = "it may be GB18030: iconv -f GB18030 -t UTF-8"
        except UnicodeDecodeError:
            cure = "convert the file to UTF-8"
        raise InputError(f"is not UTF-8 (byte {error.start + 1}); {cure}", path=path, line=line) from error


def parse_json(text: str, *, path: Any, line: int | None = None) -> Any:
    """The value of a JSON text.

    Refused beyond what is no JSON: NaN and Infinity, numbers beyond the range of float64, a key that stands
    twice, and escapes of half a character (a lone surrogate), which could not be written back.
    """

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            keys = [key for key, _ in pairs]
            twice = next(key for key in keys if keys.count(key) > 1)
            raise InputError(f"field {shown(twice)} stands twice in one object; keep one", path=path, line=line)
        return found

    def number(digits: str) -> float:
        value = float(digits)
        if math.isinf(value):
            raise InputError(f"number {shown(digits)} is too large; correct it", path=path, line=line)
        return value

    def constant(name: str) -> Any:
        raise InputError(f"{name} is not JSON; write null for a missing value", path=path, line=line)

    try:
        value = json.loads(text, object_pairs_hook=unique, parse_constant=constant, parse_float=number)
        if _SURROGATE.search(text):
            json.dumps(value, ensure_ascii=False).encode()
        return value
    except UnicodeEncodeError as error:
        raise InputError(
            "holds half a character, an escape such as \\ud800 without its other half; remove it", path=path, line=line
        ) from error
    except json.JSONDecodeError as error:
        where = line if line is not None else error.lineno
        cut = "; the file may be cut off, copy it again" if error.pos >= len(text.rstrip()) - 1 else ""
        raise InputError(f"is not JSON ({error.msg} at column {error.colno}){cut}", path=path, line=where) from error
    except RecursionError as error:
        raise InputError("is nested too deeply; a record is flat", path=path, line=line) from error
    except InputError:
        raise
    except ValueError as error:  # an integer of more digits than Python converts
        raise InputError(f"holds a value that cannot be read ({error})", path=path, line=line) from error


def read_lines(path: str | os.PathLike[str]) -> Iterator[tuple[int, str]]:
    """Yield ``(line number, text)`` of every line of a UTF-8 file, blank ones too."""
    with open_bytes(path) as file:
        number = 0
        while True:
            number += 1
            raw = _read(file.readline, MAX_LINE_BYTES + 1, path, number)
            if not raw:
                return
            if len(raw) > MAX_LINE_BYTES:
                limit = MAX_LINE_BYTES // 2**20
                raise InputError(f"line is longer than {limit} MiB; write one record a line", path=path, line=number)
            yield number, decode(raw, path=path, line=number)


def read_objects(
    path: str | os.PathLike[str], repairs: Counter[str] | None = None
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield ``(line number, object)`` of a JSON-lines file; blank lines are passed over, and counted in ``repairs``.

    Raises
    ------
    InputError
        With file and line: no such file, not UTF-8, not JSON, not an object, a line too long.
    """
    for number, text in read_lines(path):
        if not text.strip():
            if repairs is not None:
                repairs["blank lines were passed over"] += 1
            continue
        value = parse_json(text, path=path, line=number)
        if not isinstance(value, dict):
            raise InputError(
                f"holds {type(value).__name__}, not an object; write one record a line as {{...}}",
                path=path,
                line=number,
            )
        yield number, value


def read_json(path: str | os.PathLike[str]) -> Any:
    """The value of a whole JSON file."""
    with open_bytes(path) as file:
        raw = _read(file.read, MAX_JSON_BYTES + 1, path)
    if len(raw) > MAX_JSON_BYTES:
        raise InputError(f"is larger than {MAX_JSON_BYTES // 2**30} GiB; write JSON lines instead", path=path)
    if not raw.strip():
        raise InputError("is empty", path=path, line=1)
    try:
        return parse_json(decode(raw, path=path, line=1), path=path)
    except InputError as error:
        if "not UTF-8" not in str(error):
            raise
        line = next(n for n, part in enumerate(raw.split(b"\n"), 1) if not _is_utf8(part))
        decode(raw.split(b"\n")[line - 1], path=path, line=line)
        raise


def first_byte(path: str | os.PathLike[str]) -> bytes:
    """The first byte of a file that is no blank; empty where there is none."""
    with open_bytes(path) as file:
        while piece := _read(file.read, 2**16, path):
            if start := piece.lstrip():
                return start[:1]
    return b""


def read_names(path: str | os.PathLike[str]) -> list[str]:
    """A flat JSON array of unique, non-blank names, such as the candidate list."""
    names = read_json(path)
    if not isinstance(names, list):
        raise InputError("must be a flat JSON array of names", path=path, line=1)
    seen: set[str] = set()
    for position, name in enumerate(names, start=1):
        if not isinstance(name, str) or not name.strip():
            raise InputError(f"item {position} is {shown(name)}; every item must be a name", path=path)
        if name in seen:
            raise InputError(f"item {position}: {shown(name)} stands twice; keep one", path=path)
        seen.add(name)
    if not names:
        raise InputError("holds no names", path=path)
    return names


def _read(read: Callable[[int], bytes], size: int, path: Any, line: int | None = None) -> bytes:
    try:
        return read(size)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InputError(f"cannot be unpacked ({error}); copy it again", path=path, line=line) from error
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror}); check the path", path=path, line=line) from error


def _is_utf8(raw: bytes) -> bool:
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
