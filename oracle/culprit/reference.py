"""The certified value, cotangent and tangent of every node of a Program: numbers to feed operations with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from reference_engine.arithmetic import truth
from reference_engine.arithmetic.balls import midpoints
from reference_engine.arithmetic.float64 import Float64
from reference_engine.ball_values import in_balls
from reference_engine.certify import BUDGET, cost
from reference_engine.differentiate import COTANGENT, TANGENT, jvp, lower, vjp_with_cotangents
from reference_engine.evaluate import as_inputs, differentiated, evaluate
from reference_engine.program import Program
from reference_engine.trace import CHOOSING

Array = npt.NDArray[Any]

BITS = 256
"""Working bits: what is lost to cancellation on the way must leave the 53 of a float64."""


@dataclass(frozen=True)
class Reference:
    """By node of the Program as it was written: exact to float64, so that nothing is off that was fed in.

    A node that no differentiated input reaches has no cotangent and no tangent.
    """

    values: Mapping[int, Array]
    cotangents: Mapping[int, Array]
    tangents: Mapping[int, Array]


def reference_at(
    program: Program,
    inputs: Mapping[str, Array],
    wrt: tuple[str, ...],
    cotangents: Mapping[str, Array],
    tangents: Mapping[str, Array],
) -> Reference:
    """Values at ``inputs``, cotangents for those of the outputs, tangents along those of the inputs."""
    everything = tuple(range(len(program.nodes)))
    full = replace(program, outputs=everything, output_names=tuple(f"n{i}" for i in everything))
    moving = _numbers(jvp(full, wrt), {**inputs, **{TANGENT + n: tangents[n] for n in wrt}}, wrt)
    backward, active = vjp_with_cotangents(program, wrt)
    given = {**inputs, **{COTANGENT + n: c for n, c in cotangents.items()}}
    back = _numbers(backward, given, wrt)
    core = _core_nodes(program, full)
    return Reference(
        {i: moving[f"n{i}"] for i in everything},
        {i: back[f"ct@{core[i]}"] for i in everything if core.get(i) in active},
        {i: moving[name] for i in everything if (name := f"{TANGENT}n{i}") in moving},
    )


def _numbers(program: Program, inputs: Mapping[str, Array], wrt: tuple[str, ...]) -> dict[str, Array]:
    """The outputs by name as float64, int64 and bool; above the budget of balls by float64 arithmetic."""
    names = program.output_names
    if cost(program) > BUDGET:
        values = evaluate(program, as_inputs(program, inputs), Float64())
        return {n: np.asarray(values[i]) for n, i in zip(names, program.outputs, strict=True)}
    balls, _ = in_balls(program, inputs, differentiated(program, wrt), BITS)
    return {n: _plain(balls[i]) for n, i in zip(names, program.outputs, strict=True)}


def _plain(values: Array) -> Array:
    if values.dtype == object:
        return midpoints(values)
    return truth.here(values) if values.dtype == np.uint8 else values


def _core_nodes(program: Program, full: Program) -> dict[int, int]:
    """For each node of ``program`` the node of its lowered form that holds its value.

    ``full`` is the same Program with every node as an output: lowered it says which node is which, and its
    nodes are found again in the other by what they compute. A node that only a shape is taken of is in none.
    """
    core, wide = lower(program), lower(full)
    known = {
        (n.op, n.inputs, n.type, n.attrs, n.output, n.name, n.origin if n.op in CHOOSING else None): i
        for i, n in core
    }
    same: dict[int, int] = {}
    for index, n in wide:
        if all(i in same for i in n.inputs):
            inputs = tuple(same[i] for i in n.inputs)
            origin = n.origin if n.op in CHOOSING else None
            found = known.get((n.op, inputs, n.type, n.attrs, n.output, n.name, origin))
            if found is not None:
                same[index] = found
    return {i: same[k] for i, k in enumerate(wide.outputs) if k in same}
