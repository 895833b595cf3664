"""Reductions and running reductions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from oracle.lift.jax_call import Call, Lowering
from reference_engine.trace import Tensor, xp


def _along(name: str) -> Lowering:
    def lower(call: Call) -> Tensor:
        axes = tuple(call.params["axes"])
        return getattr(xp, name)(call.tensor, axis=axes) if axes else call.tensor

    return lower


def _all(f: Callable[[Tensor, Tensor], Tensor], neutral: bool) -> Lowering:
    """Conditions joined as a tree over halves."""

    def lower(call: Call) -> Tensor:
        axes = tuple(call.params["axes"])
        kept = [i for i in range(len(call.inputs[0].shape)) if i not in axes]
        x = xp.transpose(call.tensor, axes=(*kept, *axes))
        rows = xp.reshape(x, shape=(*call.shape, int(np.prod([call.inputs[0].shape[a] for a in axes]))))
        if rows.shape[-1] == 0:
            return xp.broadcast_to(xp.constant(neutral), shape=call.shape)  # type: ignore[no-any-return]
        while rows.shape[-1] > 1:
            half = rows.shape[-1] // 2
            pairs = f(rows[..., :half], rows[..., half : 2 * half])
            odd = rows.shape[-1] > 2 * half
            rows = xp.concatenate([pairs, rows[..., 2 * half :]], axis=-1) if odd else pairs
        last: Tensor = rows[..., 0]
        return last

    return lower


def _running(f: Callable[..., Tensor]) -> Lowering:
    def lower(call: Call) -> Tensor:
        axis = call.params["axis"]
        if not call.params["reverse"]:
            return f(call.tensor, axis=axis)
        return xp.flip(f(xp.flip(call.tensor, axis=axis), axis=axis), axis=axis)  # type: ignore[no-any-return]

    return lower


def _running_minimum(x: Tensor, axis: int) -> Tensor:
    return -first(xp.cummax(-x, axis=axis))


def first(result: Any) -> Tensor:
    """The result, or the first of several."""
    return result[0] if isinstance(result, tuple) else result  # type: ignore[no-any-return]


REDUCTIONS: Mapping[str, Lowering] = {
    "reduce_sum": _along("sum"),
    "reduce_max": _along("max"),
    "reduce_min": _along("min"),
    "reduce_prod": _along("prod"),
    "reduce_and": _all(xp.logical_and, True),
    "reduce_or": _all(xp.logical_or, False),
    "reduce_xor": _all(xp.logical_xor, False),
    "cumsum": _running(xp.cumsum),
    "cumprod": _running(xp.cumprod),
    "cummax": _running(lambda x, axis: first(xp.cummax(x, axis=axis))),
    "cummin": _running(_running_minimum),
    "cumlogsumexp": _running(xp.logcumsumexp),
}
