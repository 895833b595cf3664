"""A user's JAX function at one point, in the form in which JAX's routes ask for it."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from oracle.frameworks import jax_arrays as arrays
from oracle.frameworks.jax_routes import BODIES, Function, Tensors
from oracle.frameworks.protocol import Answer, Array, NotOfferedError, Point
from reference_engine.program import Program

Run = Callable[[Mapping[str, Any]], tuple[Any, ...]]
"""From arrays by slot name to the function's output arrays."""

Body = Callable[[Function, Tensors, Tensors, Tensors], tuple[tuple[Any, ...], Tensors]]

MANY = 32
"""Elements up to which forward over forward is asked: it runs once for each."""

VALUE_DEPENDENT = (
    jax.errors.ConcretizationTypeError,
    jax.errors.TracerArrayConversionError,
    jax.errors.TracerIntegerConversionError,
    jax.errors.NonConcreteBooleanIndexError,
    jax.errors.UnexpectedTracerError,
)
"""What JAX raises where a function looks at values, which only an uncompiled one can."""


class UserCall(Function):
    """The function of the inputs that are differentiated, all other arrays fixed."""

    def __init__(self, run: Run, program: Program, point: Point) -> None:
        self.run = run
        self.program = program
        self.point = point
        self.wrt = point.wrt
        self.real = [k for k, t in enumerate(program.output_types) if t.kind == "real"]

    def at(self, given: Tensors) -> Callable[..., tuple[tuple[Any, ...], tuple[Any, ...]]]:
        """(real outputs, all outputs) as a function of the differentiated inputs, the others as given."""

        def function(*primals: Any) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
            found = self.run({**given, **dict(zip(self.wrt, primals, strict=True))})
            outputs = tuple(jnp.asarray(v) for v in found)
            return tuple(outputs[k] for k in self.real), outputs

        return function


def _batched(f: Function, given: Tensors, seeds: Tensors, _: Tensors) -> tuple[tuple[Any, ...], Tensors]:
    """The pullback under ``vmap``, over the cotangents and their opposites."""
    real, pullback, outputs = jax.vjp(f.at(given), *f.primals(given), has_aux=True)
    pairs = tuple(jnp.stack([c, -c]) for c in f.cotangents(seeds, real))
    found = jax.vmap(pullback)(pairs)
    return outputs, {n: g[0] for n, g in zip(f.wrt, found, strict=True)}


def _forward_over_forward(
    f: Function, given: Tensors, seeds: Tensors, directions: Tensors
) -> tuple[tuple[Any, ...], Tensors]:
    """Every element by a JVP of a JVP; for few elements, since each costs two forward passes."""
    primals = f.primals(given)
    size = sum(p.size for p in primals)
    if size > MANY:
        msg = f"not asked for {size} elements; forward over forward runs once for each, at most {MANY}"
        raise NotOfferedError(msg)

    def slope(*moving: Any) -> Any:
        real, moved, _ = jax.jvp(f.at(given), moving, f.along(directions, primals), has_aux=True)
        return sum(jnp.sum(c * t) for c, t in zip(f.cotangents(seeds, real), moved, strict=True))

    def element(unit: Any) -> Any:
        parts, start = [], 0
        for p in primals:
            parts.append(unit[start : start + p.size].reshape(p.shape).astype(p.dtype))
            start += p.size
        return jax.jvp(slope, primals, tuple(parts))[1]

    flat = jax.vmap(element)(jnp.eye(size))
    found, start = {}, 0
    for name, p in zip(f.wrt, primals, strict=True):
        found[name] = flat[start : start + p.size].reshape(p.shape)
        start += p.size
    return f.at(given)(*primals)[1], found


ROUTES: Mapping[str, Body] = {
    "jax.vjp": BODIES["jax.vjp"],
    "jax.jit": BODIES["jax.jit"],
    "jax.jvp": BODIES["jax.jvp"],
    "jax.vmap": _batched,
}
SECOND_ORDER_ROUTES: Mapping[str, Body] = {
    "jax.reverse_over_reverse": BODIES["jax.reverse_over_reverse"],
    "jax.forward_over_reverse": BODIES["jax.forward_over_reverse"],
    "jax.reverse_over_forward": BODIES["jax.reverse_over_forward"],
    "jax.forward_over_forward": _forward_over_forward,
}


def reading(route: str, call: UserCall, given: Tensors, read: Callable[..., Any]) -> Any:
    """What ``read`` makes of a route, given as a function of arrays that is not compiled."""
    body = {**ROUTES, **SECOND_ORDER_ROUTES}[route]
    forward = route == "jax.jvp"
    seeds = arrays.reals(call.point.tangents if forward else call.point.cotangents)
    directions = arrays.reals(call.point.directions) if "over" in route else {}

    def derivative(given: Tensors, seeds: Tensors, directions: Tensors) -> tuple[tuple[Any, ...], Tensors]:
        return body(call, given, seeds, directions)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return read("jax", derivative, given, seeds, directions, forward=forward)


def follow(route: str, call: UserCall, given: Tensors) -> Answer:
    """The answer of one route. Only ``jax.vjp`` runs operation by operation; another route does where the
    function cannot be compiled because it looks at values, except ``jax.jit`` itself.
    """
    body = {**ROUTES, **SECOND_ORDER_ROUTES}[route]
    seeds = arrays.reals(call.point.tangents if route == "jax.jvp" else call.point.cotangents)
    directions = arrays.reals(call.point.directions) if "over" in route else {}

    def derivative(given: Tensors, seeds: Tensors, directions: Tensors) -> tuple[tuple[Any, ...], Tensors]:
        return body(call, given, seeds, directions)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if route == "jax.vjp":
            outputs, found = derivative(given, seeds, directions)
        else:
            try:
                outputs, found = jax.jit(derivative)(given, seeds, directions)
            except VALUE_DEPENDENT as error:
                if route == "jax.jit":
                    first = str(error).strip().splitlines()[0]
                    raise NotOfferedError(first) from error
                outputs, found = derivative(given, seeds, directions)
    derivatives = {n: arrays.real_array(d) for n, d in found.items()}
    return Answer(tuple(arrays.array(v) for v in outputs), derivatives)


def pull(call: UserCall, given: Tensors, factors: Sequence[float]) -> list[dict[str, Array]]:
    """Gradients for the cotangents times each factor, by one pullback."""
    real, pullback, _ = jax.vjp(call.at(given), *call.primals(given), has_aux=True)
    seeds = call.cotangents(arrays.reals(call.point.cotangents), real)
    found = []
    for factor in factors:
        gradients = pullback(tuple(jnp.asarray(factor, c.dtype) * c for c in seeds))
        found.append({n: arrays.real_array(g) for n, g in zip(call.wrt, gradients, strict=True)})
    return found
