"""The report for people: failures first, then what was not decided, then what was checked at all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from rich.text import Text

from oracle.execution.events import Event, RunFinished, RunStarted
from oracle.execution.record import Run
from oracle.judge.verdict import Finding, Verdict
from oracle.report.blocks import failure_block, failure_groups
from oracle.report.layout import columns, console_for, flow
from oracle.report.summary import summary_lines
from oracle.report.tally import LOUDEST_FIRST
from oracle.report.words import count, number
from oracle.report.writer import Page

LISTED = 8
"""So many cases of a verdict that does not fail are listed; ``--verbose`` lists all."""

COUNTED_ONLY = frozenset({Verdict.AGREE, Verdict.NOT_OFFERED})
"""Nobody reads a list of these without ``--verbose``."""


class TextWriter:
    """Prints all at the end, in an order that does not depend on which worker was faster."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self._console = console_for(page)

    def start(self, event: RunStarted) -> None:
        """Nothing yet: progress is another writer's."""

    def handle(self, event: Event) -> None:
        """Nothing yet: the record of the run has it all."""

    def finish(self, event: RunFinished) -> None:
        """Print the report."""
        for line in report_lines(event.run, self._page.width, verbose=self._page.verbose):
            self._console.print(line, soft_wrap=True)


def report_lines(run: Run, width: int, *, verbose: bool = False) -> Iterator[Text]:
    """All lines of the report."""
    for result, group in failure_groups(run):
        yield from failure_block(run, result, group, width, verbose=verbose)
        yield Text()
    if run.recorded.note:
        yield from flow([run.recorded.note], width)
        yield Text()
    for verdict in LOUDEST_FIRST:
        quiet = [f for f in run.findings if f.verdict is verdict and not run.fails(f) and not f.expected]
        if quiet and (verbose or verdict not in COUNTED_ONLY):
            yield from _listing(verdict, quiet, width, verbose=verbose)
            yield Text()
    yield from _expected(run, width)
    yield from summary_lines(run, width)


def _listing(verdict: Verdict, findings: Sequence[Finding], width: int, *, verbose: bool) -> Iterator[Text]:
    """The cases of a verdict that does not fail, a line each."""
    rows = [
        (case, *_who(list(same)))
        for case, same in groupby(sorted(findings, key=lambda f: f.case), key=lambda f: f.case)
    ]
    head = f"{count(len(findings), 'finding')} in {count(len(rows), 'case')}"
    yield Text.assemble((verdict.value, "bold yellow"), f"  {head}")
    shown = rows if verbose else rows[:LISTED]
    yield from columns(shown, width)
    if len(shown) < len(rows):
        yield Text(f"    and {count(len(rows) - len(shown), 'more case')} (--verbose)", "dim")


def _who(findings: list[Finding]) -> tuple[str, str, str]:
    """What, who and in which dtypes; at a singular point also what each framework answers."""
    arguments = ", ".join(dict.fromkeys(f.argument for f in findings if f.argument != "-"))
    dtypes = " ".join(dict.fromkeys(f.dtype for f in findings if f.dtype != "-"))
    answers: dict[str, list[str]] = {}
    for f in findings:
        told = answers.setdefault(f.framework, [])
        if f.verdict is Verdict.SINGULAR and f.observed is not None:
            said = number(f.observed, f.dtype)
            if said not in told:
                told.append(said)
    who = ", ".join(f"{name} {' or '.join(told)}".strip() for name, told in sorted(answers.items()))
    if findings[0].verdict is Verdict.UNSUPPORTED and findings[0].detail:
        arguments = findings[0].detail.splitlines()[0]
    return arguments, who, dtypes


def _expected(run: Run, width: int) -> Iterator[Text]:
    """Findings that the case files declare, each reason once, and those that did not come."""
    known = [f for f in run.findings if f.expected]
    if known:
        yield Text.assemble(
            ("known", "bold"), f"  {count(len(known), 'finding')}, declared by the case files"
        )
        key = _declaration
        for (case, framework, verdict, reason), same in groupby(sorted(known, key=key), key=key):
            times = count(len(list(same)), "finding")
            yield from flow([f"{case}  {framework} {verdict}: {reason} ({times})"], width, "    ")
        yield Text()
    if run.unexpected_passes:
        yield Text.assemble(("passes unexpectedly", "bold yellow"), "  remove these from the case files")
        for case, sentence in run.unexpected_passes:
            yield from flow([f"{case}  {sentence}"], width, "    ")
        yield Text()


def _declaration(finding: Finding) -> tuple[str, str, str, str]:
    reason = finding.known.reason if finding.known else ""
    return finding.case, finding.framework, finding.verdict.value, reason
