"""Ball arithmetic (python-flint's Arb): every value is a proved enclosure of the exact one.

At a kink the value of a slope is the ball of all allowed slopes, so gradients come out as proved supersets of
the valid subgradients. The undecided comparison of two overlapping balls is never taken for an answer.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from reference_engine.arithmetic import (
    Contraction,
    Elementwise,
    Matrices,
    Values,
    from_matrix_form,
    matrix_form,
    ties,
    truth,
)
from reference_engine.arithmetic import ball_functions as functions
from reference_engine.arithmetic import ball_sums as sums
from reference_engine.arithmetic.elements import (
    TIE,
    ZERO,
    StructuralZero,
    all_hulls,
    all_plain,
    exact,
    hull,
    measured,
    midpoints,
    plain,
    precision,
    radius,
    relation,
    relations,
)
from reference_engine.arithmetic.float64 import entry_shape
from reference_engine.program import Attr, FrozenArray, Kind, Node, TensorType

__all__ = [
    "ZERO",
    "Balls",
    "Kink",
    "StructuralZero",
    "all_plain",
    "exact",
    "hull",
    "measured",
    "midpoints",
    "plain",
    "precision",
    "radius",
    "relation",
]


@dataclass(frozen=True, slots=True)
class Kink:
    """A node where the derivative was chosen among several, and in how many elements; ``undecided`` if not
    even the condition at the point itself could be told, ``jump`` if the value itself jumps there.
    """

    node: int
    count: int
    undecided: bool
    jump: bool = False


@dataclass
class Balls:
    """Evaluates in balls at the precision of the context.

    ``active`` holds the nodes that depend on a differentiated input: only there can a tie be a kink. With
    ``resolve_ties`` a tie takes the side that the comparison has at the point (used beside a kink, where what
    is still tied is tied identically). ``forced`` marks conditions that rounding may have turned.
    ``assume`` is the side that every undecided comparison takes, None to keep both.
    """

    active: frozenset[int] = frozenset()
    resolve_ties: bool = False
    assume: bool | None = None
    forced: Mapping[int, Values] = field(default_factory=dict)
    radii: Mapping[int, Values] = field(default_factory=dict)
    kinks: list[Kink] = field(default_factory=list)
    lead: int = 0
    _index: int = -1

    def enter(self, index: int, node: Node) -> Values | None:
        """Remember which node is being evaluated."""
        self._index = index
        return None

    def leave(self, index: int, node: Node, value: Values) -> Values:
        """The value as it is."""
        return value

    def constant(self, value: Attr, type_: TensorType, *, structural: bool) -> Values:
        """An enclosure of the exact constant."""
        if type_.kind == "bool":
            array = value.value if isinstance(value, FrozenArray) else np.asarray(bool(value))
            return truth.encode(array)
        if type_.kind == "int":
            return value.value if isinstance(value, FrozenArray) else np.asarray(value, dtype=np.int64)
        if isinstance(value, FrozenArray):
            return exact(value.value)
        return functions.number(ZERO if structural else value)

    def elementwise(self, f: Elementwise, values: Sequence[Values], attrs: Mapping[str, Attr]) -> Values:
        """The scalar ball function over all elements."""
        if object not in [v.dtype for v in values]:
            return np.asarray(f.float64(*values, **attrs))
        function = partial(f.ball, **attrs) if attrs else f.ball
        if f.jumps is not None:
            values = [self._widen(values[0])]
        out = functions.over_elements(function, values)
        if f.jumps is not None and self._index in self.active and not self.resolve_ties:
            jumps = [f.jumps(plain(v)) for v in values[0].ravel()]
            self._note(np.array(jumps, dtype=bool), undecided=False, jump=True)
        return out

    def _widen(self, x: Values) -> Values:
        spread = self.radii.get(self._index)
        if spread is None:
            return x
        return functions.widened(x, spread)

    def compare(self, name: str, a: Values, b: Values) -> Values:
        """Codes of a comparison; a tie that cannot move is decided."""
        if object not in (a.dtype, b.dtype):
            return truth.encode(getattr(np, name)(a, b))
        codes = functions.compared(name, a, b)
        if self._index not in self.active or self.resolve_ties:
            codes = truth.forget_ties(codes)
        if self.assume is not None:
            codes = np.where(truth.undecided(codes), truth.encode(np.asarray(self.assume)), codes)
        if self._index in self.forced:
            codes = np.where(self.forced[self._index], np.uint8(truth.UNKNOWN), codes)
        return codes

    def logical(self, name: str, values: Sequence[Values]) -> Values:
        """Three-valued logic on codes."""
        return np.asarray(truth.LOGICAL[name](*values))

    def isfinite(self, x: Values) -> Values:
        """Certain where the ball is finite or an infinity; where nothing is known, unknown."""
        if x.dtype != object:
            return truth.encode(np.ones(x.shape, dtype=bool))
        return functions.finite(x)

    def choose(self, condition: Values, a: Values, b: Values, *, slope: bool) -> Values:
        """``a`` or ``b``; for a slope at a kink the hull of both, for a value only where it is undecided."""
        if a.dtype != object:
            return self._choose_discrete(condition, a, b)
        out = np.where(truth.here(condition), a, b)
        open_ = truth.touched(condition) if slope else truth.undecided(condition)
        if open_.any():
            out[open_] = all_hulls(a[open_], b[open_])
            if slope:
                undecided = bool(truth.undecided(condition)[open_].any())
                self._note(functions.differ(a, b, open_), undecided=undecided)
        if not slope and truth.touched(condition).any():
            self._note(
                functions.apart(a, b, truth.touched(condition)), undecided=bool(open_.any()), jump=True
            )
        return out

    def _choose_discrete(self, condition: Values, a: Values, b: Values) -> Values:
        """Of conditions all that can be; of integers the one chosen, with a note where that is not known."""
        out = np.where(truth.here(condition), a, b)
        unknown = truth.undecided(condition)
        if a.dtype == np.uint8:
            near = np.where(truth.touched(condition), (a | b) & truth.BOTH_NEAR, 0)
            return np.where(unknown, a | b, out | near).astype(np.uint8)
        self._note(unknown & (a != b), undecided=True)
        return out

    def _note(self, where: Values, *, undecided: bool, jump: bool = False) -> None:
        if where.any():
            self.kinks.append(Kink(self._index, int(where.sum()), undecided, jump))

    def convert(self, x: Values, source: Kind, target: Kind) -> Values:
        """Change of kind; real to int truncates, an undecided condition is the ball of 0 and 1."""
        if source == target:
            return x
        if target == "real":
            if source == "int":
                return exact(x.astype(np.int64))
            return functions.indicator(x)
        if source == "bool":
            self._note(truth.undecided(x), undecided=True)
            return truth.here(x).astype(np.int64)
        if target == "bool":
            return self.compare(
                "not_equal", x, exact(np.zeros(x.shape)) if source == "real" else np.zeros_like(x)
            )
        low, high = functions.truncated(x)
        self._note(low != high, undecided=True)
        return low

    def sum(self, x: Values, axes: tuple[int, ...]) -> Values:
        """Sum over axes; an empty sum is zero."""
        if x.dtype != object:
            return np.asarray(x.sum(axis=axes))
        if not axes:
            return x
        kept = [a for a in range(x.ndim) if a not in axes]
        count = math.prod([x.shape[a] for a in axes])
        rows = x.transpose([*kept, *axes]).reshape([x.shape[a] for a in kept] + [count])
        if rows.shape[-1] == 0:
            return np.full(rows.shape[:-1], ZERO, dtype=object)
        return np.asarray(np.add.reduce(rows, axis=-1), dtype=object)

    def cumsum(self, x: Values, axis: int) -> Values:
        """Running sum along an axis."""
        return np.asarray(np.add.accumulate(x, axis=axis))

    def contract(self, a: Values, b: Values, spec: Contraction) -> Values:
        """A contraction as a stack of ball matrix products; element by element where a NaN must be
        absorbed.
        """
        left, right, shape = matrix_form(a, b, spec, 0)
        out = np.empty((left.shape[0], left.shape[1], right.shape[2]), dtype=object)
        for i in range(len(out)):
            out[i] = sums.product(left[i], right[i])
        return from_matrix_form(out, shape, spec, 0)

    def scatter_add(self, x: Values, index: Values, size: int) -> Values:
        """Add ``x`` (flat) into structural zeros at ``index``; negative places are dropped."""
        if x.dtype != object:
            whole = np.zeros(size, dtype=x.dtype)
            np.add.at(whole, index[index >= 0], x[index >= 0])
            return whole
        return sums.placed(x, index, size)

    def extremum(self, x: Values) -> Values:
        """Maximum over the last axis: an enclosure also where two candidates overlap."""
        out = np.empty(x.shape[:-1], dtype=object)
        for place in np.ndindex(out.shape):
            row = [plain(v) for v in x[place]]
            best = row[0]
            for v in row[1:]:
                best = best.max(v)
            out[place] = best
        return out

    def sort(self, x: Values) -> Values:
        """Ascending along the last axis; the k-th smallest of overlapping balls is enclosed by their hull."""
        order, groups = ties.ordered(x, self.radii.get(self._index))
        return ties.merged(np.take_along_axis(all_plain(x), order, axis=-1), groups)

    def order(self, x: Values) -> Values:
        """Stable argsort along the last axis; ties are noted as kinks."""
        if x.dtype != object:
            return np.argsort(x, axis=-1, kind="stable")
        order, groups = ties.ordered(x, self.radii.get(self._index))
        same = ties.tied(groups)
        ranked = np.take_along_axis(x, order, axis=-1)
        unknown = same & (relations(ranked[..., 1:], ranked[..., :-1]) != TIE)
        if unknown.any():
            self._note(unknown, undecided=True)  # positions are integers: there is no hull of them
        elif self._index in self.active and not self.resolve_ties:
            self._note(same, undecided=False)
        return order

    def pick(self, x: Values, key: Values, how: str) -> Values:
        """Move values as sorting ``key`` would; tied places get the hull of what each could get."""
        out, mixed = ties.picked(x, key, how, self.radii.get(self._index), resolved=self.resolve_ties)
        self._note(mixed, undecided=False)
        return out

    def matrices(self, f: Matrices, values: Sequence[Values], attrs: Mapping[str, Attr]) -> Values:
        """The ball function on each entry of a stack of matrices; NaN where it cannot be enclosed."""
        stack = np.broadcast_shapes(*(v.shape[: v.ndim - r] for v, r in zip(values, f.ranks, strict=True)))
        spread = [
            np.broadcast_to(all_plain(v), stack + v.shape[v.ndim - r :])
            for v, r in zip(values, f.ranks, strict=True)
        ]
        results = [f.ball(*(v[place] for v in spread), **attrs) for place in np.ndindex(stack)]
        core = (
            np.shape(results[0])
            if results
            else entry_shape(f, [v.shape[len(stack) :] for v in spread], attrs)
        )
        out = np.empty((len(results), *core), dtype=object)
        for i, r in enumerate(results):
            out[i, ...] = r
        return out.reshape(stack + core)

    def round_to(self, x: Values, dtype: str) -> Values:
        """Conversion between float types is the identity on exact values."""
        return x
