"""What moved the score of each recommender: features, earlier drugs, neighbours, codes."""

from functools import singledispatch
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse as sp
from scipy.special import logit

from medrec.explain.base_terms import base_terms, column_terms, whole
from medrec.explain.terms import CONSTANT, DRUG, FEATURE, NEIGHBOURS, NO_VALUE, Term, Terms
from medrec.recommenders import (
    BinaryRelevanceRecommender,
    ChainRecommender,
    LinearBase,
    NeighborRecommender,
    PriorRecommender,
    StackedBinaryRelevance,
)
from medrec.recommenders.bases import prepare
from medrec.recommenders.neighbors import _unit_rows
from medrec.recommenders.shared import append_columns


@singledispatch
def model_terms(recommender: Any, X: Any, label: int, names: Any) -> Terms:
    """The terms of a drug's score before calibration, ``recommender._scores(X)[0, label]``.

    A recommender that is not known here is one term.

    Parameters
    ----------
    recommender : fitted recommender
    X : CSR or ndarray of shape (1, n_features)
        The record.
    label : int
        The drug.
    names : sequence of str of length n_labels
        Names of the drugs.
    """
    inner = getattr(recommender, "estimator", recommender)
    return whole(type(inner).__name__, float(recommender._scores(X)[0, label]))


@model_terms.register
def _binary_relevance(recommender: BinaryRelevanceRecommender, X: Any, label: int, names: Any) -> Terms:
    return base_terms(recommender.labels_, prepare(recommender.labels_, X), label, own=X)


@model_terms.register
def _two_levels(recommender: StackedBinaryRelevance, X: Any, label: int, names: Any) -> Terms:
    first = recommender.first_level_.decision_function(prepare(recommender.first_level_, X))
    seen = recommender._second_features(recommender.second_level_, X, first)
    own = X if recommender.passthrough else X[:, :0]
    return base_terms(recommender.second_level_, seen, label, own=own, added=names)


@model_terms.register
def _chain(recommender: ChainRecommender, X: Any, label: int, names: Any) -> Terms:
    """Of an ensemble each chain counts its share; what the mean of probabilities differs from theirs is a term."""
    seen = prepare(recommender.links_[0], X)
    score = float(recommender._scores(X)[0, label])
    chains = [_one_chain(recommender, at, X, seen, label, names) for at in range(len(recommender.chains_))]
    terms = Terms([term for one in chains for term in one.scaled(1 / len(chains)).terms], notes=chains[0].notes)
    terms = _merged(terms)
    if len(chains) == 1 and recommender.inference == "greedy":
        return terms
    name = "chains: mean of probabilities" if recommender.inference == "greedy" else "earlier drugs, on the mean"
    return terms.plus(Term(DRUG, name, NO_VALUE, score - terms.total))


def _one_chain(recommender: ChainRecommender, at: int, X: Any, seen: Any, label: int, names: Any) -> Terms:
    order = recommender.orders_[at]
    place = int(np.flatnonzero(order == label)[0])
    link = recommender.chains_[at][place]
    if recommender.inference != "greedy":
        if not isinstance(link, LinearBase):
            return whole(f"{type(link).__name__} link over many label vectors", 0.0)
        return _linear_link(link, seen, X, np.zeros(place), [])
    before = order[:place]
    scores = recommender._chain_scores(seen, at)[0, before]
    earlier = np.asarray([recommender._see(np.asarray([score]))[0] for score in scores])
    added = [str(names[drug]) for drug in before]
    if isinstance(link, LinearBase):
        return _linear_link(link, seen, X, earlier, added)
    return base_terms(link, append_columns(seen, [np.asarray([one]) for one in earlier]), 0, own=X, added=added)


def _linear_link(link: LinearBase, seen: Any, own: Any, earlier: np.ndarray, added: list[str]) -> Terms:
    row = sp.csr_matrix(seen)
    coefficients = link.coef_[0].astype(np.float64)
    amounts = row.data.astype(np.float64) * coefficients[row.indices]
    return Terms(
        [
            Term(CONSTANT, "intercept", NO_VALUE, float(link.intercept_[0])),
            *column_terms(row.indices, amounts, seen, own=own),
        ]
    ).plus(
        *(
            Term(DRUG, name, value, value * coefficient)
            for name, value, coefficient in zip(added, earlier.tolist(), coefficients[own.shape[1] :].tolist())
        )
    )


def _merged(terms: Terms) -> Terms:
    """Terms of the same thing added up; of values that differ (a drug in several chains) the mean."""
    together: dict[tuple[str, str, int], list[Term]] = {}
    for term in terms.terms:
        together.setdefault((term.source, term.name, term.column), []).append(term)
    return Terms(
        [
            some[0]._replace(
                amount=float(sum(one.amount for one in some)), value=float(np.mean([one.value for one in some]))
            )
            for some in together.values()
        ],
        notes=terms.notes,
    )


@model_terms.register
def _prior(recommender: PriorRecommender, X: Any, label: int, names: Any) -> Terms:
    """The way from the drug's overall frequency to the mean of the codes', shared by what each code differs."""
    score = float(recommender._scores(X)[0, label])
    overall = float(recommender.prior_[label])
    start = float(logit(np.clip(overall, 1e-9, 1 - 1e-9)))
    row = sp.csr_matrix(X)
    codes = row.indices[row.data != 0]
    shares = recommender.code_drug_[codes, label]
    moved = (shares - overall) / max(1, len(codes))
    way = float(moved.sum())
    slope = (score - start) / way if abs(way) > 1e-12 else 1 / (overall * (1 - overall))
    amounts = moved * slope
    return Terms(
        [
            Term(CONSTANT, "how often the drug is given", overall, score - float(amounts.sum())),
            *(
                Term(FEATURE, "", float(share), float(amount), int(code))
                for code, share, amount in zip(codes, shares, amounts)
            ),
        ]
    )


@model_terms.register
def _neighbors(recommender: NeighborRecommender, X: Any, label: int, names: Any) -> Terms:
    near, cosine = recommender._nearest(_unit_rows(X))
    votes, found = recommender._votes(near, cosine)
    score = float(recommender._log_odds(votes, found)[0, label])
    prior = float(logit(recommender.prior_[label]))
    near, cosine = near[0], cosine[0]
    counted = np.where(cosine > 0, recommender.record_weight_[near], 0.0)
    k = float(recommender.n_neighbors)
    counted = np.clip(k - (np.cumsum(counted) - counted), 0.0, counted)
    share = counted * cosine if recommender.weights == "cosine" else counted
    share = share * (found[0] / max(share.sum(), 1e-300))
    taken = counted > 0
    table = pd.DataFrame(
        {
            "record": near[taken] + 1,
            "cosine": cosine[taken],
            "weight": share[taken],
            "has_drug": np.asarray(recommender.record_drugs_[near[taken], label].todense()).ravel() > 0,
        }
    )
    return Terms(
        [
            Term(CONSTANT, "how often the drug is given", float(recommender.prior_[label]), prior),
            Term(
                NEIGHBOURS,
                f"neighbours that have it, of {recommender.n_neighbors}",
                float(votes[0, label]),
                score - prior,
            ),
        ],
        neighbours=[table],
    )
