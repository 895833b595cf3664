"""Failures of functions, checked again: the function as it is now, the inputs as they were."""

from __future__ import annotations

import base64
import hashlib
import io
import pickle
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from importlib import import_module
from itertools import groupby
from pathlib import Path
from types import ModuleType
from typing import Any

from oracle.functions import setting
from oracle.functions.check import check
from oracle.judge.verdict import Verdict
from oracle.recorded.record import FunctionSource, Record
from oracle.replay.outcome import Outcome, Replayed, compare
from oracle.reproducer.origin import MAIN
from oracle.reproducer.sources import Closure, Module

AS_IT_WAS = "its own text as it was recorded, since a function without a name is not found again"


class GoneError(Exception):
    """The function, or what it was called with, cannot be had again; says why."""


@dataclass(frozen=True)
class Found:
    """A function with its inputs, options and setting."""

    function: Any
    inputs: tuple[Any, ...]
    options: Mapping[str, Any]
    setting: Any


def replay_functions(records: Sequence[Record]) -> Iterator[Replayed]:
    """The outcome for each record of a function; one check answers for all that came from one."""

    def key(record: Record) -> tuple[str, str]:
        assert isinstance(record.source, FunctionSource)
        return record.source.origin, record.source.packed

    for _, group in groupby(sorted(records, key=key), key=key):
        yield from _together(list(group))


def _together(records: Sequence[Record]) -> Iterator[Replayed]:
    source = records[0].source
    assert isinstance(source, FunctionSource)
    try:
        found = find(source)
        setting.adopt_generators(found.setting)
        died = any(r.place.verdict is Verdict.CRASH for r in records)
        options = {**found.options, **({"isolate": True} if died else {})}
        options.pop("allow_uncertified", None)
        result = check(found.function, *found.inputs, **options)
    except Exception as error:  # noqa: BLE001 - whatever a changed function or its module raises
        told = str(error) if isinstance(error, GoneError) else f"{type(error).__name__}: {_first_line(error)}"
        for record in records:
            yield Replayed(record.id, record.place.finding(), Outcome.ERROR, told)
        return
    for record in records:
        outcome = compare(record.id, record.place.finding(), result.findings, result.failures)
        if source.as_it_was and outcome.outcome is Outcome.FAILED:
            because = f"{outcome.because} ({AS_IT_WAS})"
            outcome = Replayed(outcome.id, outcome.place, outcome.outcome, because, outcome.finding)
        yield outcome


def find(source: FunctionSource) -> Found:
    """The function of a record. GoneError if it is not there any more or was never kept."""
    if not source.packed:
        raise GoneError(f"function and inputs could not be kept ({source.unpacked_because})")
    import_module(source.framework)
    for entry in reversed(source.search):
        if entry not in sys.path:
            sys.path.insert(0, entry)
    function = _by_name(source) if source.attribute else None
    try:
        first, rest = pickle.loads(base64.b85decode(source.packed))  # noqa: S301 - our own
        state = pickle.loads(first)  # noqa: S301
        setting.adopt_flags(state)  # arrays are made as they were there
        kept, inputs, options = _Unpickler(rest, source.main).load()
    except Exception as error:
        raise GoneError(f"what was kept cannot be read: {type(error).__name__}: {error}") from error
    return Found(kept if function is None else function, inputs, options, state)


class _Unpickler(pickle.Unpickler):
    """Finds what stood in the script that ran in the script's text."""

    def __init__(self, packed: bytes, main: str) -> None:
        super().__init__(io.BytesIO(packed))
        self._main = main

    def find_class(self, module: str, name: str) -> Any:
        """As pickle finds it."""
        if module == MAIN and self._main:
            return reduce(getattr, name.split("."), _of_script(Path(self._main), name))
        return super().find_class(module, name)


def _by_name(source: FunctionSource) -> Any:
    module = _module(source)
    try:
        return reduce(getattr, source.attribute.split("."), module)
    except AttributeError as error:
        where = source.module or Path(source.file).name
        raise GoneError(f"found no {source.attribute} in {where} any more") from error


def _module(source: FunctionSource) -> ModuleType:
    """The module of the function."""
    if source.module:
        try:
            return import_module(source.module)
        except ModuleNotFoundError as error:
            raise GoneError(f"importing {source.module}: {error}") from error
    return _of_script(Path(source.file), source.attribute)


def _of_script(file: Path, attribute: str) -> ModuleType:
    """What an attribute of a script refers to, and nothing that the script does."""
    if not file.is_file():
        raise GoneError(f"found no file {file} any more")
    closure = Closure()
    closure.take(Module(file), attribute.partition(".")[0])
    text = "\n".join(closure.lines())
    name = f"{file.stem}_{hashlib.sha256(text.encode()).hexdigest()[:8]}"
    if name not in sys.modules:
        made = ModuleType(name)
        made.__file__ = str(file)
        sys.modules[name] = made  # dataclasses and pickle look it up there
        exec(compile(text, str(file), "exec"), made.__dict__)  # noqa: S102 - the person's own file
    return sys.modules[name]


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [""])[0]
