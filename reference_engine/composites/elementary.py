"""Elementwise functions that are short programs over others."""

from __future__ import annotations

from reference_engine.operations import composite
from reference_engine.trace import Tensor, constant, xp


@composite("constants")
def pi() -> Tensor:
    """Definition: the ratio of a circle's circumference to its diameter, as 4 atan(1).

    Derivative: none.
    Where it is not differentiable: nowhere.
    Conventions: none needed.
    """
    return xp.atan(constant(1, "real")) * 4  # type: ignore[no-any-return]


@composite("constants")
def e() -> Tensor:
    """Definition: the base of the natural logarithm, exp(1).

    Derivative: none.
    Where it is not differentiable: nowhere.
    Conventions: none needed.
    """
    return xp.exp(constant(1, "real"))  # type: ignore[no-any-return]


@composite("arithmetic", call={"x": "* number"})
def positive(x: Tensor) -> Tensor:
    """Definition: x.

    Derivative: 1.
    Where it is not differentiable: nowhere.
    Conventions: none needed.
    """
    return x


@composite("elementwise")
def square(x: Tensor) -> Tensor:
    """Definition: x * x.

    Derivative: 2 x.
    Where it is not differentiable: nowhere.
    Conventions: none needed.
    """
    return x * x


@composite("elementwise", call={"x": "* moderate"})
def exp2(x: Tensor) -> Tensor:
    """Definition: 2 to the power x.

    Derivative: 2^x log(2).
    Where it is not differentiable: nowhere.
    Conventions: none needed.
    """
    return constant(2, "real") ** x


@composite("elementwise", call={"x": "* positive"})
def log2(x: Tensor) -> Tensor:
    """Definition: log(x)/log(2).

    Derivative: 1/(x log(2)).
    Where it is not differentiable: at 0 (pole).
    Conventions: none needed.
    """
    return xp.log(x) / xp.log(constant(2, "real"))  # type: ignore[no-any-return]


@composite("elementwise", call={"x": "* positive"})
def log10(x: Tensor) -> Tensor:
    """Definition: log(x)/log(10).

    Derivative: 1/(x log(10)).
    Where it is not differentiable: at 0 (pole).
    Conventions: none needed.
    """
    return xp.log(x) / xp.log(constant(10, "real"))  # type: ignore[no-any-return]


@composite("elementwise")
def logaddexp(x1: Tensor, x2: Tensor) -> Tensor:
    """Definition: log(exp(x1) + exp(x2)), as m + log1p of the smaller term over exp(m), m the larger of x1
    and x2.

    Derivative: sigmoid(x1 - x2) for x1, sigmoid(x2 - x1) for x2.
    Where it is not differentiable: nowhere.
    Conventions: none needed.
    """
    m, low = (xp.stop_gradient(f(x1, x2)) for f in (xp.maximum, xp.minimum))
    terms = xp.exp(x1 - m) + xp.exp(x2 - m)
    # The value stands in the first two summands, exact to the last bit also where log(terms) would cancel;
    # the third is 0 and has the derivative, without the kink that m and low have at x1 = x2.
    return m + xp.log1p(xp.exp(low - m)) + xp.log(terms / xp.stop_gradient(terms))  # type: ignore[no-any-return]


@composite("elementwise")
def hypot(x1: Tensor, x2: Tensor) -> Tensor:
    """Definition: sqrt(x1^2 + x2^2).

    Derivative: x1/hypot for x1, x2/hypot for x2.
    Where it is not differentiable: at the origin: any point of the unit disk.
    Conventions: none needed.
    """
    return xp.sqrt(x1 * x1 + x2 * x2)  # type: ignore[no-any-return]


@composite("arithmetic", call={"x1": "*", "x2": "* positive"})
def floor_divide(x1: Tensor, x2: Tensor) -> Tensor:
    """Definition: the largest integer <= x1/x2.

    Derivative: 0.
    Where it is not differentiable: it jumps where x1/x2 is an integer.
    Conventions: frameworks give 0 at the jumps too.
    """
    if x1.kind == "int" and x2.kind == "int":
        return xp.integer_quotient(x1, x2)  # type: ignore[no-any-return]
    return xp.floor(x1 / x2)  # type: ignore[no-any-return]


@composite("arithmetic", call={"x1": "*", "x2": "* positive"})
def remainder(x1: Tensor, x2: Tensor) -> Tensor:
    """Definition: x1 - x2 floor(x1/x2), which has the sign of x2.

    Derivative: 1 for x1, -floor(x1/x2) for x2.
    Where it is not differentiable: it jumps where x1/x2 is an integer.
    Conventions: frameworks give the one-sided derivative at the jumps.
    """
    return x1 - x2 * xp.floor_divide(x1, x2)  # type: ignore[no-any-return]


@composite("selection", kinks=(0.0,), call={"x": "...", "min": (-1.0, 0.0, None), "max": (1.0, 0.5)})
def clip(x: Tensor, min: Tensor | None = None, max: Tensor | None = None) -> Tensor:
    """Definition: x limited to [min, max], as minimum(maximum(x, min), max).

    Derivative: 1 inside, 0 outside; a bound that is taken gets 1.
    Where it is not differentiable: at the bounds: any slope in [0, 1].
    Conventions: torch gives x slope 1 at a bound, JAX one half.
    """
    above = x if min is None else xp.maximum(x, min)
    return above if max is None else xp.minimum(above, max)
