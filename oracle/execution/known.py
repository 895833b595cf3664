"""Expected findings: which one a case file declares for a finding, and which were not met."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from oracle.judge.verdict import Finding, Known, Verdict

if TYPE_CHECKING:
    from oracle.cases.model import Case, KnownFinding


def with_expectations(findings: Iterable[Finding], case: Case) -> tuple[Finding, ...]:
    """The findings, each with the entry of the case that speaks of its place.

    Of several entries the one that names the finding's verdict wins, else the first.
    """
    return tuple(_annotated(finding, case.known) for finding in findings)


def unmet(findings: Sequence[Finding], case: Case) -> tuple[str, ...]:
    """Sentences about entries that speak of something that was judged, and that no finding answered to."""
    sentences = []
    for entry in case.known:
        there = [f for f in findings if _speaks_of(entry, f) and f.verdict is not Verdict.NOT_OFFERED]
        if there and not any(f.verdict is entry.verdict for f in there):
            got = ", ".join(dict.fromkeys(f.verdict.value for f in there))
            place = " ".join(p for p in (entry.framework, entry.route, entry.dtype, entry.argument) if p)
            sentences.append(f"{place}: expected {entry.verdict.value}, got {got} ({entry.reason})")
    return tuple(sentences)


def _annotated(finding: Finding, entries: Sequence[KnownFinding]) -> Finding:
    about = [e for e in entries if _speaks_of(e, finding)]
    if not about:
        return finding
    entry = next((e for e in about if e.verdict is finding.verdict), about[0])
    return replace(finding, known=Known(entry.verdict, entry.reason))


def _speaks_of(entry: KnownFinding, finding: Finding) -> bool:
    """An entry without a dtype, route or argument speaks of all; ``w`` is short for ``gradient of w``."""
    return (
        entry.covers(finding.framework, finding.version)
        and entry.dtype in {None, finding.dtype}
        and entry.route in {None, finding.route}
        and entry.argument in {None, finding.argument, finding.argument.rpartition(" ")[2]}
    )
