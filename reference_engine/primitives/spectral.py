"""Factorizations whose factors have a gauge: eigenvectors, singular vectors, Q and R.

Each factor is one operation of its own. Rules: Giles, "Collected matrix derivative results" (2008); Townsend,
"Differentiating the singular value decomposition" (2016); Walter and Lehmann, "Algorithmic differentiation of
linear algebra functions" (2010) for QR.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from reference_engine.arithmetic import Matrices, Values, matrices
from reference_engine.primitives.define import describe
from reference_engine.primitives.linalg import Shape, of_matrices, turned
from reference_engine.program import Attr, ProgramError
from reference_engine.trace import Tensor, constant, xp

Rule = tuple[Sequence[Tensor], Sequence[Tensor | None], Tensor, Mapping[str, Attr]]


def _oriented(columns: Values) -> Values:
    product = matrices.reference_vector(columns.shape[-2]) @ columns
    return np.where(product < 0, -1.0, 1.0)


def _eigenvectors_float64(a: Values) -> Values:
    vectors = np.linalg.eigh(a)[1]
    return vectors * _oriented(vectors)[..., None, :]


def _row(x: Tensor) -> Tensor:
    return xp.expand_dims(x, axis=-2)  # type: ignore[no-any-return]


def _column(x: Tensor) -> Tensor:
    return xp.expand_dims(x, axis=-1)  # type: ignore[no-any-return]


def _inverse_gaps(differences: Tensor) -> Tensor:
    """1 over each difference, zero on the diagonal; a repeated value leaves 1/0, as it must."""
    eye = np.eye(differences.shape[-1])
    return xp.where(constant(eye == 1), constant(0, "real"), 1 / (differences + constant(eye)))  # type: ignore[no-any-return]


def _eigenvalues_jvp(
    p: Sequence[Tensor], t: Sequence[Tensor | None], out: Tensor, at: Mapping[str, Attr]
) -> Tensor | None:
    if t[0] is None:
        return None
    vectors = xp.eigenvectors(p[0])
    return xp.sum(vectors * (t[0] @ vectors), axis=-2)  # type: ignore[no-any-return]


def _eigenvectors_jvp(
    p: Sequence[Tensor], t: Sequence[Tensor | None], out: Tensor, at: Mapping[str, Attr]
) -> Tensor | None:
    if t[0] is None:
        return None
    values = xp.eigenvalues(p[0])
    return out @ (_inverse_gaps(_row(values) - _column(values)) * (turned(out) @ (t[0] @ out)))


of_matrices(
    "eigenvalues",
    Matrices(np.linalg.eigvalsh, matrices.eigenvalues, (2,)),
    lambda s: s[:1],
    _eigenvalues_jvp,
    describe("eigenvalues of a symmetric matrix, ascending.", "v^T dx v for the eigenvector v.",
             "at repeated eigenvalues.", "none needed."),
)  # fmt: skip
of_matrices(
    "eigenvectors",
    Matrices(_eigenvectors_float64, matrices.eigenvectors, (2,)),
    lambda s: s,
    _eigenvectors_jvp,
    describe("orthonormal eigenvectors of a symmetric matrix as columns, eigenvalues ascending.",
             "V times V^T dx V divided by the gaps w_j - w_i.", "at repeated eigenvalues.",
             "signs make the product with (cos 1, ..., cos n) positive."),
)  # fmt: skip


def _triple(a: Values) -> tuple[Values, Values, Values]:
    left, values, right = np.linalg.svd(a, full_matrices=False)
    signs = _oriented(left)
    return left * signs[..., None, :], values, right * signs[..., :, None]


class _Factors:
    """U, s and Vh of one matrix, the tangent seen in their basis, and the inverse gaps of the squares of
    s.
    """

    def __init__(self, x: Tensor, tangent: Tensor) -> None:
        self.left, self.values, self.right = xp.left_singular(x), xp.singular_values(x), xp.right_singular(x)
        self.inner = turned(self.left) @ (tangent @ turned(self.right))
        low, high = _column(self.values), _row(self.values)
        self.gaps = _inverse_gaps((high - low) * (high + low))


def _values_jvp(
    p: Sequence[Tensor], t: Sequence[Tensor | None], out: Tensor, at: Mapping[str, Attr]
) -> Tensor | None:
    return None if t[0] is None else xp.diagonal(_Factors(p[0], t[0]).inner)


def _left_jvp(
    p: Sequence[Tensor], t: Sequence[Tensor | None], out: Tensor, at: Mapping[str, Attr]
) -> Tensor | None:
    if t[0] is None:
        return None
    f = _Factors(p[0], t[0])
    found = out @ (f.gaps * (f.inner * _row(f.values) + _column(f.values) * turned(f.inner)))
    if p[0].shape[-2] > p[0].shape[-1]:
        found = found + (t[0] @ turned(f.right) - out @ f.inner) / _row(f.values)
    return found


def _right_jvp(
    p: Sequence[Tensor], t: Sequence[Tensor | None], out: Tensor, at: Mapping[str, Attr]
) -> Tensor | None:
    if t[0] is None:
        return None
    f = _Factors(p[0], t[0])
    found = -((f.gaps * (_column(f.values) * f.inner + turned(f.inner) * _row(f.values))) @ out)
    if p[0].shape[-1] > p[0].shape[-2]:
        found = found + (turned(f.left) @ t[0] - f.inner @ out) / _column(f.values)
    return found


_SINGULAR = "at repeated or zero singular values."
_SIGNS = "signs make the product of each left vector with (cos 1, ..., cos m) positive."

of_matrices(
    "singular_values",
    Matrices(lambda a: np.linalg.svd(a, compute_uv=False), matrices.singular_values, (2,)),
    lambda s: (min(s),),
    _values_jvp,
    describe("singular values, descending.", "u^T dx v.", _SINGULAR, "none needed."),
    square=False,
)
of_matrices(
    "left_singular",
    Matrices(lambda a: _triple(a)[0], lambda a: matrices.singular_vectors(a, left=True), (2,)),
    lambda s: (s[0], min(s)),
    _left_jvp,
    describe("left singular vectors as columns.", "Townsend (2016), equation 13.", _SINGULAR, _SIGNS),
    square=False,
)
of_matrices(
    "right_singular",
    Matrices(lambda a: _triple(a)[2], lambda a: matrices.singular_vectors(a, left=False), (2,)),
    lambda s: (min(s), s[1]),
    _right_jvp,
    describe("right singular vectors as rows.", "Townsend (2016), equation 15.", _SINGULAR, _SIGNS),
    square=False,
)


def _qr_float64(a: Values) -> tuple[Values, Values]:
    q, r = np.linalg.qr(a)
    signs = np.where(np.diagonal(r, axis1=-2, axis2=-1) < 0, -1.0, 1.0)
    return q * signs[..., None, :], r * signs[..., :, None]


def _tall(shape: Shape) -> None:
    if shape[0] < shape[1]:
        msg = f"qr: expected at least as many rows as columns, found {shape}"
        raise ProgramError(msg)


def _orthogonal_shape(shape: Shape) -> Shape:
    _tall(shape)
    return shape


def _upper_shape(shape: Shape) -> Shape:
    _tall(shape)
    return shape[1], shape[1]


def _qr_parts(q: Tensor, r: Tensor, tangent: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Dx R^-1, Q^T dx R^-1, and the skew matrix Q^T dQ."""
    moved = turned(xp.triangular_system(turned(r), turned(tangent), lower=True))
    inner = turned(q) @ moved
    below = xp.tril(inner, k=-1)
    return moved, inner, below - turned(below)


def _orthogonal_jvp(
    p: Sequence[Tensor], t: Sequence[Tensor | None], out: Tensor, at: Mapping[str, Attr]
) -> Tensor | None:
    if t[0] is None:
        return None
    moved, inner, skew = _qr_parts(out, xp.qr_upper(p[0]), t[0])
    return moved + out @ (skew - inner)


def _upper_jvp(
    p: Sequence[Tensor], t: Sequence[Tensor | None], out: Tensor, at: Mapping[str, Attr]
) -> Tensor | None:
    if t[0] is None:
        return None
    _, inner, skew = _qr_parts(xp.qr_orthogonal(p[0]), out, t[0])
    return (inner - skew) @ out


of_matrices(
    "qr_orthogonal",
    Matrices(lambda a: _qr_float64(a)[0], matrices.qr_orthogonal, (2,)),
    _orthogonal_shape,
    _orthogonal_jvp,
    describe("Q of x = Q R.", "dx R^-1 + Q (O - Q^T dx R^-1), O the skew matrix with its lower triangle.",
             "at a rank below the number of columns.", "the diagonal of R is positive."),
    square=False,
)  # fmt: skip
of_matrices(
    "qr_upper",
    Matrices(lambda a: _qr_float64(a)[1], matrices.qr_upper, (2,)),
    _upper_shape,
    _upper_jvp,
    describe("R of x = Q R.", "(Q^T dx R^-1 - O) R, O as for Q.", "at a rank below the number of columns.",
             "the diagonal of R is positive."),
    square=False,
)  # fmt: skip
