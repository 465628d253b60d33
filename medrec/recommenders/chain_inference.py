"""From the links of a chain to scores of all its labels: greedy, by sampling, or by beam search."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import scipy.sparse as sp
from scipy.special import expit, log_expit

from medrec.recommenders.booster_base import BoosterBase
from medrec.recommenders.linear import LinearBase
from medrec.recommenders.shared import append_columns

_JOINED = 64  # linear links scored at once: bounds the copy of their coefficients
BLOCK = 2**23
"""Numbers that the paths of a block of records may hold: 64 MB."""


def greedy(links: Sequence[Any], X: Any, see: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Scores of every link, each given what ``see`` makes of the scores before it.

    Parameters
    ----------
    links : sequence of fitted bases
        In chain order; link j takes the features and j columns more.
    X : CSR or ndarray of shape (n_records, n_features)
    see : callable
        From scores (n_records,) to the column that later links see.

    Returns
    -------
    ndarray of shape (n_records, n_links)
    """
    if isinstance(links[0], LinearBase):
        scores = _feature_scores(links, X)
        weights = _label_weights(links, X.shape[1])
        seen = np.empty(scores.shape[::-1])
        for at in range(len(links)):
            scores[:, at] += weights[at, :at] @ seen[:at]
            seen[at] = see(scores[:, at])
        return scores
    scores = np.empty((X.shape[0], len(links)))
    boosted = isinstance(links[0], BoosterBase)
    if boosted:
        X = links[0].take(X)  # every link keeps the same columns of it
    for at, link in enumerate(links):
        scores[:, at] = (link.margins(X) if boosted else link.decision_function(X))[:, 0]
        X = append_columns(X, [see(scores[:, at])])
    return scores


def sampling(links: Sequence[Any], X: Any, *, n_samples: int, random_state: Any) -> np.ndarray:
    r"""Marginal probabilities (n_records, n_links) by sampling label vectors along the chain.

    :math:`P(y_j = 1 | x)` is estimated by the mean of :math:`P(y_j = 1 | x, y_{<j})` over the sampled
    :math:`y_{<j}`, which has no bias and varies less than counting the sampled :math:`y_j`. All records share one
    set of random numbers, stratified for each link, so a record's result depends on the record alone: not on those
    beside it, nor on their order. Memory is bounded: records are worked on in blocks.

    References
    ----------
    Read, Martino & Luengo (2014), Efficient Monte Carlo methods for multi-dimensional learning with classifier
    chains, Pattern Recognition 47; Dembczyński et al. (2010), Bayes optimal multilabel classification via
    probabilistic classifier chains, ICML.
    """
    rng = np.random.default_rng(random_state)
    draws = rng.permuted(np.tile(np.arange(n_samples), (len(links), 1)), axis=1) + rng.random((len(links), n_samples))
    draws /= n_samples

    def marginals(paths: "_Paths") -> np.ndarray:
        found = np.empty((paths.n_records, len(links)))
        for at in range(len(links)):
            probability = expit(paths.scores(at))
            found[:, at] = probability.mean(axis=1)
            paths.extend(at, draws[at] < probability)
        return found

    return _in_blocks(marginals, links, X, n_samples)


def beam(links: Sequence[Any], X: Any, *, width: int) -> np.ndarray:
    r"""Marginal probabilities (n_records, n_links) over the ``width`` most probable label vectors at each link.

    :math:`P(y_j = 1 | x)` is the mean of :math:`P(y_j = 1 | x, y_{<j})` over the beam, weighted by the probability
    of each :math:`y_{<j}`; weights are normalised. It is exact when ``width`` is at least 2 to the number of
    links. Memory is bounded: records are worked on in blocks.

    References
    ----------
    Kumar et al. (2013), Beam search algorithms for multilabel learning, Machine Learning 92.
    """
    width = min(width, 2 ** min(len(links), 30))

    def marginals(paths: "_Paths") -> np.ndarray:
        found = np.empty((paths.n_records, len(links)))
        weight = np.full((paths.n_records, width), -np.inf)  # log-probability of each path; -inf: none yet
        weight[:, 0] = 0.0
        for at in range(len(links)):
            scores = paths.scores(at)
            share = np.exp(weight - weight.max(axis=1, keepdims=True))
            found[:, at] = (share * expit(scores)).sum(axis=1) / share.sum(axis=1)
            absent, present = weight + log_expit(-scores), weight + log_expit(scores)
            best = np.argsort(-np.hstack([absent, present]), axis=1, kind="stable")[:, :width]
            kept = np.zeros((paths.n_records, 2 * width), dtype=bool)
            np.put_along_axis(kept, best, True, axis=1)
            stays, goes = kept[:, :width], kept[:, width:]
            # A path that lives on both ways takes the place of one that does not: as many of each in every record.
            source, target = np.flatnonzero(stays & goes), np.flatnonzero(~stays & ~goes)
            paths.copy(at, source, target)
            taken = goes & ~stays
            weight = np.where(taken, present, absent)
            taken.flat[target] = True
            weight.flat[target] = present.flat[source]
            paths.extend(at, taken)
        return found

    return _in_blocks(marginals, links, X, width)


class _Paths:
    """``width`` label vectors under way for each record, extended link by link.

    Vectors that agree so far are scored once.
    """

    def __init__(self, links: Sequence[Any], X: Any, width: int) -> None:
        self.links, self.X, self.width, self.n_records = links, X, width, X.shape[0]
        self.labels = np.zeros((self.n_records * width, len(links)), dtype=np.uint8)
        self.same = np.repeat(np.arange(self.n_records), width)

    def scores(self, at: int) -> np.ndarray:
        """Scores (n_records, width) of link ``at``, given the labels so far."""
        _, first, self.same = np.unique(self.same, return_index=True, return_inverse=True)
        features = append_columns(self.X[first // self.width], list(self.labels[first, :at].T))
        return self.links[at].decision_function(features)[self.same, 0].reshape(self.n_records, self.width)

    def extend(self, at: int, taken: np.ndarray) -> None:
        """Set label ``at`` of every path, bool (n_records, width)."""
        self.labels[:, at] = taken.ravel()
        self.same = 2 * self.same + taken.ravel()

    def copy(self, at: int, source: np.ndarray, target: np.ndarray) -> None:
        """Let paths ``target`` be as ``source`` up to label ``at``; both number the paths of all records."""
        self.labels[target] = self.labels[source]
        self.same[target] = self.same[source]


class _LinearPaths(_Paths):
    """The same for linear links: a label that is taken adds its coefficients to the scores of all later links."""

    def __init__(self, features: np.ndarray, weights: np.ndarray, width: int) -> None:
        self.features, self.weights, self.width, self.n_records = features, weights, width, len(features)
        self.added = np.zeros((self.n_records * width, features.shape[1]))

    def scores(self, at: int) -> np.ndarray:
        return self.features[:, [at]] + self.added[:, at].reshape(self.n_records, self.width)

    def extend(self, at: int, taken: np.ndarray) -> None:
        self.added[np.flatnonzero(taken), at + 1 :] += self.weights[at + 1 :, at]

    def copy(self, at: int, source: np.ndarray, target: np.ndarray) -> None:
        self.added[target, at:] = self.added[source, at:]


def _in_blocks(marginals: Callable[[_Paths], np.ndarray], links: Sequence[Any], X: Any, width: int) -> np.ndarray:
    found = np.empty((X.shape[0], len(links)))
    linear = isinstance(links[0], LinearBase)
    size = len(links)
    if linear:
        features, weights = _feature_scores(links, X), _label_weights(links, X.shape[1])
    else:
        size += X.nnz // max(1, X.shape[0]) if sp.issparse(X) else X.shape[1]
    step = max(1, BLOCK // (width * size))
    for low in range(0, X.shape[0], step):
        rows = slice(low, low + step)
        paths = _LinearPaths(features[rows], weights, width) if linear else _Paths(links, X[rows], width)
        found[rows] = marginals(paths)
    return found


def _feature_scores(links: Sequence[LinearBase], X: Any) -> np.ndarray:
    """What features and intercept give to the score of every linear link, (n_records, n_links)."""
    scores = np.empty((X.shape[0], len(links)))
    for low in range(0, len(links), _JOINED):
        some = links[low : low + _JOINED]
        rows = np.stack([link.coef_[0, : X.shape[1]] for link in some])
        weights = np.ascontiguousarray(rows.T, dtype=np.float64)
        scores[:, low : low + _JOINED] = X @ weights + np.concatenate([link.intercept_ for link in some])
    return scores


def _label_weights(links: Sequence[LinearBase], n_features: int) -> np.ndarray:
    """Coefficients (n_links, n_links) of each link for the labels before it, 0 elsewhere."""
    weights = np.zeros((len(links), len(links)))
    for at, link in enumerate(links):
        weights[at, :at] = link.coef_[0, n_features:]
    return weights
