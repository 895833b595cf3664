"""Programs are what they compute, and their inputs are known by name."""

from __future__ import annotations

from reference_engine.differentiate import vjp
from reference_engine.program import TensorType
from reference_engine.trace import trace

SCALAR = TensorType(())


def test_names_of_inputs_tell_programs_apart() -> None:
    """Programs that differ in the names of inputs are not equal: no derivative is taken for another's."""
    one = trace(lambda a, b: a * a * b, {"w": SCALAR, "x": SCALAR})
    other = trace(lambda a, b: a * a * b, {"x": SCALAR, "w": SCALAR})
    assert one != other
    assert len(vjp(one, ("w",)).nodes) > len(vjp(other, ("w",)).nodes)


def test_names_of_other_nodes_do_not_count() -> None:
    """Equal computations are equal Programs, and one entry of a cache."""
    one = trace(lambda a: a + a, {"x": SCALAR})
    other = trace(lambda a: a + a, {"x": SCALAR})
    assert one == other
    assert hash(one) == hash(other)
    assert vjp(one, ("x",)) is vjp(other, ("x",))
