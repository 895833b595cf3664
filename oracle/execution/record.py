"""What one case gave, and what a whole run gave."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from oracle.judge.verdict import FAILING, STRICT, STRICT_CONVENTIONS, UNJUDGED, Finding, Verdict


@dataclass(frozen=True, slots=True)
class CaseResult:
    """All findings of one case.

    ``passes_unexpectedly`` holds a sentence for each ``known`` entry that no finding answered to. ``notes``
    are sentences for a person: an implied warning, a framework that was skipped. ``expectations`` are
    findings about the values that a person wrote into the case file.
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

    def __str__(self) -> str:
        place = ":".join(str(p) for p in (self.path, self.line, self.column) if p)
        return f"{place}: {self.message}"


@dataclass(frozen=True, slots=True)
class Kept:
    """A finding that was recorded: the ID by which it is replayed, and its script as a person types its path;
    empty if there is none.
    """

    id: str
    script: str = ""


@dataclass(frozen=True, slots=True)
class Recorded:
    """What of a run was recorded, by the IDs of findings, and a sentence if something could not be."""

    kept: Mapping[str, Kept] = field(default_factory=dict)
    note: str = ""


@dataclass(frozen=True, slots=True)
class Run:
    """All results of one invocation, with its environment. The strict flags add verdicts that fail it.

    ``recorded`` says which failures can be replayed here; it is no part of the record itself.
    """

    environment: Mapping[str, str]
    results: tuple[CaseResult, ...]
    problems: tuple[LoadProblem, ...] = ()
    seconds: float = 0.0
    interrupted: bool = False
    skipped_frameworks: Mapping[str, str] = field(default_factory=dict)
    schema: int = 1
    seed: int = 0
    strict: bool = False
    strict_conventions: bool = False
    recorded: Recorded = field(default_factory=Recorded, compare=False)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """All findings of all cases."""
        return tuple(f for r in self.results for f in (*r.findings, *r.expectations))

    def fails(self, finding: Finding) -> bool:
        """Whether a finding fails this run: its verdict does, and the case file did not expect it."""
        failing = FAILING | (STRICT if self.strict else frozenset())
        failing |= STRICT_CONVENTIONS if self.strict_conventions else frozenset()
        return finding.verdict in failing and not finding.expected

    @property
    def failures(self) -> tuple[Finding, ...]:
        """The findings that fail this run."""
        return tuple(f for f in self.findings if self.fails(f))

    @property
    def unexpected_passes(self) -> tuple[tuple[str, str], ...]:
        """Case and sentence of each declared finding that did not come."""
        return tuple((r.case, sentence) for r in self.results for sentence in r.passes_unexpectedly)

    @property
    def judged(self) -> bool:
        """Whether an element was compared, or a failing or expected verdict reached without that."""
        return any(
            (f.verdict not in UNJUDGED and f.elements > 0) or f.expected or self.fails(f)
            for f in self.findings
        )

    @property
    def status(self) -> int:
        """Exit status: 2 something could not be read or run, or nothing was judged; 1 failures; 0 neither.

        2 goes before 1: what was not checked may hide anything, and failures are in the report either way.
        """
        if self.problems or self.interrupted or not self.judged:
            return 2
        return 1 if self.failures or (self.strict and self.unexpected_passes) else 0

    @property
    def ok(self) -> bool:
        """Whether everything was read and run, something was judged, and nothing failed."""
        return self.status == 0

    def save(self, path: str | Path) -> None:
        """Write the run as a JSON file, which :func:`oracle.report.document.read_run` reads."""
        from oracle.report.document import write_run  # noqa: PLC0415  (a record need not load its writers)

        write_run(self, Path(path))
