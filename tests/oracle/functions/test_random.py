"""Random functions are judged with the random numbers of the recorded run, and by no others."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import oracle
from oracle.judge.verdict import FAILING


@pytest.mark.parametrize("batch_first", [True, False])
def test_encoder_layer_with_dropout(batch_first: bool) -> None:
    """Attention with dropout draws otherwise under torch.func: not offered there, certified plainly."""
    torch.manual_seed(0)
    layer = torch.nn.TransformerEncoderLayer(8, 2, 16, dropout=0.1, batch_first=batch_first)
    result = oracle.check(layer, torch.randn(2, 3, 8))
    assert result.ok
    assert result.certified
    assert not [f for f in result.findings if f.verdict in FAILING]


def test_fault_in_a_random_function_is_found() -> None:
    """Dropout behind a wrong rule does not hide the rule."""

    class Cube(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.save_for_backward(x)
            return x**3

        @staticmethod
        def backward(ctx: Any, c: Any) -> Any:
            return 3.001 * ctx.saved_tensors[0] ** 2 * c

    x = torch.linspace(0.5, 2.0, 20, dtype=torch.float64, requires_grad=True)
    with pytest.raises(oracle.GradientError):
        oracle.assert_gradients(lambda x: torch.nn.functional.dropout(Cube.apply(x), 0.3), x)
