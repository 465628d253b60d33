"""One lane's part of the linear trainer: its loss, its line search, and what it does after a pass.

Truncated Newton by conjugate gradients, as in LIBLINEAR, except that eight labels share every pass over
X (:mod:`medrec.kernels.lanes`). Each lane is at its own point: some are inside conjugate gradients while
others wait for a gradient, and a lane that is done takes the next label. What a lane computes does
not depend on its neighbours, so no schedule and no number of threads changes a result.
"""

import math

import numpy as np
from numba import njit

from medrec.kernels.lanes import direction, passes, update

__all__ = ["CONVERGED", "GRADIENT", "IDLE", "MIX", "STOPPED", "advance", "evaluate"]

# Share of the Hessian's diagonal in the preconditioner, the rest being the identity: all of it costs up to twice
# the passes on text, none of it up to thirty times on badly scaled columns (Hsia et al. 2018 took the same).
MIX = 0.01

IDLE, GRADIENT, SOLVING, CONVERGED, STOPPED = 0, 1, 2, 3, 4

# Rows of ``memory``, one column a lane: what a lane remembers from one pass to the next.
LOSS, RHO, DECREASE, GRADIENT_NORM, TARGET, OBJECTIVE, NEWTON, CG, STEP, SHARPNESS, GAP = range(11)


@njit(cache=True, nogil=True, error_model="numpy")
def evaluate(Z, cost, slope, curvature, lane, hinge):  # type: ignore[no-untyped-def]
    """Fill a lane's loss derivatives by margin; return its loss and its mean second derivative.

    ``cost`` is ``weight * C``, negative where the label is absent from the record.
    """
    n = Z.shape[0]
    loss = bend = 0.0
    for i in range(n):
        weight = abs(cost[i, lane])
        sign = 1.0 if cost[i, lane] > 0.0 else -1.0
        margin = sign * Z[i, lane]
        if hinge:
            short = 1.0 - margin
            if short > 0.0:
                loss += weight * short * short
                slope[i, lane] = -2.0 * sign * weight * short
                curvature[i, lane] = 2.0 * weight
                bend += 2.0 * weight
            else:
                slope[i, lane] = 0.0
                curvature[i, lane] = 0.0
        else:
            e = math.exp(-abs(margin))
            inverse = 1.0 / (1.0 + e)
            loss += weight * (math.log1p(e) + max(-margin, 0.0))
            slope[i, lane] = -sign * weight * (e * inverse if margin > 0.0 else inverse)
            curve = weight * e * inverse * inverse
            curvature[i, lane] = curve
            bend += curve
    return loss, bend / n


@njit(cache=True, nogil=True, error_model="numpy")
def _line_search(lane, Z, TS, cost, slope, curvature, hinge, memory, ww, ws, ss, kappa):  # type: ignore[no-untyped-def]
    """Backtrack from the full Newton step until the objective falls enough (Armijo); move the margins."""
    n = Z.shape[0]
    objective, decrease = memory[OBJECTIVE, lane], memory[DECREASE, lane]
    step = moved = 1.0
    for _ in range(30):
        for i in range(n):
            Z[i, lane] += moved * TS[i, lane]
        loss, bend = evaluate(Z, cost, slope, curvature, lane, hinge)
        value = loss + 0.5 * (ww + 2.0 * step * ws + step * step * ss)
        # Below rounding the objective cannot judge a step, and there the Newton step is safe.
        if value <= objective - 1e-3 * step * decrease or decrease <= 1e-10 * objective:
            break
        moved = -0.5 * step
        step *= 0.5
    memory[STEP, lane] = step
    memory[LOSS, lane] = loss
    kappa[lane] = MIX * bend


@njit(cache=True, nogil=True, error_model="numpy")
def advance(  # type: ignore[no-untyped-def]
    indices, data, first, start, count, rows, bias, squares,
    W, S, R, P, G, T, TS, Z, cost, slope, curvature,
    phase, memory, factors, sums, hinge, tol, max_iter, max_passes,
):  # fmt: skip
    """Run passes until a lane is done, or ``max_passes`` of them."""
    n = rows.shape[0]
    solving = np.zeros(8)
    bends = np.zeros(8)
    keep, alpha, step, scale, kappa, beta = (
        factors[0],
        factors[1],
        factors[2],
        factors[3],
        factors[4],
        factors[5],
    )
    for _ in range(max_passes):
        for lane in range(8):
            solving[lane] = 1.0 if phase[lane] == SOLVING else 0.0
        passes(indices, data, first, start, count, rows, bias, P, curvature, slope, solving, T, G, bends)
        for lane in range(8):
            keep[lane] = 0.0 if phase[lane] == GRADIENT else 1.0
            alpha[lane] = step[lane] = scale[lane] = beta[lane] = 0.0
            if phase[lane] == SOLVING:
                alpha[lane] = scale[lane] = memory[RHO, lane] / (sums[5, lane] + bends[lane])
                memory[DECREASE, lane] += alpha[lane] * memory[RHO, lane]
            elif phase[lane] == GRADIENT:
                step[lane] = memory[STEP, lane]
                scale[lane] = 1.0
        for i in range(n):
            for lane in range(8):
                TS[i, lane] = keep[lane] * TS[i, lane] + alpha[lane] * T[i, lane]
        update(W, S, R, P, G, squares, factors, sums)
        done = False
        for lane in range(8):
            residual = sums[1, lane]
            if phase[lane] == GRADIENT:
                objective = memory[LOSS, lane] + 0.5 * sums[2, lane]
                memory[OBJECTIVE, lane] = objective
                memory[GAP, lane] = 0.5 * residual
                if 0.5 * residual <= tol * objective:
                    phase[lane] = CONVERGED
                    done = True
                elif memory[NEWTON, lane] >= max_iter:
                    phase[lane] = STOPPED
                    done = True
                else:
                    if memory[NEWTON, lane] == 0.0:
                        memory[GRADIENT_NORM, lane] = residual
                    eta = min(0.5, 2.0 * math.sqrt(residual / memory[GRADIENT_NORM, lane]))
                    memory[TARGET, lane] = max(eta * eta * residual, 0.5 * tol * objective)
                    memory[NEWTON, lane] += 1.0
                    memory[CG, lane] = memory[DECREASE, lane] = 0.0
                    memory[RHO, lane] = sums[0, lane]
                    phase[lane] = SOLVING
            elif phase[lane] == SOLVING:
                memory[CG, lane] += 1.0
                if residual <= memory[TARGET, lane] or memory[CG, lane] >= 500.0:
                    _line_search(
                        lane, Z, TS, cost, slope, curvature, hinge, memory, sums[2, lane], sums[3, lane],
                        sums[4, lane], kappa,
                    )  # fmt: skip
                    phase[lane] = GRADIENT
                else:
                    beta[lane] = sums[0, lane] / memory[RHO, lane]
                    memory[RHO, lane] = sums[0, lane]
        direction(R, P, squares, factors, sums)
        if done:
            break
