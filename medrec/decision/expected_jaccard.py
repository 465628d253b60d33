"""``ExpectedJaccard``: the set of highest plug-in expected Jaccard, for each record."""

import numpy as np

from medrec.decision.sets import DecisionRule, none_at_all


class ExpectedJaccard(DecisionRule):
    r"""The set of highest plug-in expected Jaccard, for each record.

    With a record's probabilities sorted from high to low and :math:`c_k` the sum of the first k, the set of the
    first k is worth about :math:`c_k / (k + \sum p - c_k)`: expected overlap over expected union. The best k is taken.
    The same k maximises the plug-in F1, :math:`2 c_k / (k + \sum p)`, because one is a rising function of the other.
    It costs :math:`O(L \log L)` a record, all records at once.

    The empty set is chosen only where it is allowed, when :math:`\prod (1 - p)`, the probability that the record
    needs no drug, is worth more than the best k.

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

    _takes_probabilities = True

    def __init__(self, *, min_size: int | None = None, max_size: int | None = None) -> None:
        self.min_size = min_size
        self.max_size = max_size

    def _counts(self, scores: np.ndarray, falling: np.ndarray) -> np.ndarray:
        n_labels = scores.shape[1]
        least, most = self._least(n_labels), self._most(n_labels)
        prefix = np.cumsum(falling, axis=1)
        union = np.arange(1, n_labels + 1) + prefix[:, -1:] - prefix
        value = (prefix / np.maximum(union, 1e-300))[:, max(least, 1) - 1 : most]
        counts = value.argmax(axis=1) + max(least, 1)
        if least == 0:
            counts[none_at_all(scores) > value.max(axis=1)] = 0
        return counts
