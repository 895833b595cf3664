"""Ctrl-C and SIGTERM as a wish: the run stops where its record is whole."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def stop_on_signals() -> Iterator[Callable[[], bool]]:
    """Gives a function that tells whether to stop. A second signal ends the process at once, as signals do.

    Only the main thread gets signals; elsewhere nobody ever wishes to stop.
    """
    wished = False
    if threading.current_thread() is not threading.main_thread():
        yield lambda: wished
        return

    def wish(number: int, frame: FrameType | None) -> None:
        nonlocal wished
        wished = True
        signal.signal(number, before[signal.Signals(number)])

    before = {number: signal.signal(number, wish) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: wished
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
