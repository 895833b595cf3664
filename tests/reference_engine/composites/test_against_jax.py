"""JAX as a second witness, for the composites that jax.nn and jax.numpy have."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from reference_engine.arithmetic.float64 import Float64
from reference_engine.differentiate import vjp
from reference_engine.evaluate import evaluate, outputs
from tests.reference_engine.composites.samples import COMPOSITE_SAMPLES
from tests.reference_engine.sample import Sample, program_of

jax = pytest.importorskip("jax")
jnp, nn, lax = jax.numpy, jax.nn, jax.lax

EDGES = {"inf": float("inf"), "-inf": -float("inf")}


def _norm(x: Any, ord: Any = 2, axis: Any = None, keepdims: bool = False) -> Any:
    if axis is None:
        return jnp.linalg.norm(x)
    return jnp.linalg.norm(x, ord=EDGES.get(ord, ord), axis=axis, keepdims=keepdims)


def _convolution(x: Any, weight: Any, bias: Any = None) -> Any:
    out = lax.conv_general_dilated(x, weight, (1,) * (x.ndim - 2), "VALID")
    return out + bias.reshape(-1, *(1,) * (x.ndim - 2))


WITNESSES: dict[str, tuple[int, Callable[..., Any]]] = {
    # The number chooses the sample.
    "relu": (0, nn.relu),
    "relu6": (0, nn.relu6),
    "hardtanh": (0, nn.hard_tanh),
    "hardsigmoid": (0, nn.hard_sigmoid),
    "hardswish": (0, nn.hard_swish),
    "leaky_relu": (1, nn.leaky_relu),
    "elu": (1, nn.elu),
    "celu": (1, nn.celu),
    "selu": (0, nn.selu),
    "softplus": (2, nn.softplus),
    "log_sigmoid": (1, nn.log_sigmoid),
    "silu": (0, nn.silu),
    "mish": (0, nn.mish),
    "gelu": (0, lambda x: nn.gelu(x, approximate=False)),
    "softsign": (0, nn.soft_sign),
    "logit": (0, jax.scipy.special.logit),
    "glu": (1, nn.glu),
    "softmax": (1, nn.softmax),
    "log_softmax": (1, nn.log_softmax),
    "logsumexp": (1, lambda x, axis: nn.logsumexp(x, axis)),
    "logcumsumexp": (1, lambda x, axis: lax.cumlogsumexp(x, axis)),
    "cummax": (0, lambda x, axis: lax.cummax(x, axis)),
    "var": (1, lambda x, **given: jnp.var(x, **given)),
    "std": (1, lambda x, **given: jnp.std(x, **given)),
    "median": (3, lambda x, axis, method: jnp.median(x, axis)),
    "norm": (0, _norm),
    "conv1d": (0, _convolution),
    "conv2d": (0, _convolution),
}


@pytest.mark.parametrize("name", WITNESSES)
def test_value_and_gradient(name: str) -> None:
    """The float64 value agrees with JAX to 1e-12 and the VJP with jax.vjp to 1e-10."""
    which, function = WITNESSES[name]
    compare(name, COMPOSITE_SAMPLES[name][which], function)


def test_tanh_form_of_gelu() -> None:
    """JAX's default gelu is the tanh form."""
    compare("gelu", COMPOSITE_SAMPLES["gelu"][1], lambda x, approximate: nn.gelu(x))


@pytest.mark.parametrize("place", range(1, len(COMPOSITE_SAMPLES["norm"])))
def test_every_norm(place: int) -> None:
    """Norms of every order agree with jax.numpy.linalg.norm."""
    compare("norm", COMPOSITE_SAMPLES["norm"][place], _norm)


def compare(name: str, sample: Sample, function: Callable[..., Any]) -> None:
    """Hold one sample's value and VJP to a JAX function."""
    wrt = sample.real_inputs
    program = program_of(name, sample)
    cotangent = np.random.default_rng(7).uniform(0.5, 1.5, size=program.output_types[0].shape)
    with jax.enable_x64(True):
        fixed = {k: jnp.asarray(v) for k, v in sample.inputs.items() if k not in wrt}
        value, pullback = jax.vjp(
            lambda *given: function(**dict(zip(wrt, given, strict=True)), **fixed, **sample.attrs),
            *(jnp.asarray(sample.inputs[n]) for n in wrt),
        )
        expected = [np.asarray(g) for g in pullback(jnp.asarray(cotangent))]
    gradient = vjp(program, wrt)
    seeds = {f"ct.{program.output_names[0]}": cotangent}
    found = outputs(gradient, evaluate(gradient, sample.inputs | seeds, Float64()))
    np.testing.assert_allclose(found[0], np.asarray(value), rtol=1e-12, atol=1e-13)
    for ours, theirs in zip(found[1:], expected, strict=True):
        size = np.max(np.abs(theirs))
        np.testing.assert_allclose(ours, theirs, rtol=1e-10, atol=1e-10 * size)
