"""The formula check decides between wrong and imprecise, and says so."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import oracle
from oracle.cases import read_case
from oracle.execution.examine import examine
from oracle.execution.plan import Settings
from oracle.frameworks.protocol import Answer, Point
from oracle.frameworks.torch_framework import TorchFramework
from oracle.judge.verdict import Finding, Verdict
from reference_engine.program import Program
from tests.oracle.functions.torch_rules import point, rule

RULES: dict[str, tuple[Callable[[Any, Any], Any], Verdict, str]] = {
    "a factor": (lambda c, x: c * x.cos() * 1.0001, Verdict.WRONG, "formula differs (proved)"),
    "a cast": (lambda c, x: (c * x.cos()).float().double(), Verdict.IMPRECISE, "formula equal here to"),
    "hidden": (lambda c, x: c * torch.tensor(x.numpy()).cos() * 1.0001, Verdict.WRONG, "formula not lifted:"),
}


@pytest.mark.parametrize("name", RULES)
def test_verdict_and_words(name: str) -> None:
    """Read, or not: the words come with every failing derivative, in the report and in the document."""
    backward, verdict, words = RULES[name]
    result = oracle.check(rule(torch.sin, backward), point(3), routes=["torch.autograd"])
    (found,) = [f for f in result.findings if f.argument == "gradient of x"]
    assert (found.verdict, found.formula[: len(words)]) == (verdict, words)
    assert found.formula in str(result)


def test_what_agrees_is_not_read() -> None:
    """The check costs something, so it is for failures."""
    result = oracle.check(torch.sin, point(3))
    assert {f.formula for f in result.findings} == {""}


def test_the_document_holds_the_words(tmp_path: Path) -> None:
    """And reading it back gives the same findings."""
    from oracle.report.document import read_run

    run = oracle.check(rule(torch.sin, lambda c, x: c * x), point(3), routes=["torch.autograd"]).as_run()
    run.save(tmp_path / "run.json")
    written = json.loads((tmp_path / "run.json").read_text(encoding="utf-8"))
    texts = [f["formula"] for c in written["results"] for f in c["findings"] if f["verdict"] == "wrong"]
    assert texts == ["formula differs (proved)"]
    assert read_run(tmp_path / "run.json").findings == run.findings


def asked(monkeypatch: pytest.MonkeyPatch, change: Callable[[Any], Any]) -> list[Finding]:
    """Findings on a sine in torch whose gradient is changed after torch has given it."""
    own = TorchFramework.derivative

    def changed(self: TorchFramework, route: str, program: Program, where: Point) -> Answer:
        answer = own(self, route, program, where)
        return Answer(answer.values, {n: change(d) for n, d in answer.derivatives.items()})

    monkeypatch.setattr(TorchFramework, "derivative", changed)
    text = "about: A sine.\ninputs: {x: [0.3, 0.7]}\nprogram: y = sin(x)\n"
    settings = Settings(frameworks=("torch",), routes=("torch.autograd",), dtypes=("float64",))
    found = examine(read_case(Path("sine.yaml"), text, "sine"), settings).findings
    return [f for f in found if f.argument == "gradient of x"]


def test_another_answer_than_the_one_that_was_read_is_not_excused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A formula that is right says nothing of numbers that it did not give."""
    (found,) = asked(monkeypatch, lambda d: d * 1.0001)
    assert found.verdict is Verdict.WRONG
    assert found.formula == "formula not lifted: what was read gave another answer"


def test_a_case_is_read_as_a_function_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """The framework's run of a Program is a function like others."""
    from oracle.frameworks.torch_operations import OPERATIONS

    monkeypatch.setitem(OPERATIONS, "sin", lambda x: rule(torch.sin, lambda c, v: c * v.cos() * 1.5)(x))
    (found,) = asked(monkeypatch, lambda d: d)
    assert (found.verdict, found.formula) == (Verdict.WRONG, "formula differs (proved)")
