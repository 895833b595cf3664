"""Enclosed values as a person writes them: few digits, intervals where a slope is free, long tensors cut."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from reference_engine.arithmetic import Values, truth
from reference_engine.arithmetic.balls import plain
from reference_engine.eager_text import describe_ball
from reference_engine.program import Kind

DIGITS = 6
"""Significant digits of a shown number."""

WIDE = 1e-6
"""Relative radius from which a ball is shown as an interval; as a size, what counts as zero there."""

SHOWN, EDGE = 6, 2
"""Tensors of more elements are cut; the number of elements kept at the start of each axis."""


def short(value: Any) -> str:
    """One enclosed number in few digits.

    >>> from flint import arb
    >>> short(arb(-2)), short(arb(1) / 3), short(arb(1).union(arb(0))), short(arb("nan"))
    ('-2', '0.333333', '[0, 1]', 'undefined')
    """
    ball = plain(value)
    if ball.is_nan():
        return "undefined"
    if not ball.is_finite():
        return str(float(ball)) if ball.is_exact() else "unbounded"
    middle, radius = float(ball.mid()), float(ball.rad())
    if radius > WIDE * max(abs(middle), WIDE):
        low, high = (round(v, DIGITS) + 0.0 for v in (middle - radius, middle + radius))
        return f"[{low:.{DIGITS}g}, {high:.{DIGITS}g}]"
    return f"{middle:.{DIGITS}g}"


def show(values: Values, kind: Kind = "real") -> str:
    """A tensor on one line, cut where it is long.

    >>> show(np.arange(4), "int"), show(np.arange(300).reshape(30, 10), "int")
    ('[0, 1, 2, 3]', '[[0, 1, ...], [10, 11, ...], ...]')
    """
    match kind:
        case "real":
            element: Callable[[Any], str] = short
        case "int":
            element = _integer
        case "bool":
            element = _truth
    return _nested(values, element, cut=values.size > SHOWN)


def in_full(value: Any) -> str:
    """One enclosed number with all its digits and what is left open.

    >>> from flint import arb
    >>> in_full(arb(-2))
    '-2 exactly'
    """
    digits, radius = describe_ball(plain(value))
    if radius is None:
        return f"{digits.removesuffix('.')} exactly" if plain(value).is_finite() else "undefined"
    return f"{digits.removesuffix('.')} ± {radius}"


def _integer(value: Any) -> str:
    return str(int(value))


def _truth(value: Any) -> str:
    code = np.asarray(value, dtype=np.uint8)
    return "unknown" if truth.undecided(code) else str(bool(truth.here(code)))


def _nested(values: Values, element: Callable[[Any], str], *, cut: bool) -> str:
    if values.ndim == 0:
        return element(values[()])
    length = min(len(values), EDGE) if cut and len(values) > EDGE + 1 else len(values)
    parts = [_nested(np.asarray(values[i]), element, cut=cut) for i in range(length)]
    if length < len(values):
        parts.append("...")
    return f"[{', '.join(parts)}]"
