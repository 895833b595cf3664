"""What the eager front door writes down: leaves with values, steps with operands, Programs made of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from reference_engine.arithmetic import Values, truth
from reference_engine.arithmetic.balls import exact
from reference_engine.differentiate import COTANGENT, vjp
from reference_engine.enclose import enclose
from reference_engine.program import Attr, Program, TensorType
from reference_engine.trace import Builder, Tensor, building


@dataclass(frozen=True, eq=False)
class Leaf:
    """A value with no history: balls, truth codes or int64. ``owner`` is whoever collects its gradient."""

    type: TensorType
    values: Values
    owner: Any = None

    @property
    def tracked(self) -> bool:
        """Whether a gradient is wanted here or further back."""
        return self.owner is not None


@dataclass(frozen=True, eq=False)
class Step:
    """One node of the surface Program, its operands being records."""

    op: str
    operands: tuple[Record, ...]
    type: TensorType
    attrs: tuple[tuple[str, Attr], ...]
    output: int
    tracked: bool


Record = Leaf | Step


def leaf_values(data: npt.ArrayLike) -> tuple[TensorType, Values]:
    """Numbers as the exact value of a leaf: real if any is a float, else int or bool.

    TypeError for anything else.
    """
    array = np.asarray(data)
    match array.dtype.kind:
        case "f":
            return TensorType(array.shape), exact(array.astype(np.float64))
        case "i" | "u":
            return TensorType(array.shape, "int"), array.astype(np.int64)
        case "b":
            return TensorType(array.shape, "bool"), truth.encode(array)
    msg = f"a tensor holds real numbers, integers or booleans; found {array.dtype}"
    raise TypeError(msg)


def record(call: Callable[[Sequence[Tensor]], Any], operands: Sequence[Record]) -> list[Step]:
    """What ``call`` does to its operands, one Step for each result. ProgramError for an impossible call."""
    builder = Builder(surface=True)
    with building(builder):
        inputs = [builder.input(f"x{i}", r.type) for i, r in enumerate(operands)]
        made = call(inputs)
    known: dict[int, Record] = {t.index: r for t, r in zip(inputs, operands, strict=True)}
    for index, node in enumerate(builder.nodes):
        if index not in known:
            before = tuple(known[i] for i in node.inputs)
            tracked = any(r.tracked for r in before)
            known[index] = Step(node.op, before, node.type, node.attrs, node.output, tracked)
    found = [known[t.index] for t in (made if isinstance(made, tuple) else (made,))]
    return [step for step in found if isinstance(step, Step)]


def history(result: Record) -> Iterator[Record]:
    """Everything that ``result`` was computed from and itself, operands first."""
    seen: set[int] = set()
    stack: list[tuple[Record, bool]] = [(result, False)]
    while stack:
        item, expanded = stack.pop()
        if expanded:
            yield item
        elif id(item) not in seen:
            seen.add(id(item))
            stack.append((item, True))
            if isinstance(item, Step):
                stack.extend((operand, False) for operand in reversed(item.operands))


@dataclass(frozen=True)
class Recorded:
    """The surface Program of a record, and the leaf behind each of its inputs."""

    program: Program
    leaves: dict[str, Leaf]

    @property
    def tracked(self) -> tuple[str, ...]:
        """Names of the inputs that a gradient is wanted for."""
        return tuple(name for name, leaf in self.leaves.items() if leaf.tracked)

    @property
    def values(self) -> dict[str, Values]:
        """Values of the inputs."""
        return {name: leaf.values for name, leaf in self.leaves.items()}


def as_program(result: Record) -> Recorded:
    """The Program that computes ``result`` from its leaves, with the one output ``out``."""
    builder = Builder(surface=True)
    nodes: dict[int, Tensor] = {}
    leaves: dict[str, Leaf] = {}
    inputs: list[Tensor] = []
    for item in history(result):
        match item:
            case Leaf():
                name = f"x{len(leaves)}"
                leaves[name] = item
                nodes[id(item)] = builder.input(name, item.type)
                inputs.append(nodes[id(item)])
            case Step():
                before = [nodes[id(r)].index for r in item.operands]
                attrs = dict(item.attrs)
                nodes[id(item)] = builder.add(item.op, before, item.type, attrs, output=item.output)
    return Recorded(builder.finish(inputs, [nodes[id(result)]], ["out"]), leaves)


def value_of(result: Record) -> Values:
    """An enclosure of the record's value: balls for reals, truth codes for booleans, int64 for integers."""
    if isinstance(result, Leaf):
        return result.values
    recorded = as_program(result)
    return enclose(recorded.program, recorded.values, recorded.tracked)[0]


def gradients_of(result: Record, cotangent: Values) -> list[tuple[Leaf, Values]]:
    """The gradient of ``<cotangent, result>`` for every leaf that wants one."""
    recorded = as_program(result)
    derivative = vjp(recorded.program, recorded.tracked)
    given = recorded.values | {COTANGENT + "out": cotangent}
    _, *found = enclose(derivative, given, recorded.tracked)
    return [(recorded.leaves[name], values) for name, values in zip(recorded.tracked, found, strict=True)]
