"""Many binary linear classifiers over few records: the same optimum as ``fit_linear``, found among the records.

With fewer records than features every optimal coefficient vector is a combination of the records, so the
problem is solved in the records' inner products, where a step for hundreds of labels is one dense matrix product.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
from scipy.special import expit

_FORCING = 0.3
_MAX_STEPS = 100


@dataclass(frozen=True)
class GramFit:
    """What :func:`fit_gram` found for m problems.

    Attributes
    ----------
    dual : ndarray of shape (n_records, m)
        The coefficients are ``X.T @ dual``.
    intercept : ndarray of shape (m,)
    scores : ndarray of shape (n_records, m)
        Scores of all records, those of weight 0 too: out-of-fold scores where they were held out.
    n_iter : ndarray of int of shape (m,)
    converged : ndarray of bool of shape (m,)
    """

    dual: np.ndarray
    intercept: np.ndarray
    scores: np.ndarray
    n_iter: np.ndarray
    converged: np.ndarray


def gram(X: Any) -> np.ndarray:
    """Inner products of the records with a constant feature of 1 added, float64 (n_records, n_records)."""
    if not sp.issparse(X):
        X = np.asarray(X, dtype=np.float64)
        return X @ X.T + 1.0
    total = np.ones((X.shape[0], X.shape[0]))
    columns = sp.csc_matrix(X)
    # Columns that most records hold make a sparse product slow; dense blocks of columns do not.
    block = max(1, 2**24 // max(1, X.shape[0]))
    for at in range(0, X.shape[1], block):
        part = columns[:, at : at + block].toarray()
        total += part @ part.T
    return total


def fit_gram(
    products: np.ndarray,
    target: np.ndarray,
    cost: np.ndarray,
    *,
    loss: str = "logistic",
    tol: float = 1e-4,
    max_iter: int = 100,
    start: np.ndarray | None = None,
) -> GramFit:
    r"""Fit m L2-regularised linear classifiers on the same records.

    Each minimises, over :math:`a` with :math:`z = K a`,
    :math:`\tfrac12 a^\top K a + \sum_i c_i \ell(y_i z_i)`: the objective of ``fit_linear`` with
    :math:`w = X^\top a`. Truncated Newton: the direction solves :math:`(I + D K) b = -(a + r)` by conjugate
    gradients in the inner product of K, for all problems in step, at one product with K a step.

    Parameters
    ----------
    products : ndarray of shape (n_records, n_records)
        K, see :func:`gram`.
    target : ndarray of bool of shape (n_records, m)
    cost : ndarray of shape (n_records, m)
        C times the weight of each record; a record of cost 0 does not count.
    loss : {"logistic", "squared_hinge"}, default="logistic"
    tol : float, default=1e-4
        Relative distance from the optimal objective, bounded by half the squared norm of the gradient.
    max_iter : int, default=100
        Newton steps at most.
    start : ndarray of shape (n_records, m), optional
        Where to start; 0 where the cost is 0. Default: about constant scores, the log-odds of each label.

    Returns
    -------
    GramFit

    Raises
    ------
    ValueError
        When ``loss``, ``tol`` or ``max_iter`` is none of what is written here.

    Notes
    -----
    A problem whose counting records all have the label, or none, gets constant scores, as in ``fit_linear``.

    Examples
    --------
    >>> X = np.array([[1.0, 0.0, 2.0], [0.0, 1.0, 1.0]])
    >>> fit_gram(gram(X), np.array([[True], [False]]), np.ones((2, 1))).scores.round(2).ravel().tolist()
    [0.7, -0.29]
    """
    if loss not in _LOSSES:
        raise ValueError(f"fit_gram: loss must be one of {', '.join(_LOSSES)}; got {loss!r}.")
    if not tol > 0 or max_iter < 1:
        raise ValueError(f"fit_gram: tol must be > 0 and max_iter >= 1; got {tol!r} and {max_iter!r}.")
    evaluate = _LOSSES[loss]
    n_records, n_problems = target.shape
    counted = cost > 0
    dual = np.zeros((n_records, n_problems), dtype=products.dtype) if start is None else start.astype(products.dtype)
    scores = np.zeros_like(dual) if start is None else products @ dual
    present, absent = (counted & target).sum(axis=0), (counted & ~target).sum(axis=0)
    constant = (present == 0) | (absent == 0)
    n_iter = np.zeros(n_problems, dtype=np.int64)
    converged = constant.copy()
    active = np.flatnonzero(~constant)
    if start is None and len(active):
        dual[:, active], scores[:, active] = _constant_start(products, target[:, active], cost[:, active], loss)
    for _ in range(max_iter + 1):
        if not len(active):
            break
        a, z, t, c = dual[:, active], scores[:, active], target[:, active], cost[:, active]
        value, slope, bend = evaluate(z, t, c)
        objective = 0.5 * _dots(a, z) + value
        g = a + slope
        Kg = z + products @ slope
        squared = np.maximum(_dots(g, Kg), 0.0)
        done = 0.5 * squared <= tol * objective
        converged[active[done]] = True
        keep = ~done & (n_iter[active] < max_iter)
        active = active[keep]
        if not len(active):
            break
        a, z, t, c, g, Kg, bend = (one[:, keep] for one in (a, z, t, c, g, Kg, bend))
        step, Kstep = _direction(products, g, Kg, bend)
        a, z = _search(evaluate, a, z, t, c, step, Kstep, objective[keep], _dots(g, Kstep))
        dual[:, active], scores[:, active] = a, z
        n_iter[active] += 1
    sure = 1.0 if loss == "squared_hinge" else np.log(2.0 * (present + absent) + 1.0)
    dual[:, constant] = 0.0
    intercept = dual.sum(axis=0)
    intercept[constant] = np.where(present > 0, sure, -np.asarray(sure))[constant]
    scores[:, constant] = intercept[constant]
    return GramFit(dual, intercept, scores, n_iter, converged)


def _constant_start(
    products: np.ndarray, target: np.ndarray, cost: np.ndarray, loss: str
) -> tuple[np.ndarray, np.ndarray]:
    """A multiple of the sum of the counting records whose mean score is the label's log-odds, and its scores.

    A rare label's intercept is far from 0, and Newton steps on the logistic loss go there by one or two at a time.
    """
    counted = (cost > 0).astype(products.dtype)
    scores = products @ counted
    total = np.maximum(cost.sum(axis=0), 1e-300)
    present = np.clip((cost * target).sum(axis=0) / total, 1e-6, 1 - 1e-6)
    odds = np.log(present / (1 - present))
    if loss == "squared_hinge":
        odds = np.clip(odds, -1.0, 1.0)
    mean = _dots(counted, scores) / np.maximum(counted.sum(axis=0), 1.0)
    # Products of records with negative features may sum to nothing: then zero is as good a start.
    share = np.where(mean > 0.1 * counted.sum(axis=0), odds / np.where(mean > 0, mean, 1.0), 0.0).astype(products.dtype)
    return counted * share, scores * share


def _dots(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.einsum("ij,ij->j", a, b)


def _direction(products: np.ndarray, g: np.ndarray, Kg: np.ndarray, bend: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Newton directions and their scores, each solved to three tenths of its gradient."""
    step, Kstep = np.zeros_like(g), np.zeros_like(g)
    residual, Kresidual = -g, -Kg
    p, Kp = residual.copy(), Kresidual.copy()
    square = np.maximum(_dots(residual, Kresidual), 0.0)
    goal = _FORCING**2 * square
    open_ = np.arange(g.shape[1])
    for _ in range(_MAX_STEPS):
        Hp = p + bend[:, open_] * Kp
        KHp = products @ Hp
        along = _dots(Kp, Hp)
        length = np.where(along > 0, square / np.where(along > 0, along, 1.0), 0.0)
        step[:, open_] += length * p
        Kstep[:, open_] += length * Kp
        residual -= length * Hp
        Kresidual -= length * KHp
        new = np.maximum(_dots(residual, Kresidual), 0.0)
        going = (new > goal[open_]) & (length > 0)
        if not going.any():
            break
        turn = new / np.where(square > 0, square, 1.0)
        p = residual + turn * p
        Kp = Kresidual + turn * Kp
        square = new
        if not going.all():
            open_, square = open_[going], square[going]
            p, Kp, residual, Kresidual = (one[:, going] for one in (p, Kp, residual, Kresidual))
    return step, Kstep


def _search(
    evaluate: "Callable[..., tuple[np.ndarray, np.ndarray, np.ndarray]]",
    a: np.ndarray,
    z: np.ndarray,
    t: np.ndarray,
    c: np.ndarray,
    step: np.ndarray,
    Kstep: np.ndarray,
    objective: np.ndarray,
    descent: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """The first of the steps 1, 1/2, 1/4 … that lowers each objective enough."""
    linear, square, base = _dots(a, Kstep), _dots(step, Kstep), _dots(a, z)
    size = np.ones(a.shape[1])
    left = np.arange(a.shape[1])
    for _ in range(30):
        s = size[left]
        tried = z[:, left] + s * Kstep[:, left]
        value = evaluate(tried, t[:, left], c[:, left])[0]
        value += 0.5 * (base[left] + 2 * s * linear[left] + s**2 * square[left])
        worse = value > objective[left] + 0.01 * s * descent[left] + 1e-12 * np.abs(objective[left])
        left = left[worse]
        if not len(left):
            break
        size[left] /= 2
    size[left] = 0.0
    return a + size * step, z + size * Kstep


def _logistic(z: np.ndarray, t: np.ndarray, c: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Loss of each problem, its slope and curvature in each score."""
    p = expit(z)
    value = (c * (np.logaddexp(0.0, z) - t * z)).sum(axis=0)
    return value, c * (p - t), c * p * (1 - p)


def _squared_hinge(z: np.ndarray, t: np.ndarray, c: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Loss of each problem, its slope and curvature in each score."""
    sign = np.where(t, 1.0, -1.0)
    short = np.maximum(0.0, 1 - sign * z)
    return (c * short**2).sum(axis=0), -2 * c * sign * short, 2 * c * (short > 0)


_LOSSES = {"logistic": _logistic, "squared_hinge": _squared_hinge}
