"""The examination of one case: certify, ask every framework by every route, judge."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from oracle.execution.culprits import with_culprits
from oracle.execution.expectations import check_expectations
from oracle.execution.judging import Subject, Truth, blank, in_gauge, judge_routes
from oracle.execution.known import unmet, with_expectations
from oracle.execution.points import bench
from oracle.execution.record import CaseResult
from oracle.execution.stage import NOWHERE, Stage, entering
from oracle.execution.suspicion import with_suspicion
from oracle.execution.voices import add_voices, finite_difference_findings
from oracle.frameworks.protocol import Framework, NotOfferedError
from oracle.frameworks.registry import available
from oracle.judge.verdict import Finding, Verdict

if TYPE_CHECKING:
    from oracle.cases.model import Case
    from oracle.execution.plan import Settings


def examine(case: Case, settings: Settings) -> CaseResult:
    """All findings of one case, in every framework, dtype and route that the case and the settings leave."""
    started = time.perf_counter()
    frameworks, _ = available(settings.frameworks or case.frameworks)
    if case.frameworks:
        frameworks = [f for f in frameworks if f.name in case.frameworks]
    order = settings.order or case.order
    findings: list[Finding] = []
    for dtype in case.dtypes:
        if settings.dtypes is not None and dtype not in settings.dtypes:
            continue
        for level in range(1, order + 1):
            truth = Truth(bench(case, dtype, settings.seed, level), settings.seed)
            found = [
                f for framework in frameworks for f in _examine_framework(case, settings, truth, framework)
            ]
            heard = add_voices(found, [f.routes[0] for f in frameworks])
            findings += with_suspicion(heard, frameworks, truth)
    findings += [f for framework in frameworks for f in _contracts(case, settings, framework)]
    entering(NOWHERE)
    noted = with_culprits(with_expectations(findings, case), case, frameworks, settings.seed)
    return CaseResult(
        case.name,
        str(case.path),
        noted,
        time.perf_counter() - started,
        unmet(noted, case),
        (),
        check_expectations(case),
    )


def _examine_framework(
    case: Case, settings: Settings, truth: Truth, framework: Framework
) -> Iterator[Finding]:
    dtype, order = truth.bench.point.dtype, truth.bench.order
    subject = Subject(case.name, framework, case.tags)
    missing = sorted({n.op for _, n in case.program} - framework.operations() - {"input", "constant"})
    routes = framework.routes if order == 1 else framework.second_order_routes
    wanted = [r for r in routes if _asked(r, case, settings)]
    if missing and wanted:
        detail = f"the {framework.name} adapter has no {', '.join(missing)}"
        yield blank(subject, wanted[0], truth.bench, Verdict.UNSUPPORTED, detail)
        return
    if dtype not in framework.dtypes or not wanted:
        return
    truth = in_gauge(truth, framework)
    yield from judge_routes(subject, truth, wanted, asked_by_name=bool(settings.routes or case.routes))
    if order == 1:
        yield from finite_difference_findings(subject, truth.bench, truth.certificate(forward=False))


def _asked(route: str, case: Case, settings: Settings) -> bool:
    return (settings.routes is None or route in settings.routes) and (
        case.routes is None or route in case.routes
    )


def _contracts(case: Case, settings: Settings, framework: Framework) -> Iterator[Finding]:
    for name in case.contract:
        where = bench(case, case.dtypes[0], settings.seed, 1)
        entering(Stage(framework.name, framework.version, f"contract {name}", where.point.dtype, 1))
        try:
            broken: Sequence[str] = framework.contract(name, case.program, where.point)
        except NotOfferedError:
            continue
        verdict = Verdict.CONTRACT if broken else Verdict.AGREE
        yield Finding(
            case.name, framework.name, framework.version, f"contract {name}", where.point.dtype, 1,
            "gradient", verdict,
            elements=sum(int(np.size(where.point.inputs[n])) for n in where.point.wrt),
            detail="; ".join(broken), tags=case.tags,
        )  # fmt: skip
