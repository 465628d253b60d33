"""``RecordVectorizer``: a table of records becomes one sparse matrix with a name for every column."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse as sp
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from medrec._checks import check_names
from medrec.features.label_parts import LabelPart, make_label_parts
from medrec.features.parts import make_parts


class RecordVectorizer(TransformerMixin, BaseEstimator):
    """Features of records, by the kind of each column.

    ============ ==================================================================================
    kind         features
    ============ ==================================================================================
    text         TF-IDF of words (jieba, with n-grams) and of character n-grams
    dialogue     the same for the patient's and for the doctor's turns, apart; character n-grams (words where there
                 are none) of the doctor's last turn, which says most about the treatment
    codes        one column a code or name; ICD codes by their three-character prefix too; character
                 n-grams of names that are no codes
    category     one column a value
    number       standardised value, quantile bins, and whether it is missing; 0/1 columns as they are
    date         year, standardised
    birthdate    age in years at the record's first ``date`` column (at the latest date seen in training
                 where it has none), as a number
    evidence     none of its own: what it teaches of the drugs' names is in the label blocks (``LearnedAliases``);
                 read in ``fit`` only, with ``drug_names`` only
    ============ ==================================================================================

    Everything is learned from the rows given to ``fit`` alone; what was never seen there has no column.

    Given the names of the drugs, the matrix ends in *label blocks*: ``len(label_block_names())`` blocks of one
    column a drug, in label order, that say where and how the record names it. Names need no training, so that a drug
    never prescribed there has its columns, too; aliases are learned from a column of kind ``evidence``, out of fold.

    Parameters
    ----------
    schema : dict
        Kind of each column, as ``Dataset.schema``. Columns that are not named are ignored.
    word_ngrams : int, default=2
        Longest word n-gram of texts.
    char_ngrams : tuple of (int, int), default=(1, 3)
        Shortest and longest character n-gram of texts; ``(0, 0)`` for none.
    min_df : int, default=3
        Records that must hold an n-gram or a code for it to get a column.
    max_features : int or None, default=20000
        Columns at most of each TF-IDF part, the most frequent ones.
    lexicon : sequence of str, default=()
        Names that are kept whole, digits and letters in them too.
    drug_names : sequence of str, optional
        Names of the labels, in their order; None for no label blocks.
    aliases : dict of str to sequence of str, optional
        Other names of each drug, see ``Dataset.aliases``; read only with ``drug_names``.
    descriptions : dict of str to sequence of str, optional
        Texts that say what each drug is, such as the titles of codes, in the records' language; that part of them
        which a record holds is in the label blocks (``DescriptionsPart``). Read only with ``drug_names``.

    Attributes
    ----------
    blocks_ : dict
        Columns (a slice) of each part, by its name such as ``"现病史:word"``.
    label_blocks_ : dict
        Columns (a slice, as wide as there are drugs) of each label block, by its name such as ``"named:现病史"``.
    n_features_out_ : int
        Number of columns.

    Raises
    ------
    ValueError
        When the schema names a column that the table does not have or a kind that does not exist, or a column holds
        what is not of its kind.

    Examples
    --------
    >>> import pandas as pd
    >>> records = pd.DataFrame({"note": ["发热 咳嗽", "发热"], "codes": [["E11.9"], ["I10"]]})
    >>> vectorizer = RecordVectorizer({"note": "text", "codes": "codes"}, char_ngrams=(0, 0), min_df=1)
    >>> X = vectorizer.fit_transform(records)
    >>> vectorizer.get_feature_names_out().tolist()
    ['note:word=发热', 'note:word=发热 咳嗽', 'note:word=咳嗽', 'codes:code=E11.9', 'codes:code=I10',
     'codes:prefix=E11', 'codes:prefix=I10']
    >>> X.dtype, X.shape
    (dtype('float32'), (2, 7))
    """

    def __init__(
        self,
        schema: Mapping[str, str],
        *,
        word_ngrams: int = 2,
        char_ngrams: tuple[int, int] = (1, 3),
        min_df: int = 3,
        max_features: int | None = 20000,
        lexicon: Sequence[str] = (),
        drug_names: Sequence[str] | None = None,
        aliases: Mapping[str, Sequence[str]] | None = None,
        descriptions: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        self.schema = schema
        self.word_ngrams = word_ngrams
        self.char_ngrams = char_ngrams
        self.min_df = min_df
        self.max_features = max_features
        self.lexicon = lexicon
        self.drug_names = drug_names
        self.aliases = aliases
        self.descriptions = descriptions

    def label_block_names(self) -> tuple[str, ...]:
        """Names of the label blocks in column order; they follow from the parameters, before fitting, too."""
        return tuple(kind for part in self._make_label_parts() for kind in part.kinds)

    def fit(self, X: pd.DataFrame, y: Any = None, groups: Any = None) -> "RecordVectorizer":
        """Learn the columns from records ``X`` (DataFrame of shape (n_records, n_columns)); see ``fit_transform``."""
        self.fit_transform(X, y, groups)
        return self

    def fit_transform(self, X: pd.DataFrame, y: Any = None, groups: Any = None) -> sp.csr_matrix:
        """Learn the columns from records and return their features, see ``transform``.

        Parameters
        ----------
        X : DataFrame of shape (n_records, n_columns)
            The records.
        y : array or CSR matrix of shape (n_records, n_labels), optional
            Their drugs; what learns from them learns out of fold.
        groups : array of shape (n_records,), optional
            The patient of each record; one patient's records stay in one fold.
        """
        records = self._check(X)
        parts = make_parts(
            self.schema,
            word_ngrams=self.word_ngrams,
            char_ngrams=(self.char_ngrams[0], self.char_ngrams[1]),
            min_df=min(self.min_df, max(1, len(records) // 2)),
            max_features=self.max_features,
            lexicon=tuple(self.lexicon),
        )
        self.parts_ = {}
        self.blocks_: dict[str, slice] = {}
        blocks = []
        at = 0
        for name, part in parts.items():
            block = part.fit_transform(records)
            if not block.shape[1]:
                continue
            self.parts_[name] = part
            self.blocks_[name] = slice(at, at + block.shape[1])
            at += block.shape[1]
            blocks.append(block)
        self.label_parts_ = self._make_label_parts()
        self.label_blocks_: dict[str, slice] = {}
        for label_part in self.label_parts_:
            for name, block in zip(label_part.kinds, label_part.fit_transform(records, y, groups), strict=True):
                self.label_blocks_[name] = slice(at, at + block.shape[1])
                at += block.shape[1]
                blocks.append(block)
        self.n_features_out_ = at
        self.feature_names_in_ = np.asarray(list(self.schema), dtype=object)
        self.n_features_in_ = len(self.schema)
        return _stack(blocks, len(records))

    def transform(self, X: pd.DataFrame) -> sp.csr_matrix:
        """Features of records, CSR ``float32`` of shape ``(n_records, n_features_out_)``."""
        check_is_fitted(self)
        records = self._check(X, fitted=True)
        blocks = [part.transform(records) for part in self.parts_.values()]
        blocks += [block for part in self.label_parts_ for block in part.transform(records)]
        return _stack(blocks, len(records))

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Name of every column: the record's column, the part and the token, as ``现病史:word=糖尿病``; or the label
        block and the drug, as ``named:现病史=二甲双胍片``."""
        check_is_fitted(self)
        names = [f"{name}={token}" for name, part in self.parts_.items() for token in part.tokens()]
        drugs = () if self.drug_names is None else self.drug_names
        names += [f"{block}={drug}" for block in self.label_blocks_ for drug in drugs]
        return np.asarray(names, dtype=object)

    def _make_label_parts(self) -> list[LabelPart]:
        if self.drug_names is None:
            return []
        names = check_names(self.drug_names, who="RecordVectorizer").tolist()
        return make_label_parts(self.schema, names, self.aliases, self.descriptions)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False  # a DataFrame of records, not an array of numbers
        tags.input_tags.string = True
        tags.input_tags.categorical = True
        tags.input_tags.allow_nan = True
        return tags

    def _check(self, X: Any, *, fitted: bool = False) -> pd.DataFrame:
        needed = [column for column, kind in self.schema.items() if kind != "evidence" or not fitted]
        return check_records(X, needed, who="RecordVectorizer")


def check_records(X: Any, columns: list[str], *, who: str) -> pd.DataFrame:
    """The records as they are; refused where they are no table of at least a row with these columns."""
    if not isinstance(X, pd.DataFrame):
        raise ValueError(f"{who}: records must be a DataFrame; got {type(X).__name__}. Pass dataset.records.")
    missing = [column for column in columns if column not in X.columns]
    if missing:
        raise ValueError(
            f"{who}: records lack the column {missing[0]!r} of the schema; they have "
            f"{', '.join(map(str, X.columns[:10]))}."
        )
    if not len(X):
        raise ValueError(f"{who}: there are no records; 0 row(s) came, at least 1 is needed.")
    return X


def _stack(blocks: list[sp.csr_matrix], n_records: int) -> sp.csr_matrix:
    if not blocks:
        return sp.csr_matrix((n_records, 0), dtype=np.float32)
    stacked = sp.csr_matrix(sp.hstack(blocks, format="csr", dtype=np.float32))
    stacked.sort_indices()
    return stacked
