"""What happens in a run, in the order of happening; writers make reports of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from oracle.execution.plan import Settings
from oracle.execution.record import CaseResult, LoadProblem, Run


@dataclass(frozen=True, slots=True)
class RunStarted:
    """Before the first case: how many there are, who will be judged (versions by name), where and how."""

    cases: int
    frameworks: Mapping[str, str]
    environment: Mapping[str, str]
    settings: Settings


@dataclass(frozen=True, slots=True)
class ProblemFound:
    """Something could not be read or run."""

    problem: LoadProblem


@dataclass(frozen=True, slots=True)
class FrameworkSkipped:
    """A framework that will not be judged, and why."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class CaseFinished:
    """One case is judged; ``done`` counts the finished ones, this one included."""

    result: CaseResult
    done: int


@dataclass(frozen=True, slots=True)
class RunFinished:
    """The end, early or not: the whole run."""

    run: Run


Event = RunStarted | ProblemFound | FrameworkSkipped | CaseFinished | RunFinished
