"""Where a case is examined in one dtype: its inputs as that dtype holds them, and random cotangents and
directions.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from oracle.frameworks.protocol import Layout, Point
from reference_engine.differentiate import COTANGENT, DIRECTION, TANGENT, jvp, second_order, vjp
from reference_engine.precision import PRECISIONS, Precision
from reference_engine.program import Program

if TYPE_CHECKING:
    from oracle.cases.model import Case

Array = npt.NDArray[Any]

SMALLEST, LARGEST = 0.5, 1.5
"""Sizes of cotangent elements: none near zero, so that no element is invisible; not uniform, since a uniform
cotangent cannot see a wrong softmax."""


@dataclass(frozen=True)
class Bench:
    """A Program at one point in one dtype, and the derivative Programs that say what is true there.

    ``reference`` is the Program that the truth is taken from, where that is not ``program`` itself: the same
    function in a framework's gauge.
    """

    program: Program
    point: Point
    precision: Precision
    order: int
    reference: Program | None = None

    @property
    def real_outputs(self) -> tuple[str, ...]:
        """Names of the outputs that have a gradient."""
        types = zip(self.program.output_names, self.program.output_types, strict=True)
        return tuple(name for name, t in types if t.kind == "real")

    def derivative(self, *, forward: bool) -> Program:
        """The Program of the derivative that a route gives."""
        source = self.reference or self.program
        if self.order == 2:
            return second_order(source, self.point.wrt)
        return jvp(source, self.point.wrt) if forward else vjp(source, self.point.wrt)

    def inputs(self, *, forward: bool) -> dict[str, Array]:
        """Everything that the derivative Program takes, by name."""
        given: dict[str, Array] = dict(self.point.inputs)
        if forward and self.order == 1:
            return given | {TANGENT + n: a for n, a in self.point.tangents.items()}
        given |= {COTANGENT + n: a for n, a in self.point.cotangents.items()}
        if self.order == 2:
            given |= {DIRECTION + n: a for n, a in self.point.directions.items()}
        return given


def draw(shape: tuple[int, ...], precision: Precision, generator: np.random.Generator) -> Array:
    """Random numbers of both signs, between SMALLEST and LARGEST in size, that the format holds."""
    size = generator.uniform(SMALLEST, LARGEST, shape) * (2.0 * generator.integers(0, 2, shape) - 1.0)
    return np.asarray(precision.round(size))


class Drawing:
    """Two sets of random vectors by name, drawn one after the other when either is first looked into: most
    checks need neither.
    """

    def __init__(
        self, shapes: Mapping[str, tuple[int, ...]], precision: Precision, generator: np.random.Generator
    ) -> None:
        self.shapes = shapes
        self._precision = precision
        self._generator = generator

    @cached_property
    def sets(self) -> tuple[dict[str, Array], dict[str, Array]]:
        """Both sets."""
        first, second = (
            {n: draw(s, self._precision, self._generator) for n, s in self.shapes.items()} for _ in range(2)
        )
        return first, second


@dataclass(frozen=True, eq=False)
class Drawn(Mapping[str, Array]):
    """One of the two sets of a drawing."""

    drawing: Drawing
    number: int

    def __getitem__(self, name: str) -> Array:
        return self.drawing.sets[self.number][name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.drawing.shapes)

    def __len__(self) -> int:
        return len(self.drawing.shapes)


def bench(case: Case, dtype: str, seed: int, order: int) -> Bench:
    """Set a case up in one dtype; the same seed draws the same cotangents for every framework."""
    precision = PRECISIONS[dtype]
    inputs = {
        i.name: np.asarray(precision.round(i.array)) if i.kind == "real" else i.array for i in case.inputs
    }
    wrt = tuple(i.name for i in case.inputs if i.grad)
    layouts = {i.name: i.layout for i in case.inputs}
    source = [seed, zlib.crc32(case.name.encode())]
    return set_up(case.program, inputs, wrt, precision, order, case.cotangent or {}, source, layouts)


def set_up(
    program: Program,
    inputs: Mapping[str, Array],
    wrt: tuple[str, ...],
    precision: Precision,
    order: int,
    given: Mapping[str, Array],
    seed: Sequence[int],
    layouts: Mapping[str, Layout],
) -> Bench:
    """A Program at a point, with the cotangents ``given`` by output name and all others drawn."""
    generator = np.random.default_rng(list(seed))
    types = dict(zip(program.output_names, program.output_types, strict=True))
    cotangents = {
        name: np.asarray(precision.round(given[name]))
        if name in given
        else draw(t.shape, precision, generator)
        for name, t in types.items()
        if t.kind == "real"
    }
    drawing = Drawing({n: np.shape(inputs[n]) for n in wrt}, precision, generator)
    point = Point(
        inputs=inputs,
        wrt=wrt,
        dtype=precision.name,
        cotangents=cotangents,
        tangents=Drawn(drawing, 0),
        directions=Drawn(drawing, 1),
        layouts=layouts,
    )
    return Bench(program, point, precision, order)


def in_dtype(source: Bench, dtype: str) -> Bench:
    """The same numbers handed to the framework in another dtype that holds them all."""
    point = source.point
    return replace(source, point=replace(point, dtype=dtype), precision=PRECISIONS[dtype])
