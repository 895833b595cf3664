"""Enclosures as narrow as a person needs: outputs in balls, with precision doubled until they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from reference_engine.arithmetic import Values
from reference_engine.arithmetic.balls import Balls, all_plain, plain, precision
from reference_engine.differentiate import lower
from reference_engine.evaluate import dependents, evaluate, outputs
from reference_engine.program import Program

START_BITS = 256
"""First working precision; well above what is printed, because a value that is updated in place many times
keeps the radius of every update."""

PATIENT_BITS, STOP_BITS = 1024, 4096
"""Up to the first precision, more bits are tried even when the last doubling did not help (a sum may cancel a
thousand bits); the second is the last one tried."""

ACCURATE = 2.0**-65
"""Relative radius at which a result is accurate enough: the float64 nearest to it is known but for a tie."""


def enclose(program: Program, values: Mapping[str, Values], active: Sequence[str]) -> list[Values]:
    """The outputs in balls, with bits doubled until each is accurate or more bits do not help.

    ``active`` names the inputs in which a kink counts: the slope there is the ball of all allowed slopes.
    """
    core = lower(program)
    depends = dependents(core, active)
    bits, before = START_BITS, float("inf")
    while True:
        with precision(bits):
            found = outputs(core, evaluate(core, values, Balls(active=depends)))
            found = [all_plain(v) if v.dtype == object else v for v in found]
        wide = widest(found)
        helped = wide < before * 2.0**-16
        if wide <= ACCURATE or bits >= STOP_BITS or (bits >= PATIENT_BITS and not helped):
            return found
        bits, before = 2 * bits, wide


def widest(values: Sequence[Values]) -> float:
    """The largest relative radius among all balls; infinite for one that is not finite or holds zero.

    >>> from reference_engine.eager_record import leaf_values
    >>> widest([leaf_values([1.0, 0.0])[1]])
    0.0
    """
    worst = 0.0
    for array in values:
        if array.dtype == object:
            for ball in array.ravel():
                worst = max(worst, relative_radius(plain(ball)))
    return worst


def relative_radius(ball: Any) -> float:
    """Radius of a ball over its distance from zero; 0 for a number, infinite where the ball holds zero."""
    if ball.is_exact() and ball.is_finite():
        return 0.0
    if not ball.is_finite() or ball.contains(0):
        return float("inf")
    return float((ball.rad() / ball.abs_lower()).abs_upper())
