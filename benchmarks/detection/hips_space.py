"""HIPS autograd under the names in which samples and faults are written; float64 alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import autograd.numpy as anp
import numpy as np
from autograd import make_jvp, make_vjp
from autograd.extend import defjvp, defjvp_argnums, defvjp_argnums, primitive
from autograd.scipy.special import erf as _erf
from autograd.scipy.special import expit
from autograd.scipy.special import logsumexp as _logsumexp
from autograd.tracer import getval

exp, log, sin, tanh, sigmoid, sqrt, abs = anp.exp, anp.log, anp.sin, anp.tanh, expit, anp.sqrt, anp.abs
log1p, expm1 = anp.log1p, anp.expm1
erf, where, maximum, sum, mean, stop = _erf, anp.where, anp.maximum, anp.sum, anp.mean, getval
ones_like, zeros_like = np.ones_like, np.zeros_like


# autograd has no forward rules for these two; the tools that look forward would refuse what uses them.
defjvp(erf, lambda g, _, x: g * (2 / np.pi**0.5) * anp.exp(-x * x))
defjvp(sigmoid, lambda g, ans, x: g * ans * (1 - ans))


def array(values: Any, dtype: str) -> Any:
    """A numpy array."""
    return np.array(values, dtype)


def numbers(x: Any) -> Any:
    """A numpy array in float64."""
    return np.asarray(x, np.float64)


def like(values: Any, x: Any) -> Any:
    """Constants."""
    return np.asarray(values)


def max(x: Any) -> Any:
    """The largest of each row."""
    return anp.max(x, axis=-1)


def prod(x: Any) -> Any:
    """The product of each row."""
    return anp.prod(x, axis=-1)


def sort(x: Any) -> Any:
    """Ascending order."""
    return anp.sort(x)


def cumsum(x: Any) -> Any:
    """Running sums."""
    return anp.cumsum(x)


def logsumexp(x: Any) -> Any:
    """Of each row."""
    return _logsumexp(x, axis=-1)


def softmax(x: Any) -> Any:
    """Of each row."""
    return anp.exp(x - _logsumexp(x, axis=-1, keepdims=True))


def take(x: Any, index: Any) -> Any:
    """Elements by number, repeats allowed."""
    return x[index]


def add_at(size: int, index: Any, x: Any) -> Any:
    """Zeros with every ``x[k]`` added at ``index[k]``, as a product with a matrix of zeros and ones."""
    return anp.dot(np.asarray(np.arange(size)[:, None] == index[None, :], np.float64), x)


def put(size: int, index: Any, x: Any) -> Any:
    """Zeros with the last ``x[k]`` of each ``index[k]`` in its place."""
    last = np.array([np.flatnonzero(index == k)[-1] for k in np.unique(index)])
    return add_at(size, np.unique(index), x[last])


def convolve(x: Any, w: Any) -> Any:
    """The inner products of ``w`` with every window of ``x``."""
    size = x.shape[0] - w.shape[0] + 1
    return anp.sum(anp.stack([w[k] * x[k : k + size] for k in range(w.shape[0])]), axis=0)


def layer_norm(x: Any) -> Any:
    """Of each row."""
    away = x - anp.mean(x, axis=-1, keepdims=True)
    return away / anp.sqrt(anp.mean(away * away, axis=-1, keepdims=True) + 1e-5)


def roll(x: Any) -> Any:
    """Shifted by one."""
    return anp.reshape(anp.roll(anp.reshape(x, -1), 1), x.shape)


def clip(x: Any, limit: float) -> Any:
    """Between two limits."""
    return anp.clip(x, -limit, limit)


def lowered(x: Any) -> Any:
    """Numpy's numbers in float32."""
    return x.astype(np.float32)


def same(x: Any, other: Any) -> Any:
    """Numpy's numbers in float64."""
    return x.astype(np.float64)


def pull(f: Callable[..., Any], xs: Sequence[Any], c: Any) -> tuple[Any, ...]:
    """The right gradients."""
    return tuple(make_vjp(f, k)(*xs)[0](c) for k in range(len(xs)))


def push(f: Callable[..., Any], xs: Sequence[Any], ts: Sequence[Any]) -> Any:
    """The right tangent."""
    parts = [make_jvp(f, k)(*xs)(t)[1] for k, t in enumerate(ts)]
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return total


def with_pullback(f: Callable[..., Any], pullback: Callable[..., Any]) -> Callable[..., Any]:
    """``f`` with the backward rule ``pullback(xs, c)`` and a right forward rule."""
    return _primitive(f, pullback, lambda xs, ts, which: _pushed(f, xs, ts, which))


def with_pushforward(f: Callable[..., Any], pushforward: Callable[..., Any]) -> Callable[..., Any]:
    """``f`` with a right backward rule and the forward rule ``pushforward(xs, ts)``."""

    def forward(xs: Any, ts: Any, which: Sequence[int]) -> Any:
        filled = [np.zeros(np.shape(getval(x))) for x in xs]
        for k, t in zip(which, ts, strict=True):
            filled[k] = t
        return pushforward(xs, filled)

    return _primitive(f, lambda xs, c: pull(f, xs, c), forward)


def _primitive(f: Any, pullback: Any, forward: Any) -> Any:
    @primitive
    def planted(*xs: Any) -> Any:
        return f(*xs)

    defvjp_argnums(
        planted,
        lambda which, _, xs, __: lambda c: tuple(pullback(xs, c)[k] for k in which),
    )
    defjvp_argnums(planted, lambda which, ts, _, xs, __: forward(xs, ts, which))
    return planted


def _pushed(f: Any, xs: Any, ts: Any, which: Sequence[int]) -> Any:
    total: Any = 0.0
    for k, t in zip(which, ts, strict=True):
        total = total + make_jvp(f, k)(*xs)(t)[1]
    return total
