"""Membership in the hull of limiting gradients, with exact limit functions."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from oracle.judge.subgradients import Membership, locate

Vector = npt.NDArray[np.float64]
TIGHT = 1e-15


def relus(direction: Vector) -> Vector:
    """Limits of the gradient of the sum of independent relus at 0."""
    return np.where(direction > 0, 1.0, 0.0)


def largest(direction: Vector) -> Vector:
    """Limits of the gradient of a maximum at a tie of all."""
    out = np.zeros(direction.size)
    out[np.argmax(direction)] = 1.0
    return out


@pytest.mark.parametrize("n", [1, 4, 12, 32, 64, 128])
@pytest.mark.parametrize(
    "value, expected",
    [(0.0, Membership.INSIDE), (0.5, Membership.INSIDE), (1.0, Membership.INSIDE), (1.5, Membership.OUTSIDE)],
)
def test_independent_relus(n: int, value: float, expected: Membership) -> None:
    """Every corner and the middle of the cube are found, however many kinks there are."""
    assert expected is locate(np.full(n, value), np.full(n, TIGHT), relus).membership


@pytest.mark.parametrize("n", [2, 3, 8, 32, 64])
@pytest.mark.parametrize("total, expected", [(1.0, Membership.INSIDE), (1.5, Membership.OUTSIDE)])
def test_tie_weights_must_sum_to_one(n: int, total: float, expected: Membership) -> None:
    """Support functions in random directions accept weights that sum to 1.5; the hull does not."""
    assert expected is locate(np.full(n, total / n), np.full(n, TIGHT), largest).membership


@pytest.mark.parametrize(
    "value, expected", [(1.0, Membership.INSIDE), (0.3, Membership.INSIDE), (1.5, Membership.OUTSIDE)]
)
def test_cotangent_of_both_signs(value: float, expected: Membership) -> None:
    """Absolute values at 0 are convex where the cotangent is positive and concave where it is negative."""
    cotangent = np.where(np.arange(40) % 3 == 0, -1.0, 0.5)
    decision = locate(value * cotangent, np.full(40, 1e-15), lambda d: cotangent * np.sign(d))
    assert decision.membership is expected
    assert len(decision.limits) < 120


def test_all_limits_equal() -> None:
    """Where all limits coincide a different vector is told apart from one outside a hull."""
    decision = locate(np.array([1.0, 2.0]), np.full(2, TIGHT), lambda _: np.array([1.0, 2.5]))
    assert Membership.POINT is decision.membership


def test_element_in_which_limits_coincide_is_held_tightly() -> None:
    """Beside a kink in one element, an error of 1e-12 in a smooth one is not forgiven."""

    def limits(direction: Vector) -> Vector:
        return np.array([float(direction[0] > 0), 3.0])

    right = locate(np.array([0.3, 3.0]), np.full(2, TIGHT), limits)
    off = locate(np.array([0.3, 3.0 + 1e-12]), np.full(2, TIGHT), limits)
    assert (right.membership, off.membership) == (Membership.INSIDE, Membership.POINT)


def test_function_defined_on_no_side() -> None:
    """Without any limit there is no answer."""
    assert Membership.UNKNOWN is locate(np.zeros(2), np.full(2, TIGHT), lambda _: None).membership
