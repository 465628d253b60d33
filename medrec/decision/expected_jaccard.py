"""``ExpectedJaccard``: the set of highest expected Jaccard, for each record."""

import numpy as np

from medrec.decision.expected import ExpectedRule


class ExpectedJaccard(ExpectedRule):
    r"""The set of highest expected Jaccard, for each record.

    With a record's probabilities sorted from high to low and :math:`c_k` the sum of the first k, the set of the
    first k is worth about :math:`c_k / (k + \sum p - c_k)`: expected overlap over expected union. The best k is taken.
    The same k maximises the plug-in F1, :math:`2 c_k / (k + \sum p)`, because one is a rising function of the other.
    It costs :math:`O(L \log L)` a record, all records at once.

    Where a training set was empty, so may a set be. The empty set is right with the probability that the record needs
    no drug. For independent drugs that is :math:`\prod (1 - p)`; how probable it really is at such a product is learned
    from out-of-fold scores, where there are any. A plug-in value is less than the expectation beside it (1 / (k + b) is
    convex in the number b of needed drugs outside the set), so every k gets its exact value,

    .. math:: E[J] = c_k \sum_b P\Big(\sum_{i > k} y_i = b\Big) \frac{1}{k + b} ,

    from one Poisson-binomial recursion, :math:`O(L (\sum p + \log L))` a record. For independent drugs no set of any
    kind has a higher one than the best k.

    Parameters
    ----------
    min_size : int or None, default=None
        Drugs at least in a set. None: 0 where a set learned from is empty, else 1.
    max_size : int or None, default=None
        Drugs at most in a set.
    exact : bool or None, default=None
        Whether every k gets its exact value. None: where a set learned from is empty. Always exact, sets are smaller:
        with the probabilities of ``StackedRecommender`` samples Jaccard gains, with those of linear models little, and
        F1 loses a little there.

    Attributes
    ----------
    allow_empty_ : bool
        Whether a training set was empty.
    empty_calibrator_ : PlattCalibrator or None
        From the log-odds of :math:`\prod (1 - p)` to the probability that a record needs no drug.

    References
    ----------
    Dembczyński et al. (2011), An exact algorithm for F-measure maximization (NIPS), whose expectation this
    plugs in; Chierichetti et al. (2010), Finding the Jaccard median.

    Examples
    --------
    >>> rule = ExpectedJaccard().fit([[0.9, 0.4, 0.1]], [[1, 0, 0]])
    >>> rule.apply([[0.9, 0.4, 0.1], [0.3, 0.2, 0.3]]).toarray().tolist()
    [[1, 1, 0], [1, 0, 1]]
    """

    def __init__(self, *, min_size: int | None = None, max_size: int | None = None, exact: bool | None = None) -> None:
        self.min_size = min_size
        self.max_size = max_size
        self.exact = exact

    def _counts(self, scores: np.ndarray, falling: np.ndarray) -> np.ndarray:
        n_labels = scores.shape[1]
        least, most = self._least(n_labels), self._most(n_labels)
        if self.exact or (self.exact is None and self.allow_empty_):
            from medrec.decision.poisson_binomial import best_jaccard_sizes

            sizes, values = np.zeros(len(scores), dtype=np.int64), np.empty(len(scores))
            best_jaccard_sizes(np.ascontiguousarray(falling), self._empty(scores), least, most, sizes, values)
            return sizes
        prefix = np.cumsum(falling, axis=1)
        union = np.arange(1, n_labels + 1) + prefix[:, -1:] - prefix
        value = (prefix / np.maximum(union, 1e-300))[:, max(least, 1) - 1 : most]
        counts = value.argmax(axis=1) + max(least, 1)
        if least == 0:
            counts[self._empty(scores) > value.max(axis=1)] = 0
        return counts
