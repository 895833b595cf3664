from __future__ import annotations

import io

from syrupy.assertion import SnapshotAssertion

from oracle.execution.events import ProblemFound, RunFinished
from oracle.execution.record import Run
from oracle.report.concise import ConciseWriter
from oracle.report.writer import Page


def test_lines(run: Run, snapshot: SnapshotAssertion) -> None:
    """A line for each problem, each failing finding and each route's weakest agreement, and nothing else."""
    stream = io.StringIO()
    writer = ConciseWriter(Page(stream))
    for problem in run.problems:
        writer.handle(ProblemFound(problem))
    writer.finish(RunFinished(run))
    lines = stream.getvalue().splitlines()
    assert len(lines) == len(run.problems) + len(run.failures) + 1
    assert lines[-1].startswith("weakest: [torch vjp float32] operations/erfinv: gradient of x: ")
    assert lines == snapshot
