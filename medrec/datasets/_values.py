"""Values of a record, made what their column's kind says or refused with the reason.

Every function takes the raw JSON value and returns the clean one; what cannot be meant raises
``ValueError`` with the rule, to which the reader adds file, line and field.
"""

import math
import re
from collections import Counter
from collections.abc import Callable
from typing import Any

from medrec.datasets._json_lines import shown

_DATE = re.compile(r"(\d{4})(?:\s*[-/.年]\s*(\d{1,2})(?:\s*[-/.月]\s*(\d{1,2})日?)?月?)?年?(?:[ T].*)?")
_WRITTEN_ITEM = re.compile(
    r"""\s*(?:"(?P<double>(?:[^"\\]|\\.)*)"|'(?P<single>(?:[^'\\]|\\.)*)'|(?P<bare>None|null|nan|NaN|[-+]?[\d.]+)|)"""
    r"""\s*(?P<end>[,\]])""",
    re.DOTALL,
)
_ESCAPE = re.compile(
    r"\\(?:u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|U(000[0-9a-fA-F]{5}|0010[0-9a-fA-F]{4})|(.))", re.DOTALL
)
_LETTERS = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}
_MISSING = {"", "none", "null", "nan", "n/a", "na", "无", "不详", "未知", "未提供"}


def is_missing(value: Any) -> bool:
    """Whether a value stands for nothing: ``None``, NaN or a word such as ``None`` or ``不详``."""
    if isinstance(value, str):
        return value.strip().lower() in _MISSING
    return value is None or (isinstance(value, float) and math.isnan(value))


def as_text(value: Any) -> str:
    """Free text; a list of texts is joined by line ends, nothing is ``""``."""
    parts = value if isinstance(value, list) else [value]
    wrong = [part for part in parts if not (part is None or isinstance(part, str))]
    if wrong:
        raise ValueError(f"must be text; got {type(wrong[0]).__name__} {shown(wrong[0])}")
    return "\n".join(part.replace("\r\n", "\n") for part in parts if part is not None)


def as_category(value: Any) -> str | None:
    """One of few values, as text."""
    if is_missing(value):
        return None
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise ValueError(f"must be one value; got {type(value).__name__} {shown(value)}")
    return str(value).strip()


def as_number(value: Any) -> float | None:
    """A finite number, also where it is written as text."""
    if is_missing(value):
        return None
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise ValueError(f"must be a number; got {type(value).__name__} {shown(value)}")
    try:
        number = float(value)
    except (ValueError, OverflowError):
        raise ValueError(f"must be a number; got {shown(value)}") from None
    if not math.isfinite(number):
        raise ValueError(f"must be a finite number; got {shown(value)}")
    return number


def as_date(value: Any) -> str | None:
    """A date as ``YYYY-MM-DD``; a missing month or day is the first."""
    if is_missing(value):
        return None
    match = _DATE.fullmatch(str(value).strip()) if isinstance(value, (str, int)) else None
    if match is None:
        raise ValueError(f"must be a date such as 2015-03; got {shown(value)}")
    year, month, day = int(match[1]), int(match[2] or 1), int(match[3] or 1)
    if not (1 <= month <= 12 and 1 <= day <= 31):
        raise ValueError(f"must be a date such as 2015-03; got {shown(value)}")
    return f"{year:04d}-{month:02d}-{day:02d}"


def as_codes(value: Any) -> list[str]:
    """A list of codes or names; one string is a list of what stands between ``;``, ``；`` or line ends."""
    if is_missing(value):
        return []
    if isinstance(value, str):
        written = as_written_list(value)
        value = written if written is not None else re.split(r"[;；\n]", value)
    if not isinstance(value, list):
        raise ValueError(f"must be a list; got {type(value).__name__} {shown(value)}")
    codes = []
    for item in value:
        if isinstance(item, bool) or not (item is None or isinstance(item, (str, int, float))):
            raise ValueError(f"must be a list of texts; got an item {shown(item)}")
        if not is_missing(item):
            codes.append(str(item).strip())
    return codes


def as_dialogue(value: Any) -> list[str]:
    """A list of utterances."""
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise ValueError(f"must be a list of utterances; got {shown(value)}")
    return value


def as_written_list(text: str) -> list[str | None] | None:
    """The list of texts that a text writes out, as JSON ``["a", "b"]`` or as Python ``['a', 'b']``; else None.

    Examples
    --------
    >>> as_written_list("['甲', None, '乙']"), as_written_list("甲；乙")
    (['甲', None, '乙'], None)
    """
    stripped = text.strip()
    if not (stripped.startswith("[") and stripped.endswith("]")):
        return None
    items: list[str | None] = []
    at = 1
    while True:
        match = _WRITTEN_ITEM.match(stripped, at)
        if match is None:
            return None
        at = match.end()
        quoted = match["double"] if match["double"] is not None else match["single"]
        if quoted is not None:
            try:
                items.append(_ESCAPE.sub(_unescape, quoted).encode("utf-16", "surrogatepass").decode("utf-16"))
            except UnicodeDecodeError:  # half a character
                return None
        elif match["bare"] is not None:
            items.append(None if is_missing(match["bare"]) else match["bare"])
        elif match["end"] == ",":
            return None
        if match["end"] == "]":
            return items if at == len(stripped) else None


def _unescape(match: "re.Match[str]") -> str:
    code = match[1] or match[2] or match[3]
    return chr(int(code, 16)) if code else _LETTERS.get(match[4], match[4])


def as_drugs(value: Any, known: "set[str] | None") -> list[str]:
    """Drug names without repeats, in the order given.

    Names hold delimiters and spaces themselves, so one string is cut only where every piece is a
    known name.
    """
    if is_missing(value):
        return []
    if isinstance(value, str):
        written: Any = as_written_list(value)
        value = cut_names(value, known) if written is None else written
    if not isinstance(value, list):
        raise ValueError(f"must be a list of drug names; got {type(value).__name__} {shown(value)}")
    drugs: dict[str, None] = {}
    for item in value:
        if item is None or is_missing(item):
            continue
        if not isinstance(item, str):
            raise ValueError(f"must be a list of drug names; got an item {shown(item)}")
        name = item if known is None or item in known else item.strip()
        if known is not None and name not in known:
            raise ValueError(f"names {shown(name)}, which is no candidate; correct it or add it to the candidate list")
        drugs[name] = None
    return list(drugs)


def as_evidence(value: Any) -> list[list[str]]:
    """``[drug, words]`` pairs: the words of a record that justify one of its drugs.

    Examples
    --------
    >>> as_evidence([["k26.9", " ulcus duodenal"]]), as_evidence(None)
    ([['k26.9', 'ulcus duodenal']], [])
    """
    if value is None:
        return []
    if not isinstance(value, (list, tuple)):
        raise ValueError(f"must be a list of [drug, words]; got {shown(value)}")
    pairs = []
    for item in value:
        if (
            not isinstance(item, (list, tuple))
            or len(item) != 2
            or not all(isinstance(part, str) and part.strip() for part in item)
        ):
            raise ValueError(
                f"must be a list of [drug, words], both texts and neither blank; got an item {shown(item)}"
            )
        pairs.append([item[0].strip(), item[1].strip()])
    return pairs


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
    # For each position where a name ends: where the one before it ended, and the name. Each position is reached
    # once, so this is linear in the text.
    before: dict[int, tuple[int, str]] = {}
    ends = [0]
    while ends:
        end = at = ends.pop()
        while at < len(text) and text[at] in delimiters:
            at += 1
        if at >= len(text):
            names = []
            while end:
                end, name = before[end]
                names.append(name)
            return names[::-1]
        fits = [name for name in by_first.get(text[at], ()) if text.startswith(name, at)]
        for name in reversed(fits):
            stop = at + len(name)
            if stop not in before and (stop == len(text) or text[stop] in delimiters):
                before[stop] = (end, name)
                ends.append(stop)
    raise ValueError(f"is one string {shown(text)} that does not divide into candidate names; write a list")


CLEANERS: dict[str, Callable[[Any], Any]] = {
    "text": as_text,
    "dialogue": as_dialogue,
    "codes": as_codes,
    "category": as_category,
    "number": as_number,
    "date": as_date,
    "birthdate": as_date,
    "evidence": as_evidence,
}
"""The function that cleans a value of each kind."""


def note_repairs(repairs: Counter[str]) -> tuple[str, ...]:
    """One sentence for each kind of repair, with its count."""
    return tuple(f"{what}: {count}" for what, count in sorted(repairs.items()))
