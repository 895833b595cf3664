"""JAX under the names in which samples and faults are written."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

exp, log, sin, tanh, sigmoid, sqrt, abs = (
    jnp.exp,
    jnp.log,
    jnp.sin,
    jnp.tanh,
    jax.nn.sigmoid,
    jnp.sqrt,
    jnp.abs,
)
log1p, expm1 = jnp.log1p, jnp.expm1
erf, where, maximum, ones_like, zeros_like = (
    jax.scipy.special.erf,
    jnp.where,
    jnp.maximum,
    jnp.ones_like,
    jnp.zeros_like,
)
sum, mean, stop = jnp.sum, jnp.mean, jax.lax.stop_gradient

LOWER = {"float64": "float32", "float32": "bfloat16"}
"""The format that somebody computes in who believes that it does not matter."""


def array(values: Any, dtype: str) -> Any:
    """An array of a numpy array."""
    return jnp.asarray(np.asarray(values), dtype)


def numbers(x: Any) -> Any:
    """An array as a numpy array in float64."""
    return np.asarray(x, np.float64)


def like(values: Any, x: Any) -> Any:
    """Constants in the format of ``x``."""
    return jnp.asarray(np.asarray(values), x.dtype)


def max(x: Any) -> Any:
    """The largest of each row."""
    return jnp.max(x, -1)


def prod(x: Any) -> Any:
    """The product of each row."""
    return jnp.prod(x, -1)


def sort(x: Any) -> Any:
    """Ascending order."""
    return jnp.sort(x)


def cumsum(x: Any) -> Any:
    """Running sums."""
    return jnp.cumsum(x)


def softmax(x: Any) -> Any:
    """Of each row."""
    return jax.nn.softmax(x, -1)


def logsumexp(x: Any) -> Any:
    """Of each row."""
    return jax.scipy.special.logsumexp(x, -1)


def take(x: Any, index: Any) -> Any:
    """Elements by number, repeats allowed."""
    return x[index]


def add_at(size: int, index: Any, x: Any) -> Any:
    """Zeros with every ``x[k]`` added at ``index[k]``."""
    return jnp.zeros(size, x.dtype).at[index].add(x)


def put(size: int, index: Any, x: Any) -> Any:
    """Zeros with the last ``x[k]`` of each ``index[k]`` in its place."""
    last = np.array([np.flatnonzero(index == k)[-1] for k in np.unique(index)])
    return add_at(size, np.unique(index), x[last])


def convolve(x: Any, w: Any) -> Any:
    """The inner products of ``w`` with every window of ``x``."""
    return jax.lax.conv(x[None, None], w[None, None], (1,), "VALID")[0, 0]


def layer_norm(x: Any) -> Any:
    """Of each row."""
    away = x - jnp.mean(x, -1, keepdims=True)
    return away / jnp.sqrt(jnp.mean(away * away, -1, keepdims=True) + 1e-5)


def roll(x: Any) -> Any:
    """Shifted by one."""
    return jnp.roll(x.reshape(-1), 1).reshape(x.shape)


def clip(x: Any, limit: float) -> Any:
    """Between two limits."""
    return jnp.clip(x, -limit, limit)


def lowered(x: Any) -> Any:
    """In the format below."""
    return x.astype(LOWER[str(x.dtype)])


def same(x: Any, other: Any) -> Any:
    """In the format of ``other``."""
    return x.astype(other.dtype)


def pull(f: Callable[..., Any], xs: Sequence[Any], c: Any) -> tuple[Any, ...]:
    """The right gradients."""
    return tuple(jax.vjp(f, *xs)[1](c))


def push(f: Callable[..., Any], xs: Sequence[Any], ts: Sequence[Any]) -> Any:
    """The right tangent."""
    return jax.jvp(f, tuple(xs), tuple(ts))[1]


def with_pullback(f: Callable[..., Any], pullback: Callable[..., Any]) -> Callable[..., Any]:
    """``f`` with a derivative rule of its own: ``pullback(xs, c)`` gives the gradients."""
    planted = jax.custom_vjp(lambda *xs: f(*xs))
    planted.defvjp(lambda *xs: (f(*xs), xs), lambda xs, c: tuple(pullback(xs, c)))
    return lambda *xs: planted(*xs)


def with_pushforward(f: Callable[..., Any], pushforward: Callable[..., Any]) -> Callable[..., Any]:
    """``f`` with the forward rule ``pushforward(xs, ts)``, of which JAX makes the backward pass too."""
    planted = jax.custom_jvp(lambda *xs: f(*xs))
    planted.defjvp(lambda xs, ts: (f(*xs), pushforward(xs, ts)))
    return lambda *xs: planted(*xs)
