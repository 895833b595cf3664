"""Reductions along axes, from sums, products of halves and the extremes of the last axis."""

from __future__ import annotations

import numpy as np

from reference_engine.operations import composite
from reference_engine.primitives.define import normalize_axes, normalize_axis
from reference_engine.program import ProgramError
from reference_engine.trace import Tensor, broadcast, constant, to_kind, xp

Axis = int | tuple[int, ...] | None


def real(x: Tensor) -> Tensor:
    """The tensor with real elements."""
    return x if x.kind == "real" else to_kind(x, "real")


def _keep(x: Tensor, original: tuple[int, ...], axes: tuple[int, ...], keepdims: bool) -> Tensor:
    if not keepdims:
        return x
    return xp.reshape(x, shape=tuple(1 if i in axes else n for i, n in enumerate(original)))  # type: ignore[no-any-return]


def axes_last(x: Tensor, axes: tuple[int, ...]) -> Tensor:
    """The reduced axes joined into one last axis."""
    kept = [i for i in range(x.ndim) if i not in axes]
    order = (*kept, *axes)
    moved = x if order == tuple(range(x.ndim)) else xp.transpose(x, axes=order)
    extent = int(np.prod([x.shape[a] for a in axes], dtype=np.int64))
    return xp.reshape(moved, shape=(*(x.shape[i] for i in kept), extent))  # type: ignore[no-any-return]


@composite("reduction")
def sum(x: Tensor, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Definition: the sum over axes, all by default.

    Derivative: 1 for every element.
    Where it is not differentiable: nowhere.
    Conventions: an empty sum is 0.
    """
    axes = normalize_axes("sum", axis, x.ndim)
    x = to_kind(x, "int") if x.kind == "bool" else x
    return _keep(xp.reduce_sum(x, axes=axes) if axes else x, x.shape, axes, keepdims)


@composite("reduction", call={"x": "... n"})
def mean(x: Tensor, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Definition: the sum over axes divided by the number of elements summed.

    Derivative: 1/n for every element.
    Where it is not differentiable: nowhere.
    Conventions: the mean of nothing is NaN.
    """
    axes = normalize_axes("mean", axis, x.ndim)
    count = int(np.prod([x.shape[a] for a in axes], dtype=np.int64))
    return xp.sum(real(x), axis=axes, keepdims=keepdims) / count  # type: ignore[no-any-return]


@composite("reduction")
def prod(x: Tensor, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Definition: the product over axes, as a tree of products of halves.

    Derivative: the product of all other elements, also where some are zero.
    Where it is not differentiable: nowhere.
    Conventions: an empty product is 1.
    """
    axes = normalize_axes("prod", axis, x.ndim)
    rows = axes_last(real(x), axes)
    if rows.shape[-1] == 0:
        return _keep(broadcast(constant(1, "real"), rows.shape[:-1]), x.shape, axes, keepdims)
    while rows.shape[-1] > 1:
        half = rows.shape[-1] // 2
        joined = rows[..., :half] * rows[..., half : 2 * half]
        rows = (
            joined if rows.shape[-1] == 2 * half else xp.concatenate([joined, rows[..., 2 * half :]], axis=-1)
        )
    return _keep(xp.reshape(rows, shape=rows.shape[:-1]), x.shape, axes, keepdims)


@composite("reduction", call={"x": "... n"})
def cumprod(x: Tensor, axis: int) -> Tensor:
    """Definition: the running product along an axis, by doubling (Hillis and Steele 1986).

    Derivative: each product's over the elements before it, also where some are zero.
    Where it is not differentiable: nowhere.
    Conventions: none needed.
    """
    axis = normalize_axis("cumprod", axis, x.ndim)
    rows = xp.moveaxis(real(x), source=axis, destination=-1)
    step = 1
    while step < rows.shape[-1]:
        rows = xp.concatenate([rows[..., :step], rows[..., step:] * rows[..., :-step]], axis=-1)
        step *= 2
    return xp.moveaxis(rows, source=-1, destination=axis)  # type: ignore[no-any-return]


@composite("reduction", kinks=(0.0,), call={"x": "... n"})
def max(x: Tensor, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Definition: the largest element over axes.

    Derivative: 1 for the largest element, 0 for the others.
    Where it is not differentiable: at ties: any non-negative weights that sum to 1.
    Conventions: torch's amax and JAX share a tie evenly.
    """
    axes = normalize_axes("max", axis, x.ndim)
    return _keep(xp.reduce_max(axes_last(x, axes)), x.shape, axes, keepdims)


@composite("reduction", kinks=(0.0,), call={"x": "... n"})
def min(x: Tensor, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Definition: the smallest element over axes.

    Derivative: 1 for the smallest element, 0 for the others.
    Where it is not differentiable: at ties: any non-negative weights that sum to 1.
    Conventions: torch's amin and JAX share a tie evenly.
    """
    return -xp.max(-x, axis=axis, keepdims=keepdims)  # type: ignore[no-any-return]


@composite("ordering", kinks=(0.0,), call={"x": "... n"})
def sort(x: Tensor, axis: int = -1, descending: bool = False) -> Tensor:
    """Definition: the elements in order along an axis.

    Derivative: the permutation of the sort.
    Where it is not differentiable: at ties.
    Conventions: stable sorts keep tied places in order.
    """
    axis = normalize_axis("sort", axis, x.ndim)
    rows = xp.moveaxis(-x if descending else x, source=axis, destination=-1)
    rows = xp.sort_last(rows)
    return xp.moveaxis(-rows if descending else rows, source=-1, destination=axis)  # type: ignore[no-any-return]


@composite("ordering", call={"x": "... n"})
def argsort(x: Tensor, axis: int = -1, descending: bool = False) -> Tensor:
    """Definition: the positions that sort along an axis; stable.

    Derivative: none: the result is integer.
    Where it is not differentiable: it jumps at ties.
    Conventions: stable sorts keep tied places in order.
    """
    axis = normalize_axis("argsort", axis, x.ndim)
    rows = xp.moveaxis(-x if descending else x, source=axis, destination=-1)
    return xp.moveaxis(xp.order_last(rows), source=-1, destination=axis)  # type: ignore[no-any-return]


def _first_place(x: Tensor, axis: int | None, keepdims: bool) -> Tensor:
    axes = normalize_axes("argmax", axis, x.ndim)
    rows = axes_last(-x, axes)
    if rows.shape[-1] == 0:
        msg = "argmax of zero elements does not exist"
        raise ProgramError(msg)
    return _keep(xp.order_last(rows)[..., 0], x.shape, axes, keepdims)


@composite("ordering", call={"x": "... n"})
def argmax(x: Tensor, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """Definition: the position of the largest element along an axis, the first of equal ones.

    Derivative: none: the result is integer.
    Where it is not differentiable: it jumps at ties.
    Conventions: the first of equal elements.
    """
    return _first_place(x, axis, keepdims)


@composite("ordering", call={"x": "... n"})
def argmin(x: Tensor, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """Definition: the position of the smallest element along an axis, the first of equal ones.

    Derivative: none: the result is integer.
    Where it is not differentiable: it jumps at ties.
    Conventions: the first of equal elements.
    """
    return _first_place(-x, axis, keepdims)


@composite("ordering", kinks=(0.0,), call={"x": "... N", "k": (1, 2)})
def topk(x: Tensor, k: int, axis: int = -1) -> tuple[Tensor, Tensor]:
    """Definition: the k largest elements along an axis in descending order, and their positions.

    Derivative: 1 for each chosen element.
    Where it is not differentiable: at ties.
    Conventions: the first of equal elements.
    """
    axis = normalize_axis("topk", axis, x.ndim)
    if not 0 < k <= x.shape[axis]:
        msg = f"topk: k = {k} is out of range for extent {x.shape[axis]}"
        raise ProgramError(msg)
    key = (slice(None),) * axis + (slice(0, k),)
    return xp.sort(x, axis=axis, descending=True)[key], xp.argsort(x, axis=axis, descending=True)[key]
