"""Which findings are looked into, and what of them is to be explained."""

from __future__ import annotations

from oracle.culprit.alone import Gauge, Question
from oracle.culprit.search import Charge
from oracle.frameworks.protocol import Framework, Point
from oracle.judge.verdict import Finding, Verdict
from reference_engine.precision import Precision
from reference_engine.program import Program

EXPLAINED = frozenset(
    {
        Verdict.WRONG,
        Verdict.NONFINITE,
        Verdict.IMPRECISE,
        Verdict.VALUE_MISMATCH,
        Verdict.ORACLE_SUSPECT,
    }
)
"""Verdicts on numbers that somebody computed."""


def accused(finding: Finding) -> bool:
    """Whether a culprit is looked for: numbers of one of the framework's routes are off, unexpectedly."""
    return (
        finding.verdict in EXPLAINED
        and not finding.expected
        and "." in finding.route  # torch.autograd; neither finite differences nor a contract check
        and _kind_and_name(finding) is not None
    )


def as_it_is(program: Program, framework: Framework, point: Point) -> Program:
    """The gauge of what has none: a Program that was recorded holds the signs of its vectors."""
    return program


def charge_of(finding: Finding, precision: Precision, gauge: Gauge) -> Charge:
    """What is to be explained. ValueError for a finding on the function as a whole."""
    found = _kind_and_name(finding)
    if found is None:
        msg = f"{finding.argument!r} is no gradient, tangent or value"
        raise ValueError(msg)
    question = Question(finding.route, finding.order, precision, gauge)
    return Charge(*found, question, 0.0 if finding.rho is None else finding.rho)


def _kind_and_name(finding: Finding) -> tuple[str, str] | None:
    kind, of, name = finding.argument.partition(" of ")
    return (kind, name) if of and kind in {"gradient", "tangent", "value"} else None
