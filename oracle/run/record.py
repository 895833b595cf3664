"""What one case gave, and what a whole run gave."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from oracle.judge.verdict import Finding, Verdict


@dataclass(frozen=True, slots=True)
class CaseResult:
    """All findings of one case; ``error`` is set when the case as a whole could not be examined.

    ``passes_unexpectedly`` lists ``known`` entries that no finding answered to, by their reason. ``notes`` are
    sentences for a person: an implied warning, a framework that was skipped.
    """

    case: str
    path: str
    findings: tuple[Finding, ...] = ()
    seconds: float = 0.0
    passes_unexpectedly: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    expectations: tuple[Finding, ...] = ()

    @property
    def verdicts(self) -> Counter[Verdict]:
        """How many findings there are of each verdict."""
        return Counter(f.verdict for f in self.findings)


@dataclass(frozen=True, slots=True)
class LoadProblem:
    """A file that could not be read as a case."""

    path: str
    line: int | None
    column: int | None
    message: str


@dataclass(frozen=True, slots=True)
class Run:
    """All results of one invocation, with its environment."""

    environment: Mapping[str, str]
    results: tuple[CaseResult, ...]
    problems: tuple[LoadProblem, ...] = ()
    seconds: float = 0.0
    interrupted: bool = False
    skipped_frameworks: Mapping[str, str] = field(default_factory=dict)
    schema: int = 1

    @property
    def findings(self) -> tuple[Finding, ...]:
        """All findings of all cases."""
        return tuple(f for r in self.results for f in (*r.findings, *r.expectations))
