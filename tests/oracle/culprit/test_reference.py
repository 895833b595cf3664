from __future__ import annotations

import numpy as np
import pytest

from oracle.culprit.reference import reference_at
from oracle.culprit.step import cut_out
from reference_engine import TensorType, trace, xp

X = np.array([0.5, -1.5, 2.0])


def test_numbers_of_every_node() -> None:
    """Values, cotangents and tangents are those of the chain rule done by hand."""
    program = trace(lambda x: xp.sum(xp.sin(x) * 3.0), {"x": TensorType((3,))}, ["y"])
    found = reference_at(program, {"x": X}, ("x",), {"y": np.array(2.0)}, {"x": np.ones(3)})
    sine, total = 1, program.outputs[0]
    np.testing.assert_allclose(found.values[sine], np.sin(X), rtol=1e-15)
    np.testing.assert_allclose(found.cotangents[sine], [6.0, 6.0, 6.0], rtol=1e-15)
    np.testing.assert_allclose(found.cotangents[0], 6 * np.cos(X), rtol=1e-15)
    np.testing.assert_allclose(found.tangents[total], 3 * np.cos(X).sum(), rtol=1e-15)


def test_equal_expressions_share_their_cotangent() -> None:
    """What is written twice is one value to the reference, with the sum of both cotangents."""
    program = trace(lambda x: xp.exp(x) + 2.0 * xp.exp(x), {"x": TensorType(())}, ["y"])
    first, second = (i for i, n in program if n.op == "exp")
    found = reference_at(program, {"x": np.array(0.5)}, ("x",), {"y": np.array(1.0)}, {"x": np.array(1.0)})
    assert found.cotangents[first] == found.cotangents[second] == 3.0


def test_constants_have_no_cotangent() -> None:
    """Nothing is sent to a node that no differentiated input reaches."""
    program = trace(lambda x, w: x * xp.exp(w), {n: TensorType((3,)) for n in ("x", "w")}, ["y"])
    exponential = next(i for i, n in program if n.op == "exp")
    ones = np.ones(3)
    found = reference_at(program, {"x": X, "w": X}, ("x",), {"y": ones}, {"x": ones})
    assert exponential not in found.cotangents
    assert set(found.cotangents) == {0, program.outputs[0]}


@pytest.mark.parametrize("size", [1, 3_000_000])
def test_above_the_budget_float64_does(size: int) -> None:
    """The numbers are the same, to float64, where balls would take too long."""
    program = trace(lambda x: xp.sum(xp.tanh(x)), {"x": TensorType((size,))}, ["y"])
    x = np.linspace(-1, 1, size)
    found = reference_at(program, {"x": x}, ("x",), {"y": np.array(1.0)}, {"x": np.ones(size)})
    np.testing.assert_allclose(found.cotangents[0], 1 - np.tanh(x) ** 2, rtol=1e-13)


def test_cut_out_stops_at_its_operands() -> None:
    """The part between two nodes takes its operands as inputs and keeps constants."""
    program = trace(lambda x: xp.cos(xp.sin(x) * 2.0), {"x": TensorType((3,))}, ["y"])
    part, unseen = cut_out(program, {"a": 1}, {"b": program.outputs[0]})
    assert [n.op for n in part.nodes] == ["input", "constant", "multiply", "cos"]
    assert part.input_names == ("a",)
    assert unseen == {}


def test_cut_out_names_what_is_read_besides() -> None:
    """An input that is reached by another way than the operands is told."""
    program = trace(lambda x, w: xp.sin(x) * w, {n: TensorType((3,)) for n in ("x", "w")}, ["y"])
    part, unseen = cut_out(program, {"a": 2}, {"b": program.outputs[0]})
    assert unseen == {"unseen1": 1}
    assert part.input_names == ("a", "unseen1")
