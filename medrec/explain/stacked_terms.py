"""What moved the score of the stacked recommender: its bases, what they are made of, and the pair model."""

from typing import Any

import numpy as np
from scipy.special import logit

from medrec.explain.model_terms import model_terms
from medrec.explain.terms import BASE, CONSTANT, NO_VALUE, PAIR, Term, Terms
from medrec.recommenders.pair_features import split_blocks
from medrec.recommenders.stacked import StackedRecommender

_RECORD = "record: "


@model_terms.register
def stacked_terms(recommender: StackedRecommender, X: Any, label: int, names: Any) -> Terms:
    """The weighted log-odds of every base, each with its own terms within, and what each pair feature corrects.

    A pair feature that is a column of the record, or of a label block, says which in its term, so that it can be found
    in the text.
    """
    described = recommender.describe_pairs(X)
    own, _ = split_blocks(X, len(recommender.label_blocks), recommender.n_labels_)
    terms = Terms([Term(CONSTANT, "intercept", NO_VALUE, float(recommender.weights_[0]))])
    edge = float(logit(1 - recommender.least_probability_))  # a stack takes no base to be surer
    for at, name in enumerate(recommender.base_names_):
        weight, seen = float(recommender.weights_[1 + at]), float(described.log_odds[at, 0, label])
        calibrator = recommender.calibrators_[at]
        inner = model_terms(recommender.bases_[at], own, label, names)
        inner = inner.scaled(float(calibrator.slope_[label])).plus(
            Term(CONSTANT, "calibration", NO_VALUE, float(calibrator.intercept_[label]))
        )
        kept = float(np.clip(inner.total, -edge, edge)) - inner.total
        inner = inner.plus(Term(CONSTANT, "kept from certainty", NO_VALUE, kept)).scaled(weight)
        terms.terms.append(Term(BASE, name, seen, weight * seen))
        terms.within[name] = inner
        terms.neighbours.extend(table.assign(base=name) for table in inner.neighbours)
        terms.notes.extend(f"{name}: {note}" for note in inner.notes)
    pair = np.flatnonzero(described.labels == label)
    if not len(pair):
        terms.notes.append("The drug is no candidate of this record, so that the pair model leaves it as it is.")
        return terms
    features = recommender.pair_features()
    amounts = recommender.pairs_.contributions(described.pairs[pair])[0]
    columns = {
        name: own.shape[1] + at * recommender.n_labels_ + label for at, name in enumerate(recommender.label_blocks)
    }
    for name, value, amount in zip(features.names, described.pairs[pair[0]].tolist(), amounts.tolist()):
        if amount:
            column = columns.get(name, int(name.removeprefix(_RECORD)) if name.startswith(_RECORD) else -1)
            terms.terms.append(
                Term(PAIR, name if name in columns else "" if column >= 0 else name, value, amount, column)
            )
    return terms.plus(Term(CONSTANT, "pair model", NO_VALUE, float(amounts[-1])))
