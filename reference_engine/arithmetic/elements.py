"""The elements of ball arithmetic: balls, structural zeros, and how two of them lie to each other."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from flint import arb, ctx

from reference_engine.arithmetic import Values


class StructuralZero:
    """The derivative of something that does not depend on the input: zero times anything, NaN too, is zero.

    A zero that is only the value of some expression is an ordinary ball; ``0 * inf`` stays undefined there.
    """

    def __add__(self, other: Any) -> Any:
        return other

    __radd__ = __add__
    __rsub__ = __add__

    def __sub__(self, other: Any) -> Any:
        return -other

    def __mul__(self, other: Any) -> StructuralZero:
        return self

    __rmul__ = __truediv__ = __mul__

    def __neg__(self) -> StructuralZero:
        return self

    def __float__(self) -> float:
        return 0.0

    def __repr__(self) -> str:
        return "ZERO"


ZERO = StructuralZero()
_EXACT_ZERO = arb(0)

LESS, GREATER, TIE, OVERLAP = range(4)


@contextmanager
def precision(bits: int) -> Iterator[None]:
    """Run with ``bits`` of working precision and restore the caller's."""
    before = ctx.prec
    ctx.prec = bits
    try:
        yield
    finally:
        ctx.prec = before


def plain(x: Any) -> arb:
    """A ball for any element, structural zeros included."""
    return _EXACT_ZERO if x is ZERO else x


_plain = np.frompyfunc(plain, 1, 1)


def all_plain(values: Values) -> Values:
    """The array with structural zeros as ordinary zeros."""
    return np.asarray(_plain(values), dtype=object)


def exact(values: Values) -> Values:
    """Balls of radius zero around float64 values."""
    out = np.empty(values.shape, dtype=object)
    out.ravel()[:] = [arb(v) for v in values.ravel().tolist()]
    return out


def midpoints(values: Values) -> Values:
    """Midpoints rounded to float64; NaN where a ball is not finite."""
    flat = [0.0 if v is ZERO else float(v) if v.is_finite() else math.nan for v in values.ravel().tolist()]
    return np.array(flat, dtype=np.float64).reshape(values.shape)


def radius(value: Any) -> float:
    """Radius of an element as float64, infinite where it is not finite."""
    if value is ZERO:
        return 0.0
    return float(value.rad()) if value.is_finite() else math.inf


ACCURATE_BITS = 70
"""Relative accuracy from which a bound of the radius within a factor of 4 is as good as the radius: no rule
asks about radii below 2^-68 of a value. The bound is ten times as fast."""

EXACT_BITS = 4096
"""Relative accuracy taken for that of one number: no float64 is so small a part of another."""


def measured(values: Values) -> tuple[Values, Values]:
    """Midpoints as :func:`midpoints` gives them, and upper bounds of the radii as float64.

    The radius itself where the relative accuracy is below ACCURATE_BITS; infinite where a ball is not finite.
    """
    if values.dtype != object:
        return values.astype(np.float64), np.zeros(values.shape)
    flat = values.ravel().tolist()
    centers = np.array([float(v) for v in flat], dtype=np.float64)
    bits = [EXACT_BITS if v is ZERO else min(v.rel_accuracy_bits(), EXACT_BITS) for v in flat]
    exponents = np.array([-b if b > 0 else 0 for b in bits], dtype=np.int32)
    radii = np.ldexp(np.abs(centers), exponents)  # Arb: the radius is below 2^-bits of the midpoint
    if min(bits, default=EXACT_BITS) < ACCURATE_BITS or not np.isfinite(centers).all():
        for i, b in enumerate(bits):
            if b < ACCURATE_BITS or not np.isfinite(centers[i]):
                centers[i], radii[i] = _center(flat[i]), radius(flat[i])
    return centers.reshape(values.shape), radii.reshape(values.shape)


def _center(ball: Any) -> float:
    return float(ball) if ball.is_finite() else math.nan


def same(a: Any, b: Any) -> bool:
    """Whether two elements are certainly the same number; for balls this is not the opposite of ``a !=
    b``.
    """
    return a is b or bool(plain(a) == plain(b))


def hull(a: Any, b: Any) -> Any:
    """Smallest ball that holds both."""
    return a if a is b else plain(a).union(plain(b))


_hull = np.frompyfunc(hull, 2, 1)


def all_hulls(a: Values, b: Values) -> Values:
    """Elementwise hulls."""
    return np.asarray(_hull(a, b), dtype=object)


def relation(a: Any, b: Any) -> int:
    """How two balls lie to each other; TIE only for exactly equal numbers.

    NaN overlaps everything: it says that nothing is known of a value, not that the value is none.
    """
    if a < b:
        return LESS
    if a > b:
        return GREATER
    if a == b:
        return TIE
    return OVERLAP


_relation = np.frompyfunc(relation, 2, 1)


def relations(a: Values, b: Values) -> Values:
    """Elementwise relations."""
    return np.asarray(_relation(_plain(a), _plain(b)), dtype=np.uint8)
