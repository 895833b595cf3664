"""ATen's pseudoinverse and least squares, of full rank and, where the rank cannot change, of less."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy.linalg import qr

from oracle.lift.aten import CONSTANT, Call, NoLoweringError, lowers
from oracle.lift.aten_factors import stable_in_norm
from oracle.lift.torch_memory import exact
from reference_engine.trace import Tensor, constant, xp

ROUNDING = 1e-10
"""Singular values below this part of the largest are taken for zero: in float64 they are rounding."""


def _ranks(matrices: np.ndarray, least: Any) -> np.ndarray:
    """The rank of each matrix of a batch: how many singular values are above the threshold."""
    values = np.linalg.svd(matrices, compute_uv=False)
    top = values[..., :1]
    found: np.ndarray = (values > np.maximum(least, ROUNDING * top)).sum(axis=-1)
    return found


def _threshold(call: Call, matrices: np.ndarray) -> Any:
    """What the caller counts as zero: ``atol``, or ``rtol`` times the largest singular value."""
    values = np.linalg.svd(matrices, compute_uv=False)
    least: Any = 0.0
    for name, unit in (("atol", 1.0), ("rtol", values[..., :1])):
        given = call.raw[name]
        least = np.maximum(least, 0.0 if given is None else exact(given)[..., None] * unit)
    return least


@lowers("linalg_pinv.atol_rtol_tensor")
def _pinv(call: Call) -> Any:
    a, recorded = stable_in_norm(call["self"], call.raw["self"]), exact(call.raw["self"])
    ranks = _ranks(recorded, _threshold(call, recorded))
    full = min(a.shape[-2:])
    if (ranks == full).all():
        return _of_full_rank(a)
    rows = xp.reshape(a, shape=(math.prod(a.shape[:-2]), *a.shape[-2:]))
    numbers = recorded.reshape(rows.shape)
    found = [_of_rank(rows[k], numbers[k], int(r)) for k, r in enumerate(ranks.reshape(-1))]
    return xp.reshape(xp.stack(found, axis=0), shape=tuple(call.results[0].shape))


def _of_full_rank(a: Tensor) -> Tensor:
    """(A^T A)^-1 A^T, or A^T (A A^T)^-1 for a wide A."""
    turned = xp.matrix_transpose(a)
    if a.shape[-2] >= a.shape[-1]:
        return xp.solve(turned @ a, turned)  # type: ignore[no-any-return]
    return turned @ xp.inv(a @ turned)  # type: ignore[no-any-return]


def _of_rank(a: Tensor, recorded: np.ndarray, rank: int) -> Tensor:
    """Of a matrix of less than full rank, differentiated as Golub and Pereyra (1973) do: the rank is kept.

    With r independent columns J and rows I, C = A A[I]^T and R = A[:, J]^T A span what A does, and A is
    C W^-1 R for W = A[:, J]^T A A[I]^T; so its pseudoinverse is R^T (R R^T)^-1 W (C^T C)^-1 C^T. The factors
    A[I] and A[:, J] are held: a change of A that would raise its rank then changes nothing.
    """
    if rank == min(a.shape):
        return _of_full_rank(a)
    if not rank:
        return xp.matrix_transpose(a) * 0  # type: ignore[no-any-return]
    columns = qr(recorded, mode="r", pivoting=True)[1][:rank]
    rows = qr(recorded.T, mode="r", pivoting=True)[1][:rank]
    right = xp.stop_gradient(xp.matrix_transpose(xp.take(a, constant(rows), axis=0)))
    left = xp.stop_gradient(xp.matrix_transpose(xp.take(a, constant(columns), axis=1)))
    c, r, w = a @ right, left @ a, left @ a @ right
    turned = xp.matrix_transpose(r)
    onto = xp.solve(xp.matrix_transpose(c) @ c, xp.matrix_transpose(c))
    return turned @ xp.solve(r @ turned, w @ onto)  # type: ignore[no-any-return]


@lowers("linalg_lstsq")
def _lstsq(call: Call) -> Any:
    """The solution of least squares, or of least norm; of full rank."""
    a, b = stable_in_norm(call["self"], call.raw["self"]), call["b"]
    recorded = exact(call.raw["self"])
    if recorded.size and (_ranks(recorded, 0.0) < min(a.shape[-2:])).any():
        raise NoLoweringError("of a matrix that is not of full rank")  # noqa: EM101
    vector = b.ndim == a.ndim - 1 and b.shape == a.shape[:-1]
    right = xp.expand_dims(b, axis=-1) if vector else b
    found = _of_full_rank(a) @ right  # torch's derivative is in terms of the pseudoinverse too
    residuals: Any = CONSTANT
    if call.results[1].numel():
        rest = a @ found - right
        residuals = xp.sum(rest * rest, axis=-2)
        residuals = xp.reshape(residuals, shape=tuple(call.results[1].shape))
    return [xp.squeeze(found, axis=-1) if vector else found, residuals, None, CONSTANT]
