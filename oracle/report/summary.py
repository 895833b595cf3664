"""The last lines of a report: what was checked, what came out, what was not checked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.text import Text

from oracle.execution.record import Run
from oracle.judge.verdict import FAILING, STRICT, Finding, Verdict
from oracle.report.layout import columns, flow
from oracle.report.tally import Tally, tally
from oracle.report.words import count, subject

SLOW_SECONDS = 10.0
"""A case that takes longer is named: it decides how long the run takes."""

TIERS = ("certified", "limit", "estimated", "none")


def summary_lines(run: Run, width: int) -> Iterator[Text]:
    """Everything that is true of the run as a whole."""
    counts = tally(run)
    yield from _unread(run, width)
    yield from flow(_checked(counts), width, gap=", ")
    yield from flow(_certainty(counts), width, gap=", ")
    yield from flow(_verdicts(counts), width)
    yield from _remarks(run, counts, width)
    yield _conclusion(run, counts)


def _unread(run: Run, width: int) -> Iterator[Text]:
    for problem in run.problems:
        yield from flow([Text.assemble(("could not be read or run: ", "bold red"), str(problem))], width)
    if run.problems:
        yield Text()


def _checked(counts: Tally) -> list[str]:
    pieces = [
        count(counts.cases, "case"),
        f"{count(counts.compared, 'comparison')} of {count(counts.elements, 'element')}",
    ]
    frameworks = " and ".join(f"{name} {version}" for name, version in counts.frameworks.items())
    if frameworks:
        pieces += [frameworks, count(len(counts.routes), "route"), " ".join(counts.dtypes)]
    return pieces


def _certainty(counts: Tally) -> list[str]:
    """How the references were got: proved, as a limit at a kink, estimated, or not at all."""
    tiers = [f"{counts.tiers[tier]:,} {tier}" for tier in TIERS[:-1] if counts.tiers.get(tier)]
    tiers += [f"{counts.tiers['none']:,} without reference"] if counts.tiers.get("none") else []
    undecided = counts.verdicts.get(Verdict.UNDECIDED, 0)
    return [*tiers, f"{undecided:,} undecided"] if undecided else tiers


def _verdicts(counts: Tally) -> list[Text]:
    found = list(counts.verdicts)
    return [
        Text(f"{verdict.value} {counts.verdicts[verdict]:,}", _style(verdict)) for verdict in reversed(found)
    ]


def _style(verdict: Verdict) -> str:
    if verdict in FAILING:
        return "red"
    if verdict in STRICT:
        return "yellow"
    return "green" if verdict is Verdict.AGREE else ""


def _remarks(run: Run, counts: Tally, width: int) -> Iterator[Text]:
    if counts.weakest is not None and counts.weakest.power is not None:
        weak = counts.weakest
        text = (
            f"weakest agreement: an error of {weak.power:.1g} relative would pass in {weak.case}, "
            f"{weak.argument} [{subject(weak)}]"
        )
        yield from flow([text], width)
    if len(counts.weakest_by_route) > 1:
        yield from columns(_by_route(counts.weakest_by_route), width)
    for name, reason in run.skipped_frameworks.items():
        yield from flow([Text.assemble((f"{name} not checked: ", "yellow"), reason)], width)
    for result in run.results:
        for note in result.notes:
            yield from flow([f"{result.case}: {note}"], width)
    slow = [f"{name} {seconds:.0f} s" for name, seconds in counts.slowest if seconds >= SLOW_SECONDS]
    if slow:
        yield from flow(["slowest:", *slow], width)


def _by_route(weakest: Sequence[Finding]) -> list[tuple[str, str, str]]:
    """The weakest agreement of each route: who, how much would pass, where."""
    return [(subject(f), f"{f.power:.1g}", f"{f.case}, {f.argument}") for f in weakest]


def _conclusion(run: Run, counts: Tally) -> Text:
    """One line that can stand alone."""
    failing = count(counts.failing, "failing finding")
    if counts.failing:
        failing += f" in {count(counts.failing_cases, 'case')}"
    text = failing if counts.failing else "nothing failed"
    if not run.judged:
        text = "nothing was judged"
    if counts.known:
        text += f", {len(counts.known):,} known"
    if run.problems:
        text += f", {count(len(run.problems), 'problem')}"
    if run.interrupted:
        text = f"interrupted: {text} so far"
    style = {0: "bold green", 1: "bold red"}.get(run.status, "bold yellow")
    return Text.assemble((text, style), f"   {run.seconds:.1f} s")
