"""Our operations as JAX's own: the array operations. Each entry takes the parameters of our prototype by
name.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import jax.scipy.special as jsp

from oracle.frameworks.interpret import Call
from oracle.frameworks.jax_functional import FUNCTIONAL
from oracle.frameworks.jax_linalg import LINALG
from reference_engine.program import Attr

Axis = int | tuple[int, ...] | None

NUMBER_OPERANDS = frozenset(
    {
        "add", "subtract", "multiply", "divide", "power", "remainder", "floor_divide", "maximum", "minimum",
        "less", "less_equal", "greater", "greater_equal", "equal", "not_equal", "where", "clip", "logaddexp",
        "hypot", "atan2",
    }
)  # fmt: skip
"""Operations whose JAX form takes a bare number beside an array."""


def positional(function: Callable[..., Any]) -> Call:
    """A function that takes the same arguments in the same order."""
    return lambda **arguments: function(*arguments.values())


def _rounding(function: Callable[..., Any]) -> Call:
    """Integers are their own rounding; JAX would make them real."""
    return lambda x: x if jnp.issubdtype(x.dtype, jnp.integer) else function(x)


def _getitem(x: Any, indices: Sequence[Any], key: tuple[Attr, ...]) -> Any:
    out: list[Any] = []
    for entry in key:
        match entry[0]:
            case "slice":
                out.append(slice(*entry[1:]))
            case "at":
                out.append(entry[1])
            case "newaxis":
                out.append(None)
            case "ellipsis":
                out.append(Ellipsis)
            case _:
                out.append(indices[entry[1]])
    return x[tuple(out)]


def _scatter_add(x: Any, indices: Any, updates: Any, axis: int) -> Any:
    moved = jnp.moveaxis(x, axis, 0)
    source = jnp.moveaxis(updates, axis, 0) if indices.ndim == 1 else updates
    return jnp.moveaxis(moved.at[indices].add(source), 0, axis)


def _reduction(function: Callable[..., Any]) -> Call:
    return lambda x, axis, keepdims: function(x, axis=axis, keepdims=keepdims)


def _topk(x: Any, k: int, axis: int) -> tuple[Any, Any]:
    values, places = jax.lax.top_k(jnp.moveaxis(x, axis, -1), k)
    return jnp.moveaxis(values, -1, axis), jnp.moveaxis(places, -1, axis)


_SAME_NAMES = (
    "negative", "positive", "reciprocal", "square", "exp", "exp2", "expm1", "log", "log2", "log10", "log1p",
    "sqrt", "cbrt", "sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh", "asinh", "acosh",
    "atanh", "logaddexp", "hypot", "maximum", "minimum", "abs", "sign", "logical_and", "logical_or",
    "logical_xor", "logical_not", "isfinite", "ones_like", "zeros_like",
)  # fmt: skip

ELEMENTWISE: Mapping[str, Call] = {
    "add": positional(operator.add),
    "subtract": positional(operator.sub),
    "multiply": positional(operator.mul),
    "divide": positional(operator.truediv),
    "power": positional(operator.pow),
    "remainder": positional(operator.mod),
    "floor_divide": positional(operator.floordiv),
    "less": positional(operator.lt),
    "less_equal": positional(operator.le),
    "greater": positional(operator.gt),
    "greater_equal": positional(operator.ge),
    "equal": positional(operator.eq),
    "not_equal": positional(operator.ne),
    "stop_gradient": lambda x: jax.lax.stop_gradient(x),
    "where": positional(jnp.where),
    "clip": lambda x, min, max: jnp.clip(x, min, max),
    "astype": lambda x, dtype: x.astype(dtype),
    "pi": lambda: math.pi,
    "e": lambda: math.e,
    "atan2": positional(jnp.atan2),
    "rsqrt": positional(jax.lax.rsqrt),
    "sigmoid": positional(jax.nn.sigmoid),
    "lgamma": positional(jsp.gammaln),
    "erf": positional(jsp.erf),
    "erfc": positional(jsp.erfc),
    "erfinv": positional(jsp.erfinv),
    "digamma": positional(jsp.digamma),
    "polygamma": lambda x, n: jsp.polygamma(n, x),
    **{
        name: positional(getattr(jsp, name))
        for name in ("i0", "i0e", "i1", "i1e", "gammainc", "gammaincc", "betainc", "zeta")
    },
    "floor": _rounding(jnp.floor),
    "ceil": _rounding(jnp.ceil),
    "trunc": _rounding(jnp.trunc),
    "round": _rounding(jnp.round),
    **{name: positional(getattr(jnp, name)) for name in _SAME_NAMES},
}

SHAPING: Mapping[str, Call] = {
    "reshape": lambda x, shape: jnp.reshape(x, shape),
    "transpose": lambda x, axes: jnp.transpose(x, axes),
    "broadcast_to": lambda x, shape: jnp.broadcast_to(x, shape),
    "concatenate": lambda arrays, axis: jnp.concatenate(list(arrays), axis=axis),
    "expand_dims": lambda x, axis: jnp.expand_dims(x, axis),
    "squeeze": lambda x, axis: jnp.squeeze(x, axis),
    "matrix_transpose": lambda x: x.mT,
    "moveaxis": lambda x, source, destination: jnp.moveaxis(x, source, destination),
    "flip": lambda x, axis: jnp.flip(x, axis),
    "roll": lambda x, shift, axis: jnp.roll(x, shift, axis),
    "repeat": lambda x, repeats, axis: jnp.repeat(x, repeats, axis),
    "tile": lambda x, repetitions: jnp.tile(x, repetitions),
    "stack": lambda arrays, axis: jnp.stack(list(arrays), axis=axis),
    "split": lambda x, sections, axis: tuple(jnp.split(x, sections, axis)),
    "pad": lambda x, pad_width, value: jnp.pad(x, pad_width, constant_values=value),
    "tril": lambda x, k: jnp.tril(x, k),
    "triu": lambda x, k: jnp.triu(x, k),
    "diagonal": lambda x, offset: jnp.diagonal(x, offset, -2, -1),
    "getitem": _getitem,
    "take": lambda x, indices, axis: jnp.take(x, indices, axis=axis),
    "take_along_axis": lambda x, indices, axis: jnp.take_along_axis(x, indices, axis),
    "scatter_add": _scatter_add,
    "embedding": lambda indices, weight: jnp.take(weight, indices, axis=0),
}

REDUCTIONS: Mapping[str, Call] = {
    "sum": _reduction(jnp.sum),
    "mean": _reduction(jnp.mean),
    "prod": _reduction(jnp.prod),
    "max": _reduction(jnp.max),
    "min": _reduction(jnp.min),
    "logsumexp": _reduction(jax.nn.logsumexp),
    "cumsum": lambda x, axis: jnp.cumsum(x, axis),
    "cumprod": lambda x, axis: jnp.cumprod(x, axis),
    "cummax": lambda x, axis: jax.lax.cummax(x, axis % x.ndim),
    "logcumsumexp": lambda x, axis: jax.lax.cumlogsumexp(x, axis % x.ndim),
    "sort": lambda x, axis, descending: jnp.sort(x, axis=axis, stable=True, descending=descending),
    "argsort": lambda x, axis, descending: jnp.argsort(x, axis=axis, stable=True, descending=descending),
    "argmax": _reduction(jnp.argmax),
    "argmin": _reduction(jnp.argmin),
    "topk": _topk,
}

OPERATIONS: Mapping[str, Call] = {**ELEMENTWISE, **SHAPING, **REDUCTIONS, **LINALG, **FUNCTIONAL}
"""Every operation that JAX is asked for, by our name."""
