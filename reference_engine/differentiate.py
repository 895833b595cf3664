"""The chain rule: from a Program to the Program of its derivative.

No number is computed here. Forward mode applies each primitive's local derivative in order. Reverse mode
takes the same local derivative with symbolic tangents and transposes the linear operations in it, so that
one rule per primitive gives JVP, VJP and, applied again, every higher order (Frostig et al., "Decomposing
reverse-mode automatic differentiation", 2021).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from reference_engine.apply import apply, unfold
from reference_engine.arguments import node_arguments
from reference_engine.builder import Builder, Tensor, building
from reference_engine.operations import Composite, lookup
from reference_engine.program import Program, ProgramError, TensorType
from reference_engine.pullback import accumulate, backward, tangent_of, zeros

COTANGENT, TANGENT, DIRECTION, GRADIENT = "ct.", "t.", "d.", "grad."
"""Prefixes of the names of what a derivative Program takes and gives, before an output's or input's name."""


@lru_cache(maxsize=1024)
def lower(program: Program) -> Program:
    """The same function in primitives only, with explicit broadcasting and shared subexpressions.

    Each node's ``origin`` is the node of ``program`` that it came from.
    """
    builder = Builder(surface=False)
    done: dict[tuple[object, ...], Tensor | tuple[Tensor, ...]] = {}
    tensors: list[Tensor] = []
    with building(builder):
        for index, node in program:
            builder.origin = index
            builder.line = node.line
            if node.op in {"input", "constant"}:
                name = node.name if node.op == "input" else None
                tensors.append(builder.add(node.op, (), node.type, node.attributes, name=name))
                continue
            key = (node.op, node.inputs, node.attrs)
            if key not in done:
                operation = lookup(node.op)
                operands = [tensors[i] for i in node.inputs]
                if isinstance(operation, Composite):
                    done[key] = unfold(operation, node, operands)
                elif operation.internal:
                    places = [t.index for t in operands]
                    done[key] = builder.add(node.op, places, node.type, node.attributes)
                else:
                    done[key] = apply(node.op, **node_arguments(node, operands))
            made_by = done[key]
            tensors.append(made_by[node.output] if isinstance(made_by, tuple) else made_by)
    return builder.finish(
        [tensors[i] for i in program.inputs], [tensors[i] for i in program.outputs], program.output_names
    )


def _wrt(program: Program, names: Sequence[str]) -> dict[str, int]:
    nodes = dict(zip(program.input_names, program.inputs, strict=True))
    for name in names:
        if name not in nodes or program.nodes[nodes[name]].type.kind != "real":
            msg = f"cannot differentiate with respect to {name!r}; real inputs are {sorted(nodes)}"
            raise ProgramError(msg)
    return {name: nodes[name] for name in names}


def _add_seeds(
    program: Program, builder: Builder, tensors: Sequence[Tensor]
) -> tuple[dict[int, Tensor], list[Tensor]]:
    seeds: dict[int, Tensor] = {}
    inputs = []
    for name, i in zip(program.output_names, program.outputs, strict=True):
        if program.nodes[i].type.kind == "real":
            seed = builder.input(COTANGENT + name, program.nodes[i].type)
            inputs.append(seed)
            index = tensors[i].index
            seeds[index] = seeds[index] + seed if index in seeds else seed
    return seeds, inputs


@lru_cache(maxsize=1024)
def vjp(program: Program, wrt: tuple[str, ...]) -> Program:
    """The reverse-mode derivative.

    Inputs: those of ``program``, then ``ct.<output>`` for each real output. Outputs: those of ``program``,
    then ``grad.<input>`` for each name in ``wrt``. ProgramError for a name that is no real input.
    """
    program = lower(program)
    builder = Builder(surface=False)
    with building(builder):
        tensors = builder.adopt(program)
        count = len(builder.nodes)
        seeds, cotangents = _add_seeds(program, builder, tensors)
        where = {name: tensors[i].index for name, i in _wrt(program, wrt).items()}
        gradients, _ = backward(builder, count, where, seeds)
    outputs = [tensors[i] for i in program.outputs] + [gradients[n] for n in wrt]
    names = [*program.output_names, *(GRADIENT + n for n in wrt)]
    return builder.finish([tensors[i] for i in program.inputs] + cotangents, outputs, names)


@lru_cache(maxsize=256)
def vjp_with_cotangents(program: Program, wrt: tuple[str, ...]) -> tuple[Program, tuple[int, ...]]:
    """As :func:`vjp` of a lowered Program, with the cotangent of each of its nodes that has one as further
    outputs; the second result lists those nodes.
    """
    program = lower(program)
    builder = Builder(surface=False)
    with building(builder):
        tensors = builder.adopt(program)
        count = len(builder.nodes)
        seeds, inputs = _add_seeds(program, builder, tensors)
        where = {name: tensors[i].index for name, i in _wrt(program, wrt).items()}
        gradients, cotangents = backward(builder, count, where, seeds)
    nodes = tuple(sorted(i for i in range(len(program.nodes)) if tensors[i].index in cotangents))
    outputs = [tensors[i] for i in program.outputs] + [gradients[n] for n in wrt]
    outputs += [cotangents[tensors[i].index] for i in nodes]
    names = [*program.output_names, *(GRADIENT + n for n in wrt), *(f"ct@{i}" for i in nodes)]
    return builder.finish([tensors[i] for i in program.inputs] + inputs, outputs, names), nodes


@lru_cache(maxsize=1024)
def jvp(program: Program, wrt: tuple[str, ...]) -> Program:
    """The forward-mode derivative.

    Inputs: those of ``program``, then ``t.<input>`` for each name in ``wrt``. Outputs: those of ``program``,
    then ``t.<output>`` for each real output.
    """
    program = lower(program)
    builder = Builder(surface=False)
    with building(builder):
        tensors = builder.adopt(program)
        count = len(builder.nodes)
        where = {name: tensors[i].index for name, i in _wrt(program, wrt).items()}
        seeds = {name: builder.input(TANGENT + name, builder.nodes[i].type) for name, i in where.items()}
        tangents = {where[name]: seed for name, seed in seeds.items()}
        for i in range(count):
            if i not in tangents:
                builder.origin, builder.line = builder.nodes[i].origin, builder.nodes[i].line
                made = tangent_of(builder, i, tangents)
                if made is not None:
                    tangents[i] = made
        outputs = [tensors[i] for i in program.outputs]
        names = list(program.output_names)
        for name, i in zip(program.output_names, program.outputs, strict=True):
            if program.nodes[i].type.kind == "real":
                found = tangents.get(tensors[i].index)
                outputs.append(zeros(program.nodes[i].type, builder) if found is None else found)
                names.append(TANGENT + name)
    return builder.finish([tensors[i] for i in program.inputs] + list(seeds.values()), outputs, names)


@lru_cache(maxsize=512)
def second_order(program: Program, wrt: tuple[str, ...]) -> Program:
    """Gradient of ``<VJP, d>``: a Hessian-vector product of ``<cotangent, outputs>`` in direction ``d``.

    Inputs: those of :func:`vjp`, then ``d.<input>`` for each name in ``wrt``. Outputs: those of ``program``,
    then ``grad.<input>``.
    """
    first = vjp(program, wrt)
    builder = Builder(surface=False)
    with building(builder):
        tensors = builder.adopt(first)
        inputs = [tensors[i] for i in first.inputs]
        primal = [tensors[i] for i in first.outputs[: -len(wrt)]]
        total: Tensor | None = None
        for name, i in zip(wrt, first.outputs[-len(wrt) :], strict=True):
            direction = builder.input(DIRECTION + name, tensors[i].type)
            inputs.append(direction)
            product = apply("sum", tensors[i] * direction)
            total = accumulate(total, product)
        assert total is not None
        count = len(builder.nodes)
        where = {n: tensors[i].index for n, i in _wrt(first, wrt).items()}
        one = builder.add("constant", (), TensorType(()), {"value": 1})
        gradients, _ = backward(builder, count, where, {total.index: one})
    names = [*first.output_names[: len(primal)], *(GRADIENT + n for n in wrt)]
    return builder.finish(inputs, primal + [gradients[n] for n in wrt], names)
