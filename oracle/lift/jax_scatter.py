"""Scatters: each update has one place, found by gathering positions with the scatter's own indices."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from jax import lax

from oracle.lift.jax_call import Call, Lowering, NotLoweredError
from oracle.lift.jax_indexing import traced_places
from oracle.lift.jax_shaping import joined, reshaped, taken
from oracle.lift.program import Array
from reference_engine.composites.shapes import positions
from reference_engine.trace import Tensor, xp


def destinations(call: Call) -> Array:
    """For each update the flat place in the operand that it goes to, -1 for those that are dropped.

    The gather that undoes the scatter has the same dimension numbers (XLA's semantics of both operations).
    """
    operand, indices, updates = call.inputs
    d = call.params["dimension_numbers"]
    single = (*d.inserted_window_dims, *d.operand_batching_dims)
    windows = iter(d.update_window_dims)
    sizes = [1 if axis in single else updates.shape[next(windows)] for axis in range(len(operand.shape))]
    numbers = lax.GatherDimensionNumbers(
        offset_dims=d.update_window_dims,
        collapsed_slice_dims=d.inserted_window_dims,
        start_index_map=d.scatter_dims_to_operand_dims,
        operand_batching_dims=d.operand_batching_dims,
        start_indices_batching_dims=d.scatter_indices_batching_dims,
    )

    # Promised to be in bounds and is not: XLA clamps it in a gather and drops the update in a scatter.
    promised = call.params["mode"] == lax.GatherScatterMode.PROMISE_IN_BOUNDS
    mode = lax.GatherScatterMode.FILL_OR_DROP if promised else call.params["mode"]

    def move(x: Any) -> Any:
        return lax.gather(x, indices.concrete, numbers, tuple(sizes), mode=mode, fill_value=-1)

    return traced_places(operand.shape, move)


def _replace(call: Call) -> Tensor:
    """Updates in the places of the operand's elements; where several meet, the last one stays."""
    body = call.params["update_jaxpr"]
    if body is not None and (body.eqns or body.outvars[0] is not body.invars[1]):
        msg = "a scatter that applies a function is not lifted; write x.at[i].set(f(x[i]))"
        raise NotLoweredError(msg)
    operand, _, updates = call.inputs
    found = destinations(call).ravel()
    places = positions(operand.shape).ravel()
    for k in np.flatnonzero(found >= 0):  # in order, as XLA does it on a CPU
        places[found[k]] = places.size + k
    return taken(joined([operand.tensor, updates.tensor]), places.reshape(operand.shape))


def _add(call: Call) -> Tensor:
    operand, _, updates = call.inputs
    return added(operand.tensor, destinations(call), joined([updates.tensor]))


def _subtract(call: Call) -> Tensor:
    operand, _, updates = call.inputs
    return added(operand.tensor, destinations(call), joined([-updates.tensor]))


def added(x: Tensor, places: Array, updates: Tensor) -> Tensor:
    """``updates``, a row, added to the elements of ``x`` at flat places; negative places are dropped."""
    found = places.ravel()
    kept = np.flatnonzero(found >= 0)
    if kept.size == 0:
        return x
    chosen = updates if kept.size == found.size else taken(updates, kept)
    whole = xp.scatter_add(joined([x]), xp.constant(found[kept]), chosen, axis=0)
    return reshaped(whole, x.shape)


def _combined(f: Callable[[Tensor, Tensor], Tensor]) -> Lowering:
    """Updates combined with the elements they meet, one at a time where several meet the same."""

    def lower(call: Call) -> Tensor:
        operand, _, updates = call.inputs
        found = destinations(call).ravel()
        row, new = joined([operand.tensor]), joined([updates.tensor])
        rounds: list[list[int]] = []
        seen: dict[int, int] = {}
        for k in np.flatnonzero(found >= 0).tolist():
            turn = seen[found[k]] = seen.get(found[k], -1) + 1
            if turn == len(rounds):
                rounds.append([])
            rounds[turn].append(k)
        for members in rounds:
            touched = found[members]
            result = f(taken(row, touched), taken(new, np.asarray(members)))
            places = np.arange(row.size)
            places[touched] = row.size + np.arange(len(members))
            row = taken(joined([row, result]), places)
        return reshaped(row, operand.shape)

    return lower


SCATTER: Mapping[str, Lowering] = {
    "scatter": _replace,
    "scatter-add": _add,
    "scatter-sub": _subtract,
    "scatter-mul": _combined(lambda old, new: old * new),
    "scatter-min": _combined(xp.minimum),
    "scatter-max": _combined(xp.maximum),
}
