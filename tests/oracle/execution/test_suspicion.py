"""A fault of our own is not put on frameworks, and a fault of a framework is not taken on ourselves."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import pytest
import torch

import oracle
from oracle.cases.load import read_case
from oracle.execution.examine import examine
from oracle.execution.plan import Settings
from oracle.frameworks.jax_arrays import sixty_four_bits
from oracle.judge.verdict import FAILING, Finding, Verdict
from oracle.selftest.engine_planting import in_reference
from oracle.selftest.jax_planting import in_adapter as in_jax
from oracle.selftest.torch_planting import in_adapter as in_torch
from oracle.selftest.torch_planting import planted

SPOILED = [
    ("sin", "y = sin(x) * w"),
    ("exp", "y = exp(x) / w"),
    ("tanh", "y = tanh(x + w)"),
    ("log", "y = log(x) - w"),
    ("power", "y = x ** w"),
    ("divide", "y = x / w"),
    ("sqrt", "y = sqrt(x * x + w * w)"),
]


def examined(program: str, settings: Settings) -> list[Finding]:
    """Findings on a program of two inputs."""
    text = f"about: A program.\ninputs:\n  x: [0.5, 1.25, 0.75]\n  w: [1.5, 0.5, 2.5]\nprogram: {program}\n"
    return list(examine(read_case(Path("case.yaml"), text, "case"), settings).findings)


def failing(findings: Any) -> set[Verdict]:
    """Verdicts that fail."""
    return {f.verdict for f in findings if f.verdict in FAILING}


def off(tangent: Any) -> Any:
    """A tangent that is a thousandth too large."""
    return tangent * (1 + 2.0**-10)


@pytest.mark.parametrize("operation, program", SPOILED, ids=[s[0] for s in SPOILED])
def test_rule_of_our_own(operation: str, program: str) -> None:
    """A wrong rule in our table: every failing finding, by all routes in both formats, suspects us."""
    with in_reference(operation, off):
        findings = examined(program, Settings())
    assert failing(findings) == {Verdict.ORACLE_SUSPECT}
    suspected = [f for f in findings if f.verdict is Verdict.ORACLE_SUSPECT]
    assert {f.framework for f in suspected} == {"torch", "jax"}
    assert {f.dtype for f in suspected} == {"float64", "float32"}
    assert {f.argument for f in suspected} >= {"tangent of y"}
    assert all(f.culprit and f.culprit.operation == operation for f in suspected)
    assert failing(examined(program, Settings())) == set()


@pytest.mark.parametrize("operation, program", SPOILED[:2], ids=[s[0] for s in SPOILED[:2]])
def test_rule_of_our_own_at_second_order(operation: str, program: str) -> None:
    """Second derivatives of a wrong rule of ours suspect us too."""
    with in_reference(operation, off):
        findings = examined(program, Settings(order=2, dtypes=("float64",)))
    assert failing(findings) == {Verdict.ORACLE_SUSPECT}
    assert {f.order for f in findings if f.verdict is Verdict.ORACLE_SUSPECT} == {1, 2}


def test_operation_in_which_both_frameworks_are_wrong() -> None:
    """The same fault in torch and in JAX, whose differences tell: they are wrong, we are not."""
    from oracle.selftest import jax_planting, torch_planting

    wrong = [
        planting.planted(planting.NUMBERS.sin, lambda c, x, n=planting.NUMBERS: c * n.cos(x) * 1.001)
        for planting in (torch_planting, jax_planting)
    ]
    with in_torch("sin", wrong[0]), in_jax("sin", wrong[1]):
        findings = examined("y = sin(x) * w", Settings(routes=("torch.autograd", "jax.vjp")))
    assert failing(findings) == {Verdict.WRONG}


def test_fault_in_one_framework_is_its_own() -> None:
    """Where the other framework agrees with us, nobody suspects us."""
    rule = planted(torch.sin, lambda c, x: c * torch.cos(x) * 1.001)
    with in_torch("sin", rule):
        findings = examined("y = sin(x) * w", Settings(routes=("torch.autograd", "jax.vjp")))
    assert {(f.framework, f.verdict) for f in findings if f.verdict in FAILING} == {("torch", Verdict.WRONG)}


def test_framework_with_another_function() -> None:
    """A function that is right in itself but not the one of the case is not our fault: one framework says so,
    and its value gives it away.
    """
    with in_torch("sin", torch.sinh):
        findings = examined("y = sin(x) * w", Settings(frameworks=("torch",), routes=("torch.autograd",)))
    assert failing(findings) == {Verdict.WRONG, Verdict.VALUE_MISMATCH}


X64 = [0.5, 1.25, 0.75]


@pytest.fixture(params=["torch float64", "torch float32", "jax float64", "jax float32"])
def given(request: pytest.FixtureRequest) -> Iterator[tuple[Callable[[Any], Any], Any]]:
    """A function of a person and its input, in each framework and format."""
    framework, dtype = request.param.split()
    if framework == "torch":
        yield lambda x: torch.sin(x) * x, torch.tensor(X64, dtype=getattr(torch, dtype), requires_grad=True)
        return
    with sixty_four_bits():
        yield lambda x: jnp.sin(x) * x, jnp.asarray(X64, dtype)


class TestFunctions:
    """``oracle.check`` has one framework, and differences of its forward in float64."""

    def test_rule_of_our_own(self, given: tuple[Callable[[Any], Any], Any]) -> None:
        """All failing findings suspect us."""
        function, x = given
        with in_reference("sin", off):
            result = oracle.check(function, x)
        assert failing(result.findings) == {Verdict.ORACLE_SUSPECT}
        assert result.verdict is Verdict.ORACLE_SUSPECT
        assert oracle.check(function, x).ok

    def test_rule_of_our_own_behind_a_spec(self) -> None:
        """Also where the person wrote the program: our own values contradict our own rule."""
        x = torch.tensor(X64, dtype=torch.float64, requires_grad=True)
        with in_reference("sin", off):
            result = oracle.check(lambda x: torch.sin(x) * x, x, spec="y = sin(x) * x")
        assert failing(result.findings) == {Verdict.ORACLE_SUSPECT}

    def test_function_unlike_its_spec(self) -> None:
        """A function that agrees with its spec in value at this point alone is wrong, and we are not."""
        x = torch.tensor([1.0, 1.0], dtype=torch.float64, requires_grad=True)
        result = oracle.check(lambda x: x**3, x, spec="y = x ** 2")
        assert failing(result.findings) == {Verdict.WRONG}

    def test_wrong_rule_of_the_person(self) -> None:
        """A wrong backward contradicts differences of its own forward."""
        rule = planted(torch.sin, lambda c, x: c * torch.cos(x) * 1.001)
        x = torch.tensor(X64, dtype=torch.float32, requires_grad=True)
        result = oracle.check(lambda x: rule(x=x), x, routes=["torch.autograd"])
        assert failing(result.findings) == {Verdict.WRONG}
