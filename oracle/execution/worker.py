"""A worker process: prepares once, then answers one argument after the other until its connection closes."""

from __future__ import annotations

import contextlib
import faulthandler
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from queue import SimpleQueue
from typing import Any

from oracle.execution.messages import Raised, Ready, Returned, Setup
from oracle.execution.stage import told_to


def main(descriptor: int) -> None:
    """Serve the connection at the file descriptor. Standard output and error are the log of the parent."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides what an interrupt means
    os.set_inheritable(descriptor, False)  # a child of a framework must not keep the line open
    faulthandler.enable()
    faulthandler.register(signal.SIGUSR1)  # the parent asks where a hanging worker is
    connection = Connection(descriptor)
    setup: Setup = connection.recv()
    setup.prepare()
    limit_memory(setup.memory)
    connection.send(Ready())
    tasks: SimpleQueue[Any] = SimpleQueue()
    threading.Thread(target=_receive, args=(connection, tasks), daemon=True).start()
    with told_to(connection.send):
        while True:
            _answer(connection, setup.function, tasks.get())


def _receive(connection: Connection, tasks: SimpleQueue[Any]) -> None:
    """Pass tasks on; end the process when the parent is gone, whatever the main thread is doing."""
    while True:
        try:
            tasks.put(connection.recv())
        except (EOFError, OSError):
            os._exit(0)


def _answer(connection: Connection, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    answer: Returned | Raised
    try:
        answer = Returned(function(*arguments), resident_memory())
    except BaseException as error:  # noqa: BLE001  (SystemExit and KeyboardInterrupt of user code are its answer too)
        answer = _raised(error)
    try:
        connection.send(answer)
    except Exception as error:  # noqa: BLE001  (whatever pickle says of a result that cannot be sent)
        connection.send(_raised(error))


def _raised(error: BaseException) -> Raised:
    lines = traceback.format_exception(error)
    summary = "".join(traceback.format_exception_only(error)).strip()
    return Raised(summary, "".join(lines), isinstance(error, MemoryError), resident_memory())


def limit_memory(limit: int) -> None:
    """Make allocations fail beyond ``limit`` bytes of data, where the system can.

    Measured with torch 2.13 and jax 0.10 on Linux: both together import at 210 MB of data and reserve no more
    than they use, and numpy, torch, XLA and Python all turn the refusal into an exception with a stack.
    """
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource  # noqa: PLC0415  (not on every system)

        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        resource.setrlimit(resource.RLIMIT_DATA, (limit, hard))


def resident_memory() -> int:
    """Bytes of physical memory this process holds; 0 where the system does not say."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:  # noqa: PTH123  (a call per task: cheap)
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


def environment() -> dict[str, str]:
    """Environment of a worker: the parent's, with one thread for each library.

    As many workers as cores already use every core, and one thread makes reductions repeat bit for bit.
    """
    variables = dict(os.environ)
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"):
        variables[name] = "1"
    flag = "--xla_cpu_multi_thread_eigen=false"
    flags = variables.get("XLA_FLAGS", "")
    variables["XLA_FLAGS"] = flags if "xla_cpu_multi_thread_eigen" in flags else f"{flags} {flag}".strip()
    variables["PYTHONUNBUFFERED"] = "1"
    return variables


def command(descriptor: int) -> list[str]:
    """Command line of a worker: this Python with this module search path, never the caller's main module."""
    start = f"from oracle.execution.worker import main; main({descriptor})"
    return [sys.executable, "-c", f"import sys; sys.path[:] = {sys.path!r}; {start}"]
