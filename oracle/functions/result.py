"""What the check of a function found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from oracle.execution.record import CaseResult, Recorded, Run
from oracle.frameworks.protocol import Point
from oracle.judge.verdict import FAILING, UNJUDGED, Finding, Verdict
from reference_engine.program import Program

REFERENCE_TIERS = frozenset({"certified", "limit"})
"""Tiers of what was held to a proved enclosure."""

LOUDNESS = (
    Verdict.CRASH,
    Verdict.TIMEOUT,
    Verdict.ERROR,
    Verdict.ORACLE_SUSPECT,
    Verdict.NONFINITE,
    Verdict.WRONG,
    Verdict.VALUE_MISMATCH,
    Verdict.CONTRACT,
    Verdict.IMPRECISE,
    Verdict.UNSUPPORTED,
    Verdict.UNDECIDED,
    Verdict.SINGULAR,
    Verdict.ILL_CONDITIONED,
    Verdict.ARTIFACT,
    Verdict.CONVENTION,
    Verdict.AGREE,
    Verdict.VACUOUS,
    Verdict.NOT_OFFERED,
)
"""Verdicts from the one that a person must see first to the one that says least."""

WIDTH = 100
"""Columns of the report in an error message."""


@dataclass(frozen=True)
class Result:
    """All findings on one function at one point.

    ``program`` is what it was held to, None if there was none. ``notes`` are sentences for a person.
    ``seconds`` is the time of lift, reference, judge and main route; ``further_seconds`` that of the other
    routes, finite differences and contract checks. ``cause`` is what the function itself raised. ``points``
    are where its derivatives were asked, by order; ``recorded`` says which failures can be replayed.
    """

    name: str
    findings: tuple[Finding, ...]
    program: Program | None = None
    notes: tuple[str, ...] = ()
    seed: int = 0
    seconds: float = 0.0
    further_seconds: float = 0.0
    cause: BaseException | None = None
    points: Mapping[int, Point] = field(default_factory=dict, repr=False, compare=False)
    recorded: Recorded = field(default_factory=Recorded, repr=False, compare=False)

    @property
    def failures(self) -> tuple[Finding, ...]:
        """Findings with a failing verdict that nobody waived."""
        return tuple(f for f in self.findings if f.verdict in FAILING and not f.expected)

    @property
    def waived(self) -> tuple[Finding, ...]:
        """Findings with a failing verdict that a waiver expects; ``known.reason`` says why."""
        return tuple(f for f in self.findings if f.verdict in FAILING and f.expected)

    @property
    def judged(self) -> bool:
        """Whether a derivative was held to the reference, certified or, for many elements, estimated."""
        return any(
            f.verdict not in UNJUDGED and f.argument.startswith(("gradient of", "tangent of"))
            for f in self.findings
        )

    @property
    def certified(self) -> bool:
        """Whether all derivatives that were judged were held to a proved enclosure or to limits."""
        tiers = {
            f.tier
            for f in self.findings
            if f.verdict not in UNJUDGED and f.argument.startswith(("gradient of", "tangent of"))
        }
        return bool(tiers & REFERENCE_TIERS) and "estimated" not in tiers

    @property
    def ok(self) -> bool:
        """Whether something was judged and nothing failed."""
        return self.judged and not self.failures

    @property
    def verdict(self) -> Verdict:
        """The verdict that a person must see first; a waived finding counts as ``agree``."""
        found = [Verdict.AGREE if f.expected else f.verdict for f in self.findings]
        return min(found, key=LOUDNESS.index, default=Verdict.UNSUPPORTED)

    def __str__(self) -> str:
        from oracle.report.function import report  # noqa: PLC0415 - a result need not load its writer

        return report(self, WIDTH)

    def as_run(self) -> Run:
        """The result as the record of a run of one case, for writers."""
        case = CaseResult(self.name, "", self.findings, self.seconds + self.further_seconds)
        return Run(
            environment={}, results=(case,), seconds=case.seconds, seed=self.seed, recorded=self.recorded
        )
