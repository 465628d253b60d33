"""What each feature adds to the score of a base classifier."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.sparse as sp

from medrec.explain.terms import BASE, CONSTANT, DRUG, FEATURE, NO_VALUE, Term, Terms
from medrec.recommenders.booster_base import BoosterBase
from medrec.recommenders.estimator_base import EstimatorBase
from medrec.recommenders.linear import LinearBase
from medrec.recommenders.online_linear import OnlineLinearBase


def base_terms(base: Any, seen: Any, label: int, *, own: Any, added: Sequence[str] = ()) -> Terms:
    """The terms of a label's score, ``base.decision_function(seen)[0, label]``.

    Parameters
    ----------
    base : fitted base
        Of linear bases coefficient times feature, of a booster the SHAP values of its trees; any other cannot be
        divided and is one term.
    seen : CSR or ndarray of shape (1, n_features + n_added)
        What the base sees: the prepared features, then columns that are no features of the record.
    label : int
        Number of the label among those of the base.
    own : CSR or ndarray of shape (1, n_features)
        The record's features before they were prepared, for the values to show.
    added : sequence of str of length n_added
        Names of the columns behind the features: drugs that were scored before.

    Examples
    --------
    >>> X = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    >>> base = LinearBase(C=10.0).fit_labels(X, np.array([[1], [0], [1]]))
    >>> terms = base_terms(base, X[:1], 0, own=X[:1])
    >>> bool(np.isclose(terms.total, base.decision_function(X[:1])[0, 0])), [term.column for term in terms.terms]
    (True, [-1, 0])
    """
    if isinstance(base, (LinearBase, OnlineLinearBase)):
        row = sp.csr_matrix(seen)
        amounts = row.data.astype(np.float64) * base.coef_[label, row.indices].astype(np.float64)
        return Terms(
            [
                Term(CONSTANT, "intercept", NO_VALUE, float(base.intercept_[label])),
                *column_terms(row.indices, amounts, seen, own=own, added=added),
            ]
        )
    if isinstance(base, BoosterBase):
        found = base.contributions(seen, label)
        is_last = found.indices == base.n_features_in_
        return Terms(
            [
                Term(CONSTANT, "expected score", NO_VALUE, float(found.data[is_last].sum())),
                *column_terms(found.indices[~is_last], found.data[~is_last], seen, own=own, added=added),
            ]
        )
    one = base.estimators_[label] if isinstance(base, EstimatorBase) else base
    score = float(base.decision_function(seen)[0, label])
    if isinstance(one, float):
        return Terms([Term(CONSTANT, "the drug is always or never given", NO_VALUE, score)])
    return whole(type(one).__name__, score)


def column_terms(
    columns: np.ndarray, amounts: np.ndarray, seen: Any, *, own: Any, added: Sequence[str] = ()
) -> list[Term]:
    """A term for each column that adds something; see ``base_terms``."""
    n_features = own.shape[1]
    values = _dense(own)
    behind = _dense(seen)[n_features:]
    found = []
    for column, amount in zip(columns.tolist(), amounts.tolist()):
        if not amount:
            continue
        if column < n_features:
            found.append(Term(FEATURE, "", float(values[column]), amount, column))
        else:
            found.append(Term(DRUG, added[column - n_features], float(behind[column - n_features]), amount))
    return found


def whole(name: str, score: float) -> Terms:
    """The score of what does not say how it comes about, as one term."""
    return Terms(
        [Term(BASE, name, score, score)], notes=[f"{name} does not say what moves its score, which stands undivided."]
    )


def _dense(row: Any) -> np.ndarray:
    return np.asarray(row.toarray() if sp.issparse(row) else row, dtype=np.float64).ravel()
