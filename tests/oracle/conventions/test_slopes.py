from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from oracle.conventions import POINTS, survey
from oracle.conventions.points import BALL, DUAL, PAIR, PROJECTIONS, Point
from oracle.conventions.slopes import Kind
from oracle.conventions.survey import Row
from oracle.conventions.wording import differences_text, valid_text

Array = npt.NDArray[np.float64]


def row_of(expression: str, **numbers: float | list[float]) -> Row:
    """The row of an expression, without any framework."""
    (row,) = survey([], [Point("add", expression, numbers)])
    return row


@pytest.mark.parametrize(
    "expression, x, expected, central",
    [
        ("abs(x)", 0.0, "[-1, 1]", "0"),
        ("relu(x)", 0.0, "[0, 1]", "0.5"),
        ("relu(x)", 1.5, "1", "1"),
        ("relu(x) - relu(-x)", 0.0, "1", "1"),
        ("sin(x) / x", 0.0, "0", "0"),
        ("sqrt(x)", 0.0, "none: unbounded", "undefined"),
        ("cbrt(x)", 0.0, "none: unbounded", "inf"),
        ("1 / x", 0.0, "none: unbounded", "inf"),
        ("x ** 1.5", 0.0, "0", "undefined"),
        ("floor(x)", 1.0, "none: jump", "inf"),
        ("sqrt(-1 - x ** 2)", 0.0, "none: undefined", "undefined"),
        ("log(x) ** 2", 0.0, "none: unbounded", "undefined"),
    ],
)
def test_functions_of_one_number(expression: str, x: float, expected: str, central: str) -> None:
    """Valid slopes and central differences that a person can derive."""
    row = row_of(expression, x=x)
    assert (valid_text(row), differences_text(row)) == (expected, central)


def test_corners_of_a_tie() -> None:
    """Of three tied maxima each may take all of the slope; a sum of two kinks has four corners."""
    tie = row_of("max(x)", x=[1.0, 1.0, 1.0])
    assert valid_text(tie) == "mixtures of [0, 0, 1]; [0, 1, 0]; [1, 0, 0]"
    both = row_of("relu(x1) + 2 * abs(x2)", x1=0.0, x2=0.0)
    assert sorted(map(tuple, both.valid[0][1].corners.tolist())) == [(0, -2), (0, 2), (1, -2), (1, 2)]


def test_inputs_apart_where_there_is_no_slope_together() -> None:
    """0/0 has a slope in the numerator's zero held, none in the other."""
    row = row_of("x1 / x2", x1=0.0, x2=0.0)
    assert valid_text(row) == "x1: none: undefined, x2: 0"
    assert row.differentiable


def in_described_set(curved: str, corner: Array, point: Point) -> bool:
    """Whether a corner lies on the boundary of the set that the text describes."""
    if curved == BALL:
        return bool(np.isclose(np.linalg.norm(corner), 1))
    if curved == PAIR:
        first, second = np.split(corner, 2)
        return bool(np.isclose(np.linalg.norm(first), 1) and np.allclose(first, -second))
    if curved == DUAL:
        return bool(np.isclose((np.abs(corner) ** 1.5).sum(), 1))
    assert curved == PROJECTIONS
    matrix = corner.reshape(point.inputs["x"].shape)
    return bool(np.allclose(matrix, matrix.T) and np.allclose(np.linalg.eigvalsh(matrix), [0, 1]))


def test_round_sets_are_described() -> None:
    """A text stands for the set exactly where the limits have no finite number of corners, and is true."""
    for row in survey([], [p for p in POINTS if p.operation in CURVED]):
        (_, slopes), *_ = row.valid
        assert (slopes.kind is Kind.CURVED) == bool(row.point.curved), row.point
        if row.point.curved:
            assert all(in_described_set(row.point.curved, corner, row.point) for corner in slopes.corners)


CURVED = {"norm", "hypot", "eigvalsh", "eigh", "svd", "svdvals"}
