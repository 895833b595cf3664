"""One step of a random Program: an operation of the table, applied to what is there or to new inputs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from oracle.strategies.operands import Extents, fresh, has_structure, shape_of, within
from oracle.strategies.sketch import RefusedError, Sketch
from reference_engine.builder import Tensor
from reference_engine.calls import Call, Operand, ways
from reference_engine.operations import Domain, lookup
from reference_engine.program import ProgramError

TRIES = 4
"""Calls that one step tries before it gives up."""

NEAREST = 6
"""Values that an operand is chosen among: the newest, those first that nothing uses yet."""

NUMBERS = (2, 1, 0.5, -1, 3, 0.1)
"""Constants beside an operator: some are integers, and one no float."""

ADAPTERS = frozenset({"add", "multiply", "softplus", "tanh"})
"""What brings a value into an open interval."""


@dataclass(frozen=True)
class Rules:
    """What may be drawn: names of operations, the format of new inputs, and their classes of values."""

    operations: tuple[str, ...]
    dtype: str
    classes: tuple[Any, ...]
    most: int

    @property
    def adapts(self) -> bool:
        """Whether values may be brought into an interval by operations of our own choice."""
        return set(self.operations) >= ADAPTERS


@lru_cache(maxsize=1024)
def calls_of(name: str) -> tuple[Call, ...]:
    """All ways to call an operation."""
    return ways(lookup(name))


@st.composite
def step(draw: DrawFn, sketch: Sketch, rules: Rules) -> bool:
    """Add one operation to the sketch; whether one was found that fits."""
    for _ in range(TRIES):
        name = draw(st.sampled_from(rules.operations))
        size = len(sketch.builder.nodes)
        sketch.asked += 1
        try:
            _place(draw, sketch, rules, name)
        except (ProgramError, RefusedError):
            sketch.refused += 1
            sketch.roll_back(size)
            continue
        return True
    return False


def _place(draw: DrawFn, sketch: Sketch, rules: Rules, name: str) -> None:
    way = draw(st.sampled_from(calls_of(name)))
    extents = Extents()
    arguments: dict[str, Any] = {}
    shapes: dict[str, tuple[int, ...]] = {}
    slots = {p.name: p.slot for p in lookup(name).parameters}
    # an index is drawn when the extent that it counts is known
    order = sorted(way.operands, key=lambda n: way.operands[n].index is not None)
    for parameter in order:
        operand = way.operands[parameter]
        if slots[parameter] != "many":
            arguments[parameter], extents = _operand(draw, sketch, rules, operand, extents)
            shapes[parameter] = arguments[parameter].shape
            continue
        arguments[parameter] = []
        for k in range(operand.count):
            tensor, extents = _operand(draw, sketch, rules, operand, extents)
            arguments[parameter].append(tensor)
            shapes[f"{parameter}_{k}"] = tensor.shape
    shapes = {n: shapes[n] for n in (*way.operands, *shapes) if n in shapes}
    for attribute, choices in way.attributes.items():
        found = tuple(choices(shapes))
        if not found:
            msg = f"{name} has no {attribute} for these shapes"
            raise RefusedError(msg)
        arguments[attribute] = draw(st.sampled_from(found)) if len(found) > 1 else found[0]
    sketch.apply(name, **arguments)
    if sketch.calls > rules.most:
        msg = f"more than {rules.most} operations"
        raise RefusedError(msg)


def _operand(
    draw: DrawFn, sketch: Sketch, rules: Rules, operand: Operand, extents: Extents
) -> tuple[Tensor, Extents]:
    """A value that is there, a constant, or a new input; and what the letters mean then."""
    known = _candidates(sketch, rules, operand, extents)
    scalar = operand.axes == ("*",) and bool(extents.common or known) and "int" in operand.kinds
    choice = draw(st.integers(0, len(known) + int(scalar)))
    if choice < len(known):
        index = known[choice]
        found = extents.match(operand, sketch.builder.nodes[index].type.shape)
        assert found is not None
        tensor = sketch.tensor(index)
        if not within(operand, sketch.values[index]):
            tensor = _adapted(sketch, tensor, operand.domain)
        return tensor, found
    if choice > len(known):
        number = draw(st.sampled_from([n for n in NUMBERS if operand.domain.low < n < operand.domain.high]))
        return sketch.constant(number), extents
    wanted = extents.copy()
    shape = draw(shape_of(operand, wanted))
    found = wanted.match(operand, shape)
    assert found is not None
    array = draw(fresh(operand, shape, found, rules.dtype, rules.classes))
    return sketch.input(array, operand.kinds[0]), found


def _candidates(sketch: Sketch, rules: Rules, operand: Operand, extents: Extents) -> Sequence[int]:
    """Values that the operand can be, the newest first, those before the others that nothing uses."""
    nodes = sketch.builder.nodes
    used = {i for n in nodes for i in n.inputs}
    fitting: list[int] = []
    for index in sorted(range(len(nodes)), key=lambda i: (i in used, -i)):
        node = nodes[index]
        if node.op == "constant" or node.type.kind not in operand.kinds:
            continue
        found = extents.match(operand, node.type.shape)
        value = sketch.values[index]
        if found is None or not has_structure(operand, value, found):
            continue
        if within(operand, value) or (rules.adapts and node.type.kind == "real"):
            fitting.append(index)
            if len(fitting) == NEAREST:
                break
    return fitting


def _adapted(sketch: Sketch, x: Tensor, domain: Domain) -> Tensor:
    """The tensor brought into an open interval, smoothly and well away from its ends."""
    low, high = domain.low, domain.high
    if math.isfinite(low) and math.isfinite(high):
        (bent,) = sketch.apply("tanh", x=x)
        (made,) = sketch.apply("multiply", x1=bent, x2=sketch.constant(0.9 * (high - low) / 2))
        middle = (low + high) / 2
        return made if middle == 0 else sketch.apply("add", x1=made, x2=sketch.constant(middle))[0]
    if math.isfinite(low):
        (bent,) = sketch.apply("softplus", x=x)
        return sketch.apply("add", x1=bent, x2=sketch.constant(low + 0.5))[0]
    msg = f"no way is known into {domain}"
    raise RefusedError(msg)
