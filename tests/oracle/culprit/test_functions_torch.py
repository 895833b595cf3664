from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

import oracle
from oracle.judge.verdict import Culprit


class Swish(torch.autograd.Function):
    """The function x sigmoid(x), its gradient a millionth too large."""

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        """The value."""
        ctx.save_for_backward(x)
        return x * torch.sigmoid(x)

    @staticmethod
    def backward(ctx: Any, c: Any) -> Any:
        """The gradient."""
        (x,) = ctx.saved_tensors
        s = torch.sigmoid(x)
        return c * (s + x * s * (1 - s)) * (1 + 1e-6)


class Scale(torch.autograd.Function):
    """Its argument times a tensor that it is not given: ``x * Scale.factor``."""

    factor: Any = None

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:  # noqa: ARG004 - torch's signature
        """The value."""
        return x * Scale.factor

    @staticmethod
    def backward(ctx: Any, c: Any) -> Any:  # noqa: ARG004 - torch's signature
        """The gradient of what it is given."""
        return c * Scale.factor


class Sum(torch.autograd.Function):
    """Two results, of which the second sends nothing back."""

    @staticmethod
    def forward(ctx: Any, a: Any, b: Any) -> Any:
        """The values."""
        ctx.save_for_backward(a, b)
        return a + b, a * b

    @staticmethod
    def backward(ctx: Any, c: Any, d: Any) -> Any:  # noqa: ARG004 - torch's signature
        """Without the product's part."""
        return c, c


def draw(*shape: int) -> Any:
    """Normal numbers without touching the global generator."""
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def culprits(function: Any, *inputs: Any, **options: Any) -> set[Culprit | None]:
    """Who is blamed for what is wrong with the numbers; there is something."""
    result = oracle.check(function, *inputs, **options)
    found = {f.culprit for f in result.failures if not f.route.startswith("contract")}
    assert found
    return found


def blamed(function: Any, *inputs: Any, **options: Any) -> set[str]:
    """The operations that are blamed."""
    return {c.operation if c else "nobody" for c in culprits(function, *inputs, **options)}


class Block(torch.nn.Module):
    """A layer with the faulty rule in its middle."""

    def __init__(self, wide: int) -> None:
        super().__init__()
        self.first = torch.nn.Linear(wide, wide, dtype=torch.float64)
        self.norm = torch.nn.LayerNorm(wide, dtype=torch.float64)
        self.faulty = False

    def forward(self, x: Any) -> Any:
        """The layer."""
        h = self.norm(self.first(x))
        return x + (Swish.apply(h) if self.faulty else torch.nn.functional.silu(h))


def test_rule_deep_inside_a_module() -> None:
    """The Function is named by its class, with file and line of its call."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = torch.nn.Sequential(*(Block(4) for _ in range(4)), torch.nn.Dropout(0.3))
    model[1].faulty = True
    found = culprits(model, draw(2, 4), routes=["torch.autograd"])
    assert {c.operation for c in found if c} == {"Swish"}
    (source,) = {c.source for c in found if c}
    lines = Path(__file__).read_text(encoding="utf-8").splitlines()
    line = next(k for k, text in enumerate(lines, 1) if "Swish.apply(h) if" in text)
    assert source == f"test_functions_torch.py:{line}"


def test_node_is_one_of_the_results_program() -> None:
    """The number of the node is that of the Program that the result shows."""
    result = oracle.check(lambda x: torch.exp(Swish.apply(torch.sin(x))), draw(3), routes=["torch.autograd"])
    (culprit,) = {f.culprit for f in result.failures}
    assert result.program is not None
    assert culprit is not None
    assert culprit.node is not None
    assert result.program.nodes[culprit.node].op == "multiply"
    assert len(result.program.nodes) == culprit.node + 2


def test_after_changes_in_place() -> None:
    """In-place changes and views on the way do not confuse it."""

    def function(x: Any) -> Any:
        y = x.clone()
        y[1:] += x[:-1] ** 2
        y.mul_(2)
        return Swish.apply(y.t()).sum(0)

    assert blamed(function, draw(3, 3)) == {"Swish"}


def test_random_masks_are_those_of_the_run() -> None:
    """Operations that draw are asked with the numbers that they drew."""

    def function(x: Any) -> Any:
        return Swish.apply(torch.nn.functional.dropout(x, 0.5)) * torch.rand(4, 4, dtype=x.dtype)

    with torch.random.fork_rng():
        torch.manual_seed(1)
        assert blamed(function, draw(4, 4)) == {"Swish"}


def test_batch_norm_keeps_its_statistics() -> None:
    """Asking operations alone changes no buffer."""
    norm = torch.nn.BatchNorm1d(3, dtype=torch.float64)
    before = {n: b.clone() for n, b in norm.named_buffers()}
    assert blamed(lambda x: Swish.apply(norm(x)), draw(5, 3)) == {"Swish"}
    assert all(torch.equal(b, before[n]) for n, b in norm.named_buffers())


def test_two_results() -> None:
    """A Function whose second result sends nothing back is named, for each operand by its own gradient."""

    def function(a: Any, b: Any) -> Any:
        total, product = Sum.apply(torch.sin(a), torch.cos(b))
        return total * product

    found = culprits(function, draw(3), 2 + draw(3), routes=["torch.autograd"])
    assert {c.operation for c in found if c} == {"Sum"}
    assert len({c.part for c in found if c}) == 2


def test_tensor_read_behind_the_frameworks_back() -> None:
    """A Function that reads a tensor it is not given sends it nothing: that is its fault."""

    def function(x: Any, w: Any) -> Any:
        Scale.factor = torch.exp(w)
        return torch.sin(Scale.apply(x))

    found = culprits(function, draw(3), draw(3), routes=["torch.autograd"])
    assert {(c.operation, c.observed) for c in found if c} == {("Scale", 0.0)}


@pytest.mark.parametrize("route", ["torch.double_backward", "torch.forward_over_reverse"])
def test_second_order(route: str) -> None:
    """The rule is found by second derivatives too, on routes that offer it."""

    def function(x: Any) -> Any:
        return torch.tanh(Swish.apply(x * x))

    result = oracle.check(function, draw(3), order=2)
    found = [f for f in result.failures if f.route == route]
    assert {f.culprit.operation for f in found if f.culprit} <= {"Swish"}
    double = [f for f in result.failures if f.route == "torch.double_backward"]
    assert {f.culprit.operation for f in double if f.culprit} == {"Swish"}


def test_right_function_names_nobody() -> None:
    """Where nothing fails nothing is looked for."""
    result = oracle.check(lambda x: torch.exp(torch.sin(x)), draw(3))
    assert {f.culprit for f in result.findings} == {None}


def test_report_shows_it() -> None:
    """The error's message has a line on the culprit."""
    with pytest.raises(
        oracle.GradientError, match=r"culprit: Swish, node \d+ \(test_functions_torch.py:\d+\)"
    ):
        oracle.assert_gradients(lambda x: Swish.apply(x), draw(3))


def test_operations_on_complex_numbers_are_not_blamed() -> None:
    """What cannot be asked alone is passed over, and the rule behind it is found."""

    def function(x: Any) -> Any:
        z = torch.complex(torch.sin(x), torch.cos(x))
        return Swish.apply((z * z).abs() + x)

    assert blamed(function, draw(3), routes=["torch.autograd"]) == {"Swish"}
