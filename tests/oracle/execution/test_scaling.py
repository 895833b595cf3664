"""Where a formula cannot be read: an error that is rounding is called imprecise, another one wrong, whatever
luck a single run has.
"""

from __future__ import annotations

from typing import Any

import pytest
import torch

import oracle
from oracle.judge.verdict import Verdict
from oracle.lift.derivative import not_lifted


@pytest.fixture(autouse=True)
def nothing_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the question to the scaling of the error."""
    monkeypatch.setattr("oracle.formula.check.lift_derivative", lambda *_: not_lifted("a kernel"))


def identity(spoil: Any) -> Any:
    """The identity, whose backward adds ``spoil(x)`` to the cotangent."""

    class Identity(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.save_for_backward(x)
            return x.clone()

        @staticmethod
        def backward(ctx: Any, cotangent: Any) -> Any:
            return cotangent + spoil(*ctx.saved_tensors)

    return lambda x: Identity.apply(x)


def residue(x: Any) -> Any:
    """Zero but for rounding: in some numbers x times its reciprocal is 1, in others next to it."""
    return 1e3 * (x * (1 / x) - 1)


def unlucky(dtype: torch.dtype) -> torch.Tensor:
    """A number whose residue is not 0 in float64, and 0 in float32."""
    candidates = torch.arange(3, 2000, dtype=torch.float64)
    coarse = residue(candidates.float()) == 0
    return candidates[coarse & (residue(candidates) != 0)][:1].to(dtype)


def main_verdict(function: Any, x: torch.Tensor) -> Verdict:
    """The verdict on the gradient by the main route."""
    result = oracle.check(function, x, routes=["torch.autograd"])
    (found,) = [f.verdict for f in result.findings if f.argument == "gradient of x"]
    return found


def test_rounding_is_imprecise_though_float32_happens_to_be_exact() -> None:
    """The error is gone a few roundings beside the point, so no formula makes it."""
    assert main_verdict(identity(residue), unlucky(torch.float64)) is Verdict.IMPRECISE


@pytest.mark.parametrize("size", [1e-4, 1e-9, 1e-13])
def test_an_error_of_a_formula_is_wrong_however_small(size: float) -> None:
    """An error that stays beside the point, and in float32, is no arithmetic."""
    assert main_verdict(identity(lambda x: size * x), unlucky(torch.float64)) is Verdict.WRONG


def test_an_error_that_changes_sign_is_no_rounding() -> None:
    """Torch's trigamma has errors of both signs on the two sides of one half; they are as large."""
    signed = identity(lambda x: torch.where(x < 0.5, 1e-9, -1e-9))
    assert main_verdict(signed, torch.tensor([0.5], dtype=torch.float64)) is Verdict.WRONG


def test_noise_as_large_as_the_gradient_is_wrong() -> None:
    """Digits that come and go with the last bits of the input excuse no error of the first digits."""
    erratic = identity(lambda x: 1e16 * (x * (1 / x) - 1))
    assert main_verdict(erratic, unlucky(torch.float64)) is Verdict.WRONG
