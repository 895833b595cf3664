"""Sums and matrix products of balls, in which structural zeros absorb what they meet."""

from __future__ import annotations

from typing import Any

import numpy as np
from flint import arb_mat

from reference_engine.arithmetic import Values
from reference_engine.arithmetic.elements import ZERO, StructuralZero, all_plain


def product(left: Values, right: Values) -> Values:
    """The product of two matrices; element by element where a NaN or an infinity must be absorbed."""
    rows, inner = left.shape
    columns = right.shape[1]
    if inner == 0:
        return np.full((rows, columns), ZERO, dtype=object)
    out = np.empty((rows, columns), dtype=object)
    if _any_nonfinite(left) or _any_nonfinite(right):
        for place in np.ndindex(out.shape):
            out[place] = _dot(left[place[0]], right[:, place[1]])
        return out
    first = arb_mat(rows, inner, all_plain(left).ravel().tolist())
    second = arb_mat(inner, columns, all_plain(right).ravel().tolist())
    out.ravel()[:] = (first * second).entries()
    if _any_zero(left) or _any_zero(right):
        out[_nowhere(left, right)] = ZERO
    return out


def placed(x: Values, index: Values, size: int) -> Values:
    """``x`` (flat) added into structural zeros at ``index``; negative places are dropped."""
    out: list[Any] = [ZERO] * size
    for i, v in zip(index.tolist(), x.tolist(), strict=True):
        if i >= 0:
            out[i] = v if out[i] is ZERO else out[i] + v
    result = np.empty(size, dtype=object)
    result[:] = out
    return result


def _any_zero(x: Values) -> bool:
    return StructuralZero in set(map(type, x.ravel().tolist()))


def _nowhere(left: Values, right: Values) -> Values:
    """Where every product in a row times a column has a structural zero in it, and so the sum is one."""
    some = [
        np.array([v is not ZERO for v in x.ravel()], dtype=np.int64).reshape(x.shape) for x in (left, right)
    ]
    return np.asarray(some[0] @ some[1] == 0)


def _any_nonfinite(x: Values) -> bool:
    return any(v is not ZERO and not v.is_finite() for v in x.ravel().tolist())


def _dot(a: Values, b: Values) -> Any:
    total: Any = ZERO
    for x, y in zip(a, b, strict=True):
        total = total + x * y
    return total
