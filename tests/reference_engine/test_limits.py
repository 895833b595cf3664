"""Limiting gradients: what the derivative tends to on the way to a point."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from reference_engine import TensorType, trace, xp
from reference_engine.arithmetic.balls import midpoints
from reference_engine.certify import certify
from reference_engine.differentiate import second_order, vjp
from reference_engine.limits import Approach, Limit, limit
from reference_engine.precision import FLOAT64


def approach(function: Callable[..., Any], x: Any, direction: Any, order: int = 1) -> Limit:
    """The limit of the gradient (or of the second derivative) along a direction."""
    point, d = np.asarray(x, dtype=float), np.asarray(direction, dtype=float)
    program = trace(function, {"x": TensorType(point.shape)}, ["y"])
    derivative = vjp(program, ("x",)) if order == 1 else second_order(program, ("x",))
    given = {"x": point, "ct.y": np.ones(program.output_types[0].shape), "d.x": np.ones(point.shape)}
    given = {n: given[n] for n in derivative.input_names}
    here = certify(derivative, given, ["x"], FLOAT64).enclosures
    return limit(derivative, given, {"x": d}, here, ["grad.x"])


def value(found: Limit) -> Any:
    """The limit in float64."""
    return midpoints(found.enclosures["grad.x"]).tolist()


def relu(x: Any) -> Any:
    """max(x, 0)."""
    return xp.where(x > 0, x, 0)


@pytest.mark.parametrize("direction, expected", [(1.0, 1.0), (-1.0, 0.0)])
def test_relu_has_two_limits(direction: float, expected: float) -> None:
    """1 from the right, 0 from the left."""
    found = approach(relu, 0.0, direction)
    assert (Approach.CONVERGES, expected) == (found.approach, value(found))


@pytest.mark.parametrize("direction", [1.0, -1.0])
def test_smooth_after_all(direction: float) -> None:
    """relu(x) - relu(-x) has slope 1 from both sides."""
    assert value(approach(lambda x: relu(x) - relu(-x), 0.0, direction)) == 1.0


@pytest.mark.parametrize("order, expected", [(1, 0.0), (2, -1 / 3)])
def test_removable_quotient(order: int, expected: float) -> None:
    """sin(x)/x at 0 has slope 0 and second derivative -1/3."""
    assert expected == pytest.approx(value(approach(lambda x: xp.sin(x) / x, 0.0, 1.0, order)), abs=1e-30)


@pytest.mark.parametrize("direction, expected", [(1.0, 1.0), (-1.0, 0.0)])
def test_stopped_operand_is_held(direction: float, expected: float) -> None:
    """The larger of x and stop_gradient(x) has a kink: the second is a constant on the way too."""
    found = approach(lambda x: xp.maximum(x, xp.stop_gradient(x)), 2.0, direction)
    assert (found.approach, value(found), found.jumps) == (Approach.CONVERGES, expected, False)


@pytest.mark.parametrize("direction", [1.0, -1.0])
def test_stopped_threshold_moves(direction: float) -> None:
    """An element kept because it reaches a stopped threshold of itself stays kept beside the point."""
    found = approach(lambda x: xp.where(x >= xp.stop_gradient(x), x, 0), 2.0, direction)
    assert (found.approach, value(found), found.jumps) == (Approach.CONVERGES, 1.0, False)


def test_maximum_tie_gives_one_place() -> None:
    """Beside a tie one operand is the maximum."""
    assert value(approach(xp.max, [2.0, 2.0, 1.0], [-1.0, 0.5, 3.0])) == [0.0, 1.0, 0.0]


def test_identical_operands_stay_tied_and_consistent() -> None:
    """max(2x, x + x) is tied at every nearby point; one piece is chosen at every place."""
    assert value(approach(lambda x: xp.maximum(2 * x, x + x), 0.3, 1.0)) == 2.0


@pytest.mark.parametrize("function", [xp.sqrt, lambda x: x * xp.log(x), lambda x: xp.cbrt(x) + x])
def test_infinite_slope_diverges(function: Callable[..., Any]) -> None:
    """An infinite slope is no limit, however slowly it is reached: x log x grows by 139 per rung."""
    assert Approach.DIVERGES is approach(function, 0.0, 1.0).approach


def test_slow_convergence_is_undecided() -> None:
    """(x^2)^0.505 has slope 1.01 h^0.01: neither settled nor growing."""
    assert Approach.UNDECIDED is approach(lambda x: (x * x) ** 0.505, 0.0, 1.0).approach


def test_outside_the_domain() -> None:
    """Sqrt has no left side at 0."""
    assert Approach.OUTSIDE is approach(xp.sqrt, 0.0, -1.0).approach


def test_jump_is_seen() -> None:
    """A step is not continuous from the side of its jump, though its slopes settle."""
    assert approach(lambda x: xp.where(x > 0, 1 + x, 0.0), 0.0, 1.0).jumps
    assert not approach(relu, 0.0, 1.0).jumps
