"""One line for each failing finding and each problem, for editors and for grep; at the end the weakest
agreements.
"""

from __future__ import annotations

from oracle.execution.events import Event, ProblemFound, RunFinished, RunStarted
from oracle.execution.record import Run
from oracle.judge.verdict import Finding
from oracle.report.tally import tally
from oracle.report.words import bits, number, place, subject, verdict_words
from oracle.report.writer import Page


class ConciseWriter:
    """``path:case: [framework route dtype] gradient of x[2]: WRONG 0.2451, expected 0.2447 (...)``."""

    def __init__(self, page: Page) -> None:
        self._stream = page.stream

    def start(self, event: RunStarted) -> None:
        """Nothing: the first line is the first finding."""

    def handle(self, event: Event) -> None:
        """Say at once what could not be read."""
        if isinstance(event, ProblemFound):
            print(event.problem, file=self._stream)

    def finish(self, event: RunFinished) -> None:
        """All failing findings in the order of cases, and how much could have passed elsewhere."""
        for line in (*failure_lines(event.run), *weakest_lines(event.run)):
            print(line, file=self._stream)


def failure_lines(run: Run) -> list[str]:
    """One line for each failing finding."""
    return [
        f"{result.path}:{result.case}: {_finding_line(finding)}"
        for result in run.results
        for finding in (*result.findings, *result.expectations)
        if run.fails(finding)
    ]


def weakest_lines(run: Run) -> list[str]:
    """One line for each route and dtype: the agreement that says least."""
    return [
        f"weakest: [{subject(f)}] {f.case}: {f.argument}: an error of {f.power:.1g} relative would pass"
        for f in tally(run).weakest_by_route
    ]


def _finding_line(finding: Finding) -> str:
    line = f"[{subject(finding)}] {place(finding)}: {verdict_words(finding)}"
    if finding.observed is not None:
        line += f" {number(finding.observed, finding.dtype)}"
    if finding.reference is not None:
        line += f", expected {finding.reference}"
    if finding.bits_agreed is not None and finding.bits_expected is not None:
        agreed, expected = bits(finding.bits_agreed, finding.bits_expected)
        line += f" ({agreed} of {expected} bits)"
    if finding.observed is None and finding.detail:
        line += f" {finding.detail.splitlines()[0]}"
    return f"{line} {finding.id}"
