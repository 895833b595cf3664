"""Products with sums: general dot products, ragged ones, and convolutions."""

from __future__ import annotations

import string
from collections.abc import Mapping

import numpy as np

from oracle.lift.jax_call import Call, Lowering, NotLoweredError
from oracle.lift.jax_shaping import reshaped, taken_or
from oracle.lift.jax_window_places import window_places
from reference_engine.trace import Tensor, xp


def _dot_general(call: Call) -> Tensor:
    """Batch axes first, then the free axes of the left side, then those of the right."""
    x, y = call.tensors
    if x.ndim == 0 and y.ndim == 0:
        return x * y
    (left, right), (left_batch, right_batch) = call.params["dimension_numbers"]
    if not left_batch and tuple(left) == (x.ndim - 1,) and tuple(right) == (0,) and y.ndim <= 2:
        return x @ y
    names = iter(string.ascii_letters)
    shared = [next(names) for _ in left_batch]
    summed = [next(names) for _ in left]
    of_x = dict(zip((*left_batch, *left), shared + summed, strict=True))
    of_y = dict(zip((*right_batch, *right), shared + summed, strict=True))
    free_x = [next(names) for i in range(x.ndim) if i not in of_x]
    free_y = [next(names) for i in range(y.ndim) if i not in of_y]
    spare_x, spare_y = iter(free_x), iter(free_y)
    term_x = "".join(of_x.get(i) or next(spare_x) for i in range(x.ndim))
    term_y = "".join(of_y.get(i) or next(spare_y) for i in range(y.ndim))
    return xp.einsum(f"{term_x},{term_y}->{''.join(shared + free_x + free_y)}", [x, y])  # type: ignore[no-any-return]


def _ragged_dot(call: Call) -> Tensor:
    """Rows of the left side in groups, each group times its own matrix of the right side."""
    d = call.params["ragged_dot_dimension_numbers"]
    plain = (((1,), (1,)), ((), ()))
    found = tuple(tuple(tuple(axes) for axes in pair) for pair in d.dot_dimension_numbers)
    if found != plain or tuple(d.lhs_ragged_dimensions) != (0,) or tuple(d.rhs_group_dimensions) != (0,):
        msg = "only rows of a matrix in groups are lifted; write the product group by group"
        raise NotLoweredError(msg)
    x, y, sizes = call.tensors[0], call.tensors[1], call.array(2)
    parts = []
    start = 0
    for k, size in enumerate(sizes.tolist()):
        if size:
            parts.append(x[start : start + size] @ y[k])
        start += size
    if start < x.shape[0]:  # rows that are in no group
        parts.append(xp.constant(np.zeros((x.shape[0] - start, y.shape[-1]))))
    return parts[0] if len(parts) == 1 else xp.concatenate(parts, axis=0)


def _convolution(call: Call) -> Tensor:
    """Windows gathered once, then one product: groups of channels or of the batch are axes of their own."""
    p = call.params
    d = p["dimension_numbers"]
    groups, parts = p["feature_group_count"], p["batch_group_count"]
    x = _ordered(call.inputs[0].tensor, d.lhs_spec)
    w = _ordered(call.inputs[1].tensor, d.rhs_spec)
    batch, channels, *extents = x.shape
    outputs, fan, *kernel = w.shape
    places, counts = window_places(
        extents, kernel, p["window_strides"], p["padding"], p["lhs_dilation"], p["rhs_dilation"]
    )
    area, length = int(np.prod(extents)), int(np.prod(kernel))
    whole = np.arange(batch * channels).reshape(batch, channels, 1, 1) * area + places
    whole = np.where(places < 0, -1, whole)
    patches = taken_or(x, whole, xp.constant(0.0))
    if parts == 1:
        shape = (batch, groups, channels // groups, int(np.prod(counts)), length)
        kernels = reshaped(w, (groups, outputs // groups, fan, length))
        out = xp.einsum("ngcpk,gock->ngop", [reshaped(patches, shape), kernels])
    else:
        shape = (parts, batch // parts, channels, int(np.prod(counts)), length)
        kernels = reshaped(w, (parts, outputs // parts, fan, length))
        out = xp.einsum("bncpk,bock->nbop", [reshaped(patches, shape), kernels])
    ordered = reshaped(out, (batch // parts, outputs, *counts))
    return _ordered(ordered, tuple(int(i) for i in np.argsort(d.out_spec)))


def _ordered(x: Tensor, axes: tuple[int, ...]) -> Tensor:
    return x if tuple(axes) == tuple(range(x.ndim)) else xp.transpose(x, axes=tuple(axes))


PRODUCTS: Mapping[str, Lowering] = {
    "dot_general": _dot_general,
    "ragged_dot_general": _ragged_dot,
    "conv_general_dilated": _convolution,
}
