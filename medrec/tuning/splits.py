"""Cross-validation by patient with every drug in every fold: splitters for scikit-learn."""

from collections.abc import Iterator
from numbers import Integral, Real
from typing import Any, NamedTuple

import numpy as np
from sklearn.model_selection import BaseCrossValidator
from sklearn.utils import check_random_state

from medrec._checks import check_sets
from medrec.tuning.stratification import stratified_folds

Rows = np.ndarray


class GroupedIterativeSplit(BaseCrossValidator):
    """Folds of whole patients in which every label has its share: ``cv=`` for scikit-learn and for medrec.

    What GroupKFold does for patients and iterative stratification for labels, at once: the records of a patient are in
    one fold; a label is in every fold where it has a patient for each; label rates and numbers of records are as near
    to equal as patients allow. ``medrec.tuning.stratification.stratified_folds`` says how.

    Parameters
    ----------
    n_splits : int, default=5
        Folds, at least 2.
    random_state : int, RandomState or None, default=0
        Decides between equals, so that other seeds give other folds that are as good. With None every call of
        ``split`` gives others.

    Raises
    ------
    ValueError
        By ``split``, when there are fewer patients than folds, or y is not a 0/1 matrix.

    See Also
    --------
    RepeatedGroupedIterativeSplit : several of these, by other seeds.
    nested_splits : folds inside each training part.
    grouped_holdout : one training and one test part.
    describe_folds : how good folds are.

    Notes
    -----
    Under scikit-learn's metadata routing it asks for ``groups``, as GroupKFold does. scikit-learn's ``cross_validate``
    itself refuses a sparse y: give it ``Y.toarray()``.

    Examples
    --------
    >>> import numpy as np
    >>> Y = np.array([[1, 0], [1, 0], [1, 0], [1, 0], [0, 1], [0, 1]])
    >>> patients = ["ann", "ann", "bo", "bo", "cy", "dee"]
    >>> for train, test in GroupedIterativeSplit(n_splits=2).split(Y, Y, patients):
    ...     print(train, test)
    [2 3 5] [0 1 4]
    [0 1 4] [2 3 5]
    """

    __metadata_request__split = {"groups": True}

    def __init__(self, n_splits: int = 5, *, random_state: Any = 0) -> None:
        self.n_splits = _whole(n_splits, 2, "GroupedIterativeSplit: n_splits")
        self.random_state = random_state

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        """Number of folds; the arguments are not looked at."""
        return self.n_splits

    def split(self, X: Any, y: Any = None, groups: Any = None) -> Iterator[tuple[Rows, Rows]]:
        """Rows to fit on and rows to test on, for each fold.

        Parameters
        ----------
        X : any of n_records rows
            Only their number is looked at, and None will do.
        y : sparse or dense 0/1 matrix of shape (n_records, n_labels)
            Drugs of each record.
        groups : array of shape (n_records,), optional
            The patient of each record; default: every record is a patient of its own.

        Yields
        ------
        train, test : int arrays, rising
        """
        share = np.full(self.n_splits, 1.0 / self.n_splits)
        fold = _folds(X, y, groups, share, self.random_state, "GroupedIterativeSplit.split")
        for at in range(self.n_splits):
            yield np.flatnonzero(fold != at), np.flatnonzero(fold == at)


class RepeatedGroupedIterativeSplit(BaseCrossValidator):
    """GroupedIterativeSplit ``n_repeats`` times by other seeds, to see how much a figure depends on the folds.

    Parameters
    ----------
    n_splits : int, default=5
        Folds of a repeat, at least 2.
    n_repeats : int, default=10
        Repeats, at least 1.
    random_state : int, RandomState or None, default=0
        As in :class:`GroupedIterativeSplit`.

    Examples
    --------
    >>> import numpy as np
    >>> Y = np.eye(2, dtype=int)[[0, 1, 0, 1, 0, 1]]
    >>> cv = RepeatedGroupedIterativeSplit(n_splits=2, n_repeats=3)
    >>> len(list(cv.split(Y, Y))) == cv.get_n_splits() == 6
    True
    """

    __metadata_request__split = {"groups": True}

    def __init__(self, n_splits: int = 5, *, n_repeats: int = 10, random_state: Any = 0) -> None:
        self.n_splits = _whole(n_splits, 2, "RepeatedGroupedIterativeSplit: n_splits")
        self.n_repeats = _whole(n_repeats, 1, "RepeatedGroupedIterativeSplit: n_repeats")
        self.random_state = random_state

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        """Number of folds of all repeats; the arguments are not looked at."""
        return self.n_splits * self.n_repeats

    def split(self, X: Any, y: Any = None, groups: Any = None) -> Iterator[tuple[Rows, Rows]]:
        """Rows to fit on and rows to test on, for each fold of each repeat.

        Parameters
        ----------
        X, y, groups
            As in :meth:`GroupedIterativeSplit.split`.

        Yields
        ------
        train, test : int arrays, rising
        """
        rng = check_random_state(self.random_state)
        for _ in range(self.n_repeats):
            yield from GroupedIterativeSplit(self.n_splits, random_state=rng).split(X, y, groups)


class NestedSplit(NamedTuple):
    """One outer fold of :func:`nested_splits`.

    Attributes
    ----------
    train, test : int arrays
        Rows of the data.
    inner : list of (fit, validate)
        Folds of the training part as positions in ``train``: ``cv=`` of a search that is fitted on those records alone.
    """

    train: Rows
    test: Rows
    inner: list[tuple[Rows, Rows]]


def nested_splits(y: Any, groups: Any = None, *, outer: Any = None, inner: Any = None) -> Iterator[NestedSplit]:
    """Outer folds to measure on, each with folds of its own training part to tune on, all by patient.

    A search inside ``cross_validate`` does not do this by itself: unless metadata routing is switched on, scikit-learn
    keeps ``groups`` from the inner folds, and a patient is then on both sides of one.

    Parameters
    ----------
    y : sparse or dense 0/1 matrix of shape (n_records, n_labels)
        Drugs of each record.
    groups : array of shape (n_records,), optional
        The patient of each record.
    outer, inner : splitters, optional
        Default: ``GroupedIterativeSplit()`` of five folds.

    Yields
    ------
    NestedSplit
        ``train``, ``test`` and ``inner``.

    Examples
    --------
    >>> import numpy as np
    >>> Y = np.tile(np.eye(2, dtype=int), (8, 1))
    >>> two = GroupedIterativeSplit(n_splits=2)
    >>> for train, test, inner in nested_splits(Y, groups=np.arange(16) // 2, outer=two, inner=two):
    ...     print(len(train), len(test), [(len(fit), len(validate)) for fit, validate in inner])
    8 8 [(4, 4), (4, 4)]
    8 8 [(4, 4), (4, 4)]
    """
    outer = GroupedIterativeSplit() if outer is None else outer
    inner = GroupedIterativeSplit() if inner is None else inner
    y = check_sets(y, who="nested_splits", name="y", copy=False)
    groups = None if groups is None else np.asarray(groups)
    for train, test in outer.split(np.zeros(y.shape[0]), y, groups):
        mine = None if groups is None else groups[train]
        yield NestedSplit(train, test, list(inner.split(np.zeros(len(train)), y[train], mine)))


def grouped_holdout(y: Any, groups: Any = None, *, test_size: float = 0.2, random_state: Any = 0) -> tuple[Rows, Rows]:
    """One training and one test part of whole patients, and in both every label that has patients enough.

    Enough are those of which the test part, or the training part if that is less, gets one: five for a fifth.

    Parameters
    ----------
    y : sparse or dense 0/1 matrix of shape (n_records, n_labels)
        Drugs of each record.
    groups : array of shape (n_records,), optional
        The patient of each record.
    test_size : float, default=0.2
        Part of the records to test on, between 0 and 1.
    random_state : int, RandomState or None, default=0
        Decides between equals.

    Returns
    -------
    train, test : int arrays, rising

    Raises
    ------
    ValueError
        When ``test_size`` is no such part, or there is only one patient.

    Examples
    --------
    >>> import numpy as np
    >>> train, test = grouped_holdout(np.ones((10, 1), dtype=int), groups=np.arange(10) // 2)
    >>> len(train), len(test)
    (8, 2)
    """
    if isinstance(test_size, bool) or not isinstance(test_size, Real) or not 0 < test_size < 1:
        raise ValueError(
            f"grouped_holdout: test_size must be between 0 and 1; got {test_size!r}. Pass 0.2 for a fifth of all."
        )
    share = [1.0 - float(test_size), float(test_size)]
    fold = _folds(None, y, groups, share, random_state, "grouped_holdout")
    return np.flatnonzero(fold == 0), np.flatnonzero(fold == 1)


def _folds(X: Any, y: Any, groups: Any, share: Any, random_state: Any, who: str) -> np.ndarray:
    if y is None:
        raise ValueError(f"{who}: y must be the drugs of each record, (n_records, n_labels); got None.")
    fold = stratified_folds(y, groups, share, check_random_state(random_state), who=who)
    n_records = len(fold) if X is None else X.shape[0] if hasattr(X, "shape") else len(X)
    if n_records != len(fold):
        raise ValueError(f"{who}: X and y must have a row for each record; got {n_records} and {len(fold)}.")
    return fold


def _whole(value: Any, least: int, what: str) -> int:
    if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
        raise ValueError(f"{what} must be a whole number of at least {least}; got {value!r}.")
    return int(value)
