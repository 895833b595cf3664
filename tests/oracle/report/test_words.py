from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oracle.report.words import bits, number


@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_shortest_float32(value: float) -> None:
    """A float32 is written so that it reads back as itself, with no more digits than nine."""
    text = number(value, "float32")
    assert np.float32(text) == np.float32(value)
    assert len(text.replace("-", "").partition("e")[0].replace(".", "").strip("0")) <= 9 or abs(value) > 1e15


@pytest.mark.parametrize(
    "value, dtype, text",
    [
        (0.10000000149011612, "float32", "0.1"),
        (0.1, "float64", "0.1"),
        (0.0999755859375, "float16", "0.1"),
        (0.10009765625, "bfloat16", "0.1"),
        (float("-inf"), "float32", "-inf"),
        (0.0, "float32", "0.0"),
        (-0.0, "float32", "-0.0"),
        (3.0, "-", "3.0"),
    ],
)
def test_number(value: float, dtype: str, text: str) -> None:
    """Values are written as short as their dtype allows."""
    assert number(value, dtype) == text


def test_bits_are_never_rounded_up() -> None:
    """Half a bit is none, there are no negative ones, and tenths tell apart what looks alike."""
    assert bits(10.9, 22.3) == ("10", "22")
    assert bits(-3.0, 5.99) == ("0", "5")
    assert bits(19.19, 19.89) == ("19.1", "19.8")
