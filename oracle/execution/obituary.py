"""How a worker process ended, from its exit status and its last words."""

from __future__ import annotations

import re
import signal
from pathlib import PurePath

_FRAME = re.compile(r'^ +File "(?P<file>.+)", line (?P<line>\d+) in (?P<function>\S+)', re.MULTILINE)
_FATAL = re.compile(r"^Fatal Python error: (?P<what>.+)$", re.MULTILINE)
_STACK = re.compile(r"^(Current t|T)hread 0x.*\(most recent call first\):$", re.MULTILINE)
_OWN = ("oracle/execution/worker.py", "/threading.py")


def how_it_ended(status: int | None, log: str) -> str:
    """The end in words: the signal or the exit status, and the innermost Python frame if the log has one.

    >>> how_it_ended(-11, "")
    'was ended by SIGSEGV'
    >>> how_it_ended(3, "weights not found")
    'left with exit status 3 (weights not found)'
    """
    if status is None:
        ended = "closed its connection"
    elif status < 0:
        ended = f"was ended by {_signal_name(-status)}"
        if -status == signal.SIGKILL:
            ended += ", perhaps because the system ran out of memory"
    else:
        ended = f"left with exit status {status}"
    frame = innermost_frame(log)
    if frame:
        return f"{ended} in {frame}"
    words = _last_line(log)
    return f"{ended} ({words})" if words else ended


def innermost_frame(log: str) -> str:
    r"""The innermost frame of the last stack that ``faulthandler`` wrote, or nothing.

    The main thread's stack is written last, and the frames of the worker itself say nothing.

    >>> innermost_frame('Current thread 0x1 (most recent call first):\n  File "a/b.py", line 7 in solve\n')
    'solve (b.py, line 7)'
    """
    starts = list(_STACK.finditer(log))
    for start in reversed(starts):
        stack = log[start.end() :].partition("\n\n")[0]
        for frame in _FRAME.finditer(stack):
            if not frame["file"].replace("\\", "/").endswith(_OWN):
                return f"{frame['function']} ({PurePath(frame['file']).name}, line {frame['line']})"
    return ""


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _last_line(log: str) -> str:
    fatal = _FATAL.search(log)
    if fatal:
        return fatal["what"]
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    return lines[-1][:200] if lines else ""
