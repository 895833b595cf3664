"""How far rounding alone can move a value: the Program run several times with every rounding replaced by
chance.

Each operation's result is multiplied by ``1 + xi u`` with xi uniform in [-1, 1]; a reduction of k terms is
perturbed as k rounded partial sums in a random order. Branches, orders and structural zeros are those of the
exact evaluation, so the spread measures arithmetic and nothing else. The technique is Monte Carlo arithmetic
(Parker 1997; Sohier et al., ACM TOMS 2021).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from reference_engine.arithmetic import (
    Contraction,
    Elementwise,
    Matrices,
    Values,
    from_matrix_form,
    matrix_form,
    truth,
)
from reference_engine.arithmetic.balls import ZERO, StructuralZero, midpoints
from reference_engine.arithmetic.exactness import products_exact, sums_exactly
from reference_engine.arithmetic.float64 import Float64, as_float64, first_maximum_last, pick_by
from reference_engine.precision import PRECISIONS, Precision
from reference_engine.program import Attr, Kind, Node, TensorType

SAMPLES = 8
"""Runs. The largest of 8 deviations is within a factor of 2 of the largest of 64 on 9 functions tried."""

TILE = 1_000_000
"""Products that a contraction holds in memory at once."""


@dataclass
class Perturbed:
    """Evaluates ``samples`` perturbed runs at once, along the leading axis.

    ``decisions`` are the values of the same Program in balls, node by node. ``unit`` is the size of one
    perturbation, ``bits`` the significand of the format that decides what is representable, ``smallest`` the
    absolute error of a result that underflows.
    """

    decisions: Sequence[Values]
    unit: float
    precision: Precision
    smallest: float
    generator: np.random.Generator
    samples: int = SAMPLES
    units: Mapping[str, float] = field(default_factory=dict)
    lead: int = 1
    _index: int = -1
    _operands: tuple[int, ...] = ()

    def enter(self, index: int, node: Node) -> Values | None:
        """Integers and booleans are those of the exact evaluation."""
        self._index = index
        self._operands = node.inputs
        if node.type.kind == "real":
            return None
        decided = self.decisions[index]
        return truth.here(decided) if node.type.kind == "bool" else decided

    def leave(self, index: int, node: Node, value: Values) -> Values:
        """Structural zeros are zero in every sample."""
        decided = self.decisions[index]
        if decided.dtype != object:
            return value
        elements = decided.ravel().tolist()
        if StructuralZero not in set(map(type, elements)):
            return value
        zeros = np.array([v is ZERO for v in elements]).reshape(decided.shape)
        return np.where(zeros, 0.0, value)

    def _uniform(self, shape: tuple[int, ...]) -> Values:
        return self.generator.uniform(-1.0, 1.0, size=shape)

    def _round(self, raw: Values, unit: float | None = None, precision: Precision | None = None) -> Values:
        """One rounding of every element, none where the exact result is representable and no sample
        differs.
        """
        noise = self._uniform(raw.shape)
        out = raw + raw * noise * (self.unit if unit is None else unit)
        small = np.abs(raw) < self.smallest / self.unit
        if small.any():
            out = np.where(small, out + self.smallest * self._uniform(raw.shape), out)
        if not (raw[0] == raw[-1]).any():
            return out
        clean = (raw == raw[:1]).all(axis=0)
        if clean.any():
            kept = clean & self._representable(clean, precision or self.precision)
            if kept.any():
                out = np.where(kept, raw, out)
        return out

    def _representable(self, where: Values, precision: Precision) -> Values:
        """Where the exact value of this node is a number of the subject's format, at or above its smallest
        normal.
        """
        ball = self.decisions[self._index]
        out = np.zeros(where.shape, dtype=bool)
        if ball.dtype != object or ball.shape != where.shape:
            return out
        out[where] = [v is ZERO or precision.holds(v) for v in ball[where].tolist()]
        return out

    def input(self, value: Values) -> Values:
        """An input in every sample: exact, but a subnormal may be flushed to zero."""
        spread = np.broadcast_to(value, (self.samples, *value.shape))
        if value.dtype.kind == "f":
            subnormal = (np.abs(value) < self.precision.smallest_normal) & (value != 0)
            if subnormal.any():
                scale = 1 + subnormal * self._uniform(spread.shape)
                return np.asarray(spread * scale)
        return spread if value.dtype.kind == "f" else value

    def constant(self, value: Attr, type_: TensorType, *, structural: bool) -> Values:
        """A constant, rounded unless it is representable."""
        array = as_float64(value)
        if type_.kind != "real":
            return array
        array = array.astype(np.float64)
        return self._round(np.broadcast_to(array, (self.samples, *array.shape)))

    def elementwise(self, f: Elementwise, values: Sequence[Values], attrs: Mapping[str, Attr]) -> Values:
        """The float64 function, then one rounding (none for functions that only choose or change a sign)."""
        raw = np.asarray(f.float64(*values, **attrs))
        return raw if f.exact else self._round(raw)

    def compare(self, name: str, a: Values, b: Values) -> Values:
        """Never called: conditions are decided by the exact evaluation."""
        raise AssertionError(name)

    def logical(self, name: str, values: Sequence[Values]) -> Values:
        """Never called: conditions are decided by the exact evaluation."""
        raise AssertionError(name)

    def isfinite(self, x: Values) -> Values:
        """Never called: conditions are decided by the exact evaluation."""
        raise AssertionError

    def choose(self, condition: Values, a: Values, b: Values, *, slope: bool) -> Values:
        """The exact evaluation's branch in every sample."""
        return np.where(condition, a, b)

    def convert(self, x: Values, source: Kind, target: Kind) -> Values:
        """To real only: an exact number in every sample."""
        return np.broadcast_to(x.astype(np.float64), (self.samples, *x.shape))

    def sum(self, x: Values, axes: tuple[int, ...]) -> Values:
        """A sum of k terms as k rounded partial sums, in a random order for each sample."""
        shifted = [a + 1 for a in axes]
        kept = [a for a in range(x.ndim) if a not in shifted]
        count = math.prod([x.shape[a] for a in shifted])
        rows = x.transpose([*kept, *shifted]).reshape([x.shape[a] for a in kept] + [count])
        return self._partial_sums(rows)

    def _partial_sums(self, terms: Values) -> Values:
        """Sum over the last axis; terms are already rounded."""
        count = terms.shape[-1]
        if count <= 1:
            return np.asarray(terms.sum(axis=-1))
        order = self.generator.permuted(np.broadcast_to(np.arange(count), (self.samples, count)), axis=1)
        rows = terms.reshape(self.samples, -1, count)
        own, row = np.arange(self.samples)[:, None, None], np.arange(rows.shape[1])[:, None]
        partial = np.cumsum(rows[own, row, order[:, None]], axis=-1).reshape(terms.shape)
        raw, later = partial[..., -1], np.abs(partial[..., 1:])
        out = raw + self._adding * np.einsum("...k,...k->...", self._uniform(later.shape), later)
        if self._adding < self.unit:
            out = out + self.unit * self._uniform(out.shape) * np.abs(partial).max(axis=-1)
        if not (terms[0] == terms[-1]).any():
            return np.asarray(out)
        clean = (terms == terms[:1]).all(axis=(0, -1))
        if clean.any():
            exact = clean & sums_exactly(terms[0], clean, self.precision.bits)
            out = np.where(exact, raw[0], out)
        return np.asarray(out)

    @property
    def _adding(self) -> float:
        """Size of one rounding inside a reduction. Kernels add 16-bit numbers in float32, but may store a
        running sum between blocks: torch's layer_norm keeps the bias gradient in bfloat16. So the largest
        partial sum is rounded once to the storage format. With every partial sum rounded to it, a matmul
        with k = 1024 had a power of 1.6: nothing would have been caught.
        """
        return self.unit * 2.0 ** (self.precision.bits - self.precision.accumulation_bits)

    def cumsum(self, x: Values, axis: int) -> Values:
        """Running sums, each with the roundings of the ones before it."""
        moved = np.moveaxis(x, axis + 1, -1)
        partial = np.cumsum(moved, axis=-1)
        noise = self._uniform(partial.shape)
        noise[..., :1] = 0
        out = partial + self._adding * np.cumsum(noise * np.abs(partial), axis=-1)
        if self._adding < self.unit:
            out = out + self.unit * self._uniform(out.shape) * np.maximum.accumulate(np.abs(partial), axis=-1)
        clean = (moved == moved[:1]).all(axis=(0, -1))
        if clean.any():
            exact = clean & sums_exactly(moved[0], clean, self.precision.bits)
            out = np.where(exact[..., None], partial[0], out)
        return np.moveaxis(out, -1, axis + 1)

    def contract(self, a: Values, b: Values, spec: Contraction) -> Values:
        """Rounded products, then rounded partial sums; in tiles of rows, or of columns of one row, to bound
        the memory.
        """
        left, right, shape = matrix_form(a, b, spec, 1)
        samples, batch, m, k = left.shape
        n = right.shape[-1]
        out = np.zeros((samples, batch, m, n))
        entries = max(1, TILE // max(1, samples * batch * k))
        rows, across = max(1, entries // max(1, n)), min(n, entries)
        columns = np.swapaxes(right, -1, -2)[:, :, None]
        for top in range(0, m, rows):
            for first in range(0, n, max(1, across)):
                tile = (slice(None), slice(None), slice(top, top + rows), slice(first, first + across))
                out[tile] = self._dots(left[tile[:3]][:, :, :, None], columns[:, :, :, tile[3]])
        return from_matrix_form(out, shape, spec, 1)

    def _dots(self, left: Values, right: Values) -> Values:
        """Sums of products over the last axis, each product and partial sum rounded."""
        raw = left * right
        products = raw + raw * self._uniform(raw.shape) * self._adding
        if (raw[0] == raw[-1]).any():
            clean = (raw == raw[:1]).all(axis=(0, -1))
            exact = clean & products_exact(raw[0], clean, self.precision.bits)
            products = np.where(exact[..., None], raw, products)
        return self._partial_sums(products)

    def scatter_add(self, x: Values, index: Values, size: int) -> Values:
        """Added one after the other, each partial sum rounded."""
        out = np.zeros((self.samples, size))
        keep = index >= 0
        places, terms = index[keep], x[:, keep]
        counts = np.bincount(places, minlength=size) if places.size else np.zeros(size, dtype=np.int64)
        if counts.max(initial=0) <= 1:
            out[:, places] = terms
            return out
        order = np.argsort(places, kind="stable")
        ends = np.cumsum(counts)
        for count in np.unique(counts[counts > 0]).tolist():
            alike = np.flatnonzero(counts == count)
            members = order[(ends[alike] - count)[:, None] + np.arange(count)]
            out[:, alike] = self._partial_sums(terms[:, members])
        return out

    def extremum(self, x: Values) -> Values:
        """Maximum over the last axis."""
        return np.asarray(x.max(axis=-1))

    def sort(self, x: Values) -> Values:
        """Ascending along the last axis."""
        return np.sort(x, axis=-1)

    def order(self, x: Values) -> Values:
        """Never called: orders are decided by the exact evaluation."""
        raise AssertionError

    def pick(self, x: Values, key: Values, how: str) -> Values:
        """Move values as the exact keys say, in every sample the same way."""
        decided = self.decisions[self._operands[-1]]
        center = midpoints(decided) if decided.dtype == object else decided
        order = first_maximum_last(center) if how.endswith("max") else Float64().order(center)
        return pick_by(x, np.broadcast_to(order, (self.samples, *order.shape)), how)

    def matrices(self, f: Matrices, values: Sequence[Values], attrs: Mapping[str, Attr]) -> Values:
        """Normwise backward error: every operand moved by its size times u times the root of its extent, then
        one rounding of the result (Higham 2002, chapter 9: stable factorizations solve a nearby problem).
        """
        moved = []
        for v, rank in zip(values, f.ranks, strict=True):
            core = tuple(range(v.ndim - rank, v.ndim))
            size = np.max(np.abs(v), axis=core, keepdims=True, initial=0.0) if rank else np.abs(v)
            root = np.sqrt(max([v.shape[a] for a in core], default=1))
            moved.append(v + size * root * self.unit * self._uniform(v.shape))
        return self._round(Float64().matrices(f, moved, attrs))

    def round_to(self, x: Values, dtype: str) -> Values:
        """One rounding to the narrower of the two formats."""
        narrower = min((self.precision, PRECISIONS[dtype]), key=lambda p: p.bits)
        return self._round(x, max(self.unit, self.units.get(dtype, 0.0)), narrower)


def deviation(samples: Values, center: Values) -> Values:
    """Largest distance of a sample from the center, per element; infinite where a sample is NaN."""
    with np.errstate(all="ignore"):
        spread = np.abs(samples - center)
    return np.asarray(np.where(np.isnan(spread), np.inf, spread).max(axis=0))
