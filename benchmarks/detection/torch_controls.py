"""Controls in torch alone: layers that keep state or draw numbers, code in place, odd memory."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch.nn import functional

from benchmarks.detection.controls import Control, normal


def _in_place(_: Any, x: Any) -> Any:
    y = x * 2
    y[::2] *= 3
    y.add_(x).sin_()
    y[1:] -= y[:-1].clone()
    return y


def _batch_norm(_: Any, x: Any, w: Any, b: Any) -> Any:
    mean, variance = torch.zeros(10, dtype=x.dtype), torch.ones(10, dtype=x.dtype)
    return functional.batch_norm(x, mean, variance, w, b, training=True)


def _attention(_: Any, q: Any, k: Any, v: Any) -> Any:
    return functional.scaled_dot_product_attention(q, k, v)


def _entropy(_: Any, x: Any) -> Any:
    return functional.cross_entropy(x, torch.arange(20) % 10)


def _lstm(_: Any, x: Any, w: Any, u: Any) -> Any:
    h = torch.zeros(4, 8, dtype=x.dtype)
    c = h
    for step in x.unbind(0):
        i, f, g, o = (step @ w + h @ u).chunk(4, -1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        h = torch.sigmoid(o) * torch.tanh(c)
    return h


def _whole(g: np.random.Generator) -> list[Any]:
    return [np.round(g.uniform(0, 3, size=(1, 1, 8, 8)))]


CONTROLS: tuple[Control, ...] = (
    Control("dropout", lambda _, x: functional.dropout(x, 0.5), normal((200,)), "torch"),
    Control("batch norm in training", _batch_norm, normal((20, 10), (10,), (10,)), "torch"),
    Control("group norm", lambda _, x: functional.group_norm(x, 2), normal((2, 10, 10)), "torch"),
    Control("code in place", _in_place, normal((200,)), "torch"),
    Control("attention", _attention, normal((2, 6, 8), (2, 6, 8), (2, 6, 8)), "torch"),
    Control("cross entropy, confident", _entropy, normal((20, 10), scale=30.0), "torch"),
    Control("recurrent cell", _lstm, normal((5, 4, 6), (6, 32), (8, 32)), "torch"),
    Control("max pooling with ties", lambda _, x: functional.max_pool2d(x, 2), _whole, "torch"),
    Control(
        "transposed input", lambda _, x: torch.softmax(x, -1), normal((14, 14)), "torch",
        lambda xs: [xs[0].t()],
    ),
    Control(
        "every second element", lambda _, x: torch.cumsum(x.sin(), 0), normal((400,)), "torch",
        lambda xs: [xs[0][::2]],
    ),
    Control(
        "view of a view", lambda _, x: (x.view(10, 20).t() * x.view(20, 10)).sum(1), normal((200,)), "torch"
    ),
)  # fmt: skip
