"""Which framework a function belongs to: that of the arrays it is given."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from typing import Any

from oracle.functions.subject import FunctionSubject


def subject_of(function: Any, inputs: tuple[Any, ...]) -> FunctionSubject:
    """The function behind the protocol of its framework.

    TypeError if it cannot be called, or if the inputs hold no torch tensor or JAX array, or both.
    """
    if not callable(function):
        msg = f"found {type(function).__name__} as the function to check; expected a callable"
        raise TypeError(msg)
    torch, jax = sys.modules.get("torch"), sys.modules.get("jax")
    values = list(_values(inputs, 0))
    has_torch = torch is not None and (
        isinstance(function, torch.nn.Module) or any(isinstance(v, torch.Tensor) for v in values)
    )
    has_jax = jax is not None and any(isinstance(v, jax.Array) for v in values)
    if has_torch and has_jax:
        msg = "the inputs hold torch tensors and JAX arrays; expected those of one framework"
        raise TypeError(msg)
    if has_torch:
        from oracle.functions.torch_function import TorchFunction  # noqa: PLC0415 - loads torch

        return TorchFunction(function, inputs)
    if has_jax:
        from oracle.functions.jax_function import JaxFunction  # noqa: PLC0415 - loads JAX

        return JaxFunction(function, inputs)
    found = ", ".join(type(v).__name__ for v in inputs) or "no inputs"
    msg = f"found {found}; expected torch tensors or JAX arrays (torch.tensor(x), jax.numpy.asarray(x))"
    raise TypeError(msg)


def _values(value: Any, depth: int) -> Iterator[Any]:
    """Everything inside a value, whatever contains it."""
    yield value
    if depth > DEEPEST or isinstance(value, (str, bytes)):
        return
    if isinstance(value, Mapping):
        inner = list(value.values())
    elif isinstance(value, (list, tuple)):
        inner = list(value)
    elif hasattr(value, "__dict__") and not hasattr(value, "shape") and not isinstance(value, type):
        inner = list(vars(value).values())
    else:
        return
    for item in inner:
        yield from _values(item, depth + 1)


DEEPEST = 12
"""Nesting below which nobody keeps an array, so that a value that contains itself ends."""
