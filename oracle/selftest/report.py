"""The self-test as a table, a line as soon as it is known."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from rich.text import Text

from oracle.judge.verdict import Verdict
from oracle.report.layout import flow
from oracle.report.words import count
from oracle.selftest.trial import Outcome, Planned, Trial

GAP = "  "
HEADINGS = ("fault", "planted in", "seen by", "verdict", "without it", "")
VERDICTS = (len(Verdict.ORACLE_SUSPECT), len(HEADINGS[4]))
"""Widths of the two columns of verdicts, of which nothing is known before."""


def table(planned: Sequence[Planned], tried: Iterable[Trial], width: int) -> Iterator[Text]:
    """A heading and one line a trial, in columns where the page is wide enough, else as it fits."""
    widths = [
        max(len(HEADINGS[i]), *(len(_where(p)[i]) for p in planned)) if planned else len(HEADINGS[i])
        for i in range(3)
    ]
    widths += VERDICTS
    wide = sum(widths) + len(GAP) * len(widths) + max(map(len, Outcome)) <= width
    if wide:
        yield Text(_columns(HEADINGS, widths), "bold")
    for trial in tried:
        cells = (*_where(trial.planned), trial.verdict.value, trial.control.value)
        said = Text(trial.outcome.value, "green" if trial.outcome is Outcome.CAUGHT else "bold red")
        if wide:
            yield Text.assemble(_columns(cells, widths), GAP, said)
        else:
            fault, where, route, verdict, control = cells
            yield from flow([said, f"{fault} in {where}"], width, gap=": ")
            yield from flow([f"{verdict} by {route}, without it {control}"], width, "    ")


def summary(tried: Sequence[Trial], seconds: float, width: int) -> Iterator[Text]:
    """What came of it all, in a line."""
    found = Counter(t.outcome for t in tried)
    pieces = [f"{count(len(tried), 'fault')} planted", f"{found[Outcome.CAUGHT]} caught"]
    pieces += [f"{found[o]} {o.value}" for o in (Outcome.MISSED, Outcome.FALSE_ALARM) if found[o]]
    style = "bold green" if tried and found[Outcome.CAUGHT] == len(tried) else "bold red"
    for line in flow([", ".join(pieces), f"{seconds:.1f} s"], width):
        line.stylize(style)
        yield line


def _where(planned: Planned) -> tuple[str, str, str]:
    door = "" if planned.door == "case" else " function"
    return (
        planned.fault,
        f"{planned.framework}{door} {planned.dtype}",
        planned.route.removeprefix(f"{planned.framework}."),
    )


def _columns(cells: Sequence[str], widths: Sequence[int]) -> str:
    return GAP.join(cell.ljust(w) for cell, w in zip(cells, widths, strict=False))
