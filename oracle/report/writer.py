"""What every report format implements, and where they all are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Protocol, TextIO

from oracle.execution.events import Event, RunFinished, RunStarted


@dataclass(frozen=True, slots=True)
class Page:
    """Where a writer writes: a stream, its width, whether it takes colors, whether to leave nothing out."""

    stream: TextIO
    width: int = 100
    color: bool = False
    verbose: bool = False


class Writer(Protocol):
    """Makes one report of the events of a run, which come in order and from one thread."""

    def start(self, event: RunStarted) -> None:
        """The run begins."""

    def handle(self, event: Event) -> None:
        """Something happened in between."""

    def finish(self, event: RunFinished) -> None:
        """The run is over, complete or interrupted."""


FORMATS = {
    "text": "oracle.report.text:TextWriter",
    "concise": "oracle.report.concise:ConciseWriter",
    "json": "oracle.report.document:JsonWriter",
}
"""Every format by name; a writer is made from a Page and loaded when it is asked for."""


def make_writer(format_: str, page: Page) -> Writer:
    """The writer of the format called ``format_``; KeyError if there is none."""
    module, _, name = FORMATS[format_].partition(":")
    make: Callable[[Page], Writer] = getattr(import_module(module), name)
    return make(page)
