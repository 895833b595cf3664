"""The certified derivative: a proved enclosure of every element, and how far rounding alone can move it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from flint import arb

from reference_engine.arithmetic import Values, truth
from reference_engine.arithmetic.balls import ZERO, Balls, Kink, exact, midpoints, plain, precision
from reference_engine.arithmetic.float64 import Float64
from reference_engine.arithmetic.perturbed import Perturbed, deviation
from reference_engine.branches import Branches, escapes, near_branches
from reference_engine.evaluate import dependents, differentiated, evaluate
from reference_engine.precision import PRECISIONS, Precision
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

SMALL_MOVE = 2.0**-7
"""A result that magnified noise moves by more than this part of itself may not answer in proportion any
more.
"""

KINK_WIDTH = 2.0**-60
"""An enclosure wider than this part of its center is no point at 128 bits, but a set of slopes or a bad case
of cancellation; its midpoint says nothing of the samples then."""

FLOOR_UNITS = 4.0
"""Allowed error in units of u |G| where the deviations happen to be smaller; without it 13 of 16,746 correct
elements were flagged."""


@dataclass(frozen=True)
class Certificate:
    """What is known of the outputs of one Program at one point, by output name.

    ``enclosures`` are balls (float64 in the estimated tier), ``noise`` the largest deviation that roundings
    of the subject's format cause. ``kinks`` says where a slope was chosen. ``widened`` are enclosures with
    every branch open that rounding alone could turn, None if there is none. ``escapes`` names, for outputs
    behind one, the operation whose domain rounding alone may leave. ``values`` are those of all nodes.
    """

    program: Program
    subject: Precision
    tier: str
    bits: int
    enclosures: Mapping[str, Values]
    centers: Mapping[str, Values]
    noise: Mapping[str, Values]
    kinks: tuple[Kink, ...]
    widened: Mapping[str, Values] | None
    escapes: Mapping[str, str]
    values: Sequence[Values]

    def allowed(self, name: str) -> Values:
        """The largest error of each element that rounding explains."""
        size = np.abs(np.nan_to_num(self.centers[name]))
        floor = FLOOR_UNITS * self.subject.unit_roundoff * size
        return np.asarray(np.maximum(NOISE_FACTOR * self.noise[name], floor))


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
    wanted = [
        i
        for i, name in zip(program.outputs, program.output_names, strict=True)
        if program.nodes[i].type.kind == "real"
    ]
    names = [n for i, n in zip(program.outputs, program.output_names, strict=True) if i in wanted]
    depends, slopes = dependents(program, active), differentiated(program, active)
    if cost(program) > budget:
        values = evaluate(program, inputs, Float64())
        decisions = [truth.encode(v) if v.dtype == np.bool_ else v for v in values]
        runs = perturb(program, inputs, decisions, subject, generator)
        found = {n: values[i] for n, i in zip(names, wanted, strict=True)}
        noise = {
            n: noise_scale(runs, i, values[i], partial(np.full, values[i].shape, np.inf))
            for n, i in zip(names, wanted, strict=True)
        }
        return Certificate(program, subject, "estimated", 53, found, found, noise, (), None, {}, values)
    bits = START_BITS
    values, kinks = in_balls(program, inputs, slopes, bits)
    runs = perturb(program, inputs, values, subject, generator)
    noise = {
        n: noise_scale(runs, i, values[i], partial(ball_noise, program, inputs, slopes, subject, i))
        for n, i in zip(names, wanted, strict=True)
    }
    wide = _excess(values, wanted, noise, names, subject)
    while wide > 0 and bits < STOP_BITS:
        bits *= 2
        values, kinks = in_balls(program, inputs, slopes, bits)
        before, wide = wide, _excess(values, wanted, noise, names, subject)
        if wide > before * 2.0**-16 and not any(k.undecided for k in kinks) and bits >= 8 * START_BITS:
            break
    if any(k.undecided for k in kinks):
        values, kinks = _agreeing_sides(program, inputs, depends, bits, values, kinks)
    branches = near_branches(program, values, *runs[0], depends)
    widened = None
    if branches.forced or branches.radii:
        open_values, open_kinks = in_balls(program, inputs, slopes, bits, branches)
        lost = _behind(program, [k.node for k in open_kinks if program.nodes[k.node].type.kind == "int"])
        widened = {
            n: np.full_like(open_values[i], arb.nan()) if i in lost else open_values[i]
            for n, i in zip(names, wanted, strict=True)
        }
    left = escapes(program, values, *min(runs, key=lambda run: abs(math.log2(run[1]))))
    outside = {n: program.nodes[left[i]].op for n, i in zip(names, wanted, strict=True) if i in left}
    centers = {n: midpoints(values[i]) for n, i in zip(names, wanted, strict=True)}
    enclosures = {n: values[i] for n, i in zip(names, wanted, strict=True)}
    return Certificate(
        program,
        subject,
        "certified",
        bits,
        enclosures,
        centers,
        noise,
        tuple(kinks),
        widened,
        outside,
        values,
    )


def _behind(program: Program, nodes: Sequence[int]) -> frozenset[int]:
    """The given nodes and all that depend on them: positions from ``argsort`` are integers, of which there is
    no hull, so that nothing encloses what is taken at them when the order may be another.
    """
    found = set(nodes)
    for index, node in program:
        if any(i in found for i in node.inputs):
            found.add(index)
    return frozenset(found)


def _spread(samples: Values, balls: Values) -> Values:
    """Deviation of the samples from the exact value; at a kink, where the ball is wide, from their own
    mean.
    """
    if balls.dtype != object:
        return deviation(samples, balls)
    center = midpoints(balls)
    radii = np.array([radius(v) for v in balls.ravel()]).reshape(balls.shape)
    with np.errstate(invalid="ignore"):
        center = np.where(radii > KINK_WIDTH * np.abs(center), samples.mean(axis=0), center)
    return deviation(samples, center)


def _agreeing_sides(
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


def perturb(
    program: Program,
    inputs: Mapping[str, Values],
    decisions: Sequence[Values],
    subject: Precision,
    generator: np.random.Generator,
) -> list[tuple[list[Values], float]]:
    """Samples of every node, and the factor from their deviations to those of the subject's format.

    A float64 subject is perturbed at 2^-40, so that the runs themselves can be in float64. Where that much
    noise leaves a domain (sqrt(1 - x^2) at 1 - 1e-13), or moves a result so far that the response is no
    longer proportional (sin(x + 1e15 - 1e15)), runs at 2^-51 come first in the list.
    """
    runs: list[tuple[list[Values], float]] = []
    for exponent in (40, 51) if subject.bits > 40 else (subject.bits, 51):
        scale = 2.0 ** (exponent - subject.bits)
        arithmetic = Perturbed(
            decisions, 2.0**-exponent, subject, subject.smallest_normal / scale, generator,
            units={n: p.unit_roundoff / scale for n, p in PRECISIONS.items()},
        )  # fmt: skip
        with np.errstate(all="ignore"):
            given = {n: arithmetic.input(a) for n, a in inputs.items()}
            samples = evaluate(program, given, arithmetic)
        runs.insert(0, (samples, scale))
        if all(_proportional(samples[i], decisions[i], scale) for i in program.outputs):
            break
    return runs


def _proportional(samples: Values, decided: Values, scale: float) -> bool:
    """Whether every sample is finite where the truth is and, if noise was magnified, has moved only a
    little.
    """
    if samples.dtype.kind != "f":
        return True
    bad = ~np.isfinite(samples).all(axis=0)
    if bad.any() and (decided.dtype != object or any(plain(v).is_finite() for v in decided[bad])):
        return False
    if scale == 1 or not samples.size:
        return True
    with np.errstate(invalid="ignore"):
        return not bool((np.ptp(samples, axis=0) > SMALL_MOVE * np.abs(samples).max(axis=0)).any())


def noise_scale(
    runs: Sequence[tuple[list[Values], float]],
    index: int,
    value: Values,
    fallback: Callable[[], Values],
) -> Values:
    """Largest deviation of one node over all runs, in the subject's noise; ``fallback`` where none is
    finite.
    """
    spreads = np.array([_spread(samples[index], value) * scale for samples, scale in runs])
    spreads = np.where(np.isfinite(spreads), spreads, -1.0)
    noise = np.asarray(spreads.max(axis=0))
    bad = noise < 0
    if bad.any():
        noise[bad] = fallback()[bad]
    return noise


def ball_noise(
    program: Program, inputs: Mapping[str, Values], depends: frozenset[int], subject: Precision, node: int
) -> Values:
    """Radii of a ball evaluation at the subject's own precision: the noise where float64 itself overflows."""
    values, _ = in_balls(program, inputs, depends, subject.bits + 1)
    return np.array([radius(v) for v in values[node].ravel()]).reshape(values[node].shape)


def radius(value: object) -> float:
    """Radius of a ball as float64, infinite where it is not finite."""
    if value is ZERO:
        return 0.0
    assert isinstance(value, arb)
    return float(value.rad()) if value.is_finite() else math.inf


def _excess(
    values: Sequence[Values],
    wanted: Sequence[int],
    noise: Mapping[str, Values],
    names: Sequence[str],
    subject: Precision,
) -> float:
    """The largest radius that is not yet narrow against the allowed error; 0 when all are."""
    worst = 0.0
    for name, i in zip(names, wanted, strict=True):
        size = np.abs(np.nan_to_num(midpoints(values[i])))
        allowed = np.maximum(NOISE_FACTOR * noise[name], FLOOR_UNITS * subject.unit_roundoff * size)
        allowed = np.maximum(np.nan_to_num(allowed, posinf=np.finfo(float).max), 2.0**-1074)
        radii = np.array([radius(v) for v in values[i].ravel()]).reshape(values[i].shape)
        wide = radii > allowed * NARROW
        if wide.any():
            worst = max(worst, float(radii[wide].max()))
    return worst
