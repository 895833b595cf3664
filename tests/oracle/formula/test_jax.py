"""Formulas of JAX's derivatives, and of rules written by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from oracle.formula.check import Outcome
from tests.oracle.formula.asking import formulas


def array(*shape: int) -> Any:
    """Normal numbers in float64."""
    with jax.enable_x64(True):
        return jnp.asarray(np.random.default_rng(0).standard_normal(shape))


def by_vjp(back: Callable[[Any, Any], Any]) -> Callable[[Any], Any]:
    """The sine with a pullback of its own."""

    @jax.custom_vjp
    def sine(x: Any) -> Any:
        return jnp.sin(x)

    sine.defvjp(lambda x: (jnp.sin(x), x), lambda x, c: (back(c, x),))
    return lambda x: sine(x)


def by_jvp(push: Callable[[Any, Any], Any]) -> Callable[[Any], Any]:
    """The sine with a pushforward of its own."""

    @jax.custom_jvp
    def sine(x: Any) -> Any:
        return jnp.sin(x)

    sine.defjvp(lambda primals, tangents: (jnp.sin(*primals), push(tangents[0], primals[0])))
    return lambda x: sine(x)


@pytest.mark.parametrize("route", ["jax.vjp", "jax.jit", "jax.jvp", "jax.vmap"])
def test_formulas_of_jax_are_right(route: str) -> None:
    """Every route, through a loop and library functions."""

    def function(x: Any) -> Any:
        return jax.lax.fori_loop(0, 3, lambda _, y: jnp.tanh(y) + x, jax.nn.softmax(x))

    (found,) = formulas(function, array(3), route=route)
    assert found.outcome is Outcome.EQUAL


def test_second_derivatives_can_be_read() -> None:
    """The gradient of <VJP, d> is a formula like others."""
    (found,) = formulas(jnp.tanh, array(3), route="jax.reverse_over_reverse", order=2)
    assert found.outcome is Outcome.EQUAL


@pytest.mark.parametrize("door", [by_vjp, by_jvp])
@pytest.mark.parametrize(
    "rule, outcome",
    [
        (lambda v, x: v * jnp.cos(x), Outcome.EQUAL),
        (lambda v, x: v * jnp.cos(x) * (1 + 1e-12), Outcome.DIFFERS),
        (lambda v, x: -v * jnp.cos(x), Outcome.DIFFERS),
        (lambda v, x: (v * jnp.cos(x)).astype(jnp.float32).astype(x.dtype), Outcome.EQUAL),
        (lambda v, x: v * (jnp.cos(x) + 1e6 - 1e6), Outcome.EQUAL),
    ],
    ids=["right", "a factor", "a sign", "a round trip", "added and taken away"],
)
def test_rules_are_read(door: Any, rule: Any, outcome: Outcome) -> None:
    """Faults of the formula differ, losses of digits do not."""
    (found,) = formulas(door(rule), array(3))
    assert found.outcome is outcome


def test_a_function_that_looks_at_values_is_followed() -> None:
    """Python's own branches are those of the run."""

    def function(x: Any) -> Any:
        return jnp.sin(x) if x.sum() > 0 else jnp.cos(x)

    (found,) = formulas(function, array(3))
    assert found.outcome is Outcome.EQUAL


def test_what_runs_outside_is_named() -> None:
    """A callback in the rule cannot be read."""

    def back(c: Any, x: Any) -> Any:
        return c * jax.pure_callback(lambda v: np.cos(v), jax.ShapeDtypeStruct(x.shape, x.dtype), x)

    (found,) = formulas(by_vjp(back), array(3))
    assert (found.outcome, found.words) == (Outcome.UNKNOWN, "formula not lifted: pure_callback")
