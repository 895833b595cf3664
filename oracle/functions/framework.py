"""Which framework a function belongs to: that of the arrays it is given."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any, Literal

from oracle.functions.subject import FunctionSubject


def subject_of(function: Any, inputs: tuple[Any, ...]) -> FunctionSubject:
    """The function behind the protocol of its framework. TypeError as for :func:`framework_of`."""
    if framework_of(function, inputs) == "torch":
        from oracle.functions.torch_function import TorchFunction  # noqa: PLC0415 - loads torch

        return TorchFunction(function, inputs)
    from oracle.functions.jax_function import JaxFunction  # noqa: PLC0415 - loads JAX

    return JaxFunction(function, inputs)


def framework_of(function: Any, inputs: tuple[Any, ...]) -> Literal["torch", "jax"]:
    """Name of the function's framework.

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
    if jax is not None and not has_torch and not has_jax:  # in containers that only JAX can open
        has_jax = any(isinstance(v, jax.Array) for v in jax.tree_util.tree_leaves(inputs))
    if has_torch and has_jax:
        msg = "the inputs hold torch tensors and JAX arrays; expected those of one framework"
        raise TypeError(msg)
    if has_torch:
        return "torch"
    if has_jax:
        return "jax"
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
    elif is_dataclass(value) and not isinstance(value, type):
        inner = [getattr(value, f.name, None) for f in fields(value)]
    elif hasattr(value, "__dict__") and not hasattr(value, "shape") and not isinstance(value, type):
        inner = list(vars(value).values())
    else:
        return
    for item in inner:
        yield from _values(item, depth + 1)


DEEPEST = 12
"""Nesting below which nobody keeps an array, so that a value that contains itself ends."""
