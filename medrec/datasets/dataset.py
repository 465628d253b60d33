"""``Dataset``: records, the drugs of each, and what the columns mean."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse as sp

from medrec._checks import check_names, check_sets

KINDS = {
    "text": "free text",
    "dialogue": "list of utterances that begin with 患者： (patient) or 医生： (doctor)",
    "codes": "list of codes or diagnosis names",
    "category": "one of few values",
    "number": "a number; None where missing",
    "date": "date of the visit, as 2015-03 or 2015-03-02",
    "birthdate": "date of birth; features hold the age at the visit's date",
    "evidence": "list of [drug, words]: words of the record that justify a drug; read in training only",
}
"""The kinds a column of ``Dataset.records`` can have in ``Dataset.schema``."""


@dataclass(frozen=True)
class Dataset:
    """Records with the drugs of each.

    Parameters
    ----------
    records : DataFrame of shape (n_records, n_columns)
        One row a record (visit), with the columns of its source.
    Y : CSR matrix of shape (n_records, n_labels)
        The drugs of each record as ``uint8`` ones; a test set without labels has only empty rows.
    drug_names : array of shape (n_labels,)
        Names of the columns of ``Y``.
    schema : dict
        Kind of each column that is a feature, see ``KINDS``; columns not named (identifiers) are none.
    ids : array of shape (n_records,)
        The identifier of each record, as text; its 1-based number where the source has none.
    groups : array of shape (n_records,) or None
        The patient of each record. Splits keep a patient's records together.
    ddi : DataFrame with columns ``drug``, ``other``, ``severity``, or None
        Drug–drug interactions that came with the data; ``severity`` may be None.
    aliases : dict of str to tuple of str, or None
        Other names of the drugs, from a table that came with the data; names without an entry have none. As it
        describes the labels and not the records, ``fingerprint`` leaves it out.
    notes : tuple of str
        What the reader dropped or repaired, one sentence each.

    Examples
    --------
    >>> import pandas as pd
    >>> data = Dataset(pd.DataFrame({"note": ["发热", "咳嗽"]}), [[1, 0], [1, 1]], ["a", "b"], {"note": "text"})
    >>> data.subset([1]).Y.toarray().tolist()
    [[1, 1]]
    >>> data.describe()["drugs_per_record"]
    1.5
    """

    records: pd.DataFrame
    Y: Any
    drug_names: Any
    schema: Mapping[str, str]
    ids: Any = None
    groups: Any = None
    ddi: pd.DataFrame | None = None
    aliases: Mapping[str, tuple[str, ...]] | None = None
    notes: tuple[str, ...] = field(default=())

    def __post_init__(self) -> None:
        n_records = len(self.records)
        put = object.__setattr__
        put(self, "Y", check_sets(self.Y, who="Dataset"))
        put(self, "drug_names", check_names(self.drug_names, who="Dataset", n_labels=self.Y.shape[1]))
        ids = range(1, n_records + 1) if self.ids is None else self.ids
        put(self, "ids", np.asarray([str(one) for one in ids], dtype=object))
        if self.groups is not None:
            put(self, "groups", np.asarray(self.groups))
        put(self, "schema", dict(self.schema))
        if self.aliases is not None:
            put(self, "aliases", _check_aliases(self.aliases, set(self.drug_names)))
        for name, count in (("Y", self.Y.shape[0]), ("ids", len(self.ids))):
            if count != n_records:
                raise ValueError(f"Dataset: {name} must have a row for each of {n_records} records; got {count}.")
        if self.groups is not None and len(self.groups) != n_records:
            raise ValueError(f"Dataset: groups must have {n_records} entries; got {len(self.groups)}.")
        for column, kind in self.schema.items():
            if column not in self.records:
                raise ValueError(f"Dataset: the schema names {column!r}, which records do not have.")
            if kind not in KINDS:
                raise ValueError(f"Dataset: {column!r} has kind {kind!r}; kinds are {', '.join(KINDS)}.")

    def __len__(self) -> int:
        return len(self.records)

    def subset(self, rows: Any) -> "Dataset":
        """The given rows (indices or a mask) as a Dataset of the same labels."""
        rows = np.asarray(rows)
        if rows.dtype == bool:
            rows = np.flatnonzero(rows)
        return replace(
            self,
            records=self.records.iloc[rows].reset_index(drop=True),
            Y=self.Y[rows],
            ids=self.ids[rows],
            groups=None if self.groups is None else self.groups[rows],
        )

    def align(self, drug_names: Any) -> "Dataset":
        """The same records with ``Y`` in the order of other drug names.

        Raises
        ------
        ValueError
            When a record has a drug that is not among them.
        """
        names = check_names(drug_names, who="Dataset.align")
        position = {name: at for at, name in enumerate(names)}
        column = np.asarray([position.get(name, -1) for name in self.drug_names], dtype=np.intp)
        coo = self.Y.tocoo()
        lost = np.unique(coo.col[column[coo.col] < 0])
        if len(lost):
            raise ValueError(
                f"Dataset.align: {len(lost)} drugs of the records are not among the names, such as "
                f"{self.drug_names[lost[0]]!r}. Give both data sets one candidate list."
            )
        sets = sp.csr_matrix((coo.data, (coo.row, column[coo.col])), shape=(len(self), len(names)))
        aliases = self.aliases and {name: others for name, others in self.aliases.items() if name in position}
        return replace(self, Y=sets, drug_names=names, aliases=aliases)

    def describe(self) -> dict[str, Any]:
        """Counts that say what the data is: records, patients, drugs, sizes of sets, missing values."""
        sizes = np.diff(self.Y.indptr)
        used = np.bincount(self.Y.indices, minlength=self.Y.shape[1])
        missing = {column: int(sum(_is_missing(value) for value in self.records[column])) for column in self.schema}
        return {
            "records": len(self),
            "patients": len(self) if self.groups is None else len(np.unique(self.groups)),
            "drugs": int(self.Y.shape[1]),
            "drugs_used": int((used > 0).sum()),
            "drugs_per_record": float(sizes.mean()) if len(sizes) else 0.0,
            "drugs_max": int(sizes.max()) if len(sizes) else 0,
            "empty_sets": int((sizes == 0).sum()),
            "aliases": 0 if self.aliases is None else sum(map(len, self.aliases.values())),
            "interactions": 0 if self.ddi is None else len(self.ddi),
            "schema": dict(self.schema),
            "missing": {column: count for column, count in missing.items() if count},
            "notes": list(self.notes),
            "fingerprint": self.fingerprint(),
        }

    def fingerprint(self) -> str:
        """SHA-256 over records, labels and names: equal data, equal fingerprint."""
        digest = hashlib.sha256()
        for name in self.drug_names:
            digest.update(name.encode() + b"\0")
        digest.update(self.Y.indptr.astype("<i8").tobytes() + self.Y.indices.astype("<i8").tobytes())
        for column in self.records.columns:
            digest.update(f"{column}\0{self.schema.get(column)}\0".encode())
            digest.update("\0".join(map(str, self.records[column])).encode("utf-8", "surrogatepass"))
        return digest.hexdigest()


def _check_aliases(aliases: Mapping[str, Any], drugs: set[str]) -> dict[str, tuple[str, ...]]:
    for name, others in aliases.items():
        if name not in drugs:
            raise ValueError(f"Dataset: aliases name {name!r}, which is no drug of the data. Leave it out.")
        if isinstance(others, str) or not all(isinstance(other, str) for other in others):
            raise ValueError(f"Dataset: aliases of {name!r} must be a list of strings; got {others!r:.60}.")
    return {name: tuple(dict.fromkeys(others)) for name, others in aliases.items()}


def _is_missing(value: Any) -> bool:
    return value is None or value == "" or value == [] or (isinstance(value, float) and np.isnan(value))


def interactions_frame(triples: Any) -> pd.DataFrame:
    """Interactions as the table of ``Dataset.ddi`` from ``(drug, other[, severity])`` tuples."""
    rows = [(one[0], one[1], one[2] if len(one) > 2 else None) for one in triples]
    return pd.DataFrame(rows, columns=["drug", "other", "severity"], dtype=object)
