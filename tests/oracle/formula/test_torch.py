"""Formulas of torch's derivatives, and of rules written by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch.nn import functional as F  # noqa: N812 - as everybody calls it

from oracle.formula.check import Outcome
from oracle.lift.aten import LOWERINGS
from tests.oracle.formula.asking import formulas
from tests.oracle.functions.torch_rules import point, rule, softmax_backward

ROUTES = ("torch.autograd", "torch.func.vjp", "torch.func.jvp", "torch.vmap")

FUNCTIONS: dict[str, tuple[Callable[..., Any], tuple[Any, ...]]] = {
    "softmax": (lambda x: torch.softmax(x, -1), (point(2, 3),)),
    "layer norm": (lambda x, w: F.layer_norm(x @ w, (4,)), (point(2, 3), point(3, 4, seed=1))),
    "batch norm": (lambda x: F.batch_norm(x, None, None, training=True), (point(4, 2),)),
    "gelu": (F.gelu, (point(3),)),
    "convolution": (F.conv2d, (point(1, 2, 5, 5), point(3, 2, 3, 3, seed=1))),
    "transposed convolution": (
        lambda x, w: F.conv_transpose1d(x, w, stride=2),
        (point(1, 2, 4), point(2, 3, 3, seed=1)),
    ),
    "max pool": (lambda x: F.max_pool2d(x, 2), (point(1, 2, 4, 4),)),
    "average pool": (lambda x: F.avg_pool2d(x, 2), (point(1, 2, 4, 4),)),
    "resampling": (lambda x: F.interpolate(x, scale_factor=2, mode="bilinear"), (point(1, 1, 3, 3),)),
    "cross entropy": (lambda x: F.cross_entropy(x, torch.tensor([0, 2])), (point(2, 3),)),
    "weighted loss": (
        lambda x: F.cross_entropy(x, torch.tensor([0, 2]), torch.tensor([0.5, 0.2, 0.3]).double()),
        (point(2, 3),),
    ),
    "solve": (torch.linalg.solve, (point(3, 3), point(3, 2, seed=1))),
    "slogdet": (lambda x: torch.linalg.slogdet(x)[1], (point(3, 3),)),
    "cdist": (torch.cdist, (point(3, 2), point(4, 2, seed=1))),
    "log sigmoid": (F.logsigmoid, (point(3),)),
    "masked scatter": (
        lambda x, y: x.masked_scatter(torch.tensor([True, False, True]), y),
        (point(3), point(3, seed=1)),
    ),
    "in place": (lambda x: x.clone().mul_(x).add_(x.sin()), (point(3),)),
    "complex": (lambda z: z * z.conj().exp(), (torch.complex(point(2), point(2, seed=1)),)),
    "integers beside": (lambda x: x[torch.tensor([0, 0, 2])] * 3, (point(3),)),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_formulas_of_torch_are_right(name: str) -> None:
    """What autograd computes is the derivative, to more digits than float64 has, or to its literals."""
    function, inputs = FUNCTIONS[name]
    found = formulas(function, *inputs)
    assert {f.outcome for f in found} == {Outcome.EQUAL}
    assert all(int(f.words.split()[-2]) >= 45 for f in found), [f.words for f in found]


@pytest.mark.parametrize("route", ROUTES)
def test_every_route_can_be_read(route: str) -> None:
    """Reverse, forward and batched."""
    found = formulas(lambda x: torch.softmax(x.tanh(), -1), point(2, 3), route=route)
    assert {f.outcome for f in found} == {Outcome.EQUAL}


@pytest.mark.parametrize("route", ["torch.double_backward", "torch.reverse_over_forward"])
def test_second_derivatives_can_be_read(route: str) -> None:
    """The gradient of <VJP, d> is a formula like others."""
    found = formulas(lambda x: torch.softmax(x, -1) * x, point(3), route=route, order=2)
    assert {f.outcome for f in found} == {Outcome.EQUAL}


def test_formats_do_not_matter() -> None:
    """A bfloat16 function has the formula of a float64 one."""
    (found,) = formulas(lambda x: F.layer_norm(x, (4,)), point(2, 4, dtype=torch.bfloat16))
    assert found.outcome is Outcome.EQUAL


FAULTS: dict[str, Callable[[Any, Any], Any]] = {
    "a factor": lambda c, x: softmax_backward(c, x) * (1 + 1e-12),
    "a dropped term": lambda c, x: c * torch.softmax(x, -1),
    "a sign": lambda c, x: -softmax_backward(c, x),
    "a factor in float32": lambda c, x: (softmax_backward(c.float(), x.float()) * 1.001).double(),
    "in place": lambda c, x: softmax_backward(c, x).mul_(1.5),
    "one element": lambda c, x: softmax_backward(c, x).index_fill(-1, torch.tensor([1]), 0.0),
}
LOSSES: dict[str, Callable[[Any, Any], Any]] = {
    "nothing": softmax_backward,
    "a round trip": lambda c, x: softmax_backward(c, x).float().double(),
    "bfloat16 within": lambda c, x: softmax_backward(c.bfloat16(), x.bfloat16()).double(),
    "added and taken away": lambda c, x: softmax_backward(c, x) + 1e6 - 1e6,
    "a float32 literal": lambda c, x: softmax_backward(c, x) * torch.tensor(0.1).double() * 10,
}


@pytest.mark.parametrize("name", FAULTS)
def test_faults_of_a_rule_are_proved(name: str) -> None:
    """However small, whatever the format they are in."""
    (found,) = formulas(rule(lambda x: torch.softmax(x, -1), FAULTS[name]), point(2, 3))
    assert (found.outcome, found.words) == (Outcome.DIFFERS, "formula differs (proved)")


@pytest.mark.parametrize("name", LOSSES)
def test_losses_of_a_rule_leave_its_formula_equal(name: str) -> None:
    """However large: arithmetic is no formula."""
    (found,) = formulas(rule(lambda x: torch.softmax(x, -1), LOSSES[name]), point(2, 3))
    assert found.outcome is Outcome.EQUAL


def test_what_a_forward_saves_in_a_coarse_format_is_no_other_formula() -> None:
    """Casts are the identity there too."""

    class Saving(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.save_for_backward(x.bfloat16())
            return x.exp()

        @staticmethod
        def backward(ctx: Any, cotangent: Any) -> Any:
            (x,) = ctx.saved_tensors
            return cotangent * x.double().exp()

    (found,) = formulas(lambda x: Saving.apply(x), point(3))
    assert found.outcome is Outcome.EQUAL


def test_a_rule_that_is_right_at_one_point_only_differs_beside_it() -> None:
    """At 1 the slopes of x and of x^2/2 are both 1."""
    one = torch.ones(1, dtype=torch.float64)
    (found,) = formulas(rule(lambda x: x * x / 2, lambda c, x: c * torch.ones_like(x)), one)
    assert found.outcome is Outcome.DIFFERS


def test_a_constant_off_by_the_last_digit_that_is_written_differs() -> None:
    """1.1283 is not 2/sqrt(pi), 1.1283791670955126 stands for it."""
    for constant, outcome in ((1.1283, Outcome.DIFFERS), (1.1283791670955126, Outcome.EQUAL)):
        erf = rule(torch.erf, lambda c, x, k=constant: k * c * torch.exp(-x * x))  # type: ignore[misc]
        (found,) = formulas(erf, point(3))
        assert found.outcome is outcome


UNREADABLE: dict[str, Callable[[Any, Any], Any]] = {
    "Tensor.numpy": lambda c, x: c * torch.tensor(x.numpy()).cos(),
    "Tensor.item in a backward pass": lambda c, x: c * x.cos() * (x.sum().item() / x.sum()),
}


@pytest.mark.parametrize("missing", UNREADABLE)
def test_numbers_that_leave_torch_are_named(missing: str) -> None:
    """What cannot be seen is not taken for a constant."""
    (found,) = formulas(rule(torch.sin, UNREADABLE[missing]), point(3))
    assert found.outcome is Outcome.UNKNOWN
    assert found.words.startswith(f"formula not lifted: {missing}")


def test_a_call_without_a_lowering_is_named() -> None:
    """The loss of connectionist temporal classification keeps what it does not say."""
    steps, targets = point(5, 1, 3).log_softmax(-1), torch.tensor([[1, 2]])
    lengths = (torch.tensor([5]), torch.tensor([2]))
    (found,) = formulas(lambda x: F.ctc_loss(x, targets, *lengths), steps)
    assert found.outcome is Outcome.UNKNOWN
    assert "_ctc_loss" in found.words


def test_a_kernel_that_is_not_what_it_is_read_as_excuses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The formula may be equal: the error is no arithmetic where its rounding does not explain it."""
    monkeypatch.setitem(LOWERINGS, "cosh", LOWERINGS["cos"])
    (found,) = formulas(rule(torch.sin, lambda c, x: c * torch.cosh(x)), point(3))
    assert found.outcome is Outcome.UNKNOWN
    assert found.words.endswith("which does not explain the error")
