"""What a person derived by hand, held to the reference: half a unit of the last digit written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
from flint import arb, fmpq

from oracle.judge.verdict import Finding, Verdict
from reference_engine.arithmetic import Values
from reference_engine.arithmetic.balls import plain, precision, radius
from reference_engine.ball_values import in_balls
from reference_engine.differentiate import COTANGENT, GRADIENT, lower, vjp
from reference_engine.evaluate import differentiated
from reference_engine.limits import Approach, limit
from reference_engine.program import Program

if TYPE_CHECKING:
    from oracle.cases.model import Case
    from oracle.cases.values import WrittenArray

BITS = 256
"""Working bits: far more than anybody writes down."""

WIDE = 2.0**-100
"""An enclosure wider than this at BITS is a set of slopes, not a value."""

SIDES = 3
"""Opposite pairs of directions from which a derivative must tend to the same value."""


def check_expectations(case: Case) -> tuple[Finding, ...]:
    """One finding for each value and gradient under ``expect``; gradients with the case's cotangent, 1 by
    default.
    """
    found = []
    inputs = {i.name: i.array for i in case.inputs}
    wrt = tuple(i.name for i in case.inputs if i.grad)
    for name, written in case.expect_values.items():
        node = next(i for i, n in case.program if n.name == name)
        core = lower(replace(case.program, outputs=(node,), output_names=(name,)))
        values, _ = in_balls(core, inputs, differentiated(core, wrt), BITS)
        found.append(_hold(case, f"value of {name}", written, values[core.outputs[0]]))
    if case.expect_gradient:
        program = vjp(case.program, wrt)
        given: dict[str, Any] = dict(inputs)
        for name, t in zip(case.program.output_names, case.program.output_types, strict=True):
            if t.kind == "real":
                chosen = (case.cotangent or {}).get(name)
                given[COTANGENT + name] = np.ones(t.shape) if chosen is None else chosen
        gradients = _gradients(program, given, wrt)
        found += [
            _hold(case, f"gradient of {name}", written, gradients[GRADIENT + name])
            for name, written in case.expect_gradient.items()
        ]
    return tuple(found)


def _gradients(program: Program, given: Mapping[str, Any], wrt: Sequence[str]) -> Mapping[str, Values]:
    """The outputs of a VJP Program in balls; where the chain rule meets a kink or 0/0 and the limits from
    several sides agree, that limit (the function is differentiable after all).
    """
    values, _ = in_balls(program, given, differentiated(program, wrt), BITS)
    here = {n: values[i] for i, n in zip(program.outputs, program.output_names, strict=True)}
    names = [GRADIENT + n for n in wrt]
    if all(
        radius(v) < WIDE * (1 + abs(float(v.mid())))
        for n in names
        for v in (plain(x) for x in here[n].ravel())
    ):
        return here
    generator = np.random.default_rng(0)
    sides = []
    for _ in range(SIDES):
        size = {n: generator.uniform(0.5, 1.5, np.shape(given[n])) for n in wrt}
        sign = {n: generator.choice([-1.0, 1.0], np.shape(given[n])) for n in wrt}
        for turn in (1, -1):
            found = limit(program, given, {n: turn * size[n] * sign[n] for n in wrt}, here, names)
            if found.approach is not Approach.OUTSIDE:
                sides.append(found)
    if not sides or any(s.approach is not Approach.CONVERGES or s.jumps for s in sides):
        return here
    first = sides[0].enclosures
    with precision(BITS):
        same = all(
            abs(plain(a) - plain(b)) < arb(2) ** -100
            for s in sides[1:] for n in names
            for a, b in zip(s.enclosures[n].ravel(), first[n].ravel(), strict=True)
        )  # fmt: skip
    return {**here, **first} if same else here


def _hold(case: Case, argument: str, written: WrittenArray, value: Values) -> Finding:
    flat = [plain(v) if value.dtype == object else arb(int(v)) for v in value.ravel()]
    bad = None
    with precision(BITS):
        for k, (number, ball) in enumerate(zip(written.numbers, flat, strict=True)):
            if not isinstance(number.value, Fraction):
                continue
            target = arb(fmpq(number.value.numerator, number.value.denominator))
            half = arb(fmpq(number.half_unit.numerator, number.half_unit.denominator))
            if not abs(ball - target) <= half and not (half == 0 and ball.overlaps(target)):
                bad = k
                break
    worst = 0 if bad is None else bad
    detail = "" if bad is None else f"the case expects {written.numbers[bad].text}"
    return Finding(
        case.name, "reference", "", "expect", "exact", 1, argument,
        Verdict.AGREE if bad is None else Verdict.WRONG,
        tier="certified",
        elements=len(flat),
        index=tuple(int(i) for i in np.unravel_index(worst, value.shape)) if flat else None,
        reference=flat[worst].str(20) if flat else None,
        detail=detail,
        tags=case.tags,
    )  # fmt: skip
