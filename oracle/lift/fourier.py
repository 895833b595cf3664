"""Discrete Fourier transforms of symbols: products with matrices of roots of unity, in factors of the length.

A transform of length p m is m transforms of length p between p transforms of length m (Cooley and Tukey,
1965), so that its rounding is that of a fast transform: some units times the norm of the input. The roots are
cosines and sines of rational multiples of pi in the first octant, exact where they are 0 or 1.
"""

from __future__ import annotations

import numpy as np

from oracle.lift.complex_numbers import Complex, Symbol, each, each_part, matmul, mul
from reference_engine.trace import Tensor, constant, xp

DENSE = 16
"""Lengths up to which a transform is one matrix product."""


def roots(exponents: np.ndarray, length: int, sign: int) -> Complex:
    """Powers exp(sign 2 pi i e / length) of a root of unity for an array of whole numbers e."""
    # In eighths of the circle: reflected into the first octant, where all cosines and sines lie.
    turns = 8 * (exponents.astype(np.int64) % length)
    octant, rest = turns // length, turns % length
    inner = np.where(octant % 2 == 0, rest, length - rest)
    places, index = np.unique(inner, return_inverse=True)
    angles = xp.pi() * constant(places) / (4 * length)
    cosines = _exact_at_ends(xp.cos(angles), places, 1)
    sines = _exact_at_ends(xp.sin(angles), places, 0)
    table = xp.concatenate([cosines, sines, -cosines, -sines], axis=0)
    count = len(places)
    re = np.array([0, 1, 3, 2, 2, 3, 1, 0])[octant]  # c, s, -s, -c, -c, -s, s, c
    im = np.array([1, 0, 0, 1, 3, 2, 2, 3])[octant]  # s, c, c, s, -s, -c, -c, -s
    flat = index.reshape(exponents.shape)
    found = Complex(*(xp.take(table, constant(k * count + flat), axis=0) for k in (re, im)))
    return found if sign > 0 else Complex(found.re, -found.im)


def _exact_at_ends(values: Tensor, places: np.ndarray, at_zero: int) -> Tensor:
    return xp.where(constant(places == 0), at_zero, values)  # type: ignore[no-any-return]


def transformed(x: Symbol, sign: int) -> Complex:
    """The sums over j of x[j] exp(sign 2 pi i j k / n) along the last axis."""
    length = x.shape[-1]
    first = next((p for p in range(min(DENSE, length - 1), 1, -1) if length % p == 0), None)
    if length <= DENSE or first is None:
        steps = np.arange(length)
        return matmul(x, roots(np.outer(steps, steps), length, sign))
    # j = j1 first + j2 and k = k1 + rest k2: inner transforms over j1, a turn by j2 k1, outer ones over j2.
    rest = length // first
    rows = each_part(
        lambda part: xp.matrix_transpose(xp.reshape(part, shape=(*x.shape[:-1], rest, first))), x
    )
    inner = transformed(rows, sign)
    turned = mul(inner, roots(np.outer(np.arange(first), np.arange(rest)), length, sign))
    steps = np.arange(first)
    outer = matmul(roots(np.outer(steps, steps), first, sign), turned)
    return each(lambda part: xp.reshape(part, shape=x.shape), outer)


def along(x: Symbol, axis: int, sign: int) -> Complex:
    """The transform along any axis."""
    axis %= x.ndim
    if axis == x.ndim - 1:
        return transformed(x, sign)
    order = [a for a in range(x.ndim) if a != axis] + [axis]
    moved = each_part(lambda part: xp.transpose(part, axes=tuple(order)), x)
    back = tuple(int(a) for a in np.argsort(order))
    return each(lambda part: xp.transpose(part, axes=back), transformed(moved, sign))


def first_half(x: Symbol, axis: int) -> Complex:
    """The first n // 2 + 1 sums along an axis; of real numbers the others are their conjugates."""
    axis %= x.ndim
    kept = (*(slice(None),) * axis, slice(x.shape[axis] // 2 + 1))
    return along(x, axis, -1)[kept]


def from_half(z: Complex, axis: int, length: int) -> Tensor:
    """Back to real numbers, without a factor: the missing half along an axis is the conjugate of the other.

    The imaginary parts of the first element, and of the middle one of an even length, are not read.
    """
    axis %= z.ndim
    half = np.arange(length)
    mirrored = half > length // 2
    source = constant(np.where(mirrored, length - half, half))
    signs = np.where(mirrored, -1.0, 1.0)
    across = [1] * z.ndim
    across[axis] = length
    alone = constant(((2 * half) % length == 0).reshape(across))
    re, im = (xp.take(part, source, axis=axis) for part in (z.re, z.im))
    whole = Complex(re, xp.where(alone, 0, im * constant(signs.reshape(across))))
    return along(whole, axis, 1).re
