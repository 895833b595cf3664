"""Whether a value that the program writes down leaves the range of the format, so that no kernel could
carry it.
"""

from __future__ import annotations

import numpy as np

from oracle.execution.points import Bench
from reference_engine.arithmetic.balls import midpoints
from reference_engine.ball_values import in_balls
from reference_engine.differentiate import lower
from reference_engine.program import Program

BITS = 64
"""Working bits: enough for a magnitude."""


def leaves_range(where: Bench) -> str:
    """A sentence about the first named or numbered value of the program that overflows, or becomes zero by
    underflow, in the subject's format; empty if there is none. What a single operation does inside is its
    own affair.
    """
    program: Program = where.reference or where.program
    core = lower(program)
    values, _ = in_balls(core, where.point.inputs, frozenset(), BITS)
    last = {node.origin: index for index, node in core if node.origin is not None}
    smallest = where.precision.smallest_normal * 2.0 ** (1 - where.precision.bits) / 2
    for origin, index in sorted(last.items()):
        if core.nodes[index].type.kind != "real" or core.nodes[index].op in {"input", "constant"}:
            continue
        size = np.abs(midpoints(values[index]))
        if (size > where.precision.largest).any():
            return (
                f"{program.label(origin)} overflows {where.precision.name}, though its true value is finite"
            )
        if ((size < smallest) & (size > 0)).any():
            return f"{program.label(origin)} underflows to zero in {where.precision.name}"
    return ""
