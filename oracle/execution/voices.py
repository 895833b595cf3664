"""What the others say: the other frameworks and finite differences, beside each failing finding."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from oracle.execution.stage import NOWHERE, Stage, entering
from oracle.finite_differences import directional
from oracle.judge.verdict import FAILING, Finding, Verdict
from reference_engine.differentiate import GRADIENT
from reference_engine.precision import FLOAT64

if TYPE_CHECKING:
    from oracle.execution.judging import Subject
    from oracle.execution.points import Bench
    from reference_engine.certify import Certificate

ALIKE = 1e-6
"""Two frameworks tell the same story when their values differ by no more than this part."""

FINITE_DIFFERENCES = "finite differences"


def finite_difference_findings(subject: Subject, where: Bench, certificate: Certificate) -> Iterator[Finding]:
    """The framework's own forward, differenced along one random direction, held to the certified gradient.

    Nothing in formats below float64, at kinks, where the ladder of steps shows no plateau, and where the
    user stops a gradient, of which values know nothing.
    """
    framework = subject.framework
    stopped = any(node.op == "stop_gradient" for _, node in where.program)
    if where.point.dtype != "float64" or not where.point.wrt or certificate.kinks or stopped:
        return
    gradient = {n: certificate.centers[GRADIENT + n] for n in where.point.wrt}
    if not all(np.isfinite(g).all() for g in gradient.values()):
        return
    entering(Stage(framework.name, framework.version, FINITE_DIFFERENCES, where.point.dtype, 1))

    def forward(inputs: Mapping[str, npt.NDArray[np.generic]]) -> Mapping[str, npt.NDArray[np.generic]]:
        values = framework.value(where.program, replace(where.point, inputs=inputs))
        return dict(zip(where.program.output_names, values, strict=True))

    try:
        found = directional(forward, where.point.inputs, where.point.directions, where.point.cotangents)
    except Exception:  # noqa: BLE001 - the routes tell what a forward raises
        return
    finally:
        entering(NOWHERE)
    if not found.reliable:
        return
    truth = sum(float((gradient[n] * found.direction[n]).sum()) for n in gradient)
    noise = sum(
        float((certificate.allowed(GRADIENT + n) * np.abs(found.direction[n])).sum()) for n in gradient
    )
    if found.error + noise >= abs(truth) > 0:
        return  # a bar as wide as the slope itself says nothing
    off = abs(found.value - truth)
    verdict = Verdict.AGREE if off <= found.error + noise else Verdict.UNDECIDED
    detail = "" if verdict is Verdict.AGREE else "differences of its own forward give another slope"
    yield Finding(
        subject.case, framework.name, framework.version, FINITE_DIFFERENCES, where.point.dtype, 1,
        "slope along a direction", verdict,
        tier=certificate.tier,
        elements=sum(g.size for g in gradient.values()),
        reference=f"{truth!r}",
        observed=found.value,
        rho=off / (found.error + noise) if found.error + noise > 0 else 0.0,
        power=(found.error + noise) / (abs(truth) or 1.0),
        bits_agreed=_digits(off, truth),
        bits_expected=_digits(found.error + noise, truth),
        detail=detail,
        tags=subject.tags,
    )  # fmt: skip


def _digits(error: float, truth: float) -> float:
    """Binary digits that an error leaves of a slope, or of 1 where that is zero."""
    return float(FLOAT64.bits) if error == 0 else math.log2(abs(truth) or 1.0) - math.log2(error)


def add_voices(findings: Sequence[Finding], main_routes: Sequence[str]) -> list[Finding]:
    """The findings, each failing one with what the others say of the same argument."""
    out = []
    for finding in findings:
        if finding.verdict not in FAILING:
            out.append(finding)
            continue
        others = [
            f for f in findings
            if (f.argument, f.order) == (finding.argument, finding.order) and f.framework != finding.framework
            and f.route in {*main_routes, FINITE_DIFFERENCES}
        ]  # fmt: skip
        voices = tuple((f.framework, _voice(f, finding)) for f in others if f.route in main_routes)
        steps = tuple(
            (f"{FINITE_DIFFERENCES} ({f.framework})", _voice(f, finding)) for f in findings
            if f.route == FINITE_DIFFERENCES and f.dtype == finding.dtype
        )  # fmt: skip
        out.append(replace(finding, voices=voices + steps))
    return out


def _voice(other: Finding, finding: Finding) -> str:
    if other.route == FINITE_DIFFERENCES and other.verdict is Verdict.UNDECIDED:
        return "say otherwise than the reference"
    if other.verdict not in FAILING:
        return "agrees with the reference" if other.verdict is Verdict.AGREE else other.verdict.value
    return "agrees with it" if _alike(other, finding) else other.verdict.value


def _alike(one: Finding, other: Finding) -> bool:
    if one.observed is None or other.observed is None or one.index != other.index:
        return False
    return abs(one.observed - other.observed) <= ALIKE * max(abs(one.observed), abs(other.observed))
