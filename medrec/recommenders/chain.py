"""``ChainRecommender``: every drug in the light of those before it."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.sparse as sp
from scipy.special import expit

from medrec._progress import progress
from medrec.recommenders.base import BaseRecommender
from medrec.recommenders.bases import make_base, prepare
from medrec.recommenders.folds import Folds
from medrec.recommenders.shared import append_columns, share


class ChainRecommender(BaseRecommender):
    r"""A classifier chain that learns from what it will see.

    Link :math:`j` of the chain sees the features and the probabilities of the links before it. At prediction
    time those are predictions, not truths; so they are in training: each link is fitted on the out-of-fold
    probabilities of the links before it. The same out-of-fold scores calibrate the chain and fit its decision.
    Probabilities under ``min_link`` count as 0, which keeps the added columns sparse.

    Parameters
    ----------
    base : {"logistic", "svm", "lightgbm"}, classifier or base, default="logistic"
        What is fitted for every drug; ``LinearBase(C=10)`` and the like for options.
    order : {"frequency", "random"} or sequence of int, default="frequency"
        Order of the links: frequent drugs first, at random, or the label numbers as given.
    min_link : float, default=0.01
        Probabilities of earlier links below it count as 0.
    decision, drug_names, ddi, cv, n_jobs, random_state, verbose
        As in ``BinaryRelevanceRecommender``; ``n_jobs`` fits folds of a link at a time.

    Attributes
    ----------
    order_ : ndarray of shape (n_labels,)
        Label numbers in chain order. Scores and sets stay in label order.
    links_ : list of fitted bases
        In chain order.

    Raises
    ------
    ValueError
        When ``order`` is no permutation of the labels.

    References
    ----------
    Read et al. (2011), Classifier chains for multi-label classification, Machine Learning 85; Senge, del Coz &
    Hüllermeier (2013), Rectifying classifier chains, for training on predictions.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.eye(4)[[0, 1, 2, 3] * 5]
    >>> Y = np.array([[1, 0], [1, 1], [0, 1], [0, 1]] * 5)
    >>> ChainRecommender(order=[1, 0]).fit(X, Y).predict(X[:2]).tolist()
    [[1, 0], [1, 1]]
    """

    def __init__(
        self,
        base: Any = "logistic",
        *,
        order: str | Sequence[int] = "frequency",
        min_link: float = 0.01,
        decision: Any = "expected-jaccard",
        drug_names: Sequence[str] | None = None,
        ddi: Any = None,
        cv: int = 5,
        n_jobs: int | None = None,
        random_state: int = 0,
        verbose: bool = False,
    ) -> None:
        self.base = base
        self.order = order
        self.min_link = min_link
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
        base = make_base(self.base, random_state=self.random_state)
        self.order_ = self._resolve_order(sets)
        out_of_fold = np.zeros(sets.shape)
        columns = sets.tocsc()
        shared = share(base, prepare(base, X), groups)
        self.links_ = []
        for label in progress(self.order_, desc="chain, links", show=self.verbose):
            one = weight[:, [label]] if weight is not None and weight.ndim == 2 else weight
            scores, link = shared.fit_folds(columns[:, [label]].tocsr(), folds, one, n_jobs=self.n_jobs, label=label)
            out_of_fold[:, label] = scores[:, 0]
            self.links_.append(link)
            shared.append(self._link(out_of_fold[:, label]))
        return out_of_fold

    def _scores(self, X: Any) -> np.ndarray:
        scores = np.empty((X.shape[0], len(self.order_)))
        columns: list[np.ndarray] = []
        X = prepare(self.links_[0], X)
        for label, link in zip(self.order_, self.links_):
            scores[:, label] = link.decision_function(append_columns(X, columns))[:, 0]
            columns.append(self._link(scores[:, label]))
        return scores

    def _link(self, scores: np.ndarray) -> np.ndarray:
        """What later links see of a link's scores (n_records,): probabilities, small ones as 0."""
        probability = expit(scores)
        probability[probability < self.min_link] = 0.0
        return probability

    def _resolve_order(self, sets: sp.csr_matrix) -> np.ndarray:
        n_labels = sets.shape[1]
        if isinstance(self.order, str):
            if self.order == "frequency":
                return np.argsort(-np.bincount(sets.indices, minlength=n_labels), kind="stable")
            if self.order == "random":
                return np.random.default_rng(self.random_state).permutation(n_labels)
            raise ValueError(
                f"ChainRecommender: order must be 'frequency', 'random' or label numbers; got {self.order!r}."
            )
        order = np.asarray(self.order)
        if sorted(order.tolist()) != list(range(n_labels)):
            raise ValueError(
                f"ChainRecommender: order must hold each of 0 … {n_labels - 1} once; got {order.tolist()[:10]}."
            )
        return order
