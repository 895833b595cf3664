"""A surface Program, executed by a framework's own operations as a person would have called them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from oracle.frameworks.protocol import UnsupportedOperationError
from reference_engine.program import Attr, FrozenArray, Kind, Node, Program
from reference_engine.trace import node_arguments

Call = Callable[..., Any]
"""An operation of a framework with the parameters of ours, given by name."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a framework is spoken to, for one dtype of real numbers.

    ``tensor`` makes a tensor of a kind from a number or a numpy array. ``convert`` changes an integer or
    boolean tensor to the real dtype. ``number_operands`` are the operations to which a person passes a bare
    number next to a tensor; type promotion then is the framework's.
    """

    operations: Mapping[str, Call]
    number_operands: frozenset[str]
    tensor: Callable[[Any, Kind], Any]
    convert: Callable[[Any], Any]


def run(program: Program, inputs: Mapping[str, Any], dialect: Dialect) -> tuple[Any, ...]:
    """The outputs of a Program as tensors of the framework, in order.

    ``inputs`` are the framework's tensors by name. A several-valued operation is called once, so that its
    combined derivative is what runs. UnsupportedOperationError names an operation that the framework's table
    lacks.
    """
    values: list[Any] = []
    pending: dict[object, tuple[Any, set[int]]] = {}
    for _, node in program:
        if node.op == "input":
            values.append(inputs[node.name or ""])
        elif node.op == "constant":
            values.append(_constant(node, dialect))
        else:
            values.append(_call(node, program, values, dialect, pending))
    return tuple(
        dialect.tensor(values[i], program.nodes[i].type.kind) if _is_number(values[i]) else values[i]
        for i in program.outputs
    )


def _constant(node: Node, dialect: Dialect) -> Any:
    """A number stays a Python number; an array becomes a tensor."""
    value = node.attr("value")
    if isinstance(value, FrozenArray):
        return dialect.tensor(value.value, node.type.kind)
    return float(value) if node.type.kind == "real" else value


def _call(
    node: Node,
    program: Program,
    values: Sequence[Any],
    dialect: Dialect,
    pending: dict[object, tuple[Any, set[int]]],
) -> Any:
    """The value of one node; ``pending`` holds results of several-valued calls and which were taken."""
    key = (node.op, node.inputs, node.attrs)
    if key in pending and node.output not in pending[key][1]:
        results, taken = pending[key]
        taken.add(node.output)
        return results[node.output]
    operation = dialect.operations.get(node.op)
    if operation is None:
        raise UnsupportedOperationError(node.op)
    kinds = [program.nodes[i].type.kind for i in node.inputs]
    operands = _operands(node, kinds, [values[i] for i in node.inputs], dialect)
    arguments = {name: _plain(value) for name, value in node_arguments(node, operands).items()}
    result = operation(**arguments)
    if not isinstance(result, tuple):
        return result
    pending[key] = (result, {node.output})
    return result[node.output]


def _operands(node: Node, kinds: Sequence[Kind], values: Sequence[Any], dialect: Dialect) -> list[Any]:
    """Operands in the form in which a person passes them.

    A real result of operands none of which is a real tensor would get the framework's default dtype, not that
    under test; there integers and numbers are converted first. A condition stays boolean.
    """
    tensors = [not _is_number(v) for v in values]
    bare = node.op in dialect.number_operands and any(tensors)
    adrift = node.type.kind == "real" and not any(
        t and k == "real" for t, k in zip(tensors, kinds, strict=True)
    )
    out = []
    for value, kind, tensor in zip(values, kinds, tensors, strict=True):
        if adrift and (kind != "bool" or node.op != "where"):
            out.append(dialect.convert(value) if tensor else dialect.tensor(value, "real"))
        else:
            out.append(value if tensor or bare else dialect.tensor(value, kind))
    return out


def _is_number(value: Any) -> bool:
    return isinstance(value, (bool, int, float))


def _plain(value: Attr) -> Any:
    """An attribute as a framework understands it: exact fractions as floats."""
    match value:
        case Fraction():
            return float(value)
        case FrozenArray():
            return value.value
        case tuple():
            return tuple(_plain(v) for v in value)
        case list():
            return [_plain(v) for v in value]
        case _:
            return value
