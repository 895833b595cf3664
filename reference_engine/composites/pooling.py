"""Pooling: the maximum or the mean of sliding windows over the last axes, and nearest-neighbor resizing."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from reference_engine.composites.reductions import real
from reference_engine.composites.shapes import positions, rearranged
from reference_engine.composites.windows import Extents, padded, per_axis, windows
from reference_engine.operations import composite
from reference_engine.primitives.contraction import contract
from reference_engine.program import ProgramError
from reference_engine.trace import Tensor, constant, xp


def _max_pool(
    name: str,
    x: Tensor,
    rank: int,
    kernel: Extents,
    stride: Extents | None,
    padding: Extents,
    dilation: Extents,
) -> Tensor:
    extents = per_axis(name, "kernel_size", kernel, rank, 1)
    steps = extents if stride is None else per_axis(name, "stride", stride, rank, 1)
    border = per_axis(name, "padding", padding, rank, 0)
    if any(2 * b > k for b, k in zip(border, extents, strict=True)):
        msg = f"{name}: padding {padding!r} is more than half of the kernel {kernel!r}"
        raise ProgramError(msg)
    wide = padded(real(x), [(b, b) for b in border], float("-inf"))
    patches, counts = windows(name, wide, extents, steps, per_axis(name, "dilation", dilation, rank, 1))
    shape = (*x.shape[: x.ndim - rank], *counts)
    return xp.reshape(xp.max(patches, axis=-1), shape=shape)  # type: ignore[no-any-return]


@composite(
    "pooling",
    kinks=(0.0,),
    call={"x": "b c N", "kernel_size": (2, 3), "stride": (None, 1), "padding": (0, 1)},
)
def max_pool1d(
    x: Tensor,
    kernel_size: Extents,
    stride: Extents | None = None,
    padding: Extents = 0,
    dilation: Extents = 1,
) -> Tensor:
    """Definition: the largest element of each window along the last axis; the border never is.

    Derivative: 1 for that element, 0 for the others; windows that overlap add up.
    Where it is not differentiable: at ties within a window: any non-negative weights that sum to 1.
    Conventions: torch and JAX give all to one of equal elements, the first.
    """
    return _max_pool("max_pool1d", x, 1, kernel_size, stride, padding, dilation)


@composite("pooling", kinks=(0.0,), call={"x": "b c N M", "kernel_size": (2, (3, 1)), "stride": (None, 1)})
def max_pool2d(
    x: Tensor,
    kernel_size: Extents,
    stride: Extents | None = None,
    padding: Extents = 0,
    dilation: Extents = 1,
) -> Tensor:
    """Definition: the largest element of each window over the last two axes; the border never is.

    Derivative: 1 for that element, 0 for the others; windows that overlap add up.
    Where it is not differentiable: at ties within a window: any non-negative weights that sum to 1.
    Conventions: torch and JAX give all to one of equal elements, the first.
    """
    return _max_pool("max_pool2d", x, 2, kernel_size, stride, padding, dilation)


def _avg_pool(
    name: str,
    x: Tensor,
    rank: int,
    kernel: Extents,
    stride: Extents | None,
    padding: Extents,
    count_include_pad: bool,
) -> Tensor:
    extents = per_axis(name, "kernel_size", kernel, rank, 1)
    steps = extents if stride is None else per_axis(name, "stride", stride, rank, 1)
    border = [(b, b) for b in per_axis(name, "padding", padding, rank, 0)]
    ones = (1,) * rank
    patches, counts = windows(name, padded(real(x), border, 0), extents, steps, ones)
    total = xp.reshape(xp.sum(patches, axis=-1), shape=(*x.shape[: x.ndim - rank], *counts))
    if count_include_pad:
        return total / int(np.prod(extents))  # type: ignore[no-any-return]
    inside = np.pad(np.ones(x.shape[x.ndim - rank :], dtype=np.int64), border)
    view = np.lib.stride_tricks.sliding_window_view(inside, extents)
    strided = view[tuple(slice(None, None, s) for s in steps)]
    return total / constant(strided.sum(axis=tuple(range(rank, 2 * rank))))  # type: ignore[no-any-return]


@composite("pooling", call={"x": "b c N", "kernel_size": (2, 3), "stride": (None, 1), "padding": (0, 1)})
def avg_pool1d(
    x: Tensor,
    kernel_size: Extents,
    stride: Extents | None = None,
    padding: Extents = 0,
    count_include_pad: bool = True,
) -> Tensor:
    """Definition: the mean of each window along the last axis, the zeros of the border counted or not.

    Derivative: linear: 1/n for each element of a window.
    Where it is not differentiable: nowhere.
    Conventions: torch counts the border by default.
    """
    return _avg_pool("avg_pool1d", x, 1, kernel_size, stride, padding, count_include_pad)


@composite("pooling", call={"x": "b c N M", "kernel_size": (2, (3, 1)), "stride": (None, 1)})
def avg_pool2d(
    x: Tensor,
    kernel_size: Extents,
    stride: Extents | None = None,
    padding: Extents = 0,
    count_include_pad: bool = True,
) -> Tensor:
    """Definition: the mean of each window over the last two axes, the zeros of the border counted or not.

    Derivative: linear: 1/n for each element of a window.
    Where it is not differentiable: nowhere.
    Conventions: torch counts the border by default.
    """
    return _avg_pool("avg_pool2d", x, 2, kernel_size, stride, padding, count_include_pad)


def _adaptive_members(extent: int, size: int) -> npt.NDArray[np.float64]:
    """Which positions (rows) each of ``size`` windows (columns) holds."""
    row, window = np.arange(extent)[:, None], np.arange(size)
    return ((row >= window * extent // size) & (row < -(-(window + 1) * extent // size))).astype(np.float64)


def _adaptive(name: str, x: Tensor, output_size: Extents, rank: int) -> Tensor:
    sizes = per_axis(name, "output_size", output_size, rank, 1)
    if x.ndim <= rank:
        msg = f"{name}: expected more than {rank} dimensions, found shape {x.shape}"
        raise ProgramError(msg)
    members: npt.NDArray[Any] = np.ones((1, 1))
    for extent, size in zip(x.shape[x.ndim - rank :], sizes, strict=True):
        members = np.kron(members, _adaptive_members(extent, size))
    outer = x.shape[: x.ndim - rank]
    planes = xp.reshape(real(x), shape=(int(np.prod(outer, dtype=np.int64)), members.shape[0]))
    # One division after the sum, as the kernels do: how the backward pass cancels depends on it.
    mean = contract(planes, constant(members), "mk", "kn", "mn") / constant(members.sum(axis=0))
    return xp.reshape(mean, shape=(*outer, *sizes))  # type: ignore[no-any-return]


@composite("pooling", call={"x": "b c N", "output_size": (1, 2)})
def adaptive_avg_pool1d(x: Tensor, output_size: Extents) -> Tensor:
    """Definition: the mean of output_size windows that cover the last axis; window i runs from floor(i n /
    size) to ceil((i + 1) n / size).

    Derivative: linear: 1/n for each element of a window.
    Where it is not differentiable: nowhere.
    Conventions: torch's.
    """
    return _adaptive("adaptive_avg_pool1d", x, output_size, 1)


@composite("pooling", call={"x": "b c N M", "output_size": (1, (2, 1))})
def adaptive_avg_pool2d(x: Tensor, output_size: Extents) -> Tensor:
    """Definition: adaptive_avg_pool1d over each of the last two axes.

    Derivative: linear: 1/n for each element of a window.
    Where it is not differentiable: nowhere.
    Conventions: torch's.
    """
    return _adaptive("adaptive_avg_pool2d", x, output_size, 2)


@composite(
    "pooling",
    call=(
        {"x": "b c n", "scale_factor": (2,)},
        {"x": "b c n m", "scale_factor": (2, (1, 2))},
    ),
)
def upsample_nearest(x: Tensor, scale_factor: Extents) -> Tensor:
    """Definition: each element of the axes after the channel (axis 1) repeated scale_factor times; torch's
    interpolate(mode="nearest") with an integer factor.

    Derivative: linear: the cotangents of the copies add up.
    Where it is not differentiable: nowhere.
    Conventions: none needed.
    """
    places = positions(x.shape)
    factors = per_axis("upsample_nearest", "scale_factor", scale_factor, x.ndim - 2, 1)
    for axis, factor in enumerate(factors):
        places = np.repeat(places, factor, axis=axis + 2)
    return rearranged(x, places)
