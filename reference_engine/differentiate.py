"""The chain rule: from a Program to the Program of its derivative.

No number is computed here. Forward mode applies each primitive's local derivative in order. Reverse mode
takes the same local derivative with symbolic tangents and transposes the linear operations in it, so that
one rule per primitive gives JVP, VJP and, applied again, every higher order (Frostig et al., "Decomposing
reverse-mode automatic differentiation", 2021).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache

from reference_engine.operations import Primitive, lookup
from reference_engine.program import Program, ProgramError, TensorType
from reference_engine.trace import Builder, Tensor, apply, building, node_arguments

COTANGENT, TANGENT, DIRECTION, GRADIENT = "ct.", "t.", "d.", "grad."
"""Prefixes of the names of what a derivative Program takes and gives, before an output's or input's name."""


def zeros(type_: TensorType, builder: Builder) -> Tensor:
    """A structural zero: the derivative of what does not depend on the input."""
    scalar = builder.add("constant", (), TensorType(()), {"value": 0, "structural": True})
    if not type_.shape:
        return scalar
    return builder.add("broadcast_to", [scalar.index], type_, {"shape": type_.shape})


def accumulate(old: Tensor | None, new: Tensor | None) -> Tensor | None:
    """Sum of two cotangents, either of which may be structurally zero."""
    if old is None or new is None:
        return new if old is None else old
    return old + new


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
                if isinstance(operation, Primitive) and operation.internal:
                    made = builder.add(
                        node.op, [tensors[i].index for i in node.inputs], node.type, node.attributes
                    )
                    done[key] = made
                else:
                    done[key] = apply(node.op, **node_arguments(node, [tensors[i] for i in node.inputs]))
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


def tangent_of(builder: Builder, index: int, tangents: Mapping[int, Tensor]) -> Tensor | None:
    """Tangent of a node from its operands' tangents, None where it is structurally zero."""
    node = builder.nodes[index]
    own = [tangents.get(i) for i in node.inputs]
    if node.type.kind != "real" or all(t is None for t in own):
        return None
    operation = lookup(node.op)
    if not isinstance(operation, Primitive) or operation.jvp is None:
        return None
    primals = [Tensor(builder, i) for i in node.inputs]
    return operation.jvp(primals, own, Tensor(builder, index), node.attributes)


def transpose_node(
    builder: Builder, index: int, linear: Sequence[bool], cotangent: Tensor
) -> Sequence[Tensor | None]:
    """Cotangents of the operands marked ``linear`` of a node that is linear in them."""
    node = builder.nodes[index]
    operation = lookup(node.op)
    if not isinstance(operation, Primitive) or operation.transpose is None:
        msg = f"{node.op} is used as a linear operation but has no transpose rule"
        raise ProgramError(msg)
    operands = [
        builder.nodes[i].type if flag else Tensor(builder, i)
        for i, flag in zip(node.inputs, linear, strict=True)
    ]
    return operation.transpose(cotangent, operands, node.attributes)


def pull_back(builder: Builder, index: int, active: Sequence[bool], cotangent: Tensor) -> list[Tensor | None]:
    """Cotangents of one node's active operands: its local derivative, transposed."""
    node = builder.nodes[index]
    operation = lookup(node.op)
    assert isinstance(operation, Primitive)
    if operation.linear:
        return list(transpose_node(builder, index, active, cotangent))
    start = len(builder.nodes)
    seeds: list[Tensor | None] = [
        builder.input(f"seed.{index}.{k}", builder.nodes[i].type) if on else None
        for k, (i, on) in enumerate(zip(node.inputs, active, strict=True))
    ]
    if operation.jvp is None:
        return [None] * len(seeds)
    primals = [Tensor(builder, i) for i in node.inputs]
    result = operation.jvp(primals, seeds, Tensor(builder, index), node.attributes)
    if result is None:
        return [None] * len(seeds)
    stop = len(builder.nodes)
    linear = {s.index for s in seeds if s is not None}
    for i in range(start, stop):
        if any(j in linear for j in builder.nodes[i].inputs):
            linear.add(i)
    pending: dict[int, Tensor | None] = {result.index: cotangent}
    for i in range(stop - 1, start - 1, -1):
        inner = pending.get(i)
        if inner is None or i not in linear or builder.nodes[i].op == "input":
            continue
        flags = [j in linear for j in builder.nodes[i].inputs]
        parts = transpose_node(builder, i, flags, inner)
        for j, flag, part in zip(builder.nodes[i].inputs, flags, parts, strict=True):
            if flag:
                pending[j] = accumulate(pending.get(j), part)
    return [None if s is None else pending.get(s.index) for s in seeds]


def _backward(
    builder: Builder, count: int, wrt: Mapping[str, int], seeds: Mapping[int, Tensor]
) -> tuple[dict[str, Tensor], dict[int, Tensor]]:
    """Gradient for each input in ``wrt``, and the cotangent of every node on the way."""
    active = set(wrt.values())
    for i in range(count):
        if builder.nodes[i].type.kind == "real" and any(j in active for j in builder.nodes[i].inputs):
            active.add(i)
    cotangents: dict[int, Tensor | None] = dict(seeds)
    for i in range(count - 1, -1, -1):
        cotangent = cotangents.get(i)
        node = builder.nodes[i]
        if cotangent is None or i not in active or node.op == "input":
            continue
        builder.origin, builder.line = node.origin, node.line
        flags = [j in active for j in node.inputs]
        for j, flag, part in zip(node.inputs, flags, pull_back(builder, i, flags, cotangent), strict=True):
            if flag:
                cotangents[j] = accumulate(cotangents.get(j), part)
    gradients = {}
    for name, i in wrt.items():
        found = cotangents.get(i)
        gradients[name] = zeros(builder.nodes[i].type, builder) if found is None else found
    return gradients, {i: c for i, c in cotangents.items() if c is not None and i < count}


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
        gradients, _ = _backward(builder, count, where, seeds)
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
        gradients, cotangents = _backward(builder, count, where, seeds)
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
        gradients, _ = _backward(builder, count, where, {total.index: one})
    names = [*first.output_names[: len(primal)], *(GRADIENT + n for n in wrt)]
    return builder.finish(inputs, primal + [gradients[n] for n in wrt], names)
