"""The floating-point formats that are judged: bits, unit roundoff, range."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from flint import arb


@dataclass(frozen=True)
class Precision:
    """A binary floating-point format.

    ``bits`` counts the significand with its hidden bit; ``min_exponent`` is that of the smallest normal
    number.

    >>> FLOAT32.unit_roundoff == 2.0**-24
    True
    """

    name: str
    bits: int
    min_exponent: int
    max_exponent: int

    @property
    def unit_roundoff(self) -> float:
        """Half the distance from 1 to the next number."""
        return 2.0**-self.bits

    @property
    def accumulation_bits(self) -> int:
        """Bits in which kernels add: 16-bit formats are accumulated in float32 and rounded once at the
        end.
        """
        return max(self.bits, 24)

    @property
    def smallest_normal(self) -> float:
        """The smallest positive normal number."""
        return 2.0**self.min_exponent

    @property
    def largest(self) -> float:
        """The largest finite number."""
        return (2.0 - 2.0 ** (1 - self.bits)) * 2.0**self.max_exponent

    def holds(self, value: arb) -> bool:
        """Whether a ball is exactly one number of this format, zero or normal."""
        if not value.is_exact() or value.bits() > self.bits:
            return False
        size = abs(float(value))  # without a rounding, unless it leaves the range of float64
        if self.smallest_normal <= size <= self.largest:
            return True
        return bool(value.is_zero()) or not value.is_finite()

    def round(self, values: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Float64 values rounded to this format, to nearest, ties to even; overflow becomes infinite.

        >>> BFLOAT16.round([1.00390625, 3e38]).tolist()
        [1.0, 3.00405527047391e+38]
        """
        array = np.asarray(values, dtype=np.float64)
        if self.name == "float64":
            return array
        with np.errstate(over="ignore"):
            if self.name in {"float32", "float16"}:
                return array.astype(self.name).astype(np.float64)
            quantum = np.ldexp(
                1.0, np.maximum(np.frexp(array)[1] - self.bits, self.min_exponent - self.bits + 1)
            )
            rounded = np.round(array / quantum) * quantum
            return np.where(
                np.abs(rounded) > self.largest,
                np.copysign(np.inf, array),
                np.where(np.isfinite(array), rounded, array),
            )


FLOAT64 = Precision("float64", 53, -1022, 1023)
FLOAT32 = Precision("float32", 24, -126, 127)
BFLOAT16 = Precision("bfloat16", 8, -126, 127)
FLOAT16 = Precision("float16", 11, -14, 15)

PRECISIONS = {p.name: p for p in (FLOAT64, FLOAT32, BFLOAT16, FLOAT16)}
"""The formats by name."""
