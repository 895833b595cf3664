"""A check in a child process: the same result, and a death or a loop there is a verdict here."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import pytest
import torch

import oracle
from oracle.frameworks.jax_arrays import sixty_four_bits
from oracle.judge.verdict import Finding, Verdict
from tests.oracle.functions import torch_rules as rules

ROOT = Path(__file__).parents[3]


def essence(finding: Finding) -> tuple[object, ...]:
    """What does not depend on time."""
    return finding.route, finding.argument, finding.verdict, finding.observed, finding.reference, finding.rho


def test_same_result() -> None:
    """Locals and lambdas go there, and the whole result comes back; random functions draw the same."""
    wrong = rules.rule(torch.sin, lambda c, x: c * torch.cos(x) * 1.001)
    x = rules.point(3, 2).mT.requires_grad_()

    def function(x: Any) -> Any:
        return torch.dropout(wrong(x), 0.5, train=True)

    here, there = oracle.check(function, x), oracle.check(function, x, isolate=True, timeout=120)
    assert there.verdict is Verdict.WRONG
    assert sorted(map(essence, there.findings), key=repr) == sorted(map(essence, here.findings), key=repr)
    assert there.program == here.program
    assert there.name == here.name


def test_jax_in_the_callers_precision() -> None:
    """The caller's 64-bit mode is that of the child."""
    with sixty_four_bits():
        result = oracle.check(lambda x: jnp.sin(x) * jnp.ones(3), jnp.array([0.1, 0.2, 0.3]), isolate=True)
    assert (result.ok, {f.dtype for f in result.findings}) == (True, {"float64"})


@pytest.mark.parametrize("stage", ["forward pass", "torch.autograd"])
def test_abort(stage: str) -> None:
    """A function that ends its process by a signal has the verdict ``crash``, which names stage and frame."""

    def abort(*_: Any) -> Any:
        os.abort()

    function = abort if stage == "forward pass" else rules.rule(torch.sin, abort)
    with pytest.raises(oracle.GradientError, match=r"CRASH.*\n.*ended by SIGABRT in abort") as caught:
        oracle.assert_gradients(function, rules.point(3), isolate=True)
    (finding,) = caught.value.result.findings
    assert (finding.verdict, finding.route) == (Verdict.CRASH, stage)


def test_segmentation_fault() -> None:
    """So has one that reads where there is nothing."""

    def function(x: Any) -> Any:
        import ctypes

        ctypes.string_at(0)
        return x

    result = oracle.check(function, rules.point(3), isolate=True)
    assert result.verdict is Verdict.CRASH
    assert "SIGSEGV" in result.findings[0].detail


def test_exit() -> None:
    """And one that leaves, politely or not."""
    polite = oracle.check(lambda x: sys.exit(3), rules.point(3), isolate=True)
    rude = oracle.check(lambda x: os._exit(4), rules.point(3), isolate=True)
    assert (polite.verdict, rude.verdict) == (Verdict.CRASH, Verdict.CRASH)
    assert "SystemExit 3 in the forward pass" in polite.findings[0].detail
    assert "exit status 4, in the forward pass" in rude.findings[0].detail


def test_loop_in_c() -> None:
    """A loop that never returns to Python is ended, and its place is told."""

    def function(x: Any) -> Any:
        import re

        re.match("(a*)*b", "a" * 64)
        return x

    result = oracle.check(function, rules.point(3), isolate=True, timeout=2.0)
    assert result.verdict is Verdict.TIMEOUT
    assert "no answer after 2 s in the forward pass, at match" in result.findings[0].detail


def test_what_check_raises() -> None:
    """Errors that ``check`` raises are raised here, of their own type."""
    with pytest.raises(TypeError, match="returned the Python number"):
        oracle.check(lambda x: x.sum().item(), rules.point(3), isolate=True)
    with pytest.raises(ValueError, match=r"did you mean 'torch\.func\.vjp'"):
        oracle.check(torch.sin, rules.point(3), isolate=True, routes=["torch.func.vpj"])


def test_cause_that_cannot_be_copied() -> None:
    """An exception of the function that cannot be sent is told in words."""

    class OddError(Exception):
        def __init__(self, a: int, b: int) -> None:
            super().__init__(f"{a} and {b}")

    def function(x: Any) -> Any:
        raise OddError(1, 2)

    result = oracle.check(function, rules.point(3), isolate=True)
    assert (result.verdict, str(result.cause)) == (Verdict.ERROR, "OddError: 1 and 2")


def test_function_that_cannot_be_sent() -> None:
    """A lock stays where it is; TypeError says what to do."""
    lock = threading.Lock()

    def function(x: Any) -> Any:
        with lock:
            return x

    with pytest.raises(TypeError, match=r"cannot be sent to a child process .*lock.*inside the function"):
        oracle.check(function, rules.point(3), isolate=True)


def test_function_that_cannot_be_made_there() -> None:
    """A module that is only in this process is named."""

    class Here:
        def __reduce__(self) -> Any:
            return __import__, ("no_such_module",)

    here = Here()
    with pytest.raises(TypeError, match=r"cannot be made again .*ModuleNotFoundError: .*no_such_module"):
        oracle.check(lambda x: (here, x)[1], rules.point(3), isolate=True)


def test_function_of_the_main_module(tmp_path: Path) -> None:
    """A script without a guard around its last line checks a function of its own."""
    script = tmp_path / "script.py"
    script.write_text(
        "import oracle, torch\n"
        "def square(x):\n    return x * x\n"
        "print(oracle.check(square, torch.ones(2), isolate=True).verdict)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, check=False, env=environment
    )
    assert done.stdout.strip() == "agree", done.stderr


def test_no_callable() -> None:
    """What is no function is refused before a process is started."""
    with pytest.raises(TypeError, match="found Tensor as the function to check"):
        oracle.check(rules.point(3), torch.sin, isolate=True)  # type: ignore[arg-type]
