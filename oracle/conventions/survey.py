"""The rows of the table: at each point what is valid, and what every framework answers by reverse and forward
mode.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from oracle.conventions.points import POINTS, Point
from oracle.conventions.slopes import Kind, Slopes, central_differences, valid_slopes
from oracle.execution.judging import Subject, Truth, in_gauge, judge_routes
from oracle.execution.points import Bench, set_up
from oracle.frameworks.protocol import Framework, NotOfferedError, UnsupportedOperationError
from oracle.judge.verdict import Verdict
from reference_engine.precision import FLOAT64

Array = npt.NDArray[np.float64]

SEED = 0
"""Of the random tangents of forward mode; the cotangent is 1."""


@dataclass(frozen=True)
class Reply:
    """What one framework says at one point by one mode.

    ``slopes`` are by input name, None where it raised or has no such derivative; ``note`` then says why.
    """

    route: str
    slopes: Mapping[str, Array] | None
    verdict: Verdict
    note: str


@dataclass(frozen=True)
class Row:
    """One point of the table. ``replies`` are by framework, reverse mode first."""

    point: Point
    valid: Slopes
    differences: Mapping[str, Array]
    replies: Mapping[str, tuple[Reply, ...]]


def survey(frameworks: Sequence[Framework], points: Sequence[Point] = POINTS) -> Iterator[Row]:
    """The rows of ``points``, in their order."""
    for point in points:
        where = set_up(
            point.program, point.inputs, point.wrt, FLOAT64, 1, {"out": np.asarray(1.0)}, [SEED],
            {name: "contiguous" for name in point.inputs},
        )  # fmt: skip
        truth = Truth(where, SEED)
        inputs = where.inputs(forward=False)
        yield Row(
            point,
            valid_slopes(truth.certificate(forward=False), inputs, point.wrt),
            central_differences(point.program, point.inputs, point.wrt),
            {f.name: _replies(f, truth) for f in frameworks},
        )


def _replies(framework: Framework, truth: Truth) -> tuple[Reply, ...]:
    """By the main reverse route, and by the main forward one."""
    where = truth.bench
    missing = {n.op for _, n in where.program} - framework.operations() - {"input", "constant"}
    if missing:
        return (Reply(framework.routes[0], None, Verdict.UNSUPPORTED, f"no {', '.join(sorted(missing))}"),)
    truth = in_gauge(truth, framework)
    return tuple(
        _reply(framework, truth, route) for route in (framework.routes[0], *framework.forward_routes[:1])
    )


def _reply(framework: Framework, truth: Truth, route: str) -> Reply:
    findings = [
        f
        for f in judge_routes(Subject("", framework), truth, [route], asked_by_name=True)
        if not f.argument.startswith("value of")
    ]
    worst = max(findings, key=lambda f: _SEVERITY.index(f.verdict))
    try:
        forward = route in framework.forward_routes
        slopes = (_forward if forward else _reverse)(framework, truth.bench, route)
    except (NotOfferedError, UnsupportedOperationError) as error:
        return Reply(route, None, Verdict.NOT_OFFERED, str(error))
    except Exception as error:  # noqa: BLE001 - whatever a framework raises is its answer
        return Reply(route, None, Verdict.ERROR, type(error).__name__)
    return Reply(route, slopes, worst.verdict, worst.detail)


_SEVERITY = (
    Verdict.NOT_OFFERED, Verdict.UNSUPPORTED, Verdict.VACUOUS, Verdict.AGREE, Verdict.CONVENTION,
    Verdict.SINGULAR, Verdict.ILL_CONDITIONED, Verdict.UNDECIDED, Verdict.ARTIFACT, Verdict.VALUE_MISMATCH,
    Verdict.IMPRECISE, Verdict.NONFINITE, Verdict.WRONG, Verdict.ERROR,
)  # fmt: skip
"""Verdicts that a judged route can have, worst last."""


def _reverse(framework: Framework, where: Bench, route: str) -> dict[str, Array]:
    return dict(framework.derivative(route, where.program, where.point).derivatives)


def _forward(framework: Framework, where: Bench, route: str) -> dict[str, Array]:
    """The slope in each element, from one JVP each."""
    out = {}
    zeros = {n: np.zeros(np.shape(where.point.inputs[n])) for n in where.point.wrt}
    for name, zero in zeros.items():
        out[name] = np.zeros_like(zero)
        for place in np.ndindex(zero.shape):
            unit = zero.copy()
            unit[place] = 1.0
            point = replace(where.point, tangents=zeros | {name: unit})
            (tangent,) = framework.derivative(route, where.program, point).derivatives.values()
            out[name][place] = float(tangent)
    return out


__all__ = ["Kind", "Reply", "Row", "survey"]
