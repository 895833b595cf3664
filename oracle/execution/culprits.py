"""Failing findings on a case, each with the operation that is to blame."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from typing import TYPE_CHECKING

from oracle.culprit.charges import accused, charge_of
from oracle.culprit.program_steps import steps_of, suffix_from
from oracle.culprit.reference import reference_at
from oracle.culprit.search import Search
from oracle.culprit.step import Step
from oracle.execution.gauge import in_gauge_of, vector_nodes
from oracle.execution.points import Bench, bench
from oracle.execution.stage import NOWHERE, Stage, entering
from oracle.frameworks.protocol import Framework
from oracle.judge.verdict import Finding
from reference_engine.program import Program

if TYPE_CHECKING:
    from oracle.cases.model import Case


def with_culprits(
    findings: Sequence[Finding], case: Case, frameworks: Sequence[Framework], seed: int
) -> tuple[Finding, ...]:
    """The findings; those that a person must explain name an operation of the case's Program."""
    named = {f.name: f for f in frameworks}
    found: dict[Finding, Finding] = {}

    def key(finding: Finding) -> tuple[str, str]:
        return finding.framework, finding.dtype

    wanted = sorted((f for f in findings if accused(f) and f.framework in named), key=key)
    for (framework, dtype), group in groupby(wanted, key=key):
        together = list(group)
        benches = {n: bench(case, dtype, seed, n) for n in sorted({f.order for f in together})}
        found.update(blamed(together, named[framework], benches))
    entering(NOWHERE)
    return tuple(found.get(f, f) for f in findings)


def blamed(
    findings: Sequence[Finding], framework: Framework, benches: dict[int, Bench]
) -> Iterator[tuple[Finding, Finding]]:
    """Each finding on one framework in one dtype, and the same with its culprit."""
    where = next(iter(benches.values()))
    program = in_gauge_of(where.program, framework, where.point)
    references = {
        order: reference_at(
            program, b.point.inputs, b.point.wrt, b.point.cotangents,
            b.point.tangents if order == 1 else b.point.directions,
        )
        for order, b in benches.items()
    }  # fmt: skip
    first = next(iter(references.values()))
    steps = steps_of(program, where.point, framework, first, where.precision)

    def suffix(start: int) -> Step | None:
        return suffix_from(start, program, where.point, framework, first, where.precision)

    search = Search(program, steps, references, _numbers(where.program), suffix)
    for finding in findings:
        stage = Stage(framework.name, framework.version, finding.route, finding.dtype, finding.order)
        entering(stage)
        culprit = search.culprit(charge_of(finding, where.precision, in_gauge_of))
        yield finding, replace(finding, culprit=culprit)


def _numbers(program: Program) -> dict[int, int]:
    """For each node of the Program in a framework's gauge the one that it was: behind each that has signs
    stand these signs and the product with them.
    """
    signed = vector_nodes(program)
    if not signed:
        return {}
    numbers: dict[int, int] = {}
    for index in range(len(program.nodes)):
        shifted = index + 2 * sum(i < index for i in signed)
        numbers.update({shifted + k: index for k in range(3 if index in signed else 1)})
    return numbers
