"""Sliding windows over the last axes, as one gather with positions computed once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from reference_engine.composites.shapes import positions, rearranged
from reference_engine.program import ProgramError
from reference_engine.trace import Tensor, xp

Extents = int | tuple[int, ...]


def per_axis(name: str, what: str, value: Extents, rank: int, least: int) -> tuple[int, ...]:
    """One integer an axis, one standing for all. ProgramError for another count or one below ``least``."""
    values = (value,) * rank if isinstance(value, int) else value
    if isinstance(values, tuple) and len(values) == 1:
        values = values * rank
    if not isinstance(values, tuple) or len(values) != rank or any(v < least for v in values):
        msg = f"{name}: {what} must be {rank} integers of at least {least}, found {value!r}"
        raise ProgramError(msg)
    return values


def padded(x: Tensor, widths: Sequence[tuple[int, int]], value: float) -> Tensor:
    """A border of ``value`` around the last axes, one (before, after) pair for each of them."""
    if all(w == (0, 0) for w in widths):
        return x
    none = ((0, 0),) * (x.ndim - len(widths))
    return xp.pad(x, pad_width=none + tuple(widths), value=value)  # type: ignore[no-any-return]


def starts(name: str, extent: int, kernel: int, stride: int, dilation: int) -> npt.NDArray[np.int64]:
    """Where the windows along one axis begin."""
    last = extent - dilation * (kernel - 1) - 1
    if last < 0:
        msg = f"{name}: kernel {kernel} with dilation {dilation} does not fit the padded extent {extent}"
        raise ProgramError(msg)
    return np.arange(0, last + 1, stride)


def windows(
    name: str, x: Tensor, kernel: Sequence[int], stride: Sequence[int], dilation: Sequence[int]
) -> tuple[Tensor, tuple[int, ...]]:
    """Windows over the last axes, shape (..., windows, elements of one), and how many along each axis."""
    rank = len(kernel)
    outer = int(np.prod(x.shape[: x.ndim - rank], dtype=np.int64))
    places = positions(x.shape).reshape((outer, *x.shape[x.ndim - rank :]))
    counts = []
    for axis in range(rank):
        # Each step turns one spatial axis into (windows, elements), elements gathered at the end.
        begin = starts(name, x.shape[x.ndim - rank + axis], kernel[axis], stride[axis], dilation[axis])
        index = begin[:, None] + dilation[axis] * np.arange(kernel[axis])
        places = np.take(places, index, axis=1 + 2 * axis)
        counts.append(len(begin))
    order = (0, *range(1, 2 * rank, 2), *range(2, 2 * rank + 1, 2))
    shape = (*x.shape[: x.ndim - rank], int(np.prod(counts)), int(np.prod(kernel)))
    flat = places.transpose(order).reshape(shape)
    return rearranged(x, flat), tuple(counts)
