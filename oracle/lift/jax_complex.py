"""JAX's primitives on complex numbers: most do to both parts what they do to real numbers, products follow
one formula, and the rest is in ``complex_functions``.

JAX's own derivatives of complex functions are linear in the cotangent without conjugation. Here this plays no
part: parts are differentiated as the real numbers that they are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import accumulate
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np

from oracle.lift import complex_functions as functions
from oracle.lift import complex_numbers as numbers
from oracle.lift.complex_numbers import Complex, Symbol
from oracle.lift.complex_polar import Signs, absolute, sgn, signs_of
from oracle.lift.jax_call import Call, Lowering
from oracle.lift.jax_complex_linalg import COMPLEX_LINALG
from oracle.lift.jax_elementwise import ELEMENTWISE, IDENTITIES
from oracle.lift.jax_fourier import fft
from oracle.lift.jax_indexing import INDEXING
from oracle.lift.jax_products import PRODUCTS
from oracle.lift.jax_reductions import REDUCTIONS
from oracle.lift.jax_scatter import SCATTER
from oracle.lift.jax_shaping import SHAPING, reshaped
from oracle.lift.jax_values import Value, real_dtype
from oracle.lift.jax_windows import WINDOWS
from reference_engine.trace import Tensor, constant, xp


def _of_parts(lower: Lowering) -> Lowering:
    """What moves, adds or chooses elements, for each part alone."""

    def both(call: Call) -> Symbol | list[Symbol | None]:
        re, im = (_single(lower(of_part(call, k))) for k in ("re", "im"))
        pairs: list[Symbol | None] = [
            a if a is None or b is None or not jnp.issubdtype(t.dtype, jnp.complexfloating) else Complex(a, b)
            for a, b, t in zip(re, im, call.outputs, strict=True)
        ]
        return pairs

    return both


def of_part(call: Call, name: Literal["re", "im"]) -> Call:
    """The primitive as it is applied to the real or to the imaginary parts of its operands."""
    return replace(
        call,
        params=_filling(call.params, name),
        inputs=tuple(v.part(name) for v in call.inputs),
        outputs=tuple(_real_type(a) for a in call.outputs),
    )


def _filling(params: Mapping[str, Any], name: Literal["re", "im"]) -> Mapping[str, Any]:
    """A gather's value for what lies outside is complex too; JAX's default is a NaN that is real."""
    if "fill_value" not in params:
        return params
    value = params["fill_value"]
    whole = complex(np.nan if value is None else value)
    return {**params, "fill_value": whole.real if name == "re" else whole.imag}


def _real_type(aval: Any) -> Any:
    if not jnp.issubdtype(aval.dtype, jnp.complexfloating):
        return aval
    return jax.ShapeDtypeStruct(aval.shape, real_dtype(aval.dtype))


def _single(result: Any) -> list[Tensor | None]:
    return [result] if isinstance(result, Tensor) else list(result)


def _bilinear(lower: Lowering) -> Lowering:
    """A product of two operands, from its products of parts."""

    def product(call: Call) -> Symbol:
        x, y = call.inputs[:2]
        return numbers.bilinear(_Products(call, lower), x.symbol, y.symbol)

    return product


class _Products:
    """The primitive applied to one part of each of its first two operands."""

    def __init__(self, call: Call, lower: Lowering) -> None:
        self.call = call
        self.lower = lower

    def __call__(self, x: Tensor, y: Tensor) -> Tensor:
        left, right = (
            Value(v.shape, real_dtype(v.dtype), symbol=part)
            for v, part in zip(self.call.inputs[:2], (x, y), strict=True)
        )
        call = of_part(self.call, "re")
        (found,) = _single(self.lower(replace(call, inputs=(left, right, *call.inputs[2:]))))
        assert found is not None
        return found


def _unary(f: Callable[[Complex], Symbol]) -> Lowering:
    return lambda call: f(call.pair)


def _cut(f: Callable[[Complex, Signs], Complex]) -> Lowering:
    """A function with a branch cut: signs of zeros say on which side of it XLA is."""
    return lambda call: f(call.pair, signs(call.inputs[0]))


def _cut_from_above(f: Callable[[Complex, Signs], Complex]) -> Lowering:
    """A function with a branch cut of which XLA takes every zero for a positive one."""
    return lambda call: f(call.pair, signs_of(call.pair))


def signs(value: Value) -> Signs:
    """Where the parts of a concrete value are negative."""
    found = np.asarray(value.concrete)
    return Signs(constant(np.signbit(found.real)), constant(np.signbit(found.imag)))


def _power(call: Call) -> Symbol:
    """XLA's exp(exponent log(base)); where a base is 0, whole exponents that are constants are products."""
    base, exponent = call.inputs
    if not exponent.lifted and not np.all(base.concrete) and np.unique(exponent.concrete).size == 1:
        number = complex(np.ravel(exponent.concrete)[0])
        return functions.power(base.pair, number if number.imag else number.real, signs(base))
    turned = numbers.as_complex(base.symbol)
    return functions.exp(numbers.mul(exponent.symbol, functions.log(turned, signs(base))))


def _convert(call: Call) -> Symbol:
    """To complex numbers and between their widths; to a real one the imaginary part is dropped."""
    source, target = call.inputs[0], jnp.dtype(call.params["new_dtype"])
    if target == np.bool_:
        return _unequal(
            replace(call, inputs=(source, Value((), source.dtype, concrete=np.zeros((), source.dtype))))
        )
    convert = ELEMENTWISE["convert_element_type"]
    if not jnp.issubdtype(target, jnp.complexfloating):
        (found,) = _single(convert(of_part(call, "re")))
        assert found is not None
        return found
    params = {**call.params, "new_dtype": real_dtype(target)}
    (re,) = _single(convert(replace(of_part(call, "re"), params=params)))
    assert re is not None
    if not source.is_complex:
        return Complex(re, numbers.imaginary_part(re))
    (im,) = _single(convert(replace(of_part(call, "im"), params=params)))
    assert im is not None
    return Complex(re, im)


def _equal(call: Call) -> Tensor:
    x, y = (v.pair for v in call.inputs)
    return xp.equal(x.re, y.re) & xp.equal(x.im, y.im)  # type: ignore[no-any-return]


def _unequal(call: Call) -> Tensor:
    return ~_equal(call)


def _product(call: Call) -> Symbol:
    """The product over axes, one factor after another."""
    axes = tuple(call.params["axes"])
    kept = [i for i in range(len(call.inputs[0].shape)) if i not in axes]
    count = int(np.prod([call.inputs[0].shape[a] for a in axes], dtype=np.int64))

    def rows(x: Tensor) -> Tensor:
        return reshaped(xp.transpose(x, axes=(*kept, *axes)), (*call.shape, count))

    return numbers.product_over(numbers.each(rows, call.pair), len(kept))


def _running(f: Callable[[Complex, Complex], Complex]) -> Lowering:
    """A running reduction, one element after another."""

    def lower(call: Call) -> Symbol:
        axis, step = call.params["axis"], -1 if call.params["reverse"] else 1
        found = numbers.factors(call.pair, axis)[::step]
        return numbers.stacked(list(accumulate(found, f))[::step], axis)

    return lower


_BY_PARTS = (
    *SHAPING, *IDENTITIES, "add", "sub", "neg", "add_any", "select_n", "stop_gradient", "gather",
    "dynamic_slice", "dynamic_update_slice", "scatter", "scatter-add", "scatter-sub", "reduce_sum", "cumsum",
    "reduce_window_sum",
)  # fmt: skip
_REAL = {**ELEMENTWISE, **SHAPING, **INDEXING, **SCATTER, **REDUCTIONS, **WINDOWS}
_SMOOTH = {
    "cos": functions.cos, "cosh": functions.cosh, "exp": functions.exp, "exp2": functions.exp2,
    "expm1": functions.expm1, "logistic": functions.sigmoid, "sin": functions.sin, "sinh": functions.sinh,
    "square": numbers.square, "tan": functions.tan, "tanh": functions.tanh, "abs": absolute,
    "real": lambda z: z.re, "imag": lambda z: z.im, "sign": sgn,
}  # fmt: skip
_WITH_CUTS = {
    "atan": functions.atan, "atanh": functions.atanh, "log": functions.log, "log1p": functions.log1p,
    "rsqrt": functions.rsqrt,
}  # fmt: skip
_WITHOUT_SIDES = {
    "acos": functions.acos, "acosh": functions.acosh, "asin": functions.asin, "asinh": functions.asinh,
    "sqrt": functions.sqrt,
}  # fmt: skip

COMPLEX: Mapping[str, Lowering] = {
    **{name: _of_parts(_REAL[name]) for name in _BY_PARTS},
    **{name: _bilinear(lower) for name, lower in PRODUCTS.items()},
    **{name: _unary(f) for name, f in _SMOOTH.items()},
    **{name: _cut(f) for name, f in _WITH_CUTS.items()},
    **{name: _cut_from_above(f) for name, f in _WITHOUT_SIDES.items()},
    "complex": lambda call: Complex(*call.tensors),
    "conj": lambda call: numbers.conj(numbers.as_complex(call.inputs[0].symbol)),
    "mul": lambda call: numbers.mul(*call.symbols),
    "div": lambda call: numbers.div(*call.symbols),
    "pow": _power,
    "integer_pow": lambda call: functions.power(call.pair, int(call.params["y"])),
    "convert_element_type": _convert,
    **COMPLEX_LINALG,
    "fft": fft,
    "eq": _equal,
    "ne": _unequal,
    "reduce_prod": _product,
    "cumprod": _running(numbers.mul),
    "cumlogsumexp": _running(functions.logaddexp),
    "sort": INDEXING["sort"],
}
"""Primitives by name where an operand or a result is complex."""
