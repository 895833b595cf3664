"""One Program, many interpreters: the value of every node in any arithmetic."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from reference_engine.arithmetic import Arithmetic, Values
from reference_engine.operations import Primitive, lookup
from reference_engine.program import Program, ProgramError


def evaluate(program: Program, inputs: Mapping[str, Values], arithmetic: Arithmetic) -> list[Values]:
    """Values of all nodes of a lowered Program.

    ``inputs`` are arrays of the arithmetic's own kind by name. ProgramError if one is missing or has
    another shape.
    """
    for name, type_ in program.input_types.items():
        if name not in inputs:
            msg = f"no value for input {name!r}"
            raise ProgramError(msg)
        found = inputs[name].shape[arithmetic.lead if type_.kind == "real" else 0 :]
        if found != type_.shape:
            msg = f"input {name!r}: expected shape {type_.shape}, found {found}"
            raise ProgramError(msg)
    with np.errstate(all="ignore"):  # what leaves the domain or the range shows in the value: NaN, infinity
        return _run(program, inputs, arithmetic)


def _run(program: Program, inputs: Mapping[str, Values], arithmetic: Arithmetic) -> list[Values]:
    values: list[Values] = []
    for index, node in program:
        value = arithmetic.enter(index, node)
        if value is None:
            if node.op == "input":
                value = inputs[node.name or ""]
            elif node.op == "constant":
                structural = bool(node.attr("structural", False))
                value = arithmetic.constant(node.attr("value"), node.type, structural=structural)
            else:
                operation = lookup(node.op)
                if not isinstance(operation, Primitive):
                    msg = f"{node.op} is a composite: lower the Program before evaluating it"
                    raise ProgramError(msg)
                value = operation.evaluate(arithmetic, [values[i] for i in node.inputs], node.attributes)
        values.append(arithmetic.leave(index, node, value))
    return values


def outputs(program: Program, values: Sequence[Values]) -> list[Values]:
    """The values of the Program's outputs."""
    return [values[i] for i in program.outputs]


def dependents(program: Program, names: Sequence[str]) -> frozenset[int]:
    """Nodes whose value depends on one of the named inputs."""
    return _reached(program, names, through=True)


def differentiated(program: Program, names: Sequence[str]) -> frozenset[int]:
    """Nodes between the named inputs and the outputs on paths without ``stop_gradient``.

    Only there can a kink matter: what ``stop_gradient`` gives is a constant by declaration.
    """
    needed = set(program.outputs)
    for index in reversed(range(len(program.nodes))):
        node = program.nodes[index]
        if index in needed and node.op != "stop_gradient":
            needed.update(node.inputs)
    return _reached(program, names, through=False) & needed


def _reached(program: Program, names: Sequence[str], *, through: bool) -> frozenset[int]:
    found: set[int] = set()
    for index, node in program:
        if node.op == "stop_gradient" and not through:
            continue
        if (node.op == "input" and node.name in names) or not found.isdisjoint(node.inputs):
            found.add(index)
    return frozenset(found)


def as_inputs(program: Program, inputs: Mapping[str, Values]) -> dict[str, Values]:
    """Numpy arrays as the exact values of the Program's inputs: float64, int64 or bool by kind."""
    dtypes = {"real": np.float64, "int": np.int64, "bool": np.bool_}
    return {name: np.asarray(inputs[name], dtype=dtypes[t.kind]) for name, t in program.input_types.items()}
