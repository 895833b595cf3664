"""A torch function's arguments: which tensors are in them, and copies of these at other numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch.utils import _pytree

from oracle.frameworks import torch_tensors as tensors
from oracle.lift.program import Output, Part, Slot
from oracle.lift.trees import Children, identifiers

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


def is_pair(value: Any) -> bool:
    """Whether a tensor is complex, of parts in a format that is judged."""
    dense = value.is_complex() and value.layout == torch.strided
    return dense and value.dtype.to_real() in {torch.float32, torch.float64}


def parts_of(value: Any) -> tuple[Any, ...]:
    """The real tensors that a tensor is made of, without history: itself, or both parts of a complex one."""
    if not is_pair(value):
        return (value.detach(),)
    both = torch.view_as_real(value.detach().resolve_conj())
    return both.select(-1, 0), both.select(-1, 1)


PARTS: tuple[Part, Part] = ("real", "imag")


def names_of(
    values: Sequence[Any], paths: Sequence[str], taken: Sequence[str], refuse: Callable[[str], object]
) -> list[tuple[str, ...]]:
    """The names of each tensor's parts, which program text can use and which are not ``taken``."""
    wanted = [
        [f"{p}.{part}" for part in PARTS] if is_pair(v) else [p] for v, p in zip(values, paths, strict=True)
    ]
    names = iter(identifiers([*taken, *(p for own in wanted for p in own)], refuse)[len(taken) :])
    return [tuple(next(names) for _ in own) for own in wanted]


def slots_of(
    value: Any, names: Sequence[str], path: str, *, differentiable: bool, captured: bool = False
) -> list[Slot]:
    """The exact numbers of a tensor under its names."""
    if len(names) == 1:
        return [Slot(names[0], path, numbers_of(value), _format(value), differentiable, captured)]
    dtype = dtype_name(value.dtype.to_real())
    return [
        Slot(name, f"{path}.{part}", tensors.array(own), dtype, differentiable, captured, part)
        for name, part, own in zip(names, PARTS, parts_of(value), strict=True)
    ]


def _format(value: Any) -> str:
    """The dtype, with the layout of a tensor that is not dense."""
    layout = "" if value.layout == torch.strided else f" {str(value.layout).removeprefix('torch.')}"
    return dtype_name(value.dtype) + layout


def numbers_of(value: Any) -> npt.NDArray[Any]:
    """Exact real numbers as float64, int64 or bool; of formats that are not judged only the shape."""
    strange = (
        value.layout != torch.strided
        or value.is_complex()
        or (value.is_floating_point() and value.dtype not in NAMES)
    )
    return np.zeros(tuple(value.shape)) if strange else tensors.array(value.detach())


def copy_of(value: Any) -> Any:
    """The same numbers in memory of their own, laid out as they were, without history."""
    source = value.detach()
    if source.is_contiguous():
        return source.clone()
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


def at_numbers(value: Any, arrays: Sequence[Any], dtype: Any) -> Any:
    """A tensor like ``value`` that holds these numbers, one array for each part, in ``dtype``, on the same
    device.
    """
    parts = [torch.tensor(a) for a in arrays]
    whole = torch.complex(*(p.to(torch.float64) for p in parts)) if len(parts) > 1 else parts[0]
    return whole.to(dtype).to(value.device)


def outputs_of(value: Any, names: Sequence[str], path: str) -> list[Output]:
    """The numbers of a returned tensor under its names."""
    slots = slots_of(value, names, path, differentiable=bool(value.requires_grad))
    return [Output(s.name, s.path, s.array, s.dtype, s.differentiable, s.part) for s in slots]


def arrays_of(values: Sequence[Any]) -> list[npt.NDArray[Any]]:
    """Numpy arrays of tensors and arrays: float64, complex128 for complex numbers."""
    return [_wide(v.detach()) if is_tensor(v) else np.asarray(v) for v in values]


def _wide(value: Any) -> npt.NDArray[Any]:
    found = value.to(torch.complex128 if value.is_complex() else torch.float64)
    return np.array(found.resolve_conj().numpy(force=True))
