"""A surrogate gradient that is declared is green, and nothing else is."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import pytest
import torch

import oracle
from oracle.judge.verdict import Verdict
from tests.oracle.functions import torch_rules as rules

REASON = "straight-through estimator"

straight_through = rules.rule(torch.round, lambda c, x: c)
modern = rules.rule(torch.round, lambda c, x: c, modern=True)


def test_waived_argument() -> None:
    """Findings on the argument are expected and listed with the reason; the check is green."""
    function = lambda x: straight_through(x) * 2
    assert oracle.check(function, rules.point(3)).verdict is Verdict.WRONG
    result = oracle.check(function, rules.point(3), waive={"x": REASON})
    assert (result.ok, result.verdict, result.failures, result.notes) == (True, Verdict.AGREE, (), ())
    assert {f.argument for f in result.waived} == {"gradient of x"}
    assert {f.known.reason for f in result.waived if f.known} == {REASON}
    assert f"wrong  gradient of x [autograd float64]   waived: {REASON}" in str(result)
    oracle.assert_gradients(function, rules.point(3), waive={"x": REASON})


@pytest.mark.parametrize("order", [1, 2])
def test_other_arguments_are_still_judged(order: int) -> None:
    """A fault in the gradient of another argument stays wrong, and a right one is right by every route."""

    def function(x: Any, w: Any) -> Any:
        return torch.sin(modern(x) * w)

    right = oracle.check(function, rules.point(3), rules.point(3, seed=1), waive={"x": REASON}, order=order)
    assert right.ok, right
    judged = {f.route for f in right.findings if f.verdict is Verdict.AGREE}
    assert {"torch.autograd", "torch.func.vjp", "contract additive"} <= judged
    spoiled = rules.rule(lambda w: w, lambda c, w: c * 1.001)
    wrong = oracle.check(
        lambda x, w: function(x, spoiled(w)), rules.point(3), rules.point(3, seed=1), waive={"x": REASON}
    )
    assert {f.argument for f in wrong.failures} == {"gradient of w"}


def test_tangents_of_others_are_judged_without_the_waived_one() -> None:
    """Forward mode moves the inputs that are not waived."""

    def function(x: Any, w: Any) -> Any:
        return (torch.round(x) - x).detach() * w + x * w

    waive = {"x": REASON}
    result = oracle.check(
        function, rules.point(3), rules.point(3, seed=1), waive=waive, spec="y = round(x) * w"
    )
    tangents = [f.verdict for f in result.findings if f.argument.startswith("tangent")]
    assert result.ok, result
    assert tangents == [Verdict.AGREE]
    alone = oracle.check(
        lambda x: (torch.round(x) - x).detach() + x, rules.point(3), waive=waive, spec="y = round(x)"
    )
    assert alone.ok, alone
    assert "tangent of out" in {f.argument for f in alone.waived}


def test_waiver_does_not_cover_other_faults() -> None:
    """NaN, a broken promise and an error are no surrogate."""
    for backward in (
        lambda c, x: c * float("nan"),
        lambda c, x: c.abs(),
        lambda c, x: c.mul_(2.0),
    ):
        result = oracle.check(rules.rule(torch.round, backward), rules.point(3), waive={"x": REASON})
        assert {f.verdict for f in result.failures} & {Verdict.NONFINITE, Verdict.CONTRACT}, result


def test_waiver_that_is_not_needed() -> None:
    """A waived gradient that agrees is noted."""
    result = oracle.check(lambda x: torch.sin(x), rules.point(3), waive={"x": REASON})
    assert result.ok
    assert result.notes == (f"the waiver for x ({REASON}) is not needed: its gradient agrees",)


def test_waiver_of_what_is_not_differentiated() -> None:
    """An argument without a gradient cannot be waived."""
    x, k = rules.point(3), torch.arange(3)
    with pytest.raises(ValueError, match="'k' is not differentiated; expected one of x"):
        oracle.check(lambda x, k: x * k, x, k, waive={"k": REASON})


def test_waived_path() -> None:
    """An argument within a structure is waived by its path, a captured one by its name."""
    p = {"w": rules.point(3), "b": rules.point(3, seed=1)}
    result = oracle.check(lambda p: straight_through(p["w"]) + p["b"], p, waive={"p['w']": REASON})
    assert result.ok, result
    scale = rules.point(3, seed=2).requires_grad_()
    found = oracle.check(lambda x: x + straight_through(scale), rules.point(3))
    (name,) = {f.argument.removeprefix("gradient of ") for f in found.failures}
    assert oracle.check(lambda x: x + straight_through(scale), rules.point(3), waive={name: REASON}).ok


def test_waived_in_jax() -> None:
    """The same for a rule in JAX."""

    @jax.custom_vjp
    def function(x: Any) -> Any:
        return jnp.round(x)

    function.defvjp(lambda x: (jnp.round(x), None), lambda _, c: (c,))
    x = jnp.array([0.3, -1.2, 2.0])
    assert oracle.check(function, x).verdict is Verdict.WRONG
    assert oracle.check(function, x, waive={"x": REASON}).ok


def test_waived_and_uncertified() -> None:
    """A function that cannot be read, and whose only gradient is waived, is not judged."""

    class Opaque(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:  # noqa: ARG004 - torch's signature
            return torch.from_numpy(x.detach().numpy() ** 3)

        @staticmethod
        def backward(ctx: Any, cotangent: Any) -> Any:  # noqa: ARG004 - torch's signature
            return cotangent

    def function(x: Any) -> Any:
        return Opaque.apply(x)

    with pytest.raises(oracle.GradientError):
        oracle.assert_gradients(function, rules.point(3), allow_uncertified=True)
    with pytest.raises(oracle.NotCertified):
        oracle.assert_gradients(function, rules.point(3), waive={"x": REASON})
