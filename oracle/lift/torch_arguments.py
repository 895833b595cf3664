"""The arguments of an ATen call: by name, and the tensors among them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch

from oracle.lift.torch_internals import arguments_of, name_of


@dataclass(frozen=True, slots=True)
class Form:
    """What the schema of an overload says, read once: torch makes new objects each time it is asked.

    ``defaults`` has None for an argument without one. ``written`` are the arguments that a call writes into;
    ``views`` tells whether results may share memory with others, ``moves`` whether a call only changes where
    a tensor looks.
    """

    positional: tuple[str, ...]
    defaults: Mapping[str, Any]
    written: tuple[str, ...]
    views: bool
    moves: bool


@cache
def form_of(func: Any) -> Form:
    """The form of an ATen overload."""
    arguments = arguments_of(func)
    return Form(
        tuple(a.name for a in arguments if not a.kwarg_only),
        {a.name: a.default_value if a.has_default_value() else None for a in arguments},
        tuple(a.name for a in arguments if writes(a)),
        any(a.alias_info is not None and not writes(a) for a in arguments),
        torch.Tag.inplace_view in func.tags and not name_of(func).startswith("resize"),
    )


def bound(func: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """All arguments by schema name, defaults included."""
    form = form_of(func)
    return {**form.defaults, **dict(zip(form.positional, args, strict=False)), **kwargs}


def unbound(func: Any, given: Mapping[str, Any]) -> tuple[list[Any], dict[str, Any]]:
    """Inverse of :func:`bound`: positional and keyword arguments."""
    arguments = arguments_of(func)
    return (
        [given[a.name] for a in arguments if not a.kwarg_only],
        {a.name: given[a.name] for a in arguments if a.kwarg_only},
    )


def writes(argument: Any) -> bool:
    """Whether a call writes into this argument of its schema."""
    return argument.alias_info is not None and argument.alias_info.is_write


def is_view(func: Any) -> bool:
    """Whether results may share memory with arguments that are not written to."""
    return form_of(func).views


def moves_only(func: Any) -> bool:
    """Whether a call changes where a tensor looks (``transpose_``), and nothing in memory."""
    return form_of(func).moves


def written_by(func: Any, given: Mapping[str, Any]) -> list[Any]:
    """The tensors that a call writes into."""
    found = [given[name] for name in form_of(func).written]
    parts = [t for w in found for t in (w if isinstance(w, (list, tuple)) else [w])]
    return [t for t in parts if isinstance(t, torch.Tensor)]


def tensors_in(values: Iterable[Any]) -> Iterator[Any]:
    """The dense tensors among values, in lists too."""
    for value in values:
        for part in value if isinstance(value, (list, tuple)) else (value,):
            if isinstance(part, torch.Tensor) and part.layout is torch.strided and not part.is_meta:
                yield part
