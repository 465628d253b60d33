"""What a record says about each drug: where its texts name it, how often and how early."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse as sp

from medrec.features.matcher import NameMatcher
from medrec.features.names import name_table
from medrec.features.parts import SIDES, read_column


class NamesPart:
    """Blocks of the drugs that a record's texts name.

    For each text (a column, or one side of a dialogue) ``named:…``, the logarithm of 1 plus how often it names the
    drug, and ``first:…``, 1 where it stands first, falling to 0 at the end.

    Parameters
    ----------
    schema : dict
        Kind of each column.
    drug_names : sequence of str of length n_labels
        Names of the labels.
    aliases : dict of str to sequence of str, optional
        Other names of each drug.
    """

    def __init__(
        self, schema: Mapping[str, str], drug_names: Sequence[str], aliases: Mapping[str, Sequence[str]] | None
    ) -> None:
        self.texts = {
            f"{column}{suffix}": (column, read)
            for column, kind in schema.items()
            for suffix, read in SIDES.get(kind, {}).items()
        }
        self.drug_names = list(drug_names)
        self.aliases = aliases
        self.kinds = (*(f"named:{text}" for text in self.texts), *(f"first:{text}" for text in self.texts))

    def fit_transform(self, records: pd.DataFrame, Y: Any = None, groups: Any = None) -> list[sp.csr_matrix]:
        """Make the matcher and read the records; labels are not looked at."""
        self.matcher_ = NameMatcher(name_table(self.drug_names, self.aliases))
        return self.transform(records)

    def transform(self, records: pd.DataFrame) -> list[sp.csr_matrix]:
        """The blocks in the order of ``kinds``, each CSR ``float32`` (n_records, n_labels)."""
        shape = (len(records), len(self.drug_names))
        counts, firsts = [], []
        for column, read in self.texts.values():
            rows, labels, places = [], [], []
            for row, text in enumerate(read_column(records, column, read)):
                for match in self.matcher_.find(text):
                    for label in match.labels:
                        rows.append(row)
                        labels.append(label)
                        places.append(1 - match.start / len(text))
            count = sp.csr_matrix((np.ones(len(rows), dtype=np.float32), (rows, labels)), shape=shape)
            np.log1p(count.data, out=count.data)
            counts.append(count)
            first: dict[tuple[int, int], float] = {}
            for row, label, place in zip(rows, labels, places):
                first.setdefault((row, label), place)
            at = np.asarray(list(first), dtype=np.intp).reshape(-1, 2).T
            firsts.append(sp.csr_matrix((np.asarray(list(first.values()), dtype=np.float32), tuple(at)), shape=shape))
        return [*counts, *firsts]
