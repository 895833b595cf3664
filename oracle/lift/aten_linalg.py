"""ATen's linear algebra. Signs of vectors that are free are those of the recorded run."""

from __future__ import annotations

from typing import Any

import numpy as np

from oracle.lift.aten import Call, NoLoweringError, lowers
from oracle.lift.torch_memory import exact
from reference_engine.trace import Tensor, constant, xp


@lowers("_linalg_solve_ex")
def _solve(call: Call) -> Any:
    a, b = call["A"], call["B"]
    vector = b.ndim == 1 or (b.ndim == a.ndim - 1 and b.shape == a.shape[:-1])
    right = xp.expand_dims(b, axis=-1) if vector else b
    if call["left"]:
        found = xp.solve(a, right)
    else:
        found = xp.matrix_transpose(
            xp.solve(xp.matrix_transpose(a), right if vector else xp.matrix_transpose(right))
        )
        found = xp.matrix_transpose(found) if vector else found
    return [xp.squeeze(found, axis=-1) if vector else found, None, None, None]


@lowers("linalg_solve_triangular")
def _solve_triangular(call: Call) -> Any:
    a, b, upper = call["self"], call["B"], call["upper"]
    unit = call["unitriangular"]
    if call["left"]:
        return xp.solve_triangular(a, b, upper, unitriangular=unit)
    turned = xp.solve_triangular(
        xp.matrix_transpose(a), xp.matrix_transpose(b), not upper, unitriangular=unit
    )
    return xp.matrix_transpose(turned)


@lowers("triangular_solve")
def _old_triangular(call: Call) -> Any:
    a, upper = call["A"], call["upper"]
    if call["transpose"]:
        a, upper = xp.matrix_transpose(a), not upper
    found = xp.solve_triangular(a, call["self"], upper, unitriangular=call["unitriangular"])
    return [found, call["A"]]


@lowers("_linalg_det")
def _det(call: Call) -> Any:
    return [xp.det(call["A"]), None, None]


@lowers("_linalg_slogdet")
def _slogdet(call: Call) -> Any:
    return [*xp.slogdet(call["A"]), None, None]


@lowers("linalg_inv_ex")
def _inv(call: Call) -> Any:
    return [xp.inv(call["A"]), None]


@lowers("linalg_cholesky_ex")
def _cholesky(call: Call) -> Any:
    return [xp.cholesky(call["self"], upper=call["upper"]), None]


@lowers("cholesky")
def _old_cholesky(call: Call) -> Any:
    return xp.cholesky(call["self"], upper=call["upper"])


@lowers("cholesky_solve")
def _cholesky_solve(call: Call) -> Any:
    factor, upper = call["input2"], call["upper"]
    lower = xp.matrix_transpose(factor) if upper else factor
    half = xp.solve_triangular(lower, call["self"], False)
    return xp.solve_triangular(xp.matrix_transpose(lower), half, True)


@lowers("cholesky_inverse")
def _cholesky_inverse(call: Call) -> Any:
    factor = xp.triu(call["self"]) if call["upper"] else xp.tril(call["self"])
    lower = xp.matrix_transpose(factor) if call["upper"] else factor
    return xp.inv(lower @ xp.matrix_transpose(lower))


def _signs(recorded: Any) -> np.ndarray:
    """Signs of the columns against the engine's: there the product with (cos 1, ..., cos n) is positive."""
    vectors = exact(recorded)
    weights = np.cos(np.arange(1, vectors.shape[-2] + 1))
    return np.where(np.einsum("...ij,i->...j", vectors, weights) < 0, -1, 1)[..., None, :]


@lowers("_linalg_eigh")
def _eigh(call: Call) -> Any:
    a = call["A"]
    if not call["compute_v"]:
        return [xp.eigvalsh(a), None]
    values, vectors = xp.eigh(a)
    return [values, vectors * constant(_signs(call.results[1]))]


@lowers("_linalg_svd")
def _svd(call: Call) -> Any:
    a = call["A"]
    if not call["compute_uv"]:
        return [None, xp.svdvals(a), None]
    u, s, vh = xp.svd(a)
    shapes = [tuple(r.shape) for r in call.results]
    if (u.shape, vh.shape) != (shapes[0], shapes[2]):
        raise NoLoweringError("full matrices")  # noqa: EM101
    signs = _signs(call.results[0])
    return [u * constant(signs), s, vh * constant(np.swapaxes(signs, -1, -2))]


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


@lowers("linalg_matrix_exp")
def _matrix_exp(call: Call) -> Any:
    return xp.matrix_exp(call["self"])


@lowers("linalg_pinv.atol_rtol_tensor")
def _pinv(call: Call) -> Any:
    """Of full rank: (A^T A)^-1 A^T, or A^T (A A^T)^-1 for a wide A."""
    a = call["self"]
    values = np.linalg.svd(exact(call.raw["self"]), compute_uv=False)
    least: Any = 0.0
    for name, unit in (("atol", 1.0), ("rtol", values[..., :1] if values.size else 1.0)):
        given = call.raw[name]
        least = np.maximum(least, 0.0 if given is None else exact(given)[..., None] * unit)
    if values.size and (values <= np.maximum(least, 1e-10 * values[..., :1])).any():
        raise NoLoweringError("of a matrix that is not of full rank")  # noqa: EM101
    turned = xp.matrix_transpose(a)
    if a.shape[-2] >= a.shape[-1]:
        return xp.solve(turned @ a, turned)
    return turned @ xp.inv(a @ turned)


@lowers("linalg_lstsq")
def _lstsq(call: Call) -> Any:
    """The solution of least squares, or of least norm; of full rank."""
    a, b = call["self"], call["b"]
    values = np.linalg.svd(exact(call.raw["self"]), compute_uv=False)
    if not values.size or (values <= 1e-10 * values[..., :1]).any():
        raise NoLoweringError("of a matrix that is not of full rank")  # noqa: EM101
    vector = b.ndim == a.ndim - 1 and b.shape == a.shape[:-1]
    right = xp.expand_dims(b, axis=-1) if vector else b
    turned = xp.matrix_transpose(a)
    if a.shape[-2] >= a.shape[-1]:
        found = xp.solve(turned @ a, turned @ right)
    else:
        found = turned @ xp.solve(a @ turned, right)
    residuals = None
    if call.results[1].numel():
        rest = a @ found - right
        residuals = xp.sum(rest * rest, axis=-2)
        residuals = xp.reshape(residuals, shape=tuple(call.results[1].shape))
    return [xp.squeeze(found, axis=-1) if vector else found, residuals, None, None]


@lowers("linalg_householder_product")
def _householder(call: Call) -> Any:
    """The first columns of the product of reflections 1 - tau_i v_i v_i^T."""
    v, tau = call["input"], call["tau"]
    m, n = v.shape[-2:]
    reflectors = xp.tril(v, k=-1) + constant(np.eye(m, n))
    out: Tensor = constant(np.eye(m, n))
    for i in reversed(range(tau.shape[-1])):
        column = reflectors[..., :, i : i + 1]
        scale = xp.reshape(tau[..., i], shape=(*tau.shape[:-1], 1, 1))
        out = out - scale * (column @ (xp.matrix_transpose(column) @ out))
    return out


@lowers("_linalg_check_errors")
def _checked(call: Call) -> Any:
    return []
