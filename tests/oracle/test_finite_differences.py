"""Finite differences tell a value and an error bar that holds, or that they cannot tell."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from oracle.finite_differences import Estimate, directional, element


def slope(function: Callable[[Any], Any], at: float, bits: int = 53) -> Estimate:
    """Derivative of a function of one number."""
    return element(
        lambda v: {"y": function(v["x"])}, {"x": np.array(at)}, {"y": np.array(1.0)}, "x", (), bits
    )


def relu(x: Any) -> Any:
    """Kinked at zero."""
    return np.maximum(x, 0.0)


SMOOTH: dict[str, tuple[Callable[[Any], Any], float, float, float]] = {
    # function, point, derivative, largest bar relative to it that is of any use
    "sin": (np.sin, 0.7, math.cos(0.7), 1e-12),
    "square of a large number": (lambda x: x**2, 1e8, 2e8, 1e-13),
    "sqrt near its edge": (np.sqrt, 1e-7, 0.5 / math.sqrt(1e-7), 1e-11),
    "log near its pole": (np.log, 1e-5, 1e5, 1e-11),
    "fast oscillation": (lambda x: np.sin(1e4 * x), 0.7, 1e4 * math.cos(7e3), 1e-11),
    "saturated": (np.tanh, 15.0, 1 / math.cosh(15.0) ** 2, 0.05),
    "right of a kink": (relu, 1e-3, 1.0, 1e-13),
    "left of a kink": (relu, -1e-3, 0.0, 0.0),
    "steep": (np.exp, 30.0, math.exp(30.0), 1e-11),
    "smooth after all": (lambda x: x * np.abs(x), 0.0, 0.0, 1e-6),
    "edge of the domain": (lambda x: np.where(x <= 1, x**3, np.nan), 1.0, 3.0, 1e-12),
    "constant": (lambda x: x * 0 + 3, 1.0, 0.0, 1e-13),
    "tiny point": (np.sin, 1e-300, 1.0, 1e-13),
    "cancellation": (lambda x: np.sqrt(1e6 * x * x + 1) - np.sqrt(1e6 * x * x), 1.3, -2.958578471e-4, 1e-5),
}


@pytest.mark.parametrize("name", list(SMOOTH))
def test_true_value_is_within_the_bar(name: str) -> None:
    """Where there is a derivative it lies within the bar, and the bar is of use."""
    function, at, expected, useful = SMOOTH[name]
    found = slope(function, at)
    assert found.reliable
    assert abs(found.value - expected) <= found.error
    assert found.error <= useful * max(abs(expected), float(expected == 0))


BROKEN: dict[str, tuple[Callable[[Any], Any], float]] = {
    "kink": (relu, 0.0),
    "cusp of abs": (np.abs, 0.0),
    "infinite slope on both sides": (lambda x: np.sqrt(np.abs(x)), 0.0),
    "infinite slope at an edge": (np.sqrt, 0.0),
    "logarithmic slope": (lambda x: np.where(x == 0, 0.0, x * np.log(np.where(x == 0, 1.0, x))), 0.0),
    "small kink": (lambda x: np.sin(x) + 1e-5 * np.abs(x - 0.7), 0.7),
    "no value": (np.log, -1.0),
}


@pytest.mark.parametrize("name", list(BROKEN))
def test_no_plateau_is_said(name: str) -> None:
    """A kink, an infinite slope or a missing value is not reliable."""
    assert not slope(*BROKEN[name]).reliable


def test_sides_of_a_kink() -> None:
    """At a kink both one-sided slopes are told, and the bar covers them."""
    found = slope(relu, 0.0)
    assert (found.left, found.right, found.value, found.error) == (0.0, 1.0, 0.5, 0.5)


def test_step_at_a_jump_claims_nothing() -> None:
    """At a jump the bar is wider than any value it could defend."""
    found = slope(np.floor, 1.0)
    assert abs(found.value) <= found.error
    assert found.error > 1


FAMILIES: list[tuple[Callable[[Any], Any], Callable[[Any], Any], float, float]] = [
    (np.sin, np.cos, -10, 10),
    (np.exp, np.exp, -20, 20),
    (np.tanh, lambda x: 1 / np.cosh(x) ** 2, -12, 12),
    (np.log, lambda x: 1 / x, 1e-6, 50),
    (lambda x: x**3 - 2 * x, lambda x: 3 * x * x - 2, -5, 5),
    (lambda x: np.log1p(np.exp(x)), lambda x: 1 / (1 + np.exp(-x)), -30, 30),
    (lambda x: np.cos(1 / x), lambda x: np.sin(1 / x) / x**2, 0.01, 1),
]


@pytest.mark.parametrize("bits", [24, 53])
@pytest.mark.parametrize("family", range(len(FAMILIES)))
def test_bars_hold_everywhere(family: int, bits: int) -> None:
    """At a hundred random points no bar is broken, in float64 and in float32."""
    function, derivative, low, high = FAMILIES[family]
    dtype = np.float64 if bits == 53 else np.float32
    for x in np.random.default_rng(family).uniform(low, high, 100):
        at = float(dtype(x))
        found = slope(lambda v: np.asarray(function(np.asarray(v, dtype=dtype)), dtype=np.float64), at, bits)
        truth = float(derivative(at))
        # The formula that the bar is held against is itself rounded.
        assert not found.reliable or abs(found.value - truth) <= found.error + 1e-15 * abs(truth)
        assert found.reliable or bits == 24


def test_direction_and_cotangents() -> None:
    """Several inputs and outputs: the estimate is <cotangents, J direction> for the direction it took."""
    generator = np.random.default_rng(3)
    a, x = generator.normal(size=(3, 4)), 100 * generator.normal(size=4)
    inputs = {"a": a, "x": x, "n": np.array(3)}
    direction = {"a": generator.normal(size=(3, 4)), "x": generator.normal(size=4)}
    cotangents = {"y": generator.normal(size=3), "z": generator.normal(size=())}
    found = directional(
        lambda v: {"y": v["a"] @ v["x"], "z": np.sum(v["x"] ** 2) * v["n"], "unused": np.array(np.nan)},
        inputs,
        direction,
        cotangents,
    )
    da, dx = found.direction["a"], found.direction["x"]
    expected = cotangents["y"] @ (da @ x + a @ dx) + cotangents["z"] * 3 * 2 * (x @ dx)
    assert found.reliable
    assert abs(found.value - expected) <= found.error <= 1e-7
    assert np.allclose(da, direction["a"], rtol=1e-4)


def test_steps_are_exact() -> None:
    """The function sees points that differ from the base by exactly a power of two times the direction."""
    seen: list[float] = []

    def function(v: Any) -> dict[str, Any]:
        seen.append(float(v["x"]))
        return {"y": v["x"]}

    found = directional(function, {"x": np.array(0.1)}, {"x": np.array(0.3)}, {"y": np.array(1.0)})
    step = float(found.direction["x"])
    offsets = {abs(s - 0.1) / step for s in seen if abs(s - 0.1) > 1e-9}
    assert all(math.frexp(o)[0] == 0.5 for o in offsets)
    assert found.value == step


def test_zero_direction() -> None:
    """Nowhere to go: zero, without a bar."""
    found = directional(
        lambda v: {"y": np.sin(v["x"])}, {"x": np.ones(2)}, {"x": np.zeros(2)}, {"y": np.ones(2)}
    )
    assert found.reliable
    assert found.value == 0
