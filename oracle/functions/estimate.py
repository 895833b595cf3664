"""A function without a reference: its gradient held to finite differences of its own forward."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from oracle.execution.judging import Subject
from oracle.execution.points import Bench
from oracle.execution.voices import FINITE_DIFFERENCES
from oracle.finite_differences import Estimate, directional, element
from oracle.functions.subject import FunctionSubject
from oracle.judge.verdict import Finding, Verdict
from oracle.lift.program import Output

DIRECTIONS = 3
"""Random directions: an error in one element shows in each unless it is orthogonal by chance."""

FEW = 64
"""Elements up to which the wrong one is looked for: some 60 calls of the function each."""

NOISE_UNITS = 64.0
"""Rounding granted to the gradient itself, in units of u times the sum of its terms' sizes."""

Arrays = Mapping[str, npt.NDArray[np.generic]]

Seen = tuple[Estimate, float, float]
"""A slope by differences, the same by the gradient, and how far the two may lie apart."""


def estimated_findings(
    subject: Subject, function: FunctionSubject, where: Bench, waived: Collection[str]
) -> Iterator[Finding]:
    """One finding: ``wrong`` in the estimated tier where differences contradict the main route's gradient,
    ``agree`` where all directions confirm it; none where the forward shows no plateau (a kink, a jump), and
    none on ``waived`` inputs.
    """
    point, route = where.point, function.routes[0]
    try:
        gradient = function.derivative(route, where.program, point).derivatives
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever the function's backward raises is a finding
        detail = f"{type(error).__name__}: {(str(error).strip().splitlines() or [''])[0]}"
        yield _finding(subject, where, "gradient", Verdict.ERROR, detail, route=route, tier="none")
        return
    moving = [n for n in point.wrt if n not in function.fixed and n not in waived]
    if not moving:
        return
    bits = where.precision.bits

    def forward(inputs: Arrays) -> Arrays:
        values = function.value(where.program, replace(point, inputs=dict(inputs)))
        return dict(zip(where.program.output_names, values, strict=True))

    if any(not np.isfinite(gradient[n]).all() for n in moving):
        return
    generator = np.random.default_rng(0)
    found: list[Seen] = []
    for k in range(DIRECTIONS):
        along = {
            n: np.asarray(
                point.directions[n] if k == 0 else generator.choice([-1.0, 1.0], np.shape(gradient[n]))
            )
            for n in moving
        }
        try:
            estimate = directional(forward, point.inputs, along, point.cotangents, bits)
        except Exception:  # noqa: BLE001 - a forward that raises beside the point tells nothing of its slope
            return
        if not estimate.reliable:
            return
        found.append((estimate, _slope(gradient, estimate), _allowed(gradient, estimate, where)))
    off = [abs(e.value - s) > allowed for e, s, allowed in found]
    if not any(off):
        yield _finding(subject, where, "slope along a direction", Verdict.AGREE, "", observed=found[0])
        return
    worst = found[off.index(True)]
    detail = "finite differences of its own forward contradict the gradient (estimated, not certified)"
    index = _element(forward, function, where, gradient, moving)
    if index is None:
        yield _finding(
            subject, where, "slope along a direction", Verdict.WRONG, detail, route=route, observed=worst
        )
        return
    name, place, estimate = index
    yield _finding(
        subject, where, f"gradient of {name}", Verdict.WRONG, detail, route=route,
        observed=(estimate, float(gradient[name][place]), _allowed(gradient, estimate, where)), index=place,
    )  # fmt: skip


def linked_only(where: Bench, outputs: Sequence[Output]) -> Bench:
    """The same bench with cotangent zero for outputs that require no gradient: their values move with the
    inputs, and differences would count what the framework says is constant (singular values of ``lstsq``).
    """
    cut = {o.name for o in outputs if not o.differentiable}
    point = where.point
    cotangents = {n: np.zeros_like(c) if n in cut else c for n, c in point.cotangents.items()}
    return replace(where, point=replace(point, cotangents=cotangents))


def _slope(gradient: Mapping[str, npt.NDArray[np.float64]], estimate: Estimate) -> float:
    return sum(float((gradient[n] * d).sum()) for n, d in estimate.direction.items())


def _allowed(gradient: Mapping[str, npt.NDArray[np.float64]], estimate: Estimate, where: Bench) -> float:
    """The error bar of the differences, and rounding of the gradient."""
    terms = sum(float(np.abs(gradient[n] * d).sum()) for n, d in estimate.direction.items())
    return estimate.error + NOISE_UNITS * where.precision.unit_roundoff * terms


def _element(
    forward: object,
    function: FunctionSubject,
    where: Bench,
    gradient: Mapping[str, npt.NDArray[np.float64]],
    moving: list[str],
) -> tuple[str, tuple[int, ...], Estimate] | None:
    """The element that is off by the largest part of what is allowed; None among many elements."""
    if sum(gradient[n].size for n in moving) > FEW:
        return None
    point = where.point
    worst: tuple[float, str, tuple[int, ...], Estimate] | None = None
    for name in moving:
        for place in np.ndindex(gradient[name].shape):
            estimate = element(forward, point.inputs, point.cotangents, name, place, where.precision.bits)  # type: ignore[arg-type]
            if not estimate.reliable:
                continue
            allowed = _allowed(gradient, estimate, where)
            off = abs(estimate.value - _slope(gradient, estimate)) / max(allowed, np.finfo(float).tiny)
            if off > 1 and (worst is None or off > worst[0]):
                worst = (off, name, place, estimate)
    return None if worst is None else worst[1:]


def _bits(error: float, slope: float, where: Bench) -> float:
    return float(where.precision.bits) if error == 0 else math.log2(slope) - math.log2(error)


def _finding(
    subject: Subject,
    where: Bench,
    argument: str,
    verdict: Verdict,
    detail: str,
    *,
    route: str = FINITE_DIFFERENCES,
    tier: str = "estimated",
    observed: Seen | None = None,
    index: tuple[int, ...] | None = None,
) -> Finding:
    estimate, value, allowed = observed or (None, None, 0.0)
    slope = (abs(estimate.value) or 1.0) if estimate else None
    off = abs(estimate.value - value) if estimate and value is not None else None
    return Finding(
        subject.case, subject.framework.name, subject.framework.version, route, where.point.dtype, 1,
        argument, verdict,
        tier=tier,
        elements=sum(int(np.size(where.point.inputs[n])) for n in where.point.wrt),
        index=index,
        reference=f"{estimate.value!r} +- {estimate.error:.0e} (finite differences)" if estimate else None,
        observed=value,
        power=None if slope is None else allowed / slope,
        bits_agreed=_bits(off, slope, where) if off is not None and slope else None,
        bits_expected=_bits(allowed, slope, where) if slope else None,
        detail=detail,
        tags=subject.tags,
    )  # fmt: skip
