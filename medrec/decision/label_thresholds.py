"""``LabelThresholds``: a threshold for each drug, tuned so that rare drugs do not overfit."""

from typing import Any

import numpy as np
import scipy.sparse as sp
from sklearn.model_selection import GroupKFold, KFold

from medrec.decision.sets import DecisionRule, as_sets, sort_falling, take_best
from medrec.decision.threshold import between

STRATEGIES = ("scutfbr", "micromacro-freq")
_FBR = np.arange(1, 9) / 10
_FOLDS = 3


class LabelThresholds(DecisionRule):
    r"""Every drug whose score reaches the drug's own threshold.

    Thresholds are tuned on the out-of-fold scores of all records pooled, by one exact walk down each drug's sorted
    scores; it stands halfway to the next score below. Tuned for F1 alone, the threshold of a rare drug overfits.

    - ``"scutfbr"``: the threshold of the best F1 (SCut); where that F1 stays under ``fbr``, a threshold just above
      the highest score instead (fallback rank 1), so that the drug is only taken on a score never seen.
    - ``"micromacro-freq"``: drugs by falling frequency; each gets the threshold of the highest sum of macro-F1 and
      micro-F1 of the drugs up to it. There is nothing to choose.

    A drug without positives, and one whose scores are all the same because it was absent from a fold, gets a threshold
    above its highest score, not one at it: else every record would take it.

    Parameters
    ----------
    strategy : {"scutfbr", "micromacro-freq"}, default="scutfbr"
        How thresholds are tuned.
    fbr : float in [0, 1], optional
        The F1 under which a drug's own threshold is not trusted. None: for each drug the one of 0.1, 0.2 … 0.8
        with the best F1 in three folds of the scores (a patient's records together), the highest of equals.
    min_size : int or None, default=None
        Drugs at least in a set; those of highest score are added. None: 0 where a set learned from is empty, else 1.
    max_size : int or None, default=None
        Drugs at most in a set; those of highest score stay.

    Attributes
    ----------
    thresholds_ : ndarray of shape (n_labels,)
        The least score of each drug that is taken.
    fbr_ : ndarray of shape (n_labels,)
        With "scutfbr", the ``fbr`` in use.

    References
    ----------
    Yang (2001), A study of thresholding strategies for text categorization (SIGIR); Fan & Lin (2007), A study on
    threshold selection for multi-label classification; Lin & Lin (2023), On the thresholding strategy for infrequent
    labels in multi-label classification (CIKM).

    Examples
    --------
    >>> scores = [[0.9, 0.2], [0.6, 0.3], [0.1, 0.1]]
    >>> rule = LabelThresholds(strategy="micromacro-freq").fit(scores, [[1, 0], [1, 1], [0, 0]])
    >>> rule.thresholds_.round(2).tolist()
    [0.35, 0.25]
    >>> rule.apply([[0.5, 0.2]]).toarray().tolist()
    [[1, 0]]
    """

    learns_from_scores = True

    def __init__(
        self,
        strategy: str = "scutfbr",
        *,
        fbr: float | None = None,
        min_size: int | None = None,
        max_size: int | None = None,
    ) -> None:
        self.strategy = strategy
        self.fbr = fbr
        self.min_size = min_size
        self.max_size = max_size

    def _check_options(self, who: str) -> None:
        super()._check_options(who)
        if self.strategy not in STRATEGIES:
            raise ValueError(f"{who}: strategy must be one of {', '.join(STRATEGIES)}; got {self.strategy!r}.")
        if self.fbr is not None and (self.strategy != "scutfbr" or not 0 <= self.fbr <= 1):
            raise ValueError(f"{who}: fbr must be in [0, 1], and is for strategy='scutfbr'; got {self.fbr!r}.")

    def _learn(self, scores: np.ndarray, sets: sp.csr_matrix, groups: Any) -> None:
        hit = sets.toarray().astype(bool)
        if self.strategy == "micromacro-freq":
            self.thresholds_ = _micromacro(scores, hit)
            return
        self.fbr_ = np.full(scores.shape[1], self.fbr) if self.fbr is not None else _choose_fbr(scores, hit, groups)
        self.thresholds_ = _with_fallback(*_scut(scores, hit), self.fbr_)

    def _sets(self, scores: np.ndarray) -> sp.csr_matrix:
        n_labels = scores.shape[1]
        if n_labels != len(self.thresholds_):
            raise ValueError(f"LabelThresholds: scores must be of {len(self.thresholds_)} labels; got {n_labels}.")
        chosen = scores >= self.thresholds_
        size = np.count_nonzero(chosen, axis=1)
        least, most = self._least(n_labels), self._most(n_labels)
        few, many = np.flatnonzero(size < least), np.flatnonzero(size > most)
        for rows, front, counts in (
            (few, np.where(chosen[few], np.inf, scores[few]), least),  # the chosen ones stay
            (many, np.where(chosen[many], scores[many], -np.inf), most),  # only chosen ones may stay
        ):
            if len(rows):
                chosen[rows] = take_best(front, sort_falling(front), np.full(len(rows), counts)).toarray().astype(bool)
        return as_sets(chosen)


def _scut(scores: np.ndarray, hit: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """For each drug the threshold of the best F1, that F1, and a threshold above every score."""
    thresholds, best, above = np.empty((3, scores.shape[1]))
    for label in range(scores.shape[1]):
        walk = _Walk(scores[:, label], hit[:, label])
        place = int(np.argmax(walk.f1))
        thresholds[label], best[label], above[label] = walk.threshold(place), walk.f1[place], walk.threshold(0)
        if not walk.positives:
            thresholds[label], best[label] = above[label], 0.0
    return thresholds, best, above


def _with_fallback(thresholds: np.ndarray, f1: np.ndarray, above: np.ndarray, fbr: Any) -> np.ndarray:
    return np.where(f1 < fbr, above, thresholds)


def _choose_fbr(scores: np.ndarray, hit: np.ndarray, groups: Any) -> np.ndarray:
    """For each drug the F1 under which the fallback does best on records that its threshold was not tuned on."""
    n_records, n_labels = scores.shape
    distinct = n_records if groups is None else len(np.unique(np.asarray(groups)))
    found, taken = np.zeros((2, len(_FBR), n_labels))
    if distinct >= 2:
        options: dict[str, Any] = {"n_splits": min(_FOLDS, distinct), "shuffle": True, "random_state": 0}
        folds = KFold(**options) if groups is None else GroupKFold(**options)
        for train, test in folds.split(scores, groups=groups):
            tuned = _scut(scores[train], hit[train])
            for place, fbr in enumerate(_FBR):
                chosen = scores[test] >= _with_fallback(*tuned, fbr)
                found[place] += (chosen & hit[test]).sum(axis=0)
                taken[place] += chosen.sum(axis=0)
    f1 = 2 * found / np.maximum(taken + hit.sum(axis=0), 1)
    return _FBR[len(_FBR) - 1 - np.argmax(f1[::-1], axis=0)]


def _micromacro(scores: np.ndarray, hit: np.ndarray) -> np.ndarray:
    """For each drug, by falling frequency, the best of macro-F1 plus micro-F1 of the drugs so far."""
    thresholds = np.empty(scores.shape[1])
    hits, size = 0, 0
    for done, label in enumerate(np.argsort(-hit.sum(axis=0), kind="stable")):
        walk = _Walk(scores[:, label], hit[:, label])
        size += walk.positives
        micro = 2 * (hits + walk.hits) / np.maximum(size + walk.taken, 1)
        place = int(np.argmax(walk.f1 / (done + 1) + micro)) if walk.positives else 0
        thresholds[label] = walk.threshold(place)
        hits, size = hits + walk.hits[place], size + walk.taken[place]
    return thresholds


class _Walk:
    """The places where a threshold can stand among one drug's scores, from above all of them down to the last."""

    def __init__(self, scores: np.ndarray, hit: np.ndarray) -> None:
        order = np.argsort(-scores, kind="stable")
        self._falling = scores[order]
        summed = np.concatenate([[0], np.cumsum(hit[order])])
        differ = np.concatenate([[True], self._falling[1:] != self._falling[:-1], [True]])
        self.taken = np.flatnonzero(differ)
        if len(self.taken) == 2 and 2 * summed[-1] < len(scores):  # constant scores tell nothing of whom to take
            self.taken = self.taken[:1]
        self.hits = summed[self.taken]
        self.positives = int(summed[-1])
        self.f1 = 2 * self.hits / np.maximum(self.taken + self.positives, 1)

    def threshold(self, place: int) -> float:
        return between(self._falling, int(self.taken[place]))
