"""Values of a record, made what their column's kind says or refused with the reason.

Every function takes the raw JSON value and returns the clean one; what cannot be meant raises
``ValueError`` with the rule, to which the reader adds file, line and field.
"""

import ast
import math
import re
from collections import Counter
from collections.abc import Callable
from typing import Any

_DATE = re.compile(r"(\d{4})(?:\s*[-/.年]\s*(\d{1,2})(?:\s*[-/.月]\s*(\d{1,2})日?)?月?)?年?(?:[ T].*)?")
_MISSING = {"", "none", "null", "nan", "n/a", "na", "无", "不详", "未知", "未提供"}


def is_missing(value: Any) -> bool:
    """Whether a value stands for nothing: ``None``, NaN or a word such as ``None`` or ``不详``."""
    if isinstance(value, str):
        return value.strip().lower() in _MISSING
    return value is None or (isinstance(value, float) and math.isnan(value))


def as_text(value: Any) -> str:
    """Free text; a list of texts is joined by line ends, nothing is ``""``."""
    if isinstance(value, list):
        return "\n".join(as_text(part) for part in value)
    if value is None:
        return ""
    if isinstance(value, str):
        return value.replace("\r\n", "\n")
    raise ValueError(f"must be text; got {type(value).__name__} {value!r}")


def as_category(value: Any) -> str | None:
    """One of few values, as text."""
    if is_missing(value):
        return None
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise ValueError(f"must be one value; got {type(value).__name__} {value!r}")
    return str(value).strip()


def as_number(value: Any) -> float | None:
    """A finite number, also where it is written as text."""
    if is_missing(value):
        return None
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise ValueError(f"must be a number; got {type(value).__name__} {value!r}")
    try:
        number = float(value)
    except (ValueError, OverflowError):
        raise ValueError(f"must be a number; got {value!r}") from None
    if not math.isfinite(number):
        raise ValueError(f"must be a finite number; got {value!r}")
    return number


def as_date(value: Any) -> str | None:
    """A date as ``YYYY-MM-DD``; a missing month or day is the first."""
    if is_missing(value):
        return None
    match = _DATE.fullmatch(str(value).strip()) if isinstance(value, (str, int)) else None
    if match is None:
        raise ValueError(f"must be a date such as 2015-03; got {value!r}")
    year, month, day = int(match[1]), int(match[2] or 1), int(match[3] or 1)
    if not (1 <= month <= 12 and 1 <= day <= 31):
        raise ValueError(f"must be a date such as 2015-03; got {value!r}")
    return f"{year:04d}-{month:02d}-{day:02d}"


def as_codes(value: Any) -> list[str]:
    """A list of codes or names; one string is a list of what stands between ``;``, ``；`` or line ends."""
    if is_missing(value):
        return []
    if isinstance(value, str):
        value = as_written_list(value) or re.split(r"[;；\n]", value)
    if not isinstance(value, list):
        raise ValueError(f"must be a list; got {type(value).__name__} {value!r}")
    codes = []
    for item in value:
        if isinstance(item, bool) or not (item is None or isinstance(item, (str, int, float))):
            raise ValueError(f"must be a list of texts; got an item {item!r}")
        if not is_missing(item):
            codes.append(str(item).strip())
    return codes


def as_dialogue(value: Any) -> list[str]:
    """A list of utterances."""
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise ValueError(f"must be a list of utterances; got {str(value)[:60]!r}")
    return value


def as_written_list(text: str) -> list[Any] | None:
    """The list that a text writes out, as ``["a", "b"]`` or ``['a', 'b']``; None where it writes none."""
    stripped = text.strip()
    if not (stripped.startswith("[") and stripped.endswith("]")):
        return None
    try:
        value = ast.literal_eval(stripped)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None
    return value if isinstance(value, list) else None


def as_drugs(value: Any, known: "set[str] | None") -> list[str]:
    """Drug names without repeats, in the order given.

    Names hold delimiters and spaces themselves, so one string is cut only where every piece is a
    known name.
    """
    if is_missing(value):
        return []
    if isinstance(value, str):
        value = as_written_list(value) or cut_names(value, known)
    if not isinstance(value, list):
        raise ValueError(f"must be a list of drug names; got {type(value).__name__} {value!r}")
    drugs: dict[str, None] = {}
    for item in value:
        if isinstance(item, (bool, dict, list)) or not (item is None or isinstance(item, str)):
            raise ValueError(f"must be a list of drug names; got an item {item!r}")
        if is_missing(item):
            continue
        name = item if known is None or item in known else item.strip()
        if known is not None and name not in known:
            raise ValueError(f"names {name!r}, which is no candidate; correct it or add it to the candidate list")
        drugs[name] = None
    return list(drugs)


def cut_names(text: str, known: "set[str] | None") -> list[str]:
    """Cut a string into known names with delimiters between them, the longest names first.

    Examples
    --------
    >>> cut_names("钙片（A、B），甲片", {"钙片（A、B）", "甲片"})
    ['钙片（A、B）', '甲片']
    """
    text = text.strip()
    if known is None or text in known:
        return [text]
    by_first: dict[str, list[str]] = {}
    for name in sorted(known, key=len, reverse=True):
        by_first.setdefault(name[0], []).append(name)
    delimiters = " 、,，;；\n\t|"
    # Positions from which the rest cannot be cut: each is tried once, so this is linear in the text.
    dead: set[int] = set()
    path: list[tuple[int, list[str]]] = [(0, [])]
    while path:
        at, names = path.pop()
        while at < len(text) and text[at] in delimiters:
            at += 1
        if at >= len(text):
            return names
        if at in dead:
            continue
        dead.add(at)
        fits = [name for name in by_first.get(text[at], ()) if text.startswith(name, at)]
        for name in reversed(fits):
            end = at + len(name)
            if end == len(text) or text[end] in delimiters:
                path.append((end, [*names, name]))
    raise ValueError(f"is one string {text[:60]!r} that does not divide into candidate names; write a list")


CLEANERS: dict[str, Callable[[Any], Any]] = {
    "text": as_text,
    "dialogue": as_dialogue,
    "codes": as_codes,
    "category": as_category,
    "number": as_number,
    "date": as_date,
    "birthdate": as_date,
}
"""The function that cleans a value of each kind."""


def note_repairs(repairs: Counter[str]) -> tuple[str, ...]:
    """One sentence for each kind of repair, with its count."""
    return tuple(f"{what}: {count}" for what, count in sorted(repairs.items()))
