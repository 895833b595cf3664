from __future__ import annotations

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import pytest

import oracle
from oracle.judge.verdict import Culprit

X = jnp.array([0.3, -1.2, 0.7])


@jax.custom_vjp
def swish(x: Any) -> Any:
    """The function x sigmoid(x), its gradient a hundredth too large."""
    return x * jax.nn.sigmoid(x)


def _backward(x: Any, c: Any) -> tuple[Any]:
    s = jax.nn.sigmoid(x)
    return (c * (s + x * s * (1 - s)) * 1.01,)


swish.defvjp(lambda x: (swish(x), x), _backward)


@jax.custom_jvp
def sine(x: Any) -> Any:
    """A sine with a tangent of the wrong sign."""
    return jnp.sin(x)


sine.defjvp(lambda primals, tangents: (sine(*primals), -tangents[0] * jnp.cos(primals[0])))


def culprits(function: Any, *inputs: Any, **options: Any) -> set[Culprit | None]:
    """Who is blamed for what is wrong with the numbers; there is something."""
    result = oracle.check(function, *inputs, **options)
    found = {f.culprit for f in result.failures if not f.route.startswith("contract")}
    assert found
    return found


def scanned(x: Any) -> Any:
    """The faulty rule in the body of a loop."""

    def body(carry: Any, row: Any) -> tuple[Any, Any]:
        return jnp.tanh(swish(carry) + row), jnp.sin(carry)

    last, rows = jax.lax.scan(body, x, jnp.arange(3.0))
    return last + rows.sum()


@pytest.mark.parametrize("function", [scanned, jax.jit(scanned)], ids=["scan", "jit"])
def test_rule_inside_a_loop(function: Any) -> None:
    """The rule is named, not the loop or the compiled function that it is in."""
    found = culprits(function, X, routes=["jax.vjp"])
    assert {c.operation for c in found if c} == {"swish"}
    (source,) = {c.source for c in found if c}
    lines = Path(__file__).read_text(encoding="utf-8").splitlines()
    line = next(k for k, text in enumerate(lines, 1) if "return jnp.tanh(swish(" in text)
    assert source == f"test_functions_jax.py:{line}"


def test_rule_inside_a_branch() -> None:
    """The branch that was taken is looked into."""

    def function(x: Any) -> Any:
        return jax.lax.cond(x.sum() < 10.0, lambda v: jnp.exp(swish(v)), jnp.sin, x)

    assert {c.operation for c in culprits(function, X, routes=["jax.vjp"]) if c} == {"swish"}


@pytest.mark.parametrize("rule", [swish, sine])
def test_function_that_asks_for_values(rule: Any) -> None:
    """Rules are named in functions that no jaxpr can be made of."""

    def function(x: Any) -> Any:
        y = jnp.tanh(rule(x))
        return 2.0 * y if y[0] > -10 else y

    found = culprits(function, X, routes=["jax.vjp"])
    assert {c.operation for c in found if c} == {rule.__name__}
    assert {c.source.partition(":")[0] for c in found if c and c.source} == {"test_functions_jax.py"}


def test_rule_for_tangents() -> None:
    """A custom_jvp is named on forward routes, and on reverse ones by its transpose."""
    found = culprits(lambda x: jnp.exp(sine(x * x)), X, routes=["jax.jvp", "jax.vjp"])
    assert {(c.operation, c.part) for c in found if c} == {("sine", "tangent"), ("sine", "gradient")}


def test_second_order() -> None:
    """The rule is named by second derivatives too."""
    found = culprits(lambda x: jnp.exp(sine(x)), X, order=2, routes=["jax.forward_over_reverse"])
    assert {c.operation for c in found if c} == {"sine"}


def test_element_and_values() -> None:
    """The worst element of the rule's own derivative, and both values of it."""
    (culprit,) = culprits(lambda x: 2.0 * swish(x), X, routes=["jax.vjp"])
    assert culprit is not None
    assert culprit.part == "gradient"
    assert culprit.observed == pytest.approx(1.01 * float(culprit.reference or "nan"), rel=1e-6)
