"""The certified derivative and its noise scale."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from reference_engine import TensorType, trace, xp
from reference_engine.certify import Certificate, certify, cost
from reference_engine.differentiate import vjp
from reference_engine.precision import FLOAT32, FLOAT64, PRECISIONS, Precision


def certified(
    function: Callable[..., Any], subject: Precision = FLOAT64, budget: int = 10**6, **inputs: Any
) -> Certificate:
    """The certificate of the gradient with cotangent 1."""
    arrays = {n: np.asarray(a, dtype=float) for n, a in inputs.items()}
    program = trace(function, {n: TensorType(a.shape) for n, a in arrays.items()}, ["y"])
    given = arrays | {"ct.y": np.ones(program.output_types[0].shape)}
    return certify(vjp(program, tuple(arrays)), given, list(arrays), subject, budget=budget)


def test_precision_doubles_until_the_enclosure_is_narrow() -> None:
    """exp(300) - 2^432 cancels 430 bits; the answer still has a radius far below its rounding."""
    found = certified(lambda x: xp.sin(xp.exp(x)), x=300.0)
    assert found.bits > 128
    assert float(found.enclosures["grad.x"].item().rad()) < 1e-3 * float(found.noise["grad.x"])


def test_start_precision_is_enough_for_ordinary_functions() -> None:
    """A small network stays at 128 bits."""
    assert certified(lambda x: xp.sum(xp.tanh(xp.sin(x))), x=np.linspace(-1, 1, 20)).bits == 128


def test_noise_covers_the_real_error_over_17_orders_of_magnitude() -> None:
    """The error of numpy's own float64 chain rule stays within 16 noise scales, from 1e-16 to 1e-1
    relative.
    """
    for shift in (0.0, 1e4, 1e8, 1e12, 1e15):
        found = certified(lambda x, s=shift: xp.sin((x + s) - s), x=0.7)
        moved = (0.7 + shift) - shift
        error = abs(np.cos(moved) - found.centers["grad.x"])
        assert error <= found.allowed("grad.x")
        assert error == 0 or found.allowed("grad.x") < 1e3 * error + 1e-14


def test_exact_arithmetic_has_no_noise() -> None:
    """Small whole numbers are added and multiplied without rounding, so the smallest error is seen."""
    found = certified(lambda x: xp.sum(x * x), x=[1.0, 2.0, 3.0])
    assert tuple(found.noise["grad.x"]) == (0.0, 0.0, 0.0)


@pytest.mark.parametrize("name", list(PRECISIONS))
def test_noise_scales_with_the_unit_roundoff(name: str) -> None:
    """The noise of exp at 0.3 is about one unit in each format."""
    subject = PRECISIONS[name]
    x = float(subject.round(0.3))
    found = certified(xp.exp, subject, x=x)
    ratio = float(found.noise["grad.x"] / (subject.unit_roundoff * found.centers["grad.x"]))
    assert 0.3 < ratio < 4


def test_leaving_the_domain_falls_back_to_smaller_noise() -> None:
    """sqrt(1 - x^2) at 1 - 1e-13 leaves its domain under perturbations of 2^-40."""
    found = certified(lambda x: xp.sqrt(1 - x * x), x=1 - 1e-13)
    assert np.isfinite(found.noise["grad.x"]).all()


def test_overflow_in_float64_does_not_hide_the_noise() -> None:
    """An intermediate of 1e600 has a certified gradient and a finite noise scale."""
    found = certified(lambda x: xp.log(x * x * x), x=1e200)
    assert found.centers["grad.x"] == pytest.approx(3e-200, rel=1e-15)
    assert np.isfinite(found.noise["grad.x"]).all()


def test_estimated_tier_above_the_budget() -> None:
    """More element-operations than the budget are estimated in float64, and say so."""
    found = certified(lambda x: xp.sum(xp.sin(x)), x=np.linspace(0, 1, 50), budget=10)
    assert found.tier == "estimated"
    np.testing.assert_allclose(found.centers["grad.x"], np.cos(np.linspace(0, 1, 50)), rtol=1e-15)


def test_cost_counts_products() -> None:
    """A (2, 3) by (3, 4) matrix product is 24 element-operations."""
    program = trace(lambda a, b: a @ b, {"a": TensorType((2, 3)), "b": TensorType((3, 4))})
    assert cost(vjp(program, ("a",))) - 2 * 3 * 4 == 24


def test_small_network_is_judged_in_milliseconds() -> None:
    """Value, gradient and noise scale of a 12 by 12 two-layer network take well under 0.1 s even on a busy
    machine.
    """
    generator = np.random.default_rng(0)
    weights = {n: generator.normal(size=(12, 12)) / 2 for n in ("x", "a", "b")}
    times = []
    for _ in range(5):
        started = time.perf_counter()
        certified(lambda x, a, b: xp.sum(xp.tanh(xp.tanh(x @ a) @ b)), **weights)
        times.append(time.perf_counter() - started)
    assert min(times) < 0.1


def test_branch_within_rounding_is_widened() -> None:
    """Next to its kink relu keeps its certified slope, and the widened enclosure holds both slopes."""
    c = float(np.nextafter(0.30000000000000004, 1))
    found = certified(lambda a, b, c: xp.where(a + b - c > 0, a + b - c, 0), a=0.1, b=0.2, c=c)
    assert not found.kinks
    assert found.widened is not None
    assert found.widened["grad.a"].item().contains(1)
    assert found.widened["grad.a"].item().contains(0)


def test_exact_tie_far_from_rounding_is_not_widened() -> None:
    """2 x and x + x tie exactly: a kink, not an accident of rounding."""
    found = certified(lambda x: xp.maximum(2 * x, x + x), FLOAT32, x=0.25)
    assert found.kinks
    assert found.widened is None


def test_rounding_to_a_narrower_format_has_its_noise() -> None:
    """A float64 input that float32 does not hold is rounded on the way through float32."""
    found = certified(lambda x: xp.astype(x, dtype="float32") * x, x=0.1)
    assert float(found.noise["y"]) > 2.0**-27 * 0.01
    held = certified(lambda x: xp.astype(x, dtype="float32") * x, x=0.125)
    assert float(held.noise["y"]) == 0.0
