"""One subject held to the truth: asked by every route, judged value by value. Case files and functions share
this path.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from oracle.execution.cause import formula_check, wrong_or_imprecise
from oracle.execution.gauge import in_gauge_of
from oracle.execution.points import Bench
from oracle.execution.range import leaves_range
from oracle.execution.scaling import explained_by_arithmetic
from oracle.execution.stage import NOWHERE, Stage, entering
from oracle.frameworks.protocol import Answer, Framework, NotOfferedError, UnsupportedOperationError
from oracle.judge.decide import Judgement, judge_route, judge_values
from oracle.judge.verdict import Finding, Verdict
from reference_engine.certify import Certificate, certify
from reference_engine.differentiate import GRADIENT, TANGENT

Array = npt.NDArray[Any]
SECOND = 2


@dataclass
class Truth:
    """Certificates of one bench, made when first asked for and shared by all frameworks."""

    bench: Bench
    seed: int

    def __post_init__(self) -> None:
        self._made: dict[bool, Certificate] = {}
        self._alone: dict[str, Truth] = {}

    def certificate(self, *, forward: bool) -> Certificate:
        """The certified derivative, by reverse or forward mode."""
        if forward not in self._made:
            self._made[forward] = certify(
                self.bench.derivative(forward=forward),
                self.bench.inputs(forward=forward),
                self.bench.point.wrt,
                self.bench.precision,
                self.seed,
            )
        return self._made[forward]

    def alone(self, name: str) -> Truth:
        """The truth on one input's gradient, all other inputs held."""
        if name not in self._alone:
            point = replace(self.bench.point, wrt=(name,))
            self._alone[name] = Truth(replace(self.bench, point=point), self.seed)
        return self._alone[name]


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom the findings speak of: a framework under the name of a case, or of a function."""

    case: str
    framework: Framework
    tags: tuple[str, ...] = ()


def judge_routes(
    subject: Subject, truth: Truth, routes: Sequence[str], *, asked_by_name: bool
) -> Iterator[Finding]:
    """Findings on the values, once, and on the derivatives that each route gives.

    An error on the first route is a finding; on another one the route is then not offered, unless it was
    ``asked_by_name``.
    """
    framework, where = subject.framework, truth.bench
    values_judged = where.order == SECOND
    for number, route in enumerate(routes):
        entering(Stage(framework.name, framework.version, route, where.point.dtype, where.order))
        answer = _ask(framework, route, truth.bench)
        entering(NOWHERE)
        if isinstance(answer, tuple):
            verdict, detail = answer
            if verdict is Verdict.ERROR and number > 0 and not asked_by_name:
                verdict = Verdict.NOT_OFFERED
            yield blank(subject, route, truth.bench, verdict, detail)
            continue
        if not values_judged:
            values_judged = True
            yield from _judge_values(subject, route, truth, answer)
        yield from _judge_derivatives(subject, route, truth, answer)


def in_gauge(truth: Truth, framework: Framework) -> Truth:
    """The truth in the signs of this framework's own vectors; unchanged where there are none or no
    forward.
    """
    where = truth.bench
    try:
        reference = in_gauge_of(where.program, framework, where.point)
    except Exception:  # noqa: BLE001 - the routes will tell what the forward raises
        return truth
    if reference is where.program:
        return truth
    return Truth(replace(where, reference=reference), truth.seed)


def _ask(framework: Framework, route: str, where: Bench) -> Answer | tuple[Verdict, str]:
    """The framework's answer, or the verdict that stands for there being none."""
    ask = framework.derivative if where.order == 1 else framework.second_order
    try:
        return ask(route, where.program, where.point)
    except NotOfferedError as error:
        return Verdict.NOT_OFFERED, str(error)
    except UnsupportedOperationError as error:
        return Verdict.UNSUPPORTED, f"no operation {error}"
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever a framework raises is a finding, never the end of a run
        first = str(error).strip().splitlines()
        return Verdict.ERROR, f"{type(error).__name__}: {first[0] if first else ''}"[:300]


def blank(subject: Subject, route: str, where: Bench, verdict: Verdict, detail: str) -> Finding:
    """A finding on a route as a whole, where nothing was compared."""
    framework = subject.framework
    return Finding(
        subject.case, framework.name, framework.version, route, where.point.dtype, where.order,
        "gradient", verdict, detail=detail, tags=subject.tags,
    )  # fmt: skip


def _judge_values(subject: Subject, route: str, truth: Truth, answer: Answer) -> Iterator[Finding]:
    certificate = truth.certificate(forward=False)
    program = truth.bench.program
    observed = {
        name: np.asarray(value, dtype=np.float64)
        for name, t, value in zip(program.output_names, program.output_types, answer.values, strict=True)
        if t.kind == "real"
    }
    for name, value in observed.items():
        (judged,) = judge_values(
            certificate, truth.bench.inputs(forward=False), truth.bench.point.wrt, {name: value}
        )
        verdict, detail = judged.verdict, judged.detail
        if verdict is Verdict.WRONG:
            verdict = Verdict.VALUE_MISMATCH
            if explained_by_arithmetic(subject.framework, route, truth.bench, name):
                verdict, detail = (
                    Verdict.IMPRECISE,
                    f"forward value: {detail}; the error shrinks with the precision",
                )
        elif verdict in {Verdict.ILL_CONDITIONED, Verdict.VACUOUS, Verdict.SINGULAR, Verdict.UNDECIDED}:
            continue
        yield _finding(subject, route, truth.bench, judged, value, f"value of {name}", verdict, detail)


def _judge_derivatives(subject: Subject, route: str, truth: Truth, answer: Answer) -> Iterator[Finding]:
    forward = route in subject.framework.forward_routes and truth.bench.order == 1
    certificate = truth.certificate(forward=forward)
    prefix, word = (TANGENT, "tangent") if forward else (GRADIENT, "gradient")
    shaped = {}
    for name, value in answer.derivatives.items():
        expected = certificate.centers[prefix + name].shape
        if value.shape != expected:
            detail = f"the {word} of {name} has shape {value.shape}, expected {expected}"
            yield blank(subject, route, truth.bench, Verdict.WRONG, detail)
        else:
            shaped[prefix + name] = np.asarray(value, dtype=np.float64)
    judged = judge_route(certificate, truth.bench.inputs(forward=forward), truth.bench.point.wrt, shaped)
    if not forward and truth.bench.order == 1 and len(truth.bench.point.wrt) > 1:
        judged = [_partial(truth, one, shaped[one.name]) for one in judged]
    check = formula_check(subject.framework, route, truth.bench, truth.seed)
    for one in judged:
        observed = shaped[one.name]
        verdict, detail, formula = one.verdict, one.detail, ""
        if verdict is Verdict.WRONG and one.tier != "limit":
            verdict, detail, formula = wrong_or_imprecise(check, truth.bench, one, observed)
        label = f"{word} of {one.name.removeprefix(prefix)}"
        found = _finding(subject, route, truth.bench, one, observed, label, verdict, detail)
        yield replace(found, formula=formula)


def _partial(truth: Truth, one: Judgement, observed: Array) -> Judgement:
    """Where a function jumps in some of its inputs, such as labels, it may be smooth in others: each is
    judged with the others held.
    """
    if one.verdict is not Verdict.SINGULAR:
        return one
    own = truth.alone(one.name.removeprefix(GRADIENT))
    where = own.bench
    (judged,) = judge_route(
        own.certificate(forward=False), where.inputs(forward=False), where.point.wrt, {one.name: observed}
    )
    return one if judged.verdict is Verdict.UNDECIDED else judged


def _finding(
    subject: Subject,
    route: str,
    where: Bench,
    judged: Judgement,
    observed: Array,
    argument: str,
    verdict: Verdict,
    detail: str,
) -> Finding:
    if verdict in {Verdict.NONFINITE, Verdict.IMPRECISE} and (reason := leaves_range(where)):
        verdict, detail = Verdict.ILL_CONDITIONED, reason
    framework = subject.framework
    flat = judged.index
    rho = float(judged.comparison.rho.ravel()[flat]) if flat is not None else None
    return Finding(
        subject.case, framework.name, framework.version, route, where.point.dtype, where.order,
        argument, verdict,
        tier=judged.tier,
        elements=int(observed.size),
        index=tuple(int(i) for i in np.unravel_index(flat, observed.shape)) if flat is not None else None,
        reference=judged.reference or None,
        observed=float(observed.ravel()[flat]) if flat is not None else None,
        rho=rho,
        power=judged.strength.power,
        bits_agreed=float(judged.bits) if rho == 0 else _bits(judged, judged.comparison.distance),
        bits_expected=_bits(judged, judged.comparison.allowed),
        condition=judged.strength.condition,
        failing_elements=int((judged.comparison.rho > 1).sum()),
        detail=detail,
        tags=subject.tags,
    )  # fmt: skip


def _bits(judged: Judgement, error: Array) -> float | None:
    """Binary digits that an error at the worst element leaves of what that is measured by."""
    scale = judged.strength.scale
    if judged.index is None or scale is None:
        return None
    off = float(error.ravel()[judged.index])
    if off == 0:
        return float(judged.bits)
    if not math.isfinite(off):
        return 0.0  # of a number beyond all others no digit is right
    return min(max(math.log2(scale) - math.log2(off), -1074.0), 1074.0)
