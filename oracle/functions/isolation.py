"""A check in a child process, which may hang or die as it likes."""

from __future__ import annotations

import math
import pickle
from collections import deque
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from importlib import import_module
from typing import Any, assert_never

import cloudpickle

from oracle.execution.messages import Died, Expired, Outcome, Raised, Returned, Setup
from oracle.execution.pool import Pool, Task
from oracle.execution.stage import Stage, entering, told_to
from oracle.functions import setting
from oracle.functions.deadline import Watch
from oracle.functions.endings import UNPACKING, ended
from oracle.functions.framework import framework_of
from oracle.functions.result import Result
from oracle.judge.verdict import Verdict
from oracle.lift.trees import function_name

UNLIMITED = -1
"""No limit of memory: that of this process does not bind the caller's function either."""


class NotSentError(Exception):
    """The child process cannot make the function of what it got."""


def isolated(fn: Any, inputs: tuple[Any, ...], options: Mapping[str, Any], timeout: float | None) -> Result:
    """The result of ``check`` in a child process: ``crash`` if that dies, ``timeout`` if it takes too long.

    The limit of time does not count the start of the process. TypeError if it belongs to no framework, or if
    the function or an input cannot be sent there; what ``check`` raises there is raised here.
    """
    framework = framework_of(fn, inputs)
    label = function_name(fn)
    arguments = (cloudpickle.dumps(setting.present(framework, inputs)), _packed(label, fn, inputs, options))
    task = Task(label, arguments, math.inf if timeout is None else timeout)
    setup = Setup(answer, partial(prepare, framework), UNLIMITED)
    with Pool(1, setup, deque([task])) as pool:
        ((_, outcome),) = pool.outcomes()
    return _read(label, outcome)


def _packed(label: str, fn: Any, inputs: tuple[Any, ...], options: Mapping[str, Any]) -> bytes:
    try:
        packed: bytes = cloudpickle.dumps((fn, inputs, dict(options)))
    except Exception as error:
        msg = (
            f"{label} or an input of it cannot be sent to a child process "
            f"({type(error).__name__}: {_first_line(error)}); isolate=True needs what cloudpickle can "
            "pickle: make open files, locks, generators and handles inside the function"
        )
        raise TypeError(msg) from error
    return packed


def prepare(framework: str) -> None:
    """Import what a check needs by making one, so that the limit of time does not pay for it."""
    from oracle.functions.check import check  # noqa: PLC0415 - it is what starts this process, elsewhere

    if framework == "torch":
        torch = import_module("torch")
        check(torch.sin, torch.zeros(()), routes=["torch.autograd"])
    else:
        numpy = import_module("jax.numpy")
        check(numpy.sin, numpy.zeros(()), routes=["jax.vjp"])


def answer(state: bytes, packed: bytes) -> bytes:
    """What ``check`` returns or raises in this process, packed."""
    from oracle.functions.check import check  # noqa: PLC0415 - as above

    entering(Stage("child process", route=UNPACKING))
    try:
        callers = pickle.loads(state)  # noqa: S301 - from our own parent process
        setting.adopt_flags(callers)  # arrays and imported modules are made as they were there
        fn, inputs, options = pickle.loads(packed)  # noqa: S301
        setting.adopt_generators(callers)  # which an import may have used
    except Exception as error:  # noqa: BLE001 - whatever an import there raises
        return _bytes(NotSentError(f"{type(error).__name__}: {_first_line(error)}"))
    watch = Watch()
    found: Any
    try:
        with told_to(watch):
            found = check(fn, *inputs, **options)
    except Exception as error:  # noqa: BLE001 - the parent raises it
        found = error
    except BaseException as error:  # noqa: BLE001 - sys.exit() in a function ends its process
        label, how = function_name(fn), f"the function raises {type(error).__name__} {error}".rstrip()
        found = Result(label, (ended(label, watch.stage, Verdict.CRASH, how),))
    return _bytes(found)


def _bytes(found: Any) -> bytes:
    """A result or an exception, packed; an exception that cannot be is told in words."""
    try:
        packed: bytes = cloudpickle.dumps(found)
        pickle.loads(packed)  # noqa: S301 - an exception may be packed and yet not be read
    except Exception:  # noqa: BLE001 - whatever its class does when it is copied
        if isinstance(found, Result):
            cause = RuntimeError(f"{type(found.cause).__name__}: {found.cause}")
            return bytes(cloudpickle.dumps(replace(found, cause=cause)))
        return bytes(cloudpickle.dumps(RuntimeError(f"{type(found).__name__}: {found}")))
    return packed


def _read(label: str, outcome: Outcome) -> Result:
    match outcome:
        case Returned(value=packed):
            found = pickle.loads(packed)  # noqa: S301 - from our own child process
            if isinstance(found, Result):
                return found
            if isinstance(found, NotSentError):
                msg = f"{label} cannot be made again in a child process: {found}"
                raise TypeError(msg) from found
            raise found
        case Raised(error=error):
            raise RuntimeError(f"the child process failed: {error}")
        case Died(how=how, stage=stage):
            finding = ended(label, stage, Verdict.CRASH, f"the process {how},")
        case Expired(seconds=seconds, stage=stage, where=where):
            finding = ended(label, stage, Verdict.TIMEOUT, f"no answer after {seconds:g} s", where)
        case _:
            assert_never(outcome)
    return Result(label, (finding,))


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [""])[0]
