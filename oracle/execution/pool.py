"""Warm worker processes with limits of time and memory, of which any may die without harm to the rest.

A pool of our own, because each of the existing ones loses what we must keep. ``multiprocessing.Pool`` hangs
and ``concurrent.futures`` breaks when a worker dies. Pebble 5.2 (measured) survives a death in a task, but
one between two tasks breaks it for good, and a worker that leaves with status 0 leaves its task waiting
forever. None can say what the worker was doing. Here each worker has a socket of its own: its closing is
the news of the death, whatever the cause, and the stages told before it are the blame. Workers start as
``python -c``, so that a caller's script needs no ``if __name__ == "__main__"``.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from typing import IO, Any, Generic, TypeVar

from oracle.execution import worker
from oracle.execution.messages import Died, Expired, FromWorker, Outcome, Raised, Ready, Returned, Setup
from oracle.execution.obituary import how_it_ended, innermost_frame
from oracle.execution.stage import NOWHERE, Stage

Argument = TypeVar("Argument")

PREPARATION_SECONDS = 300.0
"""Longest time for a worker to import the frameworks: 2.5 s for both here, more from a cold network disk."""

FAILED_STARTS = 3
"""So many workers in a row that died before they were ready are not an accident."""

RECYCLE_BYTES = 1_200_000_000
"""A worker that holds more after a task is replaced. JAX keeps about 1.6 MB for each function it compiled
(measured: 330 MB after the imports, 600 MB after 120 compilations)."""

POLL_SECONDS = 0.2
"""How often to look for a wish to stop and for deaths that left the socket open."""


class WorkerStartError(RuntimeError):
    """No worker could be started; says how the last one ended."""


@dataclass(frozen=True, slots=True)
class Task(Generic[Argument]):
    """One argument, what to call the function with, and how many seconds it may take."""

    key: Argument
    arguments: tuple[Any, ...]
    timeout: float


@dataclass
class _Worker(Generic[Argument]):
    process: subprocess.Popen[bytes]
    connection: Connection
    log: IO[bytes]
    deadline: float
    ready: bool = False
    task: Task[Argument] | None = None
    stage: Stage = NOWHERE
    log_start: int = 0

    def send(self, message: object) -> None:
        """Send, and leave it to the next reading to notice that nobody is there."""
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.connection.send(message)

    def receive(self) -> FromWorker | None:
        """The next message, or None when the worker is gone."""
        try:
            message: FromWorker = self.connection.recv()
        except (EOFError, OSError):
            return None
        return message

    def is_free(self) -> bool:
        """Ready, without a task, and alive: one that died meanwhile must not be blamed on the next task."""
        return self.ready and self.task is None and self.process.poll() is None

    def take(self, task: Task[Argument]) -> None:
        self.task = task
        self.stage = NOWHERE
        self.deadline = time.monotonic() + task.timeout
        self.log_start = self._log_size()
        self.send(task.arguments)

    def last_words(self) -> str:
        """What the worker wrote since it took its task; the file's position is the worker's and stays."""
        size = self._log_size() - self.log_start
        return os.pread(self.log.fileno(), size, self.log_start).decode(errors="replace")

    def _log_size(self) -> int:
        return os.fstat(self.log.fileno()).st_size

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()
        self.connection.close()
        self.log.close()


@dataclass
class Pool(Generic[Argument]):
    """Calls ``setup.function`` for tasks in ``count`` processes. Leaving its context ends every worker."""

    count: int
    setup: Setup
    tasks: deque[Task[Argument]] = field(default_factory=deque)
    should_stop: Callable[[], bool] = lambda: False
    _workers: list[_Worker[Argument]] = field(default_factory=list)
    _failed_starts: int = 0

    def __enter__(self) -> Pool[Argument]:
        return self

    def __exit__(self, *_: object) -> None:
        while self._workers:
            self._workers.pop().stop()

    def outcomes(self) -> Iterator[tuple[Task[Argument], Outcome]]:
        """How each task ended, in the order of ending. Tasks may be appended meanwhile.

        Ends early when ``should_stop()``. WorkerStartError if no worker can be started.
        """
        while not self.should_stop():
            busy = [w for w in self._workers if w.task is not None]
            if not self.tasks and not busy:
                return
            for _ in range(min(self.count, len(busy) + len(self.tasks)) - len(self._workers)):
                self._workers.append(self._start())
            for each in self._workers:
                if self.tasks and each.is_free():
                    each.take(self.tasks.popleft())
            yield from self._events()

    def _start(self) -> _Worker[Argument]:
        ours, theirs = socket.socketpair()
        log = tempfile.TemporaryFile()  # noqa: SIM115  (closed by _Worker.stop)
        process = subprocess.Popen(  # noqa: S603  (our own interpreter)
            worker.command(theirs.fileno()),
            env=worker.environment(),
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
        theirs.close()
        started: _Worker[Argument] = _Worker(
            process, Connection(ours.detach()), log, time.monotonic() + PREPARATION_SECONDS
        )
        started.send(self.setup)
        return started

    def _events(self) -> Iterator[tuple[Task[Argument], Outcome]]:
        """What happens next: messages, deaths, deadlines. Returns after at most ``POLL_SECONDS``."""
        now = time.monotonic()
        waiting = [w for w in self._workers if w.task is not None or not w.ready]
        nearest = min((w.deadline - now for w in waiting), default=POLL_SECONDS)
        heard = set(wait([w.connection for w in self._workers], max(0.0, min(nearest, POLL_SECONDS))))
        for each in list(self._workers):
            if each.connection in heard:
                yield from self._read(each)
            elif each.process.poll() is not None:
                yield from self._bury(each)
            elif time.monotonic() > each.deadline and (each.task is not None or not each.ready):
                yield from self._expire(each)

    def _read(self, each: _Worker[Argument]) -> Iterator[tuple[Task[Argument], Outcome]]:
        match each.receive():
            case None:
                yield from self._bury(each)
            case Ready():
                each.ready = True
                self._failed_starts = 0
            case Stage() as stage:
                each.stage = stage
            case (Returned() | Raised()) as outcome:
                task, each.task = each.task, None
                exhausted = isinstance(outcome, Raised) and outcome.out_of_memory
                if exhausted or outcome.resident > RECYCLE_BYTES:
                    self._dismiss(each)
                if task is not None:
                    yield task, outcome

    def _bury(self, each: _Worker[Argument]) -> Iterator[tuple[Task[Argument], Outcome]]:
        """The worker is gone: blame its task, or count a failed start."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            each.process.wait(1.0)  # the socket closes a moment before the process ends
        how = how_it_ended(each.process.poll(), each.last_words())
        self._dismiss(each)
        if each.task is not None:
            yield each.task, Died(how, each.stage)
        elif not each.ready:
            self._failed_starts += 1
            if self._failed_starts >= FAILED_STARTS:
                msg = f"no worker process could be started; the last one {how}"
                raise WorkerStartError(msg)

    def _expire(self, each: _Worker[Argument]) -> Iterator[tuple[Task[Argument], Outcome]]:
        if each.task is None:
            each.process.kill()
            yield from self._bury(each)
            return
        each.process.send_signal(signal.SIGUSR1)
        time.sleep(0.1)  # for faulthandler to write; it needs neither the GIL nor the main thread
        where = innermost_frame(each.last_words())
        self._dismiss(each)
        yield each.task, Expired(each.task.timeout, each.stage, where)

    def _dismiss(self, each: _Worker[Argument]) -> None:
        self._workers.remove(each)
        each.stop()
