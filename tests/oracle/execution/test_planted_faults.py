"""Faults planted in a framework's derivative rules are found; each rule planted without its fault is not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import pytest
import torch

from oracle.cases import load_case
from oracle.execution.examine import examine
from oracle.execution.plan import Settings
from oracle.frameworks.jax_operations import OPERATIONS as JAX_OPERATIONS
from oracle.frameworks.torch_operations import OPERATIONS
from oracle.judge.verdict import FAILING, Finding, Verdict
from oracle.selftest.torch_planting import planted

AUTOGRAD = Settings(frameworks=("torch",), routes=("torch.autograd",), dtypes=("float64",))


def softmax_rule(correct: bool) -> Callable[..., Any]:
    """The softmax pullback y (c - sum(c y)), or without its second term."""

    def backward(c: Any, x: Any, axis: int) -> Any:
        y = torch.softmax(x, axis)
        return y * (c - (c * y).sum(axis, keepdim=True) if correct else c)

    return planted(lambda x, axis: torch.softmax(x, axis), backward)


def sine_rule(spoil: Callable[[Any], Any]) -> Callable[..., Any]:
    """The sine pullback, spoiled."""
    return planted(torch.sin, lambda c, x: spoil(c * torch.cos(x)))


def one_element(gradient: Any) -> Any:
    """One of 500 elements off by 1e-6 of itself."""
    gradient = gradient.clone()
    gradient[321] *= 1 + 1e-6
    return gradient


def tanh_rule(correct: bool) -> Callable[..., Any]:
    """The tanh pullback, or zero where tanh rounds to 1 within 1e-12."""

    def backward(c: Any, x: Any) -> Any:
        y = torch.tanh(x)
        slope = (1 - y) * (1 + y)
        return c * (slope if correct else torch.where(slope < 1e-12, torch.zeros_like(slope), slope))

    return planted(torch.tanh, backward)


def add_rule(correct: bool) -> Callable[..., Any]:
    """Addition of a (2, 3) and a (3,): the second cotangent is summed over rows, or only the first row is
    taken.
    """
    return planted(lambda a, b: a + b, lambda c, a, b: (c, c.sum(0) if correct else c[0]))


def take_rule(correct: bool) -> Callable[..., Any]:
    """Rows at repeated positions: their cotangents add up, or the last one wins."""

    def backward(c: Any, x: Any, indices: Any, axis: int) -> Any:
        return torch.zeros_like(x).index_put((indices,), c, accumulate=correct), None

    return planted(lambda x, indices, axis: x[indices], backward)


CASES = {
    "sine": "inputs:\n  x: {shape: [500], values: {normal: [0, 1], seed: 1}}\nprogram: y = sin(x)\n",
    "add": "inputs:\n  a: [[1, 0.3, -2], [0.7, 2, 3]]\n  b: [0.5, 1.5, -1]\nprogram: y = sin(a + b)\n",
    "softmax": "inputs:\n  x: [[0.5, 1.5, -1], [2, 0.1, 0.3]]\nprogram: y = softmax(x, axis=-1)\n",
    "take": "inputs:\n  x: [0.5, 1.5, -1]\n  i: {value: [2, 0, 2, 2], dtype: int}\nprogram: y = take(x, i)\n",
    "tanh": "inputs:\n  x: [0.5, 15, -16]\nprogram: y = tanh(x)\n",
}

PAIRS = [
    ("a factor 1 + 1e-9", "sine", "sin", sine_rule(lambda g: g), sine_rule(lambda g: g * (1 + 1e-9))),
    ("one element in 500 off by 1e-6", "sine", "sin", sine_rule(lambda g: g), sine_rule(one_element)),
    ("a missing broadcast sum", "add", "add", add_rule(correct=True), add_rule(correct=False)),
    ("a dropped softmax term", "softmax", "softmax", softmax_rule(correct=True), softmax_rule(correct=False)),
    ("last write wins", "take", "take", take_rule(correct=True), take_rule(correct=False)),
    ("a saturated gradient zeroed", "tanh", "tanh", tanh_rule(correct=True), tanh_rule(correct=False)),
]  # fmt: skip


def findings(folder: Path, name: str, settings: Settings = AUTOGRAD) -> list[Finding]:
    """Gradients' findings of one of the cases above."""
    path = folder / f"{name}.yaml"
    path.write_text(f"about: A rule with a fault planted in it.\n{CASES[name]}", encoding="utf-8")
    found = examine(load_case(path, folder), settings).findings
    return [f for f in found if f.argument.startswith("gradient of")]


@pytest.mark.parametrize(
    "case, operation, rule", [(p[1], p[2], p[3]) for p in PAIRS], ids=[p[0] for p in PAIRS]
)
def test_rule_without_its_fault_agrees(
    case: str, operation: str, rule: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: the same hand-written rule, right."""
    monkeypatch.setitem(OPERATIONS, operation, rule)
    assert {Verdict.AGREE} == {f.verdict for f in findings(tmp_path, case)}


@pytest.mark.parametrize(
    "case, operation, rule", [(p[1], p[2], p[4]) for p in PAIRS], ids=[p[0] for p in PAIRS]
)
def test_planted_fault_is_wrong(
    case: str, operation: str, rule: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each fault is called wrong."""
    monkeypatch.setitem(OPERATIONS, operation, rule)
    assert Verdict.WRONG in {f.verdict for f in findings(tmp_path, case)}


def test_poor_arithmetic_is_imprecise(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The right formula with some digits lost on the way fails as imprecise."""
    monkeypatch.setitem(OPERATIONS, "sin", planted(torch.sin, lambda c, x: c * (torch.cos(x) + 300 - 300)))
    assert {Verdict.IMPRECISE} == {f.verdict for f in findings(tmp_path, "sine")}


def test_float32_round_trip_is_imprecise(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error of a cast does not shrink with the precision, but the formula is the right one."""
    monkeypatch.setitem(OPERATIONS, "sin", sine_rule(lambda g: g.float().double()))
    (found,) = findings(tmp_path, "sine")
    assert found.verdict is Verdict.IMPRECISE
    assert found.formula.startswith("formula equal here to")


def test_poor_arithmetic_around_zero(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A value that should be exactly zero and is off by a unit of rounding is imprecise, not wrong."""
    monkeypatch.setitem(OPERATIONS, "sin", lambda x: torch.sin(x) + torch.finfo(x.dtype).eps)
    path = tmp_path / "zero.yaml"
    path.write_text("about: Zero.\ninputs: {x: [0.0]}\nprogram: y = sin(x)\n", encoding="utf-8")
    found = examine(load_case(path, tmp_path), AUTOGRAD).findings
    assert [f.verdict for f in found if f.argument == "value of y"] == [Verdict.IMPRECISE]


def test_second_derivative_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A rule that is right to first order and wrong to second is found at order 2."""

    def backward(c: Any, x: Any) -> Any:
        slope = torch.cos(x)
        return c * (slope - 0.5 * (slope - slope.detach()))

    monkeypatch.setitem(OPERATIONS, "sin", planted(torch.sin, backward))
    settings = Settings(
        frameworks=("torch",),
        dtypes=("float64",),
        order=2,
        routes=("torch.autograd", "torch.double_backward"),
    )
    found = findings(tmp_path, "sine", settings)
    assert {n: any(f.verdict in FAILING for f in found if f.order == n) for n in (1, 2)} == {
        1: False,
        2: True,
    }


@pytest.mark.parametrize("size, verdict", [(0.0, Verdict.AGREE), (1e-9, Verdict.WRONG)])
def test_jax_rule(size: float, verdict: Verdict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A custom_vjp that is off by 1e-9 is wrong on both reverse routes, and right without its fault."""

    @jax.custom_vjp
    def sine(x: Any) -> Any:
        return jax.numpy.sin(x)

    sine.defvjp(lambda x: (jax.numpy.sin(x), x), lambda x, c: (c * jax.numpy.cos(x) * (1 + size),))
    monkeypatch.setitem(JAX_OPERATIONS, "sin", lambda x: sine(x))
    # What is compiled is kept by Program, so each rule gets a Program of its own.
    monkeypatch.setitem(CASES, "sine", CASES["sine"].replace("sin(x)", f"sin(x) + {size!r}"))
    found = findings(tmp_path, "sine", Settings(frameworks=("jax",), dtypes=("float64",)))
    assert {"jax.vjp": {verdict}, "jax.jit": {verdict}} == {
        route: {f.verdict for f in found if f.route == route} for route in ("jax.vjp", "jax.jit")
    }


def test_rule_that_is_not_offered_is_no_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """JAX offers no JVP of a custom_vjp: that is listed and green."""

    @jax.custom_vjp
    def sine(x: Any) -> Any:
        return jax.numpy.sin(x)

    sine.defvjp(lambda x: (jax.numpy.sin(x), x), lambda x, c: (c * jax.numpy.cos(x),))
    monkeypatch.setitem(JAX_OPERATIONS, "sin", lambda x: sine(x))
    path = tmp_path / "sine.yaml"
    path.write_text(f"about: A rule for reverse mode only.\n{CASES['sine']}", encoding="utf-8")
    settings = Settings(frameworks=("jax",), routes=("jax.jvp",), dtypes=("float64",))
    (found,) = [f for f in examine(load_case(path, tmp_path), settings).findings if f.route == "jax.jvp"]
    assert Verdict.NOT_OFFERED is found.verdict
