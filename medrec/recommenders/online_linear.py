"""``OnlineLinearBase``: logistic regression of every label, learned row by row, for rows that outgrow memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from numbers import Integral, Real
from typing import Any

import numpy as np
import scipy.sparse as sp
from joblib import Parallel, delayed, parallel_config
from sklearn.base import BaseEstimator
from sklearn.exceptions import NotFittedError
from sklearn.preprocessing import normalize as normalize_rows

from medrec._checks import check_sets
from medrec._parallel import threads
from medrec.recommenders.linear import linear_scores

__all__ = ["OnlineLinearBase"]

LABELS_AT_ONCE = 64
"""Labels learned side by side: their coefficients, 17 MB at 65,536 features, stay near the processor."""


class OnlineLinearBase(BaseEstimator):
    """Logistic regression of every label, learned row by row.

    A few visits of every record come as near to good coefficients as an optimum of ``LinearBase`` does, at a cost that
    grows with the records alone, and need one block of records in memory at a time: ``fit_blocks`` reads blocks
    again for each visit, ``partial_fit`` takes block after block from a stream. Labels do not see one
    another, so they may be learned in any number of processes: the same blocks give the same numbers, bit by bit. (With
    weights by label, the size of steps looks at the largest weight of a record.)

    There is no penalty; the number of visits and the rate keep the coefficients small.

    Parameters
    ----------
    rate : float, default=0.1
        Size of the first steps; they fall as features are met (see ``medrec.kernels.online``).
    n_passes : int, default=5
        Visits of every record by ``fit_labels`` and ``fit_blocks``; three do for some 100,000 records.
    normalize : bool, default=True
        Whether ``prepare`` scales every row to unit length, for which the default rate is made.
    random_state : int, default=0
        Seed of the order in which blocks, and rows within a block, are visited.

    Attributes
    ----------
    coef_ : float32 array of shape (n_labels, n_features)
    intercept_ : float32 array of shape (n_labels,)
    n_features_in_ : int
    n_seen_ : float
        Weight of the rows seen so far, every visit counted.
    label_counts_, column_squares_, gradient_squares_, intercept_squares_ : arrays
        What ``partial_fit`` goes on from.

    References
    ----------
    Duchi, Hazan & Singer (2011), Adaptive subgradient methods, JMLR 12.
    Shazeer & Stern (2018), Adafactor, ICML: a rank-one accumulator.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.array([[1.0, 0.0], [0.0, 1.0]] * 50)
    >>> base = OnlineLinearBase().fit_labels(X, np.array([[1, 0, 0], [0, 1, 0]] * 50))
    >>> (base.decision_function(X[:2]) > 0).tolist()
    [[True, False, False], [False, True, False]]
    """

    coef_: np.ndarray
    intercept_: np.ndarray

    def __init__(self, *, rate: float = 0.1, n_passes: int = 5, normalize: bool = True, random_state: int = 0) -> None:
        self.rate = rate
        self.n_passes = n_passes
        self.normalize = normalize
        self.random_state = random_state

    def prepare(self, X: Any) -> Any:
        """Rows of ``X`` (n_records, n_features) at unit length where ``normalize`` says so, else as they are."""
        return normalize_rows(X) if self.normalize else X

    def fit_labels(
        self,
        X: Any,
        Y: Any,
        *,
        rows: Any = None,
        sample_weight: Any = None,
        n_jobs: int | None = None,
        progress: Callable[[int], Any] | None = None,
    ) -> OnlineLinearBase:
        """Learn every label of Y from records in memory, prepared ones.

        Parameters
        ----------
        X : CSR matrix or ndarray of shape (n_records, n_features)
        Y : CSR matrix or ndarray of shape (n_records, n_labels)
        rows : array of int, optional
            Train on these rows only.
        sample_weight : array of shape (n_records,) or (n_records, n_labels), optional
        n_jobs : int, optional
            Threads over labels, as joblib counts them; no effect on the result.
        progress : callable, optional
            Called with the number of labels done since its last call.
        """
        block = _Block(*self._checked(X, Y), weight=None if sample_weight is None else np.asarray(sample_weight, float))
        if rows is not None:
            block = block.take(np.asarray(rows))
        self._check_options()
        spans = label_spans(block.Y.shape[1])
        counts, total = block.label_counts()

        def learn(span: slice) -> Any:
            return self.learn_span([block], span, counts, total)

        n_threads = threads(n_jobs)
        with parallel_config(backend="threading"):  # whatever is around: labels of one block share its memory
            parts = Parallel(n_jobs=n_threads, return_as="generator")(delayed(learn)(one) for one in spans)
            return self.take_spans(spans, parts, block.X.shape[1], counts, total, progress=progress)

    def learn_span(self, blocks: Sequence[Any], span: slice, counts: np.ndarray, total: np.ndarray) -> Any:
        """The learner of some labels after ``n_passes`` visits of every block.

        Parameters
        ----------
        blocks : sequence of blocks
            Each has ``X``, CSR of prepared rows, and ``Y``; an item is read anew for each visit.
        span : slice
            The labels.
        counts, total : arrays of shape (n_labels,)
            Records that have each label, and all records, by weight.
        """
        from medrec.kernels.online import Learner

        shares = (counts[span] + 0.5) / (total[span] + 1.0)
        learner: Any = None
        for turn in range(self.n_passes):
            for number in self._order(len(blocks), turn):
                block = blocks[number]
                if learner is None:
                    learner = Learner.start(block.X.shape[1], shares)
                order = self._order(block.X.shape[0], turn, number)
                learner.visit(block.X, block.Y[:, span], order, rate=self.rate, **_weights_of(block, span))
        return learner

    def take_spans(
        self,
        spans: Sequence[slice],
        learners: Any,
        n_features: int,
        counts: np.ndarray,
        total: np.ndarray,
        *,
        going_on: bool = False,
        progress: Callable[[int], Any] | None = None,
    ) -> OnlineLinearBase:
        """Become fitted from the learners of ``learn_span``, one a span, in order; ``going_on`` in place."""
        n_labels = len(counts)
        if not going_on:
            self.coef_ = np.empty((n_labels, n_features), dtype=np.float32)
            self.intercept_ = np.empty(n_labels, dtype=np.float32)
            self.gradient_squares_, self.intercept_squares_ = np.empty(n_labels), np.empty(n_labels)
        for learner, span in zip(learners, spans):  # in this order, so that whoever gives learners comes to an end
            width = span.stop - span.start
            self.coef_[span] = learner.weights[:, :width].T
            for name in ("intercept", "gradient_squares", "intercept_squares"):
                getattr(self, f"{name}_")[span] = getattr(learner, name)[:width]
            self.column_squares_, self.n_seen_ = learner.column_squares, float(learner.seen)
            if progress is not None:
                progress(width)
        self.label_counts_, self.label_total_ = counts, total
        self.n_features_in_ = n_features
        self._settle_constant()
        return self

    def partial_fit(self, X: Any, Y: Any, *, sample_weight: Any = None) -> OnlineLinearBase:
        """Learn from one more block of records, prepared ones, visited once.

        Parameters
        ----------
        X : CSR matrix or ndarray of shape (n_records, n_features)
        Y : CSR matrix or ndarray of shape (n_records, n_labels)
            The same labels in every block; the first block sets where their intercepts start.
        sample_weight : array of shape (n_records,) or (n_records, n_labels), optional
        """
        from medrec.kernels.online import Learner

        self._check_options()
        block = _Block(*self._checked(X, Y), weight=None if sample_weight is None else np.asarray(sample_weight, float))
        counts, total = block.label_counts()
        if hasattr(self, "coef_"):
            if (len(self.coef_), self.n_features_in_) != (block.Y.shape[1], block.X.shape[1]):
                raise ValueError(
                    f"OnlineLinearBase: blocks must have {len(self.coef_)} labels and {self.n_features_in_} features; "
                    f"got {block.Y.shape[1]} and {block.X.shape[1]}."
                )
            counts, total = counts + self.label_counts_, total + self.label_total_
        spans = label_spans(len(counts))
        order = self._order(block.X.shape[0], int(getattr(self, "n_seen_", 0)))
        going_on = hasattr(self, "coef_")
        squares, seen = (self.column_squares_, self.n_seen_) if going_on else (None, 0.0)

        def learn(span: slice) -> Any:
            learner = Learner.start(block.X.shape[1], (counts[span] + 0.5) / (total[span] + 1.0))
            if squares is not None:
                width = span.stop - span.start
                learner.weights[:, :width] = self.coef_[span].T
                for name in ("intercept", "gradient_squares", "intercept_squares"):
                    getattr(learner, name)[:width] = getattr(self, f"{name}_")[span]
                learner.column_squares, learner.seen = squares.copy(), seen
            learner.visit(block.X, block.Y[:, span], order, rate=self.rate, **_weights_of(block, span))
            return learner

        # One after the other, so that one span's coefficients are held twice at a time.
        return self.take_spans(spans, map(learn, spans), block.X.shape[1], counts, total, going_on=going_on)

    def decision_function(self, X: Any) -> np.ndarray:
        """Log-odds of all labels, float64 of shape (n_records, n_labels), of prepared rows."""
        if not hasattr(self, "coef_"):
            raise NotFittedError(f"{type(self).__name__}: call fit_labels before decision_function.")
        return linear_scores(X, self.coef_, self.intercept_, who=type(self).__name__)

    def _settle_constant(self) -> None:
        """A label that all records have, or none, gets coefficients 0 and the log-odds of half a success added."""
        never, always = self.label_counts_ == 0, self.label_counts_ == self.label_total_
        sure = np.log(2.0 * self.label_total_ + 1.0)
        self.coef_[never | always] = 0.0
        self.intercept_[never], self.intercept_[always] = -sure[never], sure[always]

    def _order(self, n: int, *place: int) -> np.ndarray:
        return np.random.default_rng([self.random_state, *place]).permutation(n)

    def _check_options(self) -> None:
        rate = isinstance(self.rate, Real) and 0 < self.rate < np.inf
        if not rate or not isinstance(self.n_passes, Integral) or self.n_passes < 1:
            raise ValueError(
                f"OnlineLinearBase: rate must be > 0 and n_passes >= 1, a whole number; got {self.rate!r} and "
                f"{self.n_passes!r}."
            )

    def _checked(self, X: Any, Y: Any) -> tuple[sp.csr_matrix, sp.csr_matrix]:
        X = sp.csr_matrix(X, dtype=np.float32)
        if not X.has_sorted_indices:  # the order of a row's entries would show in the last bits
            X = X.sorted_indices()
        if X.data.size and not np.isfinite(X.data).all():
            raise ValueError("OnlineLinearBase: X must be finite; got NaN or infinity. Impute missing values first.")
        Y = check_sets(Y, who="OnlineLinearBase")
        if X.shape[0] != Y.shape[0] or not X.shape[0]:
            raise ValueError(
                f"OnlineLinearBase: X and Y must have the same rows, at least one; got {X.shape} and {Y.shape}."
            )
        return X, Y


class _Block:
    """Records in memory, with or without weights."""

    def __init__(self, X: sp.csr_matrix, Y: sp.csr_matrix, weight: np.ndarray | None) -> None:
        self.X, self.Y, self.weight = X, Y, weight

    def take(self, rows: np.ndarray) -> _Block:
        return _Block(self.X[rows], self.Y[rows], None if self.weight is None else self.weight[rows])

    def label_counts(self) -> tuple[np.ndarray, np.ndarray]:
        """Records of each label and all records, by weight, each (n_labels,)."""
        n_records, n_labels = self.Y.shape
        if self.weight is None:
            counts = np.bincount(self.Y.indices, minlength=n_labels).astype(float)
            return counts, np.full(n_labels, float(n_records))
        weight = np.broadcast_to(self.weight.reshape(n_records, -1), (n_records, n_labels))
        return np.asarray(self.Y.multiply(weight).sum(axis=0)).ravel(), weight.sum(axis=0)


def _weights_of(block: Any, span: slice) -> dict[str, np.ndarray]:
    """The weights of a block for some labels, as ``Learner.visit`` takes them."""
    weight = getattr(block, "weight", None)
    if weight is None:
        return {}
    if weight.ndim == 1:
        return {"weight": weight[:, None], "row_weight": weight}
    return {"weight": weight[:, span], "row_weight": weight.max(axis=1)}


def label_spans(n_labels: int) -> list[slice]:
    """The labels in spans that are learned side by side."""
    return [slice(at, min(at + LABELS_AT_ONCE, n_labels)) for at in range(0, n_labels, LABELS_AT_ONCE)]
