"""Softmax and its logarithm, shifted by the maximum: the shift does not change the value and adds no kink."""

from __future__ import annotations

import numpy as np

from reference_engine.composites.reductions import Axis, real
from reference_engine.operations import composite
from reference_engine.primitives.define import normalize_axes, normalize_axis
from reference_engine.trace import Tensor, broadcast, constant, xp


def finite_shift(largest: Tensor) -> Tensor:
    """A maximum as a shift that has no derivative; 0 where it is infinite, so that limits survive."""
    return xp.stop_gradient(xp.where(xp.isfinite(largest), largest, 0))  # type: ignore[no-any-return]


def shifted(x: Tensor, axis: Axis) -> tuple[Tensor, Tensor]:
    """``x`` less its largest element along ``axis``, and that element with the axis kept."""
    largest = finite_shift(xp.max(real(x), axis=axis, keepdims=True))
    return x - largest, largest


@composite("softmax", call={"x": "... n"})
def softmax(x: Tensor, axis: int = -1) -> Tensor:
    """Definition: exp(x) divided by its sum along an axis.

    Derivative: cotangent c becomes s (c - sum(c s)) with s = softmax(x).
    Where it is not differentiable: nowhere.
    Conventions: an element -infinity has weight 0; all of them -infinity is 0/0.
    """
    e = xp.exp(shifted(x, axis)[0])
    return e / xp.sum(e, axis=axis, keepdims=True)  # type: ignore[no-any-return]


@composite("softmax", call={"x": "... n"})
def softmin(x: Tensor, axis: int = -1) -> Tensor:
    """Definition: softmax(-x).

    Derivative: the negative of softmax's at -x.
    Where it is not differentiable: nowhere.
    Conventions: none needed.
    """
    return xp.softmax(-x, axis=axis)  # type: ignore[no-any-return]


@composite("softmax", call={"x": "... n"})
def log_softmax(x: Tensor, axis: int = -1) -> Tensor:
    """Definition: x - logsumexp(x) along an axis.

    Derivative: cotangent c becomes c - softmax(x) sum(c).
    Where it is not differentiable: nowhere.
    Conventions: none needed.
    """
    moved, _ = shifted(x, axis)
    return moved - xp.log(xp.sum(xp.exp(moved), axis=axis, keepdims=True))  # type: ignore[no-any-return]


@composite("softmax", call={"x": "... n"})
def logsumexp(x: Tensor, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Definition: the logarithm of the sum of exp(x) over axes, all by default.

    Derivative: softmax(x).
    Where it is not differentiable: nowhere.
    Conventions: of nothing but -infinity it is -infinity.
    """
    axes = normalize_axes("logsumexp", axis, x.ndim)
    if not axes:
        return real(x)
    moved, largest = shifted(x, axes)
    whole = xp.log(xp.sum(xp.exp(moved), axis=axes, keepdims=True)) + largest
    return whole if keepdims else xp.squeeze(whole, axis=axes)  # type: ignore[no-any-return]


def _so_far(square: Tensor, fill: Tensor) -> Tensor:
    """A stack of square matrices with ``fill`` above the diagonal: row k keeps positions 0 to k."""
    keep = constant(np.tri(square.shape[-1], dtype=bool))
    return xp.where(broadcast(keep, square.shape), square, fill)  # type: ignore[no-any-return]


@composite("softmax", call={"x": "... n"})
def logcumsumexp(x: Tensor, axis: int) -> Tensor:
    """Definition: the logarithm of the running sum of exp(x) along an axis, each shifted by its running
    maximum.

    Derivative: the softmax of the elements so far, for each position.
    Where it is not differentiable: nowhere.
    Conventions: none needed.
    """
    axis = normalize_axis("logcumsumexp", axis, x.ndim)
    rows = xp.moveaxis(real(x), source=axis, destination=-1)
    if rows.shape[-1] == 0:
        return real(x)
    largest = finite_shift(xp.cummax(rows, axis=-1))
    spread = xp.expand_dims(rows, axis=-2) - xp.expand_dims(largest, axis=-1)
    # Later elements are taken out before exp, where they might overflow, and their exp(0) after it.
    terms = _so_far(xp.exp(_so_far(spread, constant(0))), constant(0))
    out = xp.log(xp.sum(terms, axis=-1)) + largest
    return xp.moveaxis(out, source=-1, destination=axis)  # type: ignore[no-any-return]


@composite("reduction", kinks=(0.0,), call={"x": "... n"})
def cummax(x: Tensor, axis: int) -> Tensor:
    """Definition: the largest element so far along an axis.

    Derivative: 1 for that element, 0 for the others.
    Where it is not differentiable: at ties: any non-negative weights that sum to 1.
    Conventions: torch gives all to the last of equal elements; JAX's lax.cummax shares by halves.
    """
    axis = normalize_axis("cummax", axis, x.ndim)
    if x.shape[axis] == 0:
        return x
    rows = xp.moveaxis(real(x), source=axis, destination=-1)
    square = broadcast(xp.expand_dims(rows, axis=-2), (*rows.shape, rows.shape[-1]))
    largest = xp.max(_so_far(square, constant(float("-inf"))), axis=-1)
    return xp.moveaxis(largest, source=-1, destination=axis)  # type: ignore[no-any-return]
