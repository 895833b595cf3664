"""Torch functions that are right are green, functions with a planted fault are not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import torch

import oracle
from oracle.judge.verdict import Verdict
from tests.oracle.functions import torch_rules as rules


def mutating(cotangent: Any, x: Any) -> Any:
    """The right gradient, computed in the cotangent's own memory."""
    return cotangent.mul_(torch.cos(x))


def half_detached(cotangent: Any, x: Any) -> Any:
    """The right gradient whose own derivative is half of the right one."""
    slope = torch.cos(x)
    return cotangent * (slope - 0.5 * (slope - slope.detach()))


def softmax(x: Any) -> Any:
    """Over the last axis."""
    return torch.softmax(x, -1)


WRONG: dict[str, tuple[Callable[[Any], Any], rules.Backward]] = {
    "a sign flip": (torch.sin, lambda c, x: -c * torch.cos(x)),
    "a factor 1 + 1e-9": (torch.sin, lambda c, x: c * torch.cos(x) * (1 + 1e-9)),
    "a dropped term": (softmax, lambda c, x: softmax(x) * c),
    "a cotangent ignored": (torch.sin, lambda c, x: torch.cos(x)),
    "one element off by 1e-6": (torch.sin, lambda c, x: c * torch.cos(x) * torch.tensor([1, 1, 1 + 1e-6])),
}

RIGHT: dict[str, tuple[Callable[[Any], Any], rules.Backward]] = {
    "sine": (torch.sin, lambda c, x: c * torch.cos(x)),
    "softmax": (softmax, rules.softmax_backward),
    "detach inside forward": (lambda x: torch.sin(x.detach()), lambda c, x: c * torch.cos(x)),
}


@pytest.mark.parametrize("forward, backward", WRONG.values(), ids=WRONG.keys())
def test_wrong_rule(forward: Any, backward: Any) -> None:
    """A rule with a fault raises GradientError, and the message shows both values and the place."""
    with pytest.raises(oracle.GradientError) as caught:
        oracle.assert_gradients(rules.rule(forward, backward), rules.point(3))
    assert caught.value.result.verdict is Verdict.WRONG
    message = str(caught.value)
    assert "[torch autograd float64]  gradient of x[" in message
    assert "reference  " in message
    assert "bits agree" in message


@pytest.mark.parametrize("forward, backward", RIGHT.values(), ids=RIGHT.keys())
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
def test_right_rule(forward: Any, backward: Any, dtype: Any) -> None:
    """The same rules without their fault are certified."""
    result = oracle.check(rules.rule(forward, backward), rules.point(3, dtype=dtype))
    assert (result.ok, result.certified, result.verdict) == (True, True, Verdict.AGREE)


def test_sixteen_bits() -> None:
    """A right rule agrees in bfloat16, where a factor of 1.1 is wrong."""
    x = rules.point(3, dtype=torch.bfloat16)
    assert oracle.check(rules.rule(*RIGHT["sine"]), x).verdict is Verdict.AGREE
    off = rules.rule(torch.sin, lambda c, x: c * torch.cos(x) * 1.1)
    assert oracle.check(off, x).verdict is Verdict.WRONG


@pytest.mark.parametrize("modern", [False, True], ids=["old", "modern"])
def test_rule_on_all_its_routes(modern: bool) -> None:
    """``torch.func`` does not take an old-style rule, which is green; it judges a modern one."""
    result = oracle.check(rules.rule(*RIGHT["sine"], modern=modern), rules.point(3))
    verdicts = {f.route: f.verdict for f in result.findings if not f.route.startswith("contract")}
    assert result.ok
    assert verdicts["torch.func.vjp"] is (Verdict.AGREE if modern else Verdict.NOT_OFFERED)


def test_cotangent_changed_in_place() -> None:
    """A backward pass that works in its cotangent's memory breaks a promise, though its numbers are right."""
    result = oracle.check(rules.rule(torch.sin, mutating), rules.point(3))
    assert {f.route for f in result.failures} == {"contract mutation"}
    assert "changes the cotangent" in result.failures[0].detail


def test_ignored_cotangent_is_not_linear() -> None:
    """A gradient that does not depend on the cotangent is not linear in it, and not zero for zero."""
    result = oracle.check(rules.rule(*WRONG["a cotangent ignored"]), rules.point(3))
    broken = {f.route for f in result.failures if f.verdict is Verdict.CONTRACT}
    assert broken == {"contract linear", "contract sign", "contract additive", "contract zero"}


def test_absolute_value_of_the_cotangent_is_not_linear() -> None:
    """A rule that is right for positive cotangents only breaks the promise on opposite ones."""
    result = oracle.check(rules.rule(torch.sin, lambda c, x: c.abs() * torch.cos(x)), rules.point(3))
    broken = {f.route for f in result.failures if f.verdict is Verdict.CONTRACT}
    assert broken == {"contract sign", "contract additive"}


def test_rule_with_a_memory() -> None:
    """A rule that counts its calls differs on repeat."""
    calls: list[None] = []

    def backward(cotangent: Any, x: Any) -> Any:
        calls.append(None)
        return cotangent * torch.cos(x) * len(calls)

    broken = {f.route for f in oracle.check(rules.rule(torch.sin, backward), rules.point(3)).failures}
    assert {"contract repeat", "contract second call"} <= broken


def test_wrong_in_second_derivative_only() -> None:
    """Order 2 finds what order 1 cannot."""
    function = rules.rule(torch.sin, half_detached)
    assert oracle.check(function, rules.point(3)).ok
    result = oracle.check(function, rules.point(3), order=2)
    assert {(f.order, f.verdict) for f in result.failures} == {(2, Verdict.WRONG)}
    assert "torch.double_backward" in {f.route for f in result.failures}


def test_second_order_of_a_right_function() -> None:
    """All four compositions of modes agree."""
    result = oracle.check(lambda x: torch.sin(x) * x.sum(), rules.point(3), order=2)
    second = {f.route: f.verdict for f in result.findings if f.order == 2}
    assert second == dict.fromkeys(
        (
            "torch.double_backward",
            "torch.forward_over_reverse",
            "torch.reverse_over_forward",
            "torch.forward_over_forward",
        ),
        Verdict.AGREE,
    )


def test_relu_at_zero_is_green() -> None:
    """A valid subgradient at a kink fails nothing."""
    result = oracle.check(torch.relu, torch.tensor([0.0, 1.0, -1.0], dtype=torch.float64))
    assert (result.ok, result.verdict) == (True, Verdict.CONVENTION)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
def test_module_with_dropout(dtype: Any) -> None:
    """Parameters are judged, and dropout is the one of that run."""
    torch.manual_seed(0)
    layers = (torch.nn.Linear(4, 5), torch.nn.Tanh(), torch.nn.Dropout(0.5), torch.nn.Linear(5, 2))
    module = torch.nn.Sequential(*layers).to(dtype)
    result = oracle.check(module, rules.point(3, 4, dtype=dtype))
    judged = {f.argument for f in result.findings if f.route == "torch.autograd"}
    assert result.ok, result
    assert {"gradient of 0.weight", "gradient of 3.bias", "gradient of input"} <= judged


def test_function_that_closes_over_a_module() -> None:
    """Tensors from outside that require a gradient are found, named and judged."""
    torch.manual_seed(0)
    model = torch.nn.Linear(3, 2).double()

    def loss(x: Any) -> Any:
        return model(x).square().sum()

    result = oracle.check(loss, rules.point(4, 3))
    judged = {f.argument for f in result.findings if f.route == "torch.autograd"}
    assert result.ok, result
    assert {"gradient of model.weight", "gradient of model.bias", "gradient of x"} <= judged
    assert "model.bias requires a gradient and is no input: it is checked too" in result.notes


@dataclass
class Parameters:
    """A container that no framework knows."""

    weight: Any
    bias: Any = None
    name: str = "layer"


def test_nested_inputs() -> None:
    """Tensors are found in dicts, lists and dataclasses, and findings name them as the user does."""
    weight, x, steps = rules.point(3), rules.point(2, 3), torch.tensor([1, 0])

    def function(p: Any, xs: Any, flag: bool) -> Any:
        y = torch.tanh(p.weight * xs["x"][0])[xs["steps"]]
        return {"loss": y.sum(), "rows": [y]} if flag else y

    result = oracle.check(function, Parameters(weight), {"x": [x], "steps": steps}, True)
    judged = {f.argument for f in result.findings if f.route == "torch.autograd"}
    assert result.ok, result
    assert judged == {
        "gradient of p.weight",
        "gradient of xs['x'][0]",
        "value of out['loss']",
        "value of out['rows'][0]",
    }


def test_only_what_requires_a_gradient() -> None:
    """Where some inputs require a gradient, the others are held fixed."""
    x = rules.point(3).requires_grad_()
    result = oracle.check(lambda x, y: x * y, x, rules.point(3, seed=1))
    assert {f.argument for f in result.findings if f.route == "torch.autograd"} == {
        "gradient of x",
        "value of out",
    }


@pytest.mark.parametrize(
    "layout",
    [lambda x: x.t(), lambda x: x[:, ::2], lambda x: x[:1].expand(5, 4), lambda x: x[:0]],
    ids=["transposed", "strided", "expanded", "empty"],
)
def test_layouts(layout: Any) -> None:
    """The function gets its inputs as they lie in memory, and is judged there."""
    given = layout(rules.point(4, 4))
    seen = []

    def function(x: Any) -> Any:
        seen.append(x.stride())
        return torch.sin(x)

    assert not oracle.check(function, given).failures
    assert given.stride() == seen[0]
