"""The label parts of a record's features: each gives blocks of one column a label, in label order."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import pandas as pd
import scipy.sparse as sp

from medrec.features.aliases import LearnedAliases
from medrec.features.descriptions import DescriptionsPart
from medrec.features.mentions import NamesPart


class LabelPart(Protocol):
    """What a label part can do.

    ``kinds`` names its blocks and is known before fitting. A row of ``fit_transform`` never depends on that record's,
    or its patient's, own labels: what learns from them is fitted out of fold.
    """

    kinds: tuple[str, ...]

    def fit_transform(self, records: pd.DataFrame, Y: Any, groups: Any) -> list[sp.csr_matrix]:
        """Learn from records, their labels and patients; a CSR block (n_records, n_labels) a kind."""

    def transform(self, records: pd.DataFrame) -> list[sp.csr_matrix]:
        """The blocks of other records."""


def make_label_parts(
    schema: Mapping[str, str],
    drug_names: Sequence[str],
    aliases: Mapping[str, Sequence[str]] | None,
    descriptions: Mapping[str, Sequence[str]] | None = None,
) -> list[LabelPart]:
    """The label parts that the schema gives reason for; see ``RecordVectorizer``."""
    parts: list[LabelPart] = [NamesPart(schema, drug_names, aliases)]
    if "evidence" in schema.values():
        parts.append(LearnedAliases(schema, drug_names))
    if descriptions is not None:
        parts.append(DescriptionsPart(schema, drug_names, descriptions))
    return parts
