"""Size and argument of complex numbers, and on which side of a branch cut they are."""

from __future__ import annotations

from dataclasses import dataclass

from oracle.lift.complex_numbers import Complex, each, paired
from reference_engine.trace import Tensor, constant, xp


@dataclass(frozen=True, eq=False)
class Signs:
    """Where a number's parts are negative, zeros with a sign included: on a branch cut they say on which side
    the value is taken.
    """

    re: Tensor
    im: Tensor


def absolute(z: Complex) -> Tensor:
    """The size; at 0 a kink whose limits are the unit circle, as hypot's."""
    return xp.hypot(z.re, z.im)  # type: ignore[no-any-return]


def sgn(z: Complex) -> Complex:
    """The number over its size, 0 at 0."""
    size = absolute(z)
    nothing = (z.re == 0) & (z.im == 0)
    return each(lambda part: xp.where(nothing, 0, part / size), z)


def angle(z: Complex, signs: Signs | None = None) -> Tensor:
    """The argument in (-pi, pi]; with ``signs``, continued to the cut from the side on which they are.

    What lies to the left is turned by pi to the right, where no cut is near.
    """
    if signs is None:  # without the sign of a zero, which only float64 would see
        return xp.atan2(z.im + 0, z.re)  # type: ignore[no-any-return]
    turn = xp.where(signs.re, xp.where(signs.im, constant(-1, "real"), constant(1, "real")), 0)
    sense = xp.where(signs.re, constant(-1, "real"), constant(1, "real"))
    return xp.atan2(z.im * sense, z.re * sense) + xp.pi() * turn  # type: ignore[no-any-return]


def signs_of(z: Complex) -> Signs:
    """Signs without those of zeros: a cut is approached from above."""
    return Signs(xp.stop_gradient(z.re) < 0, xp.stop_gradient(z.im) < 0)


def polar(size: Tensor, angle_: Tensor) -> Complex:
    """The number of that size and argument."""
    return paired(size * xp.cos(angle_), size * xp.sin(angle_))
