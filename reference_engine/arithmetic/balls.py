"""Ball arithmetic (python-flint's Arb): every value is a proved enclosure of the exact one.

At a kink the value of a slope is the ball of all allowed slopes, so gradients come out as proved supersets of
the valid subgradients. The undecided comparison of two overlapping balls is never taken for an answer.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import partial
from typing import Any

import numpy as np
from flint import arb, arb_mat, fmpq

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
    same,
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
        function = partial(f.ball, **attrs) if attrs else f.ball
        if f.jumps is not None:
            values = [self._widen(values[0])]
        try:
            out = over_elements(function, len(values))(*values)
        except (TypeError, AttributeError):  # not every function takes structural zeros
            out = np.frompyfunc(_on_plain(function), len(values), 1)(*values)
        out = np.asarray(out, dtype=object)
        if f.jumps is not None and self._index in self.active and not self.resolve_ties:
            jumps = [f.jumps(plain(v)) for v in values[0].ravel()]
            self._note(np.array(jumps, dtype=bool), undecided=False, jump=True)
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
        if object not in (a.dtype, b.dtype):
            return truth.encode(getattr(np, name)(a, b))
        table = np.array([*_RELATIONS[name], truth.UNKNOWN], dtype=np.uint8)
        codes = np.asarray(table[relations(a, b)])
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
        codes = [
            truth.TRUE if v.is_finite() else truth.FALSE if v in _INFINITIES else truth.UNKNOWN
            for v in map(plain, x.ravel())
        ]
        return np.array(codes, dtype=np.uint8).reshape(x.shape)

    def choose(self, condition: Values, a: Values, b: Values, *, slope: bool) -> Values:
        """``a`` or ``b``; for a slope at a kink the hull of both, for a value only where it is undecided."""
        if a.dtype != object:
            return self._choose_discrete(condition, a, b)
        out = np.where(truth.here(condition), a, b)
        open_ = truth.touched(condition) if slope else truth.undecided(condition)
        if open_.any():
            out[open_] = all_hulls(a[open_], b[open_])
            if slope:
                self._note(self._differ(a, b, open_), undecided=bool(truth.undecided(condition)[open_].any()))
        if not slope and truth.touched(condition).any():
            self._note(_jump(a, b, truth.touched(condition)), undecided=bool(open_.any()), jump=True)
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

    @staticmethod
    def _differ(a: Values, b: Values, where: Values) -> Values:
        out = np.zeros(where.shape, dtype=bool)
        out[where] = [not same(x, y) for x, y in zip(a[where], b[where], strict=True)]
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
            self._note(truth.undecided(x), undecided=True)
            return truth.here(x).astype(np.int64)
        if target == "bool":
            return self.compare(
                "not_equal", x, exact(np.zeros(x.shape)) if source == "real" else np.zeros_like(x)
            )
        lows, highs = ([_truncated(b) for b in side] for side in _bounds(x))
        self._note(np.array([a != b for a, b in zip(lows, highs, strict=True)]), undecided=True)
        return np.array(lows, dtype=np.int64).reshape(x.shape)

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
                out[i][_nowhere(left[i], right[i])] = ZERO
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
        order, found = ties.ordered(key, self.radii.get(self._index))
        places = np.arange(key.shape[-1])
        groups = np.broadcast_to(places, key.shape) if self.resolve_ties else found
        if how.endswith("max"):
            order = ties.first_on_top(order, found)
            groups = np.where(
                groups == groups[..., -1:], groups, places
            )  # what is below the top gets nothing
        match how:
            case "gather_sorted" | "gather_max":
                slots = np.take_along_axis(x, order, axis=-1)
            case "scatter_max":
                slots = np.full(key.shape, ZERO, dtype=object)
                slots[..., -1] = x
            case _:
                slots = x
        self._note(ties.mixed(slots, groups), undecided=False)
        whole = ties.merged(slots, groups)
        match how:
            case "gather_max":
                return whole[..., -1]
            case "gather_sorted":
                return whole
        out = np.empty(key.shape, dtype=object)
        np.put_along_axis(out, order, whole, axis=-1)
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


def _jump(a: Values, b: Values, where: Values) -> Values:
    """Where the two sides of a touched condition are certainly not the same value."""
    out = np.zeros(where.shape, dtype=bool)
    out[where] = [
        not (plain(x).is_finite() and plain(y).is_finite() and plain(x).overlaps(plain(y)))
        for x, y in zip(a[where], b[where], strict=True)
    ]
    return out


def over_elements(function: Callable[..., Any], operands: int) -> Callable[..., Any]:
    """A function of single elements over arrays; numpy's own operators do that without Python's calls."""
    return function if isinstance(function, np.ufunc) else np.frompyfunc(function, operands, 1)


_INFINITIES = (arb.pos_inf(), arb.neg_inf())


def _on_plain(function: Callable[..., Any]) -> Callable[..., Any]:
    def on_plain(*x: Any) -> Any:
        try:
            return function(*x)
        except (TypeError, AttributeError):
            return function(*map(plain, x))

    return on_plain


def _bounds(x: Values) -> tuple[list[arb], list[arb]]:
    balls = [plain(v) for v in x.ravel()]
    return [b.lower() for b in balls], [b.upper() for b in balls]


def _truncated(x: arb) -> int:
    if not x.is_finite():
        return 0
    return int((x.floor() if x >= 0 else x.ceil()).unique_fmpz())


def _nowhere(left: Values, right: Values) -> Values:
    """Where every product in a row times a column has a structural zero in it, and so the sum is one."""
    some = [
        np.array([v is not ZERO for v in x.ravel()], dtype=np.int64).reshape(x.shape) for x in (left, right)
    ]
    return np.asarray(some[0] @ some[1] == 0)


def _any_nonfinite(x: Values) -> bool:
    return any(v is not ZERO and not v.is_finite() for v in x.ravel())


def _dot(a: Values, b: Values) -> Any:
    total: Any = ZERO
    for x, y in zip(a, b, strict=True):
        total = total + x * y
    return total
