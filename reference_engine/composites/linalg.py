"""Linear algebra as a person calls it: symmetric parts taken, stacks broadcast, several results at once."""

from __future__ import annotations

import numpy as np

from reference_engine.composites.reductions import real
from reference_engine.operations import composite
from reference_engine.primitives.define import normalize_axis
from reference_engine.primitives.linalg import check_square
from reference_engine.program import ProgramError
from reference_engine.trace import Tensor, broadcast, constant, xp


def _matrix(name: str, x: Tensor) -> Tensor:
    if x.ndim < 2:
        msg = f"{name}: expected matrices in the last two axes, found shape {x.shape}"
        raise ProgramError(msg)
    return real(x)


def _symmetric(name: str, x: Tensor) -> Tensor:
    """The symmetric part: the function of symmetric matrices is continued to all as a function of it."""
    check_square(name, x.shape)
    return (real(x) + xp.matrix_transpose(real(x))) / 2  # type: ignore[no-any-return]


def _system(name: str, x1: Tensor, x2: Tensor) -> tuple[Tensor, Tensor]:
    """Both operands with one stack shape; the right side as matrices."""
    check_square(name, x1.shape)
    right = xp.expand_dims(x2, axis=-1) if x2.ndim == 1 else x2
    try:
        stack = tuple(int(n) for n in np.broadcast_shapes(x1.shape[:-2], right.shape[:-2]))
    except ValueError:
        stack = None
    if right.ndim < 2 or stack is None or right.shape[-2] != x1.shape[-1]:
        msg = f"{name}: shapes {x1.shape} and {x2.shape} do not fit"
        raise ProgramError(msg)
    return broadcast(real(x1), stack + x1.shape[-2:]), broadcast(real(right), stack + right.shape[-2:])


def _as_right_side(found: Tensor, x2: Tensor) -> Tensor:
    return xp.reshape(found, shape=found.shape[:-1]) if x2.ndim == 1 else found


@composite(
    "linalg",
    call=(
        {"x1": "... n n invertible", "x2": "... n k"},
        {"x1": "n n invertible", "x2": "n"},
    ),
)
def solve(x1: Tensor, x2: Tensor) -> Tensor:
    """Definition: the x with x1 x = x2; x2 is one vector or matrices.

    Derivative: x1^-1 (dx2 - dx1 x).
    Where it is not differentiable: at singular x1.
    Conventions: none needed.
    """
    a, b = _system("solve", x1, x2)
    return _as_right_side(xp.linear_system(a, b), x2)


@composite(
    "linalg",
    call=(
        {"x1": "... n n triangular", "x2": "... n k"},
        {"x1": "n n triangular", "x2": "n"},
    ),
)
def solve_triangular(x1: Tensor, x2: Tensor, upper: bool, unitriangular: bool = False) -> Tensor:
    """Definition: the x with x1 x = x2, reading one triangle of x1 only; a unit triangle's diagonal is not
    read.

    Derivative: x1^-1 (dx2 - dx1 x), dx1 within the triangle.
    Where it is not differentiable: at a zero on the diagonal.
    Conventions: none needed.
    """
    a, b = _system("solve_triangular", x1, x2)
    return _as_right_side(xp.triangular_system(a, b, lower=not upper, unit_diagonal=unitriangular), x2)


@composite("linalg", call={"x": "... n n invertible"})
def inv(x: Tensor) -> Tensor:
    """Definition: the inverse matrix.

    Derivative: -x^-1 dx x^-1.
    Where it is not differentiable: at singular x.
    Conventions: none needed.
    """
    check_square("inv", x.shape)
    return xp.solve(x, constant(np.eye(x.shape[-1])))  # type: ignore[no-any-return]


@composite("linalg", call={"x": "... n n invertible"})
def slogdet(x: Tensor) -> tuple[Tensor, Tensor]:
    """Definition: the sign of the determinant and the logarithm of its size.

    Derivative: none for the sign; trace(x^-1 dx) for the logarithm.
    Where it is not differentiable: at singular x (pole).
    Conventions: none needed.
    """
    return xp.sign(xp.det(real(x))), xp.logabsdet(real(x))


@composite("linalg", call={"x": "... n k", "offset": (0, 1, -1)})
def trace(x: Tensor, offset: int = 0) -> Tensor:
    """Definition: the sum of a diagonal of the last two axes.

    Derivative: linear: the cotangent on that diagonal.
    Where it is not differentiable: nowhere.
    Conventions: none needed.
    """
    return xp.sum(xp.diagonal(x, offset=offset), axis=-1)  # type: ignore[no-any-return]


@composite("linalg", call={"x": "... n n definite"})
def cholesky(x: Tensor, upper: bool = False) -> Tensor:
    """Definition: the lower L with positive diagonal and L L^T the symmetric part of x, or its transpose.

    Derivative: L times the lower triangle of L^-1 dx L^-T with halved diagonal.
    Where it is not differentiable: where x is not positive definite.
    Conventions: torch reads the lower triangle of x, JAX the symmetric part.
    """
    found = xp.cholesky_factor(_symmetric("cholesky", x))
    return xp.matrix_transpose(found) if upper else found  # type: ignore[no-any-return]


@composite("linalg", call={"x": "... n n spectral"})
def eigh(x: Tensor) -> tuple[Tensor, Tensor]:
    """Definition: eigenvalues, ascending, and orthonormal eigenvectors (columns) of the symmetric part of x.

    Derivative: v^T dx v for an eigenvalue; V (F * V^T dx V) for the vectors, F_ij = 1/(w_j - w_i).
    Where it is not differentiable: at repeated eigenvalues.
    Conventions: eigenvectors' signs are free; here the product with (cos 1, ..., cos n) is positive.
    """
    symmetric = _symmetric("eigh", x)
    return xp.eigenvalues(symmetric), xp.eigenvectors(symmetric)


@composite("linalg", call={"x": "... n n spectral"})
def eigvalsh(x: Tensor) -> Tensor:
    """Definition: eigenvalues of the symmetric part of x, ascending.

    Derivative: v^T dx v for the eigenvector v.
    Where it is not differentiable: at repeated eigenvalues.
    Conventions: torch reads the lower triangle of x, JAX the symmetric part.
    """
    return xp.eigenvalues(_symmetric("eigvalsh", x))  # type: ignore[no-any-return]


@composite("linalg", call={"x": "... n k singular_values"})
def svd(x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Definition: U, s and Vh with x = U diag(s) Vh, s descending, as many as the shorter side is long.

    Derivative: Townsend, "Differentiating the singular value decomposition" (2016).
    Where it is not differentiable: at repeated or zero singular values.
    Conventions: signs are free; here the product of each left vector with (cos 1, ..., cos m) is positive.
    """
    x = _matrix("svd", x)
    return xp.left_singular(x), xp.singular_values(x), xp.right_singular(x)


@composite("linalg", call={"x": "... n k singular_values"})
def svdvals(x: Tensor) -> Tensor:
    """Definition: singular values, descending.

    Derivative: u^T dx v for the singular vectors u and v.
    Where it is not differentiable: at repeated or zero singular values.
    Conventions: none needed.
    """
    return xp.singular_values(_matrix("svdvals", x))  # type: ignore[no-any-return]


@composite("linalg", call={"x": "... n k full_rank"})
def qr(x: Tensor) -> tuple[Tensor, Tensor]:
    """Definition: Q with orthonormal columns and upper triangular R with x = Q R, as many as the shorter
    side is long.

    Derivative: Walter and Lehmann, "Algorithmic differentiation of linear algebra functions" (2010).
    Where it is not differentiable: where the leading columns are linearly dependent.
    Conventions: signs are free; here the diagonal of R is positive.
    """
    x = _matrix("qr", x)
    rows, columns = x.shape[-2:]
    if rows >= columns:
        return xp.qr_orthogonal(x), xp.qr_upper(x)
    leading = x[..., :, :rows]
    q = xp.qr_orthogonal(leading)
    return q, xp.concatenate([xp.qr_upper(leading), xp.matrix_transpose(q) @ x[..., :, rows:]], axis=-1)


@composite("linalg", call={"x": "... n n small"})
def matrix_exp(x: Tensor) -> Tensor:
    """Definition: the matrix exponential, the sum of x^k/k!.

    Derivative: the integral of exp((1 - s) x) dx exp(s x) over s from 0 to 1.
    Where it is not differentiable: nowhere.
    Conventions: none needed.
    """
    return xp.exponential_derivative(_matrix("matrix_exp", x), [])  # type: ignore[no-any-return]


@composite(
    "linalg",
    call=(
        {"x1": "... n", "x2": "... n", "axis": (-1,)},
        {"x1": "... n", "x2": "n", "axis": (-1,)},
    ),
)
def vecdot(x1: Tensor, x2: Tensor, axis: int = -1) -> Tensor:
    """Definition: the sum of x1 * x2 along an axis, the others broadcast.

    Derivative: the other operand.
    Where it is not differentiable: nowhere.
    Conventions: none needed.
    """
    first, second = xp.moveaxis(x1, source=axis, destination=-1), xp.moveaxis(x2, source=axis, destination=-1)
    found = xp.expand_dims(first, axis=-2) @ xp.expand_dims(second, axis=-1)
    return xp.reshape(found, shape=found.shape[:-2])  # type: ignore[no-any-return]


@composite("linalg", call={"x1": "n", "x2": "k"})
def outer(x1: Tensor, x2: Tensor) -> Tensor:
    """Definition: the products of each element of one vector with each of another.

    Derivative: the other operand.
    Where it is not differentiable: nowhere.
    Conventions: none needed.
    """
    if x1.ndim != 1 or x2.ndim != 1:
        msg = f"outer: expected two vectors, found shapes {x1.shape} and {x2.shape}"
        raise ProgramError(msg)
    return xp.expand_dims(x1, axis=1) * xp.expand_dims(x2, axis=0)  # type: ignore[no-any-return]


@composite("linalg", call={"x1": "... 3", "x2": "... 3", "axis": (-1,)})
def cross(x1: Tensor, x2: Tensor, axis: int = -1) -> Tensor:
    """Definition: the vector product along an axis of extent 3.

    Derivative: bilinear: the other operand.
    Where it is not differentiable: nowhere.
    Conventions: none needed.
    """
    axis = normalize_axis("cross", axis, max(x1.ndim, x2.ndim))
    if x1.shape != x2.shape or x1.shape[axis] != 3:
        msg = f"cross: expected two tensors of one shape with extent 3, found {x1.shape} and {x2.shape}"
        raise ProgramError(msg)
    ahead = [xp.roll(x, shift=-1, axis=axis) for x in (x1, x2)]
    behind = [xp.roll(x, shift=1, axis=axis) for x in (x1, x2)]
    return ahead[0] * behind[1] - behind[0] * ahead[1]  # type: ignore[no-any-return]
