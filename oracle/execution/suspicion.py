"""Whose fault is it where everybody contradicts the reference? Frameworks that agree with one another and
with finite differences of their own forward, against us, make us the suspect.

All of it is asked in float64 at the numbers of the finding: there finite differences say something, and a
fault of ours is the same in every format.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from oracle.execution.judging import Truth, in_gauge
from oracle.execution.points import Bench, in_dtype
from oracle.execution.stage import NOWHERE, Stage, entering
from oracle.finite_differences import Estimate, directional, element
from oracle.frameworks.protocol import Framework
from oracle.judge.verdict import UNJUDGED, Finding, Verdict
from reference_engine.arithmetic.float64 import Float64
from reference_engine.differentiate import GRADIENT, TANGENT, lower
from reference_engine.evaluate import evaluate, outputs
from reference_engine.program import Program

Arrays = Mapping[str, npt.NDArray[Any]]
Forward = Callable[[Arrays], Arrays]

SHORT = 2.0**8
"""Tangents are rounded to multiples of its inverse: steps of 2^-25 along them are exact."""

SLOPE = "slope"
"""Name of the scalar <gradient, directions>, whose gradient a second-order route gives."""

OUR_RULE = "differences of the reference's own values contradict it too: one of our derivative rules is wrong"
OUR_READING = "the function that was read is another one than the function that ran"
OUR_VALUE = "all frameworks give another value than the reference"


@dataclass(frozen=True, slots=True)
class _Element:
    """One element of a derivative: ``kind`` is ``gradient`` (of an input) or ``tangent`` (of an output)."""

    kind: str
    name: str
    index: tuple[int, ...]


def with_suspicion(
    findings: Sequence[Finding], frameworks: Sequence[Framework], truth: Truth, *, written: bool = True
) -> list[Finding]:
    """The findings on one bench; those that nobody but the reference agrees with are ``oracle-suspect``.

    ``written`` says that the Program is a person's word. Where a function differs from it the function may be
    at fault, so that differences of the reference's own values must contradict the reference as well.
    """
    if any(node.op == "stop_gradient" for _, node in truth.bench.program):
        asked = {}  # values know nothing of gradients that a person stops
    else:
        asked = {f.name: _Inquiry(f, frameworks, truth, written) for f in frameworks}
    return [_looked_into(f, findings, asked) for f in findings]


def _looked_into(finding: Finding, findings: Sequence[Finding], asked: Mapping[str, _Inquiry]) -> Finding:
    if finding.verdict is Verdict.VALUE_MISMATCH:
        others = _same_value(finding, findings)
        if others and all(f.verdict is Verdict.VALUE_MISMATCH for f in others):
            return replace(finding, verdict=Verdict.ORACLE_SUSPECT, detail=OUR_VALUE)
        return finding
    place = _element(finding)
    if finding.verdict is not Verdict.WRONG or place is None or finding.framework not in asked:
        return finding
    inquiry = asked[finding.framework]
    entering(Stage(finding.framework, finding.version, finding.route, "float64", finding.order))
    try:
        detail = inquiry.against_us(finding.route, place)
    finally:
        entering(NOWHERE)
    return replace(finding, verdict=Verdict.ORACLE_SUSPECT, detail=detail) if detail else finding


def _same_value(finding: Finding, findings: Sequence[Finding]) -> list[Finding]:
    return [
        f for f in findings
        if f.framework != finding.framework and f.argument == finding.argument and f.verdict not in UNJUDGED
    ]  # fmt: skip


def _element(finding: Finding) -> _Element | None:
    kind, of, name = finding.argument.partition(" of ")
    derivative = of and kind in {"gradient", "tangent"} and finding.tier in {"certified", "estimated"}
    return _Element(kind, name, finding.index) if derivative and finding.index is not None else None


@dataclass
class _Inquiry:
    """What everybody says of elements on which the framework ``own`` contradicts the reference."""

    own: Framework
    frameworks: Sequence[Framework]
    truth: Truth
    written: bool

    def __post_init__(self) -> None:
        self._steps: dict[tuple[str, _Element], Estimate | None] = {}

    @cached_property
    def fine(self) -> Truth:
        """The truth in float64, along tangents of few digits, so that steps along them are exact."""
        where = in_dtype(replace(self.truth.bench, reference=None), "float64")
        short = {n: np.round(where.point.tangents[n] * SHORT) / SHORT for n in where.point.wrt}
        where = replace(where, point=replace(where.point, tangents=short))
        fine = Truth(where, self.truth.seed)
        return in_gauge(fine, self.own) if self.written else fine  # what was read has its own signs already

    def against_us(self, route: str, place: _Element) -> str:
        """Why the reference is suspect at this element; empty where it is not."""
        certificate = self.fine.certificate(forward=place.kind == "tangent")
        name = (TANGENT if place.kind == "tangent" else GRADIENT) + place.name
        if certificate.kinks or not np.isfinite(certificate.centers[name]).all():
            return ""
        center = float(certificate.centers[name][place.index])
        allowed = float(certificate.allowed(name)[place.index])

        def contradicts(seen: Estimate | None) -> bool:
            return seen is not None and abs(seen.value - center) > seen.error + allowed

        seen = self._step(self.own.name, _forward(self.own, self.fine.bench), place)
        if seen is None or not contradicts(seen):
            return ""
        for framework in self.frameworks:
            said = self._answer(framework, route, place)
            if said is None and framework is self.own:
                return ""
            if said is not None and abs(said - seen.value) > seen.error + allowed:
                return ""
            step = self._step(framework.name, _forward(framework, self.fine.bench), place)
            if step is not None and not contradicts(step):
                return ""
        if contradicts(self._step("", _own_forward(self.fine.bench), place)) or self._gradient_contradicted:
            return OUR_RULE
        return "" if self.written else OUR_READING

    @cached_property
    def _gradient_contradicted(self) -> bool:
        """Whether differences of our own values contradict our own gradient, on which second order rests."""
        fine = self.fine
        if fine.bench.order == 1:
            return False
        first = Truth(replace(fine.bench, order=1), fine.seed)
        certificate, point = first.certificate(forward=False), fine.bench.point
        try:
            directions = {n: point.directions[n] for n in point.wrt}
            found = directional(_own_forward(first.bench), point.inputs, directions, point.cotangents)
        except Exception:  # noqa: BLE001 - no witness
            return False
        told = {n: (certificate.centers[GRADIENT + n], certificate.allowed(GRADIENT + n)) for n in point.wrt}
        slope = sum(float((g * found.direction[n]).sum()) for n, (g, _) in told.items())
        noise = sum(float((a * np.abs(found.direction[n])).sum()) for n, (_, a) in told.items())
        return found.reliable and abs(found.value - slope) > found.error + noise

    def _answer(self, framework: Framework, route: str, place: _Element) -> float | None:
        """A framework's element, by the finding's own route or its first of that kind; None where it offers
        none.
        """
        where = self.fine.bench
        if framework is not self.own:
            reverse = [r for r in framework.routes if r not in framework.forward_routes]
            routes = framework.forward_routes if place.kind == "tangent" else tuple(reverse)
            route = (framework.second_order_routes if where.order > 1 else routes)[0]
        ask = framework.second_order if where.order > 1 else framework.derivative
        try:
            return float(ask(route, where.program, where.point).derivatives[place.name][place.index])
        except Exception:  # noqa: BLE001 - not offered, or broken: no witness
            return None

    def _step(self, who: str, forward: Forward, place: _Element) -> Estimate | None:
        if (who, place) not in self._steps:
            self._steps[who, place] = _difference(forward, place, self.fine.bench)
        return self._steps[who, place]


def _forward(framework: Framework, where: Bench) -> Forward:
    """What differences are taken of: the framework's values, or at second order the slope of its gradient."""
    names = where.program.output_names

    def values(inputs: Arrays) -> Arrays:
        return dict(
            zip(names, framework.value(where.program, replace(where.point, inputs=inputs)), strict=True)
        )

    def slope(inputs: Arrays) -> Arrays:
        point = replace(where.point, inputs=inputs)
        found = framework.derivative(framework.routes[0], where.program, point).derivatives
        return {SLOPE: _along(found, where)}

    return values if where.order == 1 else slope


def _own_forward(where: Bench) -> Forward:
    """The same of the reference, in float64."""
    source: Program = lower(where.reference or where.program)
    gradient = lower(replace(where, order=1).derivative(forward=False))
    given = where.inputs(forward=False)

    def values(inputs: Arrays) -> Arrays:
        return dict(
            zip(source.output_names, outputs(source, evaluate(source, inputs, Float64())), strict=True)
        )

    def slope(inputs: Arrays) -> Arrays:
        needed = {n: {**given, **inputs}[n] for n in gradient.input_names}
        found = outputs(gradient, evaluate(gradient, needed, Float64()))
        named = dict(zip(gradient.output_names, found, strict=True))
        return {SLOPE: _along({n: named[GRADIENT + n] for n in where.point.wrt}, where)}

    return values if where.order == 1 else slope


def _along(gradient: Arrays, where: Bench) -> npt.NDArray[Any]:
    return np.asarray(sum(float((gradient[n] * where.point.directions[n]).sum()) for n in where.point.wrt))


def _difference(forward: Forward, place: _Element, where: Bench) -> Estimate | None:
    """The element by finite differences; None where they tell nothing."""
    point = where.point
    try:
        if place.kind == "tangent":
            shape = np.shape(forward(point.inputs)[place.name])
            unit = np.zeros(shape)
            unit[place.index] = 1.0
            tangents = {n: point.tangents[n] for n in point.wrt}
            found = directional(forward, point.inputs, tangents, {place.name: unit})
            if any((found.direction[n] != t).any() for n, t in tangents.items()):
                return None
        else:
            cotangents = dict(point.cotangents) if where.order == 1 else {SLOPE: np.asarray(1.0)}
            found = element(forward, point.inputs, cotangents, place.name, place.index)
    except Exception:  # noqa: BLE001 - a forward that raises beside the point is no witness
        return None
    return found if found.reliable else None
