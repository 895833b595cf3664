"""The steps of a Program as a framework runs it: each node by the framework's own operation."""

from __future__ import annotations

import numpy as np

from oracle.culprit.reference import Reference
from oracle.culprit.step import Array, Step, cut_out
from oracle.frameworks.protocol import Framework, Point
from reference_engine.evaluate import dependents
from reference_engine.precision import Precision
from reference_engine.program import Program


def steps_of(
    program: Program, point: Point, framework: Framework, reference: Reference, precision: Precision
) -> list[Step]:
    """One step for each operation that depends on a differentiated input, in the order of the Program.

    Operands are the certified values, rounded to the format in which the framework is asked. The results of
    a several-valued operation are one step. Constants stay in the step's Program, as a person wrote them.
    """
    active = dependents(program, point.wrt)
    layouts = {program.inputs[program.input_names.index(n)]: lay for n, lay in point.layouts.items()}
    groups: dict[tuple[object, ...], list[int]] = {}
    for index, node in program:
        if index in active and node.op not in {"input", "stop_gradient"}:
            groups.setdefault((node.op, node.inputs, node.attrs), []).append(index)
    steps = []
    for group in _distinct(program, groups):
        node = program.nodes[group[0]]
        operands = {f"x{i}": i for i in node.inputs if program.nodes[i].op != "constant"}
        results = {f"y{i}": i for i in group}
        part, _ = cut_out(program, operands, results)
        inputs = {n: _rounded(reference.values[i], program, i, precision) for n, i in operands.items()}
        wrt = tuple(n for n, i in operands.items() if i in active and program.nodes[i].type.kind == "real")
        steps.append(
            Step(
                node.op,
                group[0],
                f"line {node.line}" if node.line else None,
                part,
                inputs,
                operands,
                results,
                wrt,
                framework,
                layouts={n: layouts[i] for n, i in operands.items() if i in layouts},
            )
        )
    return steps


def suffix_from(
    start: int,
    program: Program,
    point: Point,
    framework: Framework,
    reference: Reference,
    precision: Precision,
) -> Step | None:
    """The Program from node ``start`` on as one step, of the values that are alive there; None where no
    differentiated one is.
    """
    active = dependents(program, point.wrt)
    later = {i for k, node in program if k >= start for i in node.inputs} | set(program.outputs)
    alive = [i for i in sorted(later) if i < start and program.nodes[i].op != "constant"]
    real = [i for i in alive if i in active and program.nodes[i].type.kind == "real"]
    results = {n: i for n, i in zip(program.output_names, program.outputs, strict=True) if i >= start}
    if not real or not results:
        return None
    operands = {f"x{i}": i for i in alive}
    part, _ = cut_out(program, operands, results)
    inputs = {n: _rounded(reference.values[i], program, i, precision) for n, i in operands.items()}
    wrt = tuple(f"x{i}" for i in real)
    return Step(program.nodes[start].op, start, None, part, inputs, operands, results, wrt, framework)


def _rounded(value: Array, program: Program, index: int, precision: Precision) -> Array:
    """A value as the format holds it."""
    return np.asarray(precision.round(value)) if program.nodes[index].type.kind == "real" else value


def _distinct(program: Program, groups: dict[tuple[object, ...], list[int]]) -> list[list[int]]:
    """Groups of results of one call: the same operation written twice is two calls."""
    found: list[list[int]] = []
    for indices in groups.values():
        calls: list[list[int]] = []
        for i in indices:
            taken = program.nodes[i].output
            call = next((c for c in calls if all(program.nodes[j].output != taken for j in c)), None)
            if call is None:
                calls.append([i])
            else:
                call.append(i)
        found += calls
    return sorted(found, key=lambda call: call[0])
