"""``HashingRecordVectorizer``: features without a vocabulary, for records that come in blocks."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse as sp
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.feature_extraction import FeatureHasher
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.preprocessing import normalize as normalize_rows
from sklearn.utils import murmurhash3_32
from sklearn.utils.validation import check_is_fitted

from medrec.features.parts import NumberPart, PlannedPart, date_column, keep_tokens, plan_parts, read_column
from medrec.features.tokens import WordAnalyzer, normalize
from medrec.features.vectorizer import check_records

_TEXT = ("words", "characters")
_SCALES = {"age": (50.0, 25.0), "year": (2010.0, 10.0)}
_BINS_A_DOUBLING = 8


class HashingRecordVectorizer(TransformerMixin, BaseEstimator):
    r"""Features of records by the kind of each column, each hashed to one of ``n_features`` columns.

    The parts are those of ``RecordVectorizer`` — words and character n-grams of texts, codes and their prefixes,
    categories, numbers — read by the same analyzers, but nothing is learned: a token's column follows from its hash
    alone (MurmurHash3, as scikit-learn's ``HashingVectorizer`` and ``FeatureHasher`` compute it). So any block
    of records can be transformed by itself, on any machine, without ``fit`` and without a vocabulary in memory. The
    price: columns have no names, and tokens that fall on one column are told apart no more. Each part begins at a
    place of its own, so that one word in two texts is two columns.

    Texts count :math:`1 + \log` of each token's number, times its inverse document frequency where ``idf`` is asked
    for, and have unit length a part. A number is the half-spread that it falls in and, in spreads, how far it lies from
    the centre, by ``number_scales``; one without a scale only the eighth of a doubling that it falls in.

    Parameters
    ----------
    schema : dict
        Kind of each column, as ``Dataset.schema``. Columns that are not named are ignored.
    n_features : int, default=65,536
        Columns. Coefficients take 4 bytes a column and drug: 651 drugs 170 MB; at 2**18 columns 680 MB.
    word_ngrams : int, default=2
        Longest word n-gram of texts.
    char_ngrams : tuple of (int, int), default=(1, 3)
        Shortest and longest character n-gram of texts; ``(0, 0)`` for none.
    lexicon : sequence of str, default=()
        Names that are kept whole.
    number_scales : dict of str to (float, float), optional
        Centre and spread of columns with numbers, such as ``{"BMI": (24, 4)}``. Ages have (50, 25), years
        (2010, 10).
    idf : bool, default=False
        Whether rare tokens of texts count more. Then ``fit``, or ``partial_fit`` on block after block, must have
        counted in how many records each column occurs.
    alternate_sign : bool, default=True
        Whether half of the tokens count negatively, so that tokens on one column cancel rather than add up.

    Attributes
    ----------
    n_records_ : int
        Records counted, with ``idf``.
    record_counts_ : int64 array of shape (n_features,)
        In how many of them a column occurs in a text.

    Raises
    ------
    ValueError
        When the schema names a column that the table does not have or a kind that does not exist, or an option is
        out of range.

    References
    ----------
    Weinberger et al. (2009), Feature hashing for large scale multitask learning, ICML.

    Examples
    --------
    >>> import pandas as pd
    >>> records = pd.DataFrame({"note": ["发热 咳嗽", "发热"], "codes": [["E11.9"], ["I10"]]})
    >>> X = HashingRecordVectorizer({"note": "text", "codes": "codes"}, n_features=2**10).transform(records)
    >>> X.dtype, X.shape
    (dtype('float32'), (2, 1024))
    """

    def __init__(
        self,
        schema: Mapping[str, str],
        *,
        n_features: int = 2**16,
        word_ngrams: int = 2,
        char_ngrams: tuple[int, int] = (1, 3),
        lexicon: Sequence[str] = (),
        number_scales: Mapping[str, tuple[float, float]] | None = None,
        idf: bool = False,
        alternate_sign: bool = True,
    ) -> None:
        self.schema = schema
        self.n_features = n_features
        self.word_ngrams = word_ngrams
        self.char_ngrams = char_ngrams
        self.lexicon = lexicon
        self.number_scales = number_scales
        self.idf = idf
        self.alternate_sign = alternate_sign

    def fit(self, X: pd.DataFrame, y: Any = None, groups: Any = None) -> "HashingRecordVectorizer":
        """Count the tokens of records ``X`` anew where ``idf`` is asked for; else look at the schema only.

        ``y`` and ``groups`` are taken, as ``RecordVectorizer.fit`` takes them, and not looked at.
        """
        for name in ("n_records_", "record_counts_"):
            if hasattr(self, name):
                delattr(self, name)
        return self.partial_fit(X)

    def partial_fit(self, X: pd.DataFrame, y: Any = None) -> "HashingRecordVectorizer":
        """Add the counts of a block of records (DataFrame of shape (n_records, n_columns)) to those before."""
        records = self._check(X)
        if self.idf:
            seen = [part for part in self._plan() if part.kind in _TEXT]
            present = _added([self._hashed(part, records) for part in seen], len(records), self.n_features)
            counts = np.bincount(present.indices[present.data != 0], minlength=self.n_features)
            self.n_records_ = getattr(self, "n_records_", 0) + len(records)
            self.record_counts_ = getattr(self, "record_counts_", 0) + counts.astype(np.int64)
        self.feature_names_in_ = np.asarray(list(self.schema), dtype=object)
        self.n_features_in_ = len(self.schema)
        return self

    def merge(self, others: Iterable["HashingRecordVectorizer"]) -> "HashingRecordVectorizer":
        """Add the counts of others, fitted on other blocks with the same options, to its own."""
        for other in others:
            if other.get_params() != self.get_params():
                raise ValueError("HashingRecordVectorizer: only vectorizers of the same options can be merged.")
            if self.idf:
                check_is_fitted(other, "record_counts_")
                self.n_records_ = getattr(self, "n_records_", 0) + other.n_records_
                self.record_counts_ = getattr(self, "record_counts_", 0) + other.record_counts_
            self.feature_names_in_ = np.asarray(list(self.schema), dtype=object)
            self.n_features_in_ = len(self.schema)
        return self

    def transform(self, X: pd.DataFrame) -> sp.csr_matrix:
        """Features of records, CSR ``float32`` of shape (n_records, n_features)."""
        records = self._check(X)
        rarity = None
        if self.idf:
            check_is_fitted(self, "record_counts_")
            rarity = (np.log((1 + self.n_records_) / (1 + self.record_counts_)) + 1).astype(np.float32)
        parts = []
        for part in self._plan():
            counts = self._hashed(part, records)
            if part.kind in _TEXT:
                counts.data = np.sign(counts.data) * (1 + np.log(np.maximum(np.abs(counts.data), 1)))
                if rarity is not None:
                    counts.data *= rarity[counts.indices]
                counts = normalize_rows(counts, copy=False)
            parts.append(counts)
        return _added(parts, len(records), self.n_features)

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """``hashed:0``, ``hashed:1``, …: a column stands for whatever tokens fall on it."""
        return np.asarray([f"hashed:{column}" for column in range(self.n_features)], dtype=object)

    def _plan(self) -> list[PlannedPart]:
        return plan_parts(self.schema, characters=bool(self.char_ngrams[1]))

    def _hashed(self, part: PlannedPart, records: pd.DataFrame) -> sp.csr_matrix:
        """Counts of a part's tokens, its columns shifted to where the part begins."""
        common = {"n_features": self.n_features, "alternate_sign": self.alternate_sign, "dtype": np.float32}
        if part.kind == "number":
            hasher = FeatureHasher(input_type="pair", **common)
            matrix = hasher.transform(self._number_tokens(part, records))
        else:
            options: dict[str, Any] = {"analyzer": keep_tokens, "binary": True}
            if part.kind == "words":
                options = {"analyzer": WordAnalyzer(ngrams=self.word_ngrams, lexicon=tuple(self.lexicon))}
            elif part.kind == "characters":
                ngrams = (self.char_ngrams[0], self.char_ngrams[1])
                options = {"analyzer": "char", "ngram_range": ngrams, "preprocessor": normalize}
            vectorizer = HashingVectorizer(lowercase=False, norm=None, **options, **common)
            matrix = vectorizer.transform(read_column(records, part.column, part.read))
        start = murmurhash3_32(part.name, positive=True) % self.n_features
        matrix.indices = (matrix.indices + start) % self.n_features
        matrix.has_sorted_indices = False
        return matrix

    def _number_tokens(self, part: PlannedPart, records: pd.DataFrame) -> list[list[tuple[str, float]]]:
        reader = NumberPart(part.column, part.read, reference=date_column(self.schema) if part.read == "age" else None)
        reader.latest_ = np.nan  # an age without a date of the visit is not known
        scale = (self.number_scales or {}).get(part.column, _SCALES.get(part.read))
        rows: list[list[tuple[str, float]]] = []
        for value in reader.values(records).tolist():
            if value != value:
                rows.append([("missing", 1.0)])
            elif scale is None:
                doubling = np.sign(value) * np.floor(_BINS_A_DOUBLING * np.log2(1 + abs(value)))
                rows.append([(f"bin={doubling:.0f}", 1.0)])
            else:
                spreads = (value - scale[0]) / scale[1]
                rows.append([("value", float(np.clip(spreads, -10, 10))), (f"bin={np.floor(2 * spreads):.0f}", 1.0)])
        return rows

    def _check(self, X: Any) -> pd.DataFrame:
        if not isinstance(self.n_features, (int, np.integer)) or not 1 <= self.n_features < 2**31:
            raise ValueError(
                f"HashingRecordVectorizer: n_features must be a whole number from 1 to 2**31 - 1; "
                f"got {self.n_features!r}. Take a power of 2, such as 2**16."
            )
        scales = self.number_scales or {}
        for column, scale in scales.items() if isinstance(scales, Mapping) else [("", scales)]:
            try:
                centre, spread = map(float, scale)
            except (TypeError, ValueError):
                centre = spread = np.nan
            if column not in self.schema or not np.isfinite(centre) or not 0 < spread < np.inf:
                raise ValueError(
                    f"HashingRecordVectorizer: number_scales must give columns of the schema a centre and a spread "
                    f"above 0; got {column!r}: {scale!r}."
                )
        needed = [column for column, kind in self.schema.items() if kind != "evidence"]
        return check_records(X, needed, who="HashingRecordVectorizer")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False  # a DataFrame of records, not an array of numbers
        tags.input_tags.string = True
        tags.input_tags.categorical = True
        tags.input_tags.allow_nan = True
        tags.requires_fit = self.idf
        return tags

    def __sklearn_is_fitted__(self) -> bool:
        return not self.idf or hasattr(self, "record_counts_")


def _added(parts: list[sp.csr_matrix], n_records: int, n_features: int) -> sp.csr_matrix:
    """The sum of matrices of one shape, float32, its columns in order."""
    if not parts:
        return sp.csr_matrix((n_records, n_features), dtype=np.float32)
    # Side by side, then folded: one pass, however many parts.
    wide = sp.hstack(parts, format="csr", dtype=np.float32)
    total = sp.csr_matrix(
        (wide.data, (wide.indices % n_features).astype(np.int32), wide.indptr), shape=(n_records, n_features)
    )
    total.sum_duplicates()
    total.eliminate_zeros()
    return total
