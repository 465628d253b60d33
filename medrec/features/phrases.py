"""Phrases found in a text whatever their accents, inflection and, within a sentence, their order."""

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from medrec.features.folding import fold

_SENTENCE_END = re.compile(r"[.;:!?]+(?=\s|$)|[\r\n]+|[。；：！？]+")
_WORD = re.compile(r"[\u3400-\u9fff]|[^\W_\u3400-\u9fff]+")
_SMALL = (
    "a al an and at by con de del e el en for in la las le lo los nivel o of on or para por que se su sus the to u "
    "un una unas uno unos with y"
)
SMALL_WORDS = frozenset(_SMALL.split())
"""Spanish and English words that say nothing of what a phrase means; a phrase is compared without them."""
_DENIALS = (
    "ausenc ausenci denied denies descart descarta descartar neg negab negaba negativ ni nieg niega no non not sin "
    "without"
)
DENIALS = frozenset(_DENIALS.split())
"""Words, as ``stem`` leaves them, that deny what follows within ``DENIAL_REACH`` words of the same sentence."""
DENIAL_REACH = 4
NEAR = 2
"""Words that may stand between those of a phrase for it to count as near together."""


class Word(NamedTuple):
    """A word of a text as it is compared; its characters are ``text[start:end]``."""

    stem: str
    start: int
    end: int


class PhraseMatch(NamedTuple):
    """A phrase in a text.

    Parameters
    ----------
    phrase : int
        Number of the phrase.
    sentence : int
        Number of the sentence.
    places : tuple of int
        Numbers of its words in the sentence, rising.
    spread : {0, 1, 2}
        Whether they stand side by side, at most ``NEAR`` other words between them, or farther apart.
    """

    phrase: int
    sentence: int
    places: tuple[int, ...]
    spread: int


def stem(word: str) -> str:
    """A word without the ending of its plural and gender, of Spanish and English alike.

    Of words of more than three letters that are no number: ``es`` of more than five letters, else ``s`` of more than
    four, then one of ``a``, ``e``, ``o`` of more than four. Nothing else is taken off: ``hepático`` and ``hígado``
    stay two words.

    Examples
    --------
    >>> [stem(word) for word in ("renales", "renal", "abscesos", "derecha", "derecho", "fractures", "fiebre", "120")]
    ['renal', 'renal', 'absces', 'derech', 'derech', 'fractur', 'fiebr', '120']
    """
    if len(word) <= 3 or not word.isalpha():
        return word
    if len(word) > 5 and word.endswith("es"):
        word = word[:-2]
    elif len(word) > 4 and word.endswith("s"):
        word = word[:-1]
    return word[:-1] if len(word) > 4 and word[-1] in "aeo" else word


def sentences_of(text: str) -> list[list[Word]]:
    """The words of each sentence, as they are compared, small words left out.

    Accents and capitals are set aside, each word is cut by ``stem``, a Chinese character is a word. A sentence ends
    at a full stop, colon, semicolon, question or exclamation mark before white space, or at a line's end.

    Examples
    --------
    >>> sentences_of("Úlcera duodenal. No fiebre.")
    [[Word(stem='ulcer', start=0, end=6), Word(stem='duodenal', start=7, end=15)],
     [Word(stem='no', start=17, end=19), Word(stem='fiebr', start=20, end=26)]]
    """
    found, start = [], 0
    for end in [*(match.start() for match in _SENTENCE_END.finditer(text)), len(text)]:
        piece = text[start:end]
        folded, offsets = fold(piece, strip_accents=True)
        words = []
        for match in _WORD.finditer(folded):
            if match[0] in SMALL_WORDS:
                continue
            at, to = match.span()
            if offsets is not None:  # -1 within what one written character became: its beginning, or the next one's
                at = next(offset for offset in reversed(offsets[: at + 1]) if offset >= 0)
                to = next(offset for offset in offsets[to:] if offset >= 0)
            words.append(Word(stem(match[0]), start + at, start + to))
        if words:
            found.append(words)
        start = end
    return found


def key_of(phrase: str) -> tuple[str, ...]:
    """What two phrases share that count as one: their stems, each once, in alphabetical order.

    Examples
    --------
    >>> key_of("Masa en hipogastrio") == key_of("hipogástrio, masas")
    True
    """
    return tuple(sorted({word.stem for sentence in sentences_of(phrase) for word in sentence}))


def is_denied(sentence: Sequence[Word], place: int) -> bool:
    """Whether one of the ``DENIAL_REACH`` words before a place denies what stands there.

    Examples
    --------
    >>> [sentence] = sentences_of("Niega fiebre, refiere tos seca con expectoración y disnea")
    >>> [is_denied(sentence, place) for place in range(len(sentence))]
    [False, True, True, True, True, False, False]
    """
    return any(word.stem in DENIALS for word in sentence[max(0, place - DENIAL_REACH) : place])


class PhraseFinder:
    """Finds phrases whose words all stand in one sentence, in any order.

    A phrase is looked for only where its rarest word stands, so that the cost follows what is found. For each place of
    that word the nearest place of each other word is taken.

    Parameters
    ----------
    keys : sequence of tuple of str
        The phrases, each as ``key_of`` gives it.

    Examples
    --------
    >>> finder = PhraseFinder([key_of("absceso hepático"), key_of("absceso"), key_of("fiebre")])
    >>> for match in finder.find(sentences_of("Hepáticos los abscesos. Absceso perianal.")):
    ...     print(match)
    PhraseMatch(phrase=0, sentence=0, places=(0, 1), spread=0)
    PhraseMatch(phrase=1, sentence=0, places=(1,), spread=0)
    PhraseMatch(phrase=1, sentence=1, places=(0,), spread=0)
    """

    def __init__(self, keys: Sequence[tuple[str, ...]]) -> None:
        self.keys = list(keys)
        count = Counter(word for key in self.keys for word in key)
        self._by_rarest: dict[str, list[int]] = {}
        for number, key in enumerate(self.keys):
            if key:
                self._by_rarest.setdefault(min(key, key=lambda word: (count[word], word)), []).append(number)

    def find(self, sentences: Iterable[Sequence[Word]]) -> list[PhraseMatch]:
        """Every match, by sentence, then by phrase, then by place."""
        found = []
        for number, sentence in enumerate(sentences):
            places: dict[str, list[int]] = {}
            for place, word in enumerate(sentence):
                places.setdefault(word.stem, []).append(place)
            here = set()
            for rarest in places:
                for phrase in self._by_rarest.get(rarest, ()):
                    key = self.keys[phrase]
                    if not all(word in places for word in key):
                        continue
                    for place in places[rarest]:
                        taken = tuple(sorted(_nearest(places[word], place) for word in key))
                        gap = taken[-1] - taken[0] + 1 - len(taken)
                        here.add(PhraseMatch(phrase, number, taken, 0 if not gap else 1 if gap <= NEAR else 2))
            found += sorted(here)
        return found


def _nearest(places: list[int], place: int) -> int:
    """The entry of a rising list nearest to a place; the left one of two as near."""
    at = bisect_left(places, place)
    return min(places[max(0, at - 1) : at + 1], key=lambda one: (abs(one - place), one))
