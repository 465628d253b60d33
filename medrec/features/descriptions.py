"""What labels are called elsewhere: how much of a label's descriptions stands in a record."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse as sp

from medrec.features.overlap import PhraseOverlap, word_weights
from medrec.features.parts import SIDES, read_column
from medrec.features.phrases import Word, key_of, sentences_of

KINDS = ("described:words", "described:letters")
"""The blocks, see ``DescriptionsPart``."""
LEAST_OVERLAP = 0.3
"""Shares of a description below this count as none."""


class DescriptionsPart:
    """Blocks of the labels whose descriptions a record holds, whole or in part.

    ``described:words`` is the largest share of one of a label's descriptions that stands together in a text, by the
    rarity of its words in the texts of training; ``described:letters`` the same by runs of four letters, see
    ``medrec.features.overlap.PhraseOverlap``. Labels are not looked at, so a label never seen in training is
    described as well as any other.

    Parameters
    ----------
    schema : dict
        Kind of each column: ``text`` and ``dialogue`` are read.
    drug_names : sequence of str of length n_labels
        Names of the labels.
    descriptions : dict of str to sequence of str
        The descriptions of each label, in any of the texts' languages; names that are no labels are passed over.

    Examples
    --------
    >>> records = pd.DataFrame({"text": ["Absceso del hígado."]})
    >>> part = DescriptionsPart({"text": "text"}, ["k75.0", "n20.0"], {"k75.0": ["Absceso del hígado"]})
    >>> words, letters = part.fit_transform(records)
    >>> words.toarray().tolist()
    [[1.0, 0.0]]
    """

    kinds: tuple[str, ...] = KINDS

    def __init__(
        self, schema: Mapping[str, str], drug_names: Sequence[str], descriptions: Mapping[str, Sequence[str]]
    ) -> None:
        self.texts = [(column, read) for column, kind in schema.items() for read in SIDES.get(kind, {}).values()]
        self.n_labels = len(drug_names)
        phrases: dict[tuple[str, ...], list[int]] = {}
        for label, name in enumerate(drug_names):
            given = descriptions.get(name, ())
            if isinstance(given, str) or not all(isinstance(one, str) for one in given):
                raise ValueError(
                    f"RecordVectorizer: descriptions must be lists of texts; {name!r} has {given!r:.60}. Write [text]."
                )
            for key in dict.fromkeys(map(key_of, given)):
                if key:
                    phrases.setdefault(key, []).append(label)
        self.keys, self.labels = list(phrases), list(phrases.values())

    def fit_transform(self, records: pd.DataFrame, Y: Any = None, groups: Any = None) -> list[sp.csr_matrix]:
        """Weigh the words by these records and read them; labels are not looked at."""
        sentences = self._sentences(records)
        weights = word_weights(sentences)
        self.overlaps_ = [PhraseOverlap(self.keys, weights, letters=letters) for letters in (False, True)]
        return self._blocks(sentences)

    def transform(self, records: pd.DataFrame) -> list[sp.csr_matrix]:
        """The blocks in the order of ``kinds``, each CSR ``float32`` (n_records, n_labels)."""
        return self._blocks(self._sentences(records))

    def _sentences(self, records: pd.DataFrame) -> list[list[list[Word]]]:
        found: list[list[list[Word]]] = [[] for _ in range(len(records))]
        for column, read in self.texts:
            for row, text in enumerate(read_column(records, column, read)):
                found[row] += sentences_of(text)
        return found

    def _blocks(self, sentences: list[list[list[Word]]]) -> list[sp.csr_matrix]:
        sizes = [len(labels) for labels in self.labels]
        labels = np.asarray([label for labels in self.labels for label in labels], dtype=np.intp)
        blocks = []
        for overlap in self.overlaps_:
            rows = []
            for one in sentences:
                shares = np.repeat(overlap.best(one), sizes)
                best = np.zeros(self.n_labels, dtype=np.float32)
                np.maximum.at(best, labels, np.where(shares < LEAST_OVERLAP, 0, shares))
                rows.append(sp.csr_matrix(best))
            blocks.append(sp.csr_matrix(sp.vstack(rows, format="csr")))
        return blocks
