"""The certified derivative: a proved enclosure of every element, and how far rounding alone can move it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from flint import arb

from reference_engine.arithmetic import Values, truth
from reference_engine.arithmetic.balls import Kink, measured
from reference_engine.arithmetic.float64 import Float64
from reference_engine.ball_values import agreeing_sides, behind, in_balls
from reference_engine.branches import escapes, near_branches
from reference_engine.evaluate import dependents, differentiated, evaluate
from reference_engine.noise import ball_noise, noise_scale, perturb
from reference_engine.precision import Precision
from reference_engine.program import Program

START_BITS, STOP_BITS = 128, 4096
"""Working precision: doubled from the first until every enclosure is narrow enough, up to the second."""

BUDGET = 1_000_000
"""Element-operations above which balls give way to float64 (about a second of ball arithmetic)."""

NARROW = 2.0**-12
"""An enclosure is narrow enough when its radius is this part of the rounding that is allowed."""

NOISE_FACTOR = 16.0
"""Allowed error in units of the largest of 8 deviations. Against real kernels, gelu in float32 reached 1.14
times 8 deviations; 16 costs one bit of power."""

FLOOR_UNITS = 4.0
"""Allowed error in units of u |G| where the deviations happen to be smaller; without it 13 of 16,746 correct
elements were flagged."""


@dataclass(frozen=True)
class Certificate:
    """What is known of the outputs of one Program at one point, by output name.

    ``enclosures`` are balls (float64 in the estimated tier), ``centers`` their midpoints in float64 and
    ``radii`` bounds of their radii, ``noise`` the largest deviation that roundings of the subject's format
    cause. ``kinks`` says where a slope was chosen. ``widened`` are enclosures with every branch open that
    rounding alone could turn, None if there is none. ``escapes`` names, for outputs behind one, the operation
    whose domain rounding alone may leave. ``values`` are those of all nodes.
    """

    program: Program
    subject: Precision
    tier: str
    bits: int
    enclosures: Mapping[str, Values]
    centers: Mapping[str, Values]
    radii: Mapping[str, Values]
    noise: Mapping[str, Values]
    kinks: tuple[Kink, ...]
    widened: Mapping[str, Values] | None
    escapes: Mapping[str, str]
    values: Sequence[Values]

    def allowed(self, name: str) -> Values:
        """The largest error of each element that rounding explains."""
        return explained(self.noise[name], self.centers[name], self.subject)


def explained(noise: Values, centers: Values, subject: Precision) -> Values:
    """The largest error of each element that rounding of that scale explains."""
    known = centers if np.isfinite(centers).all() else np.nan_to_num(centers)
    floor = FLOOR_UNITS * subject.unit_roundoff * np.abs(known)
    return np.asarray(np.maximum(NOISE_FACTOR * noise, floor))


def cost(program: Program) -> int:
    """Element-operations of one evaluation: elements of each node, products of each contraction."""
    total = 0
    for _, node in program:
        if node.op == "contract":
            extent = dict(zip(node.attr("left"), program.nodes[node.inputs[0]].type.shape, strict=True))
            extent |= dict(zip(node.attr("right"), program.nodes[node.inputs[1]].type.shape, strict=True))
            total += math.prod(extent.values())
        elif node.op not in {"constant", "input", "reshape", "transpose", "broadcast_to"}:
            total += max([node.type.size, *(program.nodes[i].type.size for i in node.inputs)])
    return total


def certify(
    program: Program,
    inputs: Mapping[str, Values],
    active: Sequence[str],
    subject: Precision,
    seed: int = 0,
    budget: int = BUDGET,
) -> Certificate:
    """Evaluate a (derivative) Program in balls, and its noise scale in the subject's format.

    ``inputs`` are the exact values that the framework sees, as float64, int64 or bool arrays; ``active``
    names the inputs in which a kink counts. Above ``budget`` element-operations the tier is ``estimated``.
    """
    generator = np.random.default_rng(seed)
    wanted = {
        name: i
        for i, name in zip(program.outputs, program.output_names, strict=True)
        if program.nodes[i].type.kind == "real"
    }
    if cost(program) > budget:
        return _estimated(program, inputs, wanted, subject, generator)
    depends, slopes = dependents(program, active), differentiated(program, active)
    bits = START_BITS
    values, kinks = in_balls(program, inputs, slopes, bits)
    centers, radii = _measures(values, wanted)
    runs = perturb(program, inputs, values, subject, generator)
    noise = {
        n: noise_scale(
            runs, i, centers[n], radii[n], partial(ball_noise, program, inputs, slopes, subject, i)
        )
        for n, i in wanted.items()
    }
    wide = _excess(centers, radii, noise, subject)
    while wide > 0 and bits < STOP_BITS:
        bits *= 2
        values, kinks = in_balls(program, inputs, slopes, bits)
        centers, radii = _measures(values, wanted)
        before, wide = wide, _excess(centers, radii, noise, subject)
        if wide > before * 2.0**-16 and not any(k.undecided for k in kinks) and bits >= 8 * START_BITS:
            break
    if any(k.undecided for k in kinks):
        values, kinks = agreeing_sides(program, inputs, depends, bits, values, kinks)
        centers, radii = _measures(values, wanted)
    branches = near_branches(program, values, *runs[0], depends)
    widened = None
    if branches.forced or branches.radii:
        open_values, open_kinks = in_balls(program, inputs, slopes, bits, branches)
        lost = behind(program, [k.node for k in open_kinks if program.nodes[k.node].type.kind == "int"])
        widened = {
            n: np.full_like(open_values[i], arb.nan()) if i in lost else open_values[i]
            for n, i in wanted.items()
        }
    left = escapes(program, values, *min(runs, key=lambda run: abs(math.log2(run[1]))))
    return Certificate(
        program,
        subject,
        "certified",
        bits,
        {n: values[i] for n, i in wanted.items()},
        centers,
        radii,
        noise,
        tuple(kinks),
        widened,
        {n: program.nodes[left[i]].op for n, i in wanted.items() if i in left},
        values,
    )


def _estimated(
    program: Program,
    inputs: Mapping[str, Values],
    wanted: Mapping[str, int],
    subject: Precision,
    generator: np.random.Generator,
) -> Certificate:
    """In float64, where balls would take too long: nothing is proved."""
    values = evaluate(program, inputs, Float64())
    decisions = [truth.encode(v) if v.dtype == np.bool_ else v for v in values]
    runs = perturb(program, inputs, decisions, subject, generator)
    found = {n: values[i] for n, i in wanted.items()}
    radii = {n: np.zeros(v.shape) for n, v in found.items()}
    noise = {
        n: noise_scale(runs, i, found[n], radii[n], partial(np.full, found[n].shape, np.inf))
        for n, i in wanted.items()
    }
    return Certificate(program, subject, "estimated", 53, found, found, radii, noise, (), None, {}, values)


def _measures(
    values: Sequence[Values], wanted: Mapping[str, int]
) -> tuple[dict[str, Values], dict[str, Values]]:
    """Midpoints and bounds of the radii by output name."""
    both = {n: measured(values[i]) for n, i in wanted.items()}
    return {n: m[0] for n, m in both.items()}, {n: m[1] for n, m in both.items()}


def _excess(
    centers: Mapping[str, Values],
    radii: Mapping[str, Values],
    noise: Mapping[str, Values],
    subject: Precision,
) -> float:
    """The largest radius that is not yet narrow against the allowed error; 0 when all are."""
    worst = 0.0
    for name, center in centers.items():
        allowed = np.minimum(explained(noise[name], center, subject), np.finfo(float).max)
        wide = radii[name] > np.maximum(allowed, 2.0**-1074) * NARROW
        if wide.any():
            worst = max(worst, float(radii[name][wide].max()))
    return worst
