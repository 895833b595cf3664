"""The rows of the table: at each point what is valid, and what every framework answers by each of its
routes.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from oracle.conventions.points import POINTS, Point
from oracle.conventions.slopes import Slopes, central_differences, valid_slopes
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
    """What one framework says at one point by one route.

    ``slopes`` are by input name, None where it raised or has no such derivative; ``note`` then says why.
    """

    route: str
    slopes: Mapping[str, Array] | None
    verdict: Verdict
    note: str


@dataclass(frozen=True)
class Row:
    """One point of the table. ``replies`` are by framework, its main route first.

    ``valid`` are the slopes in all inputs together; where there are none, those in each input with the others
    held, as the judge has it.
    """

    point: Point
    valid: tuple[tuple[tuple[str, ...], Slopes], ...]
    differences: Mapping[str, Array]
    replies: Mapping[str, tuple[Reply, ...]]

    @property
    def differentiable(self) -> bool:
        """Whether any slope is valid, in any input."""
        return any(len(slopes.corners) > 0 for _, slopes in self.valid)


def survey(
    frameworks: Sequence[Framework],
    points: Sequence[Point] = POINTS,
    *,
    routes: Collection[str] | None = None,
) -> Iterator[Row]:
    """The rows of ``points``, in their order, by the named ``routes`` or by all of first order."""
    for point in points:
        where = set_up(
            point.program, point.inputs, point.wrt, FLOAT64, 1, {"out": np.asarray(1.0)}, [SEED],
            dict.fromkeys(point.inputs, "contiguous"),
        )  # fmt: skip
        truth = Truth(where, SEED)
        yield Row(
            point,
            _valid(truth),
            central_differences(point.program, point.inputs, point.wrt),
            {f.name: _replies(f, truth, routes) for f in frameworks},
        )


def _valid(truth: Truth) -> tuple[tuple[tuple[str, ...], Slopes], ...]:
    """By the inputs that move."""
    wrt = truth.bench.point.wrt
    together = _slopes(truth)
    if len(together.corners) or len(wrt) == 1:
        return ((wrt, together),)
    return tuple(((name,), _slopes(truth.alone(name))) for name in wrt)


def _slopes(truth: Truth) -> Slopes:
    where = truth.bench
    return valid_slopes(truth.certificate(forward=False), where.inputs(forward=False), where.point.wrt)


def _replies(framework: Framework, truth: Truth, routes: Collection[str] | None) -> tuple[Reply, ...]:
    """By every route that is asked."""
    where = truth.bench
    asked = [r for r in framework.routes if routes is None or r in routes]
    missing = {n.op for _, n in where.program} - framework.operations() - {"input", "constant"}
    if missing:
        absent = f"no {', '.join(sorted(missing))}"
        return tuple(Reply(route, None, Verdict.UNSUPPORTED, absent) for route in asked)
    truth = in_gauge(truth, framework)
    return tuple(_reply(framework, truth, route) for route in asked)


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
    found = framework.derivative(route, where.program, where.point).derivatives
    return {name: found[name] for name in where.point.wrt}


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
