"""Applying an operation: recorded as it was written, or unfolded to primitives with explicit broadcasting."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from reference_engine.arguments import (
    as_tensor,
    constant,
    default_layout,
    join_arguments,
    layout_of,
    node_arguments,
    split_arguments,
)
from reference_engine.builder import CURRENT, Builder, Tensor, building
from reference_engine.operations import OPERATIONS, Composite, Primitive, lookup
from reference_engine.program import Attr, FrozenArray, Kind, Node, TensorType


@dataclass(frozen=True)
class Unfolded:
    """A composite as primitives: the operands come first among the nodes. ``single`` tells a result from a
    tuple of one.
    """

    nodes: tuple[Node, ...]
    results: tuple[int, ...]
    single: bool

    @property
    def types(self) -> tuple[TensorType, ...]:
        """Type of each result."""
        return tuple(self.nodes[i].type for i in self.results)


@lru_cache(maxsize=4096)
def unfolded(
    operation: Composite,
    types: tuple[TensorType, ...],
    layout: tuple[int, ...],
    attrs: tuple[tuple[str, Attr], ...],
) -> Unfolded:
    """The composite for operands of these types, of which nothing else is known."""
    scratch = Builder(surface=False)
    with building(scratch):
        operands = [scratch.input(f"x{i}", t) for i, t in enumerate(types)]
        result = operation.prototype(**join_arguments(operation, operands, layout, dict(attrs)))
    results = result if isinstance(result, tuple) else (result,)
    return Unfolded(tuple(scratch.nodes), tuple(r.index for r in results), not isinstance(result, tuple))


def unfold(operation: Composite, node: Node, operands: Sequence[Tensor]) -> Tensor | tuple[Tensor, ...]:
    """The results of a composite node of a surface Program in the builder of its operands, unfolded once for
    their types, again only where a composite may see more than the types: a constant, or one operand twice.
    """
    builder = CURRENT.get()
    indices = [t.index for t in operands]
    known = any(builder.nodes[i].op in {"constant", "broadcast_to", "convert"} for i in indices)
    if known or len(set(indices)) < len(indices):
        return apply(operation.name, **node_arguments(node, operands))  # type: ignore[no-any-return]
    attrs = tuple(item for item in node.attrs if item[0] != "layout")
    found = unfolded(operation, tuple(t.type for t in operands), layout_of(operation, node, operands), attrs)
    made = list(indices)
    for inner in found.nodes[len(indices) :]:
        before = tuple([made[i] for i in inner.inputs])
        made.append(builder.put(inner.op, before, inner.type, inner.attrs, inner.output))
    results = tuple(Tensor(builder, made[i]) for i in found.results)
    return results[0] if found.single else results


def apply(name: str, *args: Any, **kwargs: Any) -> Any:
    """Apply the operation ``name``; a Tensor, or a tuple of them for a several-valued operation."""
    operation = OPERATIONS.get(name) or lookup(name)
    builder = CURRENT.get()
    if not kwargs and not builder.surface and operation.plain and len(args) == len(operation.parameters):
        operands = [a if type(a) is Tensor else as_tensor(a) for a in args]
        if type(operation) is Primitive:
            return _apply_core(builder, operation, operands, {})
        return operation.prototype(*operands)
    operands, layout, attrs = split_arguments(operation, operation.bind(args, kwargs))
    if not builder.surface:
        if isinstance(operation, Composite):
            return operation.prototype(**join_arguments(operation, operands, layout, attrs))
        return _apply_core(builder, operation, operands, attrs)
    types = tuple(t.type for t in operands)
    if isinstance(operation, Composite):
        outputs = unfolded(operation, types, layout, tuple(sorted(attrs.items()))).types
    else:
        outputs = (operation.infer(types, attrs),)
    if layout != default_layout(operation):
        attrs["layout"] = layout
    inputs = [t.index for t in operands]
    nodes = [builder.add(name, inputs, t, attrs, output=k) for k, t in enumerate(outputs)]
    return nodes[0] if len(nodes) == 1 else tuple(nodes)


def _apply_core(
    builder: Builder, operation: Primitive, operands: Sequence[Tensor], attrs: Mapping[str, Attr]
) -> Tensor:
    out = operation.infer([t.type for t in operands], attrs)
    if operation.elementwise and [t for t in operands if t.kind != "real" or t.shape != out.shape]:
        kind: Kind = "real" if out.kind == "real" or any(t.kind == "real" for t in operands) else out.kind
        operands = [broadcast(promote(t, operation, kind), out.shape) for t in operands]
    return builder.add(operation.name, [t.index for t in operands], out, attrs)


def promote(tensor: Tensor, operation: Primitive, kind: Kind) -> Tensor:
    """Integers and booleans become real where the operation works on real numbers (conditions stay)."""
    if kind != "real" or tensor.kind == "real":
        return tensor
    if tensor.kind == "bool" and operation.name in {"where", "select"}:
        return tensor
    return to_kind(tensor, "real")


def to_kind(tensor: Tensor, kind: Kind) -> Tensor:
    """``tensor`` with elements of ``kind``; a constant stays a constant."""
    node = tensor.builder.nodes[tensor.index]
    if node.op == "constant" and kind == "real":
        value = node.attr("value")
        return constant(value.value if isinstance(value, FrozenArray) else int(value), "real")
    return tensor.builder.add("convert", [tensor.index], TensorType(tensor.shape, kind), {"kind": kind})


def broadcast(tensor: Tensor, shape: tuple[int, ...]) -> Tensor:
    """``tensor`` broadcast to ``shape``, itself where the shapes are equal."""
    if tensor.shape == shape:
        return tensor
    return tensor.builder.add(
        "broadcast_to", [tensor.index], TensorType(shape, tensor.kind), {"shape": shape}
    )
