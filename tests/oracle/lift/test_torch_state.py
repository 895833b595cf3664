"""Lifting leaves the caller's process as it was."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
import torch
from torch.autograd.function import _SingleLevelFunction

from oracle.lift.torch_lift import lift_torch
from tests.oracle.lift.torch_comparison import tensor


def test_buffers_are_restored() -> None:
    """Running statistics of a batch norm in train mode are what they were, and count no batch."""
    norm = torch.nn.BatchNorm1d(3).double()
    before = {name: b.clone() for name, b in norm.named_buffers()}
    assert lift_torch(norm, (tensor(4, 3),)).program is not None
    for name, buffer in norm.named_buffers():
        assert torch.equal(buffer, before[name]), name


def test_generators_are_restored() -> None:
    """Random numbers drawn after the lift are those that would have been drawn without it."""
    torch.manual_seed(0)
    random.seed(0)
    state, python = torch.get_rng_state(), random.getstate()
    lift_torch(lambda x: torch.dropout(x * random.random(), 0.5, True), (tensor(9),))
    assert torch.equal(torch.get_rng_state(), state)
    assert random.getstate() == python


def test_inputs_and_flags_are_untouched() -> None:
    """Inputs keep their numbers, their .grad and their requires_grad; modes and patches are undone."""
    x, y = tensor(3), tensor(3, grad=False)
    numbers = x.detach().clone()
    apply_before = vars(_SingleLevelFunction).get("apply")
    methods = {name: vars(torch.Tensor).get(name) for name in ("numpy", "tolist", "__array__", "detach_")}
    with torch.no_grad():
        lift_torch(lambda x, y: (x * y).clone().add_(1), (x, y))
        assert not torch.is_grad_enabled()
    assert torch.is_grad_enabled()
    assert torch.equal(x, numbers)
    assert (x.requires_grad, y.requires_grad, x.grad, y.grad) == (True, False, None, None)
    assert vars(_SingleLevelFunction).get("apply") is apply_before
    assert {name: vars(torch.Tensor).get(name) for name in methods} == methods
    assert torch._C._get_mkldnn_enabled()


def test_raising_function_leaves_no_trace() -> None:
    """What the function raises passes through, and patches and modes are undone."""

    class Broken(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:  # noqa: ARG004
            msg = "broken"
            raise RuntimeError(msg)

    with pytest.raises(RuntimeError, match="broken"):
        lift_torch(Broken.apply, (tensor(2),))
    assert "apply" not in vars(_SingleLevelFunction)
    assert torch.utils._python_dispatch._get_current_dispatch_mode() is None


def test_no_tensor_is_a_type_error() -> None:
    """A function that returns a Python number says so."""
    with pytest.raises(TypeError, match="returns no tensor, but float"):
        lift_torch(lambda x: x.sum().item(), (tensor(2),))


def test_inputs_are_exact() -> None:
    """A slot holds the numbers that the framework sees, and the name of their format."""
    x = torch.tensor([0.1, 1e-3], dtype=torch.bfloat16, requires_grad=True)
    lifted = lift_torch(lambda x, k: x[k], (x, torch.tensor([1])))
    assert [(s.dtype, s.differentiable) for s in lifted.inputs] == [("bfloat16", True), ("int64", False)]
    np.testing.assert_array_equal(lifted.inputs[0].array, x.detach().double().numpy())
    assert lifted.inputs[1].array.dtype == np.int64
