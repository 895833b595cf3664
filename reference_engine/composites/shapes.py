"""Changes of shape and place, as gathers with positions computed once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from reference_engine.operations import composite
from reference_engine.primitives.arithmetic import convert_dtype
from reference_engine.primitives.define import normalize_axes, normalize_axis
from reference_engine.program import ProgramError
from reference_engine.trace import Tensor, broadcast, constant, xp


def positions(shape: tuple[int, ...]) -> np.ndarray:
    """The flat row-major position of each element."""
    return np.arange(int(np.prod(shape, dtype=np.int64)), dtype=np.int64).reshape(shape)


def rearranged(x: Tensor, places: np.ndarray) -> Tensor:
    """The elements of ``x`` at fixed flat positions."""
    return xp.gather(x, constant(np.array(places)))  # type: ignore[no-any-return]


@composite("shaping", call={"x": "...", "axis": (0, -1)})
def expand_dims(x: Tensor, axis: int = 0) -> Tensor:
    """Definition: a new axis of extent 1.

    Derivative: linear: itself.
    Where it is not differentiable: nowhere.
    Conventions: none needed.
    """
    axis = normalize_axis("expand_dims", axis, x.ndim + 1)
    return xp.reshape(x, shape=(*x.shape[:axis], 1, *x.shape[axis:]))  # type: ignore[no-any-return]


@composite(
    "shaping",
    call=(
        {"x": "1 ...", "axis": (0,)},
        {"x": "... 1", "axis": (-1,)},
    ),
)
def squeeze(x: Tensor, axis: int | tuple[int, ...]) -> Tensor:
    """Definition: axes of extent 1 removed.

    Derivative: linear: itself.
    Where it is not differentiable: nowhere.
    Conventions: none needed.
    """
    axes = normalize_axes("squeeze", axis, x.ndim)
    if any(x.shape[a] != 1 for a in axes):
        msg = f"squeeze: axes {axes} of shape {x.shape} must have extent 1"
        raise ProgramError(msg)
    return xp.reshape(x, shape=tuple(n for i, n in enumerate(x.shape) if i not in axes))  # type: ignore[no-any-return]


@composite("shaping", call={"x": "... n k"})
def matrix_transpose(x: Tensor) -> Tensor:
    """Definition: the last two axes exchanged.

    Derivative: linear: itself.
    Where it is not differentiable: nowhere.
    Conventions: none needed.
    """
    if x.ndim < 2:
        msg = f"matrix_transpose needs at least 2 dimensions, found shape {x.shape}"
        raise ProgramError(msg)
    return xp.transpose(x, axes=(*range(x.ndim - 2), x.ndim - 1, x.ndim - 2))  # type: ignore[no-any-return]


@composite("shaping", call={"x": "... n k", "source": (0, -1), "destination": (-1, 0)})
def moveaxis(x: Tensor, source: int, destination: int) -> Tensor:
    """Definition: one axis moved to another place.

    Derivative: linear: itself.
    Where it is not differentiable: nowhere.
    Conventions: none needed.
    """
    source = normalize_axis("moveaxis", source, x.ndim)
    destination = normalize_axis("moveaxis", destination, x.ndim)
    order = [i for i in range(x.ndim) if i != source]
    order.insert(destination, source)
    return xp.transpose(x, axes=tuple(order))  # type: ignore[no-any-return]


@composite("shaping")
def flip(x: Tensor, axis: int | tuple[int, ...] | None = None) -> Tensor:
    """Definition: the order of elements reversed along axes.

    Derivative: linear: itself.
    Where it is not differentiable: nowhere.
    Conventions: none needed.
    """
    return rearranged(x, np.flip(positions(x.shape), normalize_axes("flip", axis, x.ndim)))


@composite("shaping", call={"x": "... n", "shift": (1, -1, 2)})
def roll(x: Tensor, shift: int | tuple[int, ...], axis: int | tuple[int, ...] | None = None) -> Tensor:
    """Definition: elements shifted along axes, those pushed out coming back in; flattened if no axis is
    given.

    Derivative: linear: the opposite roll.
    Where it is not differentiable: nowhere.
    Conventions: none needed.
    """
    return rearranged(x, np.roll(positions(x.shape), shift, axis))


@composite("shaping", call={"x": "...", "repeats": (2, 1, 3)})
def repeat(x: Tensor, repeats: int, axis: int | None = None) -> Tensor:
    """Definition: each element repeated along an axis; flattened if none is given.

    Derivative: linear: the cotangents of the copies add up.
    Where it is not differentiable: nowhere.
    Conventions: none needed.
    """
    return rearranged(x, np.repeat(positions(x.shape), repeats, axis))


@composite(
    "shaping", call={"x": "...", "repetitions": lambda shapes: ((2,) * len(shapes["x"]), (2,), (1, 2))}
)
def tile(x: Tensor, repetitions: tuple[int, ...]) -> Tensor:
    """Definition: the whole tensor repeated along each axis.

    Derivative: linear: the cotangents of the copies add up.
    Where it is not differentiable: nowhere.
    Conventions: none needed.
    """
    return rearranged(x, np.tile(positions(x.shape), repetitions))


@composite("shaping", call={"arrays": "...", "axis": (0, -1)})
def stack(arrays: Sequence[Tensor], axis: int = 0) -> Tensor:
    """Definition: tensors of one shape joined along a new axis.

    Derivative: linear: each slice of the cotangent goes to its tensor.
    Where it is not differentiable: nowhere.
    Conventions: none needed.
    """
    shape = arrays[0].shape if arrays else ()
    if any(a.shape != shape for a in arrays):
        msg = f"stack: shapes differ: {', '.join(str(a.shape) for a in arrays)}"
        raise ProgramError(msg)
    if any(a.kind == "real" for a in arrays):
        arrays = [xp.astype(a, dtype="float64") if a.kind != "real" else a for a in arrays]
    return xp.concatenate([xp.expand_dims(a, axis=axis) for a in arrays], axis=axis)  # type: ignore[no-any-return]


@composite(
    "shaping",
    call={
        "x": "... n",
        "sections": lambda shapes: [k for k in (2, 3, 5, 1) if shapes["x"][-1] % k == 0],
        "axis": (-1,),
    },
)
def split(x: Tensor, sections: int, axis: int = 0) -> tuple[Tensor, ...]:
    """Definition: equal parts along an axis.

    Derivative: linear: the cotangents joined.
    Where it is not differentiable: nowhere.
    Conventions: none needed.
    """
    axis = normalize_axis("split", axis, x.ndim)
    if sections < 1 or x.shape[axis] % sections:
        msg = f"split: extent {x.shape[axis]} of axis {axis} has no {sections} equal parts"
        raise ProgramError(msg)
    return tuple(rearranged(x, part) for part in np.split(positions(x.shape), sections, axis))


@composite(
    "shaping",
    call={
        "x": "...",
        "pad_width": lambda shapes: [((a, b),) * len(shapes["x"]) for a, b in ((1, 0), (0, 1), (2, 1))],
        "value": (0.0, 1.0),
    },
)
def pad(x: Tensor, pad_width: tuple[tuple[int, int], ...], value: float = 0.0) -> Tensor:
    """Definition: a border of a constant around the tensor; one (before, after) pair an axis.

    Derivative: linear: the cotangent without the border.
    Where it is not differentiable: nowhere.
    Conventions: none needed.
    """
    if len(pad_width) != x.ndim or any(len(p) != 2 for p in pad_width):
        msg = f"pad: expected {x.ndim} pairs, found {pad_width!r}"
        raise ProgramError(msg)
    for axis, (before, after) in enumerate(pad_width):
        for width, at_end in ((before, False), (after, True)):
            if width:
                shape = (*x.shape[:axis], width, *x.shape[axis + 1 :])
                border = broadcast(constant(value, x.kind), shape)
                x = xp.concatenate([x, border] if at_end else [border, x], axis=axis)
    return x


def _triangle(x: Tensor, keep: np.ndarray) -> Tensor:
    mask = broadcast(constant(keep), x.shape)
    return xp.where(mask, x, constant(0, x.kind))  # type: ignore[no-any-return]


@composite("shaping", call={"x": "... n k", "k": (0, 1, -1)})
def tril(x: Tensor, k: int = 0) -> Tensor:
    """Definition: zero above the k-th diagonal of the last two axes.

    Derivative: linear: the same mask.
    Where it is not differentiable: nowhere.
    Conventions: none needed.
    """
    return _triangle(x, np.tril(np.ones(x.shape[-2:], dtype=bool), k))


@composite("shaping", call={"x": "... n k", "k": (0, 1, -1)})
def triu(x: Tensor, k: int = 0) -> Tensor:
    """Definition: zero below the k-th diagonal of the last two axes.

    Derivative: linear: the same mask.
    Where it is not differentiable: nowhere.
    Conventions: none needed.
    """
    return _triangle(x, np.triu(np.ones(x.shape[-2:], dtype=bool), k))


@composite("shaping", call={"x": "... n k", "offset": (0, 1, -1)})
def diagonal(x: Tensor, offset: int = 0) -> Tensor:
    """Definition: a diagonal of the last two axes.

    Derivative: linear: the cotangent on that diagonal.
    Where it is not differentiable: nowhere.
    Conventions: none needed.
    """
    return rearranged(x, np.diagonal(positions(x.shape), offset, -2, -1))


@composite("shaping")
def ones_like(x: Tensor) -> Tensor:
    """Definition: ones of the same shape.

    Derivative: 0.
    Where it is not differentiable: nowhere.
    Conventions: none needed.
    """
    return broadcast(constant(1, "real"), x.shape)


@composite("shaping")
def zeros_like(x: Tensor) -> Tensor:
    """Definition: zeros of the same shape.

    Derivative: 0.
    Where it is not differentiable: nowhere.
    Conventions: none needed.
    """
    return broadcast(constant(0, "real"), x.shape)


@composite(
    "arithmetic",
    call=(
        {"x": "...", "dtype": ("float32", "float64")},
        {"x": "... int", "dtype": ("float64",)},
        {"x": "... bool", "dtype": ("float64", "int64")},
    ),
)
def astype(x: Tensor, dtype: str) -> Tensor:
    """Definition: x in another dtype; float types differ by one rounding only.

    Derivative: 1 between float types, 0 to and from integers and booleans.
    Where it is not differentiable: truncation to integers jumps.
    Conventions: none needed.
    """
    return convert_dtype(x, dtype)
