"""Promises of a backward pass: each planted fault breaks its own, and hard controls break none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

import oracle
from oracle.functions.result import Result
from oracle.judge.verdict import Verdict
from tests.oracle.functions import torch_rules as rules


def broken(result: Result) -> set[str]:
    """Names of the promises that were broken."""
    found = {f.route for f in result.failures if f.verdict is Verdict.CONTRACT}
    assert all(f.detail for f in result.failures if f.verdict is Verdict.CONTRACT)
    return {route.removeprefix("contract ") for route in found}


def size_with_a_common_sign(cotangent: Any, x: Any) -> Any:
    """Right but for signs: twice the cotangent gives twice, the opposite one the opposite gradient."""
    return cotangent.abs() * torch.sign(cotangent.sum()) * torch.cos(x)


def by_the_largest(cotangent: Any, x: Any) -> Any:
    """Right but for the elements where the cotangent is small, which are raised to a tenth of the largest."""
    least = 0.9 * cotangent.abs().max()
    raised = torch.where(cotangent.abs() < least, torch.sign(cotangent) * least, cotangent)
    return raised * torch.cos(x)


@pytest.mark.parametrize("backward", [size_with_a_common_sign, by_the_largest])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16], ids=str)
def test_not_additive(backward: rules.Backward, dtype: Any) -> None:
    """A rule that passes doubling and sign, and not addition, breaks exactly that promise."""
    result = oracle.check(rules.rule(torch.sin, backward), rules.point(5, dtype=dtype))
    assert broken(result) == {"additive"}


def test_clamped_cotangent() -> None:
    """A cotangent clamped above all that the routes send is seen when it is doubled and added."""
    off = rules.rule(torch.sin, lambda c, x: c.clamp(-1.5, 1.5) * torch.cos(x))
    result = oracle.check(off, rules.point(9))
    assert {"linear", "additive"} <= broken(result)
    assert Verdict.WRONG not in result.as_run().results[0].verdicts


def test_given_cotangent_is_split_too() -> None:
    """With a cotangent of ones a rule that mixes up signs still breaks the promise."""
    off = rules.rule(torch.sin, size_with_a_common_sign)
    result = oracle.check(off, rules.point(5), cotangent=torch.ones(5))
    assert broken(result) == {"additive"}


def test_jax_not_additive() -> None:
    """The same for a rule in JAX."""

    @jax.custom_vjp
    def function(x: Any) -> Any:
        return jnp.sin(x)

    def backward(x: Any, c: Any) -> Any:
        return (jnp.abs(c) * jnp.sign(c.sum()) * jnp.cos(x),)

    function.defvjp(lambda x: (jnp.sin(x), x), backward)
    assert broken(oracle.check(function, jnp.array([0.3, -0.8, 1.1, 0.2]))) == {"additive"}


def test_uncertified_not_additive() -> None:
    """A function that cannot be read keeps its promises, or not, all the same."""

    class Opaque(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any, scale: float) -> Any:
            ctx.save_for_backward(x)
            ctx.scale = scale
            return torch.from_numpy(1e6 * np.sin(x.detach().numpy()))

        @staticmethod
        def backward(ctx: Any, cotangent: Any) -> Any:
            mixed = cotangent.abs() * torch.sign(cotangent.sum())
            sent = cotangent if ctx.scale == 0 else mixed
            return 1e6 * sent * torch.cos(ctx.saved_tensors[0]), None

    right = oracle.check(lambda x: Opaque.apply(x, 0.0), rules.point(5))
    wrong = oracle.check(lambda x: Opaque.apply(x, 1.0), rules.point(5))
    assert (broken(right), broken(wrong)) == (set(), {"additive"})


class Twisted(torch.autograd.Function):
    """y = A x with a backward pass that is right, and a forward-mode rule with A transposed."""

    @staticmethod
    def forward(x: Any, A: Any) -> Any:
        """The product."""
        return A @ x

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:  # noqa: ARG004 - torch's signature
        """Keep the matrix."""
        ctx.save_for_backward(inputs[1])
        ctx.save_for_forward(inputs[1])

    @staticmethod
    def backward(ctx: Any, cotangent: Any) -> Any:
        """The transposed product."""
        return ctx.saved_tensors[0].mT @ cotangent, None

    @staticmethod
    def jvp(ctx: Any, tangent: Any, _: Any) -> Any:
        """The wrong one of the two products."""
        return ctx.saved_tensors[0].mT @ tangent


def test_not_adjoint() -> None:
    """A JVP rule that is not the transpose of the VJP rule breaks that promise."""
    A = rules.point(3, 3, seed=1)
    result = oracle.check(lambda x: Twisted.apply(x, A), rules.point(3))
    assert broken(result) == {"adjoint"}
    (finding,) = [f for f in result.failures if f.route == "contract adjoint"]
    assert "<J^T u, v> is" in finding.detail


def test_adjoint_needs_both_modes() -> None:
    """A function without a forward mode is not asked whether its modes are adjoint."""
    routes = {
        f.route
        for f in oracle.check(rules.rule(torch.sin, lambda c, x: c * torch.cos(x)), rules.point(3)).findings
    }
    assert "contract adjoint" not in routes
    assert "contract adjoint" in {f.route for f in oracle.check(torch.sin, rules.point(3)).findings}


def test_gradient_left_twice() -> None:
    """A backward pass that adds to ``.grad`` by itself leaves it there twice."""
    kept: list[Any] = []

    def forward(x: Any) -> Any:
        kept.append(x)
        return torch.sin(x)

    class Adds(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.leaf = x
            return torch.sin(x)

        @staticmethod
        def backward(ctx: Any, cotangent: Any) -> Any:
            gradient = cotangent * torch.cos(ctx.leaf.detach())
            leaf = ctx.leaf
            leaf.grad = gradient.clone() if leaf.grad is None else leaf.grad + gradient
            return gradient

    result = oracle.check(lambda x: Adds.apply(x), rules.point(3))
    assert broken(result) == {"accumulate"}
    assert "after backward pass 1 .grad of x[" in result.failures[0].detail


def test_other_leaves_keep_their_gradients() -> None:
    """Backward passes of the check leave nothing in ``.grad`` of what the function closes over."""
    w = rules.point(3).requires_grad_()
    assert oracle.check(lambda x: (w * x).sum(), rules.point(3)).ok
    assert w.grad is None


def ill_conditioned(x: Any) -> Any:
    """Rounding is large here: differences of numbers near each other, far from the origin."""
    y = 1e6 * x
    return torch.sqrt(y * y + 1.0) - torch.sqrt(y * y)


def deep(x: Any) -> Any:
    """Forty layers of a recurrence."""
    for _ in range(40):
        x = torch.sin(3.0 * x) + 0.1 * x.flip(0)
    return x


HARD: dict[str, Callable[[Any], Any]] = {
    "cancellation": ill_conditioned,
    "a deep recurrence": deep,
    "softmax far out": lambda x: torch.softmax(50 * x, -1),
    "log-sum-exp": lambda x: torch.logsumexp(30 * x, -1),
    "layer norm of nearly equal numbers": lambda x: torch.nn.functional.layer_norm(1 + 1e-3 * x, x.shape),
    "a long sum": lambda x: (x.repeat(500) * torch.linspace(-1, 1, 500 * x.numel(), dtype=x.dtype)).sum(),
    "a matrix inverse": lambda x: torch.linalg.inv(
        torch.outer(x, x) + 0.01 * torch.eye(len(x), dtype=x.dtype)
    ),
    "a kink at every element": lambda x: torch.relu(x - x.detach()),
    "ties": lambda x: torch.amax(torch.stack([x, x]), 0),
    "infinite slope": lambda x: torch.sqrt(x - x.detach()),
    "a scalar": lambda x: (x * x).sum(),
}


@pytest.mark.parametrize("name", HARD)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
@pytest.mark.parametrize("seed", [0, 1])
def test_torch_keeps_its_promises(name: str, dtype: Any, seed: int) -> None:
    """Where rounding is large, slopes are chosen or infinite, right functions break no promise."""
    result = oracle.check(HARD[name], rules.point(6, dtype=dtype, seed=seed), seed=seed)
    assert broken(result) == set()


@pytest.mark.parametrize(
    "function",
    [
        lambda x: jnp.sqrt((1e3 * x) ** 2 + 1) - jnp.sqrt((1e3 * x) ** 2),
        lambda x: jax.nn.softmax(50 * x),
        lambda x: jnp.max(jnp.stack([x, x]), 0),
        lambda x: jax.nn.standardize(1 + 1e-2 * x),
    ],
)
def test_jax_keeps_its_promises(function: Callable[[Any], Any]) -> None:
    """The same for JAX in float32."""
    x = jnp.asarray(rules.point(6).numpy(), jnp.float32)
    assert broken(oracle.check(function, x)) == set()
