"""A limit of time on what runs in this process: Python code is interrupted wherever it is."""

from __future__ import annotations

import contextlib
import inspect
import math
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import PurePath
from types import FrameType
from typing import Any

from oracle.execution.stage import NOWHERE, Stage

RETRY_SECONDS = 0.005
"""How soon to look again where an interruption would have left something half set or half restored."""

AGAIN_SECONDS = 1.0
"""How soon to interrupt again what swallowed the first interruption, as a bare ``except:`` does."""

PATIENCE_SECONDS = 2.0
"""How long a context manager may take to enter or leave before it is interrupted too."""

IMPORT_SECONDS = 60.0
"""The same for an import. One that breaks off leaves modules behind that nobody can import any more: sympy,
broken off inside torch.compile, made every later compilation fail.
"""

_UNBROKEN = frozenset({"__enter__", "__exit__", "__del__"})
"""What runs to its end: state would stay changed otherwise, or the interruption would be swallowed."""

_IMPORTING = "<frozen importlib._bootstrap>"


class TimeIsOver(BaseException):
    """The time is over. No ``Exception``, so that ``except Exception`` in a function does not stop it."""

    def __init__(self, seconds: float, where: str) -> None:
        super().__init__(f"no answer after {seconds:g} s, in {where}")
        self.seconds = seconds
        self.where = where


@contextmanager
def at_most(seconds: float | None) -> Iterator[None]:
    """Raise TimeIsOver in the block when it takes longer, None meaning that it may.

    Handler and timer of the caller are put back, and a timer of the caller that ends meanwhile has its
    handler called. ValueError where this thread or system has no such signals. Code in C is interrupted when
    it returns to Python.
    """
    if seconds is None:
        yield
        return
    before = _handler()
    alarm = _Alarm(seconds, before)
    signal.signal(signal.SIGALRM, alarm.ring)
    try:
        alarm.take_over(*signal.setitimer(signal.ITIMER_REAL, seconds))
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, before)
        if alarm.callers_time < math.inf:
            left = max(alarm.callers_time - time.monotonic(), 1e-6)
            signal.setitimer(signal.ITIMER_REAL, left, alarm.callers_interval)


def _handler() -> Any:
    """The caller's handler. ValueError if it cannot be put back or replaced."""
    instead = "pass isolate=True, which runs the check in a child process"
    if not hasattr(signal, "setitimer"):
        msg = f"timeout= needs timer signals, which this system does not have; {instead}"
        raise ValueError(msg)
    if threading.current_thread() is not threading.main_thread():
        msg = f"timeout= works in the main thread only, this is {threading.current_thread().name}; {instead}"
        raise ValueError(msg)
    before = signal.getsignal(signal.SIGALRM)
    if before is None:
        msg = f"timeout= needs SIGALRM, which code outside Python handles here; {instead}"
        raise ValueError(msg)
    return before


def _outside() -> FrameType | None:
    """The frame of whoever sets a limit: beyond this file and the context manager's entry."""
    frame = inspect.currentframe()
    while frame is not None and frame.f_code.co_filename in {__file__, contextlib.__file__}:
        frame = frame.f_back
    return frame


class _Alarm:
    """The timer: when it ends for the check, and when it would have ended for the caller."""

    def __init__(self, seconds: float, before: Any) -> None:
        self.root = _outside()
        self.seconds = seconds
        self.end = time.monotonic() + seconds
        self.before = before
        self.callers_time = math.inf
        self.callers_interval = 0.0

    def take_over(self, remaining: float, interval: float) -> None:
        """The caller's own timer, which was running."""
        if remaining:
            self.callers_time, self.callers_interval = time.monotonic() + remaining, interval
            self._wind()

    def ring(self, number: int, frame: FrameType | None) -> None:
        """The signal's handler."""
        now = time.monotonic()
        if now >= self.callers_time:
            self.callers_time = now + self.callers_interval if self.callers_interval else math.inf
            self._wind()
            self._tell_caller(number, frame)
        if now < self.end:
            self._wind()
            return
        if now < self.end + self._patience(frame):
            signal.setitimer(signal.ITIMER_REAL, RETRY_SECONDS)
            return
        signal.setitimer(signal.ITIMER_REAL, AGAIN_SECONDS)
        raise TimeIsOver(self.seconds, _place(frame))

    def _patience(self, frame: FrameType | None) -> float:
        """How long to wait for what runs at ``frame`` to come to an end."""
        longest = 0.0
        while frame is not None and frame is not self.root:
            if frame.f_code.co_filename == _IMPORTING:
                return IMPORT_SECONDS
            if frame.f_code.co_name in _UNBROKEN:
                longest = PATIENCE_SECONDS
            frame = frame.f_back
        return longest

    def _wind(self) -> None:
        left = min(self.end, self.callers_time) - time.monotonic()
        signal.setitimer(signal.ITIMER_REAL, max(left, 1e-6))

    def _tell_caller(self, number: int, frame: FrameType | None) -> None:
        if callable(self.before):
            self.before(number, frame)
        elif self.before == signal.SIG_DFL:  # ends the process, as it would have
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)


def _place(frame: FrameType | None) -> str:
    """The innermost frame in words."""
    if frame is None:
        return ""
    code = frame.f_code
    return f"{code.co_name} ({PurePath(code.co_filename).name}, line {frame.f_lineno})"


class Watch:
    """Remembers the last stage at which somebody was at work."""

    def __init__(self) -> None:
        self.stage: Stage = NOWHERE

    def __call__(self, stage: Stage) -> None:
        """Somebody says what comes next."""
        self.stage = stage
