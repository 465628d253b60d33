"""Scorers for ``scoring=`` of scikit-learn's ``cross_validate``, ``GridSearchCV`` and the like."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from medrec.metrics.counts import overlap_counts
from medrec.metrics.ranking import ndcg_at_k, prauc, precision_at_k, recall_at_k
from medrec.metrics.totals import AVERAGES, METRICS

_AT_K: dict[str, Callable[[Any, Any, int], float]] = {
    "precision_at_": precision_at_k,
    "recall_at_": recall_at_k,
    "ndcg_at_": ndcg_at_k,
}
_OF_SETS = (*(f"{metric}_{average}" for metric in METRICS for average in AVERAGES), "subset_accuracy")


@dataclass(frozen=True)
class Scorer:
    """Scores a fitted multi-label estimator; greater is better for every name.

    Parameters
    ----------
    names : tuple of str
    zero_division : {0, 1, nan}
        Of the set metrics.

    See Also
    --------
    get_scorer : which names there are.
    """

    names: tuple[str, ...]
    zero_division: float = 1.0

    def __call__(self, estimator: Any, X: Any, y: Any) -> Any:
        """One figure, or a dict of them by name where there are several; the estimator predicts once.

        Parameters
        ----------
        estimator : fitted, with ``predict``, and ``predict_proba`` or ``decision_function`` for rankings
        X : records, as the estimator takes them
        y : sparse or dense 0/1 matrix of shape (n_records, n_labels)

        Returns
        -------
        float or dict of float
        """
        of_sets = [name for name in self.names if _ranking(name) is None]
        result = {}
        if of_sets:
            totals = overlap_counts(y, estimator.predict(X)).totals
            for name in of_sets:
                if name == "subset_accuracy":
                    result[name] = totals.subset_accuracy()
                elif name == "neg_hamming_loss":
                    result[name] = -totals.hamming_loss()
                else:
                    metric, _, average = name.rpartition("_")
                    result[name] = getattr(totals, metric)(average, self.zero_division)
        if len(of_sets) < len(self.names):
            scores = _scores(estimator, X)
            for name in self.names:
                ranking = _ranking(name)
                if ranking is not None:
                    result[name] = ranking(y, scores)
        return result[self.names[0]] if len(self.names) == 1 else {name: result[name] for name in self.names}


def get_scorer(*names: str, zero_division: float = 1.0) -> Scorer:
    """A scorer by its names, to pass as ``scoring=``.

    Parameters
    ----------
    *names : str
        ``jaccard``, ``f1``, ``precision`` or ``recall`` with ``_samples``, ``_micro``, ``_macro`` or ``_weighted``;
        ``subset_accuracy``; ``neg_hamming_loss``; of the scores ``prauc`` and ``precision_at_K``, ``recall_at_K``,
        ``ndcg_at_K`` for any K. With several names the scorer gives a dict, for which ``cross_validate`` has a
        column each and ``GridSearchCV`` needs ``refit=`` one of them; the estimator predicts once for all.
    zero_division : {0, 1, nan}, default=1
        Value where a denominator of a set metric is 0.

    Returns
    -------
    Scorer
        A picklable callable ``(estimator, X, y)``.

    Raises
    ------
    ValueError
        For an unknown name, or ``zero_division``.

    Examples
    --------
    >>> from sklearn.dummy import DummyClassifier
    >>> from sklearn.model_selection import cross_val_score
    >>> X, Y = [[0], [1], [2], [3]], [[1, 0], [1, 0], [1, 1], [1, 0]]
    >>> cross_val_score(DummyClassifier(), X, Y, cv=2, scoring=get_scorer("jaccard_samples")).tolist()
    [1.0, 0.75]
    """
    if not names:
        raise ValueError(f"get_scorer: pass at least one name, for example {_OF_SETS[0]!r}.")
    for name in names:
        if name not in (*_OF_SETS, "neg_hamming_loss") and _ranking(name) is None:
            raise ValueError(
                f"get_scorer: there is no scorer {name!r}. There are {', '.join(SCORERS)}, and _at_K for any K."
            )
    if zero_division not in (0, 1) and not np.isnan(zero_division):
        raise ValueError(f"get_scorer: zero_division must be 0, 1 or nan; got {zero_division!r}.")
    return Scorer(names, float(zero_division))


def _ranking(name: str) -> Callable[[Any, Any], float] | None:
    """The metric of scores of that name."""
    if name == "prauc":
        return prauc
    for prefix, metric in _AT_K.items():
        k = name.removeprefix(prefix)
        if k != name and k.isdecimal() and int(k) > 0:
            return lambda Y, scores: metric(Y, scores, int(k))
    return None


def _scores(estimator: Any, X: Any) -> Any:
    for method in ("predict_proba", "decision_function"):
        if hasattr(estimator, method):
            scores = getattr(estimator, method)(X)
            # Some of scikit-learn's give a list with a matrix a label: of the classes of that label.
            return np.column_stack([part[:, -1] for part in scores]) if isinstance(scores, list) else scores
    raise TypeError(f"get_scorer: rankings need predict_proba or decision_function; {estimator} has neither.")


SCORERS: Mapping[str, Scorer] = {
    name: Scorer((name,))
    for name in (*_OF_SETS, "neg_hamming_loss", "prauc", *(f"{prefix}{k}" for prefix in _AT_K for k in (1, 5, 10)))
}
"""Scorers by name, with their defaults."""
