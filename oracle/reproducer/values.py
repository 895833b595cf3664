"""Exact numbers as Python text: short arrays in decimals, long ones packed."""

from __future__ import annotations

import base64
import zlib
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from reference_engine.program import FrozenArray

WRITTEN_OUT = 64
"""Elements up to which an array is written in digits; a decimal of 17 digits is exact."""

UNPACK = '''
def unpacked(text, dtype, shape):
    """An array whose bytes are too many to be written as digits."""
    return np.frombuffer(zlib.decompress(base64.b85decode(text)), dtype).reshape(shape).copy()
'''
"""Needed where ``array_text`` packs."""

LINE = 96


def literal(value: Any) -> str:
    """An attribute as Python text.

    >>> literal((1, None, Fraction(1, 4))), literal(float("-inf"))
    ('(1, None, 0.25)', '-math.inf')
    """
    match value:
        case bool() | int() | str() | None:
            return repr(value)
        case Fraction():
            return repr(float(value))
        case float():
            return {"nan": "math.nan", "inf": "math.inf", "-inf": "-math.inf"}.get(repr(value), repr(value))
        case FrozenArray():
            return array_text(value.value)
        case tuple():
            inner = ", ".join(map(literal, value))
            return f"({inner},)" if len(value) == 1 else f"({inner})"
        case list():
            return f"[{', '.join(map(literal, value))}]"
        case _:
            msg = f"found {type(value).__name__}, which is not written as text"
            raise TypeError(msg)


def array_text(array: npt.NDArray[Any]) -> str:
    """A numpy array (float64, int64 or bool) as an expression of numpy.

    >>> array_text(np.array([0.1, 2.0]))
    'np.array([0.1, 2.0])'
    """
    kind = "" if array.dtype == np.float64 and array.size else f", dtype=np.{array.dtype.name}"
    kind = kind.replace("np.bool", "np.bool_")
    if array.size == 0:
        return f"np.zeros({array.shape}{kind})"
    if array.size <= WRITTEN_OUT:
        return f"np.array({_nested(array.tolist())}{kind})"
    packed = base64.b85encode(zlib.compress(np.ascontiguousarray(array).tobytes(), 6)).decode("ascii")
    lines = [packed[k : k + LINE] for k in range(0, len(packed), LINE)]
    text = "\n".join(f"    {line!r}" for line in lines)
    return f"unpacked(\n{text},\n    {array.dtype.name!r}, {array.shape}\n)"


def _nested(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_nested, value))}]"
    return literal(value)
