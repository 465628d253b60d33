"""``NeighborRecommender``: the drugs of similar records."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.sparse as sp
from scipy.special import logit
from sklearn.preprocessing import normalize

from medrec._parallel import in_threads
from medrec._progress import progress
from medrec.recommenders.base import BaseRecommender
from medrec.recommenders.folds import Folds

BLOCK = 256
"""Records whose neighbours are looked for at once."""


class NeighborRecommender(BaseRecommender):
    r"""Multi-label k nearest neighbours by cosine, with the label smoothing of ML-kNN.

    A record's neighbours are the ``n_neighbors`` most similar records of other patients; only those of a cosine
    above 0 count, and of equals the lower row comes first. For a label :math:`l` they give the number

    .. math:: s_l = m\,\frac{\sum_j w_j y_{jl}}{\sum_j w_j} + (k - m)\,\pi_l ,

    where :math:`m \le k` neighbours were found, :math:`w_j` is 1 or the cosine, and those that were not found count as
    the label's prior :math:`\pi_l = (s + n_l) / (2s + n)`. With ``weights="uniform"`` and :math:`m = k` this is the
    count of neighbours that have the label. The score is ML-kNN's log-odds

    .. math:: \log \frac{\pi_l\,P(s_l \mid l)}{(1 - \pi_l)\,P(s_l \mid \bar l)}, \qquad
              P(c \mid l) = \frac{s + n_{lc}}{s (k + 1) + \sum_{c'} n_{lc'}} ,

    with :math:`n_{lc}` the training records that have the label and :math:`c` such neighbours. A number between two
    counts is shared between them: :math:`s_l = 3.4` counts as 0.6 of a 3 and 0.4 of a 4, and :math:`P(s_l \mid l)` lies
    between theirs in the same way. So whole numbers give ML-kNN itself. A record without a neighbour gets the prior.

    Parameters
    ----------
    n_neighbors : int, default=20
        :math:`k`.
    weights : {"cosine", "uniform"}, default="cosine"
        What a neighbour counts for.
    smoothing : float, default=1.0
        :math:`s`, in records.
    decision, drug_names, ddi, cv, random_state, verbose
        As in ``BinaryRelevanceRecommender``. Out-of-fold scores come from neighbours in the other folds.
    n_jobs : int, optional
        Threads that look for neighbours; the result does not depend on it.

    Attributes
    ----------
    record_features_ : CSR or ndarray of shape (n_records, n_features)
        The training records at unit length.
    record_drugs_ : CSR of shape (n_records, n_labels)
        Their sets.
    prior_ : ndarray of shape (n_labels,)
        :math:`\pi_l`.
    present_, absent_ : ndarray of shape (n_labels, n_neighbors + 1)
        :math:`P(c \mid l)` and :math:`P(c \mid \bar l)`.

    References
    ----------
    Zhang & Zhou (2007), ML-KNN: a lazy learning approach to multi-label learning, Pattern Recognition 40.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.eye(4)[[0, 1, 2, 3] * 5]
    >>> Y = np.array([[1, 0], [1, 1], [0, 1], [0, 1]] * 5)
    >>> NeighborRecommender(n_neighbors=3).fit(X, Y).predict(X[:2]).tolist()
    [[1, 0], [1, 1]]
    """

    def __init__(
        self,
        *,
        n_neighbors: int = 20,
        weights: str = "cosine",
        smoothing: float = 1.0,
        decision: Any = "expected-jaccard",
        drug_names: Sequence[str] | None = None,
        ddi: Any = None,
        cv: int | None = 5,
        n_jobs: int | None = None,
        random_state: int = 0,
        verbose: bool = False,
    ) -> None:
        self.n_neighbors = n_neighbors
        self.weights = weights
        self.smoothing = smoothing
        self.decision = decision
        self.drug_names = drug_names
        self.ddi = ddi
        self.cv = cv
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    def _fit_scores(
        self, X: Any, sets: sp.csr_matrix, folds: Folds, weight: np.ndarray | None, groups: Any
    ) -> np.ndarray:
        self._check_options(weight)
        n_records = X.shape[0]
        self.record_features_ = _unit_rows(X)
        self.record_drugs_ = sets
        self.record_weight_ = np.ones(n_records) if weight is None else weight
        part = np.zeros(n_records, dtype=np.int64)
        for at, (_, test) in enumerate(folds):
            part[test] = at
        owner = np.arange(n_records) if groups is None else np.unique(np.asarray(groups), return_inverse=True)[1]
        lists = self._nearest(self.record_features_, owner.ravel(), part, owner.ravel())
        out_of_fold = np.zeros(sets.shape)
        for at, (train, test) in enumerate(folds):
            self._learn_prior(train)
            votes, found = self._votes(*lists, without=part == at)
            self._learn(votes, found, train)
            out_of_fold[test] = self._log_odds(votes[test], found[test])
        self._learn_prior(np.arange(n_records))
        votes, found = self._votes(*lists)
        self._learn(votes, found, np.arange(n_records))
        return out_of_fold

    def _scores(self, X: Any) -> np.ndarray:
        return self._log_odds(*self._votes(*self._nearest(_unit_rows(X))))

    def check_loaded(self) -> None:
        """As ``BaseRecommender.check_loaded``; the records must have the features, the drugs and a weight each."""
        super().check_loaded()
        if not hasattr(self, "record_features_"):
            return
        features, drugs, weight = self.record_features_, self.record_drugs_, np.asarray(self.record_weight_)
        width = getattr(self, "n_features_in_", features.shape[1])  # as a base of a stack it has none of its own
        if features.ndim != 2 or features.shape[1] != width or features.dtype.kind != "f":
            raise ValueError(f"NeighborRecommender: record_features_ is not of {width} features")
        if not drugs.shape[0] == features.shape[0] == len(weight) or weight.ndim != 1 or not len(weight):
            raise ValueError("NeighborRecommender: records have features, drugs and weights of other numbers")

    def _check_options(self, weight: np.ndarray | None) -> None:
        k = self.n_neighbors
        if isinstance(k, bool) or not isinstance(k, (int, np.integer)) or k < 1:
            raise ValueError(f"NeighborRecommender: n_neighbors must be a whole number of at least 1; got {k!r}.")
        if self.weights not in ("cosine", "uniform"):
            raise ValueError(f"NeighborRecommender: weights must be 'cosine' or 'uniform'; got {self.weights!r}.")
        if not 0 < self.smoothing < np.inf:
            raise ValueError(f"NeighborRecommender: smoothing must be above 0 and finite; got {self.smoothing}.")
        if weight is not None and weight.ndim == 2:
            raise ValueError("NeighborRecommender: sample_weight must be (n_records,); weights by drug are not used.")

    def _nearest(
        self, X: Any, own: np.ndarray | None = None, part: np.ndarray | None = None, owner: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Training rows near each row of ``X`` and their cosines, best first, (n_records, n_parts * rows kept)."""
        from medrec.kernels.nearest import nearest_of_postings, nearest_of_products  # numba waits until it is needed

        known = self.record_features_
        if known.shape[1] != X.shape[1]:  # compiled code would believe it, whoever wrote the model's file
            raise ValueError(f"NeighborRecommender: records have {known.shape[1]} features; got {X.shape[1]}.")
        if sp.issparse(known) != sp.issparse(X):
            X = sp.csr_matrix(X) if sp.issparse(known) else X.toarray()
        n_known = known.shape[0]
        own = np.full(X.shape[0], -1) if own is None else own
        part = np.zeros(n_known, dtype=np.int64) if part is None else part
        owner = np.arange(n_known) if owner is None else owner
        postings = known.tocsc() if sp.issparse(known) else known.T
        n_parts, depth = int(part.max()) + 1, self._depth()

        def block(start: int) -> tuple[np.ndarray, np.ndarray]:
            rows = slice(start, start + BLOCK)
            queries, mine = X[rows], own[rows]
            near = np.zeros((len(mine), n_parts, depth), dtype=np.int64)
            cosine = np.zeros(near.shape)
            if sp.issparse(postings):
                nearest_of_postings(
                    queries.indptr,
                    queries.indices,
                    queries.data,
                    postings.indptr,
                    postings.indices,
                    postings.data,
                    part,
                    owner,
                    mine,
                    near,
                    cosine,
                )
            else:
                nearest_of_products(queries @ postings, part, owner, mine, near, cosine)
            return _merge(near, cosine)

        starts = progress(range(0, X.shape[0], BLOCK), desc="neighbours, blocks of records", show=self.verbose)
        blocks = in_threads(block, starts, n_jobs=self.n_jobs)
        return np.concatenate([near for near, _ in blocks]), np.concatenate([cosine for _, cosine in blocks])

    def _depth(self) -> int:
        """Rows whose weight is ``n_neighbors`` records in any case."""
        lightest = np.cumsum(
            np.sort(self.record_weight_)[: None if self.record_weight_.min() < 1 else self.n_neighbors]
        )
        return min(int(np.searchsorted(lightest, self.n_neighbors)) + 1, len(lightest))

    def _votes(
        self, near: np.ndarray, cosine: np.ndarray, without: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Neighbours with each label (n_records, n_labels), and how many there are (n_records,).

        Rows ``without`` (n_known,) are no neighbours.
        """
        targets, k = self.record_drugs_.astype(np.float64), float(self.n_neighbors)
        votes, found = np.empty((len(near), targets.shape[1])), np.empty(len(near))
        for start in range(0, len(near), BLOCK):
            rows = slice(start, start + BLOCK)
            counted = np.where(cosine[rows] > 0, self.record_weight_[near[rows]], 0.0)
            if without is not None:
                counted[without[near[rows]]] = 0.0
            # Nearest first until k records are reached; the last may count in part.
            before = np.cumsum(counted, axis=1) - counted
            counted = np.clip(k - before, 0.0, counted)
            found[rows] = counted.sum(axis=1)
            share = counted * cosine[rows] if self.weights == "cosine" else counted
            share *= (found[rows] / np.maximum(share.sum(axis=1), 1e-300))[:, None]
            ends = np.arange(len(share) + 1) * share.shape[1]
            chosen = sp.csr_matrix((share.ravel(), near[rows].ravel(), ends), shape=(len(share), targets.shape[0]))
            votes[rows] = (chosen @ targets).toarray() + np.outer(k - found[rows], self.prior_)
        return votes, found

    def _learn_prior(self, rows: np.ndarray) -> None:
        weight = self.record_weight_[rows]
        held = self.record_drugs_[rows].T @ weight
        self.prior_ = (self.smoothing + held) / (2 * self.smoothing + weight.sum())

    def _learn(self, votes: np.ndarray, found: np.ndarray, rows: np.ndarray) -> None:
        """How often a record with, and without, a label has each number of neighbours with it."""
        k, n_labels = self.n_neighbors, votes.shape[1]
        rows = rows[found[rows] > 0]
        weight = self.record_weight_[rows][:, None]
        low, part = _between(votes[rows], k)
        place = low + np.arange(n_labels) * (k + 1)
        held = self.record_drugs_[rows].toarray() > 0
        tables = []
        for counts in (np.where(held, weight, 0.0), np.where(held, 0.0, weight)):
            table = np.bincount(place.ravel(), (counts * (1 - part)).ravel(), minlength=n_labels * (k + 1))
            table += np.bincount(place.ravel() + 1, (counts * part).ravel(), minlength=n_labels * (k + 1))
            table = table.reshape(n_labels, k + 1)
            tables.append((self.smoothing + table) / (self.smoothing * (k + 1) + table.sum(axis=1, keepdims=True)))
        self.present_, self.absent_ = tables

    def _log_odds(self, votes: np.ndarray, found: np.ndarray) -> np.ndarray:
        low, part = _between(votes, self.n_neighbors)
        label = np.arange(votes.shape[1])
        present, absent = (
            (1 - part) * table[label, low] + part * table[label, low + 1] for table in (self.present_, self.absent_)
        )
        evidence = np.log(present) - np.log(absent)
        return logit(self.prior_) + np.where(found[:, None] > 0, evidence, 0.0)


def _unit_rows(X: Any) -> Any:
    """Rows at unit length, float64; those of zeros stay."""
    unit = normalize(normalize(X.astype(np.float64), norm="max"))
    if sp.issparse(unit):
        unit.sum_duplicates()
    return unit


def _merge(near: np.ndarray, cosine: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Lists of all parts as one, best first, of equals the lower row."""
    near, cosine = near.reshape(len(near), -1), cosine.reshape(len(near), -1)
    order = np.lexsort((near, -cosine), axis=1)
    return np.take_along_axis(near, order, axis=1), np.take_along_axis(cosine, order, axis=1)


def _between(votes: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """The count below each number of votes, at most k - 1, and how far it is on the way to the next."""
    votes = np.clip(votes, 0.0, k)
    low = np.minimum(np.floor(votes).astype(np.int64), k - 1)
    return low, votes - low
