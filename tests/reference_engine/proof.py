"""The proof of a derivative: our rules against derivatives that use none of them.

A directional derivative is read off the values of a Program alone: as a coefficient of a Taylor jet, or,
where a function has no power series here, as a central difference in balls, whose step of 2^-120 leaves a
truncation error near 2^-240 and, at 640 bits, no rounding to speak of.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from flint import arb

from reference_engine.arithmetic.balls import ZERO, Balls, all_plain, exact, midpoints, plain, precision
from reference_engine.arithmetic.float64 import Float64
from reference_engine.arithmetic.perturbed import Perturbed, deviation
from reference_engine.arithmetic.taylor import NoJet, Taylor, coefficient, jets, seed
from reference_engine.differentiate import jvp, lower, second_order, vjp
from reference_engine.evaluate import evaluate, outputs
from reference_engine.precision import FLOAT64
from reference_engine.program import Program
from tests.reference_engine.sample import Array, Sample, program_of

BITS = 640
STEP = arb(2) ** -120
AGREEMENT = arb("1e-30")
"""Largest relative difference that is let pass; differences below FLOOR are the witness's own error."""
FLOOR = arb(2) ** -200
ROUNDINGS = 16
"""Units of 2^-53 by which the float64 tier may differ, against the largest element of an array; 12 is the
most seen."""

Point = Mapping[str, Array]


class Mismatch(AssertionError):  # noqa: N818 - the word of what was found
    """Two derivatives that should be equal are proved to differ, or cannot be told to agree; says where."""


def as_balls(program: Program, point: Point) -> dict[str, Array]:
    """The inputs as exact balls, integers and booleans as they are evaluated."""
    made = {}
    for name, type_ in program.input_types.items():
        value = point[name]
        made[name] = exact(value) if type_.kind == "real" else value
        if type_.kind == "bool":
            made[name] = Balls().compare(
                "not_equal", value.astype(np.int64), np.zeros(value.shape, dtype=np.int64)
            )
    return made


def in_balls(program: Program, inputs: Mapping[str, Array]) -> dict[str, Array]:
    """Real outputs by name; every node has the shape that its shape rule says."""
    values = evaluate(program, inputs, Balls())
    for value, (_, node) in zip(values, program, strict=True):
        assert value.shape == node.type.shape, f"{node.op}: {value.shape} is not {node.type}"
    return _real(program, outputs(program, values))


def _real(program: Program, values: list[Array]) -> dict[str, Array]:
    types = program.output_types
    return {n: v for n, v, t in zip(program.output_names, values, types, strict=True) if t.kind == "real"}


def by_jets(program: Program, point: Point, directions: Point) -> dict[str, Array]:
    """The derivative of each output along the directions, from power series; NoJet where there is none."""
    with jets(1, BITS):
        inputs = {
            name: seed(point[name], directions.get(name)) if type_.kind == "real" else point[name]
            for name, type_ in program.input_types.items()
        }
        found = outputs(program, evaluate(program, inputs, Taylor()))
        return {name: coefficient(v, 1) for name, v in _real(program, found).items()}


def by_differences(program: Program, point: Point, directions: Point) -> dict[str, Array]:
    """The derivative of each output along the directions, from central differences in balls."""
    center = as_balls(program, point)
    sides = []
    for step in (STEP, -STEP):
        moved = {n: np.asarray(center[n] + exact(v) * step, dtype=object) for n, v in directions.items()}
        sides.append(in_balls(program, center | moved))
    return {name: (all_plain(sides[0][name]) - all_plain(sides[1][name])) / (2 * STEP) for name in sides[0]}


def witness(program: Program, point: Point, directions: Point) -> dict[str, Array]:
    """The derivative of each output along the directions, without any rule of ours."""
    try:
        return by_jets(program, point, directions)
    except NoJet:
        return by_differences(program, point, directions)


def agree(what: str, ours: Any, other: Any) -> None:
    """Mismatch unless every element agrees to AGREEMENT of the largest."""
    pairs = [(plain(a), plain(b)) for a, b in zip(np.ravel(ours), np.ravel(other), strict=True)]
    size = max((float(b.abs_upper()) for _, b in pairs), default=0.0)
    allowed = AGREEMENT * size + FLOOR
    for k, (a, b) in enumerate(pairs):
        if not abs(a - b) <= allowed:
            msg = f"{what}, element {k}: {a} is not {b}"
            raise Mismatch(msg)


def inner(a: Array, b: Array) -> Any:
    """The sum of products."""
    total: Any = ZERO
    for x, y in zip(a.ravel(), b.ravel(), strict=True):
        total = total + x * y
    return plain(total)


def numbers(seed_: int, shape: tuple[int, ...]) -> Array:
    """Numbers of both signs, none near zero."""
    generator = np.random.default_rng(seed_)
    return generator.uniform(0.5, 1.5, size=shape) * generator.choice([-1.0, 1.0], size=shape)


def arguments(program: Program, point: Point) -> dict[str, Array]:
    """A value for every input: those of the point, random cotangents, tangents and directions."""
    types = program.input_types.items()
    return {n: point[n] if n in point else numbers(k, t.shape) for k, (n, t) in enumerate(types)}


def prove_first_order(operation: str, sample: Sample) -> None:
    """JVP elementwise, VJP through the inner product with a random direction; Mismatch if one is off."""
    program, wrt = lower(program_of(operation, sample)), sample.real_inputs
    with precision(BITS):
        forward = jvp(program, wrt)
        point = arguments(forward, sample.inputs)
        tangents = {n: point[f"t.{n}"] for n in wrt}
        moved = {
            n[2:]: v for n, v in in_balls(forward, as_balls(forward, point)).items() if n.startswith("t.")
        }
        expected = witness(program, sample.inputs, tangents)
        for name, value in moved.items():
            agree(f"{operation}: tangent of {name}", value, expected[name])
        backward = vjp(program, wrt)
        point = arguments(backward, sample.inputs)
        gradients = in_balls(backward, as_balls(backward, point))
        ours = sum((inner(exact(tangents[n]), gradients[f"grad.{n}"]) for n in wrt), start=arb(0))
        truth = sum((inner(exact(point[f"ct.{n}"]), expected[n]) for n in expected), start=arb(0))
        agree(f"{operation}: <gradient, v> against <cotangent, derivative along v>", ours, truth)
        _prove_float64(operation, backward, point)


def _prove_float64(operation: str, program: Program, point: Point) -> None:
    """The float64 tier is a few roundings away, or within the noise that roundings make here."""
    balls = evaluate(program, as_balls(program, point), Balls())
    found = evaluate(program, point, Float64())
    noisy = Perturbed(balls, 2.0**-40, FLOAT64, 2.0**-1022, np.random.default_rng(0))
    runs = evaluate(program, {n: noisy.input(point[n]) for n in program.input_names}, noisy)
    for i in program.outputs:
        if program.nodes[i].type.kind != "real":
            continue
        center = midpoints(balls[i])
        noise = deviation(runs[i], center) * 2.0**-13
        allowed = ROUNDINGS * np.maximum(2.0**-53 * np.abs(center).max(initial=0.0), noise) + 2.0**-500
        if not (np.abs(found[i] - center) <= allowed).all():
            msg = f"{operation}: float64 value {found[i]} is not {center}"
            raise Mismatch(msg)


def prove_second_order(operation: str, sample: Sample) -> None:
    """The gradient of <VJP, d> elementwise against the derivative of the VJP along d; Mismatch if one is
    off.
    """
    program, wrt = lower(program_of(operation, sample)), sample.real_inputs
    with precision(BITS):
        twice, once = second_order(program, wrt), vjp(program, wrt)
        point = arguments(twice, sample.inputs)
        directions = {n: point[f"d.{n}"] for n in wrt}
        ours = in_balls(twice, as_balls(twice, point))
        expected = witness(once, {n: point[n] for n in once.input_names}, directions)
        for n in wrt:
            agree(f"{operation}: second derivative for {n}", ours[f"grad.{n}"], expected[f"grad.{n}"])
