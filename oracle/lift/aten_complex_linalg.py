"""ATen's linear algebra of complex matrices. Eigenvectors and singular vectors are missing: each is free by a
phase, which no real matrix of twice the size tells.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from oracle.lift.aten import Call, NoLoweringError
from oracle.lift.aten_lu import permutation
from oracle.lift.aten_parts import lowers_complex
from oracle.lift.complex_matrices import adjoint, doubled, eliminated, halved, solved, triangle, turned
from oracle.lift.complex_numbers import Complex, as_complex, div, each, matmul, product_over
from oracle.lift.complex_polar import absolute
from oracle.lift.torch_memory import exact
from reference_engine.trace import Tensor, constant, xp


@lowers_complex("_linalg_solve_ex")
def _solve(call: Call) -> Any:
    a, b = as_complex(call["A"]), as_complex(call["B"])
    vector = b.ndim == 1 or (b.ndim == a.ndim - 1 and b.shape == a.shape[:-1])
    right = each(lambda x: xp.expand_dims(x, axis=-1), b) if vector else b
    if call["left"] or vector:
        found = solved(a if call["left"] else turned(a), right)
    else:
        found = turned(solved(turned(a), turned(right)))
    return [each(lambda x: xp.squeeze(x, axis=-1), found) if vector else found, None, None, None]


@lowers_complex("linalg_solve_triangular")
def _solve_triangular(call: Call) -> Any:
    a = triangle(as_complex(call["self"]), upper=call["upper"], unit=call["unitriangular"])
    b = as_complex(call["B"])
    return solved(a, b) if call["left"] else turned(solved(turned(a), turned(b)))


@lowers_complex("triangular_solve")
def _old_triangular(call: Call) -> Any:
    a = triangle(as_complex(call["A"]), upper=call["upper"], unit=call["unitriangular"])
    a = turned(a) if call["transpose"] else a
    return [solved(a, as_complex(call["self"])), call["A"]]


@lowers_complex("linalg_inv_ex")
def _inv(call: Call) -> Any:
    return [halved(xp.inv(doubled(call["A"]))), None]


@lowers_complex("linalg_matrix_exp")
def _matrix_exp(call: Call) -> Any:
    return halved(xp.matrix_exp(doubled(call["self"])))


def _cholesky_of(z: Complex, upper: bool) -> Complex:
    """The factor of the Hermitian part."""
    other = adjoint(z)
    lower = halved(xp.cholesky(doubled(Complex((z.re + other.re) / 2, (z.im + other.im) / 2))))
    return adjoint(lower) if upper else lower


@lowers_complex("linalg_cholesky_ex")
def _cholesky(call: Call) -> Any:
    return [_cholesky_of(call["self"], call["upper"]), None]


@lowers_complex("cholesky")
def _old_cholesky(call: Call) -> Any:
    return _cholesky_of(call["self"], call["upper"])


@lowers_complex("cholesky_solve")
def _cholesky_solve(call: Call) -> Any:
    factor = triangle(as_complex(call["input2"]), upper=call["upper"], unit=False)
    lower = adjoint(factor) if call["upper"] else factor
    return solved(adjoint(lower), solved(lower, as_complex(call["self"])))


@lowers_complex("cholesky_inverse")
def _cholesky_inverse(call: Call) -> Any:
    factor = triangle(call["self"], upper=call["upper"], unit=False)
    lower = adjoint(factor) if call["upper"] else factor
    return halved(xp.inv(doubled(matmul(lower, adjoint(lower)))))


@lowers_complex("_linalg_det")
def _det(call: Call) -> Any:
    """The product of the pivots, with the sign of the recorded order of rows."""
    return [_determinant(call["A"], call.results[2]), None, None]


@lowers_complex("_linalg_slogdet")
def _slogdet(call: Call) -> Any:
    a = call["A"]
    found = _determinant(a, call.results[3])
    return [div(found, absolute(found)), xp.slogdet(doubled(a))[1] / 2, None, None]


def _determinant(a: Complex, pivots: Any) -> Complex:
    n = a.shape[-1]
    order = permutation(pivots, n)
    _, upper = eliminated(a, order)
    diagonal = each(lambda x: xp.diagonal(x), upper)
    sign = constant(np.linalg.det(np.eye(n)[order]).round())
    return each(lambda x: x * sign, product_over(diagonal, a.ndim - 2))


def _packed(lower: Complex, upper: Complex, shape: tuple[int, ...]) -> Complex:
    rows, columns = shape[-2:]
    k = min(rows, columns)
    strict = each(lambda x: xp.tril(x, k=-1), lower)
    stack = ((0, 0),) * (len(shape) - 2)
    strict = each(lambda x: xp.pad(x, pad_width=(*stack, (0, 0), (0, columns - k))), strict)
    return strict + each(lambda x: xp.pad(x, pad_width=(*stack, (0, rows - k), (0, 0))), upper)


@lowers_complex("linalg_lu_factor_ex")
def _lu_factor(call: Call) -> Any:
    a = call["A"]
    lower, upper = eliminated(a, permutation(call.results[1], a.shape[-2]))
    return [_packed(lower, upper, a.shape), None, None]


@lowers_complex("linalg_lu")
def _linalg_lu(call: Call) -> Any:
    a = call["A"]
    rows = np.broadcast_to(np.arange(a.shape[-2]), a.shape[:-1])
    order = np.argmax(np.abs(_real(call.results[0])), axis=-2) if call["pivot"] else rows
    lower, upper = eliminated(a, order)
    return [None, lower, upper]


def _real(matrix: Any) -> np.ndarray:
    """A permutation, which torch gives in complex numbers."""
    return exact(matrix.real if matrix.is_complex() else matrix)


@lowers_complex("lu_unpack")
def _lu_unpack(call: Call) -> Any:
    x = call["LU_data"]
    if not call["unpack_data"]:
        return [None, None, None]
    k = min(x.shape[-2:])
    return [
        None,
        triangle(x[..., :, :k], upper=False, unit=True),
        triangle(x[..., :k, :], upper=True, unit=False),
    ]


@lowers_complex("linalg_lu_solve")
def _lu_solve(call: Call) -> Any:
    x, b = as_complex(call["LU"]), as_complex(call["B"])
    n = x.shape[-1]
    both = matmul(triangle(x, upper=False, unit=True), triangle(x, upper=True, unit=False))
    back = np.argsort(permutation(call.raw["pivots"], n), -1)
    places = constant(np.broadcast_to(back[..., None], x.shape).copy())
    matrix = each(lambda part: xp.take_along_axis(part, places, axis=-2), both)
    matrix = adjoint(matrix) if call["adjoint"] else matrix
    return solved(matrix, b) if call["left"] else turned(solved(turned(matrix), turned(b)))


@lowers_complex("linalg_qr")
def _qr(call: Call) -> Any:
    """The reduced factors, with the signs of torch's diagonal of R, which is real."""
    z = call["A"]
    rows, columns = z.shape[-2:]
    if call["mode"] == "r" or (call["mode"] == "complete" and rows > columns):
        raise NoLoweringError(call["mode"])
    q, r = (halved(part) for part in xp.qr(doubled(z)))
    diagonal = np.diagonal(_real(call.results[1]), axis1=-2, axis2=-1)
    signs = np.where(diagonal < 0, -1.0, 1.0)
    return [_scaled(q, signs[..., None, :]), _scaled(r, signs[..., :, None])]


def _scaled(z: Complex, signs: np.ndarray) -> Complex:
    factor: Tensor = constant(signs)
    return each(lambda part: part * factor, z)
