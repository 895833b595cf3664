"""Plain float64: the estimated tier, and the ground that the perturbed runs stand on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from fractions import Fraction

import numpy as np

from reference_engine.arithmetic import (
    Contraction,
    Elementwise,
    Matrices,
    Values,
    from_matrix_form,
    matrix_form,
)
from reference_engine.program import Attr, FrozenArray, Kind, Node, TensorType


def as_float64(value: Attr) -> Values:
    """A constant's value in float64 (or int64, or bool)."""
    if isinstance(value, FrozenArray):
        return value.value
    if isinstance(value, bool):
        return np.asarray(value)
    if isinstance(value, int):
        return np.asarray(value, dtype=np.int64)
    if isinstance(value, Fraction):
        return np.asarray(value.numerator / value.denominator)
    return np.asarray(float(value))


def pick_by(x: Values, order: Values, how: str) -> Values:
    """Move values along the last axis as the permutation ``order`` (an argsort of the keys) says."""
    match how:
        case "gather_max":
            return np.take_along_axis(x, order[..., -1:], axis=-1)[..., 0]
        case "gather_sorted":
            return np.take_along_axis(x, order, axis=-1)
        case "scatter_max":
            out = np.zeros(order.shape, dtype=x.dtype)
            np.put_along_axis(out, order[..., -1:], x[..., None], axis=-1)
            return out
        case _:
            out = np.zeros_like(x)
            np.put_along_axis(out, order, x, axis=-1)
            return out


def first_maximum_last(x: Values) -> Values:
    """An argsort of the last axis in which the first of equal maxima comes last; otherwise stable."""
    order = np.argsort(x, axis=-1, kind="stable")
    top = np.argmax(x, axis=-1)[..., None]
    without = np.sort(np.where(order == top, -1, np.arange(x.shape[-1])), axis=-1)[..., 1:]
    return np.concatenate([np.take_along_axis(order, without, axis=-1), top], axis=-1)


class Float64:
    """Evaluates with numpy in float64, no proof, no samples."""

    lead = 0

    def enter(self, index: int, node: Node) -> Values | None:
        """Nothing to prepare."""
        return None

    def leave(self, index: int, node: Node, value: Values) -> Values:
        """The value as it is."""
        return value

    def constant(self, value: Attr, type_: TensorType, *, structural: bool) -> Values:
        """The nearest float64."""
        return as_float64(value)

    def elementwise(self, f: Elementwise, values: Sequence[Values], attrs: Mapping[str, Attr]) -> Values:
        """Numpy's function, silent about domain errors: they show as NaN."""
        with np.errstate(all="ignore"):
            return np.asarray(f.float64(*values, **attrs))

    def compare(self, name: str, a: Values, b: Values) -> Values:
        """Numpy's comparison of that name."""
        return np.asarray(getattr(np, name)(a, b))

    def logical(self, name: str, values: Sequence[Values]) -> Values:
        """Numpy's logical function of that name."""
        return np.asarray(getattr(np, name)(*values))

    def isfinite(self, x: Values) -> Values:
        """Where the value is neither infinite nor NaN."""
        return np.isfinite(x)

    def choose(self, condition: Values, a: Values, b: Values, *, slope: bool) -> Values:
        """``a`` where the condition holds, else ``b``."""
        return np.where(condition, a, b)

    def convert(self, x: Values, source: Kind, target: Kind) -> Values:
        """Change of kind; real to int truncates."""
        with np.errstate(all="ignore"):
            return x.astype({"real": np.float64, "int": np.int64, "bool": np.bool_}[target])

    def sum(self, x: Values, axes: tuple[int, ...]) -> Values:
        """Sum over axes."""
        return np.asarray(x.sum(axis=axes))

    def cumsum(self, x: Values, axis: int) -> Values:
        """Running sum along an axis."""
        return np.cumsum(x, axis=axis)

    def contract(self, a: Values, b: Values, spec: Contraction) -> Values:
        """A contraction as a stack of matrix products."""
        left, right, shape = matrix_form(a, b, spec, 0)
        with np.errstate(all="ignore"):
            return from_matrix_form(left @ right, shape, spec, 0)

    def scatter_add(self, x: Values, index: Values, size: int) -> Values:
        """Add ``x`` (flat) into ``size`` zeros at ``index``; repeated places add up, negative ones are
        dropped.
        """
        keep = index >= 0
        if x.dtype.kind == "f":
            return np.bincount(index[keep], weights=x[keep], minlength=size)[:size]
        out = np.zeros(size, dtype=x.dtype)
        np.add.at(out, index[keep], x[keep])
        return out

    def extremum(self, x: Values) -> Values:
        """Maximum over the last axis."""
        return np.asarray(x.max(axis=-1))

    def sort(self, x: Values) -> Values:
        """Ascending along the last axis."""
        return np.sort(x, axis=-1)

    def order(self, x: Values) -> Values:
        """Stable argsort along the last axis."""
        return np.argsort(x, axis=-1, kind="stable")

    def pick(self, x: Values, key: Values, how: str) -> Values:
        """Move values as sorting ``key`` would."""
        return pick_by(x, first_maximum_last(key) if how.endswith("max") else self.order(key), how)

    def matrices(self, f: Matrices, values: Sequence[Values], attrs: Mapping[str, Attr]) -> Values:
        """Numpy's function on stacks of matrices; the entries of the stack that are singular become NaN."""
        with np.errstate(all="ignore"):
            try:
                return np.asarray(f.float64(*values, **attrs))
            except np.linalg.LinAlgError:
                return _entry_by_entry(f, values, attrs)

    def round_to(self, x: Values, dtype: str) -> Values:
        """Conversion between float types is the identity here."""
        return x


def entry_shape(f: Matrices, shapes: Sequence[tuple[int, ...]], attrs: Mapping[str, Attr]) -> tuple[int, ...]:
    """The shape of one stack entry of the result, tried out on identity matrices."""
    return np.asarray(f.float64(*(np.eye(rows, columns) for rows, columns in shapes), **attrs)).shape


def _entry_by_entry(f: Matrices, values: Sequence[Values], attrs: Mapping[str, Attr]) -> Values:
    stack = np.broadcast_shapes(*(v.shape[: v.ndim - r] for v, r in zip(values, f.ranks, strict=True)))
    cores = [v.shape[v.ndim - r :] for v, r in zip(values, f.ranks, strict=True)]
    spread = [np.broadcast_to(v, stack + core) for v, core in zip(values, cores, strict=True)]
    out = np.full(stack + entry_shape(f, cores, attrs), np.nan)
    for place in np.ndindex(stack):
        with suppress(np.linalg.LinAlgError):
            out[place] = f.float64(*(v[place] for v in spread), **attrs)
    return out
