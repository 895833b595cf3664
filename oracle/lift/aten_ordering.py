"""ATen's sorting and selection by rank. Positions are those of the recorded run."""

from __future__ import annotations

from typing import Any

import numpy as np

from oracle.lift.aten import Call, axes, lowers
from oracle.lift.torch_memory import exact
from reference_engine.trace import Tensor, constant, xp


@lowers("sort")
def _sort(call: Call) -> Any:
    x = call["self"]
    if not x.ndim:
        return [x, None]
    return [xp.sort(x, axis=call["dim"], descending=call["descending"]), None]


@lowers("topk")
def _topk(call: Call) -> Any:
    """The recorded order among the chosen: ``sorted=False`` promises none."""
    x = call["self"]
    if not x.ndim:
        return [x, None]
    if not call["sorted"] or not call["k"]:
        return [_at(x, call.results[1], call["dim"]), None]
    ordered = xp.sort(x, axis=call["dim"], descending=call["largest"])
    key = (slice(None),) * (call["dim"] % x.ndim) + (slice(0, call["k"]),)
    return [ordered[key], None]


def _at(x: Tensor, places: Any, dim: int) -> Tensor:
    return xp.take_along_axis(x, constant(exact(places)), axis=dim)  # type: ignore[no-any-return]


@lowers("kthvalue")
def _kthvalue(call: Call) -> Any:
    x, dim = call["self"], call["dim"]
    if not x.ndim:
        return [x, None]
    rank = call["k"] - 1
    key = (slice(None),) * (dim % x.ndim) + ((slice(rank, rank + 1) if call["keepdim"] else rank),)
    return [xp.sort(x, axis=dim)[key], None]


@lowers("median.default")
def _median(call: Call) -> Any:
    return xp.median(call["self"])


@lowers("median.dim", "median.dim_values")
def _median_dim(call: Call) -> Any:
    x = call["self"]
    if not x.ndim:
        return [x, None]
    return [xp.median(x, axis=call["dim"], keepdims=call["keepdim"]), None]


@lowers("nanmedian.default")
def _nanmedian(call: Call) -> Any:
    if np.isnan(exact(call.raw["self"])).any():
        return _equal_to_result(call)
    return xp.median(call["self"])


def _equal_to_result(call: Call) -> Any:
    flat = exact(call.raw["self"]).reshape(-1)
    place = int(np.flatnonzero(flat == exact(call.results[0]))[0])
    return xp.reshape(call["self"], shape=(flat.size,))[place]


@lowers("nanmedian.dim", "nanmedian.dim_values", "mode")
def _by_places(call: Call) -> Any:
    """The element at the recorded position."""
    x, dim = call["self"], call["dim"]
    if not x.ndim:
        return [x, None]
    places = call.results[1] if call["keepdim"] else call.results[1].unsqueeze(dim)
    found = _at(x, places, dim)
    return [found if call["keepdim"] else xp.squeeze(found, axis=axes(dim, x.ndim)), None]
