"""``BinaryRelevanceRecommender``: every drug on its own."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.sparse as sp

from medrec._checks import check_sets
from medrec._progress import progress
from medrec.decision import make_decision
from medrec.recommenders.base import BaseRecommender
from medrec.recommenders.bases import make_base, prepare, share
from medrec.recommenders.folds import Folds


class BinaryRelevanceRecommender(BaseRecommender):
    """One binary classifier a drug, then calibration, decision and safety over all of them.

    Parameters
    ----------
    base : {"logistic", "svm", "online", "lightgbm"}, classifier or base, default="logistic"
        What is fitted for every drug; ``LinearBase(C=10)`` and the like for options.
    decision : str or rule, default="expected-jaccard"
        From calibrated probabilities to sets: ``"expected-jaccard"``, ``"threshold"`` or a rule object.
    drug_names : sequence of str, optional
        Names of the labels; default: ``Y``'s columns, or numbers.
    ddi : DDIFilter, DDIGraph or DataFrame, optional
        What ``predict`` filters by; of a graph or a table of pairs, no interacting pair is kept. Default: no filter.
    cv : int or None, default=5
        Inner folds for the out-of-fold scores that calibration and decision learn from; None fits once and leaves
        probabilities as the base gives them.
    n_jobs : int, optional
        Labels fitted at a time (or threads of the booster); None is one, -1 is one a core. The result does not
        depend on it.
    random_state : int, default=0
        Seed of folds and base.
    verbose : bool, default=False
        Whether progress is shown on stderr.

    Attributes
    ----------
    labels_ : fitted base
        Scores of every drug by ``decision_function``.
    calibrator_ : PlattCalibrator or None
        From scores to probabilities.
    decision_ : rule
        The fitted decision rule.
    drug_names_ : ndarray of shape (n_labels,)
        Names in label order.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.eye(4)[[0, 1, 2, 3] * 5]
    >>> Y = np.array([[1, 0], [1, 1], [0, 1], [0, 1]] * 5)
    >>> recommender = BinaryRelevanceRecommender().fit(X, Y)
    >>> recommender.predict(X[:2]).tolist()
    [[1, 0], [1, 1]]
    """

    def __init__(
        self,
        base: Any = "logistic",
        *,
        decision: Any = "expected-jaccard",
        drug_names: Sequence[str] | None = None,
        ddi: Any = None,
        cv: int | None = 5,
        n_jobs: int | None = None,
        random_state: int = 0,
        verbose: bool = False,
    ) -> None:
        self.base = base
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
        out_of_fold, self.labels_ = share(base, prepare(base, X), sets, groups).fit_folds(
            sets,
            folds,
            weight,
            n_jobs=self.n_jobs,
            track=lambda rounds: progress(rounds, desc="binary relevance", show=self.verbose),
        )
        return out_of_fold

    def conclude(self, labels: Any, scores: np.ndarray, Y: Any, groups: Any = None) -> "BinaryRelevanceRecommender":
        """Become fitted from a base that is fitted, by its scores of records that it did not see.

        For those who learn ``labels`` elsewhere, from more records than memory holds, say. ``cv`` is not looked at.

        Parameters
        ----------
        labels : fitted base
        scores : array of shape (n_records, n_labels)
            Its scores of records held out.
        Y : CSR or array of shape (n_records, n_labels)
            Their drugs.
        groups : array of shape (n_records,), optional
            The patient of each.
        """
        sets = check_sets(Y, who=type(self).__name__)
        self._name_labels(sets.shape[1], getattr(Y, "columns", None), sparse=sp.issparse(Y), dtype=sets.dtype)
        self.n_features_in_ = labels.n_features_in_
        self.labels_ = labels
        self._learn_decision(make_decision(self.decision), scores, sets, None, groups)
        return self

    def _scores(self, X: Any) -> np.ndarray:
        return self.labels_.decision_function(prepare(self.labels_, X))
