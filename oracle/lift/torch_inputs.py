"""A torch function's arguments: which tensors are in them, and copies of these at other numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch.utils import _pytree

from oracle.frameworks import torch_tensors as tensors
from oracle.frameworks.protocol import Array
from oracle.lift.program import Output, Slot
from oracle.lift.trees import Children

NAMES = {dtype: name for name, dtype in tensors.DTYPES.items()}
"""Names of the dtypes that are judged."""


def is_tensor(value: Any) -> bool:
    """Whether a value is a leaf of arguments and results."""
    return isinstance(value, torch.Tensor)


def is_array(value: Any) -> bool:
    """Whether a value can be given as a cotangent."""
    return isinstance(value, (torch.Tensor, np.ndarray))


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
    return Slot(name, path, numbers_of(value), _format(value), differentiable, captured)


def _format(value: Any) -> str:
    """The dtype, with the layout of a tensor that is not dense."""
    layout = "" if value.layout == torch.strided else f" {str(value.layout).removeprefix('torch.')}"
    return dtype_name(value.dtype) + layout


def numbers_of(value: Any) -> npt.NDArray[Any]:
    """Exact numbers as float64, int64 or bool; of formats that are not judged only the shape."""
    strange = (
        value.layout != torch.strided
        or value.is_complex()
        or (value.is_floating_point() and value.dtype not in NAMES)
    )
    return np.zeros(tuple(value.shape)) if strange else tensors.array(value.detach())


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
    fresh.copy_(short)
    return fresh if short is source else fresh.expand(source.shape)


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


def output_of(value: Any, name: str, path: str) -> Output:
    """The numbers of a returned tensor under a name."""
    return Output(name, path, numbers_of(value), _format(value), bool(value.requires_grad))


def arrays_of(values: Sequence[Any]) -> list[Array]:
    """Float64 numpy arrays of tensors and arrays."""
    return [
        tensors.real_array(v.detach()) if is_tensor(v) else np.asarray(v, dtype=np.float64) for v in values
    ]
