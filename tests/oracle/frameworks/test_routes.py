"""Every route of torch and JAX against the reference engine's float64 tier."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from oracle.frameworks.jax_framework import JaxFramework
from oracle.frameworks.protocol import Framework, NotOfferedError, UnsupportedOperationError
from oracle.frameworks.torch_framework import TorchFramework
from reference_engine import Program, TensorType, trace, xp
from tests.oracle.frameworks.setting import SETTINGS, X, close, point_of, reference

FRAMEWORKS: tuple[Framework, ...] = (TorchFramework(), JaxFramework())
FIRST = [(f, route) for f in FRAMEWORKS for route in f.routes]
SECOND = [(f, route) for f in FRAMEWORKS for route in f.second_order_routes]
CURVED = ("worked example", "two layers", "lstm", "integer indexing", "unreached input", "zero size")


@pytest.mark.parametrize("name", list(SETTINGS))
@pytest.mark.parametrize("framework, route", FIRST, ids=[r for _, r in FIRST])
def test_first_order(framework: Framework, route: str, name: str) -> None:
    """Values and derivatives are the reference's, for every input and real output, in the right shapes."""
    program = SETTINGS[name].program
    point = point_of(program, SETTINGS[name].arrays)
    forward = route in framework.forward_routes
    answer = framework.derivative(route, program, point)
    expected = reference(program, point, "jvp" if forward else "vjp")
    for output, value in zip(program.output_names, answer.values, strict=True):
        assert close(value, expected[output])
    assert set(answer.derivatives) == (set(point.cotangents) if forward else set(point.wrt))
    for key, derivative in answer.derivatives.items():
        assert derivative.dtype == np.float64
        assert close(derivative, expected[("t." if forward else "grad.") + key])


@pytest.mark.parametrize("name", CURVED)
@pytest.mark.parametrize("framework, route", SECOND, ids=[r for _, r in SECOND])
def test_second_order(framework: Framework, route: str, name: str) -> None:
    """The gradient of <VJP, d> is the reference's in every composition of modes."""
    program = SETTINGS[name].program
    point = point_of(program, SETTINGS[name].arrays)
    answer = framework.second_order(route, program, point)
    expected = reference(program, point, "second_order")
    for output, value in zip(program.output_names, answer.values, strict=True):
        assert close(value, expected[output])
    assert set(answer.derivatives) == set(point.wrt)
    for key, derivative in answer.derivatives.items():
        assert close(derivative, expected["grad." + key])


@pytest.mark.parametrize("framework", FRAMEWORKS, ids=lambda f: f.name)
def test_value(framework: Framework) -> None:
    """The value alone is the reference's: float64, int64 and bool arrays."""
    program = SETTINGS["several outputs"].program
    point = point_of(program, SETTINGS["several outputs"].arrays)
    found = framework.value(program, point)
    expected = reference(program, point, "value")
    assert [v.dtype.name for v in found] == ["float64", "int64", "float64", "bool"]
    assert all(close(v, expected[n]) for n, v in zip(program.output_names, found, strict=True))


@pytest.mark.parametrize("framework", FRAMEWORKS, ids=lambda f: f.name)
def test_only_some_inputs(framework: Framework) -> None:
    """An input that is not asked for has no derivative in the answer."""
    setting = SETTINGS["two layers"]
    program = setting.program
    whole = point_of(program, setting.arrays)
    answer = framework.derivative(framework.routes[0], program, replace(whole, wrt=("w",)))
    assert list(answer.derivatives) == ["w"]
    assert close(answer.derivatives["w"], reference(program, whole, "vjp")["grad.w"])


@pytest.mark.parametrize("framework, route", FIRST, ids=[r for _, r in FIRST])
@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_cholesky_is_not_offered_in_half_precision(framework: Framework, route: str, dtype: str) -> None:
    """What a framework itself refuses is NotOfferedError with its own words."""
    program = trace(lambda a: xp.cholesky(a), {"a": TensorType((2, 2))})
    point = point_of(program, {"a": np.eye(2)}, dtype)
    with pytest.raises(NotOfferedError, match=r"not implemented for|[Uu]nsupported dtype|not supported"):
        framework.derivative(route, program, point)


def test_torch_without_double_backward() -> None:
    """A missing derivative of a derivative is not offered, however it is asked for."""
    program = trace(lambda x: xp.hardsigmoid(x), {"x": TensorType((4,))})
    point = point_of(program, {"x": X[0]})
    for route in ("torch.double_backward", "torch.forward_over_reverse"):
        with pytest.raises(NotOfferedError, match="hardsigmoid_backward"):
            TorchFramework().second_order(route, program, point)


def test_unsupported_operation_is_named() -> None:
    """An operation that the adapter lacks is named."""
    program = trace(lambda x: xp.cbrt(x), {"x": TensorType((4,))})
    with pytest.raises(UnsupportedOperationError, match="cbrt"):
        TorchFramework().value(program, point_of(program, {"x": X[0]}))


@pytest.mark.parametrize("framework", FRAMEWORKS, ids=lambda f: f.name)
def test_other_errors_pass(framework: Framework) -> None:
    """An error that is no refusal stays what it is."""
    program: Program = SETTINGS["two layers"].program
    point = point_of(program, SETTINGS["two layers"].arrays)
    without = {name: a for name, a in point.inputs.items() if name != "b"}
    with pytest.raises(KeyError, match="b"):
        framework.derivative(framework.routes[0], program, replace(point, inputs=without))


def test_flushed_subnormals() -> None:
    """Torch keeps subnormal numbers by default; the answer follows torch's switch, whatever it is."""
    import torch

    assert not TorchFramework().flushes_subnormals()
    if torch.set_flush_denormal(True):
        try:
            assert TorchFramework().flushes_subnormals()
        finally:
            torch.set_flush_denormal(False)
