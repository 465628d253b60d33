"""What a record says about each drug: which texts name it, how clearly, and what is said of it there."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import scipy.sparse as sp

from medrec.features.contexts import contexts
from medrec.features.cues import KINDS
from medrec.features.folding import fold
from medrec.features.matcher import NameMatcher
from medrec.features.names import name_table
from medrec.features.parts import SIDES, read_column

VOICES = {"text": "said", "patient": "patient", "doctor": "doctor"}
"""Who says it, by how a text is read: the writer of the record, or a side of a dialogue."""


class Mention(NamedTuple):
    """A name in a record.

    Parameters
    ----------
    row : int
        Position of the record.
    text : str
        Which text: a column, or ``COLUMN.patient`` and ``COLUMN.doctor``, the turns of one side, a line each.
    start, end : int
        Its characters in that text.
    labels : tuple of int
        The drugs that it may stand for.
    full : int
        The drug whose full name it is; -1 where it is another name.
    kind : str
        Its context, one of ``cues.KINDS``.
    place : float
        1 at the beginning of the text, falling to 0 at its end.
    """

    row: int
    text: str
    start: int
    end: int
    labels: tuple[int, ...]
    full: int
    kind: str
    place: float


class NamesPart:
    """Blocks of what a record's texts say of each drug.

    ``named:COLUMN``
        for each text (a column, or one side of a dialogue), log(1 + how often it names the drug).
    ``said:continued``, ``said:stopped`` …
        for each context of ``cues.KINDS``, over all texts, log(1 + weight) of the mentions in it: one by the full
        name weighs 1, one by a name that ``n`` drugs may be called by weighs 1 / 2n. ``patient:…`` and ``doctor:…``
        for the sides of dialogues.
    ``share``
        1 / how many drugs the clearest mention may stand for. Where the record names some of these more narrowly,
        they alone share it, and it is 0 for the others.
    ``first``
        1 where the drug stands first in a text, falling to 0 at its end.

    Parameters
    ----------
    schema : dict
        Kind of each column.
    drug_names : sequence of str of length n_labels
        Names of the labels.
    aliases : dict of str to sequence of str, optional
        Other names of each drug.

    Examples
    --------
    >>> records = pd.DataFrame({"course": ["停用二甲双胍，加用阿卡波糖片"]})
    >>> part = NamesPart({"course": "text"}, ["二甲双胍片", "二甲双胍缓释片", "阿卡波糖片"])
    >>> blocks = dict(zip(part.kinds, part.fit_transform(records)))
    >>> blocks["share"].toarray().tolist()
    [[0.5, 0.5, 1.0]]
    >>> [kind for kind, block in blocks.items() if kind.startswith("said:") and block.nnz]
    ['said:stopped', 'said:started']
    """

    def __init__(
        self,
        schema: Mapping[str, str],
        drug_names: Sequence[str],
        aliases: Mapping[str, Iterable[str]] | None = None,
    ) -> None:
        self.texts = {
            f"{column}{suffix}": (column, read)
            for column, kind in schema.items()
            for suffix, read in SIDES.get(kind, {}).items()
        }
        self.drug_names = list(drug_names)
        self.aliases = aliases
        self.voices = list(dict.fromkeys(VOICES[read] for _, read in self.texts.values()))
        said = [f"{voice}:{kind}" for voice in self.voices for kind in KINDS]
        self.kinds = (*(f"named:{text}" for text in self.texts), *said, *(("share", "first") if self.texts else ()))

    def fit_transform(self, records: pd.DataFrame, Y: Any = None, groups: Any = None) -> list[sp.csr_matrix]:
        """Make the matcher and read the records; ``Y`` and ``groups`` are not looked at."""
        self.matcher_ = NameMatcher(name_table(self.drug_names, self.aliases))
        self.full_names_ = {fold(name)[0].strip(): label for label, name in enumerate(self.drug_names)}
        return self.transform(records)

    def mentions(self, records: pd.DataFrame) -> Iterator[Mention]:
        """Every name in the records, text by text; what the blocks are made of."""
        for text_name, (column, read) in self.texts.items():
            for row, text in enumerate(read_column(records, column, read)):
                matches = self.matcher_.find(text)
                for match, kind in zip(matches, contexts(text, matches)):
                    full, place = self.full_names_.get(match.pattern, -1), 1 - match.start / len(text)
                    yield Mention(row, text_name, match.start, match.end, match.labels, full, kind, place)

    def transform(self, records: pd.DataFrame) -> list[sp.csr_matrix]:
        """The blocks in the order of ``kinds``, each CSR ``float32`` (n_records, n_labels)."""
        blocks: list[dict[tuple[int, int], float]] = [{} for _ in self.kinds]
        place = {kind: at for at, kind in enumerate(self.kinds)}
        meanings: list[set[tuple[int, ...]]] = [set() for _ in range(len(records))]
        for mention in self.mentions(records):
            meanings[mention.row].add(mention.labels)
            named = blocks[place[f"named:{mention.text}"]]
            said = blocks[place[f"{VOICES[self.texts[mention.text][1]]}:{mention.kind}"]]
            first = blocks[place["first"]]
            for label in mention.labels:
                at = mention.row, label
                named[at] = named.get(at, 0.0) + 1
                said[at] = said.get(at, 0.0) + (1.0 if label == mention.full else 0.5 / len(mention.labels))
                first[at] = max(first.get(at, 0.0), mention.place)
        for kind, block in zip(self.kinds, blocks):
            if kind not in ("share", "first"):
                block.update((at, np.log1p(value)) for at, value in block.items())
        if self.texts:
            blocks[place["share"]] = _shares(meanings)
        return [_block(values, (len(records), len(self.drug_names))) for values in blocks]


def _shares(meanings: Sequence[set[tuple[int, ...]]]) -> dict[tuple[int, int], float]:
    """The share of each label in its clearest mention, by record and label."""
    shares: dict[tuple[int, int], float] = {}
    for row, mentions in enumerate(meanings):
        sets = [set(labels) for labels in mentions]
        for labels in sets:
            narrower = [other for other in sets if other < labels]
            left = set().union(*narrower) if narrower else labels
            for label in left:
                shares[row, label] = max(shares.get((row, label), 0.0), 1 / len(left))
    return shares


def _block(values: Mapping[tuple[int, int], float], shape: tuple[int, int]) -> sp.csr_matrix:
    places = np.asarray(list(values), dtype=np.intp).reshape(-1, 2)
    numbers = np.fromiter(values.values(), dtype=np.float32, count=len(values))
    return sp.csr_matrix((numbers, (places[:, 0], places[:, 1])), shape=shape)
