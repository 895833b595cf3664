"""Which elements sliding windows cover, as flat positions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from oracle.lift.program import Array


def window_places(
    extents: Sequence[int],
    kernel: Sequence[int],
    strides: Sequence[int],
    padding: Sequence[tuple[int, int]],
    base_dilation: Sequence[int],
    window_dilation: Sequence[int],
) -> tuple[Array, tuple[int, ...]]:
    """Positions, shape (windows, elements of one), -1 for padding and for the gaps of a dilated base, and how
    many windows there are along each axis. XLA's rule, also for negative padding.

    >>> window_places([3], [2], [1], [(0, 1)], [1], [1])[0].tolist()
    [[0, 1], [1, 2], [2, -1]]
    """
    places = np.zeros((1, 1), dtype=np.int64)
    counts = []
    for n, k, stride, (low, high), base, dilation in zip(
        extents, kernel, strides, padding, base_dilation, window_dilation, strict=True
    ):
        wide = (n - 1) * base + 1 if n else 0
        reach = (k - 1) * dilation + 1 if k else 0
        count = max((wide + low + high - reach) // stride + 1, 0)
        found = np.arange(count)[:, None] * stride + np.arange(k) * dilation - low
        inside = (found >= 0) & (found < wide) & (found % base == 0)
        axis = np.where(inside, found // base, -1)
        joint = places[:, None, :, None] * n + axis[None, :, None, :]
        missing = (places[:, None, :, None] < 0) | (axis[None, :, None, :] < 0)
        places = np.where(missing, -1, joint).reshape(places.shape[0] * count, places.shape[1] * k)
        counts.append(count)
    return places, tuple(counts)
