"""The arguments of an ATen call: by name, and the tensors among them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch

from oracle.lift.torch_internals import arguments_of, name_of


def bound(func: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """All arguments by schema name, defaults included."""
    found = {}
    for k, argument in enumerate(arguments_of(func)):
        if k < len(args) and not argument.kwarg_only:
            found[argument.name] = args[k]
        elif argument.name in kwargs:
            found[argument.name] = kwargs[argument.name]
        else:
            found[argument.name] = argument.default_value if argument.has_default_value() else None
    return found


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
    return any(a.alias_info is not None and not writes(a) for a in arguments_of(func))


def moves_only(func: Any) -> bool:
    """Whether a call changes where a tensor looks (``transpose_``), and nothing in memory."""
    return torch.Tag.inplace_view in func.tags and not name_of(func).startswith("resize")


def written_by(func: Any, given: Mapping[str, Any]) -> list[Any]:
    """The tensors that a call writes into."""
    found = [given[a.name] for a in arguments_of(func) if writes(a) and a.name in given]
    parts = [t for w in found for t in (w if isinstance(w, (list, tuple)) else [w])]
    return [t for t in parts if torch.is_tensor(t)]


def tensors_in(given: Mapping[str, Any]) -> Iterator[Any]:
    """The dense tensors among arguments by name, in lists too."""
    for value in given.values():
        for part in value if isinstance(value, (list, tuple)) else [value]:
            if torch.is_tensor(part) and part.layout is torch.strided and not part.is_meta:
                yield part
