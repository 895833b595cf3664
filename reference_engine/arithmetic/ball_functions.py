"""What is done to every ball of an array: functions, comparisons, conversions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
from flint import arb, fmpq

from reference_engine.arithmetic import Values, truth
from reference_engine.arithmetic.elements import ZERO, plain, relations, same

# What a comparison is for each relation of its operands; a tie may go either way nearby.
_RELATIONS: dict[str, tuple[int, int, int]] = {
    "less": (truth.TRUE, truth.FALSE, truth.TIE_FALSE),
    "less_equal": (truth.TRUE, truth.FALSE, truth.TIE_TRUE),
    "greater": (truth.FALSE, truth.TRUE, truth.TIE_FALSE),
    "greater_equal": (truth.FALSE, truth.TRUE, truth.TIE_TRUE),
    "equal": (truth.FALSE, truth.FALSE, truth.TIE_TRUE),
    "not_equal": (truth.TRUE, truth.TRUE, truth.TIE_FALSE),
}


def filled(shape: tuple[int, ...], balls: Sequence[Any]) -> Values:
    """An array of that shape with these elements."""
    out = np.empty(shape, dtype=object)
    out.ravel()[:] = balls
    return out


def number(value: Any) -> Values:
    """A 0-d array of one exact number, or of the structural zero."""
    if isinstance(value, Fraction):
        value = arb(fmpq(value.numerator, value.denominator))
    out = np.empty((), dtype=object)
    out[()] = value if value is ZERO else arb(value)
    return out


def over_elements(function: Callable[..., Any], values: Sequence[Values]) -> Values:
    """A function of single elements over arrays; numpy's own operators do that without calls of Python."""
    whole = function if isinstance(function, np.ufunc) else np.frompyfunc(function, len(values), 1)
    try:
        found = whole(*values)
    except (TypeError, AttributeError):  # not every function takes structural zeros
        found = np.frompyfunc(_on_plain(function), len(values), 1)(*values)
    return np.asarray(found, dtype=object)


def _on_plain(function: Callable[..., Any]) -> Callable[..., Any]:
    def on_plain(*x: Any) -> Any:
        try:
            return function(*x)
        except (TypeError, AttributeError):
            return function(*map(plain, x))

    return on_plain


def widened(x: Values, spread: Values) -> Values:
    """The balls with radii grown by ``spread``."""
    pairs = zip(x.ravel(), spread.ravel().tolist(), strict=True)
    return filled(x.shape, [plain(v) + arb(0, r) for v, r in pairs])


def compared(name: str, a: Values, b: Values) -> Values:
    """Codes of a comparison, ties as such."""
    table = np.array([*_RELATIONS[name], truth.UNKNOWN], dtype=np.uint8)
    return np.asarray(table[relations(a, b)])


_INFINITIES = (arb.pos_inf(), arb.neg_inf())


def finite(x: Values) -> Values:
    """Codes: certain where a ball is finite or an infinity; where nothing is known, unknown."""
    codes = [
        truth.TRUE if v.is_finite() else truth.FALSE if v in _INFINITIES else truth.UNKNOWN
        for v in map(plain, x.ravel())
    ]
    return np.array(codes, dtype=np.uint8).reshape(x.shape)


def indicator(codes: Values) -> Values:
    """1 where a condition holds, 0 where it does not, the ball of both where it is undecided."""
    one, zero = arb(1), arb(0)
    both = one.union(zero)
    pairs = zip(truth.here(codes).ravel(), truth.undecided(codes).ravel(), strict=True)
    return filled(codes.shape, [both if u else one if h else zero for h, u in pairs])


def differ(a: Values, b: Values, where: Values) -> Values:
    """Where, of the places ``where``, the two are not certainly the same number."""
    out = np.zeros(where.shape, dtype=bool)
    out[where] = [not same(x, y) for x, y in zip(a[where], b[where], strict=True)]
    return out


def apart(a: Values, b: Values, where: Values) -> Values:
    """Where, of the places ``where``, the two are certainly not the same number."""
    out = np.zeros(where.shape, dtype=bool)
    out[where] = [
        not (plain(x).is_finite() and plain(y).is_finite() and plain(x).overlaps(plain(y)))
        for x, y in zip(a[where], b[where], strict=True)
    ]
    return out


def truncated(x: Values) -> tuple[Values, Values]:
    """The integer parts of the lower and upper bounds."""
    balls = [plain(v) for v in x.ravel()]
    low = np.array([_truncated(b.lower()) for b in balls], dtype=np.int64)
    high = np.array([_truncated(b.upper()) for b in balls], dtype=np.int64)
    return low.reshape(x.shape), high.reshape(x.shape)


def _truncated(x: arb) -> int:
    if not x.is_finite():
        return 0
    return int((x.floor() if x >= 0 else x.ceil()).unique_fmpz())
