"""Limiting gradients: the derivative at points 2^-200, 2^-400 and 2^-800 beside a kink, in exact directions.

Clarke's generalized gradient is the convex hull of the limits of gradients at nearby smooth points (Clarke,
"Optimization and Nonsmooth Analysis", 1983, theorem 2.5.1). With exact inputs "nearby" can be 2^-200, far
below any curvature that float64 inputs can have.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any

import numpy as np
from flint import arb, fmpz

from reference_engine.arithmetic import Values
from reference_engine.arithmetic.balls import Balls, hull, plain, precision
from reference_engine.ball_values import ball_inputs
from reference_engine.evaluate import differentiated, evaluate
from reference_engine.program import Node, Program

LADDER = ((200, 1024), (400, 2048), (800, 4096))
"""Distances as powers of two, and the working bits that resolve them also after a cancellation of second
order.
"""

SETTLED = 2.0**-60
"""Two limits agree when they differ by this part of themselves: |x|^1.01, which creeps to 0 as h^0.01,
does not.
"""


class Approach(Enum):
    """How the derivative behaves on the way to the point."""

    CONVERGES = auto()
    DIVERGES = auto()
    UNDECIDED = auto()
    OUTSIDE = auto()


@dataclass(frozen=True)
class Limit:
    """The derivative from one side: enclosures by output name where it converges.

    ``OUTSIDE``: the function is not defined on that side. ``jumps`` tells that the function itself is not
    continuous from that side.
    """

    approach: Approach
    enclosures: Mapping[str, Values]
    jumps: bool


def limit(
    program: Program,
    inputs: Mapping[str, Values],
    direction: Mapping[str, Values],
    here: Mapping[str, Values],
    derivatives: Sequence[str],
) -> Limit:
    """Evaluate a derivative Program on the way to ``inputs`` along ``direction`` (float64, by input name).

    ``here`` holds the enclosures at the point itself, ``derivatives`` names the outputs that are
    derivatives; the other real outputs are values and must be continuous. What ``stop_gradient`` gives is a
    constant by declaration, so it keeps on the way what it is at the point: the larger of x and
    stop_gradient(x) has a kink. Where the function then jumps or has no value it moves along:
    where(x >= stop_gradient(x), x, 0) is x.
    """
    if any(node.op == "stop_gradient" for node in program.nodes):
        found = _limit(program, inputs, direction, here, derivatives, held=True)
        if found.approach is not Approach.OUTSIDE and not found.jumps:
            return found
    return _limit(program, inputs, direction, here, derivatives, held=False)


def _limit(
    program: Program,
    inputs: Mapping[str, Values],
    direction: Mapping[str, Values],
    here: Mapping[str, Values],
    derivatives: Sequence[str],
    *,
    held: bool,
) -> Limit:
    rungs = [_rung(program, inputs, direction, exponent, bits, held=held) for exponent, bits in LADDER]
    last = rungs[-1]
    if any(not plain(v).is_finite() for name in last for v in last[name].ravel()):
        smooth = all(
            plain(v).is_finite() for name in last if name not in derivatives for v in last[name].ravel()
        )
        approach = Approach.DIVERGES if smooth and _pole(rungs, derivatives) else Approach.OUTSIDE
        return Limit(approach, {}, jumps=False)
    jumps = any(_jumps(rungs[0][name], last[name], here[name]) for name in last if name not in derivatives)
    enclosures: dict[str, Values] = {}
    worst = Approach.CONVERGES
    for name in derivatives:
        found, values = _settle([r[name] for r in rungs])
        enclosures[name] = values
        if found is Approach.DIVERGES or worst is Approach.CONVERGES:
            worst = found
    return Limit(worst, enclosures, jumps)


def _rung(
    program: Program,
    inputs: Mapping[str, Values],
    direction: Mapping[str, Values],
    exponent: int,
    bits: int,
    *,
    held: bool,
) -> dict[str, Values]:
    step = arb(fmpz(1)) / arb(fmpz(2) ** exponent)
    with precision(bits):
        moved: dict[str, Any] = ball_inputs(program, inputs)
        for name, d in direction.items():
            flat = [x + step * arb(v) for x, v in zip(moved[name].ravel(), d.ravel().tolist(), strict=True)]
            shifted = np.empty(d.shape, dtype=object)
            shifted.ravel()[:] = flat
            moved[name] = shifted
        active = differentiated(program, list(direction))
        arithmetic = Balls(active=active, resolve_ties=True)
        stops = [i for i, node in program if held and node.op == "stop_gradient"]
        if stops:
            here = evaluate(program, ball_inputs(program, inputs), Balls(active=active, resolve_ties=True))
            arithmetic = Holding(active=active, resolve_ties=True, held={i: here[i] for i in stops})
        values = evaluate(program, moved, arithmetic)
        return {
            n: values[i]
            for i, n in zip(program.outputs, program.output_names, strict=True)
            if program.nodes[i].type.kind == "real"
        }


@dataclass
class Holding(Balls):
    """Balls in which some nodes have the values of another evaluation."""

    held: Mapping[int, Values] = field(default_factory=dict)

    def enter(self, index: int, node: Node) -> Values | None:
        """The held value of a node that has one."""
        super().enter(index, node)
        return self.held.get(index)


def _pole(rungs: Sequence[Mapping[str, Values]], derivatives: Sequence[str]) -> bool:
    return any(plain(v).is_finite() for name in derivatives for v in rungs[0][name].ravel())


def _jumps(first: Values, last: Values, here: Values) -> bool:
    """Whether values do not tend to those at the point; where the point has no value there is no jump.

    The distance must shrink from the first rung to the last. A slow root such as x^0.01 counts as a jump: its
    slope is infinite anyway.
    """
    with precision(LADDER[-1][1]):
        for a, c, b in zip(first.ravel(), last.ravel(), here.ravel(), strict=True):
            far, near, value = plain(a), plain(c), plain(b)
            if not value.is_finite():
                continue
            left = abs(near - value)
            if not (left <= abs(far - value) * SETTLED or left <= abs(value) * SETTLED):
                return True
    return False


def _settle(rungs: Sequence[Values]) -> tuple[Approach, Values]:
    """The limit of each element over the rungs; what decays from rung to rung tends to 0."""
    out = np.empty(rungs[-1].shape, dtype=object)
    worst = Approach.CONVERGES
    with precision(LADDER[-1][1]):
        for place in np.ndindex(out.shape):
            a, b, c = (plain(r[place]) for r in rungs)
            first, second = abs(b - a), abs(c - b)
            bounds = [v.abs_upper() for v in (a, b, c)]  # a cancellation leaves a ball around 0
            if bounds[2] <= bounds[1] * SETTLED and bounds[1] <= bounds[0] * SETTLED:
                out[place] = arb(0)
            elif second < abs(c) * SETTLED:
                out[place] = hull(c, c + (c - b) * 2) if second > 0 else c
            else:
                out[place] = c
                growing = bool(abs(c) > abs(b)) and bool(abs(b) > abs(a)) and bool(second > first)
                worst = (
                    Approach.DIVERGES
                    if growing
                    else worst
                    if worst is Approach.DIVERGES
                    else Approach.UNDECIDED
                )
    return worst, out
