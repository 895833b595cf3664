"""The faults that are planted: each a derivative rule written twice, right and with one thing wrong in it.

Rules are written once for all frameworks, in functions that torch and JAX spell alike.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt

FACTOR = {"float64": 1e-9, "float32": 1e-4, "bfloat16": 0.25, "float16": 0.05}
"""Relative size of a fault that each format can still see after a few roundings."""

DIGITS = {"float64": 8, "float32": 4, "bfloat16": 0, "float16": 0}
"""Digits to which a constant is rounded in a wrong rule."""

Door = Literal["case", "function"]
"""How a program comes in: as a case file, whose operations the adapter runs, or as a person's function."""


class Notation(Protocol):
    """What rules are written in: a framework's functions, and how it holds a value."""

    NUMBERS: Any

    def hold(self, value: Any) -> Any:
        """The value, through which no derivative passes."""


Tried = tuple[tuple[Door, str], ...]
"""Doors and dtypes in which a fault is planted: a sample, since each costs a compilation."""

Rule = Callable[..., Any]
"""``(notation, cotangent, *tensors)`` to cotangents; of a forward rule ``(notation, tangents, *tensors)``."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong in the rule of ``operation``, met in ``program`` at ``inputs``.

    ``wrong`` gives the rule with the fault, of the size that its argument, a dtype, can see. ``forward`` says
    that the rules are forward ones. At ``order`` 2 the rule's first derivatives are right.
    """

    name: str
    operation: str
    program: str
    inputs: Mapping[str, npt.NDArray[np.float64]]
    value: Rule
    right: Rule
    wrong: Callable[[str], Rule]
    tried: Tried
    order: Literal[1, 2] = 1
    forward: bool = False


def _sine(n: Notation, x: Any) -> Any:
    return n.NUMBERS.sin(x)


def _sine_pullback(n: Notation, c: Any, x: Any) -> Any:
    return c * n.NUMBERS.cos(x)


def _sine_tangent(n: Notation, t: Any, x: Any) -> Any:
    return t[0] * n.NUMBERS.cos(x)


def _cosine_pullback(n: Notation, c: Any, x: Any) -> Any:
    return -c * n.NUMBERS.sin(x)


def _softmax(n: Notation, x: Any, axis: int = -1) -> Any:
    e = n.NUMBERS.exp(x)
    return e / e.sum(axis, keepdims=True)


def _softmax_pullback(n: Notation, c: Any, x: Any, axis: int = -1) -> Any:
    y = _softmax(n, x, axis)
    return y * (c - (c * y).sum(axis, keepdims=True))


def _quotient_pullback(n: Notation, c: Any, a: Any, b: Any) -> Any:
    return c / b, -c * a / (b * b)


def _logarithm_pullback(n: Notation, c: Any, x: Any) -> Any:
    return c / (x * math.log(2))


def _larger(dtype: str) -> Rule:
    """Everything a little too large."""
    return lambda n, c, x: _sine_pullback(n, c, x) * (1 + FACTOR[dtype])


def _one_larger(dtype: str) -> Rule:
    """Only the cotangent of the largest input too large."""

    def pullback(n: Notation, c: Any, x: Any) -> Any:
        right = _sine_pullback(n, c, x)
        return right + right * (x == x.max()) * FACTOR[dtype]

    return pullback


def _too_steep(n: Notation, c: Any, x: Any) -> Any:
    """The right slope, whose own derivative is one half of what it should be."""
    slope = n.NUMBERS.cos(x)
    return c * (slope - (slope - n.hold(slope)) / 2)


def _rounded(dtype: str) -> Rule:
    """The logarithm of 2 with too few digits."""
    return lambda n, c, x: c / (x * round(math.log(2), DIGITS[dtype]))


POINT = np.array([0.5, 1.25, -0.75, 2.0])
POSITIVE = np.array([0.5, 1.25, 0.75, 3.0])
ROWS = np.array([[0.5, 1.5, -1.0], [2.0, 0.125, 0.25]])
COLUMN = np.array([0.5, 1.5, -1.0])


def _tried(**dtypes: str) -> Tried:
    doors: tuple[Door, ...] = ("case", "function")
    return tuple((door, dtype) for door in doors for dtype in dtypes.get(door, "").split())


FAULTS = (
    Fault("a factor", "sin", "y = sin(x)", {"x": POINT}, _sine, _sine_pullback, _larger,
          _tried(case="float64 float32 bfloat16 float16", function="float64 bfloat16")),
    Fault("one element off", "sin", "y = sin(x)", {"x": np.linspace(0.125, 1.375, 81)}, _sine, _sine_pullback,
          _one_larger, _tried(function="float64 float32")),
    Fault("a sign", "cos", "y = cos(x)", {"x": POINT}, lambda n, x: n.NUMBERS.cos(x), _cosine_pullback,
          lambda _: lambda n, c, x: -_cosine_pullback(n, c, x), _tried(case="float64 bfloat16")),
    Fault("a dropped term", "softmax", "y = softmax(x, axis=-1)", {"x": ROWS}, _softmax, _softmax_pullback,
          lambda _: lambda n, c, x, axis=-1: c * _softmax(n, x, axis),
          _tried(case="float64", function="float32")),
    Fault("swapped arguments", "divide", "y = a / b", {"a": POINT, "b": POSITIVE}, lambda n, a, b: a / b,
          _quotient_pullback, lambda _: lambda n, c, a, b: _quotient_pullback(n, c, a, b)[::-1],
          _tried(case="float64", function="float32")),
    Fault("a wrong constant", "log2", "y = log2(x)", {"x": POSITIVE}, lambda n, x: n.NUMBERS.log2(x),
          _logarithm_pullback, _rounded, _tried(case="float32", function="float64 bfloat16")),
    Fault("a missing sum", "add", "y = a + b", {"a": ROWS, "b": COLUMN}, lambda n, a, b: a + b,
          lambda n, c, a, b: (c, c.sum(0)), lambda _: lambda n, c, a, b: (c, c[0]),
          _tried(case="float64", function="float32")),
    Fault("second order only", "sin", "y = sin(x)", {"x": POINT}, _sine, _sine_pullback, lambda _: _too_steep,
          _tried(case="float64", function="float64 float32"), order=2),
    Fault("a forward rule", "sin", "y = sin(x)", {"x": POINT}, _sine, _sine_tangent,
          lambda dtype: lambda n, t, x: _sine_tangent(n, t, x) * (1 + FACTOR[dtype]),
          _tried(case="float64 float32"), forward=True),
)  # fmt: skip
"""Every fault of the self-test in a framework's rule, or in a person's."""

OWN_RULES = (("exp", "y = exp(x) * x"), ("tanh", "y = sin(tanh(x))"))
"""Primitives whose rule in our own table is spoiled, and programs that meet them."""

OWN_FACTOR = 2.0**-10
"""By how much our own rule is off, relatively."""
