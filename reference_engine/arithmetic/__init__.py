"""Number systems in which a Program can be evaluated, behind one small protocol.

A value is a numpy array: float64 in ``float64`` and ``perturbed``, Python objects in ``balls`` and
``taylor``. Integers are int64 arrays everywhere. Booleans are bool arrays, except in ``balls``, where they
are the codes of :mod:`reference_engine.arithmetic.truth`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy.typing as npt

from reference_engine.program import Attr, Kind, Node, TensorType

Values = npt.NDArray[Any]
"""The elements of one tensor in some arithmetic, after ``lead`` leading sample axes."""


@dataclass(frozen=True, slots=True)
class Elementwise:
    """One elementwise function in each arithmetic; attributes are passed as keywords.

    ``ball`` and ``taylor`` act on one element; ``taylor`` is None where Taylor jets have no such function.
    ``exact`` functions never round. ``jumps`` tells whether a ball contains a point of discontinuity.
    """

    float64: Callable[..., Values]
    ball: Callable[..., Any]
    taylor: Callable[..., Any] | None = None
    exact: bool = False
    jumps: Callable[[Any], bool] | None = None


@dataclass(frozen=True, slots=True)
class Matrices:
    """One function of matrices: ``float64`` acts on stacks, ``ball`` on object arrays of one stack entry.

    ``ranks`` are the numbers of core axes of the operands. Where there is no value, ``ball`` gives NaN and
    ``float64`` NaN or a ``LinAlgError``.
    """

    float64: Callable[..., Values]
    ball: Callable[..., Values]
    ranks: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Contraction:
    """``out[b, m, n] = sum over k of left[b, m, k] * right[b, k, n]``, as axes of the two operands.

    ``out`` says how the axes (batch, left free, right free) are permuted at the end.
    """

    left: str
    right: str
    out: str

    def sides(self) -> tuple[str, str, str, str]:
        """Labels that are batch, free on the left, free on the right, contracted; in this order."""
        batch = "".join(c for c in self.left if c in self.right and c in self.out)
        free_left = "".join(c for c in self.left if c not in self.right)
        free_right = "".join(c for c in self.right if c not in self.left)
        summed = "".join(c for c in self.left if c in self.right and c not in self.out)
        return batch, free_left, free_right, summed


class Arithmetic(Protocol):
    """What a number system must be able to do; all else follows from these."""

    lead: int

    def enter(self, index: int, node: Node) -> Values | None:
        """Called before a node is evaluated; a value returned here is the node's value."""

    def leave(self, index: int, node: Node, value: Values) -> Values:
        """Called with each node's value; returns the value to keep."""

    def constant(self, value: Attr, type_: TensorType, *, structural: bool) -> Values:
        """An enclosure or rounding of a constant."""

    def elementwise(self, f: Elementwise, values: Sequence[Values], attrs: Mapping[str, Attr]) -> Values:
        """An elementwise function."""

    def compare(self, name: str, a: Values, b: Values) -> Values:
        """A comparison of real values."""

    def logical(self, name: str, values: Sequence[Values]) -> Values:
        """A logical function of conditions."""

    def isfinite(self, x: Values) -> Values:
        """Where values are neither infinite nor NaN."""

    def choose(self, condition: Values, a: Values, b: Values, *, slope: bool) -> Values:
        """``a`` where the condition holds, else ``b``; ``slope`` for slopes at a possible kink."""

    def convert(self, x: Values, source: Kind, target: Kind) -> Values:
        """Change of kind."""

    def sum(self, x: Values, axes: tuple[int, ...]) -> Values:
        """Sum over axes."""

    def cumsum(self, x: Values, axis: int) -> Values:
        """Running sum along an axis."""

    def contract(self, a: Values, b: Values, spec: Contraction) -> Values:
        """Sum of products."""

    def scatter_add(self, x: Values, index: Values, size: int) -> Values:
        """``x`` (flat) added into ``size`` zeros at flat positions; negative ones are dropped."""

    def extremum(self, x: Values) -> Values:
        """Maximum over the last axis."""

    def sort(self, x: Values) -> Values:
        """Ascending along the last axis."""

    def order(self, x: Values) -> Values:
        """Stable argsort along the last axis."""

    def pick(self, x: Values, key: Values, how: str) -> Values:
        """Values moved along the last axis as the sort or the maximum of ``key`` says, or back."""

    def matrices(self, f: Matrices, values: Sequence[Values], attrs: Mapping[str, Attr]) -> Values:
        """A function of stacks of matrices."""

    def round_to(self, x: Values, dtype: str) -> Values:
        """The value in a float type."""


def matrix_form(a: Values, b: Values, spec: Contraction, lead: int) -> tuple[Values, Values, tuple[int, ...]]:
    """Both operands as stacks of matrices (batch, m, k) and (batch, k, n), after ``lead`` sample axes, and
    the shape of (batch, m, n) with each label's own axis.
    """
    batch, rows, columns, summed = spec.sides()
    extent = dict(zip(spec.left, a.shape[lead:], strict=True)) | dict(
        zip(spec.right, b.shape[lead:], strict=True)
    )

    def size(labels: str) -> int:
        return math.prod([extent[c] for c in labels])

    def arrange(x: Values, labels: str, order: str, shape: tuple[int, ...]) -> Values:
        axes = tuple(range(lead)) + tuple(lead + labels.index(c) for c in order)
        return x.transpose(axes).reshape(x.shape[:lead] + shape)

    left = arrange(a, spec.left, batch + rows + summed, (size(batch), size(rows), size(summed)))
    right = arrange(b, spec.right, batch + summed + columns, (size(batch), size(summed), size(columns)))
    return left, right, tuple(extent[c] for c in batch + rows + columns)


def from_matrix_form(out: Values, shape: tuple[int, ...], spec: Contraction, lead: int) -> Values:
    """A stack (batch, m, n) back in the order of axes that ``spec.out`` asks for."""
    batch, rows, columns, _ = spec.sides()
    labels = batch + rows + columns
    out = out.reshape(out.shape[:lead] + shape)
    axes = tuple(range(lead)) + tuple(lead + labels.index(c) for c in spec.out)
    return out.transpose(axes)
