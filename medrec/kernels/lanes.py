"""Eight linear problems side by side: the sparse passes of the linear trainer as vector code.

A *lane* is one label. Every matrix here holds its eight lanes in its last axis, 64 bytes, so that one
read of an entry ``x[i, j]`` serves eight labels with one vector multiply-add. numba has no vector
type and its compiler does not vectorise such short loops by itself, hence the intrinsics.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

__all__ = ["LANES", "direction", "passes", "update"]

LANES = 8
_VECTOR = ir.VectorType(ir.DoubleType(), LANES)
_INT = ir.IntType(64)
_CONTRACT = ("contract",)


def _data(context: Any, builder: Any, kind: Any, value: Any) -> Any:
    """Pointer to the first element of a C-contiguous array."""
    return context.make_array(kind)(context, builder, value).data


def _at(builder: Any, base: Any, row: Any) -> Any:
    """Pointer to the eight lanes of row ``row``."""
    return builder.bitcast(builder.gep(base, [builder.mul(row, _INT(LANES))]), _VECTOR.as_pointer())


def _load(builder: Any, base: Any, row: Any) -> Any:
    value = builder.load(_at(builder, base, row))
    value.align = 8
    return value


def _store(builder: Any, value: Any, base: Any, row: Any) -> None:
    builder.store(value, _at(builder, base, row)).align = 8


def _splat(builder: Any, scalar: Any) -> Any:
    if scalar.type != ir.DoubleType():
        scalar = builder.fpext(scalar, ir.DoubleType())
    empty = ir.Constant(_VECTOR, ir.Undefined)
    first = builder.insert_element(empty, scalar, ir.IntType(32)(0))
    return builder.shuffle_vector(first, empty, ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES))


def _madd(builder: Any, a: Any, b: Any, c: Any) -> Any:
    return builder.fadd(builder.fmul(a, b, flags=_CONTRACT), c, flags=_CONTRACT)


def _each_entry(builder: Any, indices: Any, data: Any, args: Any, body: Callable[[Any, Any], None]) -> None:
    """Run ``body(column, value)`` over ``count`` entries that start at two offsets."""
    with cgutils.for_range(builder, args[4]) as loop:
        column = builder.load(builder.gep(indices, [builder.add(args[2], loop.index)]))
        value = builder.load(builder.gep(data, [builder.add(args[3], loop.index)]))
        body(builder.zext(column, _INT), _splat(builder, value))


@intrinsic
def _gather(typingctx: Any, indices: Any, data: Any, first: Any, start: Any, count: Any, V: Any, T: Any, i: Any) -> Any:
    """``T[i] += sum_k data[start + k] * V[indices[first + k]]``."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        columns, values, v, t = (_data(context, builder, signature.args[k], args[k]) for k in (0, 1, 5, 6))
        total = cgutils.alloca_once(builder, _VECTOR)
        builder.store(_load(builder, t, args[7]), total)

        def body(column: Any, value: Any) -> None:
            builder.store(_madd(builder, value, _load(builder, v, column), builder.load(total)), total)

        _each_entry(builder, columns, values, args, body)
        _store(builder, builder.load(total), t, args[7])
        return context.get_dummy_value()

    offsets = (types.int64, types.int64, types.int64)
    return types.void(indices, data, *offsets, V, T, types.int64), codegen


@intrinsic
def _scatter(typingctx: Any, indices: Any, data: Any, first: Any, start: Any, count: Any, U: Any, G: Any) -> Any:
    """``G[indices[first + k]] += data[start + k] * U[0]`` for every ``k``."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        columns, values, u, o = (_data(context, builder, signature.args[k], args[k]) for k in (0, 1, 5, 6))
        factor = _load(builder, u, _INT(0))

        def body(column: Any, value: Any) -> None:
            _store(builder, _madd(builder, value, factor, _load(builder, o, column)), o, column)

        _each_entry(builder, columns, values, args, body)
        return context.get_dummy_value()

    offsets = (types.int64, types.int64, types.int64)
    return types.void(indices, data, *offsets, U, G), codegen


@intrinsic
def _update(typingctx: Any, W: Any, S: Any, R: Any, P: Any, G: Any, squares: Any, factors: Any, sums: Any) -> Any:
    """See :func:`update`."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        w_, s_, r_, p_, o_, q_, f_, out = (
            _data(context, builder, kind, value) for kind, value in zip(signature.args, args)
        )
        length = cgutils.unpack_tuple(
            builder, context.make_array(signature.args[5])(context, builder, args[5]).shape, 1
        )[0]
        keep, alpha, step, scale, kappa = (_load(builder, f_, _INT(k)) for k in range(5))
        zero, one = ir.Constant(_VECTOR, [0.0] * LANES), ir.Constant(_VECTOR, [1.0] * LANES)
        fresh = builder.fsub(one, keep)
        totals = [cgutils.alloca_once_value(builder, zero) for _ in range(5)]
        with cgutils.for_range(builder, length) as loop:
            j = loop.index
            p = _load(builder, p_, j)
            w = _madd(builder, step, _load(builder, s_, j), _load(builder, w_, j))
            s = _madd(builder, keep, _load(builder, s_, j), builder.fmul(alpha, p))
            r = builder.fmul(keep, _load(builder, r_, j))
            gone = _madd(builder, scale, _load(builder, o_, j), builder.fmul(alpha, p))
            r = builder.fsub(r, _madd(builder, fresh, w, gone))
            metric = _madd(builder, kappa, _splat(builder, builder.load(builder.gep(q_, [j]))), one)
            for value, base in ((w, w_), (s, s_), (r, r_), (zero, o_)):
                _store(builder, value, base, j)
            products = ((r, builder.fdiv(r, metric)), (r, r), (w, w), (w, s), (s, s))
            for total, (a, b) in zip(totals, products):
                builder.store(_madd(builder, a, b, builder.load(total)), total)
        for k, total in enumerate(totals):
            _store(builder, builder.load(total), out, _INT(k))
        return context.get_dummy_value()

    return types.void(W, S, R, P, G, squares, factors, sums), codegen


@intrinsic
def _direction(typingctx: Any, R: Any, P: Any, squares: Any, factors: Any, sums: Any) -> Any:
    """See :func:`direction`."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        r_, p_, q_, f_, out = (_data(context, builder, kind, value) for kind, value in zip(signature.args, args))
        length = cgutils.unpack_tuple(
            builder, context.make_array(signature.args[2])(context, builder, args[2]).shape, 1
        )[0]
        kappa, beta = (_load(builder, f_, _INT(k)) for k in (4, 5))
        one = ir.Constant(_VECTOR, [1.0] * LANES)
        total = cgutils.alloca_once_value(builder, ir.Constant(_VECTOR, [0.0] * LANES))
        with cgutils.for_range(builder, length) as loop:
            j = loop.index
            metric = _madd(builder, kappa, _splat(builder, builder.load(builder.gep(q_, [j]))), one)
            p = _madd(builder, beta, _load(builder, p_, j), builder.fdiv(_load(builder, r_, j), metric))
            _store(builder, p, p_, j)
            builder.store(_madd(builder, p, p, builder.load(total)), total)
        _store(builder, builder.load(total), out, _INT(5))
        return context.get_dummy_value()

    return types.void(R, P, squares, factors, sums), codegen


@njit(cache=True, nogil=True, error_model="numpy")
def passes(  # type: ignore[no-untyped-def]
    indices,
    data,
    first,
    start,
    count,
    rows,
    bias,
    P,
    curvature,
    slope,
    solving,
    T,
    G,
    bends,
):
    """One read of X for eight labels: ``T = X P`` and ``G = X' u``, u being ``curvature * T`` or ``slope``.

    A lane with ``solving`` 1 is inside conjugate gradients and gets its Hessian product; one with 0
    gets its gradient. ``bends`` receives ``sum_i curvature * T**2`` of the first kind.
    """
    n, d = rows.shape[0], P.shape[0] - 1
    u = np.empty((1, 8))
    bends[:] = 0.0
    for i in range(n):
        row = rows[i]
        for lane in range(8):
            T[i, lane] = bias * P[d, lane]
        _gather(indices, data, first[row], start[row], count[row], P, T, i)  # type: ignore[call-arg]
        used = False
        for lane in range(8):
            t = T[i, lane]
            bend = solving[lane] * curvature[i, lane] * t
            bends[lane] += bend * t
            value = bend + (1.0 - solving[lane]) * slope[i, lane]
            u[0, lane] = value
            G[d, lane] += bias * value
            used |= value != 0.0
        if used:
            _scatter(indices, data, first[row], start[row], count[row], u, G)  # type: ignore[call-arg]


@njit(cache=True, nogil=True)
def update(W, S, R, P, G, squares, factors, sums):  # type: ignore[no-untyped-def]
    """Vector step of eight lanes; ``factors`` are keep, alpha, step, scale, kappa (rows 0-4).

    ``W += step S``; ``S = keep S + alpha P``; ``R = keep R - alpha P - scale G - (1 - keep) W``;
    ``G = 0``. ``sums`` (rows 0-4) receives R'M⁻¹R, R'R, W'W, W'S and S'S with the diagonal
    preconditioner ``M = 1 + kappa squares``.
    """
    _update(W, S, R, P, G, squares, factors, sums)  # type: ignore[call-arg]


@njit(cache=True, nogil=True)
def direction(R, P, squares, factors, sums):  # type: ignore[no-untyped-def]
    """``P = M⁻¹ R + beta P`` (beta is row 5 of ``factors``); row 5 of ``sums`` receives P'P."""
    _direction(R, P, squares, factors, sums)  # type: ignore[call-arg]
