"""Numbers and arrays of case files."""

from __future__ import annotations

import math
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from oracle.cases.document import read_document
from oracle.cases.errors import CaseError
from oracle.cases.values import (
    Array,
    cycled,
    float_number,
    integer_number,
    integers,
    normal,
    positive_definite,
    read_array,
    read_written,
    uniform,
    written,
)

FILE = Path("case.yaml")


def array_of(text: str) -> Array:
    """The float array that a YAML value describes."""
    node = read_document(FILE, f"x: {text}").get("x")
    assert node is not None
    return read_array(FILE, node, "float")


class TestNumbers:
    """One number."""

    @pytest.mark.parametrize(
        "text, value",
        [
            ("1", 1.0),
            ("-0.5e-3", -0.0005),
            (".5", 0.5),
            ("3.", 3.0),
            ("0x1.8p+1", 3.0),
            ("-0x1p-1074", -5e-324),
            ("0x10", 16.0),
            ("inf", math.inf),
            ("-.inf", -math.inf),
            ("1.7976931348623157e308", 1.7976931348623157e308),
        ],
    )
    def test_floats(self, text: str, value: float) -> None:
        """Decimals are rounded to the nearest float64 and hex floats are exact."""
        assert float_number(text) == value

    def test_signs_and_nan(self) -> None:
        """Negative zero keeps its sign, in hexadecimal too; nan is nan."""
        assert math.copysign(1, float_number("-0.0")) == -1
        assert math.copysign(1, float_number("-0x0p0")) == -1
        assert math.isnan(float_number(".nan"))

    @pytest.mark.parametrize(
        "text",
        ["1e999", "1e-999", "0x1p1024", "0x1p-1075", "0x1.00000000000001p0", "0x1p99999", "1e99999999"],
    )
    def test_out_of_range(self, text: str) -> None:
        """A number that float64 cannot hold is refused, never rounded to infinity or zero."""
        with pytest.raises(
            ValueError, match=r"which float64 cannot hold|found the exponent|found '0x1p99999'"
        ):
            float_number(text)

    @pytest.mark.parametrize(
        "text", ["", "abc", "1_000", "1,5", "0b1", "1.2.3", "--1", "1e", "0x", "٣", "true"]
    )
    def test_no_numbers(self, text: str) -> None:
        """Anything else is no number."""
        with pytest.raises(ValueError, match="found"):
            float_number(text)

    def test_integers(self) -> None:
        """Integers have 64 bits."""
        assert integer_number("-9223372036854775808") == -(2**63)
        with pytest.raises(ValueError, match="found '9223372036854775808'"):
            integer_number("9223372036854775808")

    @pytest.mark.parametrize(
        "text, value, half_unit",
        [
            ("0.25", Fraction(1, 4), Fraction(1, 200)),
            ("-2", Fraction(-2), Fraction(1, 2)),
            ("-2.0", Fraction(-2), Fraction(1, 20)),
            ("1.50e-3", Fraction(3, 2000), Fraction(1, 200_000)),
            ("2e3", Fraction(2000), Fraction(500)),
            ("0x1p-1", Fraction(1, 2), Fraction(0)),
        ],
    )
    def test_written(self, text: str, value: Fraction, half_unit: Fraction) -> None:
        """A written number claims half a unit of its last digit, a hex float all of them."""
        assert (written(text).value, written(text).half_unit) == (value, half_unit)


class TestArrays:
    """Nested lists."""

    def test_shapes(self) -> None:
        """A number has no axes, lists have one for each level."""
        assert array_of("1.5").shape == ()
        assert array_of("[]").shape == (0,)
        assert array_of("[[1, 2, 3], [4, 5, 0x1.8p+1]]").tolist() == [[1, 2, 3], [4, 5, 3]]

    @pytest.mark.parametrize(
        "text, message",
        [
            ("[1, two]", "case.yaml:1:8: found 'two'; expected a number"),
            ("[1, '2']", "case.yaml:1:8: found '2'; expected a number"),
            (
                "[[1, 2], [3]]",
                "case.yaml:1:13: found a row of shape (1,); expected shape (2,) like the first",
            ),
            ("[1, [2]]", "case.yaml:1:8: found a row of shape (1,); expected shape () like the first"),
            ("[1, ~]", "case.yaml:1:8: found '~'; expected a number"),
            ("{a: 1}", "case.yaml:1:4: found a mapping; expected a number"),
        ],
    )
    def test_refused(self, text: str, message: str) -> None:
        """What is no array is refused at the element."""
        with pytest.raises(CaseError) as caught:
            array_of(text)
        assert str(caught.value) == message

    def test_written_keeps_texts(self) -> None:
        """Expected values keep their digits in row-major order."""
        node = read_document(FILE, "x: [[1.0, 2.50], [3, 4e0]]").get("x")
        assert node is not None
        array = read_written(FILE, node)
        assert (array.shape, [n.text for n in array.numbers]) == ((2, 2), ["1.0", "2.50", "3", "4e0"])


class TestRules:
    """Arrays made by a rule."""

    def test_points_are_cycled(self) -> None:
        """Special points repeat in order until they fill the shape."""
        assert cycled(np.array([1.0, 2.0, 3.0]), (2, 2)).tolist() == [[1, 2], [3, 1]]

    def test_streams_are_pinned(self) -> None:
        """The same seed gives these very numbers for ever."""
        assert normal("x", (2,), 0.0, 1.0, 3).tolist() == PINNED["normal"]
        assert uniform("x", (2,), -1.0, 1.0, 3).tolist() == PINNED["uniform"]
        assert integers("x", (4,), 0, 9, 3).tolist() == PINNED["integers"]

    def test_inputs_differ(self) -> None:
        """Two inputs with one seed have different elements, so that nothing is tied by accident."""
        assert not np.any(normal("x", (9,), 0.0, 1.0, 0) == normal("y", (9,), 0.0, 1.0, 0))

    def test_integers_include_both_ends(self) -> None:
        """The highest integer of a uniform rule occurs."""
        assert set(integers("x", (200,), -1, 1, 0).tolist()) == {-1, 0, 1}

    @pytest.mark.parametrize("n", [1, 2, 7])
    def test_positive_definite(self, n: int) -> None:
        """The matrix is symmetric to the bit, positive definite, and made of sixteenths."""
        matrix = positive_definite("A", n, 1)
        assert np.array_equal(matrix, matrix.T)
        assert np.linalg.eigvalsh(matrix).min() >= 0.99
        assert np.array_equal(matrix * 16, np.round(matrix * 16))


PINNED = {
    "normal": [0.0930791079341047, -1.577090668487584],
    "uniform": [0.8987105418656731, 0.818127544464607],
    "integers": [6, 0, 2, 3],
}
