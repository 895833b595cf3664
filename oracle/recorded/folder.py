"""The folder ``.oracle``: a file and a script for each record, written so that nobody reads half of one."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

FOLDER = ".oracle"
MARKS = ("oracle.toml", "pyproject.toml")
"""A folder with one of these is that of a project; records are kept there, wherever below it a check runs."""

MOST = 200
"""Records that are kept; the oldest go first."""

FAILURES, SCRIPTS = "failures", "repro"


def folder_for(place: Path) -> Path:
    """Where failures seen from ``place`` are kept: in the nearest folder of a project, else right there."""
    for folder in (place, *place.parents):
        if any((folder / name).is_file() for name in MARKS):
            return folder / FOLDER
    return place / FOLDER


def record_file(folder: Path, name: str) -> Path:
    """The file of a record."""
    return folder / FAILURES / f"{name}.json"


def script_file(folder: Path, name: str) -> Path:
    """The file of a record's script."""
    return folder / SCRIPTS / f"{name}.py"


def prepare(folder: Path) -> None:
    """Make the folder, which git is told to leave alone. OSError if that cannot be."""
    for inner in (FAILURES, SCRIPTS):
        (folder / inner).mkdir(parents=True, exist_ok=True)
    ignore = folder / ".gitignore"
    if not ignore.exists():
        write(ignore, "*\n")


def write(file: Path, text: str) -> None:
    """Write a file as a whole: whoever reads it finds the old text or the new one."""
    with _beside(file, text) as made:
        made.replace(file)


def create(file: Path, text: str) -> bool:
    """Write a file as a whole unless there is one; whether it was written."""
    with _beside(file, text) as made:
        try:
            os.link(made, file)
        except FileExistsError:
            return False
        except OSError:  # a file system without links
            if file.exists():
                return False
            made.replace(file)
        return True


@contextlib.contextmanager
def _beside(file: Path, text: str) -> Iterator[Path]:
    """A finished file of the same text in the same folder, gone afterwards unless it was moved."""
    descriptor, name = tempfile.mkstemp(dir=file.parent, prefix=".", suffix=".part")
    made = Path(name)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            stream.write(text)
        made.chmod(0o644)  # mkstemp keeps it from everybody else
        yield made
    finally:
        made.unlink(missing_ok=True)


def names(folder: Path) -> list[str]:
    """IDs of all records, the newest first; none where there is no folder."""
    found = []
    with contextlib.suppress(FileNotFoundError), os.scandir(folder / FAILURES) as entries:
        for entry in entries:
            with contextlib.suppress(FileNotFoundError):  # another process forgets it at this moment
                if entry.name.endswith(".json"):
                    found.append((-entry.stat().st_mtime, entry.name.removesuffix(".json")))
    return [name for _, name in sorted(found)]


def forget(folder: Path, name: str) -> None:
    """Delete a record and its script."""
    record_file(folder, name).unlink(missing_ok=True)
    script_file(folder, name).unlink(missing_ok=True)


def keep_newest(folder: Path, most: int = MOST) -> None:
    """Delete the oldest records beyond ``most``."""
    for name in names(folder)[most:]:
        forget(folder, name)
