"""Modules as people write them: flax, equinox, recurrent loops and checkpoints, judged as they are."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import equinox
import flax.linen
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

import oracle
from oracle.frameworks.jax_arrays import sixty_four_bits
from oracle.judge.verdict import Verdict

WIDTHS = pytest.mark.parametrize("wide", [False, True], ids=["float32", "float64"])
SECOND = {
    "jax.reverse_over_reverse",
    "jax.forward_over_reverse",
    "jax.reverse_over_forward",
    "jax.forward_over_forward",
}


def mode(*, wide: bool) -> AbstractContextManager[Any]:
    """Where arrays and parameters are made: JAX's own mode, or that of 64 bits."""
    return sixty_four_bits() if wide else nullcontext()


def batch(*shape: int) -> Any:
    """Inputs without a pattern."""
    return jnp.asarray(np.random.default_rng(3).normal(size=shape))


def arguments_of(result: oracle.Result, route: str) -> set[str]:
    """What a route gave a gradient of that agreed."""
    agreed = (f for f in result.findings if f.route == route and f.verdict is Verdict.AGREE)
    return {f.argument.removeprefix("gradient of ") for f in agreed if f.argument.startswith("gradient of ")}


class Perceptron(flax.linen.Module):
    """Two layers."""

    hidden: int = 3

    @flax.linen.compact
    def __call__(self, x: Any) -> Any:
        """One number for each row."""
        h = flax.linen.gelu(flax.linen.Dense(self.hidden, param_dtype=x.dtype)(x))
        return flax.linen.Dense(1, param_dtype=x.dtype)(flax.linen.LayerNorm(param_dtype=x.dtype)(h))


@WIDTHS
def test_linen_module(wide: bool) -> None:
    """Parameters of ``apply`` have the paths that flax gives them; a frozen dict of them is none else."""
    with mode(wide=wide):
        x, model = batch(4, 2), Perceptron()
        params = model.init(jax.random.key(0), x)
    result = oracle.check(model.apply, params, x)
    assert result.certified, result
    assert arguments_of(result, "jax.vjp") == {
        "variables['params']['Dense_0']['bias']", "variables['params']['Dense_0']['kernel']",
        "variables['params']['Dense_1']['bias']", "variables['params']['Dense_1']['kernel']",
        "variables['params']['LayerNorm_0']['bias']", "variables['params']['LayerNorm_0']['scale']",
        "args[0]",
    }  # fmt: skip
    frozen = oracle.check(model.apply, flax.core.freeze(params), x, routes=["jax.vjp"])
    assert arguments_of(frozen, "jax.vjp") == arguments_of(result, "jax.vjp")


def contents(module: Any) -> list[np.ndarray]:
    """The numbers of all arrays in a module, those of keys too."""
    leaves = jax.tree_util.tree_leaves(module)
    keys = [jnp.issubdtype(v.dtype, jax.dtypes.prng_key) for v in leaves]
    return [np.array(jax.random.key_data(v) if k else v) for v, k in zip(leaves, keys, strict=True)]


class Network(nnx.Module):
    """Two layers with a batch norm that keeps statistics, and dropout that keeps a key."""

    def __init__(self, dtype: Any) -> None:
        rngs = nnx.Rngs(0)
        self.first = nnx.Linear(2, 3, rngs=rngs, param_dtype=dtype)
        self.norm = nnx.BatchNorm(3, rngs=rngs, param_dtype=dtype)
        # Flax makes statistics in float32 whatever the parameters are, and warns when they are updated.
        self.norm.mean = nnx.BatchStat(jnp.zeros(3, dtype))
        self.norm.var = nnx.BatchStat(jnp.ones(3, dtype))
        self.dropout = nnx.Dropout(0.3, rngs=rngs)
        self.second = nnx.Linear(3, 1, rngs=rngs, param_dtype=dtype)

    def __call__(self, x: Any) -> Any:
        """One number for each row."""
        return self.second(self.dropout(jnp.tanh(self.norm(self.first(x)))))


@WIDTHS
def test_nnx_module(wide: bool) -> None:
    """A module that is called changes its statistics and its key; a check leaves both as they were."""
    with mode(wide=wide):
        x = batch(4, 2)
        model = Network(x.dtype)
    before = contents(model)
    result = oracle.check(model, x)
    assert result.certified, result
    assert arguments_of(result, "jax.vjp") >= {"x", "fn.first.kernel.value", "fn.second.bias.value"}
    assert all(np.array_equal(a, b) for a, b in zip(before, contents(model), strict=True))


@WIDTHS
def test_equinox_module(wide: bool) -> None:
    """Arrays of a module are judged beside its inputs; functions in it stay what they are."""
    with mode(wide=wide):
        x = batch(2)
        model = equinox.nn.MLP(2, 1, 3, 1, activation=jax.nn.silu, key=jax.random.key(1))
    result = oracle.check(model, x)
    assert result.certified, result
    assert arguments_of(result, "jax.vjp") == {
        "x", "fn.layers[0].weight", "fn.layers[0].bias", "fn.layers[1].weight", "fn.layers[1].bias",
    }  # fmt: skip


def recurrent(params: Any, xs: Any) -> Any:
    """A network that is applied to a sequence, step by step."""

    def step(h: Any, x: Any) -> tuple[Any, Any]:
        h = jnp.tanh(params["w"] @ h + params["u"] @ x + params["b"])
        return h, h.sum()

    last, outputs = jax.lax.scan(step, jnp.zeros_like(params["b"]), xs)
    return {"outputs": outputs, "last": last}


@WIDTHS
@pytest.mark.parametrize("saved", [False, True], ids=["stored", "checkpoint"])
def test_recurrent_network(wide: bool, saved: bool) -> None:
    """A loop over a sequence, with and without its intermediate values kept for the backward pass."""
    with mode(wide=wide):
        params = {"w": batch(2, 2) / 2, "u": batch(2, 3), "b": batch(2)}
        xs = batch(4, 3)
    result = oracle.check(jax.checkpoint(recurrent) if saved else recurrent, params, xs)
    assert result.certified, result
    assert arguments_of(result, "jax.vjp") == {"params['w']", "params['u']", "params['b']", "xs"}


@WIDTHS
def test_second_order_of_modules(wide: bool) -> None:
    """All four compositions of modes agree for small modules of either library and for a checkpoint."""
    with mode(wide=wide):
        x = batch(1)
        small = equinox.nn.MLP(1, 1, 2, 1, activation=jnp.tanh, key=jax.random.key(1))
        dense = flax.linen.Dense(2, param_dtype=x.dtype)
        params = dense.init(jax.random.key(0), x)
    saved = jax.checkpoint(lambda x: jnp.sin(x) * jnp.exp(x))
    smooth = lambda params, x: jnp.tanh(dense.apply(params, x))
    for function, inputs in ((small, (x,)), (smooth, (params, x)), (saved, (x,))):
        result = oracle.check(function, *inputs, order=2)
        assert result.certified, result
        second = {f.route: f.verdict for f in result.findings if f.order == 2}
        assert second.keys() >= SECOND
        assert set(second.values()) == {Verdict.AGREE}


def test_wrong_rule_inside_a_module() -> None:
    """A rule that is off by a thousandth shows in the parameters before it, not in those after it."""

    @jax.custom_vjp
    def activation(x: Any) -> Any:
        return jnp.tanh(x)

    activation.defvjp(lambda x: (jnp.tanh(x), x), lambda x, c: (c * (1.001 - jnp.tanh(x) ** 2),))
    model = equinox.nn.MLP(2, 1, 3, 1, activation=activation, key=jax.random.key(1))
    result = oracle.check(model, batch(2))
    wrong = {f.argument for f in result.failures if f.route == "jax.vjp"}
    assert wrong == {"gradient of x", "gradient of fn.layers[0].weight", "gradient of fn.layers[0].bias"}
