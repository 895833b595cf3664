"""ATen's eigenvectors, singular vectors and QR. Signs that are free are those of the recorded run."""

from __future__ import annotations

from typing import Any

import numpy as np

from oracle.lift.aten import Call, NoLoweringError, lowers
from oracle.lift.torch_memory import exact
from reference_engine.trace import Tensor, constant, xp

NEVER_EXACT = 1.2345678901234567
"""A factor after which the sum of two numbers of a short format is none of that format."""


def _signs(recorded: Any) -> np.ndarray:
    """Signs of the columns against the engine's: there the product with (cos 1, ..., cos n) is positive."""
    vectors = exact(recorded)
    weights = np.cos(np.arange(1, vectors.shape[-2] + 1))
    return np.where(np.einsum("...ij,i->...j", vectors, weights) < 0, -1, 1)[..., None, :]


def stable_in_norm(a: Tensor, recorded: Any) -> Tensor:
    """The same matrix, for what LAPACK computes from singular values: its errors are p(n) roundings of the
    norm in every element (LAPACK Users' Guide, section 4.9), p(n) here n. A number of that size is added and
    taken away again, which changes no value and moves the model of rounding by as much as it should.
    """
    norms = np.sqrt((exact(recorded) ** 2).sum(axis=(-2, -1), keepdims=True))
    if not norms.size or not np.isfinite(norms).all():
        return a
    size = constant(norms * (max(a.shape[-2:]) * NEVER_EXACT))
    return (a + size) - size


@lowers("_linalg_eigh")
def _eigh(call: Call) -> Any:
    a = call["A"]
    if not call["compute_v"]:
        return [xp.eigvalsh(a), None]
    values, vectors = xp.eigh(a)
    return [values, vectors * constant(_signs(call.results[1]))]


@lowers("_linalg_svd")
def _svd(call: Call) -> Any:
    a = stable_in_norm(call["A"], call.raw["A"])
    if not call["compute_uv"]:
        return [None, xp.svdvals(a), None]
    u, s, vh = xp.svd(a)
    recorded, k = exact(call.results[0]), s.shape[-1]
    signs = _signs(call.results[0][..., :k])
    u, vh = u * constant(signs), vh * constant(np.swapaxes(signs, -1, -2))
    # Vectors beyond the singular values are any basis of the rest; torch documents that it takes no gradient
    # of them.
    if recorded.shape[-1] > k:
        u = xp.concatenate([u, constant(recorded[..., k:])], axis=-1)
    others = exact(call.results[2])
    if others.shape[-2] > k:
        vh = xp.concatenate([vh, constant(others[..., k:, :])], axis=-2)
    return [u, s, vh]


@lowers("linalg_qr")
def _qr(call: Call) -> Any:
    a = call["A"]
    if call["mode"] == "complete" and a.shape[-2] > a.shape[-1]:
        raise NoLoweringError("complete")  # noqa: EM101
    q, r = xp.qr(a)
    diagonal = np.diagonal(exact(call.results[1]), axis1=-2, axis2=-1)
    signs = np.where(diagonal < 0, -1, 1)
    r = r * constant(signs[..., :, None])
    return [None if call["mode"] == "r" else q * constant(signs[..., None, :]), r]


def _reflected(v: Tensor, tau: Tensor, x: Tensor, *, transposed: bool = False) -> Tensor:
    """The product H_1 ... H_k x of reflections H_i = 1 - tau_i v_i v_i^T, or H_k ... H_1 x; v_i has zeros, a
    1 and then what is below the diagonal of ``v``.
    """
    reflectors = xp.tril(v, k=-1) + constant(np.eye(v.shape[-2], v.shape[-1]))
    order = range(tau.shape[-1])
    for i in order if transposed else reversed(order):
        column = reflectors[..., :, i : i + 1]
        scale = xp.reshape(tau[..., i], shape=(*tau.shape[:-1], 1, 1))
        x = x - scale * (column @ (xp.matrix_transpose(column) @ x))
    return x


@lowers("linalg_householder_product")
def _householder(call: Call) -> Any:
    """The first columns of the product of all reflections."""
    v, tau = call["input"], call["tau"]
    return _reflected(v, tau, constant(np.eye(v.shape[-2], v.shape[-1])))


@lowers("ormqr")
def _ormqr(call: Call) -> Any:
    """The product of all reflections, or its transpose, times a matrix on the right or the left of it."""
    v, tau, x = call["self"], call["input2"], call["input3"]
    if call["left"]:
        return _reflected(v, tau, x, transposed=call["transpose"])
    turned = _reflected(v, tau, xp.matrix_transpose(x), transposed=not call["transpose"])
    return xp.matrix_transpose(turned)
