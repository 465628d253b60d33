"""From what each column of the features adds to the characters of the record's own text."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from medrec.explain.passages import Reading, passages_of, read_pieces
from medrec.features.aliases import LearnedAliases
from medrec.features.matcher import NameMatcher
from medrec.features.mentions import VOICES, NamesPart
from medrec.features.parts import READERS, NumberPart, TokenPart
from medrec.features.tokens import WordAnalyzer, normalize_with_offsets, place_words
from medrec.report.marked_text import Passage, Span

LEAST = 0.02
"""Pieces that add less than this share of the one that adds most are not marked."""
PARTIAL = ("alias:words", "alias:letters", "alias:likely", "alias:siblings")
"""Blocks of aliases of which a part stands in the text, or one of another drug: they say nothing of where."""
_SPACES = re.compile(r"\s\s+")

Place = tuple[int, int]


def highlight(vectorizer: Any, record: pd.DataFrame, amounts: np.ndarray) -> tuple[list[Passage], float]:
    """The record's passages with what moved the score marked in them.

    What a column adds is spread evenly over the places where its token stands, and there over its characters, so that
    overlapping tokens add up; characters are then gathered into words. What has no place in the text is left out: a
    feature that is 0 for this record, what joins two turns of a dialogue, parts of learned aliases and descriptions.

    Parameters
    ----------
    vectorizer : RecordVectorizer
        Fitted.
    record : DataFrame of one row
    amounts : ndarray of shape (n_features,)
        What each column adds to the score, in log-odds.

    Returns
    -------
    passages : list of Passage
    located : float
        The sum of the amounts that were found in them.

    Examples
    --------
    >>> from medrec.features import RecordVectorizer
    >>> records = pd.DataFrame({"note": ["发热，咳嗽 ３天"]})
    >>> vectorizer = RecordVectorizer({"note": "text"}, char_ngrams=(0, 0), word_ngrams=1, min_df=1).fit(records)
    >>> names = vectorizer.get_feature_names_out().tolist()
    >>> amounts = np.zeros(len(names))
    >>> amounts[names.index("note:word=咳嗽")] = 0.5
    >>> [passage], located = highlight(vectorizer, records, amounts)
    >>> passage.spans, located
    ((Span(start=3, end=5, amount=0.5),), 0.5)
    """
    schema = dict(vectorizer.schema)
    passages = passages_of(record, schema)
    weights = [np.zeros(len(passage.text)) for passage in passages]
    first = {column: next(at for at, one in enumerate(passages) if one.column == column)
             for column in {passage.column for passage in passages}}  # fmt: skip
    readings: dict[tuple[str, str], Reading] = {}

    def reading_of(column: str, read: str) -> Reading:
        if (column, read) not in readings:
            readings[column, read] = read_pieces(record, column, schema[column], read)
        return readings[column, read]

    def spread(column: str, read: str, places: Iterable[tuple[Place, ...]], amount: float) -> None:
        """Spread an amount over places of what is read, each one or more ranges of characters."""
        reading = reading_of(column, read)
        found = [np.concatenate([np.arange(start, end) for start, end in place]) for place in places]
        for at in found:
            at = at[reading.passage[at] >= 0]
            for passage, offset in zip(reading.passage[at], reading.offset[at]):
                weights[first[column] + passage][offset] += amount / len(found) / len(at)

    for name, part in vectorizer.parts_.items():
        block = amounts[vectorizer.blocks_[name]]
        if part.column not in first or not block.any():
            continue
        if isinstance(part, NumberPart):
            weights[first[part.column]] += block.sum() / len(weights[first[part.column]])
        else:
            _mark_tokens(part, block, reading_of, spread, passages, weights, first[part.column])
    labels = {name: amounts[block] for name, block in vectorizer.label_blocks_.items() if amounts[block].any()}
    for part in vectorizer.label_parts_:
        if isinstance(part, NamesPart) and labels:
            _mark_names(part, labels, record, spread)
        elif isinstance(part, LearnedAliases) and labels:
            _mark_aliases(part, labels, reading_of, spread)
    located = float(sum(weight.sum() for weight in weights))
    matchers = [part.matcher_ for part in vectorizer.label_parts_ if isinstance(part, NamesPart)]
    return _with_spans(passages, weights, tuple(vectorizer.lexicon), matchers), located


def _mark_tokens(
    part: TokenPart,
    block: np.ndarray,
    reading_of: Callable[..., Reading],
    spread: Callable[..., None],
    passages: list[Passage],
    weights: list[np.ndarray],
    first: int,
) -> None:
    """Mark the tokens of one part; ``block`` is what its columns add."""
    vocabulary = part.vectorizer.vocabulary_
    analyzer = part.vectorizer.analyzer
    places: dict[int, list[tuple[Place, ...]]] = {}
    if analyzer == "char" or isinstance(analyzer, WordAnalyzer):
        text = reading_of(part.column, part.read).text
        grams = _characters(text, part.vectorizer.ngram_range) if analyzer == "char" else _words(text, analyzer)
        for gram, place in grams:
            column = vocabulary.get(gram)
            if column is not None and block[column]:
                places.setdefault(column, []).append(place)
        for column, where in places.items():
            spread(part.column, part.read, where, float(block[column]))
        return
    for at, passage in enumerate(passages[first:], start=first):  # codes and categories: a passage a token or more
        if passage.column != part.column:
            break
        for token in READERS[part.read]([passage.text] if passage.kind == "codes" else passage.text):
            column = vocabulary.get(token)
            if column is not None:
                shared = sum(
                    token in READERS[part.read]([other.text] if other.kind == "codes" else other.text)
                    for other in passages
                    if other.column == part.column
                )
                weights[at] += float(block[column]) / shared / len(passage.text)


def _characters(text: str, sizes: tuple[int, int]) -> Iterable[tuple[str, tuple[Place, ...]]]:
    """Character n-grams as scikit-learn counts them (runs of white space as one), with their places in the text."""
    normalized, offsets = normalize_with_offsets(text)
    if len(offsets) != len(normalized) + 1:
        return
    keep = np.ones(len(normalized), dtype=bool)
    for run in _SPACES.finditer(normalized):
        keep[run.start() + 1 : run.end()] = False
    where = np.append(np.asarray(offsets)[:-1][keep], offsets[-1])
    shown = _SPACES.sub(" ", normalized)
    for size in range(sizes[0], sizes[1] + 1):
        for start in range(len(shown) - size + 1):
            begin, end = int(where[start]), int(where[start + size])
            yield shown[start : start + size], ((begin, max(end, begin + 1)),)


def _words(text: str, analyzer: WordAnalyzer) -> Iterable[tuple[str, tuple[Place, ...]]]:
    """Words and word n-grams with the places of their words in the text."""
    words = _placed_words(text, analyzer.lexicon)
    for size in range(1, analyzer.ngrams + 1):
        for start in range(len(words) - size + 1):
            some = words[start : start + size]
            yield " ".join(word for word, _ in some), tuple(place for _, place in some)


def _placed_words(text: str, lexicon: tuple[str, ...]) -> list[tuple[str, Place]]:
    normalized, offsets = normalize_with_offsets(text)
    if len(offsets) != len(normalized) + 1:
        return []
    found = []
    for word, start in place_words(normalized, lexicon):
        begin, end = offsets[start], offsets[start + len(word)]
        found.append((word, (begin, max(end, begin + 1))))
    return found


def _mark_names(
    part: NamesPart, blocks: Mapping[str, np.ndarray], record: pd.DataFrame, spread: Callable[..., None]
) -> None:
    """Mark where the texts name a drug; each block (n_labels,) counts for the mentions that it speaks of."""
    mentions = list(part.mentions(record))
    for block in set(part.kinds) & set(blocks):
        spoken = [
            one
            for one in mentions
            if block in ("share", "first", f"named:{one.text}", f"{VOICES[part.texts[one.text][1]]}:{one.kind}")
        ]
        for label in np.flatnonzero(blocks[block]):
            of_label = [one for one in spoken if label in one.labels]
            for one in of_label:
                spread(*part.texts[one.text], [((one.start, one.end),)], float(blocks[block][label]) / len(of_label))


def _mark_aliases(
    part: LearnedAliases,
    blocks: Mapping[str, np.ndarray],
    reading_of: Callable[..., Reading],
    spread: Callable[..., None],
) -> None:
    """Mark the words of the learned aliases, for all that the blocks of whole aliases add together."""
    whole = [block for kind, block in blocks.items() if kind in part.kinds and kind not in PARTIAL]
    amounts = np.sum(whole, axis=0) if whole else np.zeros(0)
    found = [(text, match) for text in part.texts for match in part.matches(reading_of(*text).text)]
    for label in np.flatnonzero(amounts):
        of_label = [(text, match.spans) for text, match in found if match.label == label]
        for text, spans in of_label:
            spread(*text, [spans], float(amounts[label]) / len(of_label))


def _with_spans(
    passages: list[Passage], weights: list[np.ndarray], lexicon: tuple[str, ...], matchers: list[NameMatcher]
) -> list[Passage]:
    """Passages with their spans: the words, and other values as a whole, that add enough."""
    pieces = []
    for passage, weight in zip(passages, weights):
        where = [(0, len(weight))]
        if passage.kind in ("text", "dialogue") and weight.any():
            where = _pieces(passage.text, lexicon, matchers)
        pieces.append([Span(start, end, float(weight[start:end].sum())) for start, end in where])
    most = max((abs(span.amount) for spans in pieces for span in spans), default=0.0)
    return [
        replace(passage, spans=tuple(span for span in spans if span.amount and abs(span.amount) >= LEAST * most))
        for passage, spans in zip(passages, pieces)
    ]


def _pieces(text: str, lexicon: tuple[str, ...], matchers: list[NameMatcher]) -> list[Place]:
    """A text cut into words, names of drugs in one piece, and single characters between them."""
    joined = np.arange(len(text))  # the first character of each character's piece
    for start, end in [place for _, place in _placed_words(text, lexicon)]:
        joined[start:end] = start
    for matcher in matchers:
        for match in matcher.find(text):
            inside = np.isin(joined, joined[match.start : match.end])
            joined[inside] = joined[match.start]
    starts = np.flatnonzero(np.diff(joined, prepend=-1)).tolist()
    return list(zip(starts, [*starts[1:], len(text)]))
