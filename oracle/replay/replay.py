"""``oracle replay``: recorded failures are run again, and what is fixed is forgotten."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from pathlib import Path

from oracle.recorded.folder import FOLDER, folder_for, forget, names, record_file
from oracle.recorded.record import FunctionSource, Record, RecordError, read_record
from oracle.replay.outcome import Outcome, Replayed


class UnknownRecordError(ValueError):
    """No such record; says what there is instead."""


def records_of(wanted: Sequence[str], place: Path) -> tuple[Path, list[Record], list[str]]:
    """The folder of ``place``, its records (all if none is ``wanted``, the newest first), and sentences on
    those that cannot be read. UnknownRecordError for an ID that none has.
    """
    folder = folder_for(place)
    there = names(folder)
    for name in wanted:
        if name not in there:
            raise UnknownRecordError(_unknown(name, there, folder))
    found: list[Record] = []
    unread: list[str] = []
    for name in wanted or there:
        try:
            found.append(read_record(name, record_file(folder, name).read_text(encoding="utf-8")))
        except (RecordError, OSError) as error:
            unread.append(str(error))
    return folder, found, unread


def _unknown(name: str, there: Sequence[str], folder: Path) -> str:
    if not there:
        return f"no failure {name!r} is recorded; {folder} holds none"
    close = difflib.get_close_matches(name, there, 1, cutoff=0.5)
    shown = ", ".join(there[:8]) + (", ..." if len(there) > 8 else "")
    hint = f"did you mean {close[0]!r}?" if close else f"expected one of {shown}"
    return f"no failure {name!r} is recorded in {FOLDER}; {hint}"


def replay(records: Sequence[Record], folder: Path) -> Iterator[Replayed]:
    """Run each record again and forget it if it is fixed."""
    for replayed in _outcomes(records):
        if replayed.outcome is Outcome.FIXED:
            forget(folder, replayed.id)
        yield replayed


def _outcomes(records: Sequence[Record]) -> Iterator[Replayed]:
    cases = [r for r in records if not isinstance(r.source, FunctionSource)]
    functions = [r for r in records if isinstance(r.source, FunctionSource)]
    if cases:
        from oracle.replay.cases import replay_cases  # noqa: PLC0415 - loads the engine

        yield from replay_cases(cases)
    if functions:
        from oracle.replay.functions import replay_functions  # noqa: PLC0415 - loads the engine

        yield from replay_functions(functions)
