"""What backward passes leave in ``.grad``."""

from __future__ import annotations

from typing import Any

import torch

from oracle.frameworks.protocol import Array
from oracle.functions.torch_call import UserCall
from oracle.functions.torch_reentrant import backward, by_backward_if_needed

PASSES = 2
"""A second pass adds to what the first one left."""


@by_backward_if_needed
def accumulated(call: UserCall) -> list[dict[str, Array]]:
    """``.grad`` of every input that is moved, after one and after two passes; captured tensors keep theirs.

    A function that changes its inputs starts from the same numbers each time; that is another promise.
    """
    call.leaves()
    leaves = [call.given[name] for name in call.moving]
    numbers = [leaf.detach().clone() for leaf in leaves]
    found: list[dict[str, Array]] = []
    for _ in range(PASSES if leaves else 0):
        for leaf, kept in zip(leaves, numbers, strict=True):
            leaf.data.copy_(kept)
        real, _outputs = call.outputs()
        backward(call, real, leaves, call.cotangents(real))
        found.append(call.numbers(call.moving, [_gradient(leaf) for leaf in leaves]))
    return found


def _gradient(leaf: Any) -> Any:
    """What has been left there; nothing is 0."""
    return torch.zeros_like(leaf) if leaf.grad is None else leaf.grad.detach().clone()
