"""A Program under construction with its values: whatever is applied is evaluated in float64 at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from reference_engine.arithmetic.float64 import Float64, as_float64
from reference_engine.builder import Builder, Tensor, building
from reference_engine.differentiate import lower
from reference_engine.evaluate import evaluate
from reference_engine.program import Kind, Node, Program, TensorType
from reference_engine.trace import apply, constant

Array = npt.NDArray[Any]

LARGEST = 1e4
"""Size of an intermediate value: its square and its exponents stay within float32, its digits within use."""

MOST_ELEMENTS = 200
"""Elements of an intermediate value."""

MOST_AXES = 5

_DTYPES: dict[Kind, type[np.generic]] = {"real": np.float64, "int": np.int64, "bool": np.bool_}


class RefusedError(Exception):
    """A call that makes no sense with these operands, or whose value is of no use; the message says why."""


@dataclass
class Sketch:
    """Nodes so far, and the value of each.

    ``asked`` counts the calls that were tried and ``refused`` those of them that came to nothing.
    """

    builder: Builder = field(default_factory=lambda: Builder(surface=True))
    values: list[Array] = field(default_factory=list)
    asked: int = 0
    refused: int = 0

    @property
    def calls(self) -> int:
        """How many operations there are; several results of one count once."""
        return sum(1 for n in self.builder.nodes if n.op not in {"input", "constant"} and n.output == 0)

    def tensor(self, index: int) -> Tensor:
        """The node as an operand."""
        return Tensor(self.builder, index)

    def input(self, array: Array, kind: Kind) -> Tensor:
        """A new input with this value."""
        name = f"x{sum(1 for n in self.builder.nodes if n.op == 'input') + 1}"
        made = self.builder.input(name, TensorType(array.shape, kind))
        self.values.append(np.asarray(array, dtype=_DTYPES[kind]))
        return made

    def constant(self, number: float) -> Tensor:
        """A constant of no axes."""
        with building(self.builder):
            made = constant(number)
        self.values.append(np.asarray(as_float64(self.builder.nodes[made.index].attr("value"))))
        return made

    def apply(self, name: str, **arguments: Any) -> list[Tensor]:
        """The results of an operation; after ProgramError and RefusedError the sketch must be rolled back."""
        before = len(self.builder.nodes)
        with building(self.builder):
            made = apply(name, **arguments)
        results = list(made) if isinstance(made, tuple) else [made]
        if not results:
            msg = f"{name} has no results"
            raise RefusedError(msg)
        for t in results:
            if t.size > MOST_ELEMENTS or t.ndim > MOST_AXES:
                msg = f"{name} gives {t.type}"
                raise RefusedError(msg)
        self.values.extend(self._values_from(before))
        for t in results:
            value = self.values[t.index]
            if t.kind == "real" and not bool(np.all(np.abs(value) <= LARGEST)):
                msg = f"{name} gives values beyond {LARGEST:g}, or none"
                raise RefusedError(msg)
        return results

    def _values_from(self, start: int) -> list[Array]:
        """Values of the nodes from ``start`` on, from those before."""
        nodes = self.builder.nodes
        needed = sorted({i for n in nodes[start:] for i in n.inputs if i < start})
        place = {old: new for new, old in enumerate((*needed, *range(start, len(nodes))))}
        made: list[Node] = []
        inputs: dict[str, Array] = {}
        for old in place:
            node = nodes[old]
            if old < start and node.op != "constant":
                name = f"v{len(made)}"
                inputs[name] = self.values[old]
                made.append(Node("input", (), node.type, name=name))
            else:
                moved = tuple(place[i] for i in node.inputs)
                made.append(Node(node.op, moved, node.type, node.attrs, node.output))
        fresh = tuple(range(len(needed), len(made)))
        given = tuple(i for i, n in enumerate(made) if n.op == "input")
        program = Program(tuple(made), given, fresh, tuple(f"r{i}" for i in fresh))
        core = lower(program)
        found = evaluate(core, inputs, Float64())
        return [np.asarray(found[i]) for i in core.outputs]

    def roll_back(self, size: int) -> None:
        """Forget all nodes but the first ``size``."""
        del self.builder.nodes[size:]
        del self.values[size:]

    def unused(self) -> list[int]:
        """Results of operations that nothing uses."""
        used = {i for n in self.builder.nodes for i in n.inputs}
        return [i for i, n in enumerate(self.builder.nodes) if n.op != "input" and i not in used]

    def finish(self, outputs: Sequence[int]) -> tuple[Program, dict[str, Array]]:
        """The Program with its inputs first, and their values; what no output needs is left out."""
        nodes = self.builder.nodes
        keep = set(outputs)
        for index in range(len(nodes) - 1, -1, -1):
            if index in keep:
                keep |= set(nodes[index].inputs)
        order = sorted(keep, key=lambda i: (nodes[i].op != "input", i))
        place = {old: new for new, old in enumerate(order)}
        made: list[Node] = []
        inputs: dict[str, Array] = {}
        for old in order:
            n = nodes[old]
            name = f"x{len(inputs) + 1}" if n.op == "input" else None
            if name:
                inputs[name] = self.values[old]
            moved = tuple(place[i] for i in n.inputs)
            made.append(Node(n.op, moved, n.type, n.attrs, n.output, name))
        names = tuple(f"out{k + 1}" for k in range(len(outputs)))
        program = Program(tuple(made), tuple(range(len(inputs))), tuple(place[i] for i in outputs), names)
        return program, inputs
