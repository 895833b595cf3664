"""Factorizations and systems. Free signs of eigenvectors and singular vectors are those that JAX chose."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from oracle.lift.complex_numbers import Complex, Symbol, each_part
from oracle.lift.jax_call import Call, Lowering, NotLoweredError
from oracle.lift.jax_shaping import taken, taken_or
from oracle.lift.program import Array
from reference_engine.arithmetic.matrices import reference_vector
from reference_engine.composites.shapes import positions
from reference_engine.trace import Tensor, xp


def _triangular_solve(call: Call) -> Tensor:
    a, b = call.tensors
    p = call.params
    upper = not p["lower"]
    if p["transpose_a"]:
        a, upper = a.mT, not upper
    if p["left_side"]:
        return xp.solve_triangular(a, b, upper=upper, unitriangular=p["unit_diagonal"])  # type: ignore[no-any-return]
    # x a = b is a^T x^T = b^T.
    return xp.solve_triangular(a.mT, b.mT, upper=not upper, unitriangular=p["unit_diagonal"]).mT  # type: ignore[no-any-return]


def _whole(call: Call) -> None:
    if call.params.get("subset_by_index") is not None:
        msg = "a subset of the values is not lifted; take the subset of all of them"
        raise NotLoweredError(msg)


def _read(x: Tensor, *, lower: bool) -> Tensor:
    """The symmetric matrix of which JAX's primitives read one triangle: their values depend on no more."""
    triangle, rest = (xp.tril(x), xp.tril(x, k=-1)) if lower else (xp.triu(x), xp.triu(x, k=1))
    return triangle + rest.mT  # type: ignore[no-any-return]


def _signs(columns: Array) -> Array:
    """Factors that turn our choice of signs into that of these vectors."""
    return np.where(reference_vector(columns.shape[-2]) @ columns < 0, -1.0, 1.0)


def _eigh(call: Call) -> list[Tensor]:
    _whole(call)
    values, vectors = xp.eigh(_read(call.tensor, lower=call.params["lower"]))
    signs = _signs(np.asarray(call.run([call.inputs[0].concrete])[0]).astype(np.float64))
    return [vectors * xp.constant(signs[..., None, :]), values]


def _svd(call: Call) -> list[Tensor]:
    _whole(call)
    if not call.params["compute_uv"]:
        return [xp.svdvals(call.tensor)]
    rows, columns = call.inputs[0].shape[-2:]
    if call.params["full_matrices"] and rows != columns:
        msg = "full_matrices=True gives vectors that no derivative is defined for; ask for False"
        raise NotLoweredError(msg)
    left, values, right = xp.svd(call.tensor)
    signs = _signs(np.asarray(call.run([call.inputs[0].concrete])[1]).astype(np.float64))
    return [values, left * xp.constant(signs[..., None, :]), right * xp.constant(signs[..., :, None])]


def reduced(call: Call) -> None:
    """NotLoweredError for a QR whose factors have no derivative or no fixed order."""
    rows, columns = call.inputs[0].shape[-2:]
    if call.params.get("pivoting"):
        msg = "qr with pivoting is not lifted; permute the columns first"
        raise NotLoweredError(msg)
    if call.params["full_matrices"] and rows > columns:
        msg = "mode='complete' gives columns that no derivative is defined for; ask for 'reduced'"
        raise NotLoweredError(msg)


def _qr(call: Call) -> list[Tensor]:
    reduced(call)
    q, r = xp.qr(call.tensor)
    found = np.asarray(call.run([call.inputs[0].concrete])[1]).astype(np.float64)
    signs = np.where(np.diagonal(found, axis1=-2, axis2=-1) < 0, -1.0, 1.0)
    return [q * xp.constant(signs[..., None, :]), r * xp.constant(signs[..., :, None])]


def _lu(call: Call) -> list[Symbol | None]:
    """Gaussian elimination on rows in the order of JAX's pivots; both factors in one matrix."""
    order = np.asarray(call.run([call.inputs[0].concrete])[2]).astype(np.int64)
    shape = call.inputs[0].shape
    places = np.take_along_axis(positions(shape), order[..., :, None], axis=-2)
    a = each_part(lambda part: taken(part, places), call.inputs[0].symbol)
    rows, columns = shape[-2:]
    done: list[tuple[Symbol, Symbol]] = []
    for k in range(min(rows, columns)):
        top, below = a[..., :1, :], a[..., 1:, :]
        factors = below[..., :1] / top[..., :1]
        done.append((top, factors))
        a = below[..., 1:] - factors * top[..., 1:]
        if k + 1 == min(rows, columns):
            break
    if not isinstance(a, Complex):
        return [_assembled(done, shape), None, None]
    parts = (_assembled([(getattr(t, k), getattr(f, k)) for t, f in done], shape) for k in ("re", "im"))
    return [Complex(*parts), None, None]


def _assembled(done: Sequence[tuple[Any, Any]], shape: tuple[int, ...]) -> Tensor:
    """Rows of the upper and columns of the lower factor, each step's in its place."""
    rows, columns = shape[-2:]
    stack = shape[:-2]
    places = np.zeros(shape, dtype=np.int64)
    pieces, start = [], 0
    for k, (top, factors) in enumerate(done):
        for piece, key in ((top, (..., k, slice(k, columns))), (factors, (..., slice(k + 1, rows), k))):
            length = int(np.prod(stack, dtype=np.int64)) * (piece.size // max(int(np.prod(stack)), 1))
            places[key] = start + np.arange(length).reshape(places[key].shape)
            pieces.append(xp.reshape(piece, shape=(piece.size,)))
            start += length
    return taken(xp.concatenate(pieces, axis=0), places)


def _tridiagonal_solve(call: Call) -> Tensor:
    """The matrix written out; the first element below and the last above the diagonal are not read."""
    low, middle, high, b = call.tensors
    n = middle.shape[-1]
    count = middle.size // max(n, 1)
    place = np.full((n, n), -1)
    index = np.arange(n)
    place[index[1:], index[:-1]] = index[1:]
    place[index, index] = n + index
    place[index[:-1], index[1:]] = 2 * n + index[:-1]
    rows = xp.concatenate([low, middle, high], axis=-1)
    starts = 3 * n * np.arange(count).reshape((*middle.shape[:-1], 1, 1))
    matrix = taken_or(rows, np.where(place < 0, -1, starts + place), xp.constant(0.0))
    return xp.solve(matrix, b)  # type: ignore[no-any-return]


LINALG: Mapping[str, Lowering] = {
    "cholesky": lambda call: xp.cholesky(_read(call.tensor, lower=True)),
    "triangular_solve": _triangular_solve,
    "eigh": _eigh,
    "svd": _svd,
    "qr": _qr,
    "lu": _lu,
    "tridiagonal_solve": _tridiagonal_solve,
}
