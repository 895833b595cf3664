"""Elementary functions of complex numbers, as formulas over their parts.

A function that has a branch cut takes ``signs``: the signs of the parts that the framework saw, zeros
included. Which of two formulas is used is decided by them, or by the parts behind ``stop_gradient``: both
are right on either side, and differ in rounding only. Kahan's formulas (1987) where not said otherwise.
"""

from __future__ import annotations

from typing import Any

from oracle.lift.complex_numbers import (
    Complex,
    add,
    as_complex,
    conj,
    div,
    each,
    mul,
    over_i,
    reciprocal,
    square,
    sub,
    times_i,
)
from oracle.lift.complex_polar import Signs, absolute, angle, signs_of
from reference_engine.trace import constant, xp

FAR = 20.0
"""Real parts beyond which sinh and cosh are the same to all digits."""

REPEATED = 64
"""Integer exponents up to this size are repeated products, which are exact at 0 too."""


def exp(z: Complex) -> Complex:
    """The exponential e^a (cos b + i sin b)."""
    size = xp.exp(z.re)
    return Complex(size * xp.cos(z.im), size * xp.sin(z.im))


def expm1(z: Complex) -> Complex:
    """The exponential less one, 2 sinh(z/2) exp(z/2), which does not cancel near 0.

    To the left its derivative loses what the textbook's expm1(z) + 1 loses.
    """
    half = each(lambda part: part / 2, z)
    return mul(mul(sinh(half), exp(half)), 2)


def exp2(z: Complex) -> Complex:
    """2 to the power z."""
    return exp(mul(z, xp.log(constant(2, "real"))))


def log(z: Complex, signs: Signs | None = None) -> Complex:
    """The logarithm log|z| + i arg z; cut along the negative real axis."""
    return Complex(xp.log(absolute(z)), angle(z, signs))


def log_to_base(z: Complex, base: int, signs: Signs | None = None) -> Complex:
    """The logarithm to a base."""
    return div(log(z, signs), xp.log(constant(base, "real")))


def log1p(z: Complex, signs: Signs | None = None) -> Complex:
    """Logarithm of one plus a number.

    Its real part is log1p(a (2 + a) + b^2)/2, which does not cancel near 0.
    """
    above = add(z, 1)
    moved = None if signs is None else Signs(signs_of(above).re, signs.im)
    return Complex(xp.log1p(z.re * (z.re + 2) + z.im * z.im) / 2, angle(above, moved))


def sqrt(z: Complex, signs: Signs | None = None) -> Complex:
    """Square root, with a real part >= 0.

    Its larger part is sqrt((|z| + |a|)/2), the other b over twice that.
    """
    sides = signs_of(z) if signs is None else signs
    larger = xp.sqrt((absolute(z) + xp.where(sides.re, -z.re, z.re)) / 2)
    smaller = z.im / (larger * 2)
    side = xp.where(sides.im, constant(-1, "real"), constant(1, "real"))
    return Complex(xp.where(sides.re, smaller * side, larger), xp.where(sides.re, larger * side, smaller))


def rsqrt(z: Complex, signs: Signs | None = None) -> Complex:
    """One over the root."""
    return reciprocal(sqrt(z, signs))


def sinh(z: Complex) -> Complex:
    """The hyperbolic sine sinh a cos b + i cosh a sin b."""
    return Complex(xp.sinh(z.re) * xp.cos(z.im), xp.cosh(z.re) * xp.sin(z.im))


def cosh(z: Complex) -> Complex:
    """The hyperbolic cosine cosh a cos b + i sinh a sin b."""
    return Complex(xp.cosh(z.re) * xp.cos(z.im), xp.sinh(z.re) * xp.sin(z.im))


def tanh(z: Complex) -> Complex:
    """The quotient of sinh and cosh, both scaled by one power of e where they would overflow.

    Its derivative, a difference of terms of size 1, loses what the textbook's 1 - tanh(z)^2 loses.
    """
    size = abs(xp.stop_gradient(z.re))
    far = size > FAR
    excess = xp.where(far, size, 0)
    up, down = xp.exp(z.re - excess), xp.exp(-z.re - excess)
    near = xp.where(far, 0, z.re)
    s = xp.where(far, (up - down) / 2, xp.sinh(near))
    c = xp.where(far, (up + down) / 2, xp.cosh(near))
    over = Complex(s * xp.cos(z.im), c * xp.sin(z.im))
    return div(over, Complex(c * xp.cos(z.im), s * xp.sin(z.im)))


def sin(z: Complex) -> Complex:
    """The sine -i sinh(iz)."""
    return over_i(sinh(times_i(z)))


def cos(z: Complex) -> Complex:
    """The cosine cosh(iz)."""
    return cosh(times_i(z))


def tan(z: Complex) -> Complex:
    """The tangent -i tanh(iz)."""
    return over_i(tanh(times_i(z)))


def sigmoid(z: Complex) -> Complex:
    """1/(1 + exp(-z)) to the left, (1 + tanh(z/2))/2 to the right.

    Its derivative there loses what y (1 - y) loses.
    """
    left = xp.stop_gradient(z.re) < 0
    small = exp(each(lambda part: xp.where(left, part, -part), z))
    low = div(small, add(small, 1))
    high = mul(add(tanh(mul(z, constant("0.5"))), 1), constant("0.5"))
    return Complex(xp.where(left, low.re, high.re), xp.where(left, low.im, high.im))


def sinc(z: Complex) -> Complex:
    """The function sin(pi z)/(pi z), 1 at 0."""
    turned = mul(z, xp.pi())
    nothing = (z.re == 0) & (z.im == 0)
    quotient = div(sin(turned), turned)
    return Complex(xp.where(nothing, 1, quotient.re), xp.where(nothing, 0, quotient.im))


def power(base: Any, exponent: Any, signs: Signs | None = None) -> Complex:
    """A product for small whole exponents, a root for halves, else exp(exponent log(base))."""
    if isinstance(exponent, complex) and not exponent.imag:
        exponent = exponent.real
    if isinstance(exponent, (int, float)):
        z = as_complex(base)
        if abs(exponent) <= REPEATED and exponent == int(exponent):
            found = _whole_power(z, abs(int(exponent)))
            return found if exponent >= 0 else reciprocal(found)
        if abs(exponent) == 0.5:
            return sqrt(z, signs) if exponent > 0 else rsqrt(z, signs)
    if isinstance(base, (int, float)) and base > 0:
        return exp(mul(exponent, xp.log(constant(base, "real"))))
    return exp(mul(exponent, log(as_complex(base), signs)))


def _whole_power(z: Complex, exponent: int) -> Complex:
    if exponent == 0:
        return Complex(z.re * 0 + 1, z.im * 0)
    half = _whole_power(z, exponent // 2) if exponent > 1 else None
    if half is None:
        return z
    return mul(square(half), z) if exponent % 2 else square(half)


def _around_one(z: Complex, signs: Signs | None) -> tuple[Complex, Complex]:
    """The roots of 1 - z and of 1 + z."""
    below, above = sub(1, z), add(z, 1)
    if signs is None:
        return sqrt(below), sqrt(above)
    return (
        sqrt(below, Signs(signs_of(below).re, ~signs.im)),
        sqrt(above, Signs(signs_of(above).re, signs.im)),
    )


def asin(z: Complex, signs: Signs | None = None) -> Complex:
    """The inverse sine; cut on the real axis beyond -1 and 1."""
    below, above = _around_one(z, signs)
    return Complex(xp.atan2(z.re, mul(below, above).re), xp.asinh(mul(conj(below), above).im))


def acos(z: Complex, signs: Signs | None = None) -> Complex:
    """The inverse cosine; cut on the real axis beyond -1 and 1."""
    below, above = _around_one(z, signs)
    return Complex(xp.atan2(below.re, above.re) * 2, xp.asinh(mul(conj(above), below).im))


def acosh(z: Complex, signs: Signs | None = None) -> Complex:
    """The inverse hyperbolic cosine; cut on the real axis below 1."""
    less, above = sub(z, 1), add(z, 1)
    if signs is None:
        first, second = sqrt(less), sqrt(above)
    else:
        first = sqrt(less, Signs(signs_of(less).re, signs.im))
        second = sqrt(above, Signs(signs_of(above).re, signs.im))
    return Complex(xp.asinh(mul(conj(first), second).re), xp.atan2(first.im, second.re) * 2)


def asinh(z: Complex, signs: Signs | None = None) -> Complex:
    """The inverse hyperbolic sine i asin(-iz); cut on the imaginary axis beyond -i and i."""
    turned = None if signs is None else Signs(signs.im, ~signs.re)
    return times_i(asin(over_i(z), turned))


def atanh(z: Complex, signs: Signs | None = None) -> Complex:
    """The inverse hyperbolic tangent; cut on the real axis beyond -1 and 1.

    Real part log1p(4a/((1 - a)^2 + b^2))/4, imaginary part atan2(2b, 1 - a^2 - b^2)/2.
    """
    a, b = z.re, z.im
    re = xp.log1p(a * 4 / ((1 - a) * (1 - a) + b * b)) / 4
    turned = Complex(1 - (a * a + b * b), b * 2)
    moved = None if signs is None else Signs(signs_of(turned).re, signs.im)
    return Complex(re, angle(turned, moved) / 2)


def atan(z: Complex, signs: Signs | None = None) -> Complex:
    """The inverse tangent -i atanh(iz); cut on the imaginary axis beyond -i and i."""
    turned = None if signs is None else Signs(~signs.im, signs.re)
    return over_i(atanh(times_i(z), turned))


def logaddexp(x: Complex, y: Complex) -> Complex:
    """The logarithm of exp(x) + exp(y): the number with the larger real part plus log1p(exp(other - it)).

    Its imaginary part goes on from that number's, as torch's does: not the principal value.
    """
    first = xp.stop_gradient(x.re) >= xp.stop_gradient(y.re)
    more = Complex(xp.where(first, x.re, y.re), xp.where(first, x.im, y.im))
    less = Complex(xp.where(first, y.re, x.re), xp.where(first, y.im, x.im))
    return add(more, log1p(exp(sub(less, more))))
