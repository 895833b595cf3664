"""What the rules of ``benchmarks.formula`` share: their form, and points to ask them at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

Generator = Any
Inputs = Callable[[Generator], tuple[Any, ...]]


@dataclass(frozen=True)
class Rule:
    """A function with a planted derivative rule, and how to draw inputs at which it shows."""

    label: Literal["fault", "loss"]
    function: Any
    inputs: Inputs


FACTORS = (1e-2, 1e-4, 1e-6, 1e-9)
"""Relative sizes of planted factors: all beyond float64 rounding by far."""
