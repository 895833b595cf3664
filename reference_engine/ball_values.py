"""The value of every node of a Program as balls, and the kinks that were met on the way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from reference_engine.arithmetic import Values, truth
from reference_engine.arithmetic.balls import Balls, Kink, exact, plain, precision
from reference_engine.branches import Branches
from reference_engine.evaluate import evaluate
from reference_engine.program import Program


def in_balls(
    program: Program,
    inputs: Mapping[str, Values],
    depends: frozenset[int],
    bits: int,
    branches: Branches | None = None,
    assume: bool | None = None,
) -> tuple[list[Values], list[Kink]]:
    """All node values as balls, and the kinks met; undecided comparisons take the side ``assume``, if any."""
    forced = branches.forced if branches else {}
    radii = branches.radii if branches else {}
    with precision(bits):
        arithmetic = Balls(active=depends, forced=forced, radii=radii, assume=assume)
        values = evaluate(program, ball_inputs(program, inputs), arithmetic)
    return values, arithmetic.kinks


def ball_inputs(program: Program, inputs: Mapping[str, Values]) -> dict[str, Values]:
    """Exact balls for real inputs, truth codes for booleans, integers as they are."""
    out = {}
    for name, type_ in program.input_types.items():
        array = inputs[name]
        if array.dtype == object:
            out[name] = array
        elif type_.kind == "real":
            out[name] = exact(np.asarray(array, dtype=np.float64))
        else:
            out[name] = truth.encode(array) if type_.kind == "bool" else np.asarray(array, dtype=np.int64)
    return out


def agreeing_sides(
    program: Program,
    inputs: Mapping[str, Values],
    depends: frozenset[int],
    bits: int,
    values: list[Values],
    kinks: list[Kink],
) -> tuple[list[Values], list[Kink]]:
    """Where a comparison cannot be decided at any precision (two expressions that are equal identically), but
    both of its sides give the same derivative, that derivative: one side is the right one.
    """
    sides = [in_balls(program, inputs, depends, bits, assume=side) for side in (True, False)]
    (first, left), (second, right) = sides
    if any(k.undecided for k in (*left, *right)):
        return values, kinks
    merged = list(values)
    for i in program.outputs:
        if values[i].dtype != object:
            continue
        pairs = [(plain(a), plain(b)) for a, b in zip(first[i].ravel(), second[i].ravel(), strict=True)]
        if not all(a.is_finite() and b.is_finite() and a.overlaps(b) for a, b in pairs):
            return values, kinks
        out = np.empty(values[i].shape, dtype=object)
        out.ravel()[:] = [a.union(b) for a, b in pairs]
        merged[i] = out
    return merged, left


def behind(program: Program, nodes: Sequence[int]) -> frozenset[int]:
    """The given nodes and all that depend on them: positions from ``argsort`` are integers, of which there is
    no hull, so that nothing encloses what is taken at them when the order may be another.
    """
    found = set(nodes)
    for index, node in program:
        if any(i in found for i in node.inputs):
            found.add(index)
    return frozenset(found)
