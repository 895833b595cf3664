from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, find, given, seed, settings
from hypothesis import strategies as st

from oracle.cases.load import read_case
from oracle.cases.model import Case
from oracle.strategies import DrawnProgram, cases, programs, text_of
from reference_engine import ProgramError
from reference_engine.arithmetic.float64 import Float64
from reference_engine.calls import operand, ways
from reference_engine.differentiate import lower, vjp
from reference_engine.evaluate import evaluate
from reference_engine.language import parse
from reference_engine.operations import lookup, public_operations

NAMES = [operation.name for operation in public_operations()]
QUIET = {"deadline": None, "database": None, "suppress_health_check": list(HealthCheck)}
FEW = settings(max_examples=40, derandomize=True, phases=[Phase.generate], **QUIET)


def values_of(drawn: DrawnProgram) -> list[np.ndarray]:
    """All outputs in float64."""
    core = lower(drawn.program)
    found = evaluate(core, drawn.inputs, Float64())
    return [found[i] for i in core.outputs]


@FEW
@given(programs())
def test_drawn_programs_are_valid(drawn: DrawnProgram) -> None:
    """Each is read back from its own text, stays finite and can be differentiated."""
    assert parse(drawn.text, drawn.program.input_types) == drawn.program
    assert {t.kind for t in drawn.program.output_types} == {"real"}
    assert all(np.all(np.isfinite(v)) for v in values_of(drawn))
    assert set(drawn.inputs) == set(drawn.program.input_names)
    assert drawn.wrt
    gradient = vjp(drawn.program, drawn.wrt)
    assert len(gradient.outputs) >= len(drawn.wrt)


@pytest.mark.parametrize("name", NAMES)
def test_every_operation_is_reached(name: str) -> None:
    """Within five draws of Programs of this operation alone there is one that has it."""
    found: list[DrawnProgram] = []

    @seed(0)
    @settings(max_examples=5, phases=[Phase.generate], **QUIET)
    @given(programs(operations=[name], max_nodes=2))
    def draw(drawn: DrawnProgram) -> None:
        if name in {n.op for n in drawn.program.nodes}:
            found.append(drawn)

    draw()
    assert found
    for drawn in found:
        assert parse(drawn.text, drawn.program.input_types) == drawn.program


def test_few_calls_are_tried_in_vain() -> None:
    """Less than a twentieth; a fifth was allowed."""
    count: Counter[str] = Counter()

    @seed(1)
    @settings(max_examples=60, phases=[Phase.generate], **QUIET)
    @given(programs())
    def draw(drawn: DrawnProgram) -> None:
        count.update(asked=drawn.asked, refused=drawn.refused)

    draw()
    assert count["asked"] > 100
    assert count["refused"] < 0.05 * count["asked"]


def test_programs_share_and_branch() -> None:
    """Several outputs, a value used twice, and many operations are all drawn."""
    seen: set[str] = set()

    @seed(2)
    @settings(max_examples=60, phases=[Phase.generate], **QUIET)
    @given(programs())
    def draw(drawn: DrawnProgram) -> None:
        nodes = drawn.program.nodes
        uses = drawn.program.uses()
        seen.update(["several outputs"] if len(drawn.program.outputs) > 1 else [])
        seen.update(["shared"] if any(len(uses[i]) > 1 and n.op != "input" for i, n in drawn.program) else [])
        seen.update(["single"] if sum(n.op != "input" for n in nodes) == 1 else [])
        seen.update(["long"] if sum(n.op != "input" for n in nodes) > 20 else [])

    draw()
    assert seen == {"several outputs", "shared", "single", "long"}


@pytest.mark.parametrize(
    "name, text", [("exp", "out1 = exp(x1)"), ("max", "out1 = max(x1)"), ("matmul", "out1 = x1 @ x1")]
)
def test_shrinking_leaves_one_operation(name: str, text: str) -> None:
    """The smallest Program with an operation has this one alone, at one element, at one."""
    names = ["sin", "sum", "multiply", "exp", "max", "matmul"]
    drawn = find(
        programs(operations=names, max_nodes=8),
        lambda d: name in {n.op for n in d.program.nodes},
        settings=settings(max_examples=300, derandomize=True, **QUIET),
    )
    assert drawn.text == text
    assert {n: a.ravel().tolist() for n, a in drawn.inputs.items()} == {"x1": [1.0]}


@FEW
@given(
    programs(
        operations=["log", "sqrt", "atanh", "acosh", "sin", "divide"], classes=["ordinary", "mixed_scale"]
    )
)
def test_domains_hold_on_the_way(drawn: DrawnProgram) -> None:
    """No operation is asked outside of its open interval, whichever classes inputs have."""
    core = lower(drawn.program)
    assert all(np.all(np.isfinite(v)) for v in evaluate(core, drawn.inputs, Float64()))


@settings(max_examples=15, derandomize=True, phases=[Phase.generate], **QUIET)
@given(cases(max_nodes=10))
def test_cases_read_as_they_were_written(case: Case) -> None:
    """A case's text reads as the same program, inputs, layouts and dtypes."""
    again = read_case(case.path, text_of(case), case.name)
    assert again.program == case.program
    assert (again.dtypes, again.order) == (case.dtypes, case.order)
    for one, other in zip(case.inputs, again.inputs, strict=True):
        assert (one.name, one.kind, one.grad, one.layout) == (
            other.name,
            other.kind,
            other.grad,
            other.layout,
        )
        np.testing.assert_array_equal(one.array, other.array)
        if one.kind == "real":
            np.testing.assert_array_equal(one.array.astype(np.float32), one.array)


@settings(max_examples=20, derandomize=True, **QUIET)
@given(st.data())
def test_the_same_seed_draws_the_same(data: st.DataObject) -> None:
    """What is drawn depends on nothing but the draws."""
    drawn = data.draw(programs(max_nodes=4))
    assert parse(drawn.text, drawn.program.input_types).digest == drawn.program.digest


def test_records_say_what_fits() -> None:
    """Every record's words mean something, and speak of its own parameters."""
    for operation in public_operations():
        names = {p.name for p in operation.parameters}
        written = operation.call if isinstance(operation.call, tuple) else (operation.call,)
        assert all(set(rules) <= names for rules in written), operation.name
        assert ways(operation)
    with pytest.raises(ValueError, match="'nice' says nothing"):
        operand("n n nice")


def test_bad_arguments_are_refused() -> None:
    """Unknown operations, dtypes and classes are named at once, not while drawing."""
    with pytest.raises(ProgramError, match="unknown operation 'expp'"):
        programs(operations=["expp"])
    with pytest.raises(ValueError, match="dtype 'float8'"):
        programs(dtype="float8")
    with pytest.raises(ValueError, match="classes \\['odd'\\]"):
        programs(classes=["odd"])
    assert lookup("exp").call == {}
