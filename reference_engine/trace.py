"""From a Python function written against ``xp`` to a Program, and from operations to lowered operations.

``xp`` holds every operation of the table under its name. Called inside :func:`trace` it records the
operation as the user wrote it; called inside a lowering it unfolds composites down to primitives with
explicit broadcasting, which is the form that is differentiated and evaluated.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from fractions import Fraction
from functools import lru_cache
from typing import Any

import numpy as np

from reference_engine.operations import OPERATIONS, Composite, Operation, Primitive, lookup
from reference_engine.program import (
    Attr,
    FrozenArray,
    Kind,
    Node,
    Program,
    ProgramError,
    TensorType,
    literal,
)

CHOOSING = frozenset({"select", "where", "pick", "maximum", "minimum", "abs", "reduce_max", "sort_last"})
"""Operations that choose at a kink. Two of them that a person wrote separately may choose differently: they
are not shared even where they are equal (torch's clip at its bound gives 1, its maximum one half)."""


class Builder:
    """Nodes of a Program under construction.

    ``surface`` keeps operations as written. Otherwise composites unfold and equal nodes are shared, so that
    one value computed twice is one node (ties between the two are then no ties).
    """

    def __init__(self, *, surface: bool) -> None:
        self.surface = surface
        self.nodes: list[Node] = []
        self.origin: int | None = None
        self.line: int | None = None
        self._known: dict[tuple[object, ...], int] = {}

    def add(
        self,
        op: str,
        inputs: Sequence[int],
        type_: TensorType,
        attrs: Mapping[str, Attr] | None = None,
        *,
        output: int = 0,
        name: str | None = None,
    ) -> Tensor:
        """Append a node, or return the equal one that is already there."""
        items = tuple(sorted(attrs.items())) if attrs else ()
        before = tuple(inputs)
        if not self.surface and op != "input":
            key = _key(op, before, type_, items, output, self.origin)
            index = self._known.setdefault(key, len(self.nodes))
            if index < len(self.nodes):
                return Tensor(self, index)
        self.nodes.append(Node(op, before, type_, items, output, name, self.line, self.origin))
        return Tensor(self, len(self.nodes) - 1)

    def adopt(self, program: Program) -> list[Tensor]:
        """Start with all nodes of a lowered Program, in their places. The builder must be empty."""
        assert not self.nodes
        for index, n in enumerate(program.nodes):
            if n.op != "input":
                self._known[_key(n.op, n.inputs, n.type, n.attrs, n.output, n.origin)] = index
        self.nodes.extend(program.nodes)
        return [Tensor(self, i) for i in range(len(self.nodes))]

    def input(self, name: str, type_: TensorType) -> Tensor:
        """A new input."""
        return self.add("input", (), type_, name=name)

    def rename(self, index: int, name: str, line: int | None = None) -> None:
        """Give a node the name that the user's text gives it."""
        old = self.nodes[index]
        self.nodes[index] = Node(
            old.op, old.inputs, old.type, old.attrs, old.output, name, line or old.line, old.origin
        )

    def finish(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor], names: Sequence[str]) -> Program:
        """The Program, without the nodes that no output needs (inputs are kept)."""
        keep = {t.index for t in inputs}
        stack = [t.index for t in outputs]
        while stack:
            index = stack.pop()
            if index not in keep or self.nodes[index].op == "input":
                keep.add(index)
                stack.extend(i for i in self.nodes[index].inputs if i not in keep)
        order = sorted(keep)
        new = {old: i for i, old in enumerate(order)}
        nodes = []
        for old in order:
            n = self.nodes[old]
            moved = tuple([new[i] for i in n.inputs])
            if moved != n.inputs:
                n = Node(n.op, moved, n.type, n.attrs, n.output, n.name, n.line, n.origin)
            nodes.append(n)
        return Program(
            tuple(nodes),
            tuple(new[t.index] for t in inputs),
            tuple(new[t.index] for t in outputs),
            tuple(names),
        )


def _key(
    op: str,
    inputs: tuple[int, ...],
    type_: TensorType,
    attrs: tuple[tuple[str, Attr], ...],
    output: int,
    origin: int | None,
) -> tuple[object, ...]:
    """What two nodes have in common that are one."""
    return op, inputs, type_.shape, type_.kind, attrs, output, origin if op in CHOOSING else None


def _operator(name: str) -> Callable[[Tensor, Any], Tensor]:
    def method(self: Tensor, other: Any) -> Tensor:
        return apply(name, self, other)  # type: ignore[no-any-return]

    return method


def _reflected(name: str) -> Callable[[Tensor, Any], Tensor]:
    def method(self: Tensor, other: Any) -> Tensor:
        return apply(name, other, self)  # type: ignore[no-any-return]

    return method


class Tensor:
    """A value inside a Program under construction; behaves like an Array API array without data."""

    __slots__ = ("builder", "index", "kind", "shape", "type")
    __array_ufunc__ = None

    def __init__(self, builder: Builder, index: int) -> None:
        self.builder = builder
        self.index = index
        self.type: TensorType = builder.nodes[index].type
        self.shape: tuple[int, ...] = self.type.shape
        self.kind: Kind = self.type.kind

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """Number of elements."""
        return self.type.size

    @property
    def mT(self) -> Tensor:
        """The matrix transpose: the last two axes exchanged."""
        return apply("matrix_transpose", self)  # type: ignore[no-any-return]

    @property
    def T(self) -> Tensor:
        """The transpose of a matrix."""
        return self.mT

    def __repr__(self) -> str:
        return f"Tensor({self.type}, node {self.index})"

    def __bool__(self) -> bool:
        msg = "a Program has no branches on values; write where(condition, a, b)"
        raise ProgramError(msg)

    def __iter__(self) -> Iterator[Tensor]:
        if not self.shape:
            msg = "a 0-d tensor cannot be iterated over"
            raise ProgramError(msg)
        return (self[i] for i in range(self.shape[0]))

    def __getitem__(self, key: Any) -> Tensor:
        return apply("getitem", self, *split_index(key))  # type: ignore[no-any-return]

    __add__, __radd__ = _operator("add"), _reflected("add")
    __sub__, __rsub__ = _operator("subtract"), _reflected("subtract")
    __mul__, __rmul__ = _operator("multiply"), _reflected("multiply")
    __truediv__, __rtruediv__ = _operator("divide"), _reflected("divide")
    __pow__, __rpow__ = _operator("power"), _reflected("power")
    __matmul__, __rmatmul__ = _operator("matmul"), _reflected("matmul")
    __mod__, __rmod__ = _operator("remainder"), _reflected("remainder")
    __floordiv__, __rfloordiv__ = _operator("floor_divide"), _reflected("floor_divide")
    __and__, __rand__ = _operator("logical_and"), _reflected("logical_and")
    __or__, __ror__ = _operator("logical_or"), _reflected("logical_or")
    __xor__, __rxor__ = _operator("logical_xor"), _reflected("logical_xor")
    __lt__, __le__ = _operator("less"), _operator("less_equal")
    __gt__, __ge__ = _operator("greater"), _operator("greater_equal")
    __eq__ = _operator("equal")  # type: ignore[assignment]
    __ne__ = _operator("not_equal")  # type: ignore[assignment]
    __hash__ = object.__hash__

    def __neg__(self) -> Tensor:
        return apply("negative", self)  # type: ignore[no-any-return]

    def __abs__(self) -> Tensor:
        return apply("abs", self)  # type: ignore[no-any-return]

    def __invert__(self) -> Tensor:
        return apply("logical_not", self)  # type: ignore[no-any-return]


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


_CURRENT: ContextVar[Builder] = ContextVar("builder")


@contextmanager
def building(builder: Builder) -> Iterator[Builder]:
    """Make ``builder`` the one that ``xp`` writes to."""
    token = _CURRENT.set(builder)
    try:
        yield builder
    finally:
        _CURRENT.reset(token)


def constant(value: Any, kind: Kind | None = None) -> Tensor:
    """A constant: a number (a float literal means its decimal), a list or a numpy array."""
    builder = _CURRENT.get()
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
        return apply("stack", [as_tensor(v) for v in value])  # type: ignore[no-any-return]
    return constant(value)


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


def node_arguments(node: Node, operands: Sequence[Any]) -> dict[str, Any]:
    """The arguments of a node's call by parameter name, for operands of any kind (tensors of a framework
    too).
    """
    operation = lookup(node.op)
    attrs = node.attributes
    layout = attrs.pop("layout", default_layout(operation))
    spare = len(operands) - sum(layout)
    if spare and "layout" not in dict(
        node.attrs
    ):  # a lowered node keeps no layout; its one list takes the rest
        slots = [p.slot for p in operation.parameters if p.slot]
        layout = tuple(n + spare if slot == "many" else n for n, slot in zip(layout, slots, strict=True))
    return join_arguments(operation, operands, layout, attrs)


@lru_cache(maxsize=4096)
def _composite_types(
    operation: Composite,
    types: tuple[TensorType, ...],
    layout: tuple[int, ...],
    attrs: tuple[tuple[str, Attr], ...],
) -> tuple[TensorType, ...]:
    scratch = Builder(surface=False)
    with building(scratch):
        operands = [scratch.input(f"x{i}", t) for i, t in enumerate(types)]
        result = operation.prototype(**join_arguments(operation, operands, layout, dict(attrs)))
    results = result if isinstance(result, tuple) else (result,)
    return tuple(r.type for r in results)


def apply(name: str, *args: Any, **kwargs: Any) -> Any:
    """Apply the operation ``name``; a Tensor, or a tuple of them for a several-valued operation."""
    operation = OPERATIONS.get(name) or lookup(name)
    builder = _CURRENT.get()
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
        outputs = _composite_types(operation, types, layout, tuple(sorted(attrs.items())))
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
    if operation.elementwise and any(t.kind != "real" or t.shape != out.shape for t in operands):
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


class Namespace:
    """The operations as attributes: ``xp.exp(x)``. Array API names where the standard has one."""

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name.startswith("_"):
            raise AttributeError(name)
        lookup(name)
        return lambda *args, **kwargs: apply(name, *args, **kwargs)

    constant = staticmethod(constant)


xp = Namespace()


def trace(
    function: Callable[..., Any], types: Mapping[str, TensorType], names: Sequence[str] | None = None
) -> Program:
    """The Program of ``function``, called once with a Tensor for each input, in the order of ``types``.

    The function returns one Tensor or a tuple of them. ProgramError says what is wrong with a call.

    >>> print(trace(lambda w, x: (w * x - 2) ** 2, {"w": TensorType(()), "x": TensorType(())}))
    w: real[] = input()
    x: real[] = input()
    %2: real[] = multiply(w, x)
    %3: int[] = constant(value=2)
    %4: real[] = subtract(%2, %3)
    %5: int[] = constant(value=2)
    %6: real[] = power(%4, %5)
    return %6
    """
    builder = Builder(surface=True)
    with building(builder):
        inputs = [builder.input(name, type_) for name, type_ in types.items()]
        result = function(*inputs)
        results = [as_tensor(r) for r in (result if isinstance(result, (tuple, list)) else (result,))]
    if names is None:
        names = [builder.nodes[r.index].name or f"out{k}" for k, r in enumerate(results)]
    return builder.finish(inputs, results, names)
