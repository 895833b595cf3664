"""The chain rule, a node at a time: values forward, local derivatives, cotangents backward; all in balls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from oracle.explain.expressions import (
    fixed_nodes,
    is_elementwise,
    labels,
    local_derivative,
    one_step,
    spread,
    stops,
    written,
)
from reference_engine.arithmetic import Values
from reference_engine.arithmetic.balls import ZERO, exact, plain, precision
from reference_engine.ball_values import ball_inputs
from reference_engine.differentiate import COTANGENT, vjp
from reference_engine.enclose import START_BITS, enclose
from reference_engine.evaluate import dependents
from reference_engine.program import Program, ProgramError, TensorType


@dataclass(frozen=True)
class Edge:
    """One operand of one step.

    ``formula`` is the local derivative as text, ``local`` its elements where the step is elementwise.
    ``sent`` is the cotangent that goes back, None where derivatives stop.
    """

    source: int
    target: int
    formula: str
    local: Values | None
    sent: Values | None


@dataclass(frozen=True)
class Derivation:
    """All that is shown: ``steps`` in order, ``values`` and ``cotangents`` by node, ``gradient`` by input.

    ``total`` is what is differentiated: the output, or J where there are several or a cotangent is not 1.
    """

    program: Program
    names: Mapping[int, str]
    steps: Mapping[int, Program]
    values: Mapping[int, Values]
    edges: Sequence[Edge]
    cotangents: Mapping[int, Values]
    seeds: Mapping[int, Values]
    gradient: Mapping[str, Values]
    total: str

    def expression(self, index: int) -> str:
        """How a step was written; one of several results is marked with its place."""
        node = self.program.nodes[index]
        call = (node.op, node.inputs, node.attrs)
        several = any(n.output for n in self.program.nodes if (n.op, n.inputs, n.attrs) == call)
        return written(self.steps[index]) + (f"[{node.output}]" if several else "")

    def edges_from(self, index: int) -> list[Edge]:
        """What uses a node."""
        return [e for e in self.edges if e.source == index]


def derive(
    program: Program,
    arrays: Mapping[str, npt.NDArray[np.generic]],
    wrt: Sequence[str],
    cotangents: Mapping[str, npt.NDArray[np.float64]] | None = None,
) -> Derivation:
    """Carry out the chain rule on a surface Program at the exact values of ``arrays``.

    Without ``cotangents`` each output has 1. ProgramError for an output of several elements without one.
    """
    names = labels(program)
    given = ball_inputs(program, arrays)
    values = dict(zip(program.inputs, (given[n] for n in program.input_names), strict=True))
    active = dependents(program, wrt)
    fixed = fixed_nodes(program)
    steps: dict[int, Program] = {}
    for index, node in program:
        if node.op != "input" and index not in fixed:
            steps[index] = one_step(program, index, names)
            operands = {names[i]: values[i] for i in node.inputs if i not in fixed}
            live = [names[i] for i in node.inputs if i in active]
            values[index] = enclose(steps[index], operands, live)[0]
    seeds = _seeds(program, cotangents)
    edges, carried = _backward(program, names, steps, values, active, seeds)
    return Derivation(
        program, names, steps, values, edges, carried, seeds,
        _gradient(program, given, wrt, seeds), _total(program, cotangents),
    )  # fmt: skip


def _seeds(program: Program, cotangents: Mapping[str, npt.NDArray[np.float64]] | None) -> dict[int, Values]:
    """The cotangent of each output; outputs that are one node add up."""
    seeds: dict[int, Values] = {}
    for name, i in zip(program.output_names, program.outputs, strict=True):
        type_ = program.nodes[i].type
        if type_.kind != "real":
            continue
        if cotangents is None and type_.shape:
            msg = f"output {name!r} has shape {type_.shape}: give a cotangent to explain it"
            raise ProgramError(msg)
        array = np.float64(1.0) if cotangents is None else cotangents[name]
        new = exact(np.asarray(array, dtype=np.float64))
        seeds[i] = _plus(seeds[i], new) if i in seeds else new
    return seeds


def _plus(a: Values, b: Values) -> Values:
    with precision(START_BITS):
        return np.asarray(a + b, dtype=object)


def _total(program: Program, cotangents: Mapping[str, npt.NDArray[np.float64]] | None) -> str:
    real = [n for n, t in zip(program.output_names, program.output_types, strict=True) if t.kind == "real"]
    plain_one = cotangents is None or all(np.all(c == 1.0) and not c.shape for c in cotangents.values())
    if len(real) == 1 and plain_one:
        return real[0]
    taken = {node.name for _, node in program}
    return next(name for name in ("J", "total", "J_total") if name not in taken)


def _gradient(
    program: Program, given: Mapping[str, Values], wrt: Sequence[str], seeds: Mapping[int, Values]
) -> dict[str, Values]:
    """The certified gradient of the Program as a whole; the steps reach it another way."""
    derivative = vjp(program, tuple(wrt))
    whole = dict(given)
    done: set[int] = set()
    for name, i in zip(program.output_names, program.outputs, strict=True):
        if i in seeds:
            whole[COTANGENT + name] = seeds[i] if i not in done else _zero(program.nodes[i].type)
            done.add(i)
    found = enclose(derivative, whole, wrt)
    return dict(zip(wrt, found[len(program.outputs) :], strict=True))


def _zero(type_: TensorType) -> Values:
    return np.full(type_.shape, ZERO, dtype=object)


def _backward(
    program: Program,
    names: Mapping[int, str],
    steps: Mapping[int, Program],
    values: Mapping[int, Values],
    active: frozenset[int],
    seeds: Mapping[int, Values],
) -> tuple[list[Edge], dict[int, Values]]:
    """Each step's edges to the operands that matter, and the cotangent of every node, outputs first."""
    cotangents = {i: seed for i, seed in seeds.items() if i in active}
    edges: list[Edge] = []
    for index in sorted(steps, reverse=True):
        node, step = program.nodes[index], steps[index]
        live = [i for i in dict.fromkeys(node.inputs) if _differentiable(program, i, active)]
        operands = {names[j]: values[j] for j in node.inputs if j in values}
        for i in live if node.type.kind == "real" else ():
            if stops(step, names[i]):
                edges.append(Edge(i, index, "0", None, None))
            elif index in cotangents:
                seed = {COTANGENT + names[index]: cotangents[index]}
                sent = enclose(vjp(step, (names[i],)), operands | seed, [names[i]])[1]
                cotangents[i] = _plus(cotangents[i], sent) if i in cotangents else sent
                formula = local_derivative(step, names[i])
                edges.append(Edge(i, index, formula, _local(step, names[i], operands), sent))
    return edges, cotangents


def _differentiable(program: Program, index: int, active: frozenset[int]) -> bool:
    return index in active and program.nodes[index].type.kind == "real"


def _local(step: Program, operand: str, operands: Mapping[str, Values]) -> Values | None:
    """The local derivative of each element; None for a step that is not elementwise."""
    if not is_elementwise(step):
        return None
    derivative = vjp(spread(step), (operand,))
    shape = step.nodes[step.outputs[0]].type.shape
    repeated = {name: np.broadcast_to(v, shape) for name, v in operands.items()}
    seed = {COTANGENT + step.output_names[0]: exact(np.ones(shape))}
    return enclose(derivative, repeated | seed, [operand])[1]


def is_open(values: Values) -> bool:
    """Whether some element is a ball of many slopes or not finite: a kink or a singular point was met."""
    balls = [plain(v) for v in values.ravel()]
    return any(not b.is_finite() or float(b.rad()) > 1e-9 * max(abs(float(b.mid())), 1e-9) for b in balls)
