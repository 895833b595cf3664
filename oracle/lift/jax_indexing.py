"""Primitives that move elements to or from positions known only when the function runs.

The primitive itself is run on the numbers 0, 1, 2, ... in place of the elements: what comes out says where
each element went, whatever the rules of its parameters are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import lax

from oracle.frameworks.jax_arrays import sixty_four_bits
from oracle.lift.complex_numbers import Symbol, each_part
from oracle.lift.jax_call import Call, Lowering
from oracle.lift.jax_shaping import joined, taken, taken_or
from oracle.lift.program import Array
from reference_engine.composites.shapes import positions
from reference_engine.trace import Tensor, xp


def traced_places(shape: tuple[int, ...], move: Any) -> Array:
    """Flat positions of the elements that ``move``, a JAX function of one array, puts into its result."""
    with sixty_four_bits():
        return np.asarray(move(jnp.asarray(positions(shape))))


def _gather(call: Call) -> Tensor:
    operand, indices = call.inputs
    p = call.params

    def move(x: Any) -> Any:
        return lax.gather(
            x, indices.concrete, p["dimension_numbers"], p["slice_sizes"], mode=p["mode"],
            unique_indices=p["unique_indices"], indices_are_sorted=p["indices_are_sorted"], fill_value=-1,
        )  # fmt: skip

    places = traced_places(operand.shape, move)
    if not (places < 0).any():
        return taken(operand.tensor, places)
    default = float("nan") if operand.is_real else 0
    filling = default if p["fill_value"] is None else p["fill_value"]
    return taken_or(operand.tensor, places, xp.constant(np.asarray(filling, dtype=_kind(operand))))


def _kind(value: Any) -> Any:
    return np.float64 if value.is_real else np.bool_ if value.is_bool else np.int64


def _starts(call: Call, first: int, extents: Sequence[int]) -> list[int]:
    """Where a slice begins; one that would not fit begins earlier (XLA's DynamicSlice)."""
    shape = call.inputs[0].shape
    given = [int(v.array) for v in call.inputs[first:]]
    return [min(max(s, 0), n - e) for s, n, e in zip(given, shape, extents, strict=True)]


def _dynamic_slice(call: Call) -> Tensor:
    extents = call.params["slice_sizes"]
    start = _starts(call, 1, extents)
    return call.tensor[tuple(slice(s, s + e) for s, e in zip(start, extents, strict=True))]


def _dynamic_update_slice(call: Call) -> Tensor:
    operand, update = call.inputs[:2]
    start = _starts(call, 2, update.shape)
    places = positions(operand.shape)
    key = tuple(slice(s, s + e) for s, e in zip(start, update.shape, strict=True))
    places[key] = places.size + positions(update.shape)
    return taken(joined([operand.tensor, update.tensor]), places)


def _sort(call: Call) -> list[Symbol | None]:
    """One real array is sorted; several, or complex numbers, go where the sort of the keys puts them, which
    is taken as it came out.
    """
    axis = call.params["dimension"]
    if len(call.inputs) == 1 and call.inputs[0].is_real:
        return [xp.sort(call.tensor, axis=axis)]
    shape = call.inputs[0].shape
    with sixty_four_bits():
        found = lax.sort(
            [*(v.concrete for v in call.inputs), jnp.asarray(positions(shape))],
            dimension=axis, is_stable=call.params["is_stable"], num_keys=call.params["num_keys"],
        )  # fmt: skip
    places = np.asarray(found[-1])
    moved = lambda part: taken(part, places)
    return [each_part(moved, v.symbol) if v.is_real or v.is_complex else None for v in call.inputs]


def _top(call: Call) -> list[Tensor | None]:
    axis = call.params["axis"]
    return [xp.topk(call.tensor, k=call.params["k"], axis=axis)[0], None]


def _approximate_top(call: Call) -> list[Tensor | None]:
    """The elements that were found: on a CPU the exact ones."""
    axis = call.params["reduction_dimension"]
    chosen = np.asarray(call.run([call.inputs[0].concrete])[1]).astype(np.int64)
    return [taken(call.tensor, np.take_along_axis(positions(call.inputs[0].shape), chosen, axis)), None]


def _constant(call: Call) -> list[Tensor | None]:
    """An integer that the run gave."""
    return [None] * len(call.outputs)


INDEXING: Mapping[str, Lowering] = {
    "gather": _gather,
    "dynamic_slice": _dynamic_slice,
    "dynamic_update_slice": _dynamic_update_slice,
    "sort": _sort,
    "top_k": _top,
    "approx_top_k": _approximate_top,
    "argmax": _constant,
    "argmin": _constant,
}
