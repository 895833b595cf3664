"""Every form of indexing as flat positions and one gather."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from reference_engine.composites.shapes import positions, rearranged
from reference_engine.operations import composite
from reference_engine.primitives.define import normalize_axis
from reference_engine.program import Attr, FrozenArray, ProgramError
from reference_engine.trace import Tensor, broadcast, constant, xp


def _plain_key(x: Tensor, key: tuple[Attr, ...], count: int) -> list[Any]:
    """The entries as a numpy key, with ``("tensor", k)`` left in place and the ellipsis filled in."""
    used = sum(1 for entry in key if entry[0] in {"slice", "at", "tensor"})
    if used > x.ndim:
        msg = f"too many indices: {used} for {x.ndim} dimensions"
        raise ProgramError(msg)
    out: list[Any] = []
    for entry in key:
        match entry[0]:
            case "slice":
                out.append(slice(*entry[1:]))
            case "at":
                out.append(entry[1])
            case "newaxis":
                out.append(None)
            case "ellipsis":
                out += [slice(None)] * (x.ndim - used)
            case _:
                out.append(entry)
    if not any(entry[0] == "ellipsis" for entry in key):
        out += [slice(None)] * (x.ndim - used)
    return out


def known(tensor: Tensor) -> Any:
    """The value of a constant integer tensor, else None."""
    node = tensor.builder.nodes[tensor.index]
    if node.op != "constant":
        return None
    value = node.attr("value")
    return value.value if isinstance(value, FrozenArray) else np.asarray(value)


@composite("indexing", call={"x": "N ...", "indices": "k index:N once", "key": ((("tensor", 0),),)})
def getitem(x: Tensor, indices: Sequence[Tensor], key: tuple[Attr, ...]) -> Tensor:
    """Definition: x[key] with integers, slices, None, ... and integer tensors, by numpy's rules.

    Derivative: linear: cotangents of repeated places add up.
    Where it is not differentiable: nowhere.
    Conventions: negative positions count from the end.
    """
    entries = _plain_key(x, key, len(indices))
    for t in indices:
        if t.kind != "int":
            msg = f"an index must be an integer tensor, found {t.type}"
            raise ProgramError(msg)
    values = [known(t) for t in indices]
    static = [values[e[1]] if isinstance(e, tuple) else e for e in entries]
    try:
        if all(v is not None for v in values):
            return rearranged(x, positions(x.shape)[tuple(static)])
        return _dynamic(x, indices, entries)
    except IndexError as error:
        msg = f"index does not fit shape {x.shape}: {error}"
        raise ProgramError(msg) from None


def _dynamic(x: Tensor, indices: Sequence[Tensor], entries: Sequence[Any]) -> Tensor:
    """Positions that depend on integer inputs: the slices fix a base, each index adds its stride."""
    axes: list[int] = []
    axis = 0
    for entry in entries:
        if isinstance(entry, tuple):
            axes.append(axis)
        if entry is not None:
            axis += 1
    zero = np.zeros(np.broadcast_shapes(*(t.shape for t in indices)), dtype=np.int64)
    base = positions(x.shape)[tuple(zero if isinstance(e, tuple) else e for e in entries)]
    places = constant(np.array(base))
    leading = _index_axes(entries, zero.ndim)
    strides = np.cumprod((1, *x.shape[:0:-1]))[::-1]
    for t, a in zip((indices[e[1]] for e in entries if isinstance(e, tuple)), axes, strict=True):
        extent = x.shape[a]
        wrapped = xp.where(t < 0, t + extent, t)
        offset = broadcast(wrapped, zero.shape) if wrapped.shape != zero.shape else wrapped
        after = len(base.shape) - leading - zero.ndim
        offset = xp.reshape(offset, shape=(1,) * leading + zero.shape + (1,) * after)
        places = places + offset * int(strides[a])
    return xp.gather(x, places)  # type: ignore[no-any-return]


def _index_axes(entries: Sequence[Any], rank: int) -> int:
    """How many result axes come before those of the index tensors, by numpy's rule."""
    advanced = [i for i, e in enumerate(entries) if isinstance(e, (tuple, int)) and not isinstance(e, bool)]
    adjacent = advanced == list(range(advanced[0], advanced[0] + len(advanced)))
    if not adjacent:
        return 0
    return sum(1 for e in entries[: advanced[0]] if e is None or isinstance(e, slice))


@composite(
    "indexing",
    call=(
        {"x": "n ...", "indices": "k index:n", "axis": (0,)},
        {"x": "... n", "indices": "k index:n", "axis": (-1,)},
    ),
)
def take(x: Tensor, indices: Tensor, axis: int = 0) -> Tensor:
    """Definition: slices of x at integer positions along an axis.

    Derivative: linear: cotangents of repeated positions add up.
    Where it is not differentiable: nowhere.
    Conventions: negative positions count from the end.
    """
    axis = normalize_axis("take", axis, x.ndim)
    return x[(slice(None),) * axis + (indices,)]


@composite(
    "indexing",
    call=(
        {"x": "n k", "indices": "n j index:k", "axis": (-1,)},
        {"x": "n k", "indices": "j k index:n", "axis": (0,)},
    ),
)
def take_along_axis(x: Tensor, indices: Tensor, axis: int = -1) -> Tensor:
    """Definition: for each place of indices the element of x there with the position along one axis replaced.

    Derivative: linear: cotangents of repeated positions add up.
    Where it is not differentiable: nowhere.
    Conventions: negative positions count from the end.
    """
    axis = normalize_axis("take_along_axis", axis, x.ndim)
    if indices.ndim != x.ndim:
        msg = f"take_along_axis: ranks differ: {x.shape} and {indices.shape}"
        raise ProgramError(msg)
    grids = np.meshgrid(*(np.arange(n) for n in indices.shape), indexing="ij")
    key: list[Any] = [constant(g) for g in grids]
    key[axis] = indices
    return x[tuple(key)]


@composite("indexing", call={"x": "n ...", "indices": "k index:n", "updates": "k ...", "axis": (0,)})
def scatter_add(x: Tensor, indices: Tensor, updates: Tensor, axis: int = 0) -> Tensor:
    """Definition: x with slices of updates added at integer positions along an axis; repeated positions add
    up.

    Derivative: 1 for x; each update gets the cotangent of the place it was added to.
    Where it is not differentiable: nowhere.
    Conventions: negative positions count from the end.
    """
    axis = normalize_axis("scatter_add", axis, x.ndim)
    places = xp.where(indices < 0, indices + x.shape[axis], indices)
    moved = xp.moveaxis(xp.astype(x, dtype="float64") if x.kind != "real" else x, source=axis, destination=0)
    rest = moved.shape[1:]
    stride = int(np.prod(rest, dtype=np.int64))
    flat = xp.reshape(places, shape=(*places.shape, *(1,) * len(rest))) * stride + constant(positions(rest))
    source = xp.moveaxis(updates, source=axis, destination=0) if indices.ndim == 1 else updates
    if source.shape != flat.shape:
        msg = (
            f"scatter_add: updates {updates.shape} do not fit {indices.shape} positions along axis {axis} "
            f"of {x.shape}"
        )
        raise ProgramError(msg)
    added = moved + xp.place(source, flat, shape=moved.shape)
    return xp.moveaxis(added, source=0, destination=axis)  # type: ignore[no-any-return]


@composite("indexing", call={"indices": "... class:n", "weight": "n k"})
def embedding(indices: Tensor, weight: Tensor) -> Tensor:
    """Definition: rows of weight at integer positions.

    Derivative: linear in weight: cotangents of repeated rows add up.
    Where it is not differentiable: nowhere.
    Conventions: none needed.
    """
    return xp.take(weight, indices, axis=0)  # type: ignore[no-any-return]
