"""Functions that run a backward pass inside of their backward pass, as a reentrant checkpoint does.

torch offers them ``backward()`` alone, neither ``grad()`` nor a choice of inputs; and what runs again then
must find the module's parameters where they were.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

import torch

from oracle.frameworks.torch_routes import gradient_of

if TYPE_CHECKING:
    from oracle.functions.torch_call import UserCall

P = ParamSpec("P")
R = TypeVar("R")

NEEDS_BACKWARD = "incompatible with .grad()"
"""What torch says of such a function."""


def by_backward_if_needed(
    route: Callable[Concatenate[UserCall, P], R],
) -> Callable[Concatenate[UserCall, P], R]:
    """Decorator: the route is followed once more, by ``backward()``, where torch insists on it."""

    def followed(call: UserCall, /, *args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return route(call, *args, **kwargs)
        except RuntimeError as error:
            if NEEDS_BACKWARD not in str(error):
                raise
        with ExitStack() as stack:
            call.holding = stack
            try:
                return route(call, *args, **kwargs)
            finally:
                call.holding = None

    return followed


def gradients(
    call: UserCall, outputs: Sequence[Any], leaves: Sequence[Any], cotangents: Sequence[Any], **options: Any
) -> list[Any]:
    """Gradients of the leaves, zeros where an output does not reach them; ``.grad`` is as it was."""
    if call.holding is None:
        return gradient_of(outputs, leaves, cotangents, **options)
    with _grad_kept(leaves):
        backward(call, outputs, leaves, cotangents, **options)
        return [torch.zeros_like(x) if x.grad is None else x.grad for x in leaves]


def backward(
    call: UserCall, outputs: Sequence[Any], leaves: Sequence[Any], cotangents: Sequence[Any], **options: Any
) -> None:
    """Add to ``.grad`` of the leaves alone."""
    linked = [(o, c) for o, c in zip(outputs, cotangents, strict=True) if o.requires_grad]
    if not linked:
        return
    real, given = [o for o, _ in linked], [c for _, c in linked]
    if call.holding is None:
        torch.autograd.backward(real, given, inputs=list(leaves), **options)
        return
    others = [t for t in call.fixed.values() if all(t is not x for x in leaves)]
    with _grad_kept(others):
        torch.autograd.backward(real, given, **options)


@contextmanager
def _grad_kept(tensors: Sequence[Any]) -> Iterator[None]:
    """No ``.grad`` at the beginning of the block, and what it was before after it."""
    kept = [x.grad for x in tensors]
    for x in tensors:
        x.grad = None
    try:
        yield
    finally:
        for x, grad in zip(tensors, kept, strict=True):
            x.grad = grad
