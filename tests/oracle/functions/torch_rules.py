"""Hand-written torch rules, right and wrong, that the tests of functions share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

Backward = Callable[[Any, Any], Any]


def rule(forward: Callable[[Any], Any], backward: Backward, *, modern: bool = False) -> Callable[[Any], Any]:
    """A function with a derivative rule of its own; ``backward(cotangent, x)``.

    ``modern`` is in the style that ``torch.func`` understands.
    """

    class Old(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.save_for_backward(x)
            return forward(x)

        @staticmethod
        def backward(ctx: Any, cotangent: Any) -> Any:
            (x,) = ctx.saved_tensors
            return backward(cotangent, x)

    class Modern(torch.autograd.Function):
        generate_vmap_rule = True

        @staticmethod
        def forward(x: Any) -> Any:
            return forward(x)

        @staticmethod
        def setup_context(ctx: Any, inputs: Any, output: Any) -> None:  # noqa: ARG004 - torch's signature
            ctx.save_for_backward(*inputs)

        @staticmethod
        def backward(ctx: Any, cotangent: Any) -> Any:
            (x,) = ctx.saved_tensors
            return backward(cotangent, x)

    chosen: Any = Modern if modern else Old
    return lambda x: chosen.apply(x)


def point(*shape: int, dtype: Any = torch.float64, seed: int = 0) -> Any:
    """Normal numbers without touching the global generator."""
    return torch.randn(shape, dtype=dtype, generator=torch.Generator().manual_seed(seed))


def softmax_backward(cotangent: Any, x: Any) -> Any:
    """The softmax pullback y (c - sum(c y))."""
    y = torch.softmax(x, -1)
    return y * (cotangent - (cotangent * y).sum(-1, keepdim=True))
