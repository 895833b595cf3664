from __future__ import annotations

import re

import pytest

from oracle.conventions import POINTS
from oracle.conventions.points import Point
from reference_engine.operations import Operation, Primitive, public_operations

HEADING = "Where it is not differentiable"
SMOOTH = ("nowhere", "none")
UNREACHABLE = {"tan"}
"""Its poles are odd multiples of pi/2, which no float64 is."""


def has_kink(operation: Operation) -> bool:
    """Whether the record says that the operation is not differentiable somewhere."""
    found = re.search(rf"{HEADING}: (.*)", operation.documentation)
    assert found is not None, operation.name
    return not found[1].startswith(SMOOTH)


def named_places(operation: Operation) -> set[float]:
    """Kinks and poles of a function of one number that its record names."""
    if operation.name in {"maximum", "minimum"} or sum(p.slot == "one" for p in operation.parameters) != 1:
        return set()
    kinks = getattr(operation, "kinks", ())
    return {*kinks, *operation.poles} if isinstance(operation, Primitive) else set(kinks)


@pytest.mark.parametrize("point", POINTS, ids=lambda p: f"{p.expression} at {p.numbers}")
def test_every_point_is_one_number_of_its_operation(point: Point) -> None:
    """The expression has one real number as its value, contains the operation, and moves some input."""
    assert [(t.shape, t.kind) for t in point.program.output_types] == [((), "real")]
    assert point.operation in {node.op for _, node in point.program}
    assert set(point.fixed) < set(point.numbers)


def test_points_are_distinct() -> None:
    """No point is listed twice."""
    keys = [(p.expression, str(p.numbers)) for p in POINTS]
    assert sorted(keys) == sorted(set(keys))


def test_every_operation_with_a_kink_has_a_point() -> None:
    """The list is complete against the table of operations: what is not smooth everywhere is on the page."""
    covered = {p.operation for p in POINTS}
    kinked = {o.name for o in public_operations() if has_kink(o)}
    assert sorted(kinked - covered - UNREACHABLE) == []


@pytest.mark.parametrize(
    "operation", [o for o in public_operations() if named_places(o)], ids=lambda o: o.name
)
def test_every_kink_and_pole_of_a_record_is_visited(operation: Operation) -> None:
    """Where the record of a function of one number names places, there is a point at each."""
    own = [p for p in POINTS if p.operation == operation.name]
    if any(p.inputs[p.wrt[0]].ndim for p in own):
        return  # a reduction: its kink is a tie, not a place
    visited = {float(p.inputs[p.wrt[0]]) for p in own}
    default_clip = {-1.0, 1.0} if operation.name == "clip" else set()
    assert named_places(operation) - visited - default_clip == set()
