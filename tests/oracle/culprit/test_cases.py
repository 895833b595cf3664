from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmarks.culprit_programs import spoiled_jax, spoiled_torch
from oracle.cases import load_case
from oracle.culprit import search
from oracle.execution.examine import examine
from oracle.execution.plan import Settings
from oracle.frameworks import torch_routes
from oracle.frameworks.jax_operations import OPERATIONS as JAX_OPERATIONS
from oracle.frameworks.torch_operations import OPERATIONS
from oracle.judge.verdict import FAILING, Finding

LAYER = """
inputs:
  x: [[0.5, 1.5, -1], [2, 0.1, 0.3]]
  w: [[0.3, -0.7], [1.1, 0.2], [-0.4, 0.9]]
program: |
  h = tanh(x @ w)
  p = softmax(h, axis=-1)
  loss = sum(p * sin(h) + h)
"""


def failures(folder: Path, text: str, settings: Settings) -> list[Finding]:
    """The failing findings on a case."""
    path = folder / "case.yaml"
    path.write_text(f"about: A fault is planted in it.\n{text}", encoding="utf-8")
    return [f for f in examine(load_case(path, folder), settings).findings if f.verdict in FAILING]


def names(findings: list[Finding]) -> set[str]:
    """What is blamed."""
    return {f.culprit.operation if f.culprit else "nobody" for f in findings}


def asked(framework: str, *routes: str, order: int = 1) -> Settings:
    """One framework in float64."""
    return Settings(frameworks=(framework,), routes=routes or None, dtypes=("float64",), order=order)


@pytest.mark.parametrize("operation", ["matmul", "tanh", "softmax", "sin", "multiply", "add", "sum"])
def test_each_operation_of_a_layer(operation: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whichever operation has the fault is named."""
    spoiled = spoiled_torch(OPERATIONS[operation], lambda g: g * 1.001, "Rule")
    monkeypatch.setitem(OPERATIONS, operation, spoiled)
    found = failures(tmp_path, LAYER, asked("torch", "torch.autograd"))
    assert names(found) == {operation}


def test_everything_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Operation, node, line, operand, element and both values."""
    spoiled = spoiled_torch(OPERATIONS["matmul"], lambda g: g * 1.5, "Rule")
    monkeypatch.setitem(OPERATIONS, "matmul", spoiled)
    (of_x, of_w) = failures(tmp_path, LAYER, asked("torch", "torch.autograd"))
    assert of_x.culprit is not None
    assert of_w.culprit is not None
    assert (of_x.culprit.operation, of_x.culprit.node, of_x.culprit.source) == ("matmul", 2, "line 1")
    assert [of_x.culprit.part, of_w.culprit.part] == ["gradient of x", "gradient of w"]
    assert of_x.culprit.observed == pytest.approx(1.5 * float(of_x.culprit.reference or "nan"), rel=1e-14)
    assert of_x.culprit.index in {(i, j) for i in range(2) for j in range(3)}


def test_only_the_argument_that_is_off_matters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault beside the way of an argument is not blamed for it."""
    spoil_sin = spoiled_torch(OPERATIONS["sin"], lambda g: -g, "Rule")
    monkeypatch.setitem(OPERATIONS, "sin", spoil_sin)
    spoil_exp = spoiled_torch(OPERATIONS["exp"], lambda g: -g, "Rule")
    monkeypatch.setitem(OPERATIONS, "exp", spoil_exp)
    text = "inputs: {a: [0.5, 1.5], b: [0.3, -1.0]}\nprogram: y = sin(a) * exp(b)\n"
    found = failures(tmp_path, text, asked("torch", "torch.autograd"))
    blamed = {f.argument: f.culprit.operation for f in found if f.culprit}
    assert blamed == {"gradient of a": "sin", "gradient of b": "exp"}


def test_fault_behind_another_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two faults on one way the backward pass comes to the last operation first."""
    for operation in ("sin", "exp"):
        spoiled = spoiled_torch(OPERATIONS[operation], lambda g: g * 1.01, "Rule")
        monkeypatch.setitem(OPERATIONS, operation, spoiled)
    text = "inputs: {a: [0.5, 1.5]}\nprogram: y = exp(sin(a))\n"
    assert names(failures(tmp_path, text, asked("torch", "torch.autograd"))) == {"exp"}


def wrong_jvp(**arguments: Any) -> Any:
    """A sine with a wrong tangent."""

    class Rule(torch.autograd.Function):
        @staticmethod
        def forward(x: Any) -> Any:
            return torch.sin(x)

        @staticmethod
        def setup_context(ctx: Any, inputs: Any, output: Any) -> None:  # noqa: ARG004 - torch's signature
            ctx.save_for_backward(*inputs)
            ctx.save_for_forward(*inputs)

        @staticmethod
        def backward(ctx: Any, c: Any) -> Any:
            return c * torch.cos(ctx.saved_tensors[0])

        @staticmethod
        def jvp(ctx: Any, t: Any) -> Any:
            return t * torch.sin(ctx.saved_tensors[0])

    return Rule.apply(arguments["x"])


def test_forward_mode(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A tangent that is off is followed from the inputs on; the reverse routes are right."""
    monkeypatch.setitem(OPERATIONS, "sin", wrong_jvp)
    (found,) = failures(tmp_path, LAYER, asked("torch"))
    assert found.argument == "tangent of loss"
    assert found.culprit is not None
    assert (found.culprit.operation, found.culprit.part) == ("sin", "tangent")


def half_second(**arguments: Any) -> Any:
    """A sine whose first derivative is right and whose second is half of what it should be."""

    class Rule(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.save_for_backward(x)
            return torch.sin(x)

        @staticmethod
        def backward(ctx: Any, c: Any) -> Any:
            slope = torch.cos(ctx.saved_tensors[0])
            return c * (slope - 0.5 * (slope - slope.detach()))

    return Rule.apply(arguments["x"])


def test_second_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A rule that is wrong to second order only is named by its own second derivative."""
    monkeypatch.setitem(OPERATIONS, "sin", half_second)
    found = failures(tmp_path, LAYER, asked("torch", "torch.autograd", "torch.double_backward", order=2))
    assert {(f.order, f.culprit.operation) for f in found if f.culprit} == {(2, "sin")}


def test_linear_operation_to_second_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An operation without a second derivative spoils that of others by its first."""
    spoiled = spoiled_torch(OPERATIONS["add"], lambda g: g * 1.01, "Rule")
    monkeypatch.setitem(OPERATIONS, "add", spoiled)
    text = "inputs: {x: [0.5, 1.5]}\nprogram: y = sin(x + x * x)\n"
    assert names(failures(tmp_path, text, asked("torch", "torch.double_backward", order=2))) == {"add"}


def test_nan_behind_a_condition(tmp_path: Path) -> None:
    """The operation that makes NaN of a structurally zero cotangent is named, in released torch."""
    text = "inputs: {x: [-1.0, 4.0]}\nprogram: y = where(x > 0, sqrt(x), 0)\n"
    found = failures(tmp_path, text, asked("torch", "torch.autograd"))
    assert [str(f.culprit) for f in found] == ["sqrt, node 3 (line 1), gradient[0]: nan, certified finite"]


def test_wrong_value(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A forward value that is off is named, and is what makes gradients behind it wrong."""
    monkeypatch.setitem(OPERATIONS, "tanh", lambda x: torch.tanh(x) * (1 + 1e-6))
    found = failures(tmp_path, LAYER, asked("torch", "torch.autograd"))
    assert "value of loss" in {f.argument for f in found}
    assert names(found) == {"tanh"}
    assert {f.culprit.part for f in found if f.culprit and f.argument == "value of loss"} == {"value"}


def test_value_that_gradients_are_taken_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where every derivative is right but a value before it is not, that value is named."""
    monkeypatch.setitem(OPERATIONS, "tanh", lambda x: torch.tanh(x) + 1e-6)
    found = failures(tmp_path, LAYER, asked("torch", "torch.autograd"))
    gradients = [f for f in found if f.argument.startswith("gradient")]
    assert {(f.culprit.operation, f.culprit.part) for f in gradients if f.culprit} == {("tanh", "value")}
    assert gradients


def test_no_single_operation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault that shows only where operations are put together is said to lie there."""
    right: Callable[[Any], Any] = torch_routes.ROUTES["torch.autograd"]

    def composed_wrongly(function: Any) -> Any:
        answer = right(function)
        operations = {n.op for n in function.program.nodes}
        if {"softmax", "sum"} <= operations:
            for name in answer.derivatives:
                answer.derivatives[name][...] *= 1.01
        return answer

    monkeypatch.setitem(torch_routes.ROUTES, "torch.autograd", composed_wrongly)  # type: ignore[arg-type]
    found = failures(tmp_path, LAYER, asked("torch", "torch.autograd"))
    assert {f.culprit.operation for f in found if f.culprit} == {""}
    assert all("from softmax, node 4, on" in str(f.culprit) for f in found)


def test_vectors_with_a_free_sign(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nodes are counted as a person wrote them, signs of eigenvectors aside."""
    spoiled = spoiled_torch(OPERATIONS["exp"], lambda g: g * 1.01, "Rule")
    monkeypatch.setitem(OPERATIONS, "exp", spoiled)
    text = "inputs: {x: [[2.0, 0.5], [0.5, 1.0]]}\nprogram: |\n  v, q = eigh(x)\n  y = exp(q * v) * q\n"
    found = failures(tmp_path, text, asked("torch", "torch.autograd"))
    program = load_case(tmp_path / "case.yaml", tmp_path).program
    assert {f.culprit.node for f in found if f.culprit} == {next(i for i, n in program if n.op == "exp")}


def test_jax(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same in JAX, by a route that is compiled too."""
    spoiled = spoiled_jax(JAX_OPERATIONS["sin"], lambda g: g * 1.001, "rule")
    monkeypatch.setitem(JAX_OPERATIONS, "sin", spoiled)
    # What is compiled is kept by Program, so this one is like no other.
    found = failures(tmp_path, LAYER.replace("+ h", "+ 1.25 * h"), asked("jax", "jax.vjp", "jax.jit"))
    assert {f.route for f in found} == {"jax.vjp", "jax.jit"}
    assert names(found) == {"sin"}


def test_expected_findings_are_not_looked_into(tmp_path: Path) -> None:
    """What the case file declares needs no culprit."""
    text = """
inputs: {x: [-1.0, 4.0]}
program: y = where(x > 0, sqrt(x), 0)
known:
  - {framework: torch, version: ">=2", verdict: nonfinite, reason: zero times infinity}
"""
    found = failures(tmp_path, text, asked("torch", "torch.autograd"))
    assert [(f.expected, f.culprit) for f in found] == [(True, None)]


def test_a_search_that_is_cut_short_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond so many operations nobody is blamed, and it is not said that each is right alone."""
    monkeypatch.setattr(search, "MOST", 2)
    monkeypatch.setitem(OPERATIONS, "matmul", spoiled_torch(OPERATIONS["matmul"], lambda g: -g, "Rule"))
    found = failures(tmp_path, LAYER, asked("torch", "torch.autograd"))
    assert {f.culprit.detail for f in found if f.culprit} == {search.UNSEARCHED}


def test_poor_arithmetic_is_not_blamed_for_a_wrong_sign(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An operation that is off by a few roundings stands nearer to the output, and is passed over."""
    epsilon = torch.finfo(torch.float64).eps
    poor = spoiled_torch(OPERATIONS["exp"], lambda g: g * (1 + 200 * epsilon), "Rule")
    monkeypatch.setitem(OPERATIONS, "exp", poor)
    text = "inputs: {x: [0.5, 1.5]}\nprogram: y = exp(sin(x))\n"
    alone = failures(tmp_path, text, asked("torch", "torch.autograd"))
    assert names(alone) == {"exp"}
    monkeypatch.setitem(OPERATIONS, "sin", spoiled_torch(OPERATIONS["sin"], lambda g: -g, "Rule"))
    both = failures(tmp_path, text, asked("torch", "torch.autograd"))
    assert names(both) == {"sin"}
