"""What passes between the run and its worker processes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from oracle.execution.stage import Stage


@dataclass(frozen=True, slots=True)
class Setup:
    """First message to a worker: what to prepare, and what to call for each task.

    Both functions must be importable by name. ``memory`` limits the data that the process may hold, in bytes.
    """

    function: Callable[..., Any]
    prepare: Callable[[], None]
    memory: int


@dataclass(frozen=True, slots=True)
class Ready:
    """A worker has prepared itself."""


@dataclass(frozen=True, slots=True)
class Returned:
    """The function's result, and the memory that the worker holds now, in bytes."""

    value: Any
    resident: int = 0


@dataclass(frozen=True, slots=True)
class Raised:
    """The function raised: the exception in one line, its traceback, and the memory that the worker holds."""

    error: str
    traceback: str
    out_of_memory: bool = False
    resident: int = 0


@dataclass(frozen=True, slots=True)
class Died:
    """The worker ended by itself, at a stage; ``how`` names the signal or the exit status."""

    how: str
    stage: Stage


@dataclass(frozen=True, slots=True)
class Expired:
    """The time was over, at a stage; ``where`` is the innermost Python frame, if it could be read."""

    seconds: float
    stage: Stage
    where: str


Outcome = Returned | Raised | Died | Expired
"""How one task can end."""

FromWorker = Ready | Returned | Raised | Stage
"""What a worker sends."""
