"""Aliases learned from evidence: the words that justified a label in training, looked for in other records."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import scipy.sparse as sp
from sklearn.model_selection import GroupKFold, KFold

from medrec._checks import check_sets
from medrec.features.overlap import PhraseOverlap, word_weights
from medrec.features.parts import SIDES, read_column
from medrec.features.phrases import PhraseFinder, PhraseMatch, Word, is_denied, key_of, sentences_of

KINDS = (
    "alias:precision",
    "alias:exact",
    "alias:affirmed",
    "alias:any",
    "alias:support",
    "alias:sources",
    "alias:count",
    "alias:first",
    "alias:words",
    "alias:letters",
    "alias:likely",
    "alias:siblings",
)
"""The blocks, see ``LearnedAliases``."""
LEAST_OVERLAP = 0.4
"""Shares of a phrase below this count as none."""
_ICD = re.compile(r"([a-z]\d[0-9a-z])(?:\.?[0-9a-z]{1,5})?", re.IGNORECASE)


class AliasMatch(NamedTuple):
    """A learned alias in a text.

    Parameters
    ----------
    label : int
        The label that it was evidence for.
    precision : float
        Its smoothed precision at this spread.
    spans : tuple of (int, int)
        Its words: each is ``text[start:end]``.
    denied : bool
        Whether a word before it denies it.
    """

    label: int
    precision: float
    spans: tuple[tuple[int, int], ...]
    denied: bool


class _Found(NamedTuple):
    """A match, whether it is denied, where it stands in the record (0 to 1), and the longer phrases over it."""

    match: PhraseMatch
    denied: bool
    at: float
    under: tuple[int, ...]


class _Table(NamedTuple):
    """What some records teach of each phrase.

    ``counts`` has, for each label that it was evidence for, in how many records it was, and in how many it was right
    by spread; ``matched`` in how many it stands, by spread.
    """

    counts: dict[int, dict[int, list[int]]]
    matched: np.ndarray


class LearnedAliases:
    r"""Blocks of the labels whose learned aliases a record holds.

    An alias is a phrase that was evidence for a label in training, compared as ``medrec.features.phrases`` says:
    accents, capitals, plural and gender, small words and the order within a sentence are forgiven. A match within a
    longer match of another alias (side by side or near together) does not count. Each alias has for each of its
    labels and each spread a smoothed precision

    .. math:: p = \frac{\max(h - \tfrac12, 0) + s q}{m + s}

    of the ``h`` records with the label among the ``m`` where it matched; half a record is taken off because its own
    source is always right. ``fit_transform`` reads every record with the aliases and precisions of the other folds, as
    ``transform`` reads a record with those of all.

    ================== ==========================================================================================
    block              for each label
    ================== ==========================================================================================
    alias:precision    the best precision of its aliases that match
    alias:exact        the same of those whose words stand side by side
    alias:affirmed     the same of those that no word before them denies
    alias:any          :math:`1 - \prod (1 - p)` over its aliases that match
    alias:support      log(1 + records in which the best one matched in training)
    alias:sources      log(1 + training records in which the best one was evidence for the label)
    alias:count        log(1 + matches)
    alias:first        1 where the first match stands at the record's beginning, falling to 0 at its end
    alias:words        the largest share of one of its aliases that stands together, by the rarity of the words
                       (``medrec.features.overlap``); shares below 0.4 count as none
    alias:letters      the same by runs of four letters
    alias:likely       the largest square of such a share times the alias' precision over all spreads
    alias:siblings     the largest ``alias:letters`` of the other labels with the same ICD category (three characters)
    ================== ==========================================================================================

    Parameters
    ----------
    schema : dict
        Kind of each column: ``text`` and ``dialogue`` are read, ``evidence`` (one column) is learned from.
    drug_names : sequence of str of length n_labels
        Names of the labels.
    n_folds : int, default=10
        Folds of ``fit_transform``.
    strength, prior : float, default=1.0 and 0.1
        ``s`` and ``q``: the weight, in records, of the precision that an alias is given beforehand.

    Raises
    ------
    ValueError
        When evidence is no list of [drug, words], or the schema has several columns of it.
    """

    kinds: tuple[str, ...] = KINDS

    def __init__(
        self,
        schema: Mapping[str, str],
        drug_names: Sequence[str],
        *,
        n_folds: int = 10,
        strength: float = 1.0,
        prior: float = 0.1,
    ) -> None:
        self.texts = [(column, read) for column, kind in schema.items() for read in SIDES.get(kind, {}).values()]
        evidence = [column for column, kind in schema.items() if kind == "evidence"]
        if len(evidence) != 1:
            raise ValueError(f"LearnedAliases: one column must be of kind 'evidence'; got {len(evidence)}.")
        self.evidence = evidence[0]
        self.drug_names = list(drug_names)
        self.n_folds = n_folds
        self.strength = strength
        self.prior = prior
        matches = [_ICD.fullmatch(name) for name in self.drug_names]
        stems = [match[1].lower() if match else f"{at} is alone" for at, match in enumerate(matches)]
        self.categories = np.unique(stems, return_inverse=True)[1].tolist()

    def fit_transform(self, records: pd.DataFrame, Y: Any = None, groups: Any = None) -> list[sp.csr_matrix]:
        """Learn the aliases, and read each record with those of the records of other folds.

        Parameters
        ----------
        records : DataFrame of shape (n_records, n_columns)
        Y : sparse or dense 0/1 matrix of shape (n_records, n_labels), optional
            Default: the labels that have evidence.
        groups : array of shape (n_records,), optional
            The patient of each record; one patient's records are in one fold.
        """
        n_records = len(records)
        sentences = self._sentences(records)
        phrases: dict[tuple[str, ...], dict[int, set[int]]] = {}
        labels: list[set[int]] = [set() for _ in range(n_records)]
        for row, pairs in enumerate(self._evidence(records)):
            for label, words in pairs:
                labels[row].add(label)
                if key := key_of(words):
                    phrases.setdefault(key, {}).setdefault(label, set()).add(row)
        if Y is not None:
            sets = check_sets(Y, who="LearnedAliases", n_labels=len(self.drug_names))
            labels = [set(sets.indices[a:b].tolist()) for a, b in zip(sets.indptr, sets.indptr[1:])]
        keys = list(phrases)
        self.finder_ = PhraseFinder(keys)
        weights = word_weights(sentences)
        self.overlaps_ = [PhraseOverlap(keys, weights, letters=letters) for letters in (False, True)]
        found = [self._find(one) for one in sentences]
        sources = list(phrases.values())
        rows: list[dict[str, dict[int, float]]] = [{} for _ in range(n_records)]
        for fit, held_out in _folds(n_records, self.n_folds, groups):
            table = _learn(sources, found, labels, fit)
            for row in held_out:
                rows[row] = self._read(sentences[row], found[row], table)
        whole = _learn(sources, found, labels, range(n_records))
        self.counts_ = np.asarray(
            [(phrase, label, *counts) for phrase, of in whole.counts.items() for label, counts in of.items()],
            dtype=np.int64,
        ).reshape(-1, 6)
        self.matched_ = whole.matched
        return self._blocks(rows)

    def transform(self, records: pd.DataFrame) -> list[sp.csr_matrix]:
        """The blocks in the order of ``kinds``, each CSR ``float32`` (n_records, n_labels); evidence is not read."""
        table = self._table()
        rows = [self._read(sentences, self._find(sentences), table) for sentences in self._sentences(records)]
        return self._blocks(rows)

    def matches(self, text: str) -> list[AliasMatch]:
        """The aliases in one text, the most precise first: what ``alias:precision`` rests on."""
        table, sentences = self._table(), sentences_of(text)
        found = []
        for match, denied, _, _ in _counting(self._find(sentences), table):
            words = [sentences[match.sentence][place] for place in match.places]
            spans = tuple((word.start, word.end) for word in words)
            for label in table.counts[match.phrase]:
                found.append(
                    AliasMatch(label, self._precision(table, match.phrase, label, match.spread), spans, denied)
                )
        return sorted(found, key=lambda one: (-one.precision, one.spans, one.label))

    def _table(self) -> _Table:
        """What all records of training teach."""
        table = _Table({}, self.matched_)
        for phrase, label, *counts in self.counts_.tolist():
            table.counts.setdefault(phrase, {})[label] = counts
        return table

    def _sentences(self, records: pd.DataFrame) -> list[list[list[Word]]]:
        """The sentences of all texts of each record."""
        found: list[list[list[Word]]] = [[] for _ in range(len(records))]
        for column, read in self.texts:
            for row, text in enumerate(read_column(records, column, read)):
                found[row] += sentences_of(text)
        return found

    def _evidence(self, records: pd.DataFrame) -> Iterable[list[tuple[int, str]]]:
        """``(label, words)`` of each record, names that are no labels left out."""
        position = {name: at for at, name in enumerate(self.drug_names)}
        for value in records[self.evidence]:
            pairs = [] if value is None or (isinstance(value, float) and np.isnan(value)) else value
            if not isinstance(pairs, (list, tuple)) or not all(
                isinstance(pair, (list, tuple)) and len(pair) == 2 and all(isinstance(part, str) for part in pair)
                for pair in pairs
            ):
                raise ValueError(
                    f"LearnedAliases: column {self.evidence!r} must hold lists of [drug, words]; got {value!r:.60}"
                )
            yield [(position[name], words) for name, words in pairs if name in position]

    def _find(self, sentences: Sequence[Sequence[Word]]) -> list[_Found]:
        matches = self.finder_.find(sentences)
        by_sentence: dict[int, list[PhraseMatch]] = {}
        for match in matches:
            by_sentence.setdefault(match.sentence, []).append(match)
        starts = np.cumsum([0, *map(len, sentences)])
        found = []
        for match in matches:
            places = set(match.places)
            under = tuple(
                other.phrase
                for other in by_sentence[match.sentence]
                if len(other.places) > len(places) and other.spread < 2 and places.issubset(other.places)
            )
            at = float((starts[match.sentence] + match.places[0]) / starts[-1])
            found.append(_Found(match, is_denied(sentences[match.sentence], match.places[0]), at, under))
        return found

    def _read(
        self, sentences: Sequence[Sequence[Word]], found: list[_Found], table: _Table
    ) -> dict[str, dict[int, float]]:
        """The values of one record: for each block those of its labels."""
        blocks: dict[str, dict[int, float]] = {kind: {} for kind in KINDS}
        by_alias: dict[int, dict[int, float]] = {}
        for match, denied, at, _ in _counting(found, table):
            matched = float(table.matched[match.phrase, match.spread])
            for label, (sources, *right) in table.counts[match.phrase].items():
                precision = (max(right[match.spread] - 0.5, 0.0) + self.strength * self.prior) / (
                    matched + self.strength
                )
                if precision > blocks["alias:precision"].get(label, 0.0):
                    blocks["alias:support"][label] = np.log1p(table.matched[match.phrase, match.spread])
                    blocks["alias:sources"][label] = np.log1p(sources)
                _raise(blocks["alias:precision"], label, precision)
                if match.spread == 0:
                    _raise(blocks["alias:exact"], label, precision)
                if not denied:
                    _raise(blocks["alias:affirmed"], label, precision)
                _raise(by_alias.setdefault(label, {}), match.phrase, precision)
                _raise(blocks["alias:first"], label, 1 - at)
                blocks["alias:count"][label] = blocks["alias:count"].get(label, 0.0) + 1
        for label, precisions in by_alias.items():
            blocks["alias:any"][label] = float(1 - np.prod([1 - one for one in precisions.values()]))
            blocks["alias:count"][label] = np.log1p(blocks["alias:count"][label])
        for kind, overlap in zip(("alias:words", "alias:letters"), self.overlaps_):
            best = overlap.best(sentences)
            for phrase in np.flatnonzero(best >= LEAST_OVERLAP).tolist():
                for label in table.counts.get(phrase, ()):
                    _raise(blocks[kind], label, float(best[phrase]))
                    if kind == "alias:letters":
                        precision = self._precision(table, phrase, label)
                        _raise(blocks["alias:likely"], label, float(best[phrase]) ** 2 * precision)
        return blocks

    def _precision(self, table: _Table, phrase: int, label: int, spread: int | None = None) -> float:
        """The smoothed precision of an alias for a label, at one spread or at any."""
        spreads = slice(None) if spread is None else slice(spread, spread + 1)
        hits = max(sum(table.counts[phrase][label][1:][spreads]) - 0.5, 0.0)
        return (hits + self.strength * self.prior) / (float(table.matched[phrase][spreads].sum()) + self.strength)

    def _blocks(self, rows: Sequence[dict[str, dict[int, float]]]) -> list[sp.csr_matrix]:
        members: dict[int, list[int]] = {}
        for label, category in enumerate(self.categories):
            members.setdefault(category, []).append(label)
        for row in rows:
            row["alias:siblings"] = {}
            for label, value in row["alias:letters"].items():
                for other in members[self.categories[label]]:
                    if other != label:
                        _raise(row["alias:siblings"], other, value)
        return [_matrix([row[kind] for row in rows], len(self.drug_names)) for kind in KINDS]


def _raise(values: dict[int, float], key: int, value: float) -> None:
    if value > values.get(key, 0.0):
        values[key] = value


def _counting(found: list[_Found], table: _Table) -> Iterable[_Found]:
    """The matches of phrases that the table knows, without those under a longer one that it knows."""
    for one in found:
        if one.match.phrase in table.counts and not any(phrase in table.counts for phrase in one.under):
            yield one


def _learn(
    sources: Sequence[dict[int, set[int]]], found: list[list[_Found]], labels: list[set[int]], rows: Iterable[int]
) -> _Table:
    """What the given rows teach of the phrases that come from them."""
    among = set(rows)
    table = _Table({}, np.zeros((len(sources), 3), dtype=np.int64))
    for phrase, by_label in enumerate(sources):
        counts = {label: len(origin & among) for label, origin in by_label.items()}
        if any(counts.values()):
            table.counts[phrase] = {label: [count, 0, 0, 0] for label, count in counts.items() if count}
    for row in sorted(among):
        nearest: dict[int, int] = {}
        for one in _counting(found[row], table):
            nearest[one.match.phrase] = min(one.match.spread, nearest.get(one.match.phrase, 2))
        for phrase, spread in nearest.items():
            table.matched[phrase, spread] += 1
            for label, tallies in table.counts[phrase].items():
                tallies[1 + spread] += label in labels[row]
    return table


def _folds(n_records: int, n_folds: int, groups: Any) -> Iterable[tuple[list[int], list[int]]]:
    """Rows to learn from and rows to read; a single patient is read with nothing learned."""
    n_folds = min(n_folds, n_records if groups is None else len(np.unique(groups)))
    if n_folds < 2:
        yield [], list(range(n_records))
        return
    splitter = KFold if groups is None else GroupKFold
    for fit, held_out in splitter(n_folds, shuffle=True, random_state=0).split(np.zeros(n_records), groups=groups):
        yield fit.tolist(), held_out.tolist()


def _matrix(rows: Sequence[Mapping[int, float]], n_labels: int) -> sp.csr_matrix:
    indptr = np.cumsum([0, *map(len, rows)])
    indices = np.asarray([label for row in rows for label in sorted(row)], dtype=np.int64)
    data = np.asarray([row[label] for row in rows for label in sorted(row)], dtype=np.float32)
    return sp.csr_matrix((data, indices, indptr), shape=(len(rows), n_labels))
