"""Lifted special functions: value and gradient are the framework's, and what a framework drops is seen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.scipy.special as jsp
import numpy as np
import pytest
import torch
from jax import lax

import oracle
from oracle.frameworks.jax_arrays import sixty_four_bits
from oracle.judge.verdict import Verdict
from oracle.lift.torch_lift import lift_torch
from tests.oracle.lift.jax_comparison import lift_and_compare_values, reference_gradients, wide
from tests.oracle.lift.torch_comparison import check, check_value, gradients

A = np.array([0.75, 2.5, 7.0])
X = np.array([0.5, 2.0, 6.0])
SMALL = np.array([0.5, 1.0, 2.0])
"""Torch's kernels of J and Y are off by 4e-7 at 6, in float64 as in float32."""

WITH_GRADIENT: dict[str, Callable[[Any], Any]] = {
    "i0": torch.special.i0,
    "i0e": torch.special.i0e,
    "i1": torch.special.i1,
    "i1e": torch.special.i1e,
    "igamma": lambda x: torch.special.gammainc(torch.tensor(A), x),
    "igammac": lambda x: torch.special.gammaincc(torch.tensor(A), x),
    "zeta": lambda x: torch.special.zeta(2.5, x),
    "nextafter": lambda x: torch.nextafter(x, -x) * x,
}

WITHOUT_GRADIENT = (
    "bessel_j0", "bessel_j1", "bessel_y0", "bessel_y1", "modified_bessel_i0", "modified_bessel_i1",
    "modified_bessel_k0", "modified_bessel_k1", "scaled_modified_bessel_k0", "scaled_modified_bessel_k1",
    "spherical_bessel_j0",
)  # fmt: skip


def leaf(values: np.ndarray) -> Any:
    """A float64 tensor that requires a gradient."""
    return torch.tensor(values, requires_grad=True)


@pytest.mark.parametrize("name", WITH_GRADIENT)
def test_torch(name: str) -> None:
    """Value and gradient are torch's."""
    check(WITH_GRADIENT[name], leaf(X))


@pytest.mark.parametrize("name", WITHOUT_GRADIENT)
def test_torch_drops_the_derivative(name: str) -> None:
    """Torch has the value without a derivative: in x f(x) the lifted gradient has the term that is lost, as
    central differences have it.
    """
    function = getattr(torch.special, name)
    lifted = lift_torch(lambda x: x * function(x), (leaf(SMALL),))
    check_value(lifted)
    with torch.no_grad():
        high, low = (function(torch.tensor(SMALL + h)) for h in (1e-6, -1e-6))
        expected = function(torch.tensor(SMALL)) + torch.tensor(SMALL) * (high - low) / 2e-6
    found = gradients(lifted)["x"] / np.arange(1.0, 4.0)
    np.testing.assert_allclose(found, expected.numpy(), rtol=1e-5)


def test_a_dropped_derivative_is_wrong() -> None:
    """Torch answers the gradient of x k0(x) without the term x k0'(x), and says nothing."""
    result = oracle.check(lambda x: x * torch.special.modified_bessel_k0(x), leaf(X))
    assert result.certified
    assert result.verdict is Verdict.WRONG


def test_torch_gamma_samples() -> None:
    """A sample's derivative is within the accuracy of torch's approximation, 5e-4, of the certified one."""
    torch.manual_seed(3)
    lifted = lift_torch(torch._standard_gamma, (leaf(A),))
    check_value(lifted)
    sample = torch.tensor(lifted.outputs[0].value)
    theirs = torch._standard_gamma_grad(torch.tensor(A), sample) * torch.arange(1.0, 4.0)
    np.testing.assert_allclose(gradients(lifted)["x0"], theirs.numpy(), rtol=5e-4)


@pytest.mark.slow
def test_jax_gamma_samples_agree() -> None:
    """JAX's derivatives of samples are right, in log space too."""
    key = jax.random.key(5)

    def samples(a: Any) -> Any:
        return jax.random.gamma(key, a), jax.random.loggamma(key, a)

    for a in wide(A):
        result = oracle.check(samples, a, routes=["jax.vjp"])
        assert result.certified
        assert result.verdict is Verdict.AGREE


def test_derivatives_that_jax_has_not() -> None:
    """The zeta function and the derivative of igamma in its exponent have no rule in JAX; ours hold."""
    shift, a, x = wide(X, A, X)
    with sixty_four_bits():
        expected = -2.5 * np.asarray(jsp.zeta(3.5, shift))
        low, high = (np.asarray(lax.igamma_grad_a(a + h, x)) for h in (-1e-5, 1e-5))
    lifted = lift_and_compare_values(lambda q: jsp.zeta(2.5, q), (shift,))
    np.testing.assert_allclose(reference_gradients(lifted, {"out": np.ones(3)})["q"], expected, rtol=1e-12)
    lifted = lift_and_compare_values(lambda a: lax.igamma_grad_a(a, x), (a,))
    found = reference_gradients(lifted, {"out": np.ones(3)})["a"]
    np.testing.assert_allclose(found, (high - low) / 2e-5, rtol=1e-7)
