"""What a run checked and found, counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from oracle.execution.record import Run
from oracle.judge.verdict import UNJUDGED, Finding, Verdict

LOUDEST_FIRST = (
    Verdict.WRONG,
    Verdict.NONFINITE,
    Verdict.VALUE_MISMATCH,
    Verdict.CONTRACT,
    Verdict.ORACLE_SUSPECT,
    Verdict.CRASH,
    Verdict.TIMEOUT,
    Verdict.ERROR,
    Verdict.IMPRECISE,
    Verdict.UNDECIDED,
    Verdict.VACUOUS,
    Verdict.UNSUPPORTED,
    Verdict.ARTIFACT,
    Verdict.CONVENTION,
    Verdict.SINGULAR,
    Verdict.ILL_CONDITIONED,
    Verdict.NOT_OFFERED,
    Verdict.AGREE,
)
"""Every verdict in the order in which to read them."""

DELIBERATELY_HARD = "conditioning/"
"""Cases below this folder are badly conditioned on purpose, so that nobody need hear of their weak power."""


@dataclass(frozen=True, slots=True)
class Tally:
    """Counts of a run. ``compared`` findings compared elements; ``weakest`` agreed with the least power of
    all, ``weakest_by_route`` of those by the same route in the same dtype.
    """

    cases: int
    findings: int
    compared: int
    elements: int
    frameworks: Mapping[str, str]
    routes: tuple[str, ...]
    dtypes: tuple[str, ...]
    tiers: Mapping[str, int]
    verdicts: Mapping[Verdict, int]
    failing: int
    failing_cases: int
    known: tuple[Finding, ...]
    weakest: Finding | None
    weakest_by_route: tuple[Finding, ...]
    slowest: tuple[tuple[str, float], ...]


def tally(run: Run) -> Tally:
    """Counts of everything that the run found; the same for the same findings, whatever their order."""
    findings = run.findings
    compared = [f for f in findings if f.verdict not in UNJUDGED]
    counts = Counter(f.verdict for f in findings)
    failures = run.failures
    return Tally(
        cases=len(run.results),
        findings=len(findings),
        compared=len(compared),
        elements=sum(f.elements for f in compared),
        frameworks=dict(sorted({f.framework: f.version for f in compared if f.version}.items())),
        routes=tuple(sorted({f.route for f in compared if f.version})),
        dtypes=tuple(sorted({f.dtype for f in compared if f.version}, key=_narrowest_last)),
        tiers=Counter(f.tier for f in compared if f.verdict is not Verdict.UNDECIDED),
        verdicts={v: counts[v] for v in LOUDEST_FIRST if counts[v]},
        failing=len(failures),
        failing_cases=len({f.case for f in failures}),
        known=tuple(f for f in findings if f.expected),
        weakest=_weakest(compared),
        weakest_by_route=_weakest_by_route(compared),
        slowest=tuple(sorted(((r.case, r.seconds) for r in run.results), key=lambda s: (-s[1], s[0]))[:3]),
    )


def _weakest(findings: list[Finding]) -> Finding | None:
    """The agreeing finding that would have missed the largest relative error."""
    candidates = [
        f
        for f in findings
        if f.verdict is Verdict.AGREE and f.power is not None and not f.case.startswith(DELIBERATELY_HARD)
    ]
    return max(candidates, key=lambda f: (f.power or 0.0, f.id), default=None)


def _weakest_by_route(findings: list[Finding]) -> tuple[Finding, ...]:
    """The same for each framework, route and dtype, in that order."""
    routes: dict[tuple[str, str, tuple[int, str]], list[Finding]] = {}
    for f in findings:
        routes.setdefault((f.framework, f.route, _narrowest_last(f.dtype)), []).append(f)
    found = (_weakest(routes[route]) for route in sorted(routes))
    return tuple(f for f in found if f is not None)


def _narrowest_last(dtype: str) -> tuple[int, str]:
    """Sort key: more digits first."""
    order = ("float64", "float32", "float16", "bfloat16")
    return (order.index(dtype) if dtype in order else len(order), dtype)
