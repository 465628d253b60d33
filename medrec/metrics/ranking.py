"""Metrics of scores: how high the true labels rank within each record."""

from typing import Any

import numpy as np
import scipy.sparse as sp

from medrec import kernels
from medrec._checks import check_scores, check_sets

_CELLS = 4_000_000  # scores that are sorted at a time


def average_precision(Y: Any, scores: Any) -> np.ndarray:
    r"""Average precision of the ranking within each record.

    .. math:: AP = \frac1y \sum_{l \in Y} \frac{|\{m \in Y : s_m \ge s_l\}|}{|\{m : s_m \ge s_l\}|}

    so labels of equal score share the last rank among them, as in scikit-learn.

    Where every true label has a column, :math:`y` counts all of them, so that labels that no model could know of count
    as missed; this is the official measure of CodiEsp (its mean over cases, ``prauc``, is the official MAP).

    Parameters
    ----------
    Y : sparse or dense 0/1 matrix of shape (n_records, n_labels)
        True sets.
    scores : array of shape (n_records, n_labels)

    Returns
    -------
    array of shape (n_records,)
        nan for a record without true labels.

    Raises
    ------
    ValueError
        When ``Y`` is no 0/1 matrix, or ``scores`` have another shape or are not finite.

    Examples
    --------
    >>> average_precision([[1, 0, 1], [0, 0, 0]], [[0.9, 0.8, 0.1], [0.2, 0.3, 0.4]]).round(4).tolist()
    [0.8333, nan]
    """
    true, scores = _checked(Y, scores, "average_precision")
    n_records, n_labels = true.shape
    result = np.full(n_records, np.nan)
    step = max(1, _CELLS // max(1, n_labels))
    for start in range(0, n_records, step):
        rows = slice(start, start + step)
        order = np.argsort(-scores[rows], axis=1)
        ordered = np.take_along_axis(scores[rows], order, axis=1)
        hits = np.take_along_axis(true[rows].toarray(), order, axis=1) > 0
        last = np.ones(hits.shape, dtype=bool)  # the last of a run of equal scores
        last[:, :-1] = ordered[:, 1:] != ordered[:, :-1]
        end = np.where(last, np.arange(n_labels), n_labels)
        end = np.minimum.accumulate(end[:, ::-1], axis=1)[:, ::-1]
        precision = np.take_along_axis(np.cumsum(hits, axis=1), end, axis=1) / (end + 1)
        positives = hits.sum(axis=1)
        np.divide((precision * hits).sum(axis=1), positives, out=result[rows], where=positives > 0)
    return result


def prauc(Y: Any, scores: Any) -> float:
    """Mean over records of average precision; records without true labels are left out.

    Parameters
    ----------
    Y : sparse or dense 0/1 matrix of shape (n_records, n_labels)
        True sets.
    scores : array of shape (n_records, n_labels)

    Returns
    -------
    float
        nan where no record has a true label. :func:`evaluate` says how many were left out.

    Examples
    --------
    >>> round(prauc([[1, 0, 1], [0, 0, 0]], [[0.9, 0.8, 0.1], [0.2, 0.3, 0.4]]), 4)
    0.8333
    """
    return _nanmean(average_precision(Y, scores))


def precision_at_k(Y: Any, scores: Any, k: int = 5) -> float:
    """Mean over all records of the share of true labels among the ``k`` best-scored.

    Of equal scores the label of lower index comes first; a ``k`` above ``n_labels`` counts as ``n_labels``.

    Examples
    --------
    >>> precision_at_k([[1, 0, 1]], [[0.9, 0.8, 0.1]], k=2)
    0.5
    """
    _, hits = _ranked_hits(Y, scores, k, "precision_at_k")
    return _nanmean(hits.mean(axis=1))


def recall_at_k(Y: Any, scores: Any, k: int = 5) -> float:
    """Mean over the records with true labels of the share of them among the ``k`` best-scored.

    Examples
    --------
    >>> recall_at_k([[1, 0, 1], [0, 0, 0]], [[0.9, 0.8, 0.1], [0.1, 0.2, 0.3]], k=1)
    0.5
    """
    true, hits = _ranked_hits(Y, scores, k, "recall_at_k")
    return _mean_ratio(hits.sum(axis=1), np.diff(true.indptr))


def ndcg_at_k(Y: Any, scores: Any, k: int = 5) -> float:
    r"""Mean over the records with true labels of the normalised discounted cumulative gain.

    .. math:: nDCG@k = \sum_{r=1}^{k} \frac{[\text{rank } r \in Y]}{\log_2(r+1)} \Big/
              \sum_{r=1}^{\min(k, y)} \frac1{\log_2(r+1)}

    Examples
    --------
    >>> round(ndcg_at_k([[1, 0, 1]], [[0.9, 0.8, 0.1]], k=3), 4)
    0.9197
    """
    true, hits = _ranked_hits(Y, scores, k, "ndcg_at_k")
    discounts = 1 / np.log2(np.arange(hits.shape[1]) + 2)
    best = np.concatenate([[0.0], np.cumsum(discounts)])
    return _mean_ratio(hits @ discounts, best[np.minimum(np.diff(true.indptr), hits.shape[1])])


def propensities(frequencies: Any, n_records: int, *, a: float = 0.55, b: float = 1.5) -> np.ndarray:
    r"""Probability that a relevant label was recorded, from its frequency in the training data.

    .. math:: p_l = \frac{1}{1 + C e^{-a \log(N_l + b)}}, \qquad C = (\log N - 1)(b + 1)^a

    Parameters
    ----------
    frequencies : array of shape (n_labels,)
        Records of the training data that have each label, :math:`N_l`.
    n_records : int
        Records of the training data, :math:`N`. Below 3, where the formula leaves [0, 1], all are 1.
    a, b : float, default=0.55 and 1.5
        The values of the paper for data sets without measured ones.

    References
    ----------
    Jain, Prabhu, Varma, "Extreme Multi-label Loss Functions for Recommendation, Tagging, Ranking & Other
    Missing Label Applications", KDD 2016, section 5.

    Examples
    --------
    >>> propensities([0, 10, 500], 1000).round(3).tolist()
    [0.113, 0.282, 0.758]
    """
    frequencies = np.asarray(frequencies, dtype=np.float64)
    if n_records < 0 or (frequencies < 0).any() or (frequencies > n_records).any():
        raise ValueError(f"propensities: frequencies must be in [0, n_records={n_records}].")
    c = max(0.0, np.log(max(n_records, 1)) - 1) * (b + 1) ** a
    return 1 / (1 + c * (frequencies + b) ** -a)


def psp_at_k(Y: Any, scores: Any, k: int = 5, *, propensity: Any) -> float:
    r"""Propensity-scored precision at ``k``: hits weighted by the inverse propensity of the label.

    .. math:: PSP@k = \sum_i \sum_{l \in \text{top}_k(s_i) \cap Y_i} \frac1{p_l} \Big/
              \sum_i \max_{|S| \le k, S \subseteq Y_i} \sum_{l \in S} \frac1{p_l}

    normalised by the best that any ranking could reach, as published results are.

    Parameters
    ----------
    Y : sparse or dense 0/1 matrix of shape (n_records, n_labels)
    scores : array of shape (n_records, n_labels)
    k : int, default=5
    propensity : array of shape (n_labels,)
        In (0, 1]; see :func:`propensities`, from the *training* frequencies.

    References
    ----------
    Jain, Prabhu, Varma, KDD 2016.

    Examples
    --------
    >>> psp_at_k([[1, 0, 1]], [[0.9, 0.8, 0.1]], k=1, propensity=[0.5, 0.5, 0.25])
    0.5
    """
    propensity = np.asarray(propensity, dtype=np.float64)
    true, hits = _ranked_hits(Y, scores, k, "psp_at_k")
    if propensity.shape != (true.shape[1],) or not ((propensity > 0) & (propensity <= 1)).all():
        raise ValueError(
            f"psp_at_k: propensity must be {true.shape[1]} numbers in (0, 1], one a label; "
            f"got shape {propensity.shape}. See medrec.metrics.propensities."
        )
    gains = 1 / propensity
    best = np.asarray(true.multiply(gains).todense())
    best = -np.sort(-best, axis=1)[:, :k]
    reached = (hits * gains[kernels.top_k(check_scores(scores, who="psp_at_k"), k)]).sum()
    return float(reached / best.sum()) if best.sum() else float("nan")


def _checked(Y: Any, scores: Any, who: str) -> tuple[sp.csr_matrix, np.ndarray]:
    true = check_sets(Y, who=who)
    return true, check_scores(scores, who=who, shape=true.shape)


def _ranked_hits(Y: Any, scores: Any, k: int, who: str) -> tuple[sp.csr_matrix, np.ndarray]:
    """True sets, and for each record whether its label of rank 1 ... k is true."""
    if k < 1:
        raise ValueError(f"{who}: k must be at least 1; got {k}.")
    true, scores = _checked(Y, scores, who)
    best = kernels.top_k(scores, k)
    rows = np.repeat(np.arange(len(best)), best.shape[1])
    hits = np.asarray(true[rows, best.ravel()]).reshape(best.shape) if best.size else np.zeros(best.shape)
    return true, hits > 0


def _mean_ratio(numerator: np.ndarray, denominator: np.ndarray) -> float:
    some = denominator > 0
    return _nanmean(numerator[some] / denominator[some])


def _nanmean(values: np.ndarray) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else float("nan")
