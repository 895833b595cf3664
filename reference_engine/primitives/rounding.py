"""Functions in float64 that numpy and scipy lack, or have to a few digits only: rounded from balls."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from flint import arb

from reference_engine.arithmetic import Values
from reference_engine.arithmetic.elements import precision

ATTEMPTS = (128, 512, 2048)
"""Working bits, one after the other until float64 accuracy is reached."""

ENOUGH = 60
"""Accurate bits of a ball that is rounded to float64."""


def rounded(ball: Callable[..., Any]) -> Callable[..., Values]:
    """The float64 function that rounds a function of balls; NaN where that has no finite value.

    >>> float(rounded(lambda x: x.sqrt())(2.0))
    1.4142135623730951
    """

    def one(*x: float, **attrs: Any) -> float:
        value = arb.nan()
        for bits in ATTEMPTS:
            with precision(bits):
                value = ball(*map(arb, x), **attrs)
            if value.is_exact() or value.rel_accuracy_bits() >= ENOUGH:
                break
        return float(value.mid()) if value.is_finite() else float("nan")

    def many(*x: Values, **attrs: Any) -> Values:
        out = np.frompyfunc(lambda *v: one(*map(float, v), **attrs), len(x), 1)(*x)
        return np.asarray(out, dtype=np.float64)

    return many
