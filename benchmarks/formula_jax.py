"""Rules of ``jax.custom_vjp`` and ``jax.custom_jvp`` with a fault in the formula or a loss of digits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from benchmarks.formula_rules import FACTORS, Generator, Inputs, Rule


def by_vjp(function: Callable[[Any], Any], back: Callable[[Any, Any], Any]) -> Callable[[Any], Any]:
    """A function with ``back(cotangent, x)`` for its pullback."""

    @jax.custom_vjp
    def planted(x: Any) -> Any:
        return function(x)

    planted.defvjp(lambda x: (function(x), x), lambda x, c: (back(c, x),))
    return lambda x: planted(x)


def by_jvp(function: Callable[[Any], Any], push: Callable[[Any, Any], Any]) -> Callable[[Any], Any]:
    """A function with ``push(tangent, x)`` for its pushforward."""

    @jax.custom_jvp
    def planted(x: Any) -> Any:
        return function(x)

    planted.defjvp(lambda primals, tangents: (function(*primals), push(tangents[0], primals[0])))
    return lambda x: planted(x)


DOORS = {"custom_vjp": by_vjp, "custom_jvp": by_jvp}


def wide(*shape: int, scale: float = 1.0, shift: float = 0.0) -> Inputs:
    """One float64 array of normal numbers."""

    def draw(g: Generator) -> tuple[Any, ...]:
        with jax.enable_x64(True):
            return (jnp.asarray(shift + scale * g.standard_normal(shape)),)

    return draw


SLOPES: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "sin": (jnp.sin, jnp.cos),
    "exp": (jnp.exp, jnp.exp),
    "sigmoid": (jax.nn.sigmoid, lambda x: jax.nn.sigmoid(x) * (1 - jax.nn.sigmoid(x))),
    "erf": (jax.scipy.special.erf, lambda x: 2 / jnp.sqrt(jnp.pi) * jnp.exp(-x * x)),
}
"""Functions with their derivatives, rightly written."""


def _rules() -> dict[str, Rule]:
    found: dict[str, Rule] = {}
    for door, make in DOORS.items():
        for name, (function, slope) in SLOPES.items():
            for size in FACTORS[1::2]:
                spoiled = make(function, lambda v, x, s=slope, d=size: v * s(x) * (1 + d))
                found[f"{door} {name} times 1 + {size:g}"] = Rule("fault", spoiled, wide(3))
            spoiled = make(function, lambda v, x, s=slope: -v * s(x))
            found[f"{door} {name} sign"] = Rule("fault", spoiled, wide(3))
            for dtype in (jnp.float32, jnp.bfloat16):
                spoiled = make(function, lambda v, x, s=slope, d=dtype: (v * s(x)).astype(d).astype(x.dtype))
                found[f"{door} {name} through {dtype.__name__}"] = Rule("loss", spoiled, wide(3))
        found[f"{door} erf constant"] = Rule(
            "fault",
            make(jax.scipy.special.erf, lambda v, x: 1.1283 * v * jnp.exp(-x * x)),
            wide(3),
        )
        found[f"{door} dropped term"] = Rule(
            "fault", make(lambda x: x * jnp.sin(x), lambda v, x: v * jnp.sin(x)), wide(3)
        )
        found[f"{door} chain factor"] = Rule(
            "fault", make(lambda x: jnp.sin(3 * x), lambda v, x: v * jnp.cos(3 * x)), wide(3)
        )
        found[f"{door} tanh saturated"] = Rule(
            "loss", make(jnp.tanh, lambda v, x: v * (1 - jnp.tanh(x) ** 2)), wide(3, shift=12)
        )
        found[f"{door} expm1 by exp"] = Rule(
            "loss",
            make(lambda x: jnp.expm1(x) ** 2, lambda v, x: v * 2 * (jnp.exp(x) - 1) * jnp.exp(x)),
            wide(3, scale=1e-7),
        )
        found[f"{door} added and taken away"] = Rule(
            "loss", make(jnp.sin, lambda v, x: v * (jnp.cos(x) + 1e6 - 1e6)), wide(3)
        )
        found[f"{door} cosine of a small number"] = Rule(
            "loss", make(lambda x: x - jnp.sin(x), lambda v, x: v * (1 - jnp.cos(x))), wide(3, scale=1e-6)
        )
    return found


JAX_RULES = {f"jax {name}": each for name, each in _rules().items()}
"""Every rule by name."""
