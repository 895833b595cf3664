"""A derivative that JAX computes, as a Program: the jaxpr of a route, with all rules of ``custom_vjp`` and
``custom_jvp`` applied. Here the rules *are* read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax.extend.core import jaxpr_as_fun

from oracle.frameworks import jax_arrays as arrays
from oracle.lift.derivative import LiftedDerivative, not_lifted
from oracle.lift.jax_eager import ASKED_FOR_A_VALUE, follow
from oracle.lift.jax_interpret import Interpreter
from oracle.lift.jax_values import Value, given_value
from oracle.lift.process import generators_kept
from reference_engine.differentiate import COTANGENT, DIRECTION, GRADIENT, TANGENT
from reference_engine.program import TensorType
from reference_engine.trace import Builder, building

Tensors = Mapping[str, Any]
Derivative = Callable[[Tensors, Tensors, Tensors], tuple[tuple[Any, ...], Tensors]]
"""(all inputs, cotangents or tangents, directions) to (all outputs, derivatives by name)."""


def lift_jax_derivative(
    function: Derivative, given: Tensors, seeds: Tensors, directions: Tensors, *, forward: bool
) -> LiftedDerivative:
    """What a route computes, which is a pure function of arrays by name. What JAX raises passes through."""
    seed, found = (TANGENT, TANGENT) if forward else (COTANGENT, GRADIENT)
    named = {**given, **{seed + n: a for n, a in seeds.items()}}
    named |= {DIRECTION + n: a for n, a in directions.items()}
    named = {n: jnp.asarray(a) for n, a in named.items()}
    moving = [n for n, a in named.items() if jnp.issubdtype(a.dtype, jnp.floating)]
    names: list[str] = []

    def flat(*values: Any) -> list[Any]:
        own = {**named, **dict(zip(moving, values, strict=True))}
        _, derivatives = function(
            {n: own[n] for n in given},
            {n: own[seed + n] for n in seeds},
            {n: own[DIRECTION + n] for n in directions},
        )
        names[:] = [found + n for n in derivatives]
        return [jnp.asarray(v) for v in derivatives.values()]

    builder = Builder(surface=True)
    with building(builder):
        inputs = [builder.input(n, TensorType(tuple(named[n].shape))) for n in moving]
        interpreter = Interpreter(builder, None)
        values = [given_value(named[n], symbol) for n, symbol in zip(moving, inputs, strict=True)]
        results, answers = _results(flat, values, interpreter)
        if interpreter.unsupported:
            return not_lifted(", ".join(interpreter.unsupported))
        program = builder.finish(inputs, [v.tensor for v in results], names)
    return LiftedDerivative(program, {n: arrays.real_array(a) for n, a in zip(names, answers, strict=True)})


def _results(
    function: Callable[..., list[Any]], inputs: list[Value], interpreter: Interpreter
) -> tuple[list[Value], Sequence[Any]]:
    """By way of a jaxpr; of a function whose Python asks for values, step by step. And the numbers."""
    try:
        with generators_kept():
            jaxpr = jax.make_jaxpr(function)(*(v.concrete for v in inputs))
    except ASKED_FOR_A_VALUE:
        with generators_kept():
            answers: Sequence[Any] = function(*(v.concrete for v in inputs))
        return follow(function, inputs, interpreter), answers
    return interpreter.inline(jaxpr, inputs), jaxpr_as_fun(jaxpr)(*(v.concrete for v in inputs))
