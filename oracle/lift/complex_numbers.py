"""Complex numbers as pairs of real ones: arithmetic and elementary functions written over ``xp``.

The engine knows real numbers only. A complex value of a framework is a :class:`Complex` while a function is
read, and its derivative is that of two real functions of two real variables, so nothing here has a rule of
its own. A real operand stays one real tensor: no zero is carried along.

Each formula is such that its own rounding is that of a kernel of good quality: no overflow or cancellation
that such a kernel avoids. Sources: W. Kahan, "Branch cuts for complex elementary functions" (1987), for
roots, logarithms and where their cuts lie; ISO C, annex G, for values on them.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from reference_engine.trace import Tensor, as_tensor, constant, xp


@dataclass(frozen=True, eq=False)
class Complex:
    """The number ``re + i im``; both parts have one shape."""

    re: Tensor
    im: Tensor

    @property
    def shape(self) -> tuple[int, ...]:
        """Extent of each axis."""
        return self.re.shape

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return self.re.ndim

    @property
    def size(self) -> int:
        """Number of complex elements."""
        return self.re.size

    def __add__(self, other: Any) -> Complex:
        return add(self, other)

    def __radd__(self, other: Any) -> Complex:
        return add(other, self)

    def __sub__(self, other: Any) -> Complex:
        return sub(self, other)

    def __rsub__(self, other: Any) -> Complex:
        return sub(other, self)

    def __mul__(self, other: Any) -> Complex:
        return mul(self, other)

    def __rmul__(self, other: Any) -> Complex:
        return mul(other, self)

    def __truediv__(self, other: Any) -> Complex:
        return div(self, other)

    def __rtruediv__(self, other: Any) -> Complex:
        return div(other, self)

    def __matmul__(self, other: Any) -> Complex:
        return matmul(self, other)

    def __neg__(self) -> Complex:
        return each(lambda part: -part, self)

    def __getitem__(self, key: Any) -> Complex:
        return each(lambda part: part[key], self)


Symbol = Tensor | Complex
"""What stands for an array of a framework."""


def each(function: Callable[[Tensor], Tensor], z: Complex) -> Complex:
    """An operation that is linear over the reals, applied to both parts."""
    return Complex(function(z.re), function(z.im))


def whole(parts: Sequence[Tensor]) -> Symbol:
    """The symbol of one real tensor, or of both parts."""
    return Complex(*parts) if len(parts) > 1 else parts[0]


def each_part(function: Callable[[Tensor], Tensor], x: Symbol) -> Symbol:
    """The same for either kind of symbol."""
    return each(function, x) if isinstance(x, Complex) else function(x)


def real_part(x: Any) -> Any:
    """The real part of a symbol or a number; of what is real itself."""
    return x.re if isinstance(x, Complex) else x.real if isinstance(x, complex) else x


def imaginary_part(x: Any) -> Any:
    """The imaginary part of a symbol or a number; zeros of its shape for what is real."""
    if isinstance(x, Complex):
        return x.im
    if isinstance(x, Tensor):
        return constant(np.zeros(x.shape)) if x.shape else constant(0, "real")
    return x.imag if isinstance(x, complex) else 0.0


def as_complex(x: Any) -> Complex:
    """A symbol or a number as a pair."""
    if isinstance(x, Complex):
        return x
    return Complex(_real(real_part(x)), _real(imaginary_part(x)))


def constant_pair(value: Any) -> Complex:
    """A constant pair of a complex numpy array."""
    array = np.asarray(value)
    return Complex(constant(array.real.astype(np.float64)), constant(array.imag.astype(np.float64)))


def _real(x: Any) -> Tensor:
    found = as_tensor(x)
    return found if found.kind == "real" else xp.astype(found, dtype="float64")


def _is_real(x: Any) -> bool:
    return not isinstance(x, (Complex, complex))


def paired(re: Tensor, im: Tensor) -> Complex:
    """Parts that were computed from operands of other shapes, broadcast to one."""
    if re.shape == im.shape:
        return Complex(re, im)
    shape = np.broadcast_shapes(re.shape, im.shape)
    return Complex(*(p if p.shape == shape else xp.broadcast_to(p, shape=shape) for p in (re, im)))


def add(x: Any, y: Any) -> Complex:
    """The sum, part by part."""
    if _is_real(y):
        x, y = y, x
    z = as_complex(y)
    if _is_real(x):
        return paired(x + z.re, z.im)
    w = as_complex(x)
    return Complex(w.re + z.re, w.im + z.im)


def sub(x: Any, y: Any) -> Complex:
    """The difference, part by part."""
    if _is_real(y):
        return add(x, -y)
    if _is_real(x):
        z = as_complex(y)
        return paired(x - z.re, -z.im)
    w, z = as_complex(x), as_complex(y)
    return Complex(w.re - z.re, w.im - z.im)


def mul(x: Any, y: Any) -> Complex:
    """The product (a + ib)(c + id) = (ac - bd) + i(ad + bc)."""
    if _is_real(x):
        return each(lambda part: x * part, as_complex(y))
    if _is_real(y):
        return each(lambda part: part * y, as_complex(x))
    return bilinear(lambda a, b: a * b, as_complex(x), as_complex(y))


def bilinear(product: Callable[[Any, Any], Tensor], x: Symbol, y: Symbol) -> Complex:
    """A product of arrays (elementwise, of matrices, a convolution) of parts, by the same formula."""
    match x, y:
        case Complex(), Complex():
            return Complex(
                product(x.re, y.re) - product(x.im, y.im), product(x.re, y.im) + product(x.im, y.re)
            )
        case Complex(), _:
            return each(lambda part: product(part, y), x)
        case _, Complex():
            return each(lambda part: product(x, part), y)
    found = product(x, y)
    return Complex(found, imaginary_part(found))


def div(x: Any, y: Any) -> Complex:
    """The quotient x conj(y)/|y|^2."""
    if _is_real(y):
        return each(lambda part: part / y, as_complex(x))
    z = as_complex(y)
    size = norm_squared(z)
    return each(lambda part: part / size, mul(x, conj(z)))


def matmul(x: Symbol, y: Symbol) -> Complex:
    """The matrix product."""
    return bilinear(lambda a, b: a @ b, x, y)


def conj(x: Symbol) -> Symbol:
    """The conjugate; what is real itself."""
    return Complex(x.re, -x.im) if isinstance(x, Complex) else x


def times_i(z: Complex) -> Complex:
    """The number times i, exactly."""
    return Complex(-z.im, z.re)


def over_i(z: Complex) -> Complex:
    """The number divided by i, exactly."""
    return Complex(z.im, -z.re)


def reciprocal(z: Complex) -> Complex:
    """The inverse conj(z)/|z|^2."""
    size = norm_squared(z)
    return Complex(z.re / size, -(z.im / size))


def square(z: Complex) -> Complex:
    """The product of a number with itself."""
    return mul(z, z)


def norm_squared(z: Complex) -> Tensor:
    """The sum re^2 + im^2, smooth everywhere."""
    return z.re * z.re + z.im * z.im


def stacked(parts: Sequence[Complex], axis: int) -> Complex:
    """Numbers along a new axis."""
    return Complex(*(xp.stack([getattr(p, k) for p in parts], axis=axis) for k in ("re", "im")))


def product_over(z: Complex, axis: int) -> Complex:
    """The product along an axis, one factor after another; 1 of none."""
    shape = z.shape[:axis] + z.shape[axis + 1 :]
    if not z.shape[axis]:
        return Complex(constant(np.ones(shape)), constant(np.zeros(shape)))
    return functools.reduce(mul, factors(z, axis))


def factors(z: Complex, axis: int) -> list[Complex]:
    """The slices along an axis."""
    before = (slice(None),) * axis
    return [z[(*before, k)] for k in range(z.shape[axis])]
