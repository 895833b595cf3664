"""Numbers and arrays of a case file: exact, in the order written, and kept as written where digits matter."""

from __future__ import annotations

import math
import re
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from oracle.cases.document import Items, Node, Scalar, describe
from oracle.cases.errors import CaseError
from reference_engine.syntax import decimal

MAX_ELEMENTS = 1_000_000
"""Elements of one input: what the reference evaluates in balls within minutes."""

DType = Literal["float", "int", "bool"]
Array = npt.NDArray[Any]

_DECIMAL = re.compile(r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?")
_HEXADECIMAL = re.compile(r"[-+]?0[xX][0-9a-fA-F]{1,300}(\.[0-9a-fA-F]{0,300})?([pP][-+]?[0-9]{1,4})?")
_INFINITE = re.compile(r"[-+]?\.?(inf|Inf|INF)")
_NAN = re.compile(r"\.?(nan|NaN|NAN)")
_INTEGER = re.compile(r"[-+]?[0-9]{1,19}")
_TRUTH = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}


@dataclass(frozen=True, slots=True)
class Written:
    """A number as a person wrote it; ``half_unit`` is half a unit of its last digit, zero for a hex float."""

    text: str
    value: Fraction | float
    half_unit: Fraction


@dataclass(frozen=True, slots=True)
class WrittenArray:
    """Numbers as written, in row-major order."""

    shape: tuple[int, ...]
    numbers: tuple[Written, ...]


def float_number(text: str) -> float:
    """The float64 nearest to a decimal, or exactly that of a hex float; ValueError if there is none.

    >>> float_number("0x1.8p+1")
    3.0
    """
    if _NAN.fullmatch(text):
        return math.nan
    if _INFINITE.fullmatch(text):
        return -math.inf if text.startswith("-") else math.inf
    if _HEXADECIMAL.fullmatch(text):
        return _hexadecimal(text)
    if not _DECIMAL.fullmatch(text):
        msg = f"found {text[:40]!r}"
        raise ValueError(msg)
    exact = decimal(text)
    value = float(text)
    if math.isinf(value) or (value == 0 and exact != 0):
        msg = f"found {text[:40]}, which float64 cannot hold"
        raise ValueError(msg)
    return value


def written(text: str) -> Written:
    """A number with the precision that its digits claim.

    >>> written("0.25").half_unit
    Fraction(1, 200)
    >>> written("-2e3").half_unit
    Fraction(500, 1)
    """
    value = float_number(text)
    if not _DECIMAL.fullmatch(text):
        exact = Fraction(value) if math.isfinite(value) else value
        return Written(text, exact, Fraction(0))
    mantissa, _, exponent = text.lower().partition("e")
    places = len(mantissa.partition(".")[2]) - int(exponent or 0)
    return Written(text, decimal(text), Fraction(10) ** -places / 2)


def integer_number(text: str) -> int:
    """An integer of 64 bits; ValueError if it is none."""
    if not _INTEGER.fullmatch(text) or not -(2**63) <= int(text) < 2**63:
        msg = f"found {text[:40]!r}"
        raise ValueError(msg)
    return int(text)


def truth(text: str) -> bool:
    """The truth value that a text names; ValueError for any other text."""
    if text not in _TRUTH:
        msg = f"found {text[:40]!r}"
        raise ValueError(msg)
    return _TRUTH[text]


_READERS: dict[DType, tuple[Callable[[str], Any], type[np.generic], str]] = {
    "float": (float_number, np.float64, "a number"),
    "int": (integer_number, np.int64, "an integer of 64 bits"),
    "bool": (truth, np.bool_, "true or false"),
}


def read_array(path: Path, node: Node, dtype: DType) -> Array:
    """A number or nested lists of numbers as an exact array; CaseError at whatever does not fit."""
    reader, numpy_type, expected = _READERS[dtype]
    elements: list[Any] = []
    shape = _collect(path, node, lambda text: elements.append(reader(text)), expected)
    return np.array(elements, dtype=numpy_type).reshape(shape)


def read_written(path: Path, node: Node) -> WrittenArray:
    """A number or nested lists of numbers, each with its text."""
    numbers: list[Written] = []
    shape = _collect(path, node, lambda text: numbers.append(written(text)), "a number")
    return WrittenArray(shape, tuple(numbers))


def _collect(path: Path, node: Node, take: Callable[[str], None], expected: str) -> tuple[int, ...]:
    """Hand every scalar's text to ``take`` in row-major order; the shape."""
    match node:
        case Scalar(text=text, style=None):
            try:
                take(text)
            except ValueError as error:
                hint = "" if text else "the value is empty"
                found = str(error) if text else "found nothing"
                raise CaseError(path, node.line, node.column, found, expected, hint) from None
            return ()
        case Items(items=items):
            shapes = [_collect(path, item, take, expected) for item in items]
            for item, shape in zip(items, shapes, strict=True):
                if shape != shapes[0]:
                    found = f"found a row of shape {shape}"
                    raise CaseError(path, item.line, item.column, found, f"shape {shapes[0]} like the first")
            return (len(items), *(shapes[0] if shapes else ()))
    raise CaseError(path, node.line, node.column, f"found {describe(node)}", expected)


def cycled(points: Array, shape: tuple[int, ...]) -> Array:
    """Special points repeated in order until they fill the shape.

    >>> cycled(np.array([0.0, 1.0]), (3,))
    array([0., 1., 0.])
    """
    return np.resize(points.ravel(), shape)


def normal(name: str, shape: tuple[int, ...], mean: float, deviation: float, seed: int) -> Array:
    """Normal numbers, the same for every numpy."""
    return mean + deviation * _generator(name, seed).standard_normal(shape)


def uniform(name: str, shape: tuple[int, ...], low: float, high: float, seed: int) -> Array:
    """Uniform numbers in [low, high)."""
    return low + (high - low) * _generator(name, seed).random_sample(shape)


def integers(name: str, shape: tuple[int, ...], low: int, high: int, seed: int) -> Array:
    """Uniform integers from low to high, both included."""
    return _generator(name, seed).randint(low, high + 1, size=shape, dtype=np.int64)


def positive_definite(name: str, n: int, seed: int) -> Array:
    """A symmetric positive definite matrix; its entries are multiples of 1/16, so no rounding enters.

    >>> positive_definite("A", 2, 0).shape
    (2, 2)
    """
    quarters = _generator(name, seed).randint(-4, 5, size=(n, n)) / 4.0
    return quarters @ quarters.T + np.eye(n)


def _generator(name: str, seed: int) -> np.random.RandomState:
    """RandomState's streams are frozen, those of Generator may change. The name keeps inputs apart."""
    return np.random.RandomState([seed, zlib.crc32(name.encode())])


def element_count(shape: Sequence[int]) -> int:
    """Elements of a shape, in Python's integers; an extent of 0 counts as 1, for it hides no others.

    >>> element_count((0, 5))
    5
    """
    return math.prod(max(1, n) for n in shape)


def _hexadecimal(text: str) -> float:
    mantissa, _, exponent = text.lower().replace("0x", "").partition("p")
    whole, _, fraction = mantissa.partition(".")
    exact = Fraction(int(whole + fraction, 16)) * Fraction(2) ** (int(exponent or 0) - 4 * len(fraction))
    try:
        value = float(exact)
    except OverflowError:
        value = math.inf
    if math.isinf(value) or Fraction(value) != exact:
        msg = f"found {text[:40]}, which float64 cannot hold"
        raise ValueError(msg)
    return math.copysign(value, -1) if text.startswith("-") else value
