"""Dtypes stay what they are: numbers do not widen, integers take the dtype under test."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest

from oracle.frameworks.jax_framework import JaxFramework
from oracle.frameworks.protocol import Framework
from oracle.frameworks.torch_framework import TorchFramework
from reference_engine import Program, TensorType, trace, xp
from tests.oracle.frameworks.setting import SETTINGS, X, point_of, reference

FRAMEWORKS: tuple[Framework, ...] = (TorchFramework(), JaxFramework())
BITS = {"float64": 53, "float32": 24, "bfloat16": 8, "float16": 11}

VECTOR = TensorType((4,))
INTEGERS = TensorType((4,), "int")
NARROW: dict[str, Program] = {
    "number": trace(lambda x: x * 0.1 + 3, {"x": VECTOR}),
    "number as base": trace(lambda x: 2**x, {"x": VECTOR}),
    "two numbers": trace(lambda x: xp.where(x > 0, 0.1, 3), {"x": VECTOR}),
    "integers divided": trace(lambda n: n / 3, {"n": INTEGERS}),
    "integers by a number": trace(lambda n: n * 0.1, {"n": INTEGERS}),
    "boolean by a number": trace(lambda x: (x > 0) * 0.1, {"x": VECTOR}),
    "mean of integers": trace(lambda n: xp.mean(n), {"n": INTEGERS}),
    "array": trace(lambda x: x + np.array([0.1, 0.2, 0.3, 0.4]), {"x": VECTOR}),
    "function of a number": trace(lambda x: x + xp.exp(0.1), {"x": VECTOR}),
    "constant": trace(lambda x: xp.sqrt(2 * xp.pi()) * x, {"x": VECTOR}),
    "clip": trace(lambda x: xp.clip(x, min=0.1), {"x": VECTOR}),
    "softmax": trace(lambda x: xp.softmax(x), {"x": VECTOR}),
}
ARRAYS = {"x": X[0], "n": np.array([1, 2, 4, 5])}


def held(value: np.ndarray, dtype: str) -> bool:  # type: ignore[type-arg]
    """Whether every element is a number of the dtype."""
    return bool((value.astype(getattr(ml_dtypes, dtype, dtype)).astype(np.float64) == value).all())


@pytest.mark.parametrize("dtype", ["bfloat16", "float32", "float64"])
@pytest.mark.parametrize("name", list(NARROW))
@pytest.mark.parametrize("framework", FRAMEWORKS, ids=lambda f: f.name)
def test_nothing_widens_or_narrows(framework: Framework, name: str, dtype: str) -> None:
    """Results are numbers of the dtype under test, and as accurate as it allows."""
    program = NARROW[name]
    point = point_of(program, {n: ARRAYS[n] for n in program.input_names}, dtype)
    (found,) = framework.value(program, point)
    (expected,) = reference(program, point, "value").values()
    assert found.dtype == np.float64
    assert held(found, dtype)
    assert np.abs(found - expected).max() <= 8 * 2.0 ** -BITS[dtype] * np.abs(expected).max()


@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float32"])
@pytest.mark.parametrize("framework, route", [(f, f.routes[0]) for f in FRAMEWORKS], ids=["torch", "jax"])
def test_derivative_in_narrow_dtypes(framework: Framework, route: str, dtype: str) -> None:
    """A narrow gradient comes back as float64, near the exact one and a number of its dtype."""
    program = SETTINGS["two layers"].program
    point = point_of(program, SETTINGS["two layers"].arrays, dtype)
    answer = framework.derivative(route, program, point)
    expected = reference(program, point, "vjp")
    for name, found in answer.derivatives.items():
        assert held(found, dtype)
        error = np.abs(found - expected["grad." + name]).max()
        assert 0 < error <= 64 * 2.0 ** -BITS[dtype] * np.abs(expected["grad." + name]).max()


@pytest.mark.parametrize("framework", FRAMEWORKS, ids=lambda f: f.name)
def test_astype_is_the_frameworks(framework: Framework) -> None:
    """A cast in the program is a cast in the framework, and its gradient comes back in the input's dtype."""
    program = trace(lambda x: xp.astype(x, dtype="float32") * 3, {"x": VECTOR})
    point = point_of(program, {"x": X[0]})
    answer = framework.derivative(framework.routes[0], program, point)
    narrow = X[0].astype(np.float32) * np.float32(3)
    assert np.array_equal(answer.values[0], narrow.astype(np.float64))
    expected = (point.cotangents["out0"].astype(np.float32) * np.float32(3)).astype(np.float64)
    assert np.array_equal(answer.derivatives["x"], expected)
