"""Functions that a case file names are held to its program, each under its own name."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

import oracle
from oracle.cases import Implementation
from oracle.execution.record import Run
from oracle.functions.import_path import ImplementationError, function_at
from oracle.judge.verdict import Finding, Verdict

CASE = """about: a test
inputs:
  x: [1.0, -0.5]
  w: {value: 2.0, grad: false}
program: y = w * tanh(x)
"""

OPERATIONS = """import os
import jax
import jax.numpy as jnp
import torch


class Tanh(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return torch.tanh(x)

    @staticmethod
    def backward(ctx, c):
        return c * (1 - torch.tanh(ctx.saved_tensors[0]) ** 2) * 1.01


def wrong(x, w):
    return w * Tanh.apply(x)


def by_name(w, x):
    return w * torch.tanh(x)


def by_place(first, second):
    return second * torch.tanh(first)


def value(x, w):
    return w * torch.sin(x)


def abort(x, w):
    os.abort()


def raises(x, w):
    raise RuntimeError("no kernel for this")


def total(x, w):
    return (w * torch.tanh(x)).sum()


class Names:
    inner = staticmethod(lambda x, w: {"y": w * jnp.tanh(x)})


number = 3
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a package of operations and a case file beside it, where the run starts."""
    (tmp_path / "library_of_ours").mkdir()
    (tmp_path / "library_of_ours" / "operations.py").write_text(OPERATIONS)
    (tmp_path / "checks").mkdir()
    (tmp_path / "checks" / "own.py").write_text(OPERATIONS)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(folder: Path, implementations: str, *, further: str = "") -> Run:
    """A run of one case in float32."""
    case = folder / "checks" / "tanh.yaml"
    case.write_text(f"{CASE}dtypes: [float32]\nimplementations: {{{implementations}}}\n{further}")
    return oracle.run(folder / "checks", workers=1)


def about(result: Run, name: str) -> list[Finding]:
    """Findings on one implementation."""
    return [f for f in result.findings if f.framework == name]


def test_right_and_wrong(folder: Path) -> None:
    """Right ones agree, by the names of the inputs or by their order; wrong ones are named."""
    package = "library_of_ours.operations"
    names = [f"{package}:{n}" for n in ("wrong", "by_name", "by_place", "value")]
    result = run(folder, f"torch: [{', '.join(names)}], jax: 'own.py:Names.inner'")
    wrong, by_name, by_place, value = (about(result, n) for n in names)
    assert {f.argument for f in wrong if f.verdict is Verdict.WRONG} == {"gradient of x"}
    assert Verdict.VALUE_MISMATCH in {f.verdict for f in value}
    inner = about(result, "own.py:Names.inner")
    for right in (by_name, by_place, inner):
        assert {f.verdict for f in right} == {Verdict.AGREE}
        assert {"gradient of x", "tangent of y", "value of y"} <= {f.argument for f in right}
    assert "jax.jit" in {f.route for f in inner}
    assert {f.verdict for f in result.findings if f.framework in {"torch", "jax"}} == {Verdict.AGREE}
    assert (result.status, result.problems) == (1, ())


def test_culprit_and_formula(folder: Path) -> None:
    """A wrong rule is named and its formula read, whatever the implementation is called."""
    found = [
        f for f in about(run(folder, "torch: own.py:wrong"), "own.py:wrong") if f.verdict is Verdict.WRONG
    ]
    assert {f.culprit and f.culprit.operation for f in found} == {"Tanh"}
    assert {f.formula for f in found} == {"formula differs (proved)"}


def test_crash_ends_one_only(folder: Path) -> None:
    """One that ends the process is a crash; frameworks and other implementations are judged again."""
    result = run(folder, "torch: [own.py:abort, own.py:by_name]")
    (crash,) = about(result, "own.py:abort")
    assert (crash.verdict, crash.route) == (Verdict.CRASH, "forward pass")
    assert "SIGABRT" in crash.detail
    assert {f.verdict for f in about(result, "own.py:by_name")} == {Verdict.AGREE}
    assert {f.framework for f in result.findings} >= {"torch", "jax"}


@pytest.mark.parametrize(
    "module, attribute, message",
    [
        ("library_of_ours.operation", "wrong", "found no module 'library_of_ours.operation' from "),
        ("nowhere", "f", "found no module 'nowhere' from "),
        ("nowhere.py", "f", "found no file "),
        ("own.py", "wrnog", "own.py has no 'wrnog'; did you mean 'wrong'?"),
        ("own.py", "Names.outer", "own.py.Names has no 'outer'"),
        ("own.py", "number", "found int at own.py.number; expected a function"),
        ("broken.py", "f", "importing broken.py raises SyntaxError: "),
        (
            "needs.py",
            "f",
            "importing needs.py raises ModuleNotFoundError: No module named 'a_thing_of_yours'",
        ),
        ("checks.broken", "f", "importing checks.broken raises SyntaxError: "),
    ],
)
def test_nothing_there(folder: Path, module: str, attribute: str, message: str) -> None:
    """The error says what was found."""
    (folder / "checks" / "broken.py").write_text("def f(:\n")
    (folder / "checks" / "needs.py").write_text("import a_thing_of_yours\n")
    before = list(sys.path)
    with pytest.raises(ImplementationError) as caught:
        function_at(Implementation("torch", module, attribute, 1, 1), folder / "checks")
    assert str(caught.value).startswith(message)
    assert sys.path == before


def test_place_of_what_is_not_there(folder: Path) -> None:
    """A run says where it is written, and the frameworks and other implementations are judged."""
    result = run(folder, "torch: [nowhere.py:f, own.py:by_name]")
    (finding,) = about(result, "nowhere.py:f")
    assert finding.verdict is Verdict.ERROR
    assert finding.detail.startswith(f"{folder / 'checks' / 'tanh.yaml'}:7:27: found no file "), (
        finding.detail
    )
    agreeing = {f.framework for f in result.findings if f.verdict is Verdict.AGREE}
    assert agreeing == {"torch", "jax", "own.py:by_name"}


def test_another_form(folder: Path) -> None:
    """One that raises, or returns another shape than the program, is an error that says so."""
    result = run(folder, "torch: [own.py:raises, own.py:total]")
    details = {f.framework: f.detail for f in result.findings if f.verdict is Verdict.ERROR}
    assert details == {
        "own.py:raises": "RuntimeError: no kernel for this",
        "own.py:total": "returned float32 of shape () for y; expected real, (2,)",
    }


def test_expected_finding(folder: Path) -> None:
    """``known`` speaks of an implementation by its name."""
    known = (
        "known: [{framework: 'own.py:wrong', version: '>=2', argument: x, verdict: wrong, reason: slow}]\n"
    )
    result = run(folder, "torch: own.py:wrong", further=known)
    assert (result.status, result.failures) == (0, ())
    assert {f.known.reason for f in about(result, "own.py:wrong") if f.expected and f.known} == {"slow"}


def test_chosen_frameworks(folder: Path) -> None:
    """A run of one framework leaves the implementations in others out."""
    case = folder / "checks" / "tanh.yaml"
    case.write_text(f"{CASE}implementations: {{torch: 'own.py:by_name', jax: 'own.py:Names.inner'}}\n")
    result = oracle.run(case, frameworks=["jax"], dtypes=["float64"], routes=["jax.vjp"], workers=1)
    assert {f.framework for f in result.findings} == {"jax", "own.py:Names.inner"}
    assert {f.route for f in about(result, "own.py:Names.inner")} == {"jax.vjp"}
