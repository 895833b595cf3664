"""A limit of time in this process leaves signals, timers and state as they were."""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import oracle
from oracle.functions.deadline import TimeIsOver, at_most
from tests.oracle.functions import torch_rules as rules


def forever() -> None:
    """Never returns."""
    while True:
        pass


@pytest.fixture(autouse=True)
def signals_as_before() -> Iterator[None]:
    """Handler and timer are as before each test."""
    before = signal.getsignal(signal.SIGALRM)
    yield
    assert signal.getsignal(signal.SIGALRM) is before
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_time_is_over() -> None:
    """The block is left by an exception that names the frame."""
    with pytest.raises(TimeIsOver, match=r"after 0\.1 s, in forever \(test_deadline.py, line"), at_most(0.1):
        forever()


def test_in_time() -> None:
    """A block that ends in time is not disturbed, nor is what comes after it."""
    with at_most(0.05):
        pass
    time.sleep(0.1)


@pytest.mark.parametrize("caught", [Exception, BaseException])
def test_swallowed(caught: type[BaseException]) -> None:
    """``except Exception`` does not stop it, and what stops it once is interrupted again."""

    def stubborn() -> None:
        while True:
            try:
                time.sleep(0.01)
            except caught:
                times.append(time.monotonic())
                if len(times) > 1:
                    raise

    times: list[float] = []
    with pytest.raises(TimeIsOver), at_most(0.1):
        stubborn()
    assert len(times) == (0 if caught is Exception else 2)


def test_restoration_is_not_interrupted() -> None:
    """A context manager that takes its time to leave does so to its end."""
    done: list[str] = []

    @contextmanager
    def slow() -> Iterator[None]:
        try:
            yield
        finally:
            time.sleep(0.3)
            done.append("restored")

    def leave_slowly() -> None:
        with slow():
            pass
        forever()

    with pytest.raises(TimeIsOver, match="in forever"), at_most(0.1):
        leave_slowly()
    assert done == ["restored"]


def test_import_is_not_interrupted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor is an import, which would leave half a package behind."""
    (tmp_path / "slow_to_import.py").write_text("import time\ntime.sleep(0.3)\nready = True\n")
    monkeypatch.syspath_prepend(str(tmp_path))

    def load() -> None:
        import slow_to_import  # type: ignore[import-not-found]

        assert slow_to_import.ready
        forever()

    with pytest.raises(TimeIsOver, match="in forever"), at_most(0.1):
        load()
    assert sys.modules.pop("slow_to_import").ready


def test_timer_of_the_caller_goes_on() -> None:
    """A timer that was running runs on, by as much as is left of it."""
    rings: list[int] = []
    before = signal.signal(signal.SIGALRM, lambda number, _: rings.append(number))
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.4)
        with at_most(5.0):
            time.sleep(0.1)
        assert 0.1 < signal.getitimer(signal.ITIMER_REAL)[0] < 0.35
        time.sleep(0.5)
        assert rings == [signal.SIGALRM]
    finally:
        signal.signal(signal.SIGALRM, before)


def test_timer_of_the_caller_ends_first() -> None:
    """The caller's handler is called at its own time, and what it raises reaches the caller."""

    def ring(*_: Any) -> None:
        msg = "the caller's time is over"
        raise InterruptedError(msg)

    before = signal.signal(signal.SIGALRM, ring)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.1)
        with pytest.raises(InterruptedError, match="caller's time"), at_most(30.0):
            forever()
    finally:
        signal.signal(signal.SIGALRM, before)


def test_repeated_timer_of_the_caller() -> None:
    """One that rings again and again does so meanwhile, and after."""
    rings: list[int] = []
    before = signal.signal(signal.SIGALRM, lambda number, _: rings.append(number))
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.05, 0.05)
        with pytest.raises(TimeIsOver), at_most(0.3):
            forever()
        assert len(rings) >= 3
        assert signal.getitimer(signal.ITIMER_REAL)[1] == pytest.approx(0.05)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, before)


def test_other_thread() -> None:
    """Threads get no signals: ValueError names isolate=True."""
    raised: list[BaseException] = []

    def check() -> None:
        try:
            oracle.check(lambda x: x, rules.point(3), timeout=1.0)
        except ValueError as error:
            raised.append(error)

    thread = threading.Thread(target=check, name="worker 7")
    thread.start()
    thread.join()
    assert "main thread only, this is worker 7; pass isolate=True" in str(raised[0])
