"""A run: every case to a worker, every outcome to a result, every step an event."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, assert_never

from oracle.execution import entry
from oracle.execution.environment import describe_environment
from oracle.execution.events import (
    CaseFinished,
    Event,
    FrameworkSkipped,
    ProblemFound,
    RunFinished,
    RunStarted,
)
from oracle.execution.known import unmet, with_expectations
from oracle.execution.messages import Died, Expired, Outcome, Raised, Returned, Setup
from oracle.execution.plan import Settings
from oracle.execution.pool import Pool, Task, WorkerStartError
from oracle.execution.record import CaseResult, LoadProblem, Run
from oracle.execution.stage import Stage
from oracle.judge.verdict import Finding, Verdict

if TYPE_CHECKING:
    from oracle.cases.model import Case


def never() -> bool:
    """Nobody wishes to stop."""
    return False


@dataclass(frozen=True, slots=True)
class Plan:
    """All that a run needs: cases, settings, who is judged (versions by name), who is not, what was unread.

    ``examine`` and ``prepare`` are what a worker calls; they must be importable by name.
    """

    cases: Sequence[Case]
    settings: Settings
    frameworks: Mapping[str, str]
    workers: int = 1
    skipped: Mapping[str, str] | None = None
    problems: tuple[LoadProblem, ...] = ()
    examine: Callable[[Case, Settings], CaseResult] = entry.examine_case
    prepare: Callable[[tuple[str, ...]], None] = entry.prepare


def execute(plan: Plan, should_stop: Callable[[], bool] = never) -> Iterator[Event]:
    """The events of the run; the last one is RunFinished, also when ``should_stop()`` ended it early."""
    started = time.monotonic()
    environment = describe_environment()
    skipped = plan.skipped or {}
    problems = list(plan.problems)
    results: list[CaseResult] = []
    yield RunStarted(len(plan.cases), plan.frameworks, environment, plan.settings)
    yield from (FrameworkSkipped(name, reason) for name, reason in skipped.items())
    yield from (ProblemFound(problem) for problem in plan.problems)
    try:
        for result in _results(plan, should_stop):
            results.append(result)
            yield CaseFinished(result, len(results))
    except WorkerStartError as error:
        problems.append(LoadProblem("workers", None, None, str(error)))
        yield ProblemFound(problems[-1])
    yield RunFinished(
        Run(
            environment=environment,
            results=tuple(sorted(results, key=lambda r: r.case)),
            problems=tuple(problems),
            seconds=time.monotonic() - started,
            interrupted=len(results) < len(plan.cases) and should_stop(),
            skipped_frameworks=skipped,
            seed=plan.settings.seed,
            strict=plan.settings.strict,
            strict_conventions=plan.settings.strict_conventions,
        )
    )


@dataclass(frozen=True, slots=True)
class _Attempt:
    """A case, the frameworks still to be asked, and what earlier attempts found in how many seconds."""

    case: Case
    frameworks: tuple[str, ...]
    before: tuple[Finding, ...] = ()
    seconds: float = 0.0


def _results(plan: Plan, should_stop: Callable[[], bool]) -> Iterator[CaseResult]:
    """Results in the order of finishing.

    A framework that takes a worker down ends the case only for itself: the case is tried again without it,
    and so it is with an implementation.
    """
    names = tuple(plan.frameworks)
    cases = [_with_functions_of(case, names) for case in plan.cases]
    setup = Setup(plan.examine, partial(plan.prepare, names), plan.settings.memory)
    tasks = deque(_task(_Attempt(case, _asked(case, names)), plan) for case in cases)
    with Pool(plan.workers, setup, tasks, should_stop) as pool:
        for task, outcome in pool.outcomes():
            attempt = task.key
            result, culprit = _read(attempt, outcome)
            left = tuple(name for name in attempt.frameworks if name != culprit)
            if culprit in attempt.frameworks and left:
                again = replace(attempt, frameworks=left, before=result.findings, seconds=result.seconds)
                tasks.appendleft(_task(again, plan))
            elif culprit in {i.name for i in attempt.case.implementations}:
                others = tuple(i for i in attempt.case.implementations if i.name != culprit)
                case = replace(attempt.case, implementations=others)
                again = replace(attempt, case=case, before=result.findings, seconds=result.seconds)
                tasks.appendleft(_task(again, plan))
            else:
                yield result


def _task(attempt: _Attempt, plan: Plan) -> Task[_Attempt]:
    settings = replace(plan.settings, frameworks=attempt.frameworks)
    return Task(attempt, (attempt.case, settings), attempt.case.timeout or plan.settings.timeout)


def _with_functions_of(case: Case, frameworks: Sequence[str]) -> Case:
    """The case without implementations in frameworks that are not judged."""
    kept = tuple(i for i in case.implementations if i.framework in frameworks)
    return case if kept == case.implementations else replace(case, implementations=kept)


def _asked(case: Case, names: Iterable[str]) -> tuple[str, ...]:
    return tuple(name for name in names if case.frameworks is None or name in case.frameworks)


def _read(attempt: _Attempt, outcome: Outcome) -> tuple[CaseResult, str | None]:
    """The result so far, and the framework that took the worker down, if one did."""
    match outcome:
        case Returned(value=CaseResult() as result):
            findings = (*attempt.before, *result.findings)
            return replace(result, findings=findings, seconds=attempt.seconds + result.seconds), None
        case Returned(value=other):
            detail = f"examining the case gave {type(other).__name__}, expected CaseResult"
            return _judged(attempt, Stage(), Verdict.ERROR, detail), None
        case Raised(error=error, traceback=trace, out_of_memory=out_of_memory):
            detail = f"out of memory: {error}" if out_of_memory else f"{error}\n{trace}"
            return _judged(attempt, Stage(), Verdict.ERROR, detail), None
        case Died(how=how, stage=stage):
            return _judged(attempt, stage, Verdict.CRASH, f"the process {how}"), stage.framework
        case Expired(seconds=seconds, stage=stage, where=where):
            detail = f"no answer after {seconds:g} s" + (f", in {where}" if where else "")
            return _judged(attempt, stage, Verdict.TIMEOUT, detail, seconds), stage.framework
        case _:
            assert_never(outcome)


def _judged(
    attempt: _Attempt, stage: Stage, verdict: Verdict, detail: str, seconds: float = 0.0
) -> CaseResult:
    """A result with one finding about the case as a whole, at the stage it had reached."""
    case = attempt.case
    finding = Finding(
        case=case.name,
        framework=stage.framework,
        version=stage.version,
        route=stage.route,
        dtype=stage.dtype,
        order=stage.order,
        argument="-",
        verdict=verdict,
        detail=detail,
        tags=case.tags,
    )
    findings = (*attempt.before, *with_expectations((finding,), case))
    return CaseResult(case.name, str(case.path), findings, attempt.seconds + seconds, unmet(findings, case))
