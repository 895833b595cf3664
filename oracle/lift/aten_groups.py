"""ATen's reductions by index: each place of the result reduces the elements that are sent to it."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import torch

from oracle.lift.aten import Call, NoLoweringError, lowers
from oracle.lift.torch_memory import exact, flattened
from reference_engine.trace import Tensor, constant, xp

NEUTRAL = {
    "sum": 0,
    "mean": 0,
    "prod": 1,
    "amax": float("-inf"),
    "amin": float("inf"),
    "max": float("-inf"),
    "min": float("inf"),
}


def grouped(symbol: Tensor, groups: list[list[int]], how: str) -> Tensor:
    """One reduction of elements for each group of row-major positions; of none it is the neutral element."""
    longest = max((len(g) for g in groups), default=0) or 1
    table = np.full((len(groups), longest), -1, dtype=np.int64)
    for row, members in zip(table, groups, strict=True):
        row[: len(members)] = members
    found = xp.take(flattened(symbol), constant(np.maximum(table, 0)), axis=0)
    if (table < 0).any():
        found = xp.where(constant(table >= 0), found, constant(NEUTRAL[how]))
    match how:
        case "sum":
            return xp.sum(found, axis=1)  # type: ignore[no-any-return]
        case "mean":
            return xp.sum(found, axis=1) / constant(np.maximum((table >= 0).sum(axis=1), 1))  # type: ignore[no-any-return]
        case "prod":
            return xp.prod(found, axis=1)  # type: ignore[no-any-return]
        case "amax" | "max":
            return xp.max(found, axis=1)  # type: ignore[no-any-return]
        case "amin" | "min":
            return xp.min(found, axis=1)  # type: ignore[no-any-return]
        case _:
            raise NoLoweringError(how)


def _reduced(call: Call, source: Tensor, target: np.ndarray) -> Any:
    """``self`` with its elements replaced by the reductions of what ``target`` sends to them."""
    x, how = call["self"], call["reduce"]
    groups: list[list[int]] = [[i] if call["include_self"] else [] for i in range(x.size)]
    for k, place in enumerate(target.reshape(-1).tolist()):
        groups[place].append(x.size + k)
    for i, members in enumerate(groups):
        if not members:
            members.append(i)  # nothing is sent there: the element stays
    both = xp.concatenate([flattened(x), flattened(source)], axis=0)
    return xp.reshape(grouped(both, groups, how), shape=x.shape)


@lowers("scatter_reduce")
def _scatter_reduce(call: Call) -> Any:
    index, dim = call.raw["index"], call["dim"]
    shape = tuple(index.shape) or (1,)
    own = torch.arange(max(call.raw["self"].numel(), 1)).reshape(call.shape("self") or (1,))
    target = torch.gather(own, dim, index.reshape(shape)).numpy()
    part = np.arange(max(call.raw["src"].numel(), 1)).reshape(call.shape("src") or (1,))
    part = part[tuple(slice(0, n) for n in shape)]
    return _reduced(call, xp.take(flattened(call["src"]), constant(part.reshape(-1)), axis=0), target)


@lowers("index_reduce")
def _index_reduce(call: Call) -> Any:
    own = torch.arange(call.raw["self"].numel()).reshape(call.shape("self"))
    target = own.index_select(call["dim"], call.raw["index"]).numpy()
    return _reduced(call, call["source"], target)


@lowers("segment_reduce")
def _segment_reduce(call: Call) -> Any:
    """Runs of rows along an axis, given by their lengths or by where they begin, for each index before it."""
    x, how, axis = call["data"], call["reduce"], call["axis"]
    bounds = _bounds(call)
    outer = math.prod(x.shape[:axis])
    rows, width = x.shape[axis], math.prod(x.shape[axis + 1 :])
    groups = [
        [(k * rows + row) * width + column for row in range(begin, end)]
        for k, ends in zip(range(outer), bounds.reshape(outer, -1).tolist(), strict=True)
        for begin, end in itertools.pairwise(ends)
        for column in range(width)
    ]
    initial = call["initial"]
    found = _with_initial(x, groups, how, initial)
    return xp.reshape(found, shape=tuple(call.results[0].shape))


def _bounds(call: Call) -> np.ndarray:
    if call.raw["lengths"] is None:
        return exact(call.raw["offsets"])
    lengths = exact(call.raw["lengths"])
    return np.concatenate([np.zeros_like(lengths[..., :1]), np.cumsum(lengths, axis=-1)], axis=-1)


def _with_initial(x: Tensor, groups: list[list[int]], how: str, initial: float | None) -> Tensor:
    """Reductions that begin with a number; torch's mean of nothing is NaN, or that number."""
    if how == "mean":
        counts = [len(members) for members in groups]
        total = grouped(x, groups, "sum") + (0 if initial is None else initial)
        empty = np.nan if initial is None else initial
        mean = total / constant(np.maximum(counts, 1))
        return xp.where(constant(np.array(counts) > 0), mean, empty) if 0 in counts else mean
    if initial is None:
        return grouped(x, groups, how)
    both = xp.concatenate([flattened(x), constant(np.array([float(initial)]))], axis=0)
    return grouped(both, [[*members, x.size] for members in groups], how)
