"""Complex systems and factorizations by way of real matrices of twice the size.

A number a + ib is the matrix [[a, -b], [b, a]]; with each number in its place a product stays a product. What
has a real diagonal stays triangular, so that factors of the real matrix are those of the complex one.
"""

from __future__ import annotations

import numpy as np

from oracle.lift.complex_numbers import Complex, each, mul
from reference_engine.trace import Tensor, constant, xp


def doubled(z: Complex) -> Tensor:
    """The real matrix, shape (..., 2 rows, 2 columns)."""
    *stack, rows, columns = z.shape
    top, bottom = xp.stack([z.re, -z.im], axis=-1), xp.stack([z.im, z.re], axis=-1)
    return xp.reshape(xp.stack([top, bottom], axis=-3), shape=(*stack, 2 * rows, 2 * columns))  # type: ignore[no-any-return]


def halved(x: Tensor) -> Complex:
    """The complex matrix of a real one of that form."""
    return Complex(x[..., ::2, ::2], x[..., 1::2, ::2])


def solved(a: Complex, b: Complex) -> Complex:
    """The x with a x = b."""
    n = b.shape[-2]
    rows = [xp.concatenate([a.re, -a.im], axis=-1), xp.concatenate([a.im, a.re], axis=-1)]
    both = xp.solve(xp.concatenate(rows, axis=-2), xp.concatenate([b.re, b.im], axis=-2))
    return Complex(both[..., :n, :], both[..., n:, :])


def turned(z: Complex) -> Complex:
    """The transpose, not conjugated."""
    return each(xp.matrix_transpose, z)


def adjoint(z: Complex) -> Complex:
    """The conjugate transpose."""
    return Complex(xp.matrix_transpose(z.re), -xp.matrix_transpose(z.im))


def triangle(z: Complex, *, upper: bool, unit: bool) -> Complex:
    """One triangle, zeros in the other; ``unit`` puts ones on the diagonal."""
    kept = (lambda part: xp.triu(part, k=int(unit))) if upper else (lambda part: xp.tril(part, k=-int(unit)))
    found = each(kept, z)
    return Complex(found.re + constant(np.eye(z.shape[-2], z.shape[-1])), found.im) if unit else found


def eliminated(a: Complex, order: np.ndarray) -> tuple[Complex, Complex]:
    """Unit lower L and upper U with L U the rows of ``a`` in ``order`` (of whole numbers, stack by stack)."""
    m, n = a.shape[-2:]
    places = constant(np.broadcast_to(order[..., None], a.shape).copy())
    left = each(lambda part: xp.take_along_axis(part, places, axis=-2), a)
    columns, rows = [], []
    for k in range(min(m, n)):
        past = constant(np.arange(n)[None, :] >= k)
        row = each(lambda part, past=past: xp.where(past, part, 0), left[..., k : k + 1, :])  # type: ignore[misc]
        below = constant(np.arange(m)[:, None] >= k)
        quotient = left[..., :, k : k + 1] / row[..., :, k : k + 1]
        column = each(lambda part, below=below: xp.where(below, part, 0), quotient)  # type: ignore[misc]
        columns.append(column)
        rows.append(row)
        left = left - mul(column, row)
    lower, upper = (
        Complex(*(xp.concatenate([getattr(p, k) for p in parts], axis=axis) for k in ("re", "im")))
        for parts, axis in ((columns, -1), (rows, -2))
    )
    return lower, upper
