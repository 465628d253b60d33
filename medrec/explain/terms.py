"""``Terms``: a score as a sum of named terms, some of them sums themselves."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
import pandas as pd

CONSTANT, FEATURE, DRUG, NEIGHBOURS, BASE, PAIR = "constant", "feature", "drug", "neighbours", "base", "pair feature"
"""Sources of terms: see ``medrec.explain.explain_record``."""
NO_VALUE = float("nan")


class Term(NamedTuple):
    """What one thing adds to a score.

    Parameters
    ----------
    source : str
        What kind of thing it is.
    name : str
        Its name; of a feature "", because its column says it.
    value : float
        Its value for the record; NaN where it has none.
    amount : float
        What it adds.
    column : int, default=-1
        The column of the recommender's features that it comes from; -1 for none.
    """

    source: str
    name: str
    value: float
    amount: float
    column: int = -1


@dataclass(frozen=True)
class Terms:
    """Terms that sum to a score.

    Attributes
    ----------
    terms : list of Term
    within : dict of str to Terms
        Of terms that are sums themselves, by name: what they are made of.
    neighbours : list of DataFrame
        Neighbours that were asked: columns ``record`` (1-based row of the training records), ``cosine``, ``weight``
        (what it counts for) and ``has_drug``.
    notes : list of str
        What could not be divided, one sentence each.

    Examples
    --------
    >>> terms = Terms([Term("constant", "intercept", NO_VALUE, -1.0), Term("feature", "", 1.0, 3.0, column=7)])
    >>> terms.total, terms.scaled(0.5).total, terms.columns(8)[7].item()
    (2.0, 1.0, 3.0)
    """

    terms: list[Term]
    within: dict[str, "Terms"] = field(default_factory=dict)
    neighbours: list[pd.DataFrame] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def total(self) -> float:
        """The score."""
        return float(sum(term.amount for term in self.terms))

    def scaled(self, factor: float) -> "Terms":
        """Every amount times ``factor``."""
        return replace(
            self,
            terms=[term._replace(amount=term.amount * factor) for term in self.terms],
            within={name: inner.scaled(factor) for name, inner in self.within.items()},
        )

    def plus(self, *terms: Term) -> "Terms":
        """With more terms; those that add nothing are left out."""
        return replace(self, terms=[*self.terms, *(term for term in terms if term.amount)])

    def everything(self) -> Iterator[Term]:
        """The terms, and those that they are made of."""
        yield from self.terms
        for inner in self.within.values():
            yield from inner.everything()

    def columns(self, n_columns: int) -> np.ndarray:
        """What each column of the features adds in all its terms, (n_columns,)."""
        amounts = np.zeros(n_columns)
        for term in self.everything():
            if term.column >= 0:
                amounts[term.column] += term.amount
        return amounts
