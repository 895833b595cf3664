"""Taylor jets in balls (``arb_series``): the check of our own rules that uses none of them.

Seed an input with ``x + v t``, evaluate a Program, and coefficient k of a result is its k-th derivative
along v over k factorial, by the arithmetic of power series alone. Jets live in the smooth interior: at a
tie, and for functions that power series do not have, :class:`NoJet` is raised.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from fractions import Fraction
from typing import Any

import numpy as np
from flint import arb, arb_series, ctx, fmpq

from reference_engine.arithmetic import (
    Contraction,
    Elementwise,
    Matrices,
    Values,
    from_matrix_form,
    matrix_form,
)
from reference_engine.arithmetic.balls import ZERO
from reference_engine.arithmetic.float64 import pick_by
from reference_engine.program import Attr, FrozenArray, Kind, Node, TensorType


class NoJet(ValueError):  # noqa: N818 - the absence of a jet is an answer, not a mistake
    """This function has no power series here; says which."""


@contextmanager
def jets(order: int, bits: int) -> Iterator[None]:
    """Keep coefficients up to ``order`` with ``bits`` of working precision; restore the caller's."""
    before = ctx.cap, ctx.prec
    ctx.cap, ctx.prec = order + 1, bits
    try:
        yield
    finally:
        ctx.cap, ctx.prec = before


def seed(values: Values, direction: Values | None = None) -> Values:
    """Jets ``x + v t`` of float64 arrays; constant where there is no direction.

    >>> with jets(2, 53):
    ...     seed(np.array(3.0), np.array(1.0)) ** 2
    9.00000000000000 + 6.00000000000000*x + 1.00000000000000*x^2 + O(x^3)
    """
    moves = np.zeros(values.shape) if direction is None else direction
    pairs = zip(values.ravel().tolist(), moves.ravel().tolist(), strict=True)
    return _array(values.shape, [arb_series([x, v]) for x, v in pairs])


def coefficient(values: Values, order: int) -> Values:
    """One coefficient of each jet, as balls; structural zeros stay."""
    found = [v if v is ZERO else jet(v)[order] for v in values.ravel().tolist()]
    return _array(values.shape, found)


def jet(x: Any) -> arb_series:
    """A jet for any element: numbers and structural zeros are constant."""
    if isinstance(x, arb_series):
        return x
    return arb_series([0 if x is ZERO else x])


def _array(shape: tuple[int, ...], entries: list[Any]) -> Values:
    out = np.empty(shape, dtype=object)
    out.reshape(-1)[:] = entries
    return out


def _sides(a: Values, b: Values) -> list[tuple[arb, arb]]:
    wide = np.broadcast_arrays(a, b)
    return [(jet(x)[0], jet(y)[0]) for x, y in zip(wide[0].ravel(), wide[1].ravel(), strict=True)]


def _total(terms: Any) -> Any:
    total: Any = ZERO
    for term in terms:
        total = total + term
    return total


class Taylor:
    """Evaluates in jets; conditions and orders are those of the constant coefficients."""

    lead = 0

    def enter(self, index: int, node: Node) -> Values | None:
        """Nothing to prepare."""
        return None

    def leave(self, index: int, node: Node, value: Values) -> Values:
        """The value as it is."""
        return value

    def constant(self, value: Attr, type_: TensorType, *, structural: bool) -> Values:
        """A constant jet."""
        if type_.kind != "real":
            return value.value if isinstance(value, FrozenArray) else np.asarray(value)
        if isinstance(value, FrozenArray):
            return seed(value.value)
        number = fmpq(value.numerator, value.denominator) if isinstance(value, Fraction) else value
        return _array((), [ZERO if structural else arb_series([arb(number)])])

    def elementwise(self, f: Elementwise, values: Sequence[Values], attrs: Mapping[str, Attr]) -> Values:
        """The function of power series over all elements."""
        if all(v.dtype != object for v in values):
            return np.asarray(f.float64(*values, **attrs))
        if f.taylor is None:
            msg = "no power series of this function"
            raise NoJet(msg)
        function = f.taylor
        try:
            found = np.frompyfunc(lambda *x: function(*x, **attrs), len(values), 1)(*values)
        except (TypeError, AttributeError):
            found = np.frompyfunc(lambda *x: function(*map(jet, x), **attrs), len(values), 1)(*values)
        # numpy would take a lone jet for a sequence of coefficients
        return found if isinstance(found, np.ndarray) else _array((), [found])

    def compare(self, name: str, a: Values, b: Values) -> Values:
        """The comparison of constant coefficients; :class:`NoJet` unless it is certain nearby too."""
        function = getattr(np, name)
        if object not in (a.dtype, b.dtype):
            return np.asarray(function(a, b))
        out = []
        for x, y in _sides(a, b):
            if not (x < y or x > y):
                msg = f"{name} of {x} and {y} is a tie"
                raise NoJet(msg)
            out.append(bool(function(0, 1) if x < y else function(1, 0)))
        return np.array(out, dtype=bool).reshape(np.broadcast_shapes(a.shape, b.shape))

    def logical(self, name: str, values: Sequence[Values]) -> Values:
        """Numpy's logical function of that name."""
        return np.asarray(getattr(np, name)(*values))

    def isfinite(self, x: Values) -> Values:
        """Where the constant coefficient is finite."""
        return np.array([jet(v)[0].is_finite() for v in x.ravel()], dtype=bool).reshape(x.shape)

    def choose(self, condition: Values, a: Values, b: Values, *, slope: bool) -> Values:
        """``a`` where the condition holds, else ``b``."""
        return np.where(condition, a, b)

    def convert(self, x: Values, source: Kind, target: Kind) -> Values:
        """To real only a change of type; from real the constant coefficient counts."""
        if source == target:
            return x
        if target == "real":
            return _array(x.shape, [arb_series([int(v)]) for v in x.ravel().tolist()])
        if source == "real":
            x = np.array([float(jet(v)[0].mid()) for v in x.ravel()]).reshape(x.shape)
        return x.astype(bool) if target == "bool" else np.trunc(x).astype(np.int64)

    def sum(self, x: Values, axes: tuple[int, ...]) -> Values:
        """Sum over axes; an empty sum is zero."""
        kept = [a for a in range(x.ndim) if a not in axes]
        if x.dtype != object:
            return np.asarray(x.sum(axis=axes))
        shape = tuple(x.shape[a] for a in kept)
        rows = x.transpose([*kept, *axes]).reshape(
            [int(np.prod(shape, dtype=np.int64)), -1] if x.size else [0, 0]
        )
        return _array(shape, [_total(row) for row in rows] if x.size else [ZERO] * int(np.prod(shape)))

    def cumsum(self, x: Values, axis: int) -> Values:
        """Running sum along an axis."""
        return np.asarray(np.add.accumulate(x, axis=axis))

    def contract(self, a: Values, b: Values, spec: Contraction) -> Values:
        """A contraction, element by element."""
        left, right, shape = matrix_form(a, b, spec, 0)
        batch, m, _ = left.shape
        n = right.shape[-1]
        entries = [
            _total(left[i, r] * right[i, :, c]) for i in range(batch) for r in range(m) for c in range(n)
        ]
        return from_matrix_form(_array((batch, m, n), entries), shape, spec, 0)

    def scatter_add(self, x: Values, index: Values, size: int) -> Values:
        """Add ``x`` (flat) into structural zeros at ``index``; negative places are dropped."""
        out = _array((size,), [ZERO] * size) if x.dtype == object else np.zeros(size, dtype=x.dtype)
        for i, v in zip(index.tolist(), x.tolist(), strict=True):
            if i >= 0:
                out[i] = out[i] + v
        return out

    def extremum(self, x: Values) -> Values:
        """Maximum over the last axis."""
        return np.asarray(self.sort(x)[..., -1])

    def sort(self, x: Values) -> Values:
        """Ascending along the last axis."""
        return np.take_along_axis(x, self.order(x), axis=-1)

    def order(self, x: Values) -> Values:
        """Argsort along the last axis by constant coefficients; :class:`NoJet` at a tie."""
        if x.dtype != object:
            return np.argsort(x, axis=-1, kind="stable")
        order = np.argsort(np.array([float(jet(v)[0].mid()) for v in x.ravel()]).reshape(x.shape), axis=-1)
        moved = np.take_along_axis(x, order, axis=-1)
        self.compare("less", moved[..., :-1], moved[..., 1:])
        return order

    def pick(self, x: Values, key: Values, how: str) -> Values:
        """Move values as sorting ``key`` would."""
        moved = pick_by(x, self.order(key), how)
        # places that nothing was moved to hold the integer 0
        return _array(moved.shape, [ZERO if isinstance(v, int) else v for v in moved.ravel().tolist()])

    def matrices(self, f: Matrices, values: Sequence[Values], attrs: Mapping[str, Attr]) -> Values:
        """Never: there are no power series of matrices here."""
        msg = "no power series of functions of matrices"
        raise NoJet(msg)

    def round_to(self, x: Values, dtype: str) -> Values:
        """Conversion between float types is the identity on exact values."""
        return x
