"""What only torch has: memory layouts, ``.grad``, grad modes."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest
import torch

from oracle.frameworks import torch_routes
from oracle.frameworks.protocol import Layout, NotOfferedError, Point
from oracle.frameworks.torch_framework import TorchFramework, one_thread
from oracle.frameworks.torch_tensors import laid_out
from reference_engine import Program, TensorType, trace, xp
from tests.oracle.frameworks.setting import SETTINGS, X, close, normal, point_of, reference

TORCH = TorchFramework()
LAYOUTS: tuple[Layout, ...] = get_args(Layout)


@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (2, 0, 3), (2, 3, 4)])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_layout_keeps_elements(layout: Layout, shape: tuple[int, ...]) -> None:
    """A layout changes where elements lie and nothing else."""
    value = torch.tensor(normal(1, *shape))
    assert torch.equal(laid_out(value, layout), value)


def test_layouts_differ() -> None:
    """Each layout is what its name says."""
    value = torch.tensor(normal(1, 2, 3))
    assert laid_out(value, "contiguous").stride() == (3, 1)
    assert laid_out(value, "transposed").stride() == (1, 2)
    assert laid_out(value, "strided").stride() == (6, 2)
    assert laid_out(value, "expanded").stride() == (3, 1)
    assert laid_out(value[:1].expand(4, 3), "expanded").stride() == (0, 1)
    assert laid_out(torch.ones(2, 2, dtype=torch.bool), "strided").stride() == (4, 2)


def in_layout(layout: Layout) -> tuple[Program, Point]:
    """Two layers, every input in one layout; the rows of x are equal, so that it can be expanded."""
    arrays = {"x": np.repeat(X[:1], 3, axis=0), "w": normal(3, 4, 5), "b": normal(4, 5)}
    program = SETTINGS["two layers"].program
    return program, point_of(program, arrays, layouts=dict.fromkeys(arrays, layout))


@pytest.mark.parametrize(
    "layout, route",
    [(k, r) for k in LAYOUTS for r in TORCH.routes if (k, r) != ("expanded", "torch.func.jvp")],
)
def test_gradient_in_any_layout(layout: Layout, route: str) -> None:
    """The derivative does not depend on the layout, and has the shape of the input."""
    program, point = in_layout(layout)
    forward = route in TORCH.forward_routes
    expected = reference(program, point, "jvp" if forward else "vjp")
    for name, found in TORCH.derivative(route, program, point).derivatives.items():
        assert close(found, expected[("t." if forward else "grad.") + name])


def test_forward_mode_of_expanded_memory_is_not_offered() -> None:
    """Torch refuses a tangent for a tensor whose elements share memory."""
    with pytest.raises(NotOfferedError, match="single memory location"):
        TORCH.derivative("torch.func.jvp", *in_layout("expanded"))


def test_accumulation_holds() -> None:
    """Torch keeps its promise about ``.grad``, for inputs used twice, not at all, and holding nothing."""
    for name in ("worked example", "unreached input", "zero size", "several outputs", "stopped"):
        program = SETTINGS[name].program
        assert TORCH.contract("accumulate", program, point_of(program, SETTINGS[name].arrays)) == []


class _Forgets(torch.autograd.Function):
    """A backward that gives its gradient only the first time."""

    calls = 0

    @staticmethod
    def forward(_: object, x: torch.Tensor) -> torch.Tensor:
        """The identity."""
        return x.clone()

    @staticmethod
    def backward(_: object, gradient: torch.Tensor) -> torch.Tensor:
        """The identity at the first call, zero later."""
        _Forgets.calls += 1
        return gradient * (_Forgets.calls < 2)


@pytest.fixture
def forgetful(monkeypatch: pytest.MonkeyPatch) -> None:
    """Torch's exp, replaced by a function whose backward forgets."""
    operations = dict(torch_routes.tensors.OPERATIONS) | {"exp": lambda x: _Forgets.apply(x)}
    monkeypatch.setattr(torch_routes.tensors, "OPERATIONS", operations)
    _Forgets.calls = 0


@pytest.mark.usefixtures("forgetful")
def test_broken_accumulation_is_told() -> None:
    """A backward pass that leaves the wrong ``.grad`` is told by step, input, element and values."""
    program = trace(lambda x: xp.exp(x), {"x": TensorType((2,))})
    point = point_of(program, {"x": np.array([1.0, 2.0])})
    sentences = TORCH.contract("accumulate", program, point)
    first = float(point.cotangents["out0"][0])
    assert sentences[0] == f"after the first backward pass x.grad[0] is 0.0, expected {first!r}"
    assert len(sentences) == 3  # zeroing works


def test_unknown_contract() -> None:
    """A contract check that does not exist is not offered."""
    program = SETTINGS["worked example"].program
    with pytest.raises(NotOfferedError, match="'linear'"):
        TORCH.contract("linear", program, point_of(program, SETTINGS["worked example"].arrays))


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode, torch.enable_grad])
def test_any_grad_mode(mode: type) -> None:
    """The caller's grad mode neither changes the answer nor is changed."""
    program = SETTINGS["two layers"].program
    point = point_of(program, SETTINGS["two layers"].arrays)
    expected = reference(program, point, "vjp")
    with mode():
        before = torch.is_grad_enabled(), torch.is_inference_mode_enabled()
        for route in ("torch.autograd", "torch.func.vjp"):
            assert close(TORCH.derivative(route, program, point).derivatives["w"], expected["grad.w"])
        assert (torch.is_grad_enabled(), torch.is_inference_mode_enabled()) == before


def test_one_thread() -> None:
    """One thread inside, the caller's number after."""
    before = torch.get_num_threads()
    with one_thread():
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == before
