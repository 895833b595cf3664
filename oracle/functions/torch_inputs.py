"""A torch function's arguments: which tensors are in them, and copies of these at other numbers."""

from __future__ import annotations

from typing import Any

import torch
from torch.utils import _pytree

from oracle.frameworks import torch_tensors as tensors
from oracle.functions.trees import Children
from oracle.lift.program import Slot

NAMES = {dtype: name for name, dtype in tensors.DTYPES.items()}
"""Names of the dtypes that are judged."""


def is_tensor(value: Any) -> bool:
    """Whether a value is a leaf of arguments and results."""
    return isinstance(value, torch.Tensor)


def open_container(value: Any) -> Children | None:
    """Contents of a container that is registered with torch's pytrees."""
    if type(value) not in _pytree.SUPPORTED_NODES:
        return None
    pairs, treedef = _pytree.tree_flatten_with_path(value, is_leaf=lambda v: v is not value)
    children = [(_pytree.keystr(path), child) for path, child in pairs]
    return children, lambda parts: _pytree.tree_unflatten(list(parts), treedef)


def dtype_name(dtype: Any) -> str:
    """``float32`` for ``torch.float32``."""
    return str(dtype).removeprefix("torch.")


def slot_of(value: Any, name: str, path: str, *, differentiable: bool, captured: bool = False) -> Slot:
    """The exact numbers of a tensor under a name."""
    return Slot(name, path, tensors.array(value.detach()), dtype_name(value.dtype), differentiable, captured)


def copy_of(value: Any) -> Any:
    """The same numbers in memory of their own, laid out as they were, without history."""
    source = value.detach()
    short = source
    for axis, (extent, stride) in enumerate(zip(source.shape, source.stride(), strict=True)):
        if stride == 0 and extent > 1:
            short = short.narrow(axis, 0, 1)
    if _overlaps(short):
        return source.clone()
    fresh = torch.empty_strided(short.shape, short.stride(), dtype=short.dtype, device=short.device)
    return fresh.copy_(short).expand(source.shape)


def _overlaps(value: Any) -> bool:
    """Whether two elements may share memory: sorted by stride, an axis does not clear the ones inside it."""
    reach = 1
    for stride, extent in sorted(zip(value.stride(), value.shape, strict=True)):
        if extent > 1:
            if stride < reach:
                return True
            reach += stride * (extent - 1)
    return False


def at_numbers(value: Any, array: Any, dtype: Any) -> Any:
    """A tensor like ``value`` that holds ``array`` in ``dtype``, on the same device."""
    return torch.tensor(array).to(dtype).to(value.device)
