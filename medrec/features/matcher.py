"""``NameMatcher``: where the names of many labels stand in a text, all found in one pass."""

from bisect import bisect
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from ahocorasick_rs import AhoCorasick

from medrec.features.folding import fold


class Match(NamedTuple):
    """A name in a text.

    Parameters
    ----------
    start, end : int
        Its characters are ``text[start:end]`` of the text as it was given.
    pattern : str
        The name as the matcher was given it; the first of those that are compared alike.
    labels : tuple of int
        The labels that it may stand for, rising.
    """

    start: int
    end: int
    pattern: str
    labels: tuple[int, ...]


class NameMatcher:
    """Finds names in texts with one Aho–Corasick automaton, whatever the number of names.

    Names and texts are compared after ``fold``: full width as half width, capitals as small letters, white space
    as one space. Where a name begins or ends with a letter or a digit, none may stand beside it (``b1`` is not in
    ``b12``); Chinese and Japanese characters have no such limit. Of matches that overlap the longest is kept, then
    the leftmost.

    Parameters
    ----------
    names : mapping of str to sequence of int
        The labels of each name. Names that are compared alike share their labels.
    strip_accents : bool, default=False
        Whether accents count for nothing (``fiebre tifoídea``).

    Raises
    ------
    ValueError
        When a name is blank or has no label.

    References
    ----------
    Aho and Corasick (1975), Efficient string matching: an aid to bibliographic search.

    Examples
    --------
    >>> matcher = NameMatcher({"二甲双胍": [0, 1], "盐酸二甲双胍片": [0], "Aspirin": [2]})
    >>> [(m.start, m.end, m.labels) for m in matcher.find("停二甲双胍，予ＡＳＰＩＲＩＮ口服")]
    [(1, 5, (0, 1)), (7, 14, (2,))]
    """

    def __init__(self, names: Mapping[str, Sequence[int]], *, strip_accents: bool = False) -> None:
        self.names = {name: sorted({int(label) for label in labels}) for name, labels in names.items()}
        self.strip_accents = strip_accents
        self._made: tuple[AhoCorasick, list[tuple[str, tuple[int, ...]]]] | None = self._make()

    def __getstate__(self) -> dict[str, Any]:
        # The automaton is no data: a copy makes its own from the names when it is first asked.
        return {"names": self.names, "strip_accents": self.strip_accents, "_made": None}

    def find(self, text: str) -> list[Match]:
        """The names in a text, left to right; none overlaps another."""
        if self._made is None:
            self._made = self._make()
        automaton, known = self._made
        folded, offsets = fold(text, strip_accents=self.strip_accents)
        found = [
            (start, end, number)
            for number, start, end in automaton.find_matches_as_indexes(folded, overlapping=True)
            if self._is_whole(folded, start, end) and (offsets is None or (offsets[start] >= 0 and offsets[end] >= 0))
        ]
        kept = found if len(found) < 2 else _longest(found)
        if offsets is not None:
            kept = [(offsets[start], offsets[end], number) for start, end, number in kept]
        return [Match(start, end, *known[number]) for start, end, number in kept]

    @staticmethod
    def _is_whole(text: str, start: int, end: int) -> bool:
        """Whether a match neither begins nor ends within a word or a number."""
        if start and _is_letter(text[start]) and _is_letter(text[start - 1]):
            return False
        return end == len(text) or not (_is_letter(text[end - 1]) and _is_letter(text[end]))

    def _make(self) -> tuple[AhoCorasick, list[tuple[str, tuple[int, ...]]]]:
        """The automaton, and the name and labels of each of its patterns."""
        merged: dict[str, tuple[str, set[int]]] = {}
        for name, labels in self.names.items():
            folded = fold(name, strip_accents=self.strip_accents)[0].strip()
            if not folded or not labels:
                lack = "is blank" if not folded else "has no label"
                raise ValueError(f"NameMatcher: a name must have characters and labels; {name!r} {lack}. Leave it out.")
            merged.setdefault(folded, (name, set()))[1].update(labels)
        return AhoCorasick(list(merged)), [(name, tuple(sorted(labels))) for name, labels in merged.values()]


@lru_cache(maxsize=2**16)
def _is_letter(character: str) -> bool:
    """Whether a character is one of a word with spaces around it: a letter or digit that is not Chinese or Japanese."""
    code = ord(character)
    return character.isalnum() and not (0x3040 <= code <= 0x9FFF or 0xF900 <= code <= 0xFAFF or code >= 0x20000)


def _longest(found: Iterable[tuple[int, int, int]]) -> list[tuple[int, int, int]]:
    """Of ``(start, end, number)`` those that stay when the longest, then the leftmost, takes its place first."""
    kept: list[tuple[int, int, int]] = []
    for one in sorted(found, key=lambda match: (match[0] - match[1], match[0])):
        at = bisect(kept, one)
        if (at == 0 or kept[at - 1][1] <= one[0]) and (at == len(kept) or one[1] <= kept[at][0]):
            kept.insert(at, one)
    return kept
