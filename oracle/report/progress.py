"""How far a run is, on standard error: a bar on a terminal, else a plain line now and then."""

from __future__ import annotations

import time
from typing import TextIO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from oracle.execution.events import CaseFinished, Event, RunFinished, RunStarted
from oracle.execution.record import CaseResult, Run
from oracle.report.words import count

PLAIN_STEPS = 10
"""Lines without a terminal: one for each tenth, so that a log of a long run stays short."""


class BarProgress:
    """A bar that is gone when the run is over."""

    def __init__(self, stream: TextIO) -> None:
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=None),
            MofNCompleteColumn(),
            TextColumn("{task.fields[failing]}"),
            TimeElapsedColumn(),
            console=Console(file=stream),
            transient=True,
        )
        self._failing = _Failing()
        self._task = TaskID(0)

    def start(self, event: RunStarted) -> None:
        """Draw the empty bar."""
        self._failing = _Failing.of(event)
        self._task = self._progress.add_task("cases", total=event.cases, failing="starting")
        self._progress.start()

    def handle(self, event: Event) -> None:
        """Move on."""
        if isinstance(event, CaseFinished):
            failing = self._failing.add(event.result)
            self._progress.update(self._task, completed=event.done, failing=f"{failing} failing")

    def finish(self, event: RunFinished) -> None:
        """Take the bar away."""
        self._progress.stop()


class PlainProgress:
    """``40/200 cases, 3 failing, 12 s``."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._failing = _Failing()
        self._cases = 0
        self._began = 0.0

    def start(self, event: RunStarted) -> None:
        """Say who is judged on what."""
        self._failing = _Failing.of(event)
        self._cases = event.cases
        self._began = time.monotonic()
        judged = ", ".join(f"{name} {version}" for name, version in event.frameworks.items())
        self._print(f"{count(event.cases, 'case')}, {judged}")

    def handle(self, event: Event) -> None:
        """A line at each tenth."""
        if not isinstance(event, CaseFinished):
            return
        failing = self._failing.add(event.result)
        steps = [done * PLAIN_STEPS // self._cases for done in (event.done - 1, event.done)]
        if steps[0] != steps[1]:
            seconds = time.monotonic() - self._began
            self._print(f"{event.done}/{self._cases} cases, {failing} failing, {seconds:.0f} s")

    def finish(self, event: RunFinished) -> None:
        """Say if it ended early."""
        if event.run.interrupted:
            self._print(f"interrupted after {len(event.run.results)} of {count(self._cases, 'case')}")

    def _print(self, line: str) -> None:
        print(line, file=self._stream, flush=True)


class _Failing:
    """Counts failing findings by the rules of the run."""

    def __init__(self, *, strict: bool = False, strict_conventions: bool = False) -> None:
        self._rules = Run({}, (), strict=strict, strict_conventions=strict_conventions)
        self._count = 0

    @classmethod
    def of(cls, event: RunStarted) -> _Failing:
        return cls(strict=event.settings.strict, strict_conventions=event.settings.strict_conventions)

    def add(self, result: CaseResult) -> int:
        self._count += sum(self._rules.fails(f) for f in (*result.findings, *result.expectations))
        return self._count
