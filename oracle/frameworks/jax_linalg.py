"""Our operations as JAX's own: products of matrices and linear algebra.

Where a factor is free up to signs, they are turned to those of the operation's definition; the signs are
constants, so JAX's derivative is what is judged.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import jax.scipy.linalg as jsl

from oracle.frameworks.interpret import Call


def _signs(columns: Any) -> Any:
    """-1 for each column whose product with (cos 1, ..., cos n) is negative, else 1."""
    reference = jnp.cos(jnp.arange(1, columns.shape[-2] + 1, dtype=columns.dtype))
    return jnp.where(reference @ jax.lax.stop_gradient(columns) < 0, -1, 1).astype(columns.dtype)


def _eigh(x: Any) -> tuple[Any, Any]:
    values, vectors = jnp.linalg.eigh(x)
    return values, vectors * _signs(vectors)[..., None, :]


def _svd(x: Any) -> tuple[Any, Any, Any]:
    left, values, right = jnp.linalg.svd(x, full_matrices=False)
    signs = _signs(left)
    return left * signs[..., None, :], values, right * signs[..., :, None]


def _qr(x: Any) -> tuple[Any, Any]:
    q, r = jnp.linalg.qr(x)
    diagonal = jax.lax.stop_gradient(jnp.diagonal(r, 0, -2, -1))
    signs = jnp.where(diagonal < 0, -1, 1).astype(r.dtype)
    return q * signs[..., None, :], r * signs[..., :, None]


def _solve_triangular(x1: Any, x2: Any, upper: bool, unitriangular: bool) -> Any:
    right = x2[:, None] if x2.ndim == 1 else x2
    stack = jnp.broadcast_shapes(x1.shape[:-2], right.shape[:-2])
    a, b = (jnp.broadcast_to(m, stack + m.shape[-2:]) for m in (x1, right))
    found = jsl.solve_triangular(a, b, lower=not upper, unit_diagonal=unitriangular)
    return found[..., 0] if x2.ndim == 1 else found


LINALG: Mapping[str, Call] = {
    "matmul": lambda x1, x2: x1 @ x2,
    "einsum": lambda subscripts, operands: jnp.einsum(subscripts, *operands),
    "tensordot": lambda x1, x2, axes: jnp.tensordot(x1, x2, axes=axes),
    "outer": lambda x1, x2: jnp.outer(x1, x2),
    "vecdot": lambda x1, x2, axis: jnp.linalg.vecdot(x1, x2, axis=axis),
    "cross": lambda x1, x2, axis: jnp.linalg.cross(x1, x2, axis=axis),
    "trace": lambda x, offset: jnp.trace(x, offset, -2, -1),
    "det": lambda x: jnp.linalg.det(x),
    "slogdet": lambda x: tuple(jnp.linalg.slogdet(x)),
    "inv": lambda x: jnp.linalg.inv(x),
    "solve": lambda x1, x2: jnp.linalg.solve(x1, x2),
    "solve_triangular": _solve_triangular,
    "cholesky": lambda x, upper: jnp.linalg.cholesky(x, upper=upper),
    "eigh": _eigh,
    "eigvalsh": lambda x: jnp.linalg.eigvalsh(x),
    "svd": _svd,
    "svdvals": lambda x: jnp.linalg.svdvals(x),
    "qr": _qr,
    "matrix_exp": lambda x: jsl.expm(x),
}
"""The operations of this module by our name."""
