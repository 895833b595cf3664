"""The ways in which JAX gives derivatives of a Program, each by JAX's own transformations.

Every route is one pure function of arrays, so that it can run operation by operation or compiled as a whole.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import jax
import jax.numpy as jnp

from oracle.frameworks import jax_arrays as arrays
from oracle.frameworks.interpret import run
from oracle.frameworks.protocol import Answer, NotOfferedError, Point
from reference_engine.program import Program

_REFUSALS = re.compile(
    r"[Uu]nsupported dtype|does not accept dtype|not implemented|can't apply forward-mode"
    r"|[Rr]everse-mode differentiation does not work",
)
"""What JAX says when it does not offer something, as opposed to when something breaks."""

Tensors = Mapping[str, Any]
Derivative = Callable[[Tensors, Tensors, Tensors], tuple[tuple[Any, ...], Tensors]]
"""(all inputs, cotangents or tangents, directions) to (all outputs, derivatives by name)."""


@contextmanager
def calling_jax() -> Iterator[None]:
    """Turn JAX's own refusals into NotOfferedError with the first line of its message; let other errors pass.

    Warnings here are JAX's about its own insides; nobody who runs a check could act on them.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except (NotImplementedError, TypeError, ValueError) as error:
        first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        if isinstance(error, NotImplementedError) or _REFUSALS.search(first):
            raise NotOfferedError(first) from error
        raise


class Function:
    """A Program in one dtype as a function of the inputs that are differentiated."""

    def __init__(self, program: Program, dtype: str, wrt: tuple[str, ...]) -> None:
        self.program = program
        self.wrt = wrt
        self.dialect = arrays.dialect(dtype)
        self.real = [k for k, t in enumerate(program.output_types) if t.kind == "real"]

    def names(self) -> list[str]:
        """Names of the real outputs."""
        return [self.program.output_names[k] for k in self.real]

    def at(self, given: Tensors) -> Callable[..., tuple[tuple[Any, ...], tuple[Any, ...]]]:
        """(real outputs, all outputs) as a function of the differentiated inputs, the others as given."""

        def function(*primals: Any) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
            outputs = run(self.program, {**given, **dict(zip(self.wrt, primals, strict=True))}, self.dialect)
            outputs = tuple(jnp.asarray(v) for v in outputs)
            return tuple(outputs[k] for k in self.real), outputs

        return function

    def primals(self, given: Tensors) -> tuple[Any, ...]:
        """The differentiated inputs."""
        return tuple(given[name] for name in self.wrt)

    def cotangents(self, given: Tensors, outputs: tuple[Any, ...]) -> tuple[Any, ...]:
        """One for each real output, in that output's dtype."""
        return tuple(given[n].astype(o.dtype) for n, o in zip(self.names(), outputs, strict=True))

    def along(self, given: Tensors, primals: tuple[Any, ...]) -> tuple[Any, ...]:
        """One for each differentiated input, in that input's dtype."""
        return tuple(given[n].astype(p.dtype) for n, p in zip(self.wrt, primals, strict=True))


def _reverse(f: Function, given: Tensors, seeds: Tensors, _: Tensors) -> tuple[tuple[Any, ...], Tensors]:
    real, pullback, outputs = jax.vjp(f.at(given), *f.primals(given), has_aux=True)
    return outputs, dict(zip(f.wrt, pullback(f.cotangents(seeds, real)), strict=True))


def _forward(f: Function, given: Tensors, seeds: Tensors, _: Tensors) -> tuple[tuple[Any, ...], Tensors]:
    primals = f.primals(given)
    _, moved, outputs = jax.jvp(f.at(given), primals, f.along(seeds, primals), has_aux=True)
    return outputs, dict(zip(f.names(), moved, strict=True))


def _gradient(
    f: Function, given: Tensors, seeds: Tensors
) -> Callable[..., tuple[tuple[Any, ...], tuple[Any, ...]]]:
    """The VJP at a point as a function of that point, with the outputs beside it."""

    def gradient(*primals: Any) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        real, pullback, outputs = jax.vjp(f.at(given), *primals, has_aux=True)
        return pullback(f.cotangents(seeds, real)), outputs

    return gradient


def _reverse_over_reverse(
    f: Function, given: Tensors, seeds: Tensors, directions: Tensors
) -> tuple[tuple[Any, ...], Tensors]:
    primals = f.primals(given)
    _, pullback, outputs = jax.vjp(_gradient(f, given, seeds), *primals, has_aux=True)
    return outputs, dict(zip(f.wrt, pullback(f.along(directions, primals)), strict=True))


def _forward_over_reverse(
    f: Function, given: Tensors, seeds: Tensors, directions: Tensors
) -> tuple[tuple[Any, ...], Tensors]:
    primals = f.primals(given)
    _, moved, outputs = jax.jvp(
        _gradient(f, given, seeds), primals, f.along(directions, primals), has_aux=True
    )
    return outputs, dict(zip(f.wrt, moved, strict=True))


def _reverse_over_forward(
    f: Function, given: Tensors, seeds: Tensors, directions: Tensors
) -> tuple[tuple[Any, ...], Tensors]:
    primals = f.primals(given)

    def tangent(*moving: Any) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        _, moved, outputs = jax.jvp(f.at(given), moving, f.along(directions, primals), has_aux=True)
        return moved, outputs

    moved, pullback, outputs = jax.vjp(tangent, *primals, has_aux=True)
    return outputs, dict(zip(f.wrt, pullback(f.cotangents(seeds, moved)), strict=True))


def _values(f: Function, given: Tensors, _: Tensors, __: Tensors) -> tuple[tuple[Any, ...], Tensors]:
    return f.at(given)(*f.primals(given))[1], {}


BODIES: Mapping[str, Callable[[Function, Tensors, Tensors, Tensors], tuple[tuple[Any, ...], Tensors]]] = {
    "value": _values,
    "jax.vjp": _reverse,
    "jax.jit": _reverse,
    "jax.jvp": _forward,
    "jax.reverse_over_reverse": _reverse_over_reverse,
    "jax.forward_over_reverse": _forward_over_reverse,
    "jax.reverse_over_forward": _reverse_over_forward,
}

EAGER = frozenset({"jax.vjp"})
"""Routes that run operation by operation. The others are compiled as a whole: operation by operation a new
function costs 0.25 to 1 s of compilation for a gradient, against 0.05 to 0.2 s as a whole."""


@lru_cache(maxsize=64)
def _function(route: str, program: Program, dtype: str, wrt: tuple[str, ...]) -> Derivative:
    """One route as a function of arrays alone; kept, because compiling is what costs."""
    f = Function(program, dtype, wrt)
    body = BODIES[route]

    def derivative(given: Tensors, seeds: Tensors, directions: Tensors) -> tuple[tuple[Any, ...], Tensors]:
        return body(f, given, seeds, directions)

    compiled: Derivative = derivative if route in EAGER else jax.jit(derivative)
    return compiled


def forget_compiled() -> None:
    """Compile every Program anew: an operation of the adapter is another one than before."""
    _function.cache_clear()


def reading(route: str, program: Program, point: Point, read: Callable[..., Any]) -> Any:
    """What ``read`` makes of a route, given as a function of arrays that is not compiled."""
    forward = route == "jax.jvp"
    with arrays.sixty_four_bits(), calling_jax():
        given = arrays.inputs(program, point.inputs, point.dtype)
        seeds = arrays.reals(point.tangents if forward else point.cotangents)
        directions = arrays.reals(point.directions) if "over" in route else {}
        f = Function(program, point.dtype, point.wrt)

        def derivative(
            given: Tensors, seeds: Tensors, directions: Tensors
        ) -> tuple[tuple[Any, ...], Tensors]:
            return BODIES[route](f, given, seeds, directions)

        return read(derivative, given, seeds, directions, forward=forward)


def follow(route: str, program: Program, point: Point) -> Answer:
    """The answer of one route, or the value without derivatives for the route ``value``."""
    forward = route == "jax.jvp"
    with arrays.sixty_four_bits(), calling_jax():
        given = arrays.inputs(program, point.inputs, point.dtype)
        seeds = {} if route == "value" else arrays.reals(point.tangents if forward else point.cotangents)
        directions = arrays.reals(point.directions) if "over" in route else {}
        function = _function(route, program, point.dtype, point.wrt)
        outputs, derivatives = function(given, seeds, directions)
        return Answer(
            tuple(arrays.array(v) for v in outputs), {n: arrays.real_array(d) for n, d in derivatives.items()}
        )


def halves_of_smallest() -> list[float]:
    """Half of the smallest normal number of each native format, as computed; 0 if it is flushed."""
    with arrays.sixty_four_bits():
        return [
            float(jnp.min(jnp.full((40,), jnp.finfo(dtype).tiny, dtype) * 0.5))
            for dtype in ("float32", "float64")
        ]
