"""torch under the names in which samples and faults are written."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

exp, log, sin, tanh, sigmoid, sqrt, abs = (
    torch.exp,
    torch.log,
    torch.sin,
    torch.tanh,
    torch.sigmoid,
    torch.sqrt,
    torch.abs,
)
log1p, expm1 = torch.log1p, torch.expm1
erf, where, maximum, ones_like, zeros_like = (
    torch.erf,
    torch.where,
    torch.maximum,
    torch.ones_like,
    torch.zeros_like,
)

LOWER = {torch.float64: torch.float32, torch.float32: torch.bfloat16}
"""The format that somebody computes in who believes that it does not matter."""


def array(values: Any, dtype: str) -> Tensor:
    """A tensor of a numpy array."""
    return torch.tensor(np.asarray(values)).to(getattr(torch, dtype))


def numbers(x: Tensor) -> Any:
    """A tensor as a numpy array in float64."""
    return x.detach().to(torch.float64).numpy()


def like(values: Any, x: Tensor) -> Tensor:
    """Constants in the format of ``x``."""
    return torch.tensor(np.asarray(values)).to(x.dtype)


def sum(x: Tensor, axis: int | None = None, *, keepdims: bool = False) -> Tensor:
    """The sum over one axis, or over all."""
    return torch.sum(x) if axis is None else torch.sum(x, axis, keepdim=keepdims)


def mean(x: Tensor, axis: int, *, keepdims: bool = False) -> Tensor:
    """The mean over one axis."""
    return torch.mean(x, axis, keepdim=keepdims)


def max(x: Tensor) -> Tensor:
    """The largest of each row; torch.amax shares the gradient among ties."""
    return torch.amax(x, -1)


def prod(x: Tensor) -> Tensor:
    """The product of each row."""
    return torch.prod(x, -1)


def sort(x: Tensor) -> Tensor:
    """Ascending order."""
    return torch.sort(x).values


def cumsum(x: Tensor) -> Tensor:
    """Running sums."""
    return torch.cumsum(x, 0)


def softmax(x: Tensor) -> Tensor:
    """Of each row."""
    return torch.softmax(x, -1)


def logsumexp(x: Tensor) -> Tensor:
    """Of each row."""
    return torch.logsumexp(x, -1)


def take(x: Tensor, index: Any) -> Tensor:
    """Elements by number, repeats allowed."""
    return x[torch.tensor(index)]


def add_at(size: int, index: Any, x: Tensor) -> Tensor:
    """Zeros with every ``x[k]`` added at ``index[k]``."""
    return torch.zeros(size, dtype=x.dtype).index_add(0, torch.tensor(index), x)


def put(size: int, index: Any, x: Tensor) -> Tensor:
    """Zeros with the last ``x[k]`` of each ``index[k]`` in its place."""
    last = np.array([np.flatnonzero(index == k)[-1] for k in np.unique(index)])
    return add_at(size, np.unique(index), x[torch.tensor(last)])


def convolve(x: Tensor, w: Tensor) -> Tensor:
    """The inner products of ``w`` with every window of ``x``."""
    return torch.nn.functional.conv1d(x[None, None], w[None, None])[0, 0]


def layer_norm(x: Tensor) -> Tensor:
    """Of each row."""
    return torch.nn.functional.layer_norm(x, x.shape[-1:])


def stop(x: Tensor) -> Tensor:
    """No derivative."""
    return x.detach()


def roll(x: Tensor) -> Tensor:
    """Shifted by one."""
    return torch.roll(x.reshape(-1), 1).reshape(x.shape)


def clip(x: Tensor, limit: float) -> Tensor:
    """Between two limits."""
    return torch.clamp(x, -limit, limit)


def lowered(x: Tensor) -> Tensor:
    """In the format below."""
    return x.to(LOWER[x.dtype])


def same(x: Tensor, other: Tensor) -> Tensor:
    """In the format of ``other``."""
    return x.to(other.dtype)


def pull(f: Callable[..., Any], xs: Sequence[Tensor], c: Tensor) -> tuple[Tensor, ...]:
    """The right gradients."""
    return tuple(torch.func.vjp(f, *xs)[1](c))


def push(f: Callable[..., Any], xs: Sequence[Tensor], ts: Sequence[Tensor]) -> Tensor:
    """The right tangent: the pullback is linear, and its own pullback pushes forward (torch nests no jvp)."""
    result, pullback = torch.func.vjp(f, *xs)
    return torch.func.vjp(pullback, torch.zeros_like(result))[1](tuple(ts))[0]


def with_pullback(f: Callable[..., Any], pullback: Callable[..., Any]) -> Callable[..., Any]:
    """``f`` with a derivative rule of its own: ``pullback(xs, c)`` gives the gradients."""

    class Planted(torch.autograd.Function):
        generate_vmap_rule = True

        @staticmethod
        def forward(*xs: Tensor) -> Tensor:
            return f(*xs)

        @staticmethod
        def setup_context(ctx: Any, inputs: Any, _: Any) -> None:
            ctx.save_for_backward(*inputs)

        @staticmethod
        def backward(ctx: Any, c: Tensor) -> Any:
            return tuple(pullback(ctx.saved_tensors, c))

    return lambda *xs: Planted.apply(*xs)


def with_pushforward(f: Callable[..., Any], pushforward: Callable[..., Any]) -> Callable[..., Any]:
    """``f`` with a right backward and the forward rule ``pushforward(xs, ts)``."""

    class Planted(torch.autograd.Function):
        @staticmethod
        def forward(*xs: Tensor) -> Tensor:
            return f(*xs)

        @staticmethod
        def setup_context(ctx: Any, inputs: Any, _: Any) -> None:
            ctx.save_for_backward(*inputs)
            ctx.save_for_forward(*inputs)

        @staticmethod
        def backward(ctx: Any, c: Tensor) -> Any:
            return pull(f, ctx.saved_tensors, c)

        @staticmethod
        def jvp(ctx: Any, *ts: Tensor) -> Any:
            return pushforward(ctx.saved_tensors, ts)

    return lambda *xs: Planted.apply(*xs)


def with_buffer(f: Callable[..., Any]) -> Callable[..., Any]:
    """``f`` with a backward that is right once for each graph: it changes what was saved for it."""

    class Planted(torch.autograd.Function):
        @staticmethod
        def forward(*xs: Tensor) -> Tensor:
            return f(*xs)

        @staticmethod
        def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
            ctx.save_for_backward(*inputs)
            ctx.buffer = torch.ones((), dtype=output.dtype)

        @staticmethod
        def backward(ctx: Any, c: Tensor) -> Any:
            found = [g * ctx.buffer.clone() for g in pull(f, ctx.saved_tensors, c)]
            ctx.buffer.mul_(2)
            return tuple(found)

    return lambda *xs: Planted.apply(*xs)
