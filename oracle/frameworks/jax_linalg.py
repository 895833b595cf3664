"""Our operations as JAX's own: products of matrices and linear algebra."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
import jax.scipy.linalg as jsl

from oracle.frameworks.interpret import Call


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
    "eigh": lambda x: tuple(jnp.linalg.eigh(x)),
    "eigvalsh": lambda x: jnp.linalg.eigvalsh(x),
    "svd": lambda x: tuple(jnp.linalg.svd(x, full_matrices=False)),
    "svdvals": lambda x: jnp.linalg.svdvals(x),
    "qr": lambda x: tuple(jnp.linalg.qr(x)),
    "matrix_exp": lambda x: jsl.expm(x),
}
"""The operations of this module by our name."""
