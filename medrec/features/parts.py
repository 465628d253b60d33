"""The parts of a record's features: each reads one column (or its age, or one side of a dialogue) and
hands it to a scikit-learn transformer."""

import re
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import scipy.sparse as sp
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.preprocessing import StandardScaler

from medrec.features.tokens import WordAnalyzer, normalize

_ICD = re.compile(
    # With its version the category is known: four characters for an external cause of ICD-9, three for all else.
    r"(?:ICD\d+:)?((?<=ICD9:)E\d{3}|(?<=ICD10:)[0-9A-Z]{3}|[A-Z]\d[0-9A-Z]|[EV]?\d{3})(?:\.?[0-9A-Z]{1,5})?",
    re.IGNORECASE,
)
_DATE = re.compile(r"\s*(\d{4})(?:-(0?[1-9]|1[0-2])(?:-\d{1,2})?)?(?!\d|-)")
DOCTOR = re.compile(r"\s*(?:医生|doctor)\s*[：:]", re.IGNORECASE)
"""How a doctor's turn of a dialogue begins."""
SPEAKER = re.compile(r"\s*(?:医生|患者|doctor|patient)\s*[：:]", re.IGNORECASE)
"""Who speaks, which is no part of what is said."""


class TokenPart:
    """Tokens of a column, counted by one of scikit-learn's vectorizers.

    Parameters
    ----------
    column : str
        The column that is read.
    vectorizer : CountVectorizer or TfidfVectorizer
        How it is counted.
    read : str
        How a value becomes what the vectorizer takes: a key of ``READERS``.
    """

    def __init__(self, column: str, vectorizer: CountVectorizer, read: str) -> None:
        self.column = column
        self.vectorizer = vectorizer
        self.read = read

    def fit_transform(self, records: pd.DataFrame) -> sp.csr_matrix:
        """Learn the tokens and return the counts, CSR (n_records, n_tokens)."""
        try:
            return self.vectorizer.fit_transform(read_column(records, self.column, self.read))
        except ValueError as error:
            if "vocabulary" in str(error) or "no terms remain" in str(error):
                return sp.csr_matrix((len(records), 0), dtype=np.float32)
            raise

    def transform(self, records: pd.DataFrame) -> sp.csr_matrix:
        """Counts of the learned tokens, CSR (n_records, n_tokens)."""
        return self.vectorizer.transform(read_column(records, self.column, self.read))

    def tokens(self) -> list[str]:
        """The learned tokens, in column order."""
        return self.vectorizer.get_feature_names_out().tolist()


class NumberPart:
    """A number: standardised, in quantile bins, and whether it is missing; 0/1 values as they are.

    Parameters
    ----------
    column : str
        The column that is read.
    read : {"number", "year", "age"}
        What is made of the value.
    reference : str, optional
        The column with the date at which an age is taken.
    n_bins : int, default=8
        Bins at most.
    """

    def __init__(self, column: str, read: str = "number", *, reference: str | None = None, n_bins: int = 8) -> None:
        self.column = column
        self.read = read
        self.reference = reference
        self.n_bins = n_bins

    def fit_transform(self, records: pd.DataFrame) -> sp.csr_matrix:
        """Learn centre, scale and bins and return the features, CSR (n_records, n_features)."""
        if self.reference is not None:
            years = self._years(records, self.reference)
            self.latest_ = max((year for year in years if year == year), default=float(date.max.year))
        values = self.values(records)
        known = values[~np.isnan(values)]
        self.missing_ = len(known) < len(values)
        distinct = np.unique(known)
        self.flag_ = bool(len(distinct)) and bool(np.isin(distinct, (0.0, 1.0)).all())
        self.scaler_ = StandardScaler().fit(known[:, None]) if len(distinct) > 1 and not self.flag_ else None
        self.bins_ = None
        if self.scaler_ is not None and len(distinct) > self.n_bins:
            edges = np.unique(np.quantile(known, np.linspace(0, 1, self.n_bins + 1)))
            if len(edges) > 3:
                self.bins_ = edges
        return self._features(values)

    def transform(self, records: pd.DataFrame) -> sp.csr_matrix:
        """Features by what was learned, CSR (n_records, n_features)."""
        return self._features(self.values(records))

    def tokens(self) -> list[str]:
        """Names of the features, in column order."""
        names = ["value"] if self.flag_ or self.scaler_ is not None else []
        if self.bins_ is not None:
            edges = [f"{edge:g}" for edge in self.bins_[1:-1]]
            if len(set(edges)) < len(edges):  # they differ beyond six digits
                edges = [repr(float(edge)) for edge in self.bins_[1:-1]]
            names += [f"[{a}, {b})" for a, b in zip(["-inf", *edges], [*edges, "inf"])]
        return names + (["missing"] if self.missing_ else [])

    def _features(self, values: np.ndarray) -> sp.csr_matrix:
        lost = np.isnan(values)
        blocks = []
        if self.flag_:
            blocks.append(np.where(lost, 0.0, values)[:, None])
        elif self.scaler_ is not None:
            filled = np.where(lost, self.scaler_.mean_[0], values)
            blocks.append(self.scaler_.transform(filled[:, None]))
        if self.bins_ is not None:
            chosen = np.digitize(values, self.bins_[1:-1])
            blocks.append((chosen[:, None] == np.arange(len(self.bins_) - 1)) & ~lost[:, None])
        if self.missing_:
            blocks.append(lost[:, None])
        if not blocks:
            return sp.csr_matrix((len(values), 0), dtype=np.float32)
        return sp.csr_matrix(np.hstack(blocks).astype(np.float32))

    def values(self, records: pd.DataFrame) -> np.ndarray:
        """The numbers as they are read, float64 (n_records,), NaN where there is none."""
        if self.read == "number":
            return self._numbers(records)
        years = self._years(records, self.column)
        if self.read == "year":
            return years
        if self.reference is None:
            return years
        at = self._years(records, self.reference)
        ages = np.where(np.isnan(at), self.latest_, at) - years
        return np.where((ages < 0) | (ages > 130), np.nan, ages)

    def _numbers(self, records: pd.DataFrame) -> np.ndarray:
        try:
            values = pd.to_numeric(records[self.column], errors="raise").to_numpy(dtype=float, na_value=np.nan)
        except (TypeError, ValueError) as error:
            raise ValueError(f"RecordVectorizer: column {self.column!r} must hold numbers: {error}") from error
        if np.isinf(values).any():
            raise ValueError(f"RecordVectorizer: column {self.column!r} must hold finite numbers; got infinity.")
        return values

    def _years(self, records: pd.DataFrame, column: str) -> np.ndarray:
        try:
            return np.asarray([_year(value) for value in records[column]], dtype=float)
        except TypeError as error:
            raise ValueError(f"RecordVectorizer: column {column!r} {error}") from error


def _year(value: Any) -> float:
    """A date as a fractional year, by its month; NaN where there is none."""
    if _is_missing(value):
        return np.nan
    if isinstance(value, date):
        return value.year + (value.month - 1) / 12
    found = _DATE.match(value) if isinstance(value, str) else None
    if found is None:
        raise TypeError(f"must hold dates such as 2015-03; got {value!r:.60}")
    return int(found[1]) + (int(found[2] or 1) - 1) / 12


def _is_missing(value: Any) -> bool:
    """Whether a value is None, NaN, NaT, NA or a blank string."""
    if isinstance(value, str):
        return not value.strip()
    return value is None or (not isinstance(value, (list, tuple, np.ndarray)) and bool(pd.isna(value)))


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if _is_missing(value):
        return ""
    raise TypeError(f"must hold texts; got {value!r:.60}")


def _strings(value: Any, what: str) -> list[str]:
    """The strings of a list, blank ones left out; none where there is no list."""
    if _is_missing(value):
        return []
    if not isinstance(value, (list, tuple, np.ndarray)) or not all(isinstance(one, str) for one in value):
        raise TypeError(f"must hold lists of {what}, each a string; got {value!r:.60}")
    return [one for one in value if one.strip()]


def _codes(value: Any) -> list[str]:
    return list(dict.fromkeys(_strings(value, "codes")))


def _prefixes(value: Any) -> list[str]:
    found = [_ICD.fullmatch(code.strip()) for code in _codes(value)]
    return list(dict.fromkeys(match[1].upper() for match in found if match))


def _names(value: Any) -> str:
    return "\n".join(code for code in _codes(value) if not _ICD.fullmatch(code.strip()))


def _turns(value: Any, *, doctor: bool) -> str:
    chosen = []
    for utterance in _strings(value, "utterances"):
        if bool(DOCTOR.match(utterance)) == doctor:
            chosen.append(SPEAKER.sub("", utterance, count=1))
    return "\n".join(chosen)


def _closing(value: Any) -> str:
    """The doctor's last turn, in which most treatments are named."""
    turns = [one for one in _strings(value, "utterances") if DOCTOR.match(one)]
    return SPEAKER.sub("", turns[-1], count=1) if turns else ""


def _category(value: Any) -> list[str]:
    if _is_missing(value):
        return []
    # A column of whole numbers becomes one of floats as soon as a value is missing.
    return [str(int(value) if isinstance(value, (float, np.floating)) and value == int(value) else value)]


READERS: dict[str, Callable[[Any], Any]] = {
    "text": _text,
    "patient": lambda value: _turns(value, doctor=False),
    "doctor": lambda value: _turns(value, doctor=True),
    "closing": _closing,
    "codes": _codes,
    "prefixes": _prefixes,
    "names": _names,
    "category": _category,
}
"""How a value of a column becomes what a vectorizer takes."""


def read_column(records: pd.DataFrame, column: str, read: str) -> list[Any]:
    """The values of a column by a reader of ``READERS``.

    Raises
    ------
    ValueError
        When a value is not of the column's kind.
    """
    reader = READERS[read]
    try:
        return [reader(value) for value in records[column]]
    except TypeError as error:
        raise ValueError(f"RecordVectorizer: column {column!r} {error}") from error


SIDES = {"text": {"": "text"}, "dialogue": {".patient": "patient", ".doctor": "doctor"}}
"""The texts of a column by its kind: what their names add to the column's, and how each is read."""


NUMBERS = {"number": ("number", "number"), "date": ("year", "year"), "birthdate": ("age", "age")}
"""What is a number, by kind: what its part's name ends in, and how ``NumberPart`` reads it."""


def keep_tokens(tokens: list[str]) -> list[str]:
    """The analyzer of a column that is tokens already."""
    return tokens


def make_parts(
    schema: Mapping[str, str],
    *,
    word_ngrams: int,
    char_ngrams: tuple[int, int],
    min_df: int,
    max_features: int | None,
    lexicon: tuple[str, ...],
) -> dict[str, TokenPart | NumberPart]:
    """The parts of every column by name, in the schema's order; see ``RecordVectorizer``."""

    def words(column: str, read: str) -> TokenPart:
        analyzer = WordAnalyzer(ngrams=word_ngrams, lexicon=lexicon)
        return TokenPart(column, _tfidf(analyzer=analyzer), read)

    def characters(column: str, read: str) -> TokenPart:
        return TokenPart(column, _tfidf(analyzer="char", ngram_range=char_ngrams, preprocessor=normalize), read)

    def _tfidf(**options: Any) -> TfidfVectorizer:
        return TfidfVectorizer(
            lowercase=False,
            min_df=min_df,
            max_features=max_features,
            sublinear_tf=True,
            dtype=np.float32,
            **options,
        )

    def tokens(column: str, read: str, least: int = 1) -> TokenPart:
        return TokenPart(
            column, CountVectorizer(analyzer=keep_tokens, binary=True, min_df=least, dtype=np.float32), read
        )

    reference = date_column(schema)
    parts: dict[str, TokenPart | NumberPart] = {}
    for part in plan_parts(schema, characters=bool(char_ngrams[1])):
        if part.kind == "words":
            parts[part.name] = words(part.column, part.read)
        elif part.kind == "characters":
            parts[part.name] = characters(part.column, part.read)
        elif part.kind == "codes":
            parts[part.name] = tokens(part.column, part.read, min_df)
        elif part.kind == "values":
            parts[part.name] = tokens(part.column, part.read)
        else:
            parts[part.name] = NumberPart(part.column, part.read, reference=reference if part.read == "age" else None)
    return parts


class PlannedPart(NamedTuple):
    """A part of the features before it is made.

    Parameters
    ----------
    name : str
        Such as ``"现病史:word"``.
    column : str
        The column that is read.
    kind : {"words", "characters", "codes", "values", "number"}
        What is made of it.
    read : str
        How: a key of ``READERS``, or a reading of ``NumberPart``.
    """

    name: str
    column: str
    kind: str
    read: str


def plan_parts(schema: Mapping[str, str], *, characters: bool) -> list[PlannedPart]:
    """The parts of every column, in the schema's order; ``characters`` says whether there are n-grams of them.

    Raises
    ------
    ValueError
        When a kind does not exist, or two columns would have parts of one name.
    """
    parts: list[PlannedPart] = []
    for column, kind in schema.items():
        if kind in SIDES:
            for suffix, read in SIDES[kind].items():
                parts.append(PlannedPart(f"{column}{suffix}:word", column, "words", read))
                if characters:
                    parts.append(PlannedPart(f"{column}{suffix}:char", column, "characters", read))
            if kind == "dialogue":
                closing, name = ("characters", "char") if characters else ("words", "word")
                parts.append(PlannedPart(f"{column}.closing:{name}", column, closing, "closing"))
        elif kind == "codes":
            parts.append(PlannedPart(f"{column}:code", column, "codes", "codes"))
            parts.append(PlannedPart(f"{column}:prefix", column, "codes", "prefixes"))
            if characters:
                parts.append(PlannedPart(f"{column}:char", column, "characters", "names"))
        elif kind == "category":
            parts.append(PlannedPart(f"{column}:is", column, "values", "category"))
        elif kind in NUMBERS:
            name, read = NUMBERS[kind]
            parts.append(PlannedPart(f"{column}:{name}", column, "number", read))
        elif kind != "evidence":
            raise ValueError(f"RecordVectorizer: column {column!r} has an unknown kind {kind!r}.")
    names = [part.name for part in parts]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"RecordVectorizer: two columns would be named {name.partition(':')[0]!r}; rename one.")
    return parts


def date_column(schema: Mapping[str, str]) -> str | None:
    """The first column with a date, at which ages are taken."""
    return next((column for column, kind in schema.items() if kind == "date"), None)
