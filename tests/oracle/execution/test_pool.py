from __future__ import annotations

import time
from collections import deque
from functools import partial

import execution_stub as stub
import pytest

from oracle.execution.messages import Died, Expired, Outcome, Raised, Returned, Setup
from oracle.execution.plan import DEFAULT_MEMORY
from oracle.execution.pool import Pool, Task, WorkerStartError


def run(
    *hows: str, workers: int = 1, timeout: float = 20.0, memory: int = DEFAULT_MEMORY
) -> dict[str, Outcome]:
    """How each task ended."""
    setup = Setup(stub.pid_after, partial(stub.prepare, ()), memory)
    tasks = deque(Task(how, (how,), timeout) for how in hows)
    with Pool(workers, setup, tasks) as pool:
        return {task.key: outcome for task, outcome in pool.outcomes()}


class TestPool:
    """Real processes that abort, hang, eat and leave."""

    def test_worker_stays_warm(self) -> None:
        """The same process answers one task after the other."""
        ended = run("a", "b", "c")
        assert len({outcome.value for outcome in ended.values() if isinstance(outcome, Returned)}) == 1
        assert len(ended) == 3

    def test_workers_share_the_tasks(self) -> None:
        """Two workers answer at the same time."""
        ended = run("wait-1", "wait-2", "wait-3", "wait-4", workers=2)
        assert len({outcome.value for outcome in ended.values() if isinstance(outcome, Returned)}) == 2

    @pytest.mark.parametrize(
        "how, expected",
        [
            ("abort", "was ended by SIGABRT in misbehave (execution_stub.py, line"),
            ("segfault", "was ended by SIGSEGV in string_at (__init__.py, line"),
            ("leave", "left with exit status 0"),
        ],
    )
    def test_death_is_the_outcome_of_its_own_task(self, how: str, expected: str) -> None:
        """A task that kills its worker is told how, and a fresh worker answers the next."""
        ended = run("before", how, "after")
        died = ended[how]
        assert isinstance(died, Died)
        assert died.how.startswith(expected)
        assert isinstance(ended["before"], Returned)
        assert isinstance(ended["after"], Returned)

    def test_many_deaths(self) -> None:
        """Deaths in quick succession lose no task and blame none that lived."""
        hows = [f"abort-{i}" if i % 2 else f"good-{i}" for i in range(12)]
        ended = run(*hows, workers=2)
        assert {how for how, outcome in ended.items() if isinstance(outcome, Died)} == set(hows[1::2])
        assert len(ended) == 12

    def test_death_between_tasks_does_not_break_the_pool(self) -> None:
        """A worker that dies after it answered is replaced, and no task is blamed for it."""
        setup = Setup(stub.pid_after, partial(stub.prepare, ()), DEFAULT_MEMORY)
        with Pool(1, setup, deque([Task("later", ("later",), 20.0)])) as pool:
            assert [type(outcome) for _, outcome in pool.outcomes()] == [Returned]
            time.sleep(0.5)
            pool.tasks.append(Task("next", ("next",), 20.0))
            assert [type(outcome) for _, outcome in pool.outcomes()] == [Returned]

    def test_hang_ends_at_its_deadline(self) -> None:
        """A loop in C that holds the interpreter's lock is ended, and the outcome says where it was."""
        started = time.monotonic()
        ended = run("hang", "after", timeout=1.0)
        assert time.monotonic() - started < 10
        hung = ended["hang"]
        assert isinstance(hung, Expired)
        assert hung.seconds == 1.0
        assert hung.where.startswith("match (__init__.py, line")
        assert isinstance(ended["after"], Returned)

    def test_memory_is_limited(self) -> None:
        """A task that eats memory gets a MemoryError, and its worker is replaced."""
        ended = run("before", "eat", "after", memory=800_000_000)
        raised = ended["eat"]
        assert isinstance(raised, Raised)
        assert raised.out_of_memory
        before, after = ended["before"], ended["after"]
        assert isinstance(before, Returned)
        assert isinstance(after, Returned)
        assert before.value != after.value

    @pytest.mark.parametrize(
        "how, error",
        [
            ("raise", "ValueError: no rule for this"),
            ("exit", "SystemExit: a framework called exit"),
            ("closure", "Can't pickle local object"),
        ],
    )
    def test_exception_is_an_outcome(self, how: str, error: str) -> None:
        """Whatever a task raises, and a result that cannot be sent, is told with its traceback."""
        raised = run(how)[how]
        assert isinstance(raised, Raised)
        assert error in raised.error
        assert "Traceback" in raised.traceback

    def test_noise_stays_out_of_standard_output(self, capfd: pytest.CaptureFixture[str]) -> None:
        """What a library prints in a worker is no part of the results."""
        assert isinstance(run("print")["print"], Returned)
        assert capfd.readouterr() == ("", "")

    def test_tasks_may_be_appended_meanwhile(self) -> None:
        """A task that is added when another ended is carried out too."""
        setup = Setup(stub.pid_after, partial(stub.prepare, ()), DEFAULT_MEMORY)
        done = []
        with Pool(1, setup, deque([Task("first", ("a",), 20.0)])) as pool:
            for task, _ in pool.outcomes():
                done.append(task.key)
                if task.key == "first":
                    pool.tasks.append(Task("second", ("b",), 20.0))
        assert done == ["first", "second"]

    def test_workers_that_cannot_start(self) -> None:
        """An import that ends the process is not tried forever; the error has its last words."""
        setup = Setup(stub.pid_after, partial(stub.prepare_badly, ()), DEFAULT_MEMORY)
        message = r"exit status 7 \(libkernels.so: cannot open shared object file\)"
        with (
            Pool(2, setup, deque([Task("a", ("a",), 20.0)])) as pool,
            pytest.raises(WorkerStartError, match=message),
        ):
            list(pool.outcomes())

    def test_wish_to_stop(self) -> None:
        """Outcomes end when somebody wishes so, whatever the workers do."""
        started = time.monotonic()
        setup = Setup(stub.pid_after, partial(stub.prepare, ()), DEFAULT_MEMORY)
        tasks = deque([Task("sleep", ("sleep",), 50.0)])
        with Pool(1, setup, tasks, lambda: time.monotonic() > started + 1) as pool:
            assert list(pool.outcomes()) == []
        assert time.monotonic() - started < 5
