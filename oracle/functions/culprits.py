"""Failing findings on a function, each with the operation that is to blame."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from oracle.culprit.charges import accused, as_it_is, charge_of
from oracle.culprit.reference import reference_at
from oracle.culprit.search import Search
from oracle.culprit.step import Step, cut_out
from oracle.execution.points import Bench
from oracle.frameworks.protocol import Framework
from oracle.functions.subject import FunctionSubject
from oracle.judge.verdict import Finding
from oracle.lift.steps import Ran, Stepwise
from reference_engine.program import Program


def with_culprits(
    findings: Sequence[Finding], function: FunctionSubject, benches: Mapping[int, Bench]
) -> list[Finding]:
    """The findings; those that a person must explain name an operation of the function.

    The function runs once more, each of its operations noted. ``benches`` are those of the findings by
    order. Without a Program of it, nobody is named.
    """
    if not any(accused(f) for f in findings):
        return list(findings)
    stepwise = _stepwise(function)
    if stepwise is None or stepwise.lifted.program is None:
        return list(findings)
    search = _search(function, stepwise, stepwise.lifted.program, benches)
    return [
        replace(f, culprit=search.culprit(charge_of(f, benches[f.order].precision, as_it_is)))
        if accused(f) and f.order in benches
        else f
        for f in findings
    ]


def _stepwise(function: FunctionSubject) -> Stepwise | None:
    """The function with its operations; None where reading it raises."""
    try:
        return function.stepwise()
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 - the finding stands without a culprit
        return None


def _search(
    function: FunctionSubject, stepwise: Stepwise, program: Program, benches: Mapping[int, Bench]
) -> Search:
    references = {}
    for order, where in benches.items():
        point = where.point
        renamed = zip(where.program.output_names, program.output_names, strict=True)
        cotangents = {new: point.cotangents[old] for old, new in renamed if old in point.cotangents}
        tangents = point.tangents if order == 1 else point.directions
        references[order] = reference_at(program, stepwise.lifted.arrays, point.wrt, cotangents, tangents)
    values = next(iter(references.values())).values
    return Search(program, _steps(program, stepwise.ran, values, function.alone), references)


def _steps(
    program: Program, ran: Sequence[Ran], values: Mapping[int, Any], alone: Callable[[Ran], Framework]
) -> list[Step]:
    """What ran as steps of the Program, in order."""
    return [_step(program, one, values, alone) for one in ran]


def _step(program: Program, ran: Ran, values: Mapping[int, Any], alone: Callable[[Ran], Framework]) -> Step:
    operands = {o.name: o.node for o in ran.operands}
    results = {f"y{k}": node for k, node in enumerate(ran.results)}
    part, unseen = cut_out(program, operands, results)
    real = tuple(n for n, i in unseen.items() if program.nodes[i].type.kind == "real")
    # What an operation of the framework reads besides its operands is one of them that could not be noted.
    asked = ran.own_rule or not unseen
    return Step(
        ran.operation,
        max(ran.results),
        ran.source,
        part,
        {o.name: o.array for o in ran.operands} | {n: values[i] for n, i in unseen.items()},
        operands | unseen,
        results,
        tuple(o.name for o in ran.operands if o.differentiable) if asked else (),
        alone(ran),
        unseen=real,
        inside=lambda: _steps(program, ran.inside, values, alone),
    )
