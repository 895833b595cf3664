"""Balls as text that is literally true: what is printed, with its radius, encloses the exact value."""

from __future__ import annotations

from decimal import ROUND_CEILING, Context, Decimal
from fractions import Fraction
from typing import Any

import numpy as np
from flint import arb, fmpq

from reference_engine.arithmetic import Values, truth
from reference_engine.arithmetic.balls import plain, precision
from reference_engine.program import Kind

SHOWN = 1000
"""Tensors of more elements are abbreviated, three elements at either end of an axis."""

PRINTING_BITS = 8192
"""Enough to subtract a printed decimal from a ball of any working precision without a visible error."""


def describe_ball(ball: arb) -> tuple[str, str | None]:
    """Decimal digits and a radius; no radius for exactly one float64, printed as its shortest decimal.

    >>> describe_ball(arb(-2)), describe_ball(arb("nan"))
    (('-2.', None), ('nan', None))
    """
    if ball.is_nan() or not ball.is_finite():
        exact_infinity = ball.is_exact() and not ball.is_nan()
        return (("inf" if ball > 0 else "-inf") if exact_infinity else "nan"), None
    near = float(ball.mid())
    if not np.isfinite(near):
        return f"{'-' if near < 0 else ''}1.8e308 or beyond", None
    text = repr(near)
    if ball == arb(near):
        return _short(text), None
    with precision(PRINTING_BITS):
        decimal = Fraction(text)
        distance = (ball - arb(fmpq(decimal.numerator, decimal.denominator))).abs_upper()
    return _short(text), upward(distance)


def upward(radius: arb) -> str:
    """Two significant digits of a positive number, rounded up.

    >>> upward(arb(1) / 3)
    '0.34'
    """
    digits = radius.abs_upper().str(20, radius=False)
    coarse = Context(prec=2, rounding=ROUND_CEILING).create_decimal(digits)
    step = Context(prec=2, rounding=ROUND_CEILING).next_plus(coarse)
    chosen = coarse if radius <= arb(fmpq(*Fraction(coarse).as_integer_ratio())) else step
    return f"{chosen:.1e}" if chosen < Decimal("1e-3") else f"{chosen:f}"


def _short(text: str) -> str:
    """A float as torch prints it: ``1.`` for ``1.0``."""
    return text.removesuffix("0") if text.endswith(".0") else text


def describe_value(values: Values, kind: Kind) -> str:
    """A tensor's elements in nested brackets, and one radius that holds for all of them."""
    radii: list[str] = []

    def element(value: Any) -> str:
        match kind:
            case "real":
                text, radius = describe_ball(plain(value))
                if radius is not None:
                    radii.append(radius)
                return text
            case "int":
                return str(int(value))
            case "bool":
                code = np.asarray(value, dtype=np.uint8)
                return "unknown" if truth.undecided(code) else str(bool(truth.here(code)))

    body = _nested(values, element, edge=3 if values.size > SHOWN else None)
    return f"{body} ± {max(radii, key=Decimal)}" if radii else body


def _nested(values: Values, element: Any, edge: int | None) -> str:
    if values.ndim == 0:
        return str(element(values[()]))
    rows = [_nested(np.asarray(values[i]), element, edge) for i in _places(len(values), edge)]
    if edge is not None and len(values) > 2 * edge:
        rows.insert(edge, "...")
    separator = ",\n " if values.ndim > 1 else ", "
    return "[" + separator.join(rows).replace("\n", "\n " if values.ndim > 2 else "\n") + "]"


def _places(length: int, edge: int | None) -> list[int]:
    if edge is None or length <= 2 * edge:
        return list(range(length))
    return [*range(edge), *range(length - edge, length)]
