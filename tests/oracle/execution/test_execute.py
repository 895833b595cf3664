from __future__ import annotations

from collections.abc import Mapping, Sequence

import execution_stub as stub
import pytest

from oracle.cases import Case
from oracle.execution.events import (
    CaseFinished,
    Event,
    FrameworkSkipped,
    ProblemFound,
    RunFinished,
    RunStarted,
)
from oracle.execution.execute import Plan, execute, never
from oracle.execution.plan import Settings
from oracle.execution.record import LoadProblem, Run
from oracle.judge.verdict import Finding, Verdict


def plan(cases: Sequence[Case], settings: Settings | None = None, **changes: object) -> Plan:
    """A plan whose workers call the stub."""
    options: dict[str, object] = {"frameworks": stub.FRAMEWORKS, "workers": 2}
    options |= {"examine": stub.examine, "prepare": stub.prepare, **changes}
    return Plan(cases, settings or Settings(timeout=20.0), **options)  # type: ignore[arg-type]


def run(*names: str, settings: Settings | None = None) -> Run:
    """The record of a run of cases of these names."""
    *_, last = execute(plan([stub.make_case(name) for name in names], settings))
    assert isinstance(last, RunFinished)
    return last.run


def verdicts(findings: Sequence[Finding]) -> Mapping[str, Verdict]:
    """Verdict by framework."""
    return {f.framework: f.verdict for f in findings}


class TestExecute:
    """A run from its plan to its record, with real worker processes."""

    def test_events_in_order(self) -> None:
        """A run starts, says what it leaves out, finishes each case, and finishes."""
        problem = LoadProblem("cases/bad.yaml", 3, 7, "unknown key 'imputs'")
        events = list(
            execute(
                plan([stub.make_case("a"), stub.make_case("b")], skipped={"mlx": "no"}, problems=(problem,))
            )
        )
        assert [type(e) for e in events] == [
            RunStarted, FrameworkSkipped, ProblemFound, CaseFinished, CaseFinished, RunFinished,
        ]  # fmt: skip
        assert [e.done for e in events if isinstance(e, CaseFinished)] == [1, 2]
        started = events[0]
        assert isinstance(started, RunStarted)
        assert (started.cases, started.frameworks) == (2, stub.FRAMEWORKS)

    def test_results_are_sorted_by_case(self) -> None:
        """The record does not depend on which worker was faster."""
        assert [r.case for r in run("wait-first", "b", "a").results] == ["a", "b", "wait-first"]

    @pytest.mark.parametrize("how, verdict", [("abort", Verdict.CRASH), ("segfault", Verdict.CRASH)])
    def test_crash_names_the_route_and_keeps_the_rest(self, how: str, verdict: Verdict) -> None:
        """The framework that was at work is blamed; the others are judged for the same case."""
        whole = run(f"{how}-case", "good")
        assert [r.case for r in whole.results] == sorted([f"{how}-case", "good"])
        result = next(r for r in whole.results if r.case != "good")
        assert verdicts(result.findings) == {"jax": verdict, "torch": Verdict.AGREE}
        crash = next(f for f in result.findings if f.framework == "jax")
        assert (crash.route, crash.dtype, crash.version) == ("jax.vjp", "float64", "0.10.2")
        assert crash.detail.startswith("the process was ended by SIG")
        assert whole.status == 1

    def test_hang(self) -> None:
        """A hang is a timeout of the route that hangs, after the seconds given, and of nothing else."""
        result = run("hang-case", settings=Settings(timeout=1.5)).results[0]
        assert verdicts(result.findings) == {"jax": Verdict.TIMEOUT, "torch": Verdict.AGREE}
        hung = next(f for f in result.findings if f.framework == "jax")
        assert hung.detail.startswith("no answer after 1.5 s, in match (")

    def test_time_limit_of_a_case_goes_before_that_of_the_run(self) -> None:
        """``timeout`` of a case file is that case's limit."""
        *_, last = execute(plan([stub.make_case("sleep-case", "timeout: 1")]))
        assert isinstance(last, RunFinished)
        assert last.run.findings[0].detail.startswith("no answer after 1 s")

    def test_memory(self) -> None:
        """Eating memory outside a framework's own handling is an error of the case, with the reason."""
        result = run("eat-case", settings=Settings(memory=800_000_000)).results[0]
        assert verdicts(result.findings) == {"-": Verdict.ERROR}
        assert result.findings[0].detail.startswith("out of memory: ")

    def test_death_outside_frameworks(self) -> None:
        """Where no framework was at work none is blamed, and the case is not tried again."""
        result = run("engine-abort").results[0]
        assert verdicts(result.findings) == {"-": Verdict.CRASH}

    def test_error_of_our_own(self) -> None:
        """An exception of the examination is an error finding with its traceback, not the end of the run."""
        whole = run("engine-raise", "good")
        error = next(f for f in whole.findings if f.verdict is Verdict.ERROR)
        assert error.detail.startswith("ValueError: no rule for this\nTraceback")
        assert len(whole.results) == 2

    def test_known_crash_does_not_fail(self) -> None:
        """A case file may expect a crash."""
        known = "known: [{framework: jax, version: '>=0.4', verdict: crash, reason: upstream issue 1}]"
        *_, last = execute(plan([stub.make_case("abort-case", known)]))
        assert isinstance(last, RunFinished)
        assert last.run.failures == ()
        assert last.run.ok

    def test_frameworks_of_the_case(self) -> None:
        """A case that names its frameworks is not given to others."""
        *_, last = execute(plan([stub.make_case("abort-case", "frameworks: [torch]")]))
        assert isinstance(last, RunFinished)
        assert verdicts(last.run.findings) == {"torch": Verdict.AGREE}

    def test_wish_to_stop(self) -> None:
        """The record of an interrupted run holds what was done and says so."""
        cases = [stub.make_case("a"), stub.make_case("sleep-case")]
        events: list[Event] = []
        for event in execute(
            plan(cases, workers=1), lambda: any(isinstance(e, CaseFinished) for e in events)
        ):
            events.append(event)  # noqa: PERF402  (the wish looks at the list while it grows)
        last = events[-1]
        assert isinstance(last, RunFinished)
        assert last.run.interrupted
        assert [r.case for r in last.run.results] == ["a"]
        assert last.run.status == 2

    def test_workers_that_cannot_start(self) -> None:
        """Then the run has a problem, and its status is 2."""
        *_, last = execute(plan([stub.make_case("a")], prepare=stub.prepare_badly), never)
        assert isinstance(last, RunFinished)
        assert last.run.status == 2
        assert "no worker process could be started" in last.run.problems[0].message
