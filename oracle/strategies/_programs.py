"""Random Programs with inputs: valid by construction from the table of operations, evaluated as they grow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from oracle.strategies._shapes import shapes
from oracle.strategies._values import values
from oracle.strategies.classes import CLASSES, ValueClass
from oracle.strategies.placing import Rules, step
from oracle.strategies.sketch import Sketch
from reference_engine import composites, primitives  # noqa: F401 - they fill the table
from reference_engine.operations import lookup, public_operations
from reference_engine.precision import PRECISIONS
from reference_engine.program import Program
from reference_engine.unparse import unparse

MOST_NODES = 40

PATIENCE = (3, 9, 27)
"""After each operation a Program ends with a chance of one in one of these and one; each is as likely."""

ORDINARY = ("ordinary",)


@dataclass(frozen=True)
class DrawnProgram:
    """A surface Program and inputs at which every operation stays inside of its domain.

    ``inputs`` are float64, int64 or bool; floats are numbers of the format asked for. ``asked`` counts the
    calls that were tried while it was drawn and ``refused`` those that came to nothing.
    """

    program: Program
    inputs: Mapping[str, npt.NDArray[Any]]
    asked: int
    refused: int

    @property
    def text(self) -> str:
        """The Program as a person would write it."""
        return unparse(self.program)

    @property
    def wrt(self) -> tuple[str, ...]:
        """The inputs that have a gradient."""
        return tuple(n for n, a in self.inputs.items() if a.dtype == np.float64)

    def __repr__(self) -> str:
        inputs = "".join(f"{n} = {a.tolist()!r}\n" for n, a in self.inputs.items())
        return f"DrawnProgram:\n{inputs}{self.text}"


def programs(
    *,
    operations: Sequence[str] | None = None,
    max_nodes: int = MOST_NODES,
    dtype: str = "float64",
    classes: Sequence[str | ValueClass] = ORDINARY,
) -> SearchStrategy[DrawnProgram]:
    """Programs of 1 to ``max_nodes`` operations with one real output or more, and their inputs.

    ``operations`` are names of the table, all by default; ``dtype`` is the float format whose numbers the
    inputs are; ``classes`` are the values' classes as in :func:`values`. Operations whose result would not be
    finite, or large, are not used there. Up to two operations come on top where no result is real.
    ProgramError for an unknown operation, ValueError for an unknown dtype or class.
    """
    names = tuple(operations) if operations is not None else tuple(o.name for o in public_operations())
    for name in names:
        lookup(name)
    unknown = [c for c in classes if isinstance(c, str) and c not in CLASSES]
    if unknown or not names or not classes or dtype not in PRECISIONS or max_nodes < 1:
        msg = (
            f"found operations {list(names)[:3]}, dtype {dtype!r}, classes {list(classes)}, "
            f"max_nodes {max_nodes}; "
            f"expected names, one of {', '.join(PRECISIONS)}, some of {', '.join(CLASSES)}, and at least 1"
        )
        raise ValueError(msg)
    return _programs(Rules(names, dtype, tuple(classes), max_nodes))


@st.composite
def _programs(draw: DrawFn, rules: Rules) -> DrawnProgram:
    sketch = Sketch()
    # there from the start: an operation that shrinking leaves out hands this input on to those behind it
    sketch.input(draw(values(shapes(max_rank=2), rules.dtype, classes=rules.classes)), "real")
    patience = draw(st.sampled_from(PATIENCE))
    while draw(_goes_on(sketch, rules, patience)):
        pass
    if not sketch.calls:
        _begin(sketch)
    outputs = _outputs(sketch)
    program, inputs = sketch.finish(outputs)
    return DrawnProgram(program, inputs, sketch.asked, sketch.refused)


@st.composite
def _goes_on(draw: DrawFn, sketch: Sketch, rules: Rules, patience: int) -> bool:
    """Add an operation unless the Program ends; one draw for both, so that shrinking can leave it out."""
    # drawn before the first operation too: whichever of them is left out, the draws of the others still fit
    ends = draw(st.integers(0, patience)) == 0
    if sketch.calls and (ends or sketch.calls >= rules.most):
        return False
    return draw(step(sketch, rules))


def _begin(sketch: Sketch) -> None:
    """A Program that nothing came into yet: twice an input."""
    sketch.apply("multiply", x1=sketch.input(np.asarray(1.0), "real"), x2=sketch.constant(2))


def _outputs(sketch: Sketch) -> list[int]:
    """All real results that nothing uses; if there is none, the last result made real by an input."""
    nodes = sketch.builder.nodes
    made = [i for i, n in enumerate(nodes) if n.op not in {"input", "constant"}]
    ends = [i for i in sketch.unused() if i in made and nodes[i].type.kind == "real"]
    inputs = any(n.op == "input" and n.type.kind == "real" for n in nodes)
    if not ends or not inputs:
        last = sketch.tensor(ends[-1] if ends else made[-1])
        if last.kind == "bool":
            (last,) = sketch.apply("astype", x=last, dtype="float64")
        (end,) = sketch.apply("multiply", x1=sketch.input(np.asarray(1.0), "real"), x2=last)
        ends = [*ends[:-1], end.index]
    return ends
