from __future__ import annotations

import io

from oracle.execution.events import CaseFinished, RunFinished, RunStarted
from oracle.execution.plan import Settings
from oracle.execution.record import CaseResult, Run
from oracle.report.progress import BarProgress, PlainProgress


def test_plain_lines(run: Run) -> None:
    """Without a terminal there are at most ten lines, each with what failed so far."""
    stream = io.StringIO()
    progress = PlainProgress(stream)
    progress.start(RunStarted(40, {"jax": "0.10.2"}, {}, Settings()))
    for done in range(1, 41):
        result = run.results[3] if done == 8 else CaseResult("a", "a.yaml")
        progress.handle(CaseFinished(result, done))
    progress.finish(RunFinished(run))
    lines = stream.getvalue().splitlines()
    assert lines[0] == "40 cases, jax 0.10.2"
    assert [line.rpartition(",")[0] for line in lines[1:]] == [
        "4/40 cases, 0 failing", *(f"{n}/40 cases, 1 failing" for n in range(8, 41, 4)),
    ]  # fmt: skip


def test_bar_follows_the_events(run: Run) -> None:
    """The bar takes every event and is silent where the stream is no terminal."""
    stream = io.StringIO()
    bar = BarProgress(stream)
    bar.start(RunStarted(2, {"jax": "0.10.2"}, {}, Settings()))
    bar.handle(CaseFinished(run.results[3], 1))
    bar.finish(RunFinished(run))
    assert stream.getvalue().strip() == ""
