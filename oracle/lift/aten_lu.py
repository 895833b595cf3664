"""ATen's LU factorization, by elimination in the recorded order of rows."""

from __future__ import annotations

from typing import Any

import numpy as np

from oracle.lift.aten import Call, lowers
from oracle.lift.torch_memory import exact
from reference_engine.trace import Tensor, constant, xp


def permutation(pivots: Any, rows: int) -> np.ndarray:
    """The rows in the order in which the pivots put them (batch by batch)."""
    table = exact(pivots)
    flat = table.reshape(-1, table.shape[-1])
    out = np.tile(np.arange(rows), (flat.shape[0], 1))
    for order, swaps in zip(out, flat, strict=True):
        for i, p in enumerate(swaps):
            order[[i, p - 1]] = order[[p - 1, i]]
    return out.reshape(*table.shape[:-1], rows)


@lowers("linalg_lu_factor_ex")
def _lu_factor(call: Call) -> Any:
    """L below the diagonal and U on and above it, by elimination in the recorded order of rows."""
    return [packed_lu(call["A"], call.results[1]), None, None]


def packed_lu(a: Tensor, pivots: Any) -> Tensor:
    """Both factors in one matrix, with the rows in the order that the pivots put them."""
    lower, upper = _lu(a, permutation(pivots, a.shape[-2]))
    return _packed(lower, upper, a.shape)


def _packed(lower: Tensor, upper: Tensor, shape: tuple[int, ...]) -> Tensor:
    rows, columns = shape[-2:]
    k = min(rows, columns)
    strict = xp.tril(lower, k=-1)
    if columns > k:
        strict = xp.pad(strict, pad_width=((0, 0),) * (len(shape) - 1) + ((0, columns - k),))
    if rows > k:
        upper = xp.pad(upper, pad_width=((0, 0),) * (len(shape) - 2) + ((0, rows - k), (0, 0)))
    return strict + upper  # type: ignore[no-any-return]


def _lu(a: Tensor, order: np.ndarray) -> tuple[Tensor, Tensor]:
    """Unit lower L and upper U with L U the rows of ``a`` in ``order``."""
    m, n = a.shape[-2:]
    left = xp.take_along_axis(a, constant(np.broadcast_to(order[..., None], a.shape).copy()), axis=-2)
    lowers_, uppers = [], []
    for k in range(min(m, n)):
        row = left[..., k : k + 1, :]
        mask = np.arange(m)[:, None] >= k
        column = xp.where(constant(mask), left[..., :, k : k + 1] / row[..., :, k : k + 1], 0)
        past = constant(np.arange(n)[None, :] >= k)
        row = xp.where(past, row, 0)
        lowers_.append(column)
        uppers.append(row)
        left = xp.where(constant(np.arange(m)[:, None] > k), left - column * row, left)
    return xp.concatenate(lowers_, axis=-1), xp.concatenate(uppers, axis=-2)


@lowers("linalg_lu")
def _linalg_lu(call: Call) -> Any:
    a = call["A"]
    order = np.argmax(exact(call.results[0]), axis=-2) if call["pivot"] else np.broadcast_to(
        np.arange(a.shape[-2]), a.shape[:-1])  # fmt: skip
    lower, upper = _lu(a, order)
    return [None, lower, upper]


@lowers("lu_unpack")
def _lu_unpack(call: Call) -> Any:
    x = call["LU_data"]
    rows, columns = x.shape[-2:]
    k = min(rows, columns)
    lower = xp.tril(x[..., :, :k], k=-1) + constant(np.eye(rows, k))
    return [None, lower, xp.triu(x[..., :k, :])] if call["unpack_data"] else [None, None, None]


@lowers("linalg_lu_solve")
def _lu_solve(call: Call) -> Any:
    x, b = call["LU"], call["B"]
    n = x.shape[-1]
    lower, upper = xp.tril(x, k=-1) + constant(np.eye(n)), xp.triu(x)
    order = permutation(call.raw["pivots"], n)
    matrix = xp.take_along_axis(
        lower @ upper, constant(np.broadcast_to(np.argsort(order, -1)[..., None], x.shape).copy()), axis=-2
    )
    if call["adjoint"]:
        matrix = xp.matrix_transpose(matrix)
    if call["left"]:
        return xp.solve(matrix, b)
    return xp.matrix_transpose(xp.solve(xp.matrix_transpose(matrix), xp.matrix_transpose(b)))
