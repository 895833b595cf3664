"""Our operations as torch's own: products of matrices and linear algebra.

Functions of the symmetric part get it: torch itself reads one triangle only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from oracle.frameworks.interpret import Call


def _einsum(subscripts: str, operands: Sequence[Any]) -> Any:
    return torch.einsum(subscripts, *operands)


def _solve(x1: Any, x2: Any) -> Any:
    """Torch would take a stack of vectors where ours is a matrix for all of a stack."""
    if x2.ndim == 1:
        # Spelled out for a stack of matrices, because torch broadcasts no lone vector.
        return torch.linalg.solve(x1, x2) if x1.ndim == 2 else torch.linalg.solve(x1, x2[:, None])[..., 0]
    return torch.linalg.solve(x1, x2.expand(*x1.shape[:-2], *x2.shape[-2:]) if x2.ndim < x1.ndim else x2)


def _solve_triangular(x1: Any, x2: Any, upper: bool, unitriangular: bool) -> Any:
    right = x2[:, None] if x2.ndim == 1 else x2
    found = torch.linalg.solve_triangular(x1, right, upper=upper, unitriangular=unitriangular)
    return found[..., 0] if x2.ndim == 1 else found


def _symmetric(x: Any) -> Any:
    return (x + x.mT) / 2


def _trace(x: Any, offset: int) -> Any:
    if x.ndim == 2 and offset == 0:
        return torch.trace(x)
    return torch.diagonal(x, offset, -2, -1).sum(-1)


LINALG: Mapping[str, Call] = {
    "matmul": lambda x1, x2: x1 @ x2,
    "einsum": _einsum,
    "tensordot": lambda x1, x2, axes: torch.tensordot(x1, x2, dims=axes),
    "outer": lambda x1, x2: torch.outer(x1, x2),
    "vecdot": lambda x1, x2, axis: torch.linalg.vecdot(x1, x2, dim=axis),
    "cross": lambda x1, x2, axis: torch.linalg.cross(x1, x2, dim=axis),
    "trace": _trace,
    "det": lambda x: torch.linalg.det(x),
    "slogdet": lambda x: tuple(torch.linalg.slogdet(x)),
    "inv": lambda x: torch.linalg.inv(x),
    "solve": _solve,
    "solve_triangular": _solve_triangular,
    "cholesky": lambda x, upper: torch.linalg.cholesky(_symmetric(x), upper=upper),
    "eigh": lambda x: tuple(torch.linalg.eigh(_symmetric(x))),
    "eigvalsh": lambda x: torch.linalg.eigvalsh(_symmetric(x)),
    "svd": lambda x: tuple(torch.linalg.svd(x, full_matrices=False)),
    "svdvals": lambda x: torch.linalg.svdvals(x),
    "qr": lambda x: tuple(torch.linalg.qr(x)),
    "matrix_exp": lambda x: torch.linalg.matrix_exp(x),
}
"""The operations of this module by our name."""
