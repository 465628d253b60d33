"""Spelling set aside: text as it is compared, with the way back to the text as it was written."""

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache

_SPACES = re.compile(r"  +")
_ACCENTS = re.compile(r"[\u0300-\u036f]+")
# Vowels and final consonants of Korean join what stands before them without being marks.
_JAMO = re.compile(r"[\u1160-\u11ff]")


def fold(text: str, *, strip_accents: bool = False) -> tuple[str, Sequence[int] | None]:
    """Text for comparison: NFKC (full width to half width), case folded, runs of white space as one space.

    Parameters
    ----------
    text : str
        The text as it was written.
    strip_accents : bool, default=False
        Whether Latin, Greek and Cyrillic letters lose their accents.

    Returns
    -------
    folded : str
        The text to compare.
    offsets : sequence of int, or None
        For each position of ``folded``, and for its end, where in ``text`` that character was written; -1 within what
        one written character became (``㎎`` is ``mg``). None where every position is its own.

    Examples
    --------
    >>> fold("ＢＭＩ：２５")
    ('bmi:25', None)
    >>> fold("Ménière  5㎎", strip_accents=True)
    ('meniere 5mg', [0, 1, 2, 3, 4, 5, 6, 7, 9, 10, -1, 11])
    """
    table = _TABLES[strip_accents]
    folded = text.translate(table)
    if "  " not in folded and not any(_is_odd(character, strip_accents) for character in set(text)):
        return folded, None
    pieces: list[str] = []
    offsets: list[int] = []
    for start, end in clusters(text):
        piece = _fold(text[start:end], strip_accents)
        if piece[:1] == " " and pieces and pieces[-1][-1] == " ":
            piece = piece[1:]
        if piece:
            pieces.append(piece)
            offsets += [start, *[-1] * (len(piece) - 1)]
    return "".join(pieces), [*offsets, len(text)]


class _Table(dict[int, str]):
    """What each character becomes, found when it first comes, as ``str.translate`` takes it."""

    def __init__(self, strip_accents: bool) -> None:
        super().__init__()
        self._strip_accents = strip_accents

    def __missing__(self, code: int) -> str:
        self[code] = piece = _fold(chr(code), self._strip_accents)
        return piece


_TABLES = {strip: _Table(strip) for strip in (False, True)}


def _fold(text: str, strip_accents: bool) -> str:
    if strip_accents:
        text = _ACCENTS.sub("", unicodedata.normalize("NFKD", text))
    text = unicodedata.normalize("NFKC", text).casefold()
    return " " if text.isspace() else text


@lru_cache(maxsize=2**16)
def _is_odd(character: str, strip_accents: bool) -> bool:
    """Whether a character is not one position for one: it joins the one before it, or becomes several or none."""
    return _joins(character) or len(_fold(character, strip_accents)) != 1


@lru_cache(maxsize=2**16)
def _joins(character: str) -> bool:
    """Whether a character may become one with what stands before it."""
    first = unicodedata.normalize("NFKD", character)[0]
    return unicodedata.category(first)[0] == "M" or bool(_JAMO.match(first))


def clusters(text: str) -> list[tuple[int, int]]:
    """Ranges of a text that are folded, and normalised, apart from each other."""
    starts = [at for at, character in enumerate(text) if not at or not _joins(character)]
    return list(zip(starts, [*starts[1:], len(text)]))
