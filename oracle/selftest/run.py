"""All trials of the self-test, written line by line."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

from oracle.frameworks.protocol import Framework
from oracle.report.layout import console_for
from oracle.report.writer import Page
from oracle.selftest.report import summary, table
from oracle.selftest.trial import Outcome, Trial, trials


def selftest(frameworks: Sequence[Framework], page: Page) -> int:
    """Plant every fault, write what came of it, and return the exit status: 1 if one was missed or cried."""
    started = time.monotonic()
    console = console_for(page)
    wanted = list(trials(frameworks))
    tried: list[Trial] = []

    def each() -> Iterator[Trial]:
        for _, call in wanted:
            tried.append(call())
            yield tried[-1]

    for line in table([planned for planned, _ in wanted], each(), page.width):
        console.print(line, soft_wrap=True)
        page.stream.flush()
    for line in summary(tried, time.monotonic() - started, page.width):
        console.print(line, soft_wrap=True)
    return 0 if all(t.outcome is Outcome.CAUGHT for t in tried) else 1
