"""The failures of a run, recorded while it goes on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from oracle.execution.events import CaseFinished, Event, RunFinished
from oracle.execution.execute import Plan
from oracle.execution.plan import Settings
from oracle.execution.record import CaseResult, Run
from oracle.judge.verdict import Finding
from oracle.recorded.folder import folder_for
from oracle.recorded.keeper import Keeper
from oracle.recorded.record import CaseSource

if TYPE_CHECKING:
    from oracle.cases.model import Case


def recording(events: Iterator[Event], plan: Plan) -> Iterator[Event]:
    """The events of a run; its failing findings are recorded, and the last event says which."""
    cases = {case.name: case for case in plan.cases}
    keeper = Keeper(folder_for(Path.cwd()))
    for event in events:
        match event:
            case CaseFinished(result=result):
                keep_failures(keeper, result, cases[result.case], plan.settings)
                yield event
            case RunFinished(run=run):
                yield replace(event, run=replace(run, recorded=keeper.recorded))
            case _:
                yield event


def keep_failures(keeper: Keeper, result: CaseResult, case: Case, settings: Settings) -> None:
    """Record what fails of one case."""
    rules = Run(
        environment={},
        results=(result,),
        strict=settings.strict,
        strict_conventions=settings.strict_conventions,
    )
    for finding in rules.failures:
        keeper.keep(finding, partial(_source, case, settings), partial(_script, finding, case, settings))


def _source(case: Case, settings: Settings) -> CaseSource:
    return CaseSource(
        path=str(case.path.resolve()),
        text=case.path.read_text(encoding="utf-8"),
        seed=settings.seed,
        strict=settings.strict,
        strict_conventions=settings.strict_conventions,
    )


def _script(finding: Finding, case: Case, settings: Settings) -> str | None:
    from oracle.reproducer.cases import case_script  # noqa: PLC0415 - only for what fails

    return case_script(finding, case, settings.seed)
