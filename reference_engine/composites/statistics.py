"""Variance, median, norms and what is scaled by them."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np

from reference_engine.composites.reductions import Axis, axes_last, real
from reference_engine.operations import composite
from reference_engine.primitives.define import normalize_axes
from reference_engine.program import ProgramError, literal
from reference_engine.trace import Tensor, constant, xp


def deviations(x: Tensor, axes: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    """The deviations from the mean over ``axes``, and their squares up to terms that sum to zero.

    The squares are (x - mean)(x - s) with a constant s = mean: the sum does not depend on s. Its derivative
    is then computed as the textbook's, 2 (x - mean), with the rounding error of the mean in it. Through
    (x - mean)^2 the chain rule would subtract that error again and promise more digits than kernels have.
    """
    mean = xp.mean(x, axis=axes, keepdims=True)
    centered = x - mean
    return centered, centered * (x - xp.stop_gradient(mean))


@composite("reduction", call={"x": "... N", "axis": (-1, None), "correction": (0, 1)})
def var(x: Tensor, axis: Axis = None, correction: float = 0, keepdims: bool = False) -> Tensor:
    """Definition: the sum of squared deviations from the mean over axes, divided by n - correction.

    Derivative: 2 (x - mean(x)) / (n - correction).
    Where it is not differentiable: nowhere.
    Conventions: the Array API, numpy and JAX have correction 0 by default, torch 1.
    """
    axes = normalize_axes("var", axis, x.ndim)
    x = real(x)
    count = int(np.prod([x.shape[a] for a in axes], dtype=np.int64))
    divisor = max(literal(count) - literal(correction), 0)
    return xp.sum(deviations(x, axes)[1], axis=axes, keepdims=keepdims) / divisor  # type: ignore[no-any-return]


@composite("reduction", call={"x": "... N", "axis": (-1, None), "correction": (0, 1)})
def std(x: Tensor, axis: Axis = None, correction: float = 0, keepdims: bool = False) -> Tensor:
    """Definition: the square root of the variance.

    Derivative: (x - mean(x)) / ((n - correction) std(x)).
    Where it is not differentiable: where all elements are equal.
    Conventions: the Array API, numpy and JAX have correction 0 by default, torch 1; for equal elements torch
    gives 0 and JAX NaN.
    """
    return xp.sqrt(xp.var(x, axis=axis, correction=correction, keepdims=keepdims))  # type: ignore[no-any-return]


@composite("reduction", kinks=(0.0,), call={"x": "... n", "method": ("lower", "midpoint")})
def median(x: Tensor, axis: int | None = None, keepdims: bool = False, method: str = "lower") -> Tensor:
    """Definition: the middle element in order; of an even number the "lower" one or the "midpoint" of both.

    Derivative: 1 for the middle element, or one half for each of the two.
    Where it is not differentiable: where the middle element is tied.
    Conventions: torch takes the lower one, numpy and JAX the midpoint; at a tie torch shares evenly over all
    axes but takes one place along one axis, as JAX does.
    """
    axes = normalize_axes("median", axis, x.ndim)
    rows = xp.sort(axes_last(real(x), axes), axis=-1)
    n = rows.shape[-1]
    if n == 0:
        msg = "the median of zero elements does not exist"
        raise ProgramError(msg)
    low, high = rows[..., (n - 1) // 2], rows[..., n // 2]
    match method:
        case "lower":
            middle = low
        case "midpoint":
            middle = low if n % 2 else (low + high) / 2
        case _:
            msg = f"median: method must be 'lower' or 'midpoint', found {method!r}"
            raise ProgramError(msg)
    if not keepdims:
        return middle  # type: ignore[no-any-return]
    return xp.reshape(middle, shape=tuple(1 if i in axes else n for i, n in enumerate(x.shape)))  # type: ignore[no-any-return]


@composite(
    "reduction",
    kinks=(0.0,),
    call=(
        {"x": "... n", "ord": (2, 1, 3, 4, 2.5, "inf", "-inf"), "axis": (-1,)},
        {"x": "n k", "ord": ("fro",), "axis": ((-2, -1),)},
    ),
)
def norm(x: Tensor, ord: float | str = 2, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Definition: (sum of |x|^ord)^(1/ord) over axes; ord may be infinite ("inf", "-inf"), 0 (how many are
    not 0), or "fro", the same as 2 over the two axes of a matrix.

    Derivative: sign(x) (|x| / norm)^(ord - 1).
    Where it is not differentiable: at x = 0; for ord 1 where an element is 0; for infinite ord at ties.
    Conventions: torch gives 0 at x = 0, JAX gives NaN there for ord 2 and above.
    """
    x = real(x)
    power = {"fro": 2.0, "inf": math.inf, "-inf": -math.inf}.get(ord) if isinstance(ord, str) else float(ord)
    if power is None:
        msg = f"norm: ord must be a number, 'fro', 'inf' or '-inf', found {ord!r}"
        raise ProgramError(msg)
    if power == math.inf:
        return xp.max(abs(x), axis=axis, keepdims=keepdims)  # type: ignore[no-any-return]
    if power == -math.inf:
        return xp.min(abs(x), axis=axis, keepdims=keepdims)  # type: ignore[no-any-return]
    if power == 0:
        return xp.sum(xp.where(x == 0, 0, constant(1, "real")), axis=axis, keepdims=keepdims)  # type: ignore[no-any-return]
    if power == 1:
        return xp.sum(abs(x), axis=axis, keepdims=keepdims)  # type: ignore[no-any-return]
    if power == 2:
        return xp.sqrt(xp.sum(x * x, axis=axis, keepdims=keepdims))  # type: ignore[no-any-return]
    exact = Fraction(literal(power))
    size = x if exact % 2 == 0 else abs(x)
    return xp.sum(size ** constant(exact), axis=axis, keepdims=keepdims) ** constant(1 / exact)  # type: ignore[no-any-return]


@composite("reduction", kinks=(0.0,), call={"x": "b n ...", "p": (2, 1), "axis": (1,)})
def normalize(x: Tensor, p: float | str = 2, axis: Axis = 1, eps: float = 1e-12) -> Tensor:
    """Definition: x / max(norm(x), eps).

    Derivative: of the quotient: (c - y sum(c y)) / norm(x) for p = 2 and cotangent c.
    Where it is not differentiable: as the norm, and where the norm is eps.
    Conventions: none needed.
    """
    return x / xp.maximum(xp.norm(x, ord=p, axis=axis, keepdims=True), eps)  # type: ignore[no-any-return]


@composite("reduction", kinks=(0.0,), call={"x1": "b n", "x2": "b n", "axis": (1, 0)})
def cosine_similarity(x1: Tensor, x2: Tensor, axis: int = 1, eps: float = 1e-8) -> Tensor:
    """Definition: the sum of products divided by max(norm(x1), eps) max(norm(x2), eps).

    Derivative: (y2 - s y1) / norm(x1) for x1, with y the normalized vectors and s the similarity; alike for
    x2.
    Where it is not differentiable: where a norm is eps.
    Conventions: releases of torch differ in where eps enters.
    """
    y1 = xp.normalize(x1, p=2, axis=axis, eps=eps)
    y2 = xp.normalize(x2, p=2, axis=axis, eps=eps)
    return xp.sum(y1 * y2, axis=axis)  # type: ignore[no-any-return]
