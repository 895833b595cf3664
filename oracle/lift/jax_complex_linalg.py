"""JAX's complex factorizations and systems, by way of real matrices of twice the size."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from oracle.lift.complex_matrices import doubled, halved, solved, triangle, turned
from oracle.lift.complex_numbers import Complex, Symbol, each
from oracle.lift.jax_call import Call, Lowering
from oracle.lift.jax_linalg import LINALG, reduced
from reference_engine.trace import constant, xp


def _cholesky(call: Call) -> Symbol:
    """Of the Hermitian matrix whose lower triangle is given; the diagonal's imaginary part is not read."""
    z = call.pair
    below = each(lambda part: xp.tril(part, k=-1), z)
    across = Complex(xp.tril(z.re) + below.re.mT, below.im - below.im.mT)
    return halved(xp.cholesky(doubled(across)))


def _triangular_solve(call: Call) -> Symbol:
    """By elimination in general, of what is read: JAX looks at one triangle only."""
    a, b = (v.pair for v in call.inputs)
    p = call.params
    a = triangle(a, upper=not p["lower"], unit=p["unit_diagonal"])
    a = Complex(a.re, -a.im) if p["conjugate_a"] else a
    a = turned(a) if p["transpose_a"] else a
    return solved(a, b) if p["left_side"] else turned(solved(turned(a), turned(b)))


def _qr(call: Call) -> list[Symbol | None]:
    """Signs are JAX's; the diagonal of its upper factor is real."""
    reduced(call)
    q, r = (halved(part) for part in xp.qr(doubled(call.pair)))
    found = np.asarray(call.run([call.inputs[0].concrete])[1]).real.astype(np.float64)
    signs = constant(np.where(np.diagonal(found, axis1=-2, axis2=-1) < 0, -1.0, 1.0))
    return [
        each(lambda part: part * signs[..., None, :], q),
        each(lambda part: part * signs[..., :, None], r),
    ]


COMPLEX_LINALG: Mapping[str, Lowering] = {
    "cholesky": _cholesky,
    "triangular_solve": _triangular_solve,
    "qr": _qr,
    "lu": LINALG["lu"],
}
"""``eigh`` and ``svd`` are missing: their complex vectors are free by a phase each."""
