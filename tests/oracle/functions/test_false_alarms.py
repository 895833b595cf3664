"""What the operator database of torch once had called wrong, and was right."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch

import oracle
from oracle.judge.verdict import FAILING, Verdict

BOTH = ["torch.autograd", "torch.func.jvp"]
NAN = float("nan")


def t(values: Any) -> torch.Tensor:
    """A float64 tensor."""
    return torch.tensor(values, dtype=torch.float64)


ALARMS = [
    ("nanmean counts what is no NaN", lambda x: torch.nanmean(x), [t([2.0, NAN, -1.0])], 1),
    ("norm of a single number by powers", lambda x: torch.norm(x, 3), [t(-4.826984902407649)], 1),
    ("curvature of the norm of a single number", torch.linalg.vector_norm, [t(-7.582430495695129)], 2),
    ("binary cross entropy of a confident logit", torch.nn.functional.binary_cross_entropy_with_logits,
     [t([5.576059452216908, -7.5]), t([0.9825159914361162, 0.0])], 1),
]  # fmt: skip


@pytest.mark.parametrize("function, inputs, order", [a[1:] for a in ALARMS], ids=[a[0] for a in ALARMS])
def test_what_is_right_is_not_failed(
    function: Callable[..., Any], inputs: Sequence[torch.Tensor], order: int
) -> None:
    """Right answers that other roundings, or another lowering, had made failures of."""
    result = oracle.check(function, *inputs, routes=BOTH if order == 1 else None, order=order)
    assert [str(f) for f in result.findings if f.verdict in FAILING] == []
    assert result.judged


class SquareInNumpy(torch.autograd.Function):
    """A square whose forward cannot be read."""

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        """Computed outside of torch."""
        ctx.save_for_backward(x)
        return torch.from_numpy(x.detach().numpy() ** 2)

    @staticmethod
    def backward(ctx: Any, cotangent: Any) -> Any:
        """The right pullback."""
        return 2 * cotangent * ctx.saved_tensors[0]


def test_differences_move_only_what_requires_a_gradient() -> None:
    """An output that torch holds constant, such as the singular values of ``lstsq``, is no part of the
    gradient of the others, though its values move with the input.
    """
    result = oracle.check(lambda x: (SquareInNumpy.apply(x), 3 * x.detach()), t([1.5, -2.0]))
    slopes = [f.verdict for f in result.findings if f.argument == "slope along a direction"]
    assert (slopes, result.failures) == ([Verdict.AGREE], ())
