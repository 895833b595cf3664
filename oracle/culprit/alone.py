"""One operation alone: the framework's local derivative of it, held to a certificate of that operation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from oracle.culprit.reference import Reference
from oracle.culprit.step import Step
from oracle.frameworks.protocol import Answer, Framework, Point
from oracle.judge.decide import judge_route, judge_values
from oracle.judge.judgement import Judgement
from oracle.judge.verdict import Verdict
from reference_engine.certify import certify
from reference_engine.differentiate import (
    COTANGENT,
    DIRECTION,
    GRADIENT,
    TANGENT,
    jvp,
    second_order,
    vjp,
)
from reference_engine.precision import Precision
from reference_engine.program import Program

Array = npt.NDArray[Any]
SECOND = 2

BAD = frozenset({Verdict.WRONG, Verdict.NONFINITE})
"""Verdicts of the judge that rounding, kinks and precision do not explain."""

Gauge = Callable[[Program, Framework, Point], Program]
"""The same Program in the signs that a framework chose for its own vectors."""


@dataclass(frozen=True)
class Question:
    """How an operation is asked: by which route, to which order, in which format."""

    route: str
    order: int
    precision: Precision
    gauge: Gauge
    seed: int = 0


@dataclass(frozen=True)
class Deviation:
    """One result of an operation's local derivative, or of its value, that rounding does not explain.

    ``name`` is that of the operand whose gradient it is, of the result whose tangent or value it is.
    """

    name: str
    part: str
    index: tuple[int, ...]
    reference: str
    observed: float
    rho: float


@dataclass(frozen=True)
class Alone:
    """What was found of one operation: deviations of its derivative and of its value."""

    derivative: tuple[Deviation, ...]
    value: tuple[Deviation, ...]


def ask_alone(step: Step, reference: Reference, question: Question) -> Alone | None:
    """The operation's local derivative and value.

    None where it cannot be asked, where nothing reaches it, and where what reaches it is not finite.
    """
    framework = step.framework
    forward = question.order == 1 and question.route in framework.forward_routes
    fed = reference.tangents if forward else reference.cotangents
    if not step.wrt or not any(i in fed for i in step.results.values()):
        return None
    wrt = (*step.wrt, *step.unseen)
    point = _point(step, reference, question.precision, wrt)
    if not _finite(point, question.order, forward=forward):
        return None
    ask = framework.derivative if question.order == 1 else framework.second_order
    try:
        answer = ask(question.route, step.program, point)
        source = question.gauge(step.program, framework, point)
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 - an operation that cannot be asked alone is not to blame
        return None
    derivative = _derivative(source, wrt, question.order, forward=forward)
    given = _inputs(point, question.order, forward=forward)
    certificate = certify(derivative, given, wrt, question.precision, question.seed)
    prefix = TANGENT if forward else GRADIENT
    shaped = {
        prefix + n: np.asarray(v, dtype=np.float64)
        for n, v in _observed(step, answer, forward=forward).items()
        if v.shape == certificate.centers[prefix + n].shape
    }
    judged = judge_route(certificate, given, wrt, shaped, question.seed)
    found = [
        _deviation(j, shaped[j.name], j.name.removeprefix(prefix), prefix)
        for j in judged
        if j.verdict in BAD and j.index is not None
    ]
    if not forward:
        known = {d.name for d in found}
        found += [d for d in _nonfinite(step, reference, shaped) if d.name not in known]
    values = {
        n: np.asarray(v, dtype=np.float64)
        for n, t, v in zip(step.program.output_names, step.program.output_types, answer.values, strict=True)
        if t.kind == "real"
    }
    off = [
        _deviation(j, values[j.name], j.name, "")
        for j in judge_values(certificate, given, wrt, values, question.seed)
        if j.verdict in BAD and j.index is not None
    ]
    return Alone(tuple(found), tuple(off))


def _point(step: Step, reference: Reference, precision: Precision, wrt: tuple[str, ...]) -> Point:
    """The operation's own numbers and, in its format, what the reference sends through it."""
    shapes = {n: t.shape for n, t in step.program.input_types.items()}

    def fed(source: Mapping[int, Array], node: int, shape: tuple[int, ...]) -> Array:
        return precision.round(source[node]) if node in source else np.zeros(shape)

    tangents = {n: fed(reference.tangents, step.operands[n], shapes[n]) for n in wrt}
    cotangents = {
        n: fed(reference.cotangents, step.results[n], t.shape)
        for n, t in zip(step.program.output_names, step.program.output_types, strict=True)
        if t.kind == "real"
    }
    return Point(step.inputs, step.wrt, precision.name, cotangents, tangents, tangents, step.layouts)


def _finite(point: Point, order: int, *, forward: bool) -> bool:
    """Whether all that is sent through is finite: behind a pole the reference itself sends NaN."""
    sent = list(point.tangents.values()) if forward else list(point.cotangents.values())
    if order == SECOND:
        sent += point.directions.values()
    return all(np.isfinite(a).all() for a in sent)


def _derivative(program: Program, wrt: tuple[str, ...], order: int, *, forward: bool) -> Program:
    if order == SECOND:
        return second_order(program, wrt)
    return jvp(program, wrt) if forward else vjp(program, wrt)


def _inputs(point: Point, order: int, *, forward: bool) -> dict[str, Array]:
    given: dict[str, Array] = dict(point.inputs)
    if forward:
        return given | {TANGENT + n: a for n, a in point.tangents.items()}
    given |= {COTANGENT + n: a for n, a in point.cotangents.items()}
    if order == SECOND:
        given |= {DIRECTION + n: a for n, a in point.directions.items()}
    return given


def _observed(step: Step, answer: Answer, *, forward: bool) -> dict[str, Array]:
    """What the framework sends on; nothing to what an operation reads behind its back."""
    found = dict(answer.derivatives)
    if not forward:
        found |= {n: np.zeros(step.program.input_types[n].shape) for n in step.unseen}
    return found


def _deviation(judged: Judgement, observed: Array, name: str, prefix: str) -> Deviation:
    assert judged.index is not None
    index = tuple(int(i) for i in np.unravel_index(judged.index, observed.shape))
    return Deviation(
        name,
        {GRADIENT: "gradient", TANGENT: "tangent"}.get(prefix, "value"),
        index,
        judged.reference.partition(" +- ")[0],
        float(observed.ravel()[judged.index]),
        float(judged.comparison.rho.ravel()[judged.index]),
    )


def _nonfinite(step: Step, reference: Reference, observed: Mapping[str, Array]) -> list[Deviation]:
    """NaN or infinity where all that arrives at the operand in the end is finite.

    Alone, the square root of -1 has no derivative to be held to; behind a condition that never takes it the
    cotangent is structurally zero, and so is what must come back.
    """
    found = []
    for name in step.wrt:
        total = reference.cotangents.get(step.operands[name])
        own = observed.get(GRADIENT + name)
        if total is None or own is None or total.shape != own.shape:
            continue
        bad = ~np.isfinite(own) & np.isfinite(total)
        if bad.any():
            flat = int(np.argmax(bad))
            index = tuple(int(i) for i in np.unravel_index(flat, own.shape))
            value = float(own.ravel()[flat])
            found.append(Deviation(name, "gradient", index, "finite", value, np.inf))
    return found
