"""Exponentials, logarithms, roots, trigonometric and hyperbolic functions."""

from __future__ import annotations

from typing import Any

import numpy as np
from flint import arb

from reference_engine.arithmetic import Elementwise
from reference_engine.operations import Domain
from reference_engine.primitives.define import elementwise
from reference_engine.trace import xp

POSITIVE = Domain(low=0.0, ordinary=(0.2, 3.0))
UNIT = Domain(low=-1.0, high=1.0, ordinary=(-0.9, 0.9))


def _cbrt(x: Any) -> Any:
    return -((-x).root(3)) if x < 0 else x.root(3)


elementwise(
    "exp", Elementwise(np.exp, arb.exp, lambda s: s.exp()), [lambda x, y: y],
    definition="e to the power x.", derivative="exp(x), the result itself.",
)  # fmt: skip
elementwise(
    "expm1", Elementwise(np.expm1, arb.expm1, lambda s: s.exp() - 1), [lambda x, y: y + 1],
    definition="exp(x) - 1.", derivative="exp(x), computed as the result + 1.",
)  # fmt: skip
elementwise(
    "log", Elementwise(np.log, arb.log, lambda s: s.log()), [lambda x, y: 1 / x],
    definition="natural logarithm.", derivative="1/x.", not_differentiable="at 0 (pole).",
    domains=[POSITIVE], poles=(0.0,),
)  # fmt: skip
elementwise(
    "log1p", Elementwise(np.log1p, arb.log1p, lambda s: (s + 1).log()), [lambda x, y: 1 / (x + 1)],
    definition="log(1 + x).", derivative="1/(1 + x).", not_differentiable="at -1 (pole).",
    domains=[Domain(low=-1.0, ordinary=(-0.5, 2.0))], poles=(-1.0,),
)  # fmt: skip
elementwise(
    "sqrt", Elementwise(np.sqrt, arb.sqrt, lambda s: s.sqrt()), [lambda x, y: 1 / (y * 2)],
    definition="square root.", derivative="1/(2 sqrt(x)).", not_differentiable="at 0: infinite slope.",
    domains=[POSITIVE], poles=(0.0,),
)  # fmt: skip
elementwise(
    "rsqrt", Elementwise(lambda x: 1 / np.sqrt(x), arb.rsqrt, lambda s: s.rsqrt()),
    [lambda x, y: y / x * xp.constant("-0.5")],
    definition="1/sqrt(x).", derivative="-1/(2 x sqrt(x)).", not_differentiable="at 0 (pole).",
    domains=[POSITIVE], poles=(0.0,),
)  # fmt: skip
elementwise(
    "cbrt", Elementwise(np.cbrt, _cbrt, lambda s: s ** (arb(1) / 3)), [lambda x, y: 1 / (y * y * 3)],
    definition="real cube root.", derivative="1/(3 cbrt(x)^2).", not_differentiable="at 0: infinite slope.",
    domains=[POSITIVE], poles=(0.0,),
)  # fmt: skip
elementwise(
    "sin", Elementwise(np.sin, arb.sin, lambda s: s.sin()), [lambda x, y: xp.cos(x)],
    definition="sine.", derivative="cos(x).",
)  # fmt: skip
elementwise(
    "cos", Elementwise(np.cos, arb.cos, lambda s: s.cos()), [lambda x, y: -xp.sin(x)],
    definition="cosine.", derivative="-sin(x).",
)  # fmt: skip
elementwise(
    "tan", Elementwise(np.tan, arb.tan, lambda s: s.tan()), [lambda x, y: y * y + 1],
    definition="tangent.", derivative="1 + tan(x)^2.", not_differentiable="at odd multiples of pi/2 (poles).",
    domains=[Domain(ordinary=(-1.2, 1.2))],
)  # fmt: skip
elementwise(
    "asin", Elementwise(np.arcsin, arb.asin, lambda s: s.asin()), [lambda x, y: xp.rsqrt(1 - x * x)],
    definition="inverse sine.", derivative="1/sqrt(1 - x^2).",
    not_differentiable="at -1 and 1: infinite slope.",
    domains=[UNIT], poles=(-1.0, 1.0),
)  # fmt: skip
elementwise(
    "acos", Elementwise(np.arccos, arb.acos, lambda s: s.acos()), [lambda x, y: -xp.rsqrt(1 - x * x)],
    definition="inverse cosine.", derivative="-1/sqrt(1 - x^2).",
    not_differentiable="at -1 and 1: infinite slope.",
    domains=[UNIT], poles=(-1.0, 1.0),
)  # fmt: skip
elementwise(
    "atan", Elementwise(np.arctan, arb.atan, lambda s: s.atan()), [lambda x, y: 1 / (x * x + 1)],
    definition="inverse tangent.", derivative="1/(1 + x^2).",
)  # fmt: skip


def _atan2_ball(y: Any, x: Any) -> Any:
    return arb.atan2(y, x)


elementwise(
    "atan2",
    Elementwise(np.arctan2, _atan2_ball, lambda y, x: 2 * (y / ((x * x + y * y).sqrt() + x)).atan()),
    [lambda x1, x2, y: x2 / (x1 * x1 + x2 * x2), lambda x1, x2, y: -(x1 / (x1 * x1 + x2 * x2))],
    definition="angle of the point (x2, x1).",
    derivative="x2/(x1^2 + x2^2) for x1, and -x1/(x1^2 + x2^2) for x2.",
    not_differentiable="at the origin, and across the cut x1 = 0, x2 < 0.",
    domains=[POSITIVE, Domain(ordinary=(-2.0, 2.0))],
)

elementwise(
    "sinh", Elementwise(np.sinh, arb.sinh, lambda s: (s.exp() - (-s).exp()) / 2), [lambda x, y: xp.cosh(x)],
    definition="hyperbolic sine.", derivative="cosh(x).",
)  # fmt: skip
elementwise(
    "cosh", Elementwise(np.cosh, arb.cosh, lambda s: (s.exp() + (-s).exp()) / 2), [lambda x, y: xp.sinh(x)],
    definition="hyperbolic cosine.", derivative="sinh(x).",
)  # fmt: skip
elementwise(
    "tanh", Elementwise(np.tanh, arb.tanh, lambda s: 1 - 2 / ((2 * s).exp() + 1)), [lambda x, y: 1 - y * y],
    definition="hyperbolic tangent.", derivative="1 - tanh(x)^2.",
)  # fmt: skip
elementwise(
    "asinh", Elementwise(np.arcsinh, arb.asinh, lambda s: (s + (s * s + 1).sqrt()).log()),
    [lambda x, y: xp.rsqrt(x * x + 1)],
    definition="inverse hyperbolic sine.", derivative="1/sqrt(x^2 + 1).",
)  # fmt: skip
elementwise(
    "acosh", Elementwise(np.arccosh, arb.acosh, lambda s: (s + (s * s - 1).sqrt()).log()),
    [lambda x, y: xp.rsqrt(x * x - 1)],
    definition="inverse hyperbolic cosine.", derivative="1/sqrt(x^2 - 1).",
    not_differentiable="at 1: infinite slope.",
    domains=[Domain(low=1.0, ordinary=(1.2, 4.0))], poles=(1.0,),
)  # fmt: skip
elementwise(
    "atanh", Elementwise(np.arctanh, arb.atanh, lambda s: ((1 + s) / (1 - s)).log() / 2),
    [lambda x, y: 1 / (1 - x * x)],
    definition="inverse hyperbolic tangent.", derivative="1/(1 - x^2).",
    not_differentiable="at -1 and 1 (poles).",
    domains=[UNIT], poles=(-1.0, 1.0),
)  # fmt: skip


def _logistic_float64(x: Any) -> Any:
    small = np.exp(-np.abs(x))
    return np.where(x >= 0, 1 / (1 + small), small / (1 + small))


elementwise(
    "sigmoid",
    Elementwise(_logistic_float64, lambda x: 1 / (1 + (-x).exp()) if x >= 0 else x.exp() / (1 + x.exp()),
                lambda s: 1 / (1 + (-s).exp())),
    [lambda x, y: y * (1 - y)],
    definition="1/(1 + exp(-x)).",
    derivative="sigmoid(x) (1 - sigmoid(x)).",
)  # fmt: skip
