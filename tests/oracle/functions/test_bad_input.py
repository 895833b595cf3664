"""What cannot be checked is named, and what to do about it is said."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
import torch

import oracle
from oracle.judge.verdict import Verdict
from tests.oracle.functions import torch_rules as rules


@pytest.mark.parametrize(
    "function, message",
    [
        (lambda x: x.sum().item(), "returned the Python number .*without item"),
        (lambda x: None, "returned None; expected a tensor"),
        (lambda x: x.detach().numpy(), "returned ndarray without a tensor in it"),
        (lambda x: {"loss": 1}, "returned dict without a tensor in it"),
    ],
)
def test_no_tensor(function: Any, message: str) -> None:
    """A function that returns no tensor is refused."""
    with pytest.raises(TypeError, match=message):
        oracle.check(function, rules.point(3))


def test_jax_number() -> None:
    """A JAX function that returns a Python number is refused too."""
    with pytest.raises(TypeError, match="returned the Python number"):
        oracle.check(lambda x: float(x.sum()), jnp.ones(3))


@pytest.mark.parametrize(
    "inputs, message",
    [
        ((np.ones(3),), r"found ndarray; expected torch tensors or JAX arrays"),
        ((), "found no inputs"),
        ((torch.ones(2), jnp.ones(2)), "torch tensors and JAX arrays; expected those of one framework"),
    ],
)
def test_no_framework(inputs: Any, message: str) -> None:
    """Inputs tell the framework, and one only."""
    with pytest.raises(TypeError, match=message):
        oracle.check(lambda *x: x[0], *inputs)


def test_nothing_to_differentiate() -> None:
    """Integers have no gradient."""
    with pytest.raises(ValueError, match="no floating-point tensor among its inputs"):
        oracle.check(lambda x: x * 2.5, torch.arange(3))


def test_not_callable() -> None:
    """The arguments in the wrong order are noticed."""
    with pytest.raises(TypeError, match="found Tensor as the function to check"):
        oracle.check(rules.point(3), torch.sin)  # type: ignore[arg-type]


def test_function_that_raises() -> None:
    """What the function raises is a finding and the cause of the error."""

    def function(x: Any) -> Any:
        msg = "no kernel for this shape"
        raise RuntimeError(msg)

    with pytest.raises(oracle.GradientError, match="the function raises RuntimeError: no kernel") as caught:
        oracle.assert_gradients(function, rules.point(3))
    assert isinstance(caught.value.__cause__, RuntimeError)
    assert caught.value.result.verdict is Verdict.ERROR


def test_backward_that_raises() -> None:
    """So is what its backward pass raises."""

    def backward(cotangent: Any, x: Any) -> Any:
        msg = "not written yet"
        raise RuntimeError(msg)

    result = oracle.check(rules.rule(torch.sin, backward), rules.point(3))
    assert (result.verdict, result.failures[0].detail) == (
        Verdict.ERROR,
        "RuntimeError: not written yet",
    )


@pytest.mark.parametrize("change", [lambda x: x.mul_(2), lambda x: x.data.mul_(2)], ids=["seen", "hidden"])
def test_function_that_changes_its_input(change: Any) -> None:
    """Writing into an input breaks a promise, whether or not autograd itself refuses."""
    result = oracle.check(lambda x: change(x) * x, rules.point(3))
    assert {f.route for f in result.failures if f.verdict is Verdict.CONTRACT} == {"contract mutation"}
    assert "work on a clone" in result.failures[0].detail


def test_function_that_needs_a_missing_device() -> None:
    """What torch says of the device is the finding, and what the error was caused by."""
    result = oracle.check(lambda x: torch.sin(x.to("cuda")), rules.point(3))
    assert result.verdict is Verdict.ERROR
    assert result.findings[0].detail.startswith("the function raises ")
    assert "CUDA" in str(result.cause)


@pytest.mark.parametrize("stage", ["forward", "backward"])
def test_function_that_loops_forever(stage: str) -> None:
    """The verdict is ``timeout``; it names the stage, and the frame that was at work."""

    def forever(*_: Any) -> Any:
        while True:
            pass

    function = forever if stage == "forward" else rules.rule(torch.sin, forever)
    oracle.check(torch.sin, rules.point(3))  # imports what a check needs
    with pytest.raises(oracle.GradientError, match=r"TIMEOUT.*\n.*no answer after 0.3 s in the") as caught:
        oracle.assert_gradients(function, rules.point(3), timeout=0.3)
    finding = caught.value.result.findings[-1]
    assert finding.verdict is Verdict.TIMEOUT
    assert finding.route == ("forward pass" if stage == "forward" else "torch.autograd")
    assert "at forever (test_bad_input.py, line" in finding.detail


def test_findings_before_the_time_was_over_are_kept() -> None:
    """A wrong gradient on the first route is told although a later route never answers."""
    wrong = rules.rule(torch.sin, lambda c, x: c * 2 * torch.cos(x), modern=True)

    def function(x: Any) -> Any:
        while torch._C._functorch.peek_interpreter_stack() is not None:  # under torch.func
            pass
        return wrong(x)

    oracle.check(torch.sin, rules.point(3))  # imports what a check needs
    result = oracle.check(function, rules.point(3), timeout=1.0)
    assert {f.verdict for f in result.failures} == {Verdict.WRONG, Verdict.TIMEOUT}


def test_running_statistics_are_no_input() -> None:
    """A tensor that is held fixed may be changed, as batch norm does; the caller's stays as it was."""
    mean, variance = torch.zeros(2).double(), torch.ones(2).double()
    x = rules.point(5, 2).requires_grad_()

    def function(x: Any, mean: Any, variance: Any) -> Any:
        return torch.nn.functional.batch_norm(x, mean, variance, training=True)

    result = oracle.check(function, x, mean, variance)
    assert result.ok, result
    assert result.notes == ("the function changes mean, variance, which is held fixed",)
    assert (mean == 0).all()


def test_small_floats() -> None:
    """Formats that are not judged are named."""
    result = oracle.check(lambda x: x.to(torch.float32) * 2, torch.ones(2).to(torch.float8_e5m2))
    assert result.verdict is Verdict.UNSUPPORTED
    assert "x is float8_e5m2" in result.findings[0].detail


def test_sparse_tensors() -> None:
    """So are layouts."""
    result = oracle.check(lambda x: x.to_dense(), torch.eye(2).to_sparse())
    assert "x is float32 sparse_coo" in result.findings[0].detail


def test_no_elements() -> None:
    """A function of empty tensors runs through."""
    result = oracle.check(lambda x: torch.nn.functional.adaptive_avg_pool1d(x, 5), rules.point(0, 8, 5))
    assert not result.failures


def test_uncertified() -> None:
    """A right function that cannot be lifted raises NotCertified, unless that is allowed."""

    class Opaque(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.save_for_backward(x)
            return torch.from_numpy(x.detach().numpy() ** 3)

        @staticmethod
        def backward(ctx: Any, cotangent: Any) -> Any:
            return cotangent * 3 * ctx.saved_tensors[0] ** 2

    def function(x: Any) -> Any:
        return Opaque.apply(x)

    with pytest.raises(oracle.NotCertified, match="not certified"):
        oracle.assert_gradients(function, rules.point(3))
    oracle.assert_gradients(function, rules.point(3), allow_uncertified=True)
    agreed = [f.tier for f in oracle.check(function, rules.point(3)).findings if f.verdict is Verdict.AGREE]
    assert agreed[0] == "estimated"


def test_uncertified_and_wrong() -> None:
    """Finite differences of its own forward contradict a wrong rule that cannot be lifted."""

    class Opaque(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.save_for_backward(x)
            return torch.from_numpy(x.detach().numpy() ** 3)

        @staticmethod
        def backward(ctx: Any, cotangent: Any) -> Any:
            return cotangent * 2 * ctx.saved_tensors[0] ** 2

    with pytest.raises(oracle.GradientError, match="finite differences of its own forward contradict"):
        oracle.assert_gradients(lambda x: Opaque.apply(x), rules.point(3), allow_uncertified=True)


def test_nothing_is_linked() -> None:
    """A function that cuts its result from the inputs is not certified as one of gradient zero."""
    with pytest.raises(oracle.NotCertified, match="no output requires a gradient"):
        oracle.assert_gradients(lambda x: torch.from_numpy(x.detach().numpy() ** 2), rules.point(3))


@pytest.mark.parametrize(
    "options, error, message",
    [
        ({"order": 3}, ValueError, "order is 3; expected 1 or 2"),
        ({"routes": ["torch.func.vpj"]}, ValueError, "did you mean 'torch.func.vjp'"),
        ({"routes": "torch.autograd"}, TypeError, "expected a list of names"),
        ({"routes": ["torch.double_backward"]}, ValueError, "pass order=2"),
        ({"timeout": 0}, ValueError, "timeout is 0; expected a positive number of seconds"),
        ({"timeout": "1"}, ValueError, "timeout is '1'; expected a positive number of seconds"),
        ({"waive": {"x": "why"}}, ValueError, "'x' does not exist; did you mean 'x0'"),
        ({"waive": {"x0": " "}}, ValueError, "the waiver for 'x0' gives no reason"),
        ({"waive": ["x0"]}, TypeError, "expected a reason for each waived argument"),
        ({"cotangent": torch.ones(2)}, ValueError, r"shape \(2,\), expected \(3,\)"),
        ({"cotangent": [torch.ones(3)] * 2}, ValueError, "has 2 arrays; expected one for each of 1"),
    ],
)
def test_options_that_do_not_fit(options: Any, error: type[Exception], message: str) -> None:
    """Each says what was found and expected."""
    with pytest.raises(error, match=message):
        oracle.check(torch.sin, rules.point(3), **options)


def test_route_asked_for_by_name() -> None:
    """Only the named route is taken, and an error on it is a finding."""
    result = oracle.check(torch.sin, rules.point(3), routes=["torch.func.jvp"])
    assert {f.route for f in result.findings} == {"torch.func.jvp"}
    old = rules.rule(torch.sin, lambda c, x: c * torch.cos(x))
    assert oracle.check(old, rules.point(3), routes=["torch.func.vjp"]).verdict is Verdict.ERROR


def test_given_cotangent() -> None:
    """A cotangent of ones cannot see a softmax without its second term; a random one does."""
    function = rules.rule(lambda x: torch.softmax(x, -1), lambda c, x: c * 0)
    ones = oracle.check(function, rules.point(3), cotangent=torch.ones(3), routes=["torch.autograd"])
    random = oracle.check(function, rules.point(3), routes=["torch.autograd"])
    assert Verdict.WRONG not in {f.verdict for f in ones.findings}
    assert random.verdict is Verdict.WRONG
