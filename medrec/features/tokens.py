"""Words of Chinese and other text: jieba for Han characters, letters and digits as they stand."""

import logging
import re
import unicodedata
import warnings
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from medrec.features.folding import clusters

_LETTER = r"[^\W_\u3400-\u9fff]"
_HAN = re.compile(r"[\u3400-\u9fff]+")


def normalize(text: str) -> str:
    """Full width to half width (NFKC) and lower case.

    Examples
    --------
    >>> normalize("ＢＭＩ２５．３")
    'bmi25.3'
    """
    return unicodedata.normalize("NFKC", text).lower()


def normalize_with_offsets(text: str) -> tuple[str, list[int]]:
    """As ``normalize``, with the way back.

    Returns
    -------
    normalized : str
    offsets : list of int
        For each position of ``normalized``, and for its end, where in ``text`` that character was written: of several
        that one written character became, all where it stands.

    Examples
    --------
    >>> normalize_with_offsets("５㎎ B")
    ('5mg b', [0, 1, 1, 2, 3, 4])
    """
    offsets: list[int] = []
    for start, end in clusters(text):
        offsets += [start] * len(normalize(text[start:end]))
    # As one piece, because what a letter becomes may hang on its neighbours (a Greek sigma at the end of a word).
    return normalize(text), [*offsets, len(text)]


class WordAnalyzer:
    """Words and word n-grams of a text, as scikit-learn's vectorizers take them (``analyzer=``).

    Runs of Han characters are segmented by jieba; runs of other letters and digits are words as they
    are, so that doses and codes (``0.5``, ``e11.9``) stay whole. Full-width characters are made half-width first.

    Parameters
    ----------
    ngrams : int, default=2
        Longest n-gram; those of more than one word are joined by a space.
    lexicon : sequence of str, default=()
        Words that are kept whole, such as drug and diagnosis names.

    Examples
    --------
    >>> WordAnalyzer(ngrams=1, lexicon=["二甲双胍"])("口服二甲双胍0.5g")
    ['口服', '二甲双胍', '0.5g']
    """

    def __init__(self, ngrams: int = 2, lexicon: Sequence[str] = ()) -> None:
        self.ngrams = ngrams
        self.lexicon = tuple(lexicon)

    def __call__(self, text: str) -> list[str]:
        words = segment(text, self.lexicon)
        grams = list(words)
        for size in range(2, self.ngrams + 1):
            grams.extend(map(" ".join, zip(*(words[start:] for start in range(size)))))
        return grams


def segment(text: str, lexicon: tuple[str, ...] = ()) -> list[str]:
    """Words of a text in order; punctuation is left out."""
    return [word for word, _ in place_words(normalize(text), lexicon)]


def place_words(normalized: str, lexicon: tuple[str, ...] = ()) -> list[tuple[str, int]]:
    """Words of a text that ``normalize`` gave, in order, each with where it begins.

    Examples
    --------
    >>> place_words("bmi 25.3", ())
    [('bmi', 0), ('25.3', 4)]
    """
    words: list[tuple[str, int]] = []
    cutter = None
    for run in _runs(lexicon).finditer(normalized):
        if run.lastgroup == "han":
            cutter = cutter or _cutter(lexicon)
            at = run.start()
            for word in cutter.lcut(run[0]):
                words.append((word, at))
                at += len(word)
        else:
            words.append((run[0], run.start()))
    return words


@lru_cache(maxsize=8)
def _runs(lexicon: tuple[str, ...]) -> re.Pattern[str]:
    """Names that are not Han characters alone, which jieba would cut; then runs of Han, and of letters and digits."""
    names = {normalize(word).strip() for word in lexicon}
    mixed = sorted((name for name in names if name and not _HAN.fullmatch(name)), key=len, reverse=True)
    whole = [_edge(name[0], "<!") + re.escape(name) + _edge(name[-1], "!") for name in mixed]
    # A run of Han characters ends where such a name begins.
    han = rf"(?:(?!{'|'.join(whole)})[\u3400-\u9fff])+" if whole else _HAN.pattern
    return re.compile("|".join([*whole, f"(?P<han>{han})", rf"{_LETTER}+(?:[.\-']{_LETTER}+)*"]))


def _edge(character: str, look: str) -> str:
    """No letter or digit may stand beside a name that begins or ends with one: b1 is not in b12."""
    return f"(?{look}{_LETTER})" if re.match(_LETTER, character) else ""


@lru_cache(maxsize=8)
def _cutter(lexicon: tuple[str, ...]) -> Any:
    """A jieba tokenizer of its own for each lexicon.

    The dictionary is built here rather than by jieba's ``initialize``, which would read a cache that anybody
    may have left in the shared temporary folder.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # jieba's own: escapes in its patterns, pkg_resources
        import jieba

    jieba.setLogLevel(logging.WARNING)
    cutter = jieba.Tokenizer()
    cutter.FREQ, cutter.total = cutter.gen_pfdict(cutter.get_dict_file())
    cutter.initialized = True
    for word in lexicon:
        if word:
            cutter.add_word(normalize(word))
    return cutter
