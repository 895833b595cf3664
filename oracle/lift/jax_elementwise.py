"""JAX's elementwise primitives, comparisons, choices and conversions between dtypes."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import jax.numpy as jnp
import numpy as np

from oracle.lift.jax_call import Call, Lowering, NotLoweredError
from reference_engine.trace import Tensor, xp


def _plain(f: Callable[..., Tensor]) -> Lowering:
    return lambda call: f(*call.tensors)


def _remainder(x: Tensor, y: Tensor) -> Tensor:
    """The remainder of division towards zero, which has the sign of x."""
    return x - y * xp.trunc(x / y)  # type: ignore[no-any-return]


def _round(call: Call) -> Tensor:
    x = call.tensor
    if call.params["rounding_method"].name == "TO_NEAREST_EVEN":
        return xp.round(x)  # type: ignore[no-any-return]
    return xp.sign(x) * xp.floor(xp.abs(x) + xp.constant("0.5"))  # type: ignore[no-any-return]


def _polygamma(call: Call) -> Tensor:
    order, x = call.inputs
    found = np.unique(order.array)
    if order.lifted or found.size != 1 or found[0] < 0 or found[0] != np.floor(found[0]):
        msg = "only with one order that is a constant integer of at least 0"
        raise NotLoweredError(msg)
    return xp.polygamma(int(found[0]), x.tensor)  # type: ignore[no-any-return]


def _integer_power(call: Call) -> Tensor:
    return call.tensor ** int(call.params["y"])


def _convert(call: Call) -> Tensor:
    """Between float types one rounding; a condition becomes 0 or 1; an integer is its value."""
    source, target = call.inputs[0], jnp.dtype(call.params["new_dtype"])
    if target == np.bool_:
        return source.tensor if source.is_bool else xp.not_equal(source.tensor, xp.constant(0))
    if not jnp.issubdtype(target, jnp.floating):
        return xp.astype(source.tensor, dtype="int64")  # type: ignore[no-any-return]
    if not source.is_real:
        return xp.astype(source.tensor, dtype="float64")  # type: ignore[no-any-return]
    if target == source.dtype:
        return source.tensor
    return _rounded(source.tensor, target.name)


def _rounded(x: Tensor, dtype: str) -> Tensor:
    if dtype not in {"float64", "float32", "bfloat16", "float16"}:
        msg = f"conversion to {dtype} is not lifted: the engine has no such format"
        raise NotLoweredError(msg)
    return xp.astype(x, dtype=dtype)  # type: ignore[no-any-return]


def _reduce_precision(call: Call) -> Tensor:
    bits = (call.params["exponent_bits"], call.params["mantissa_bits"])
    formats = {(11, 52): "float64", (8, 23): "float32", (8, 7): "bfloat16", (5, 10): "float16"}
    return _rounded(call.tensor, formats.get(bits, f"{bits[0]} and {bits[1]} bits"))


def _select(call: Call) -> Tensor:
    """The case that a condition or a constant position says."""
    which, *cases = call.inputs
    if which.is_bool and (which.lifted or which.shape):
        return xp.where(which.tensor, cases[1].tensor, cases[0].tensor)  # type: ignore[no-any-return]
    places = which.array.astype(np.int64)
    if not which.shape:
        return cases[int(places)].tensor
    chosen = cases[0].tensor
    for k, case in enumerate(cases[1:], 1):
        chosen = xp.where(xp.constant(places == k), case.tensor, chosen)
    return chosen


def _clamp(call: Call) -> Tensor:
    low, x, high = call.tensors
    return xp.clip(x, min=low, max=high)  # type: ignore[no-any-return]


def _logical(name: str) -> Lowering:
    def lower(call: Call) -> Tensor:
        if not all(v.is_bool for v in call.inputs):
            msg = "bits of integers that depend on a comparison are not lifted"
            raise NotLoweredError(msg)
        return getattr(xp, name)(*call.tensors)  # type: ignore[no-any-return]

    return lower


_SAME_NAME = (
    "abs", "acos", "acosh", "asin", "asinh", "atan", "atan2", "atanh", "cbrt", "ceil", "cos", "cosh",
    "digamma", "erf", "erfc", "exp", "exp2", "expm1", "floor", "lgamma", "log", "log1p", "rsqrt", "sign",
    "sin", "sinh", "sqrt", "square", "stop_gradient", "tan", "tanh",
)  # fmt: skip
_OTHER_NAME = {
    "add": "add", "add_any": "add", "sub": "subtract", "mul": "multiply", "div": "divide", "neg": "negative",
    "pow": "power", "max": "maximum", "min": "minimum", "erf_inv": "erfinv", "logistic": "sigmoid",
    "is_finite": "isfinite", "eq": "equal", "ne": "not_equal", "lt": "less", "le": "less_equal",
    "gt": "greater", "ge": "greater_equal", "eq_to": "equal", "lt_to": "less", "le_to": "less_equal",
}  # fmt: skip


def _named(name: str) -> Lowering:
    return lambda call: getattr(xp, name)(*call.tensors)


def _identity(call: Call) -> list[Tensor]:
    return call.tensors


IDENTITIES = (
    "copy", "copy_p", "name", "sharding_constraint", "layout_constraint", "optimization_barrier", "pvary",
    "device_put", "reshard", "mesh_cast",
)  # fmt: skip

ELEMENTWISE: Mapping[str, Lowering] = {
    **{name: _named(name) for name in _SAME_NAME},
    **{name: _named(ours) for name, ours in _OTHER_NAME.items()},
    **dict.fromkeys(IDENTITIES, _identity),
    "rem": _plain(_remainder),
    "round": _round,
    "polygamma": _polygamma,
    "integer_pow": _integer_power,
    "convert_element_type": _convert,
    "reduce_precision": _reduce_precision,
    "select_n": _select,
    "clamp": _clamp,
    "and": _logical("logical_and"),
    "or": _logical("logical_or"),
    "xor": _logical("logical_xor"),
    "not": _logical("logical_not"),
}
