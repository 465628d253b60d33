"""``StackedBinaryRelevance``: every drug in the light of what was scored for all the others."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.sparse as sp

from medrec._progress import progress
from medrec.decision import PlattCalibrator
from medrec.recommenders.base import BaseRecommender
from medrec.recommenders.bases import make_base, prepare, share
from medrec.recommenders.folds import Folds
from medrec.recommenders.shared import append_columns

LEAST = 0.01
"""Probabilities of the first level below it count as 0, which keeps the second level's features sparse."""


class StackedBinaryRelevance(BaseRecommender):
    r"""Binary relevance twice (2BR): the second level sees the first level's scores of all labels.

    The first level is one classifier a label on the features. Its out-of-fold scores are calibrated to probabilities
    :math:`p_l`, and the second level is one classifier a label on :math:`\alpha\sqrt{p_1}, \dots, \alpha\sqrt{p_L}`, by
    default with the features beside them. So in training it sees what it will see in prediction: scores of records
    that the first level was not fitted on. Its own out-of-fold scores, on the same folds, calibrate the recommender and
    fit its decision. Squares of the added features sum to :math:`\alpha^2` times the expected size of the set, which
    holds them in proportion to rows of unit length however many labels there are.

    Parameters
    ----------
    base : str, classifier or base, default="logistic"
        What the first level fits for every drug; the names are those of ``make_base``.
    meta : str, classifier or base, default="logistic"
        What the second level fits for every drug.
    passthrough : bool, default=True
        Whether the second level sees the features too. Without them it has only the scores to go by, which a
        few hundred records are too few for.
    score_scale : float, default=0.3
        :math:`\alpha`. A linear second level leans on other labels the more the larger it is; trees do not notice.
    decision, drug_names, ddi, n_jobs, random_state, verbose
        As in ``BinaryRelevanceRecommender``.
    cv : int, default=5
        Inner folds, for the scores that the second level is fitted on and for calibration and decision; None is
        refused. The records of a single patient make no folds; the second level then sees the first level's own fit.

    Attributes
    ----------
    first_level_, second_level_ : fitted base
        Scores of every drug by ``decision_function``.
    first_calibrator_ : PlattCalibrator
        From the first level's scores to :math:`p_l`.

    Raises
    ------
    ValueError
        When ``cv`` is None or ``score_scale`` is not above 0.

    References
    ----------
    Godbole & Sarawagi (2004), Discriminative methods for multi-labeled classification; Tsoumakas et al. (2009),
    Correlation-based pruning of stacked binary relevance models for multi-label learning.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.eye(4)[[0, 1, 2, 3] * 5]
    >>> Y = np.array([[1, 0], [1, 1], [0, 1], [0, 1]] * 5)
    >>> StackedBinaryRelevance().fit(X, Y).predict(X[:2]).tolist()
    [[1, 0], [1, 1]]
    """

    def __init__(
        self,
        base: Any = "logistic",
        *,
        meta: Any = "logistic",
        passthrough: bool = True,
        score_scale: float = 0.3,
        decision: Any = "expected-jaccard",
        drug_names: Sequence[str] | None = None,
        ddi: Any = None,
        cv: int = 5,
        n_jobs: int | None = None,
        random_state: int = 0,
        verbose: bool = False,
    ) -> None:
        self.base = base
        self.meta = meta
        self.passthrough = passthrough
        self.score_scale = score_scale
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
        if self.cv is None:
            raise ValueError(
                "StackedBinaryRelevance: cv must be a number of folds, because the second level learns from "
                "out-of-fold scores; got None. Pass cv=5."
            )
        if not 0 < self.score_scale < np.inf:
            raise ValueError(f"StackedBinaryRelevance: score_scale must be above 0 and finite; got {self.score_scale}.")
        base, meta = (make_base(one, random_state=self.random_state) for one in (self.base, self.meta))

        def fit(level: Any, features: Any, name: str) -> tuple[np.ndarray, Any]:
            return share(level, features, sets, groups).fit_folds(
                sets,
                folds,
                weight,
                n_jobs=self.n_jobs,
                track=lambda rounds: progress(rounds, desc=f"{name} level", show=self.verbose),
            )

        out_of_fold, self.first_level_ = fit(base, prepare(base, X), "first")
        if not folds:
            out_of_fold = self.first_level_.decision_function(prepare(self.first_level_, X))
        self.first_calibrator_ = PlattCalibrator().fit(out_of_fold, sets, sample_weight=weight)
        out_of_fold, self.second_level_ = fit(meta, self._second_features(meta, X, out_of_fold), "second")
        return out_of_fold

    def _scores(self, X: Any) -> np.ndarray:
        first = self.first_level_.decision_function(prepare(self.first_level_, X))
        return self.second_level_.decision_function(self._second_features(self.second_level_, X, first))

    def _second_features(self, meta: Any, X: Any, scores: np.ndarray) -> Any:
        """What the second level sees of the first level's ``scores`` (n_records, n_labels), and of the features."""
        probability = self.first_calibrator_.transform(scores)
        seen = np.where(probability < LEAST, 0.0, self.score_scale * np.sqrt(probability))
        return append_columns(prepare(meta, X), list(seen.T)) if self.passthrough else seen
