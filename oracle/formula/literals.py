"""What a formula means, whatever format it runs in: casts are the identity, and a literal is a ball.

A program that computes 2/sqrt(pi) writes 1.1283791670955126, which is not that number. In a derivative that
was read from a framework such a number stands for everything within some units in the last place of the
format that holds it; what fits float32 is held in float32, also in a float64 function. A number that the
reference holds too, a short one (1/2, 3, 1.75) and a whole one stand for themselves.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction
from functools import lru_cache

import numpy as np
from flint import arb, fmpq

from reference_engine.arithmetic import Values
from reference_engine.differentiate import lower
from reference_engine.precision import PRECISIONS, Precision
from reference_engine.program import FrozenArray, Node, Program

ULPS = 2.0
"""Units in the last place by which a literal may be off: half a unit for itself, the rest for being computed
from others (1 / math.sqrt(2 * math.pi)) in a few roundings."""

LITERAL = "literal."
"""Names of the inputs that stand for literals begin so."""


@lru_cache(maxsize=256)
def unrounded(program: Program) -> Program:
    """The lowered Program without roundings between formats; itself if it has none."""
    core = lower(program)
    if not any(node.op == "round_to" for node in core.nodes):
        return core
    place: dict[int, int] = {}
    nodes: list[Node] = []
    for index, node in core:
        if node.op == "round_to":
            place[index] = place[node.inputs[0]]
            continue
        place[index] = len(nodes)
        moved = tuple(place[i] for i in node.inputs)
        nodes.append(
            Node(node.op, moved, node.type, node.attrs, node.output, node.name, node.line, node.origin)
        )
    return Program(
        tuple(nodes),
        tuple(place[i] for i in core.inputs),
        tuple(place[i] for i in core.outputs),
        core.output_names,
    )


def with_literals(
    program: Program, reference: Program, subject: Precision
) -> tuple[Program, dict[str, Values]]:
    """The Program with an input in place of every literal, and the ball of each by that input's name.

    ``subject`` is the format that the derivative ran in.
    """
    known = frozenset(_numbers(reference))
    nodes, inputs, balls = list(program.nodes), list(program.inputs), {}
    for index, node in program:
        if node.op != "constant" or node.type.kind != "real" or node.attr("structural", False):
            continue
        value = node.attr("value")
        array = value.value if isinstance(value, FrozenArray) else np.array(value, dtype=object)
        radii = [0.0 if v in known else uncertainty(v, subject) for v in array.ravel().tolist()]
        if any(radii):
            name = f"{LITERAL}{index}"
            found = np.empty(array.shape, dtype=object)
            found.ravel()[:] = [_ball(v, r) for v, r in zip(array.ravel().tolist(), radii, strict=True)]
            nodes[index] = Node("input", (), node.type, name=name)
            inputs.append(index)
            balls[name] = found
    changed = Program(tuple(nodes), tuple(inputs), program.outputs, program.output_names)
    return (changed, balls) if balls else (program, {})


def uncertainty(value: float | Fraction, subject: Precision) -> float:
    """By how much the number that is meant may be off from the one that is written.

    >>> uncertainty(0.5, PRECISIONS["float64"]), uncertainty(1000001.0, PRECISIONS["float64"])
    (0.0, 0.0)
    >>> uncertainty(0.1, PRECISIONS["float64"]) == 2 * 2.0**-56
    True
    >>> uncertainty(float(np.float32(0.1)), PRECISIONS["float64"]) == 2 * 2.0**-27
    True
    """
    number = float(value)
    if not math.isfinite(number) or number == 0:
        return 0.0
    used = significant_bits(number)
    formats = sorted({subject.bits, PRECISIONS["float32"].bits, PRECISIONS["float64"].bits})
    coarsest = formats[0]
    whole = number == math.floor(number) and abs(number) < 2.0 ** PRECISIONS["float32"].bits
    if whole or 2 * used <= min(coarsest, PRECISIONS["float32"].bits):
        return 0.0
    held = next((bits for bits in formats if used <= bits), formats[-1])
    return ULPS * math.ldexp(1.0, math.frexp(number)[1] - held)


def significant_bits(number: float) -> int:
    """Binary digits from the first to the last that is not zero.

    >>> significant_bits(0.75), significant_bits(10.0)
    (2, 3)
    """
    mantissa = int(math.ldexp(math.frexp(abs(number))[0], 53))
    return mantissa.bit_length() - ((mantissa & -mantissa).bit_length() - 1) if mantissa else 0


def _ball(value: float | Fraction, radius: float) -> arb:
    center = arb(fmpq(value.numerator, value.denominator)) if isinstance(value, Fraction) else arb(value)
    return center + arb(0, radius) if radius else center


def _numbers(program: Program) -> Iterator[float | Fraction]:
    """All real constants of a Program; equal numbers are equal whatever they are written in."""
    for node in program.nodes:
        if node.op == "constant" and node.type.kind == "real":
            value = node.attr("value")
            if isinstance(value, FrozenArray):
                yield from value.value.ravel().tolist()
            else:
                yield value
