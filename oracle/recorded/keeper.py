"""Failing findings to records, without ever disturbing the check that found them."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from oracle.execution.record import Kept, Recorded
from oracle.judge.verdict import Finding
from oracle.recorded.folder import (
    FOLDER,
    MOST,
    create,
    keep_newest,
    prepare,
    record_file,
    script_file,
    write,
)
from oracle.recorded.record import CaseSource, FunctionSource, Record, RecordError, place_of, read_record

Source = CaseSource | FunctionSource

TRIES = 20
"""IDs that are tried for a finding whose own is that of another function's finding."""


class Keeper:
    """Writes records into one folder and remembers what was kept; whatever goes wrong is a note."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._kept: dict[str, Kept] = {}
        self._left_out = 0
        self._trouble = ""

    @property
    def recorded(self) -> Recorded:
        """All that was kept so far."""
        note = self._trouble
        if self._left_out:
            note = f"{self._left_out} more failures are not recorded: {FOLDER} keeps {MOST}"
        return Recorded(dict(self._kept), note)

    def keep(self, finding: Finding, source: Callable[[], Source], script: Callable[[], str | None]) -> None:
        """Record a finding. Nothing is tried again once the folder could not be written to."""
        if self._trouble:
            return
        if len(self._kept) >= MOST:
            self._left_out += 1
            return
        try:
            if not self._kept:
                prepare(self.folder)
            self._kept[finding.id] = self._write(finding, source(), script())
            keep_newest(self.folder)
        except Exception as error:  # noqa: BLE001 - the check stands whatever becomes of its record
            what = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            kind = "" if isinstance(error, OSError) else f"{type(error).__name__}: "
            self._trouble = f"failures are not recorded in {_as_typed(self.folder)}: {kind}{what}"

    def _write(self, finding: Finding, source: Source, script: str | None) -> Kept:
        for attempt in range(TRIES):
            name = finding.id if attempt == 0 else f"{finding.id}-{attempt + 1}"
            record = Record(
                id=name, place=place_of(finding), source=source, has_script=script is not None
            ).model_dump_json(indent=1)
            file = record_file(self.folder, name)
            if not create(file, record):
                if not _is_of(file, name, source.origin):
                    continue
                write(file, record)
            path = script_file(self.folder, name)
            if script is None:
                path.unlink(missing_ok=True)
                return Kept(name)
            write(path, script)
            return Kept(name, _as_typed(path))
        msg = f"{TRIES} failures of other functions have the ID {finding.id}"
        raise ValueError(msg)


def _is_of(file: Path, name: str, origin: str) -> bool:
    """Whether the record in a file is of the same source, or of none that could be read."""
    try:
        return read_record(name, file.read_text(encoding="utf-8")).source.origin == origin
    except (RecordError, FileNotFoundError):
        return True


def _as_typed(path: Path) -> str:
    """The path as a person types it from here."""
    try:
        return os.path.relpath(path)
    except ValueError:  # on another drive
        return str(path)
