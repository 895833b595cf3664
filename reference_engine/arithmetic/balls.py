"""Ball arithmetic (python-flint's Arb): every value is a proved enclosure of the exact one.

At a kink the value of a slope is the ball of all allowed slopes, so gradients come out as proved supersets of
the valid subgradients. The undecided comparison of two overlapping balls is never taken for an answer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np
from flint import arb, arb_mat, ctx, fmpq

from reference_engine.arithmetic import (
    Contraction,
    Elementwise,
    Matrices,
    Values,
    from_matrix_form,
    matrix_form,
    truth,
)
from reference_engine.arithmetic.float64 import entry_shape
from reference_engine.program import Attr, FrozenArray, Kind, Node, TensorType


class StructuralZero:
    """The derivative of something that does not depend on the input: zero times anything, NaN too, is zero.

    A zero that is only the value of some expression is an ordinary ball; ``0 * inf`` stays undefined there.
    """

    def __add__(self, other: Any) -> Any:
        return other

    __radd__ = __add__
    __rsub__ = __add__

    def __sub__(self, other: Any) -> Any:
        return -other

    def __mul__(self, other: Any) -> StructuralZero:
        return self

    __rmul__ = __truediv__ = __mul__

    def __neg__(self) -> StructuralZero:
        return self

    def __repr__(self) -> str:
        return "ZERO"


ZERO = StructuralZero()
_EXACT_ZERO = arb(0)

LESS, GREATER, TIE, OVERLAP, NAN = range(5)

# What a comparison is for each relation of its operands; a tie may go either way nearby.
_RELATIONS: dict[str, tuple[int, int, int]] = {
    "less": (truth.TRUE, truth.FALSE, truth.TIE_FALSE),
    "less_equal": (truth.TRUE, truth.FALSE, truth.TIE_TRUE),
    "greater": (truth.FALSE, truth.TRUE, truth.TIE_FALSE),
    "greater_equal": (truth.FALSE, truth.TRUE, truth.TIE_TRUE),
    "equal": (truth.FALSE, truth.FALSE, truth.TIE_TRUE),
    "not_equal": (truth.TRUE, truth.TRUE, truth.TIE_FALSE),
}


@dataclass(frozen=True, slots=True)
class Kink:
    """A node where the derivative was chosen among several, and in how many elements; ``undecided`` if not
    even the condition at the point itself could be told."""

    node: int
    count: int
    undecided: bool


@contextmanager
def precision(bits: int) -> Iterator[None]:
    """Run with ``bits`` of working precision and restore the caller's."""
    before = ctx.prec
    ctx.prec = bits
    try:
        yield
    finally:
        ctx.prec = before


def plain(x: Any) -> arb:
    """A ball for any element, structural zeros included."""
    return _EXACT_ZERO if x is ZERO else x


_plain = np.frompyfunc(plain, 1, 1)


def all_plain(values: Values) -> Values:
    """The array with structural zeros as ordinary zeros."""
    return np.asarray(_plain(values), dtype=object)


def exact(values: Values) -> Values:
    """Balls of radius zero around float64 values."""
    out = np.empty(values.shape, dtype=object)
    out.ravel()[:] = [arb(v) for v in values.ravel().tolist()]
    return out


def midpoints(values: Values) -> Values:
    """Midpoints rounded to float64; NaN where a ball is not finite."""
    flat = [0.0 if v is ZERO else float(v.mid()) if v.is_finite() else float("nan") for v in values.ravel().tolist()]
    return np.array(flat, dtype=np.float64).reshape(values.shape)


def hull(a: Any, b: Any) -> Any:
    """Smallest ball that holds both."""
    return a if a is b else plain(a).union(plain(b))


_hull = np.frompyfunc(hull, 2, 1)


def relation(a: Any, b: Any) -> int:
    """How two balls lie to each other; TIE only for exactly equal numbers."""
    if a < b:
        return LESS
    if a > b:
        return GREATER
    if a == b:
        return TIE
    return NAN if a.is_nan() or b.is_nan() else OVERLAP


_relation = np.frompyfunc(relation, 2, 1)


@dataclass
class Balls:
    """Evaluates in balls at the precision of the context.

    ``active`` holds the nodes that depend on a differentiated input: only there can a tie be a kink. With
    ``resolve_ties`` a tie takes the side that the comparison has at the point (used beside a kink, where what
    is still tied is tied identically). ``forced`` marks conditions that rounding may have turned.
    """

    active: frozenset[int] = frozenset()
    resolve_ties: bool = False
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
        out = np.empty((), dtype=object)
        if structural:
            out[()] = ZERO
        elif isinstance(value, Fraction):
            out[()] = arb(fmpq(value.numerator, value.denominator))
        else:
            out[()] = arb(value)
        return out

    def elementwise(self, f: Elementwise, values: Sequence[Values], attrs: Mapping[str, Attr]) -> Values:
        """The scalar ball function over all elements."""
        if all(v.dtype != object for v in values):
            return np.asarray(f.float64(*values, **attrs))
        function = (lambda *x: f.ball(*x, **attrs)) if attrs else f.ball
        if f.jumps is not None:
            values = [self._widen(values[0])]
        ufunc = np.frompyfunc(function, len(values), 1)
        try:
            out = ufunc(*values)
        except (TypeError, AttributeError):
            out = ufunc(*(_plain(v) for v in values))
        out = np.asarray(out, dtype=object)
        if f.jumps is not None and self._index in self.active and not self.resolve_ties:
            jumps = [f.jumps(plain(v)) for v in values[0].ravel()]
            self._note(np.array(jumps, dtype=bool), undecided=False)
        return out

    def _widen(self, x: Values) -> Values:
        spread = self.radii.get(self._index)
        if spread is None:
            return x
        balls = [plain(v) + arb(0, r) for v, r in zip(x.ravel(), spread.ravel().tolist(), strict=True)]
        out = np.empty(x.shape, dtype=object)
        out.ravel()[:] = balls
        return out

    def compare(self, name: str, a: Values, b: Values) -> Values:
        """Codes of a comparison; a tie that cannot move is decided."""
        if a.dtype != object and b.dtype != object:
            return truth.encode(getattr(np, name)(a, b))
        found = np.asarray(_relation(_plain(a), _plain(b)), dtype=np.uint8)
        less, greater, tie = _RELATIONS[name]
        nan = truth.TRUE if name == "not_equal" else truth.FALSE
        table = np.array([less, greater, tie, truth.UNKNOWN, nan], dtype=np.uint8)
        codes = np.asarray(table[found])
        if self._index not in self.active or self.resolve_ties:
            codes = truth.forget_ties(codes)
        if self._index in self.forced:
            codes = np.where(self.forced[self._index], np.uint8(truth.UNKNOWN), codes)
        return codes

    def logical(self, name: str, values: Sequence[Values]) -> Values:
        """Three-valued logic on codes."""
        return np.asarray(truth.LOGICAL[name](*values))

    def isfinite(self, x: Values) -> Values:
        """Certain where the ball is finite."""
        return truth.encode(np.array([plain(v).is_finite() for v in x.ravel()], dtype=bool).reshape(x.shape))

    def choose(self, condition: Values, a: Values, b: Values, *, slope: bool) -> Values:
        """``a`` or ``b``; for a slope at a kink the hull of both, for a value only where it is undecided."""
        out = np.where(truth.here(condition), a, b)
        open_ = truth.touched(condition) if slope else truth.undecided(condition)
        if out.dtype != object:
            return out
        if open_.any():
            out[open_] = np.asarray(_hull(a[open_], b[open_]), dtype=object)
            if slope:
                self._note(self._differ(a, b, open_), undecided=bool(truth.undecided(condition)[open_].any()))
        if not slope and truth.touched(condition).any():
            self._note(_jump(a, b, truth.touched(condition)), undecided=bool(open_.any()))
        return out

    @staticmethod
    def _differ(a: Values, b: Values, where: Values) -> Values:
        out = np.zeros(where.shape, dtype=bool)
        out[where] = [x is not y and not (plain(x) == plain(y)) for x, y in zip(a[where], b[where], strict=True)]
        return out

    def _note(self, where: Values, *, undecided: bool) -> None:
        if where.any():
            self.kinks.append(Kink(self._index, int(where.sum()), undecided))

    def convert(self, x: Values, source: Kind, target: Kind) -> Values:
        """Change of kind; real to int truncates, an undecided condition is the ball of 0 and 1."""
        if source == target:
            return x
        if target == "real":
            if source == "int":
                return exact(x.astype(np.int64))
            one, zero = arb(1), arb(0)
            both = one.union(zero)
            flat = [
                both if u else one if h else zero
                for h, u in zip(truth.here(x).ravel(), truth.undecided(x).ravel(), strict=True)
            ]
            out = np.empty(x.shape, dtype=object)
            out.ravel()[:] = flat
            return out
        if source == "bool":
            return truth.here(x).astype(np.int64)
        values = midpoints(x) if source == "real" else x
        return truth.encode(values != 0) if target == "bool" else np.trunc(np.nan_to_num(values)).astype(np.int64)

    def sum(self, x: Values, axes: tuple[int, ...]) -> Values:
        """Sum over axes; an empty sum is zero."""
        if x.dtype != object:
            return np.asarray(x.sum(axis=axes))
        if not axes:
            return x
        kept = [a for a in range(x.ndim) if a not in axes]
        rows = x.transpose([*kept, *axes]).reshape([x.shape[a] for a in kept] + [-1])
        if rows.shape[-1] == 0:
            return np.full(rows.shape[:-1], ZERO, dtype=object)
        return np.asarray(np.add.reduce(rows, axis=-1), dtype=object)

    def cumsum(self, x: Values, axis: int) -> Values:
        """Running sum along an axis."""
        return np.asarray(np.add.accumulate(x, axis=axis))

    def contract(self, a: Values, b: Values, spec: Contraction) -> Values:
        """A contraction as a stack of ball matrix products; element by element where a NaN must be absorbed."""
        left, right, shape = matrix_form(a, b, spec, 0)
        batch, m, k = left.shape
        n = right.shape[-1]
        out = np.empty((batch, m, n), dtype=object)
        for i in range(batch):
            if _any_nonfinite(left[i]) or _any_nonfinite(right[i]):
                rows = [[_dot(left[i, r], right[i, :, c]) for c in range(n)] for r in range(m)]
                out[i] = np.array(rows, dtype=object).reshape(m, n)
            elif k == 0:
                out[i] = ZERO
            else:
                product = arb_mat(m, k, all_plain(left[i]).ravel().tolist()) * arb_mat(
                    k, n, all_plain(right[i]).ravel().tolist()
                )
                out[i] = np.array(product.entries(), dtype=object).reshape(m, n)
        return from_matrix_form(out, shape, spec, 0)

    def scatter_add(self, x: Values, index: Values, size: int) -> Values:
        """Add ``x`` (flat) into structural zeros at ``index``; negative places are dropped."""
        if x.dtype != object:
            whole = np.zeros(size, dtype=x.dtype)
            np.add.at(whole, index[index >= 0], x[index >= 0])
            return whole
        out: list[Any] = [ZERO] * size
        for i, v in zip(index.tolist(), x.tolist(), strict=True):
            if i >= 0:
                out[i] = v if out[i] is ZERO else out[i] + v
        result = np.empty(size, dtype=object)
        result[:] = out
        return result

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
        order, groups = self._sorted(x)
        values = np.take_along_axis(all_plain(x), order, axis=-1)
        return _merge_groups(values, groups)

    def order(self, x: Values) -> Values:
        """Stable argsort along the last axis; ties are noted as kinks."""
        if x.dtype != object:
            return np.argsort(x, axis=-1, kind="stable")
        order, groups = self._sorted(x)
        if self._index in self.active and not self.resolve_ties:
            tied = groups[..., 1:] == groups[..., :-1]
            self._note(np.asarray(tied), undecided=False)
        return order

    def pick(self, x: Values, key: Values, how: str) -> Values:
        """Move values as sorting ``key`` would; tied places get the hull of what each could get."""
        order, groups = self._sorted(key)
        tied = groups.copy()
        if self.resolve_ties:
            groups = np.broadcast_to(np.arange(key.shape[-1]), key.shape)
        top = groups == groups[..., -1:]
        match how:
            case "gather_sorted":
                moved = np.take_along_axis(x, order, axis=-1)
                out = _merge_groups(moved, groups)
                self._note_merge(moved, groups)
                return out
            case "gather_max":
                order = self._first_on_top(order, tied)
                moved = np.take_along_axis(x, order, axis=-1)
                merged = _merge_groups(moved, groups)
                self._note_merge(moved, np.where(top, groups, np.arange(key.shape[-1])))
                return merged[..., -1]
            case "scatter_max":
                order = self._first_on_top(order, tied)
                slots = np.where(np.arange(key.shape[-1]) == key.shape[-1] - 1, x[..., None], ZERO)
            case _:
                slots = x
        merged = _merge_groups(slots, groups)
        self._note_merge(slots, groups)
        out = np.empty(key.shape, dtype=object)
        np.put_along_axis(out, order, merged, axis=-1)
        return out

    def _first_on_top(self, order: Values, groups: Values) -> Values:
        """Among tied maxima put the first place last, so that a resolved tie takes the first."""
        out = order.copy()
        for place in np.ndindex(order.shape[:-1]):
            top = np.flatnonzero(groups[place] == groups[place][-1])
            out[place][top] = np.roll(order[place][top], -1)
        return out

    def _note_merge(self, moved: Values, groups: Values) -> None:
        count = np.zeros(moved.shape[:-1], dtype=bool)
        for place in np.ndindex(count.shape):
            for group in np.unique(groups[place]):
                members = moved[place][groups[place] == group]
                count[place] |= any(m is not members[0] and not (plain(m) == plain(members[0])) for m in members)
        self._note(count, undecided=False)

    def _sorted(self, x: Values) -> tuple[Values, Values]:
        """Stable argsort along the last axis by midpoint, and for each sorted place the number of its group of
        values that overlap or are equal."""
        order = np.empty(x.shape, dtype=np.int64)
        groups = np.empty(x.shape, dtype=np.int64)
        spread = self.radii.get(self._index)
        for place in np.ndindex(x.shape[:-1]):
            row = [plain(v) for v in x[place]]
            mids = [v.mid() for v in row]
            if spread is not None:
                row = [v + arb(0, r) for v, r in zip(row, spread[place].tolist(), strict=True)]
            indices = sorted(range(len(row)), key=_MidpointKey.of(mids))
            order[place] = indices
            group, ceiling = 0, None
            for slot, i in enumerate(indices):
                if ceiling is not None and row[i] > ceiling:
                    group, ceiling = slot, row[i]
                elif ceiling is None or not (row[i] < ceiling):
                    ceiling = row[i] if ceiling is None else ceiling.max(row[i])
                groups[place][slot] = group
        return order, groups

    def matrices(self, f: Matrices, values: Sequence[Values], attrs: Mapping[str, Attr]) -> Values:
        """The ball function on each entry of a stack of matrices; NaN where it cannot be enclosed."""
        stack = np.broadcast_shapes(*(v.shape[: v.ndim - r] for v, r in zip(values, f.ranks, strict=True)))
        spread = [
            np.broadcast_to(all_plain(v), stack + v.shape[v.ndim - r :]) for v, r in zip(values, f.ranks, strict=True)
        ]
        results = [f.ball(*(v[place] for v in spread), **attrs) for place in np.ndindex(stack)]
        core = np.shape(results[0]) if results else entry_shape(f, [v.shape[len(stack) :] for v in spread], attrs)
        out = np.empty((len(results), *core), dtype=object)
        for i, r in enumerate(results):
            out[i, ...] = r
        return out.reshape(stack + core)

    def round_to(self, x: Values, dtype: str) -> Values:
        """Conversion between float types is the identity on exact values."""
        return x


class _MidpointKey:
    """Orders exact midpoints; sorted() is stable, so ties keep their places."""

    __slots__ = ("value",)

    def __init__(self, value: arb) -> None:
        self.value = value

    def __lt__(self, other: _MidpointKey) -> bool:
        return bool(self.value < other.value)

    @staticmethod
    def of(mids: Sequence[arb]) -> Any:
        return lambda i: _MidpointKey(mids[i])


def _jump(a: Values, b: Values, where: Values) -> Values:
    """Where the two sides of a touched condition are certainly not the same value."""
    out = np.zeros(where.shape, dtype=bool)
    out[where] = [
        not (plain(x).is_finite() and plain(y).is_finite() and plain(x).overlaps(plain(y)))
        for x, y in zip(a[where], b[where], strict=True)
    ]
    return out


def _any_nonfinite(x: Values) -> bool:
    return any(v is not ZERO and not v.is_finite() for v in x.ravel())


def _dot(a: Values, b: Values) -> Any:
    total: Any = ZERO
    for x, y in zip(a, b, strict=True):
        total = total + x * y
    return total


def _merge_groups(values: Values, groups: Values) -> Values:
    """Each value replaced by the hull of its group along the last axis."""
    out = values.copy()
    for place in np.ndindex(values.shape[:-1]):
        numbers, counts = np.unique(groups[place], return_counts=True)
        for number in numbers[counts > 1]:
            members = np.flatnonzero(groups[place] == number)
            whole = values[place][members[0]]
            for m in members[1:]:
                whole = hull(whole, values[place][m])
            out[place][members] = [whole] * len(members)
    return out
