"""Modules as people write them: parameters by name, buffers put back, dropout as drawn."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from tests.oracle.lift.torch_comparison import check, tensor

nn = torch.nn


class Block(nn.Module):
    """A small residual block."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(2, 4, 3, padding=1, groups=2),
            nn.BatchNorm2d(4),
            nn.ReLU(inplace=True),
            nn.Conv2d(4, 2, 1),
        )

    def forward(self, x: Any) -> Any:
        """The input plus what the body makes of it, pooled."""
        return nn.functional.max_pool2d(torch.relu(x + self.body(x)), 2)


MODULES: dict[str, tuple[Callable[[], Any], tuple[int, ...]]] = {
    "mlp": (lambda: nn.Sequential(nn.Linear(4, 5), nn.GELU(), nn.Dropout(0.4), nn.Linear(5, 2)), (3, 4)),
    "lstm": (lambda: nn.LSTM(4, 3, 2, bidirectional=True), (3, 2, 4)),
    "gru": (lambda: nn.GRU(4, 3), (3, 2, 4)),
    "transformer": (lambda: nn.TransformerEncoderLayer(4, 2, 8, dropout=0.1), (3, 2, 4)),
    "block": (Block, (2, 2, 4, 4)),
    "batch norm": (lambda: nn.BatchNorm1d(4), (5, 4)),
    "batch norm evaluating": (lambda: nn.BatchNorm1d(4).eval(), (5, 4)),
    "instance norm": (lambda: nn.InstanceNorm1d(2, affine=True), (2, 2, 5)),
}


@pytest.mark.parametrize("name", list(MODULES))
def test_module(name: str) -> None:
    """Value and gradients of inputs and parameters are torch's."""
    torch.manual_seed(1)
    make, shape = MODULES[name]
    module = make().double()

    def outputs(x: Any) -> Any:
        found = module(x)
        return found[0] if isinstance(found, tuple) else found

    lifted = check(outputs, tensor(*shape))
    assert [s.path for s in lifted.inputs if s.captured] == [f"module.{n}" for n in _used(module, lifted)]


def _used(module: Any, lifted: Any) -> list[str]:
    """Names of the module's parameters in the order of their first use."""
    names = [n for n, _ in module.named_parameters()]
    order = [s.path.removeprefix("module.") for s in lifted.inputs if s.captured]
    assert sorted(order) == sorted(names)
    return order


def test_attention_alone() -> None:
    """nn.MultiheadAttention with its parameters as named inputs, called as a module."""
    torch.manual_seed(0)
    attention = nn.MultiheadAttention(4, 2).double()
    x = tensor(3, 1, 4)
    lifted = check(lambda x: attention(x, x, x)[0], x)
    assert {s.path for s in lifted.inputs if s.captured} == {
        f"attention.{n}" for n, _ in attention.named_parameters()
    }


def test_module_itself_is_the_function() -> None:
    """All parameters of a module that is the function are inputs, in its order and under its names."""
    module = nn.Linear(4, 2).double()
    lifted = check(module, tensor(3, 4))
    assert [(s.path, s.captured) for s in lifted.inputs] == [
        ("input", False),
        ("weight", True),
        ("bias", True),
    ]
