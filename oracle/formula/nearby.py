"""Points beside a point, the same every time: a formula that is right by accident at one is not at all."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from oracle.frameworks.protocol import Point
from reference_engine.precision import Precision

STEP = 2.0**-10
"""Part of itself by which a number moves at most: far enough for other digits, near enough for the same
branches."""

COUNT = 2
"""How many points there are."""


def nearby(point: Point, fixed: frozenset[str], precision: Precision, seed: int) -> Iterator[Point]:
    """The point with its differentiated inputs moved, but for those that are ``fixed``.

    Equal numbers move alike, and so do opposite ones: symmetric matrices stay symmetric, and ties stay tied.
    Zeros stay. The format of ``precision`` holds the new numbers.
    """
    for k in range(1, COUNT + 1):
        inputs = {
            n: _moved(a, precision, (seed, k)) if n in point.wrt and n not in fixed else a
            for n, a in point.inputs.items()
        }
        yield replace(point, inputs=inputs)


def _moved(array: npt.NDArray[Any], precision: Precision, seed: tuple[int, int]) -> npt.NDArray[Any]:
    sizes, place = np.unique(np.abs(np.asarray(array, dtype=np.float64)), return_inverse=True)
    steps = np.array([_step(size, seed) for size in sizes.tolist()], dtype=np.float64)
    return np.asarray(precision.round(array * (1 + steps[place].reshape(np.shape(array)))))


def _step(size: float, seed: tuple[int, int]) -> float:
    """A number between STEP/2 and STEP in size that belongs to this one."""
    drawn = zlib.crc32(repr((size, seed)).encode())
    return STEP * (0.5 + (drawn >> 1) / 2**32) * (1 if drawn & 1 else -1)
