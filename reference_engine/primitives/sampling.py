"""Random samples as functions of the parameters of their distribution."""

from __future__ import annotations

from typing import Any

from flint import arb, ctx

from reference_engine.arithmetic import Elementwise
from reference_engine.primitives.define import elementwise
from reference_engine.primitives.elementary import POSITIVE
from reference_engine.primitives.incomplete import gamma_density, lower_gamma, upper_gamma
from reference_engine.primitives.rounding import rounded
from reference_engine.trace import xp

STEPS = 100
"""Newton steps after which a quantile is given up; about ten are needed."""

SPARE_BITS = 10
"""Newton's last step need not be smaller than this many bits above the working precision."""


def _gamma_sample_ball(a: Any, at: Any, sample: Any) -> Any:
    """The root y of P(a, y) = P(at, sample): Newton to an approximation, then one step of interval Newton
    around it, which proves that the root is inside (Rump, "Verification methods", Acta Numerica 2010,
    section 6). The smaller tail is what is held equal: it has the more accurate bits.
    """
    if a is at or (a == at and a.is_exact()):
        return sample
    if not (a > 0 and at > 0 and sample > 0):
        return arb.nan()
    lower = bool(sample < at)
    goal = _tail(at, sample, lower=lower)
    guess = sample.mid()
    for _ in range(STEPS):
        step = _newton(a.mid(), guess, goal.mid(), guess, lower=lower)
        if not step.is_finite():
            return arb.nan()
        guess = (guess - step).mid() if guess > step else guess / 2
        if abs(step) < guess * arb(2) ** (SPARE_BITS - ctx.prec):
            break
    width = 2 * abs(_newton(a, guess, goal, guess, lower=lower)).upper()
    around = guess.union(guess - width).union(guess + width)
    root = guess - _newton(a, guess, goal, around, lower=lower)
    return root if root.is_finite() and around.contains(root) else arb.nan()


def _tail(a: Any, y: Any, *, lower: bool) -> Any:
    return lower_gamma(a, y) if lower else upper_gamma(a, y)


def _newton(a: Any, y: Any, goal: Any, slope_at: Any, *, lower: bool) -> Any:
    """The step from y towards the root; ``slope_at`` is where the density is taken."""
    missing = _tail(a, y, lower=lower) - goal
    density = ((a - 1) * slope_at.log() - slope_at - a.lgamma()).exp()
    return (missing if lower else -missing) / density


elementwise(
    "gamma_sample", Elementwise(rounded(_gamma_sample_ball), _gamma_sample_ball),
    [
        lambda a, at, sample, y: -(xp.gammainc_derivative(a, y, n=1) / gamma_density(a, y)),
        lambda a, at, sample, y: xp.gammainc_derivative(at, sample, n=1) / gamma_density(a, y),
        lambda a, at, sample, y: gamma_density(at, sample) / gamma_density(a, y),
    ],
    definition="the number y at which Gamma(a) has the quantile that Gamma(at) has at the sample, "
    "gammainc(a, y) = gammainc(at, sample). With at = stop_gradient(a) it is a sample that was drawn, as a "
    "function of a.",
    derivative="by the implicit function theorem: -(d gammainc(a, y)/da) / (d gammainc(a, y)/dy) for a "
    '(Figurnov, Mohamed, Mnih, "Implicit reparameterization gradients", 2018).',
    not_differentiable="nowhere for positive arguments.",
    operands=("a", "at", "sample"), domains=[POSITIVE, POSITIVE, POSITIVE], family="special", internal=True,
)  # fmt: skip
