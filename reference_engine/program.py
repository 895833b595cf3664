"""The Program: an immutable graph in single-assignment form, the one representation of every function
here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

Kind = Literal["real", "int", "bool"]
"""What an element is. Precision is no part of a Program: it belongs to whoever runs it."""

Attr = Any
"""An attribute: None, bool, int, float, str, Fraction, FrozenArray, or a tuple of these."""


class ProgramError(ValueError):
    """A Program, an operation's arguments or a shape that cannot be right; says what was found and
    expected.
    """


@dataclass(frozen=True, slots=True)
class TensorType:
    """Shape and kind of a tensor.

    >>> str(TensorType((2, 3)))
    'real[2,3]'
    """

    shape: tuple[int, ...]
    kind: Kind = "real"

    @property
    def size(self) -> int:
        """Number of elements."""
        size = 1
        for extent in self.shape:
            size *= extent
        return size

    @property
    def rank(self) -> int:
        """Number of axes."""
        return len(self.shape)

    def __str__(self) -> str:
        return f"{self.kind}[{','.join(map(str, self.shape))}]"


class FrozenArray:
    """A numpy array that can be an attribute: read-only, hashed and compared by content."""

    __slots__ = ("_digest", "value")

    def __init__(self, value: npt.ArrayLike) -> None:
        array = np.array(value)
        array.flags.writeable = False
        self.value: npt.NDArray[Any] = array
        content = array.tobytes() if array.dtype != object else repr(array.tolist()).encode()
        self._digest = hashlib.sha256(f"{array.dtype}{array.shape}".encode() + content).digest()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, FrozenArray) and self._digest == other._digest

    def __hash__(self) -> int:
        return hash(self._digest)

    def __repr__(self) -> str:
        return f"FrozenArray({self._digest.hex()[:12]}, shape={self.value.shape})"


@dataclass(frozen=True, slots=True)
class Node:
    """One application of one operation.

    ``output`` says which of a several-valued operation's results this node is. ``name`` is the name
    the user gave, ``line`` the line of the user's text, ``origin`` the node of the Program that this
    one was lowered from. These three never change what is computed and are left out of the hash.
    """

    op: str
    inputs: tuple[int, ...]
    type: TensorType
    attrs: tuple[tuple[str, Attr], ...] = ()
    output: int = 0
    name: str | None = field(default=None, compare=False)
    line: int | None = field(default=None, compare=False)
    origin: int | None = field(default=None, compare=False)

    def attr(self, name: str, default: Attr = None) -> Attr:
        """The attribute called ``name``, or ``default``."""
        for key, value in self.attrs:
            if key == name:
                return value
        return default

    @property
    def attributes(self) -> dict[str, Attr]:
        """All attributes as a fresh dict."""
        return dict(self.attrs)


@dataclass(frozen=True, eq=False)
class Program:
    """Nodes in order of computation, and which of them are inputs and outputs.

    Input nodes have the operation ``input`` and carry their name. Every node's inputs come before it.
    Programs are equal when their digests are: the names of inputs count, because derivatives are asked for
    by name.
    """

    nodes: tuple[Node, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    output_names: tuple[str, ...]

    def __post_init__(self) -> None:
        for index, node in enumerate(self.nodes):
            if node.inputs and not (min(node.inputs) >= 0 and max(node.inputs) < index):
                msg = f"node {index} ({node.op}) uses {node.inputs}; inputs must come before their use"
                raise ProgramError(msg)

    @property
    def input_names(self) -> tuple[str, ...]:
        """Names of the inputs, in order."""
        return tuple(self.nodes[i].name or f"x{i}" for i in self.inputs)

    @property
    def input_types(self) -> Mapping[str, TensorType]:
        """Type of each input by name."""
        return {name: self.nodes[i].type for name, i in zip(self.input_names, self.inputs, strict=True)}

    @property
    def output_types(self) -> tuple[TensorType, ...]:
        """Type of each output, in order."""
        return tuple(self.nodes[i].type for i in self.outputs)

    @cached_property
    def digest(self) -> str:
        """Canonical hash (hex): equal for Programs that compute the same thing the same way."""
        state = hashlib.sha256()
        for node in self.nodes:
            name = node.name if node.op == "input" else None
            state.update(repr((node.op, node.inputs, node.type, node.attrs, node.output, name)).encode())
        state.update(repr((self.inputs, self.outputs, self.output_names)).encode())
        return state.hexdigest()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Program) and self.digest == other.digest

    def __hash__(self) -> int:
        return hash(self.digest)

    def uses(self) -> Mapping[int, tuple[int, ...]]:
        """For each node, the nodes that use it."""
        users: dict[int, list[int]] = {i: [] for i in range(len(self.nodes))}
        for index, node in enumerate(self.nodes):
            for i in node.inputs:
                users[i].append(index)
        return {i: tuple(u) for i, u in users.items()}

    def label(self, index: int) -> str:
        """How a person calls a node: the name it was given, else its number."""
        return self.nodes[index].name or f"%{index}"

    def __iter__(self) -> Iterator[tuple[int, Node]]:
        return iter(enumerate(self.nodes))

    def __str__(self) -> str:
        lines = []
        for index, node in self:
            arguments = [self.label(i) for i in node.inputs]
            arguments += [f"{k}={v}" for k, v in node.attrs]
            pick = f"[{node.output}]" if node.output else ""
            lines.append(f"{self.label(index)}: {node.type} = {node.op}({', '.join(arguments)}){pick}")
        lines.append("return " + ", ".join(self.label(i) for i in self.outputs))
        return "\n".join(lines)


def literal(value: float | str | Fraction) -> Fraction | float:
    """The exact number that a literal means: 0.1 is one tenth, not the nearest float64.

    Infinities and NaN stay floats.

    >>> literal(0.1)
    Fraction(1, 10)
    >>> literal("1e-5")
    Fraction(1, 100000)
    """
    if isinstance(value, Fraction):
        return value
    if isinstance(value, float):
        if not np.isfinite(value):
            return value
        return Fraction(repr(value))
    return Fraction(value)
