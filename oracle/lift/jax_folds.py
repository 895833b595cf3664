"""Reductions by a function of the user's: its jaxpr, repeated from the first element to the last.

XLA promises no order; the function must be associative, as JAX asks.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from oracle.lift.jax_call import Call
from oracle.lift.jax_shaping import reshaped, taken, taken_or
from oracle.lift.jax_values import Value, derive
from oracle.lift.jax_windows import places_of
from oracle.lift.program import Array
from reference_engine.composites.shapes import positions
from reference_engine.trace import xp


def reduce(call: Call) -> Sequence[Value]:
    """``lax.reduce`` over axes."""
    shape = call.inputs[0].shape
    axes = tuple(call.params["dimensions"])
    kept = [i for i in range(len(shape)) if i not in axes]
    count = int(np.prod([shape[a] for a in axes], dtype=np.int64))
    places = positions(shape).transpose((*kept, *axes)).reshape(-1, count)
    return _folded(call, call.params["jaxpr"], places)


def reduce_window(call: Call) -> Sequence[Value]:
    """``lax.reduce_window`` by any function; outside of the operand is the initial value."""
    return _folded(call, call.params["jaxpr"], places_of(call, call.inputs[0].shape))


def _folded(call: Call, body: Any, places: Array) -> Sequence[Value]:
    """Rows of ``places`` (what is combined into one result) taken element by element."""
    half = len(call.inputs) // 2
    operands, starts = call.inputs[:half], call.inputs[half:]
    rows, count = places.shape
    types = [jax.ShapeDtypeStruct((rows,), v.dtype) for v in operands]
    inner = getattr(body, "jaxpr", body)
    constants = getattr(body, "consts", call.params.get("consts", ()))
    jaxpr = jax.make_jaxpr(jax.vmap(lambda *x: jax.core.eval_jaxpr(inner, constants, *x)))(*types, *types)
    state = [_spread(v, rows) for v in starts]
    for k in range(count):
        state = call.jaxprs.inline(
            jaxpr, [*state, *(_element(v, s, places[:, k]) for v, s in zip(operands, starts, strict=True))]
        )
    return [_shaped(v, a) for v, a in zip(state, call.outputs, strict=True)]


def _spread(value: Value, rows: int) -> Value:
    aval = jax.ShapeDtypeStruct((rows,), value.dtype)
    return derive(
        lambda t: xp.broadcast_to(t, shape=(rows,)), lambda x: jnp.broadcast_to(x, (rows,)), aval, value
    )


def _element(value: Value, start: Value, places: Array) -> Value:
    """One element of each row; the initial value where the place is negative."""
    aval = jax.ShapeDtypeStruct(places.shape, value.dtype)
    index = np.maximum(places, 0)
    if not (places < 0).any():
        return derive(lambda t: taken(t, places), lambda x: jnp.ravel(x)[index], aval, value)
    return derive(
        lambda t, s: taken_or(t, places, s),
        lambda x, s: jnp.where(places < 0, s, jnp.ravel(x)[index]),
        aval,
        value,
        start,
    )


def _shaped(value: Value, aval: Any) -> Value:
    return derive(lambda t: reshaped(t, tuple(aval.shape)), lambda x: jnp.reshape(x, aval.shape), aval, value)
