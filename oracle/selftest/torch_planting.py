"""Derivative rules of our own in torch's place: in the adapter's table, or as a function of a person's."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, cast

import numpy.typing as npt
import torch

from oracle.frameworks import torch_operations
from oracle.frameworks.torch_tensors import DTYPES

Rule = Callable[..., Any]
"""A pullback ``(cotangent, *tensors, **attributes)``: cotangents of the tensors."""


def planted(forward: Callable[..., Any], backward: Rule, tangent: Rule | None = None) -> Callable[..., Any]:
    """An operation whose derivative rules are ``backward`` and, forward, ``tangent``.

    It takes its arguments by name; those that are tensors are passed on in order. ``tangent`` takes the tuple
    of tangents in the place of the cotangent.
    """

    def call(**arguments: Any) -> Any:
        names = [n for n, v in arguments.items() if torch.is_tensor(v)]
        attributes = {n: v for n, v in arguments.items() if n not in names}

        class Planted(torch.autograd.Function):  # type: ignore[misc]
            @staticmethod
            def forward(*tensors: Any) -> Any:
                return forward(*tensors, **attributes)

            @staticmethod
            def setup_context(ctx: Any, inputs: Any, output: Any) -> None:  # noqa: ARG004 - torch passes it
                ctx.save_for_backward(*inputs)
                ctx.save_for_forward(*inputs)

            @staticmethod
            def backward(ctx: Any, *cotangents: Any) -> Any:
                return backward(cotangents[0], *ctx.saved_tensors, **attributes)

            @staticmethod
            def jvp(ctx: Any, *tangents: Any) -> Any:
                if tangent is None:
                    raise NotImplementedError
                return tangent(tangents, *ctx.saved_tensors, **attributes)

        return Planted.apply(*(arguments[n] for n in names))

    return call


@contextmanager
def in_adapter(operation: str, rule: Callable[..., Any]) -> Iterator[None]:
    """Within this context the adapter's ``operation`` is ``rule``."""
    table = cast("dict[str, Callable[..., Any]]", torch_operations.OPERATIONS)
    own = table[operation]
    table[operation] = rule
    try:
        yield
    finally:
        table[operation] = own


NUMBERS = torch
"""Where the functions are that rules are written in."""


def hold(value: Any) -> Any:
    """The value, through which no derivative passes."""
    return value.detach()


def tensors(arrays: Mapping[str, npt.NDArray[Any]], dtype: str) -> tuple[Any, ...]:
    """The arrays as inputs of a person's function."""
    return tuple(torch.tensor(a, dtype=DTYPES[dtype], requires_grad=True) for a in arrays.values())


def setting() -> AbstractContextManager[None]:
    """What must hold while a person's function is made and checked: nothing in torch."""
    return nullcontext()
