"""Controls in JAX alone: loops, updates, random numbers, rematerialization."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.detection.controls import Control, normal


def _dropout(_: Any, x: Any) -> Any:
    kept = jax.random.bernoulli(jax.random.key(0), 0.5, x.shape)
    return jnp.where(kept, x / 0.5, 0)


def _batch_norm(_: Any, x: Any, w: Any, b: Any) -> Any:
    away = x - x.mean(0)
    return away * jax.lax.rsqrt((away * away).mean(0) + 1e-5) * w + b


def _updates(_: Any, x: Any) -> Any:
    y = jnp.asarray(2 * x).at[::2].multiply(3)
    return jax.nn.relu(y + x).at[1:].add(-x[:-1])


def _attention(_: Any, q: Any, k: Any, v: Any) -> Any:
    return jax.nn.softmax(q @ k.swapaxes(-1, -2) / 8**0.5, -1) @ v


def _entropy(_: Any, x: Any) -> Any:
    return -jnp.mean(jax.nn.log_softmax(x, -1)[jnp.arange(20), jnp.arange(20) % 10])


def _loop(_: Any, x: Any) -> Any:
    return jax.lax.scan(lambda h, _: (jnp.sin(1.7 * h) + 0.1 * h, h), x, None, length=10)[0]


def _pooled(_: Any, x: Any) -> Any:
    return jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, (1, 1, 2, 2), (1, 1, 2, 2), "VALID")


def _whole(g: np.random.Generator) -> list[Any]:
    return [np.round(g.uniform(0, 3, size=(1, 1, 8, 8)))]


CONTROLS: tuple[Control, ...] = (
    Control("dropout", _dropout, normal((200,)), "jax"),
    Control("batch norm in training", _batch_norm, normal((20, 10), (10,), (10,)), "jax"),
    Control("updates at indices", _updates, normal((200,)), "jax"),
    Control("attention", _attention, normal((2, 6, 8), (2, 6, 8), (2, 6, 8)), "jax"),
    Control("cross entropy, confident", _entropy, normal((20, 10), scale=30.0), "jax"),
    Control("loop of 10", _loop, normal((200,)), "jax"),
    Control("max pooling with ties", _pooled, _whole, "jax"),
    Control("rematerialized", lambda _, x: jax.checkpoint(jnp.sin)(x * x) * x, normal((200,)), "jax"),
)
