"""How much of a phrase stands together in a text, where it does not stand there whole."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import scipy.sparse as sp

from medrec.features.phrases import Word

WINDOW = 10
"""Words that count as standing together: those of windows this long in a sentence, each half over the one before."""


def word_weights(texts: Iterable[Iterable[Sequence[Word]]]) -> dict[str, float]:
    r"""What each word of a phrase counts for: :math:`\log((n + 1) / (d + \frac12))` of ``d`` among ``n`` texts.

    The key ``""`` has the weight of a word that is in none.

    Parameters
    ----------
    texts : iterable of lists of sentences
        Each text as ``sentences_of`` gives it.

    Examples
    --------
    >>> from medrec.features.phrases import sentences_of
    >>> weights = word_weights([sentences_of("fiebre, tos"), sentences_of("fiebre")])
    >>> {word: round(weight, 2) for word, weight in weights.items()}
    {'': 1.79, 'fiebr': 0.18, 'tos': 0.69}
    """
    count: Counter[str] = Counter()
    n_texts = 0
    for sentences in texts:
        n_texts += 1
        count.update(sorted({word.stem for sentence in sentences for word in sentence}))
    return {word: math.log((n_texts + 1) / (among + 0.5)) for word, among in (("", 0), *count.items())}


class PhraseOverlap:
    """The share of each phrase that stands within ``WINDOW`` words of a sentence, by the weight of its words.

    Parameters
    ----------
    keys : sequence of tuple of str
        The phrases, each as ``medrec.features.phrases.key_of`` gives it.
    weights : mapping of str to float
        See ``word_weights``.
    letters : bool, default=False
        Whether words are compared by their runs of four letters (``eritema`` and ``eritematosas`` share most), each
        word's weight spread over its runs, rather than whole.

    Examples
    --------
    >>> from medrec.features.phrases import key_of, sentences_of
    >>> weights = {"": 1.0}
    >>> keys = [key_of("absceso hepático"), key_of("eritema")]
    >>> sentences = sentences_of("Absceso perianal, eritematosas.")
    >>> PhraseOverlap(keys, weights).best(sentences).tolist()
    [0.5, 0.0]
    >>> PhraseOverlap(keys, weights, letters=True).best(sentences).astype(float).round(2).tolist()
    [0.5, 0.8]
    """

    def __init__(self, keys: Sequence[tuple[str, ...]], weights: Mapping[str, float], *, letters: bool = False) -> None:
        self.letters = letters
        self.positions: dict[str, int] = {}
        rows, columns, values = [], [], []
        for row, key in enumerate(keys):
            shares: dict[str, float] = {}
            for word in key:
                weight, units = weights.get(word, weights[""]), self._units(word)
                for unit in units:
                    shares[unit] = shares.get(unit, 0.0) + weight / len(units)
            total = sum(shares.values())
            for unit, share in shares.items():
                rows.append(row)
                columns.append(self.positions.setdefault(unit, len(self.positions)))
                values.append(share / total if total else 0.0)
        shape = (len(keys), max(1, len(self.positions)))
        self.phrases = sp.csr_matrix((np.asarray(values, dtype=np.float32), (rows, columns)), shape=shape)

    def best(self, sentences: Sequence[Sequence[Word]]) -> np.ndarray:
        """The share of each phrase in the window that has most of it, array (n_phrases,) in [0, 1]."""
        best = np.zeros(self.phrases.shape[0], dtype=np.float32)
        rows, columns = [], []
        windows = [
            sentence[start : start + WINDOW]
            for sentence in sentences
            for start in range(0, max(1, len(sentence) - WINDOW // 2), WINDOW // 2)
        ]
        for row, window in enumerate(windows):
            units = {unit for word in {word.stem for word in window} for unit in self._units(word)}
            known = [self.positions[unit] for unit in sorted(units) if unit in self.positions]
            rows += [row] * len(known)
            columns += known
        if not rows:
            return best
        has = sp.csr_matrix(
            (np.ones(len(rows), dtype=np.float32), (columns, rows)), shape=(self.phrases.shape[1], len(windows))
        )
        shared = sp.coo_matrix(self.phrases @ has)
        np.maximum.at(best, shared.row, shared.data)
        return best

    def _units(self, word: str) -> list[str]:
        if not self.letters:
            return [word]
        framed = f"^{word}$"
        return [framed[at : at + 4] for at in range(max(1, len(framed) - 3))]
