"""A function held to a written program."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
import torch

import oracle
from oracle.judge.verdict import Verdict
from tests.oracle.functions import torch_rules as rules


class Opaque(torch.autograd.Function):
    """A kernel that computes outside torch, where nothing can be recorded."""

    @staticmethod
    def forward(ctx: Any, x: Any, scale: float) -> Any:
        """The hyperbolic tangent; ``scale`` spoils its gradient."""
        ctx.save_for_backward(x)
        ctx.scale = scale
        return torch.from_numpy(np.tanh(x.detach().numpy()))

    @staticmethod
    def backward(ctx: Any, cotangent: Any) -> Any:
        """Its gradient times ``scale``."""
        (x,) = ctx.saved_tensors
        return cotangent * (1 - torch.tanh(x) ** 2) * ctx.scale, None


def test_text() -> None:
    """Program text certifies a function that cannot be lifted."""
    result = oracle.check(lambda x: Opaque.apply(x, 1.0), rules.point(3), spec="y = tanh(x)")
    assert (result.ok, result.certified, result.verdict) == (True, True, Verdict.AGREE)


def test_text_holds_an_opaque_rule() -> None:
    """Its wrong rule is wrong."""
    with pytest.raises(oracle.GradientError):
        oracle.assert_gradients(lambda x: Opaque.apply(x, 1 + 1e-9), rules.point(3), spec="y = tanh(x)")


def test_wrong_forward() -> None:
    """A function that computes something else than its spec is a value mismatch."""
    result = oracle.check(torch.sin, rules.point(3), spec="y = cos(x0)")
    assert Verdict.VALUE_MISMATCH in {f.verdict for f in result.failures}


def test_callable_of_nested_inputs() -> None:
    """A callable gets ``xp`` and the inputs in the user's structure."""
    p = {"w": jnp.array([0.5, -1.0]), "b": jnp.array(2.0)}
    result = oracle.check(
        lambda p, x: (jnp.sin(p["w"] * x) + p["b"], x.sum()),
        p,
        jnp.array([0.3, 0.7]),
        spec=lambda xp, p, x: (xp.sin(p["w"] * x) + p["b"], xp.sum(x)),
    )
    assert result.ok, result
    assert "gradient of p['b']" in {f.argument for f in result.findings}


def test_module_parameters() -> None:
    """Text names a module's parameters; a callable gets them by keyword."""
    module = torch.nn.Linear(3, 2).double()
    text = "y = matmul(input, matrix_transpose(weight)) + bias"
    assert oracle.check(module, rules.point(4, 3), spec=text).ok
    assert oracle.check(module, rules.point(4, 3), spec=lambda xp, x, weight, bias: x @ weight.mT + bias).ok


@pytest.mark.parametrize(
    "spec, message",
    [
        ("y = tanh(z)", "the function's inputs are called x"),
        ("y = sum(x)", r"the spec gives out the shape \(\), the function returned \(3,\)"),
        ("a = x\nb = x\nreturn a, b", "the spec gives 2 outputs, the function returned 1"),
        (lambda x: x, r"the spec could not be traced as spec\(xp, \*inputs\)"),
    ],
)
def test_spec_that_does_not_fit(spec: Any, message: str) -> None:
    """ValueError says what was found and expected."""
    with pytest.raises(ValueError, match=message):
        oracle.check(lambda x: torch.tanh(x), rules.point(3), spec=spec)


def test_surrogate_gradient() -> None:
    """A straight-through estimator is judged with stop_gradient in its spec."""

    class Straight(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:  # noqa: ARG004 - torch's signature
            return torch.round(x)

        @staticmethod
        def backward(ctx: Any, cotangent: Any) -> Any:  # noqa: ARG004 - torch's signature
            return cotangent

    spec = "y = x + stop_gradient(round(x) - x)"
    assert oracle.check(lambda x: Straight.apply(x), rules.point(3), spec=spec).ok
