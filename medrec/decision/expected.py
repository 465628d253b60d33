"""``ExpectedRule``: what rules of highest expectation share, how probable it is that a record needs no drug."""

from typing import Any

import numpy as np
import scipy.sparse as sp

from medrec.decision.calibration import PlattCalibrator
from medrec.decision.sets import DecisionRule, log_none_at_all, none_at_all

_MOST = 30.0  # log-odds


class ExpectedRule(DecisionRule):
    r"""Base of the rules that take the set of highest expectation.

    For independent drugs a record needs none with the probability :math:`\prod (1 - p)`. Drugs are not independent: who
    gets one often gets several. Where a set that was learned from is empty, and the rule is given scores of models
    that did not see the records, it learns how probable the empty set is at such a product, a
    :class:`PlattCalibrator` of its log-odds; otherwise the product is believed.

    Attributes
    ----------
    allow_empty_ : bool
        Whether a set that was learned from is empty.
    empty_calibrator_ : PlattCalibrator or None
    """

    _takes_probabilities = True

    def _learn(self, scores: Any, sets: sp.csr_matrix, groups: Any) -> None:
        self.empty_calibrator_ = None
        if scores is None:
            return
        scores = self._check(scores)
        if scores.shape != sets.shape:
            who = type(self).__name__
            raise ValueError(f"{who}: scores must be {sets.shape}, as the sets are, or None; got {scores.shape}.")
        if self.allow_empty_:
            empty = np.diff(sets.indptr)[:, None] == 0
            self.empty_calibrator_ = PlattCalibrator().fit(_log_odds(scores), empty.astype(np.uint8))

    def check_loaded(self) -> None:
        """Refuse a calibrator that gives other than one number a record; ``medrec.load`` asks for this."""
        one = getattr(self, "empty_calibrator_", None)
        if one is None:
            return
        if type(one) is not PlattCalibrator or not np.shape(one.slope_) == np.shape(one.intercept_) == (1,):
            raise ValueError(f"{type(self).__name__}: empty_calibrator_ is none of one sigmoid")

    def _empty(self, scores: np.ndarray) -> np.ndarray:
        """The probability that a record needs no drug, shape (n_records,); 0 where every set has one at least."""
        if self._least(scores.shape[1]) > 0:
            return np.zeros(len(scores))
        calibrator = getattr(self, "empty_calibrator_", None)  # rules of older files have none
        return none_at_all(scores) if calibrator is None else calibrator.transform(_log_odds(scores))[:, 0]


def _log_odds(scores: np.ndarray) -> np.ndarray:
    """Of the probability that none of independent drugs is needed, shape (n_records, 1)."""
    product = log_none_at_all(scores)[:, None]
    with np.errstate(divide="ignore", over="ignore"):
        return np.clip(product - np.log(-np.expm1(product)), -_MOST, _MOST)
