"""Primitives that hold jaxprs: calls are inlined, loops and branches follow this run's concrete values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import ClosedJaxpr

from oracle.lift.complex_numbers import stacked
from oracle.lift.jax_call import Call, NotLoweredError, Structure
from oracle.lift.jax_folds import reduce, reduce_window
from oracle.lift.jax_solve import custom_linear_solve
from oracle.lift.jax_values import Application, Value, derive, derived, fixed, is_key
from oracle.lift.program import Array
from reference_engine.trace import xp

LONGEST = 100_000
"""Steps after which a loop is taken for one that does not end."""


def closed(jaxpr: Any) -> Any:
    """A jaxpr with its constants."""
    return jaxpr if hasattr(jaxpr, "consts") else ClosedJaxpr(jaxpr, ())


def _inlined(parameter: str) -> Structure:
    return lambda call: call.jaxprs.inline(closed(call.params[parameter]), call.inputs)


def _cond(call: Call) -> Sequence[Value]:
    which, *operands = call.inputs
    branches = call.params["branches"]
    if which.lifted:
        call.jaxprs.note("a branch of cond or switch was chosen by a value that depends on the inputs")
    place = min(max(int(which.array), 0), len(branches) - 1)
    return call.jaxprs.inline(closed(branches[place]), operands)


def _while(call: Call) -> Sequence[Value]:
    p = call.params
    asked, used = p["cond_nconsts"], p["body_nconsts"]
    test, body = call.inputs[:asked], call.inputs[asked : asked + used]
    state: Sequence[Value] = call.inputs[asked + used :]
    for _ in range(LONGEST):
        (holds,) = call.jaxprs.inline(closed(p["cond_jaxpr"]), [*test, *state])
        if holds.lifted:
            call.jaxprs.note("the number of steps of a while_loop was decided by values of the inputs")
        if not holds.array.any():
            return state
        after = call.jaxprs.inline(closed(p["body_jaxpr"]), [*body, *state])
        state = [_where(holds.array, new, old) for new, old in zip(after, state, strict=True)]
    msg = f"a loop of more than {LONGEST} steps is not unrolled"
    raise NotLoweredError(msg)


def _where(going: Array, new: Value, old: Value) -> Value:
    """Of loops that run side by side under ``vmap`` only those go on whose condition holds."""
    if going.all():
        return new
    mask = going.reshape(going.shape + (1,) * (len(new.shape) - going.ndim))
    if not new.lifted and not old.lifted:
        return fixed(jnp.where(mask, new.concrete, old.concrete))
    aval = jax.ShapeDtypeStruct(new.shape, new.dtype)
    return derive(
        lambda a, b: xp.where(xp.constant(mask), a, b), lambda a, b: jnp.where(mask, a, b), aval, new, old
    )


def _scan(call: Call) -> Sequence[Value]:
    p = call.params
    length, carried = p["length"], p["num_consts"] + p["num_carry"]
    if length > LONGEST:
        msg = f"a loop of more than {LONGEST} steps is not unrolled"
        raise NotLoweredError(msg)
    constants, state = call.inputs[: p["num_consts"]], list(call.inputs[p["num_consts"] : carried])
    columns = [_rows(v, length) for v in call.inputs[carried:]]
    steps = range(length - 1, -1, -1) if p["reverse"] else range(length)
    gathered: dict[int, list[Value]] = {}
    for k in steps:
        results = call.jaxprs.inline(closed(p["jaxpr"]), [*constants, *state, *(c[k] for c in columns)])
        state, gathered[k] = results[: p["num_carry"]], results[p["num_carry"] :]
    avals = call.outputs[p["num_carry"] :]
    stacked = [_stacked([gathered[k][i] for k in range(length)], a) for i, a in enumerate(avals)]
    return [*state, *stacked]


def _rows(value: Value, length: int) -> list[Value]:
    """What the steps of a scan get of one operand."""
    if not value.lifted:
        whole = value.concrete if is_key(value.dtype) else np.asarray(value.concrete)
        return [fixed(whole[k]) for k in range(length)]
    aval = jax.ShapeDtypeStruct(value.shape[1:], value.dtype)

    def row(k: int) -> Value:
        return derive(lambda t: t[k], lambda x: x[k], aval, value)

    return [row(k) for k in range(length)]


def _stacked(values: Sequence[Value], aval: Any) -> Value:
    """The results of all steps along a new first axis."""
    if not values:
        return fixed(np.zeros(aval.shape, dtype=aval.dtype))
    if not any(v.lifted for v in values):
        return fixed(jnp.stack([v.concrete for v in values]))
    source = Application(lambda found: [jnp.stack(found)], values)
    if not jnp.issubdtype(aval.dtype, jnp.complexfloating):
        return derived([xp.stack([v.tensor for v in values], axis=0)], [aval], source)[0]
    return derived([stacked([v.pair for v in values], 0)], [aval], source)[0]


STRUCTURES: Mapping[str, Structure] = {
    **dict.fromkeys(("jit", "pjit", "remat2", "checkpoint", "composite", "eval_jaxpr"), _inlined("jaxpr")),
    **dict.fromkeys(
        ("closed_call", "core_call", "call", "custom_jvp_call", "custom_vjp_call"), _inlined("call_jaxpr")
    ),
    "custom_vjp_call_jaxpr": _inlined("fun_jaxpr"),
    "custom_vmap_call": _inlined("call"),
    "linear_call": _inlined("callee"),
    "cond": _cond,
    "while": _while,
    "scan": _scan,
    "custom_linear_solve": custom_linear_solve,
    "reduce": reduce,
    "reduce_window": reduce_window,
}
"""Primitives by name."""
