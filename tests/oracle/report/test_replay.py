from __future__ import annotations

from dataclasses import replace

import pytest
from syrupy.assertion import SnapshotAssertion

from oracle.execution.record import Run
from oracle.report.replay import outcome_lines, sum_line


@pytest.mark.parametrize("width", [60, 120])
def test_replayed(run: Run, width: int, snapshot: SnapshotAssertion) -> None:
    """A record of each outcome, and their sum, narrow and wide."""
    finding = next(f for f in run.failures if f.case.endswith("large-shift"))
    lines = [
        *outcome_lines("FIXED", "7c9f02", finding, "agree", width),
        *outcome_lines("FAILED", "7c9f03-2", replace(finding, order=2), "wrong, as before", width),
        *outcome_lines("ERROR", "7c9f04", finding, "found no logsumexp in ours.ops any more", width),
        sum_line(["FIXED", "FAILED", "ERROR", "FIXED"]),
    ]
    assert max(line.cell_len for line in lines) <= width
    assert [line.plain for line in lines] == snapshot
