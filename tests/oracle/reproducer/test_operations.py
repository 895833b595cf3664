from __future__ import annotations

import pytest

from oracle.frameworks.jax_framework import JaxFramework
from oracle.frameworks.torch_framework import TorchFramework
from oracle.reproducer.operations import Operations
from reference_engine.operations import lookup


@pytest.mark.parametrize("framework", [TorchFramework(), JaxFramework()], ids=["torch", "jax"])
def test_every_operation_has_a_call(framework: TorchFramework | JaxFramework) -> None:
    """The tables read as text hold what they hold when imported, and each call is Python."""
    operations = Operations(framework.name)
    for name in framework.operations():
        arguments = {p.name: f"a_{p.name}" for p in lookup(name).parameters}
        compile(operations.call(name, arguments), name, "eval")
    compile("\n".join(operations.lines()), framework.name, "exec")


@pytest.mark.parametrize(
    "name, arguments, text",
    [
        ("power", {"x1": "-2.0", "x2": "x"}, "(-2.0) ** x"),
        ("less", {"x1": "x", "x2": "0"}, "x < 0"),
        ("exp", {"x": "x"}, "torch.exp(x)"),
        ("sum", {"x": "x", "axis": "(0, 1)", "keepdims": "False"}, "torch.sum(x, dim=(0, 1), keepdim=False)"),
        ("sum", {"x": "x", "axis": "()", "keepdims": "False"}, "x"),
        ("softmax", {"x": "x", "axis": "-1"}, "F.softmax(input=x, dim=-1)"),
    ],
)
def test_calls_are_those_of_a_person(name: str, arguments: dict[str, str], text: str) -> None:
    """What the tables wrap is written plainly, and branches that a literal decides are gone."""
    assert Operations("torch").call(name, arguments) == text


def test_unknown_operation() -> None:
    """What a framework lacks is a KeyError."""
    with pytest.raises(KeyError):
        Operations("torch").call("cbrt", {"x": "x"})
