"""Tangents and cotangents of single nodes, and the sweep back through a Program under construction.

A primitive's one rule, its local derivative, gives both: with the tangents themselves forward, and with
symbolic tangents, whose linear operations are then transposed, backward.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from reference_engine.operations import Primitive, lookup
from reference_engine.program import ProgramError, TensorType
from reference_engine.trace import Builder, Tensor


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
        if not linear.isdisjoint(builder.nodes[i].inputs):
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


def backward(
    builder: Builder, count: int, wrt: Mapping[str, int], seeds: Mapping[int, Tensor]
) -> tuple[dict[str, Tensor], dict[int, Tensor]]:
    """Gradient for each input in ``wrt``, and the cotangent of every node on the way."""
    active = set(wrt.values())
    for i in range(count):
        node = builder.nodes[i]
        if node.type.kind == "real" and not active.isdisjoint(node.inputs):
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
