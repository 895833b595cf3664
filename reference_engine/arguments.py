"""What an operation is called with: tensors, constants and attributes, taken apart and put together again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from reference_engine.builder import CURRENT, Tensor
from reference_engine.operations import Operation, lookup
from reference_engine.program import Attr, FrozenArray, Kind, Node, ProgramError, TensorType, literal


def constant(value: Any, kind: Kind | None = None) -> Tensor:
    """A constant: a number (a float literal means its decimal), a list or a numpy array."""
    builder = CURRENT.get()
    if isinstance(value, (bool, np.bool_)):
        return builder.add("constant", (), TensorType((), kind or "bool"), {"value": bool(value)})
    if isinstance(value, (int, np.integer)) and kind != "real":
        return builder.add("constant", (), TensorType((), "int"), {"value": int(value)})
    if isinstance(value, (int, float, str, Fraction, np.floating)):
        number = float(value) if isinstance(value, np.floating) else value
        return builder.add("constant", (), TensorType((), "real"), {"value": literal(number)})
    array = np.asarray(value)
    if array.dtype.kind not in "biuf":
        msg = f"cannot make a constant of {value!r:.60}; expected numbers of one shape"
        raise ProgramError(msg)
    found: Kind = {"b": "bool", "i": "int", "u": "int", "f": "real"}[array.dtype.kind]  # type: ignore[assignment]
    array = array.astype({"bool": np.bool_, "int": np.int64, "real": np.float64}[kind or found])
    return builder.add("constant", (), TensorType(array.shape, kind or found), {"value": FrozenArray(array)})


def as_tensor(value: Any) -> Tensor:
    """A Tensor as it is, anything else as a constant; a list that holds Tensors is stacked."""
    if isinstance(value, Tensor):
        return value
    if isinstance(value, (list, tuple)) and any(isinstance(v, Tensor) for v in value):
        from reference_engine.apply import apply  # noqa: PLC0415 - operations are applied to arguments

        return apply("stack", [as_tensor(v) for v in value])  # type: ignore[no-any-return]
    return constant(value)


def split_index(key: Any) -> tuple[list[Tensor], tuple[Attr, ...]]:
    """An index expression as (tensors in it, description with ``('tensor', k)`` in their places)."""
    tensors: list[Tensor] = []
    entries: list[Attr] = []
    for item in key if isinstance(key, tuple) else (key,):
        match item:
            case slice():
                entries.append(("slice", item.start, item.stop, item.step))
            case None:
                entries.append(("newaxis",))
            case _ if item is Ellipsis:
                entries.append(("ellipsis",))
            case bool():
                msg = f"cannot index with {item!r}; expected integers, slices or integer tensors"
                raise ProgramError(msg)
            case int() | np.integer():
                entries.append(("at", int(item)))
            case _:
                entries.append(("tensor", len(tensors)))
                tensors.append(as_tensor(item))
    return tensors, tuple(entries)


_FROZEN = frozenset({type(None), bool, int, float, str, Fraction, FrozenArray})


def freeze(value: Any, where: str) -> Attr:
    """An attribute value in hashable form."""
    if type(value) in _FROZEN:
        return value
    match value:
        case list() | tuple():
            return tuple(freeze(v, where) for v in value)
        case None | bool() | int() | float() | str() | Fraction() | FrozenArray():
            return value
        case np.integer():
            return int(value)
        case np.floating():
            return float(value)
        case np.ndarray():
            return FrozenArray(value)
        case Tensor():
            node = value.builder.nodes[value.index]
            if node.op == "constant" and not isinstance(node.attr("value"), FrozenArray):
                return node.attr("value")
            if node.op == "negative" and value.builder.nodes[node.inputs[0]].op == "constant":
                return -value.builder.nodes[node.inputs[0]].attr("value")
    msg = f"{where} must be a number, a string or a tuple of these, found {type(value).__name__}"
    raise ProgramError(msg)


def split_arguments(
    operation: Operation, bound: Mapping[str, Any]
) -> tuple[list[Tensor], tuple[int, ...], dict[str, Attr]]:
    """Bound arguments as operands (flat), how many operands each tensor parameter has (-1: None), and
    attributes.
    """
    operands: list[Tensor] = []
    layout: list[int] = []
    attrs: dict[str, Attr] = {}
    for p in operation.parameters:
        value = bound[p.name]
        if p.slot is None:
            attrs[p.name] = freeze(value, f"{operation.name}: argument {p.name!r}")
        elif value is None:
            if p.slot != "optional":
                msg = f"{operation.name} needs argument {p.name!r}; expected {operation.signature}"
                raise ProgramError(msg)
            layout.append(-1)
        elif p.slot == "many":
            if not isinstance(value, (list, tuple)):
                msg = f"{operation.name}: argument {p.name!r} must be a list of tensors"
                raise ProgramError(msg)
            operands += [as_tensor(v) for v in value]
            layout.append(len(value))
        else:
            operands.append(as_tensor(value))
            layout.append(1)
    return operands, tuple(layout), attrs


def join_arguments(
    operation: Operation, operands: Sequence[Any], layout: Sequence[int], attrs: Mapping[str, Attr]
) -> dict[str, Any]:
    """Inverse of :func:`split_arguments`: everything by parameter name, for any kind of operand."""
    bound: dict[str, Any] = {}
    rest = list(operands)
    slots = iter(layout)
    for p in operation.parameters:
        if p.slot is None:
            bound[p.name] = attrs[p.name]
            continue
        count = next(slots)
        if count < 0:
            bound[p.name] = None
        elif p.slot == "many":
            bound[p.name], rest = rest[:count], rest[count:]
        else:
            bound[p.name], rest = rest[0], rest[1:]
    return bound


def default_layout(operation: Operation) -> tuple[int, ...]:
    """The layout that is not written into a node: one operand a tensor parameter."""
    return tuple(1 for p in operation.parameters if p.slot)


def layout_of(operation: Operation, node: Node, operands: Sequence[Any]) -> tuple[int, ...]:
    """The layout of a node's operands."""
    written: tuple[int, ...] | None = node.attr("layout")
    if written is not None:
        return written
    layout = default_layout(operation)
    spare = len(operands) - sum(layout)
    if spare:  # a lowered node keeps no layout; its one list takes the rest
        slots = [p.slot for p in operation.parameters if p.slot]
        layout = tuple(n + spare if slot == "many" else n for n, slot in zip(layout, slots, strict=True))
    return layout


def node_arguments(node: Node, operands: Sequence[Any]) -> dict[str, Any]:
    """The arguments of a node's call by parameter name, for operands of any kind (tensors of a framework
    too).
    """
    operation = lookup(node.op)
    return join_arguments(operation, operands, layout_of(operation, node, operands), node.attributes)
