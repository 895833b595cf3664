"""The zeta function of Hurwitz, of two real arguments."""

from __future__ import annotations

from typing import Any

import scipy.special
from flint import arb, arb_series, ctx

from reference_engine.arithmetic import Elementwise
from reference_engine.operations import Domain
from reference_engine.primitives.define import elementwise
from reference_engine.primitives.elementary import POSITIVE
from reference_engine.primitives.rounding import rounded
from reference_engine.trace import Tensor, xp

ABOVE_ONE = Domain(low=1.0, ordinary=(1.5, 4.0))


def _zeta_ball(s: Any, q: Any, n: int = 0) -> Any:
    """The n-th derivative in s; left of q = 0 there are real values for integers s only, by the terms
    between q and the first positive q + k.
    """
    if not s > 1:
        return arb.nan()
    if q > 0:
        return _series(s, q, n)
    if n or not (s.is_integer() and q < 0 and not q.contains_integer()):
        return arb.nan()
    steps = int((-q).ceil().upper().unique_fmpz())
    power = int(s.unique_fmpz())
    return sum(((q + k) ** -power for k in range(steps)), _series(s, q + steps, 0))


def _series(s: Any, q: Any, n: int) -> Any:
    if not n:
        return s.zeta(q)
    before = ctx.cap
    ctx.cap = n + 1
    try:
        return arb_series([s, 1]).zeta(q)[n] * arb.fac_ui(n)
    finally:
        ctx.cap = before


def _slope_in_q(s: Tensor, q: Tensor, out: Tensor, n: int) -> Tensor:
    """The n-th derivative in s of -s zeta(s + 1, q)."""
    slope = -s * xp.zeta_derivative(s + 1, q, n=n)
    return slope - xp.zeta_derivative(s + 1, q, n=n - 1) * n if n > 1 else slope - xp.zeta(s + 1, q)  # type: ignore[no-any-return]


elementwise(
    "zeta", Elementwise(scipy.special.zeta, _zeta_ball),
    [lambda s, q, y: xp.zeta_derivative(s, q, n=1), lambda s, q, y: -s * xp.zeta(s + 1, q)],
    definition="the sum of (q + k)^-s over k = 0, 1, 2, ..., for s > 1.",
    derivative="minus the sum of log(q + k) (q + k)^-s for s, and -s zeta(s + 1, q) for q.",
    not_differentiable="at s = 1 and at q = 0, -1, -2, ... (poles).",
    conventions="torch and JAX give no derivative for s; torch gives infinity at s = 1.",
    operands=("s", "q"), domains=[ABOVE_ONE, POSITIVE], poles=(1.0,), family="special",
)  # fmt: skip
elementwise(
    "zeta_derivative", Elementwise(rounded(_zeta_ball), _zeta_ball),
    [lambda s, q, y, n: xp.zeta_derivative(s, q, n=n + 1), _slope_in_q],
    definition="the n-th derivative of zeta(s, q) with respect to s.",
    derivative="that of the next order for s; -s times itself at s + 1, less n times that of one order less.",
    not_differentiable="at s = 1 and at q = 0, -1, -2, ... (poles).",
    operands=("s", "q"), domains=[ABOVE_ONE, POSITIVE], poles=(1.0,), attrs={"n": 1}, family="special",
    internal=True,
)  # fmt: skip
