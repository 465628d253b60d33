"""``ChainRecommender``: every drug in the light of those before it."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.sparse as sp
from scipy.special import expit, logit
from sklearn.base import clone

from medrec._parallel import cluster, side_by_side
from medrec._progress import progress
from medrec.recommenders.base import BaseRecommender
from medrec.recommenders.bases import make_base, prepare, share
from medrec.recommenders.chain_inference import beam, greedy, sampling
from medrec.recommenders.chain_order import chain_orders
from medrec.recommenders.folds import Folds
from medrec.recommenders.shared import SharedFeatures

INFERENCES = ("greedy", "beam", "sampling")


class ChainRecommender(BaseRecommender):
    r"""A classifier chain that learns from what it will see, or an ensemble of such chains.

    Link :math:`j` of the chain sees the features and the probabilities of the links before it. At prediction
    time those are predictions, not truths; so they are in training: each link is fitted on the out-of-fold
    probabilities of the links before it. The same out-of-fold scores calibrate the chain and fit its decision.
    Probabilities under ``min_link`` count as 0: of two small ones the greater is noise more often than news, and the
    added columns stay sparse.

    With ``cv=None`` it is the classic chain: each link is fitted once, on the true labels before it, and sees 0 or
    1 when it predicts. Then :math:`P(y | x) = \prod_j P(y_j | x, y_{<j})` is a model of whole sets, and ``inference``
    says how its marginals are found.

    Parameters
    ----------
    base : {"logistic", "svm", "lightgbm", "xgboost"}, classifier or base, default="logistic"
        What is fitted for every drug; ``LinearBase(C=10)`` and the like for options.
    order : {"frequency", "random", "correlation"}, sequence of int, or sequence of them, default="frequency"
        Order of the links: frequent drugs first; at random; each drug after those that it correlates with most
        (see ``chain_order.correlation_order``); or the label numbers as given. Of an ensemble it is the first
        chain's, and further chains are at random; a sequence for each chain gives all of them.
    n_chains : int, default=1
        Chains over the same features. Of several, probabilities are averaged, and the mean is calibrated. Each keeps
        its own coefficients: 651 linear links on 37,000 features take 96 MB a chain.
    inference : {"greedy", "beam", "sampling"}, default="greedy"
        Greedy: later links see the 1 of a label whose score is above 0, and 0 else. The others, which need
        ``cv=None`` and a base of probabilities, find marginals over many label vectors: the ``beam_width`` most
        probable ones, or ``n_samples`` drawn ones. They take effect in ``predict``, so they may be changed on a fitted
        chain.
    n_samples : int, default=100
        Label vectors drawn for a record.
    beam_width : int, default=10
        Label vectors kept for a record.
    min_link : float, default=0.1
        Probabilities of earlier links below it count as 0; without effect where links see labels.
    decision, drug_names, ddi, cv, n_jobs, random_state, verbose
        As in ``BinaryRelevanceRecommender``; ``n_jobs`` fits folds of a link at a time, a Dask
        cluster the chains of an ensemble.

    Attributes
    ----------
    orders_ : ndarray of shape (n_chains, n_labels)
        Label numbers in the order of each chain. Scores and sets stay in label order.
    chains_ : list of list of fitted bases
        The links of each chain, in its order.
    order_, links_
        Those of the first chain.

    Raises
    ------
    ValueError
        When ``order`` is no permutation of the labels, or beam or sampling is asked of links that see probabilities.

    References
    ----------
    Read et al. (2011), Classifier chains for multi-label classification, Machine Learning 85; Senge, del Coz &
    Hüllermeier (2013), Rectifying classifier chains, for training on predictions; Dembczyński, Cheng & Hüllermeier
    (2010), Bayes optimal multilabel classification via probabilistic classifier chains, ICML.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.eye(4)[[0, 1, 2, 3] * 5]
    >>> Y = np.array([[1, 0], [1, 1], [0, 1], [0, 1]] * 5)
    >>> ChainRecommender(order=[1, 0]).fit(X, Y).predict(X[:2]).tolist()
    [[1, 0], [1, 1]]
    >>> ensemble = ChainRecommender(n_chains=2, cv=None, inference="sampling").fit(X, Y)
    >>> ensemble.orders_.shape, ensemble.predict_proba(X).shape
    ((2, 2), (20, 2))
    """

    orders_: np.ndarray
    chains_: list[list[Any]]

    def __init__(
        self,
        base: Any = "logistic",
        *,
        order: str | Sequence[Any] = "frequency",
        n_chains: int = 1,
        inference: str = "greedy",
        n_samples: int = 100,
        beam_width: int = 10,
        min_link: float = 0.1,
        decision: Any = "expected-jaccard",
        drug_names: Sequence[str] | None = None,
        ddi: Any = None,
        cv: int | None = 5,
        n_jobs: int | None = None,
        random_state: int = 0,
        verbose: bool = False,
    ) -> None:
        self.base = base
        self.order = order
        self.n_chains = n_chains
        self.inference = inference
        self.n_samples = n_samples
        self.beam_width = beam_width
        self.min_link = min_link
        self.decision = decision
        self.drug_names = drug_names
        self.ddi = ddi
        self.cv = cv
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    @property
    def order_(self) -> np.ndarray:
        """Order of the first chain, ndarray of shape (n_labels,)."""
        return self.orders_[0]

    @property
    def links_(self) -> list[Any]:
        """Links of the first chain, in its order."""
        return self.chains_[0]

    def _fit_scores(
        self, X: Any, sets: sp.csr_matrix, folds: Folds, weight: np.ndarray | None, groups: Any
    ) -> np.ndarray:
        self._check_inference()
        base = make_base(self.base, random_state=self.random_state)
        orders = chain_orders(self.order, sets, n_chains=self.n_chains, random_state=self.random_state)
        prepared = prepare(base, X)
        if len(orders) > 1 and cluster(self.n_jobs) is not None:
            work = (clone(self).set_params(verbose=False), base, prepared, sets, folds, weight, groups)
            fitted = side_by_side(
                _fit_task,
                list(orders),
                shared=[work],
                n_jobs=self.n_jobs,
                track=lambda chains: progress(chains, desc="chains", show=self.verbose),
            )
        else:
            shared = share(base, prepared, sets, groups)
            fitted = []
            for at, order in enumerate(orders):
                if at:
                    shared.restart()
                which = f"chain {at + 1} of {len(orders)}" if len(orders) > 1 else "chain"
                fitted.append(self._fit_chain(shared, order, sets.tocsc(), folds, weight, f"{which}, links"))
        self.orders_, self.chains_ = orders, [links for links, _ in fitted]
        return _mean(scores for _, scores in fitted)

    def _fit_chain(
        self,
        shared: SharedFeatures,
        order: np.ndarray,
        columns: sp.csc_matrix,
        folds: Folds,
        weight: np.ndarray | None,
        desc: str,
    ) -> tuple[list[Any], np.ndarray]:
        """Links in chain order, and out-of-fold scores (n_records, n_labels)."""
        out_of_fold = np.zeros(columns.shape)
        links = []
        for label in progress(order, desc=desc, show=self.verbose):
            truth = columns[:, [label]]
            one = weight[:, [label]] if weight is not None and weight.ndim == 2 else weight
            scores, link = shared.fit_folds(truth.tocsr(), folds, one, n_jobs=self.n_jobs, label=label)
            if not folds and self.cv is not None:  # a single patient: later links see the link's own fit
                scores = shared.score(link, np.arange(len(out_of_fold)))
            out_of_fold[:, label] = scores[:, 0]
            links.append(link)
            if len(links) < len(order):
                seen = truth.toarray().ravel() if self.cv is None else self._see(scores[:, 0])
                shared.append(seen.astype(np.float64))
        return links, out_of_fold

    def _scores(self, X: Any) -> np.ndarray:
        self._check_inference()
        X = prepare(self.links_[0], X)
        return _mean(self._chain_scores(X, at) for at in range(len(self.chains_)))

    def _chain_scores(self, X: Any, at: int) -> np.ndarray:
        """Scores (n_records, n_labels) of one chain."""
        links, order = self.chains_[at], self.orders_[at]
        if self.inference == "greedy":
            found = greedy(links, X, self._see)
        elif self.inference == "sampling":
            found = _log_odds(sampling(links, X, n_samples=self.n_samples, random_state=(self.random_state, at)))
        else:
            found = _log_odds(beam(links, X, width=self.beam_width))
        scores = np.empty_like(found)
        scores[:, order] = found
        return scores

    def _see(self, scores: np.ndarray) -> np.ndarray:
        """What later links see of a link's scores (n_records,): the label, or probabilities, small ones as 0."""
        if self.cv is None:
            return (scores > 0).astype(np.float64)
        probability = expit(scores)
        probability[probability < self.min_link] = 0.0
        return probability

    def _check_inference(self) -> None:
        who = type(self).__name__
        if self.inference not in INFERENCES:
            raise ValueError(f"{who}: inference must be one of {', '.join(INFERENCES)}; got {self.inference!r}.")
        if self.inference != "greedy" and self.cv is not None:
            raise ValueError(
                f"{who}: inference={self.inference!r} is for links that see labels; with cv={self.cv} they see "
                "probabilities. Pass cv=None, or inference='greedy'."
            )
        for name in ("n_samples", "beam_width"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
                raise ValueError(f"{who}: {name} must be a whole number of at least 1; got {value!r}.")


def _fit_task(order: np.ndarray, work: tuple[Any, ...]) -> tuple[list[Any], np.ndarray]:
    """A whole chain of an ensemble, on a cluster."""
    recommender, base, X, sets, folds, weight, groups = work
    shared = share(base, X, sets, groups)
    return recommender._fit_chain(shared, order, sets.tocsc(), folds, weight, "")


def _mean(chains: Any) -> np.ndarray:
    """Log-odds of the chains' mean probability; a single chain's scores as they are."""
    first, *others = chains
    if not others:
        return first
    return _log_odds(sum((expit(scores) for scores in others), start=expit(first)) / (1 + len(others)))


def _log_odds(probability: np.ndarray) -> np.ndarray:
    return logit(np.clip(probability, 1e-12, 1 - 1e-12))
