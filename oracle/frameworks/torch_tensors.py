"""Between numpy arrays and torch tensors: dtypes, memory layouts, constants."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, assert_never

import numpy as np
import numpy.typing as npt
import torch

from oracle.frameworks.interpret import Dialect
from oracle.frameworks.protocol import Array, Layout
from oracle.frameworks.torch_operations import NUMBER_OPERANDS, OPERATIONS
from reference_engine.program import Kind, Program

DTYPES: Mapping[str, Any] = {
    "float64": torch.float64,
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
}


def tensor(value: Any, kind: Kind, dtype: str) -> Any:
    """A contiguous tensor of its own memory, real numbers in ``dtype``.

    >>> tensor([0.1], "real", "float32").dtype
    torch.float32
    """
    match kind:
        case "real":
            return torch.tensor(np.asarray(value, dtype=np.float64)).to(DTYPES[dtype])
        case "int":
            return torch.tensor(np.asarray(value, dtype=np.int64))
        case "bool":
            return torch.tensor(np.asarray(value, dtype=np.bool_))
        case _:
            assert_never(kind)


def array(value: Any) -> npt.NDArray[np.generic]:
    """A numpy array of its own memory: float64, int64 or bool."""
    if value.dtype == torch.bool:
        return np.array(value.numpy(force=True))
    wide = torch.float64 if value.dtype.is_floating_point else torch.int64
    return np.array(value.to(wide).numpy(force=True))


def real_array(value: Any) -> Array:
    """As :func:`array`, for a derivative."""
    # Forced: a tangent that torch knows to be zero has no memory of its own.
    return np.array(value.to(torch.float64).numpy(force=True))


def laid_out(value: Any, layout: Layout) -> Any:
    """The same elements in memory of another layout; as it is where a shape has only one.

    The memory between strided elements holds NaN, so that a kernel that reads it shows. ``expanded`` repeats
    memory along the axes on which the elements do not differ.

    >>> laid_out(torch.zeros(2, 3), "transposed").stride()
    (1, 2)
    >>> laid_out(torch.zeros(2, 3), "strided").stride()
    (6, 2)
    >>> laid_out(torch.zeros(2, 3), "expanded").stride()
    (0, 0)
    """
    match layout:
        case "contiguous":
            return value
        case "transposed":
            axes = tuple(reversed(range(value.ndim)))
            return value.permute(axes).contiguous().permute(axes)
        case "strided":
            if value.ndim == 0:
                return value
            buffer = value.new_full((*value.shape[:-1], 2 * value.shape[-1]), _gap(value.dtype))
            buffer[..., ::2] = value
            return buffer[..., ::2]
        case "expanded":
            return _expanded(value)
        case _:
            assert_never(layout)


def _gap(dtype: Any) -> float:
    return float("nan") if dtype.is_floating_point else 0


def _expanded(value: Any) -> Any:
    short = value
    for axis, extent in enumerate(value.shape):
        first = short.narrow(axis, 0, 1) if extent > 1 else short
        if bool((first == short).all()):
            short = first
    return short.clone().expand(value.shape)


def inputs(
    program: Program, arrays: Mapping[str, npt.NDArray[np.generic]], layouts: Mapping[str, Layout], dtype: str
) -> dict[str, Any]:
    """Tensors for the inputs of a Program by name."""
    return {
        name: laid_out(tensor(arrays[name], type_.kind, dtype), layouts.get(name, "contiguous"))
        for name, type_ in program.input_types.items()
    }


def dialect(dtype: str) -> Dialect:
    """How torch is spoken to in ``dtype``."""
    return Dialect(
        OPERATIONS,
        NUMBER_OPERANDS,
        lambda value, kind: tensor(value, kind, dtype),
        lambda x: x.to(DTYPES[dtype]),
    )
