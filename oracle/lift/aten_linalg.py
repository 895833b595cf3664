"""ATen's linear systems, determinants, inverses, Cholesky factors and functions of matrices."""

from __future__ import annotations

from typing import Any

from oracle.lift.aten import Call, lowers
from reference_engine.trace import xp


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


@lowers("linalg_matrix_exp")
def _matrix_exp(call: Call) -> Any:
    return xp.matrix_exp(call["self"])


@lowers("_linalg_check_errors")
def _checked(call: Call) -> Any:
    return []
