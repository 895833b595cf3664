"""``torch.compile`` as a route: asked by name only, and judged like any other."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import oracle
from oracle.judge.verdict import Verdict
from tests.oracle.functions import torch_rules as rules

COMPILE = "torch.compile"

pytestmark = pytest.mark.slow  # the compiler takes 15 s to load


def compiled_graphs() -> int:
    """How many graphs have been compiled in this process."""
    return int(torch._dynamo.utils.counters["stats"]["unique_graphs"])


@pytest.mark.parametrize(
    "function",
    [
        lambda x: torch.sin(x) * x,
        torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.Tanh()).double(),
        rules.rule(torch.sin, lambda c, x: c * torch.cos(x), modern=True),
    ],
    ids=["function", "module", "own rule"],
)
def test_right(function: Any) -> None:
    """A right function agrees, and was compiled."""
    before = compiled_graphs()
    result = oracle.check(function, rules.point(2, 4), routes=[COMPILE])
    assert (result.ok, result.certified, {f.route for f in result.findings}) == (True, True, {COMPILE})
    assert compiled_graphs() > before


def test_wrong() -> None:
    """A wrong rule is wrong."""
    off = rules.rule(torch.sin, lambda c, x: c * torch.cos(x) * 1.001)
    result = oracle.check(off, rules.point(4), routes=[COMPILE, "torch.autograd"])
    assert {f.route for f in result.failures} == {COMPILE, "torch.autograd"}


def test_not_by_default() -> None:
    """Nobody who does not ask for it waits for a compiler."""
    assert COMPILE not in {f.route for f in oracle.check(torch.sin, rules.point(4)).findings}


def test_no_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    """A backend that cannot compile is an error that says why, since it was asked for by name."""
    import torch._inductor.config as settings

    monkeypatch.setattr(settings.cpp, "cxx", ("no-such-compiler",))
    monkeypatch.setattr(settings, "force_disable_caches", True)
    result = oracle.check(lambda x: torch.erfc(x).sum() * 3, rules.point(4), routes=[COMPILE])
    assert result.verdict is Verdict.ERROR
    assert "No working C++ compiler found" in result.findings[0].detail
