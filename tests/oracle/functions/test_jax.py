"""JAX functions that are right are green, functions with a planted fault are not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import oracle
from oracle.frameworks.jax_arrays import sixty_four_bits
from oracle.judge.verdict import Verdict

X = [0.3, -1.2, 2.0]


def cube(size: float) -> Any:
    """x^3 with its own rule, off by ``size``."""

    @jax.custom_vjp
    def function(x: Any) -> Any:
        return x**3

    function.defvjp(lambda x: (x**3, x), lambda x, c: (c * 3 * x**2 * (1 + size),))
    return function


def test_right_custom_vjp() -> None:
    """A right rule is certified on its reverse routes; it has no forward one, which is green."""
    result = oracle.check(cube(0.0), jnp.array(X))
    verdicts = {f.route: f.verdict for f in result.findings}
    assert (result.ok, result.certified) == (True, True)
    assert verdicts["jax.vjp"] is verdicts["jax.jit"] is verdicts["jax.vmap"] is Verdict.AGREE
    assert verdicts["jax.jvp"] is Verdict.NOT_OFFERED


@pytest.mark.parametrize("wide, size", [(False, 1e-4), (True, 1e-9)], ids=["float32", "float64"])
def test_wrong_custom_vjp(wide: bool, size: float) -> None:
    """A rule that is off by 1e-4 in float32, or by 1e-9 in float64, raises GradientError."""
    with sixty_four_bits() if wide else jax.disable_jit(disable=False):
        x = jnp.array(X)
        with pytest.raises(oracle.GradientError, match=r"gradient of x.*WRONG"):
            oracle.assert_gradients(cube(size), x)


def test_wrong_custom_jvp() -> None:
    """A custom_jvp with a dropped term is wrong in forward and in reverse mode."""

    @jax.custom_jvp
    def function(x: Any, y: Any) -> Any:
        return x * y

    function.defjvp(lambda p, t: (p[0] * p[1], t[0] * p[1]))
    result = oracle.check(function, jnp.array(X), jnp.array(X))
    assert {"jax.vjp", "jax.jit", "jax.jvp"} <= {f.route for f in result.failures}


def test_second_order() -> None:
    """All four compositions of modes agree, through a scan and a dict of parameters."""

    def recurrence(p: Any, xs: Any) -> Any:
        def step(h: Any, x: Any) -> Any:
            h = jnp.tanh(p["w"] @ h + x)
            return h, h.sum()

        return jax.lax.scan(step, jnp.zeros(2), xs)

    result = oracle.check(recurrence, {"w": jnp.array([[0.3, 0.1], [0.2, -0.4]])}, jnp.ones((2, 2)), order=2)
    second = {f.route: f.verdict for f in result.findings if f.order == 2}
    assert result.ok, result
    assert second == dict.fromkeys(
        (
            "jax.reverse_over_reverse",
            "jax.forward_over_reverse",
            "jax.reverse_over_forward",
            "jax.forward_over_forward",
        ),
        Verdict.AGREE,
    )
    assert "gradient of p['w']" in {f.argument for f in result.findings}


def test_relu_at_zero_is_green() -> None:
    """A valid subgradient at a kink fails nothing."""
    result = oracle.check(jax.nn.relu, jnp.array([0.0, 1.0, -1.0]))
    assert (result.ok, result.verdict) == (True, Verdict.CONVENTION)


def test_dropout_by_key() -> None:
    """A function that draws from a key is judged with what it drew."""
    key = jax.random.key(3)

    def function(x: Any) -> Any:
        return jnp.where(jax.random.bernoulli(key, 0.5, x.shape), jnp.sin(x) / 0.5, 0.0)

    assert oracle.check(function, jnp.linspace(0.1, 1.0, 12)).ok


def test_function_that_looks_at_values() -> None:
    """A branch in Python is the one that this run took; the function cannot be compiled, which is green."""

    def function(x: Any) -> Any:
        return jnp.sin(x) if x[0] > 0 else x

    result = oracle.check(function, jnp.array(X))
    verdicts = {f.route: f.verdict for f in result.findings}
    assert result.ok, result
    assert (verdicts["jax.vjp"], verdicts["jax.jvp"]) == (Verdict.AGREE, Verdict.AGREE)
    assert verdicts["jax.jit"] is Verdict.NOT_OFFERED


def test_function_that_leaves_jax() -> None:
    """A callback cannot be read: it is not certified, and its spec says what it means."""

    @jax.custom_vjp
    def function(x: Any) -> Any:
        return jax.pure_callback(lambda v: np.sin(v), jax.ShapeDtypeStruct(x.shape, x.dtype), x)

    function.defvjp(lambda x: (function(x), x), lambda x, c: (c * jnp.cos(x),))
    result = oracle.check(function, jnp.array(X))
    assert (result.ok, result.verdict) == (False, Verdict.UNSUPPORTED)
    assert oracle.check(function, jnp.array(X), spec="y = sin(x)").certified


def test_dict_keys_of_results_cotangents_and_specs() -> None:
    """JAX sorts keys; a cotangent and a spec written in another order mean the same outputs."""

    def function(p: Any) -> Any:
        return {"b": jnp.sin(p["b"]), "a": p["a"] ** 2}

    inputs = {"b": jnp.array(X), "a": jnp.array(X) + 1}
    seeds = {"b": jnp.array([1.0, 2.0, 3.0]), "a": jnp.array([5.0, 7.0, 9.0])}
    result = oracle.check(
        function, inputs, cotangent=seeds, spec=lambda xp, p: {"b": xp.sin(p["b"]), "a": p["a"] ** 2}
    )
    assert result.certified, result
    assert {f.argument for f in result.findings} >= {"gradient of p['a']", "gradient of p['b']"}
    swapped = oracle.check(function, inputs, spec=lambda xp, p: {"a": xp.sin(p["b"]), "b": p["a"] ** 2})
    assert not swapped.ok


@dataclass(frozen=True, slots=True)
class Parameters:
    """A dataclass that JAX does not know."""

    weight: Any
    power: int


def test_parameters_in_an_unknown_dataclass() -> None:
    """A rule that leaves out what a dataclass holds is wrong; JAX itself would refuse the dataclass."""

    def function(p: Parameters) -> Any:
        return cube(1e-3)(p.weight) ** p.power

    result = oracle.check(function, Parameters(jnp.array(X), 2))
    assert {f.argument for f in result.failures} == {"gradient of p.weight"}


def test_state_is_untouched() -> None:
    """A float32 check needs 64 bits inside and leaves the caller's mode alone."""
    before = (jax.config.jax_enable_x64, jnp.ones(1).dtype.name)
    oracle.check(cube(1e-4), jnp.array(X), order=2)
    assert before == (jax.config.jax_enable_x64, jnp.ones(1).dtype.name) == (False, "float32")
