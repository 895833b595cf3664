"""ATen's sampling of a volume at points of a grid; for planes torch has a decomposition."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from oracle.lift.aten import Call, NoLoweringError, lowers
from oracle.lift.torch_memory import exact
from reference_engine.trace import Tensor, constant, xp

INTERPOLATION = {0: "linear", 1: "nearest"}
PADDING = {0: "zeros", 1: "border", 2: "reflection"}


@dataclass(frozen=True)
class Places:
    """Where the points lie along one axis, and where they lay in the recorded run."""

    symbol: Tensor
    recorded: np.ndarray


@lowers("grid_sampler_3d")
def _grid_sampler(call: Call) -> Any:
    """Trilinear or nearest, in the cells and reflections of the recorded points."""
    volume, grid = call["input"], call["grid"]
    extents = volume.shape[2:]
    numbers = exact(call.raw["grid"])
    along = []
    for k, extent in zip(reversed(range(len(extents))), extents, strict=True):  # the grid says x, y, z
        places = Places(grid[..., k], numbers[..., k])
        inside = _in_elements(places, extent, corners=call["align_corners"])
        along.append(_padded(inside, extent, PADDING[call["padding_mode"]], corners=call["align_corners"]))
    match INTERPOLATION.get(call["interpolation_mode"]):
        case "linear":
            return _linear(volume, along)
        case "nearest":
            return _picked(volume, [np.rint(places.recorded).astype(np.int64) for places in along])
        case _:
            raise NoLoweringError("of another kind than linear and nearest")  # noqa: EM101


def _in_elements(places: Places, extent: int, *, corners: bool) -> Places:
    """From -1 to 1 as positions: the ends are centers of the outermost elements, or their outer faces."""

    def moved(x: Any) -> Any:
        return (x + 1) / 2 * (extent - 1) if corners else ((x + 1) * extent - 1) / 2

    return Places(moved(places.symbol), moved(places.recorded))


def _padded(places: Places, extent: int, padding: str, *, corners: bool) -> Places:
    if padding == "zeros":
        return places
    if padding == "reflection":
        places = _reflected(places, *((0.0, extent - 1.0) if corners else (-0.5, extent - 0.5)))
    return Places(xp.clip(places.symbol, 0, extent - 1), np.clip(places.recorded, 0, extent - 1))


def _reflected(places: Places, low: float, high: float) -> Places:
    """Turned back at both ends as often as the recorded point needs it."""
    if low == high:
        return Places(places.symbol * 0, places.recorded * 0)
    turns = np.floor((places.recorded - low) / (high - low))
    forward = turns % 2 == 0
    # Of x, with an even number of turns k: x - k (high - low); else 2 low + (k + 1)(high - low) - x.
    sign = np.where(forward, 1.0, -1.0)
    shift = np.where(forward, -turns * (high - low), 2 * low + (turns + 1) * (high - low))
    return Places(places.symbol * constant(sign) + constant(shift), places.recorded * sign + shift)


def _linear(volume: Tensor, along: Sequence[Places]) -> Tensor:
    """The sum over the corners of a point's cell of weight times element."""
    first = [np.floor(places.recorded).astype(np.int64) for places in along]
    total: Any = None
    for corner in itertools.product((0, 1), repeat=len(along)):
        weight: Any = None
        for places, base, upper in zip(along, first, corner, strict=True):
            apart = places.symbol - constant(base) if upper else constant(base + 1) - places.symbol
            weight = apart if weight is None else weight * apart
        elements = _picked(volume, [base + upper for base, upper in zip(first, corner, strict=True)])
        term = elements * xp.expand_dims(weight, axis=1)
        total = term if total is None else total + term
    return total  # type: ignore[no-any-return]


def _picked(volume: Tensor, places: Sequence[np.ndarray]) -> Tensor:
    """Elements at positions of shape (N, ...) along each axis, for every channel; 0 outside."""
    extents = volume.shape[2:]
    flat, inside = np.zeros_like(places[0]), np.ones(places[0].shape, dtype=bool)
    for place, extent in zip(places, extents, strict=True):
        inside &= (place >= 0) & (place < extent)
        flat = flat * extent + np.clip(place, 0, extent - 1)
    batch, channels = volume.shape[:2]
    shape = (batch, channels, *flat.shape[1:])
    rows = xp.reshape(volume, shape=(batch, channels, math.prod(extents)))
    table = np.broadcast_to(flat.reshape(batch, 1, -1), (batch, channels, flat[0].size))
    found = xp.reshape(xp.take_along_axis(rows, constant(table.copy()), axis=2), shape=shape)
    if inside.all():
        return found  # type: ignore[no-any-return]
    return xp.where(constant(np.broadcast_to(inside[:, None], shape).copy()), found, 0)  # type: ignore[no-any-return]
