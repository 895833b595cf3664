"""Our operations as torch's own: the array operations. Each entry takes the parameters of our prototype by
name.

What torch has, torch computes: the point is to judge its kernels and their derivatives.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch

from oracle.frameworks.interpret import Call
from oracle.frameworks.torch_functional import FUNCTIONAL
from oracle.frameworks.torch_linalg import LINALG
from reference_engine.program import Attr

Axis = int | tuple[int, ...] | None

NUMBER_OPERANDS = frozenset(
    {
        "add", "subtract", "multiply", "divide", "power", "remainder", "floor_divide",
        "less", "less_equal", "greater", "greater_equal", "equal", "not_equal", "where", "clip",
    }
)  # fmt: skip
"""Operations whose torch form takes a bare number beside a tensor."""


def positional(function: Callable[..., Any]) -> Call:
    """A function that takes the same arguments in the same order."""
    return lambda **arguments: function(*arguments.values())


def _clip(x: Any, min: Any, max: Any) -> Any:
    if min is None and max is None:
        return x
    if torch.is_tensor(min) != torch.is_tensor(max) and min is not None and max is not None:
        min, max = (b if torch.is_tensor(b) else x.new_tensor(b) for b in (min, max))
    return torch.clamp(x, min=min, max=max)


def _transpose(x: Any, axes: tuple[int, ...] | None) -> Any:
    return x.permute(tuple(reversed(range(x.ndim))) if axes is None else axes)


def _flip(x: Any, axis: Axis) -> Any:
    axes = tuple(range(x.ndim)) if axis is None else (axis,) if isinstance(axis, int) else axis
    return torch.flip(x, axes)


def _pad(x: Any, pad_width: tuple[tuple[int, int], ...], value: float) -> Any:
    flat = [width for pair in reversed(pad_width) for width in pair]
    return torch.nn.functional.pad(x, flat, value=value)


def _astype(x: Any, dtype: str) -> Any:
    return x.to(getattr(torch, dtype))


def _getitem(x: Any, indices: Sequence[Any], key: tuple[Attr, ...]) -> Any:
    """Numpy's indexing in torch's: an integer beside index tensors is an index tensor of one element, and an
    axis with a negative step is turned around first.
    """
    beside_tensors = any(t.ndim for t in indices)
    out: list[Any] = []
    axis = 0
    for entry in key:
        match entry[0]:
            case "slice":
                step = slice(*entry[1:])
                if (step.step or 1) < 0:
                    x, step = _turned(x, axis, step)
                out.append(step)
            case "at":
                out.append(torch.tensor([entry[1]]) if beside_tensors else entry[1])
            case "newaxis":
                out.append(None)
            case "ellipsis":
                out.append(Ellipsis)
                axis += x.ndim - sum(1 for e in key if e[0] in {"slice", "at", "tensor"})
            case _:
                index = indices[entry[1]]
                out.append(index.reshape(1) if beside_tensors and index.ndim == 0 else index)
        axis += entry[0] in {"slice", "at", "tensor"}
    return x[tuple(out)]


def _turned(x: Any, axis: int, step: slice) -> tuple[Any, slice]:
    extent = x.shape[axis]
    places = range(*step.indices(extent))
    if not places:
        return x, slice(0, 0)
    return x.flip(axis), slice(extent - 1 - places[0], extent - places[-1], -places.step)


def _wrapped(indices: Any, extent: int) -> Any:
    """Non-negative positions: torch's gathers and scatters do not count from the end."""
    return torch.where(indices < 0, indices + extent, indices).to(torch.int64)


def _take(x: Any, indices: Any, axis: int) -> Any:
    return x[(slice(None),) * (axis % x.ndim) + (indices,)]


def _take_along_axis(x: Any, indices: Any, axis: int) -> Any:
    return torch.gather(x, axis, _wrapped(indices, x.shape[axis]))


def _scatter_add(x: Any, indices: Any, updates: Any, axis: int) -> Any:
    places = _wrapped(indices, x.shape[axis])
    if places.ndim == 1:
        return torch.index_add(x, axis, places, updates.to(x.dtype))
    moved = x.movedim(axis, 0).index_put((places,), updates.to(x.dtype), accumulate=True)
    return moved.movedim(0, axis)


def _reduction(function: Callable[..., Any]) -> Call:
    """Over no axes at all a reduction is the identity; torch takes an empty tuple for all axes."""
    return lambda x, axis, keepdims: x if axis == () else function(x, dim=axis, keepdim=keepdims)


def _extreme(function: Callable[..., Any]) -> Call:
    """Torch's amax and amin, which spell all axes as an empty tuple."""
    return lambda x, axis, keepdims: (
        x if axis == () else function(x, dim=() if axis is None else axis, keepdim=keepdims)
    )


def _prod(x: Any, axis: Axis, keepdims: bool) -> Any:
    """Torch's product takes one axis: several become one."""
    if isinstance(axis, int):
        return torch.prod(x, dim=axis, keepdim=keepdims)
    axes = tuple(range(x.ndim)) if axis is None else tuple(a % x.ndim for a in axis)
    if not axes:
        return x
    kept = [i for i in range(x.ndim) if i not in axes]
    rows = x.permute(*kept, *axes).reshape([x.shape[i] for i in kept] + [math.prod(x.shape[a] for a in axes)])
    out = torch.prod(rows, dim=-1)
    return out.reshape([1 if i in axes else n for i, n in enumerate(x.shape)]) if keepdims else out


def _topk(x: Any, k: int, axis: int) -> tuple[Any, Any]:
    values, places = torch.topk(x, k, dim=axis)
    return values, places


_SAME_NAMES = (
    "negative", "positive", "reciprocal", "square", "exp", "exp2", "expm1", "log", "log2", "log10",
    "log1p", "sqrt", "rsqrt", "sin", "cos", "tan", "asin", "acos", "atan", "atan2", "sinh", "cosh",
    "tanh", "asinh", "acosh", "atanh", "sigmoid", "logaddexp", "hypot", "erf", "erfc", "erfinv", "lgamma",
    "digamma", "maximum", "minimum", "abs", "sign", "floor", "ceil", "trunc", "round", "logical_and",
    "logical_or", "logical_xor", "logical_not", "isfinite", "ones_like", "zeros_like",
)  # fmt: skip

ELEMENTWISE: Mapping[str, Call] = {
    "add": positional(operator.add),
    "subtract": positional(operator.sub),
    "multiply": positional(operator.mul),
    "divide": positional(operator.truediv),
    "power": positional(operator.pow),
    "remainder": positional(operator.mod),
    "floor_divide": positional(operator.floordiv),
    "less": positional(operator.lt),
    "less_equal": positional(operator.le),
    "greater": positional(operator.gt),
    "greater_equal": positional(operator.ge),
    "equal": positional(operator.eq),
    "not_equal": positional(operator.ne),
    "stop_gradient": lambda x: x.detach(),
    "where": lambda condition, x1, x2: torch.where(condition, x1, x2),
    "clip": _clip,
    "astype": _astype,
    "pi": lambda: math.pi,
    "e": lambda: math.e,
    "polygamma": lambda x, n: torch.polygamma(n, x),
    **{
        name: positional(getattr(torch.special, name))
        for name in ("i0", "i0e", "i1", "i1e", "gammainc", "gammaincc", "zeta")
    },
    **{name: positional(getattr(torch, name)) for name in _SAME_NAMES},
}

SHAPING: Mapping[str, Call] = {
    "reshape": lambda x, shape: torch.reshape(x, (shape,) if isinstance(shape, int) else shape),
    "transpose": _transpose,
    "broadcast_to": lambda x, shape: torch.broadcast_to(x, (shape,) if isinstance(shape, int) else shape),
    "concatenate": lambda arrays, axis: torch.cat(list(arrays), dim=axis),
    "expand_dims": lambda x, axis: torch.unsqueeze(x, axis),
    "squeeze": lambda x, axis: torch.squeeze(x, axis),
    "matrix_transpose": lambda x: x.mT,
    "moveaxis": lambda x, source, destination: torch.movedim(x, source, destination),
    "flip": _flip,
    "roll": lambda x, shift, axis: torch.roll(x, shift, axis),
    "repeat": lambda x, repeats, axis: torch.repeat_interleave(x, repeats, axis),
    "tile": lambda x, repetitions: torch.tile(x, repetitions),
    "stack": lambda arrays, axis: torch.stack(list(arrays), dim=axis),
    "split": lambda x, sections, axis: tuple(torch.tensor_split(x, sections, dim=axis)),
    "pad": _pad,
    "tril": lambda x, k: torch.tril(x, k),
    "triu": lambda x, k: torch.triu(x, k),
    "diagonal": lambda x, offset: torch.diagonal(x, offset, -2, -1),
    "getitem": _getitem,
    "take": _take,
    "take_along_axis": _take_along_axis,
    "scatter_add": _scatter_add,
    "embedding": lambda indices, weight: torch.nn.functional.embedding(indices, weight),
}

REDUCTIONS: Mapping[str, Call] = {
    "sum": _reduction(torch.sum),
    "mean": _reduction(torch.mean),
    "prod": _prod,
    "max": _extreme(torch.amax),
    "min": _extreme(torch.amin),
    "logsumexp": lambda x, axis, keepdims: (
        x if axis == () else torch.logsumexp(x, tuple(range(x.ndim)) if axis is None else axis, keepdims)
    ),
    "cumsum": lambda x, axis: torch.cumsum(x, axis),
    "cumprod": lambda x, axis: torch.cumprod(x, axis),
    "cummax": lambda x, axis: torch.cummax(x, axis).values,
    "logcumsumexp": lambda x, axis: torch.logcumsumexp(x, axis),
    "sort": lambda x, axis, descending: torch.sort(x, dim=axis, descending=descending, stable=True).values,
    "argsort": lambda x, axis, descending: torch.argsort(x, dim=axis, descending=descending, stable=True),
    "argmax": lambda x, axis, keepdims: torch.argmax(x, axis, keepdim=keepdims),
    "argmin": lambda x, axis, keepdims: torch.argmin(x, axis, keepdim=keepdims),
    "topk": _topk,
}

OPERATIONS: Mapping[str, Call] = {**ELEMENTWISE, **SHAPING, **REDUCTIONS, **LINALG, **FUNCTIONAL}
"""Every operation that torch is asked for, by our name."""
