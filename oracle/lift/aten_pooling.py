"""ATen's pooling and resizing: windows over the last axes, and maps of whole planes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch

from oracle.lift.aten import Call, NoLoweringError, lowers, move
from oracle.lift.aten_layers import each
from oracle.lift.torch_internals import arguments_of, rank_of
from oracle.lift.torch_memory import exact
from reference_engine.trace import Tensor, constant, xp

Windows = list[list[list[int]]]
"""For each axis and each window along it the positions in it; -1 is border."""


def _sliding(call: Call, rank: int, *, dilated: bool) -> Windows:
    kernel = each(call["kernel_size"], rank)
    stride = each(call["stride"], rank) if call["stride"] else kernel
    padding = each(call["padding"], rank)
    dilation = each(call["dilation"], rank) if dilated else (1,) * rank
    extents, counts = call.shape("self")[-rank:], tuple(call.results[0].shape[-rank:])
    out = []
    for n, count, k, s, p, d in zip(extents, counts, kernel, stride, padding, dilation, strict=True):
        places = [[i * s - p + j * d for j in range(k)] for i in range(count)]
        out.append([[q if 0 <= q < n else -1 for q in row] for row in places])
    return out


def _adaptive(call: Call, rank: int) -> Windows:
    """Window i runs from floor(i n / m) to ceil((i + 1) n / m); padded with -1 to one length."""
    out = []
    for n, m in zip(call.shape("self")[-rank:], call.results[0].shape[-rank:], strict=True):
        rows = [list(range(i * n // m, -(-(i + 1) * n // m))) for i in range(m)]
        longest = max((len(r) for r in rows), default=0)
        out.append([r + [-1] * (longest - len(r)) for r in rows])
    return out


def _patches(x: Tensor, windows: Windows, border: Any) -> tuple[Tensor, np.ndarray]:
    """Elements of every window in a last axis, ``border`` outside; and which are inside."""
    rank = len(windows)
    extents = x.shape[-rank:]
    tables = [np.array(w, dtype=np.int64) for w in windows]
    flat = np.zeros((), dtype=np.int64)
    inside = np.array(True)
    for axis, (table, extent) in enumerate(zip(tables, extents, strict=True)):
        shape = [1] * (2 * rank)
        shape[axis], shape[rank + axis] = table.shape
        flat = flat * extent + np.maximum(table, 0).reshape(shape)
        inside = inside & (table >= 0).reshape(shape)
    counts = flat.shape[:rank]
    flat, inside = flat.reshape(*counts, -1), inside.reshape(*counts, -1)
    outer = x.shape[: x.ndim - rank]
    planes = xp.reshape(x, shape=(*outer, math.prod(extents)))
    found = xp.take(planes, constant(flat), axis=len(outer))
    if inside.all():
        return found, inside
    return xp.where(xp.broadcast_to(constant(inside), shape=found.shape), found, border), inside


def _largest(call: Call, windows: Windows) -> Any:
    x = call["self"]
    if not call.results[0].numel():
        return [None, None]
    found, _ = _patches(x, windows, constant(float("-inf")))
    return [xp.max(found, axis=-1), None]


@lowers("max_pool2d_with_indices")
def _max_pool2d(call: Call) -> Any:
    return _largest(call, _sliding(call, 2, dilated=True))


@lowers("max_pool3d_with_indices")
def _max_pool3d(call: Call) -> Any:
    return _largest(call, _sliding(call, 3, dilated=True))


@lowers("max_pool1d_with_indices", "max_pool1d")
def _max_pool1d(call: Call) -> Any:
    return _largest(call, _sliding(call, 1, dilated=True))[: len(call.results)]


@lowers("adaptive_max_pool2d", "adaptive_max_pool3d", "adaptive_max_pool1d")
def _adaptive_max_pool(call: Call) -> Any:
    return _largest(call, _adaptive(call, rank_of(call.func)))


@lowers("fractional_max_pool2d", "fractional_max_pool3d")
def _fractional(call: Call) -> Any:
    """By the recorded positions: the windows are drawn."""
    x, places = call["self"], exact(call.results[1])
    rank = rank_of(call.func)
    outer = x.shape[: x.ndim - rank]
    planes = xp.reshape(x, shape=(*outer, math.prod(x.shape[-rank:])))
    flat = places.reshape(*outer, -1)
    return [xp.reshape(xp.take_along_axis(planes, constant(flat), axis=-1), shape=places.shape), None]


@lowers("max_unpool2d", "max_unpool3d")
def _unpool(call: Call) -> Any:
    return move(call, "self")


@lowers("avg_pool1d", "avg_pool2d", "avg_pool3d")
def _avg_pool(call: Call) -> Any:
    rank = rank_of(call.func)
    windows = _sliding(call, rank, dilated=False)
    found, inside = _patches(call["self"], windows, 0)
    if call.get("divisor_override") is not None:
        return xp.sum(found, axis=-1) / call["divisor_override"]
    if not call["count_include_pad"]:
        return xp.sum(found, axis=-1) / constant(inside.sum(axis=-1))
    kernel, padding = each(call["kernel_size"], rank), each(call["padding"], rank)
    stride = each(call["stride"], rank) if call["stride"] else kernel
    sizes: Any = np.array(1)
    for n, rows, k, s, p in zip(call.shape("self")[-rank:], windows, kernel, stride, padding, strict=True):
        along = np.array([min(i * s - p + k, n + p) - (i * s - p) for i in range(len(rows))], dtype=np.int64)
        sizes = sizes[..., None] * along
    return xp.sum(found, axis=-1) / constant(sizes)


@lowers("_adaptive_avg_pool2d", "_adaptive_avg_pool3d", "adaptive_avg_pool1d")
def _adaptive_avg_pool(call: Call) -> Any:
    found, inside = _patches(call["self"], _adaptive(call, rank_of(call.func)), 0)
    return xp.sum(found, axis=-1) / constant(inside.sum(axis=-1))


UPSAMPLES = ("upsample_linear1d", "upsample_bilinear2d", "upsample_bicubic2d", "upsample_trilinear3d",
             "_upsample_bilinear2d_aa", "_upsample_bicubic2d_aa")  # fmt: skip


def _linear_map(call: Call, name: str, rank: int) -> Tensor:
    """A map of the last axes that is the same for each plane: its matrix is its value on unit planes."""
    x, out = call[name], call.results[0]
    extents, counts = x.shape[-rank:], tuple(out.shape[-rank:])
    n, m = math.prod(extents), math.prod(counts)
    if n * m > 4_000_000:
        raise NoLoweringError(f"{n} by {m} elements")
    given = dict(call.raw)
    given[name] = torch.eye(n, dtype=torch.float64).reshape(1, n, *extents)
    args = [given[a.name] for a in arguments_of(call.func) if not a.kwarg_only]
    matrix = exact(call.func(*args)).reshape(n, m)
    planes = xp.reshape(x, shape=(math.prod(x.shape[: x.ndim - rank]), n))
    return xp.reshape(planes @ constant(matrix), shape=tuple(out.shape))  # type: ignore[no-any-return]


def _upsample(call: Call) -> Any:
    return _linear_map(call, "self" if "self" in call.raw else "input", rank_of(call.func))


for _name in UPSAMPLES:
    lowers(_name)(_upsample)
