"""Reductions of sliding windows, and what their derivatives are made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from oracle.lift.jax_call import Call, Lowering
from oracle.lift.jax_scatter import added
from oracle.lift.jax_shaping import joined, reshaped, taken, taken_or
from oracle.lift.jax_window_places import window_places
from oracle.lift.program import Array
from reference_engine.trace import Tensor, xp


def places_of(call: Call, shape: tuple[int, ...]) -> Array:
    """The positions that the windows of a primitive cover in an operand of this shape."""
    p = call.params
    none = (1,) * len(shape)
    return window_places(
        shape, p["window_dimensions"], p["window_strides"], p["padding"],
        p.get("base_dilation", none), p.get("window_dilation", none),
    )[0]  # fmt: skip


def _windows(reduce: Callable[..., Tensor], empty: float) -> Lowering:
    """A reduction of each window; what is outside of the operand is ``empty``."""

    def lower(call: Call) -> Tensor:
        places = places_of(call, call.inputs[0].shape)
        rows = taken_or(call.tensor, places, xp.constant(empty))
        return reshaped(reduce(rows, axis=-1), call.shape)

    return lower


def _chosen(call: Call, operand: Array) -> Array:
    """The position in each window of the element that the comparison ``select_prim`` prefers, the first of
    equal ones; -1 where a window has none.
    """
    largest = getattr(call.params["select_prim"], "name", call.params["select_prim"]) == "ge"
    worst = -np.inf if largest else np.inf
    places = places_of(call, operand.shape)
    found = np.where(places < 0, worst, operand.ravel()[np.maximum(places, 0)])
    # An infinite element must win over padding of the same value.
    inside = places >= 0
    best = found.max(axis=-1) if largest else found.min(axis=-1)
    first = np.argmax((found == best[:, None]) & inside, axis=-1)
    return np.asarray(np.take_along_axis(places, first[:, None], axis=-1)[:, 0])


def _select_and_scatter_add(call: Call) -> Tensor:
    """Each source element added where its window's choice is: what max pooling's VJP is."""
    source, operand = call.inputs
    zeros = xp.broadcast_to(xp.constant(0.0), shape=call.shape)
    return added(zeros, _chosen(call, operand.array), joined([source.tensor]))


def _select_and_gather_add(call: Call) -> Tensor:
    """The tangent at each window's choice: what max pooling's JVP is."""
    tangents, operand = call.inputs
    return reshaped(taken(tangents.tensor, _chosen(call, operand.array)), call.shape)


WINDOWS: Mapping[str, Lowering] = {
    "reduce_window_sum": _windows(xp.sum, 0.0),
    "reduce_window_max": _windows(xp.max, float("-inf")),
    "reduce_window_min": _windows(xp.min, float("inf")),
    "select_and_scatter_add": _select_and_scatter_add,
    "select_and_gather_add": _select_and_gather_add,
}
