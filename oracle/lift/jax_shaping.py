"""Primitives that move elements by a rule that their parameters fix."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from oracle.lift.jax_call import Call, Lowering
from oracle.lift.program import Array
from reference_engine.composites.shapes import positions
from reference_engine.trace import Tensor, xp


def taken(x: Tensor, places: Array) -> Tensor:
    """The elements of ``x`` at flat row-major positions, in the shape of ``places``."""
    flat = x if x.ndim == 1 else xp.reshape(x, shape=(-1 if x.size else 0,))
    return xp.take(flat, xp.constant(places.astype(np.int64)), axis=0)  # type: ignore[no-any-return]


def joined(tensors: list[Tensor]) -> Tensor:
    """All elements in one row, of the kind that the first has."""
    rows = [xp.reshape(t, shape=(t.size,)) for t in tensors]
    return rows[0] if len(rows) == 1 else xp.concatenate(rows, axis=0)  # type: ignore[no-any-return]


def taken_or(x: Tensor, places: Array, filling: Tensor) -> Tensor:
    """As :func:`taken`, with ``filling`` (0-d) where a position is negative."""
    if not (places < 0).any():
        return taken(x, places)
    return taken(joined([x, filling]), np.where(places < 0, x.size, places))


def reshaped(x: Tensor, shape: tuple[int, ...]) -> Tensor:
    """``x`` in another shape, itself where it has that shape."""
    return x if x.shape == shape else xp.reshape(x, shape=shape)


def _reshape(call: Call) -> Tensor:
    order = call.params.get("dimensions")
    x = call.tensor if order is None else xp.transpose(call.tensor, axes=tuple(order))
    return reshaped(x, call.shape)


def _transpose(call: Call) -> Tensor:
    return xp.transpose(call.tensor, axes=tuple(call.params["permutation"]))  # type: ignore[no-any-return]


def _broadcast(call: Call) -> Tensor:
    """Each axis of the operand goes to the one named; the others are new."""
    shape, axes = call.shape, call.params["broadcast_dimensions"]
    own = call.inputs[0].shape
    kept = [1] * len(shape)
    for axis, extent in zip(axes, own, strict=True):
        kept[axis] = extent
    x = call.tensor
    trailing = tuple(axes) == tuple(range(len(shape) - len(own), len(shape)))
    x = x if trailing else reshaped(x, tuple(kept))
    return x if x.shape == shape else xp.broadcast_to(x, shape=shape)


def _slice(call: Call) -> Tensor:
    start, stop = call.params["start_indices"], call.params["limit_indices"]
    steps = call.params["strides"] or (1,) * len(start)
    return call.tensor[tuple(slice(a, b, s) for a, b, s in zip(start, stop, steps, strict=True))]


def _split(call: Call) -> list[Tensor]:
    axis, start, parts = call.params["axis"], 0, []
    for size in call.params["sizes"]:
        parts.append(call.tensor[(slice(None),) * axis + (slice(start, start + size),)])
        start += size
    return parts


def _unstack(call: Call) -> list[Tensor]:
    axis = call.params["axis"]
    return [
        reshaped(call.tensor[(slice(None),) * axis + (k,)], tuple(a.shape))
        for k, a in enumerate(call.outputs)
    ]


def _tile(call: Call) -> Tensor:
    return xp.tile(call.tensor, repetitions=tuple(call.params["reps"]))  # type: ignore[no-any-return]


def _pad(call: Call) -> Tensor:
    """Borders, gaps between elements, and borders of negative width, which cut."""
    operand, filling = call.inputs
    places = positions(operand.shape)
    for axis, (low, high, gap) in enumerate(call.params["padding_config"]):
        extent = places.shape[axis]
        stretched = max(extent + gap * (extent - 1), 0)
        spread = np.full((*places.shape[:axis], stretched, *places.shape[axis + 1 :]), -1)
        spread[(slice(None),) * axis + (slice(None, None, gap + 1),)] = places
        widths = [(0, 0)] * places.ndim
        widths[axis] = (max(low, 0), max(high, 0))
        spread = np.pad(spread, widths, constant_values=-1)
        stop = spread.shape[axis] - max(-high, 0)
        places = spread[(slice(None),) * axis + (slice(max(-low, 0), stop),)]
    return taken_or(operand.tensor, places, filling.tensor)


def _concatenate(call: Call) -> Tensor:
    return xp.concatenate(call.tensors, axis=call.params["dimension"])  # type: ignore[no-any-return]


SHAPING: Mapping[str, Lowering] = {
    "reshape": _reshape,
    "transpose": _transpose,
    "squeeze": lambda call: reshaped(call.tensor, call.shape),
    "expand_dims": lambda call: reshaped(call.tensor, call.shape),
    "broadcast_in_dim": _broadcast,
    "slice": _slice,
    "rev": lambda call: xp.flip(call.tensor, axis=tuple(call.params["dimensions"])),
    "concatenate": _concatenate,
    "stack": lambda call: xp.stack(call.tensors, axis=call.params["axis"]),
    "split": _split,
    "unstack": _unstack,
    "tile": _tile,
    "pad": _pad,
}
