"""A Program under construction: its nodes, and the tensors that stand for them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Self

from reference_engine.operators import Operators
from reference_engine.program import Attr, Kind, Node, Program, ProgramError, TensorType

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
        self.places: dict[int, int] = {}
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
        return Tensor(self, self.put(op, tuple(inputs), type_, items, output, name))

    def put(
        self,
        op: str,
        before: tuple[int, ...],
        type_: TensorType,
        items: tuple[tuple[str, Attr], ...],
        output: int = 0,
        name: str | None = None,
    ) -> int:
        """As :meth:`add`, with attributes in the order of their names; the node's place."""
        nodes = self.nodes
        place = len(nodes)
        if not self.surface and op != "input":
            index = self._known.setdefault(_key(op, before, type_, items, output, self.origin), place)
            if index < place:
                return index
        nodes.append(Node(op, before, type_, items, output, name, self.line, self.origin))
        return place

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
        """The Program, without the nodes that no output needs (inputs are kept); ``places`` then says where
        each node went that is in it.
        """
        keep = {t.index for t in inputs} | {t.index for t in outputs}
        for index in range(len(self.nodes) - 1, -1, -1):
            if index in keep:
                keep.update(self.nodes[index].inputs)
        order = sorted(keep)
        new = self.places = {old: i for i, old in enumerate(order)}
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


class Tensor(Operators):
    """A value inside a Program under construction; behaves like an Array API array without data."""

    __slots__ = ("builder", "index", "kind", "shape", "type")

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
        return self._call("matrix_transpose", self)

    @property
    def T(self) -> Tensor:
        """The transpose of a matrix."""
        return self.mT

    def _call(self, name: str, *args: Any) -> Self:
        from reference_engine.apply import apply  # noqa: PLC0415 - operations are applied to tensors

        return apply(name, *args)  # type: ignore[no-any-return]

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
        from reference_engine.arguments import split_index  # noqa: PLC0415 - as above

        return self._call("getitem", self, *split_index(key))


CURRENT: ContextVar[Builder] = ContextVar("builder")
"""The one that ``xp`` writes to."""


@contextmanager
def building(builder: Builder) -> Iterator[Builder]:
    """Make ``builder`` the one that ``xp`` writes to."""
    token = CURRENT.set(builder)
    try:
        yield builder
    finally:
        CURRENT.reset(token)
