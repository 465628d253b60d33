"""``ExpectedF1``: the set of highest exact expected F1, for each record."""

import numpy as np

from medrec.decision.expected import ExpectedRule


class ExpectedF1(ExpectedRule):
    r"""The set of highest expected F1, for each record, exactly, where drugs are independent.

    Let y be the number of needed drugs and h of those in the set. For independent drugs some set of the k most probable
    ones is best (Lewis 1995), and with the chances :math:`q^{(-i)}_s` that s drugs other than i are needed

    .. math:: E[F_1] = \sum_{i \le k} p_i \sum_{s \ge 1} q^{(-i)}_{s-1} \frac{2}{s + k} .

    The chances of all drugs are one Poisson-binomial recursion, those without drug i follow by taking it out again, and
    sums over i are carried from k to k + 1. Sizes with a chance under 1e-17 are left out, and k ends where
    :math:`2 \mu / (k + \mu)`, with :math:`\mu = \sum p`, falls under the best found, because no larger set is worth
    more. So a record costs :math:`O(L (\mu + \log L))`.

    F1 of an empty set is 1 where nothing is needed; the empty set is a choice only where it is allowed. How probable it
    is that nothing is needed is learned as in :class:`ExpectedJaccard`.

    Parameters
    ----------
    min_size : int or None, default=None
        Drugs at least in a set. None: 0 where a set learned from is empty, else 1.
    max_size : int or None, default=None
        Drugs at most in a set.

    Attributes
    ----------
    allow_empty_ : bool
        Whether a training set was empty.
    empty_calibrator_ : PlattCalibrator or None
        From the log-odds of :math:`\prod (1 - p)` to the probability that a record needs no drug.

    References
    ----------
    Lewis (1995), Evaluating and optimizing autonomous text classification systems (SIGIR); Jansche (2007), A maximum
    expected utility framework for binary sequence labeling (ACL); Dembczyński et al. (2011), An exact algorithm for
    F-measure maximization (NIPS); Ye et al. (2012), Optimizing F-measures: a tale of two approaches (ICML).

    Examples
    --------
    >>> rule = ExpectedF1().fit([[0.9, 0.4, 0.1]], [[1, 0, 0]])
    >>> rule.apply([[0.9, 0.4, 0.1], [0.3, 0.2, 0.3]]).toarray().tolist()
    [[1, 0, 0], [1, 1, 1]]
    """

    def __init__(self, *, min_size: int | None = None, max_size: int | None = None) -> None:
        self.min_size = min_size
        self.max_size = max_size

    def _counts(self, scores: np.ndarray, falling: np.ndarray) -> np.ndarray:
        from medrec.decision.poisson_binomial import best_sizes

        n_labels = scores.shape[1]
        sizes, values = np.zeros(len(scores), dtype=np.int64), np.empty(len(scores))
        least, most = self._least(n_labels), self._most(n_labels)
        best_sizes(np.ascontiguousarray(falling), self._empty(scores), least, most, sizes, values)
        return sizes
