"""Where reports go: ``--output FORMAT[=PATH]`` to open writers, and the progress to standard error."""

from __future__ import annotations

import difflib
import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import TextIO

from oracle.report.writer import FORMATS, Page, Writer, make_writer

FILE_WIDTH = 110
"""Columns of a text report in a file or a pipe, where nobody says how wide it is."""

WIDEST = 120
"""Longer lines are hard to read, however wide the terminal is."""


class OutputError(ValueError):
    """An ``--output`` that cannot be written; says what was found and what was expected."""


@contextmanager
def open_writers(
    outputs: Sequence[str], *, verbose: bool = False, quiet: bool = False
) -> Iterator[list[Writer]]:
    """A writer for each output and one for the progress; files are closed at the end.

    OutputError before anything has run, so that no long run is lost to a wrong path.
    """
    with ExitStack() as stack:
        writers = [] if quiet else [_progress()]
        on_stdout = 0
        for output in outputs:
            format_, _, path = output.partition("=")
            if format_ not in FORMATS:
                close = difflib.get_close_matches(format_, FORMATS, 1)
                hint = f"did you mean {close[0]!r}?" if close else f"expected one of {', '.join(FORMATS)}"
                raise OutputError(f"--output {output}: unknown format {format_!r}; {hint}")
            on_stdout += not path
            if on_stdout > 1:
                raise OutputError(f"--output {output}: only one format can go to standard output; add =PATH")
            page = (
                Page(_open(path, output, stack), FILE_WIDTH, verbose=verbose)
                if path
                else screen(verbose=verbose)
            )
            writers.append(make_writer(format_, page))
        yield writers


def _open(path: str, output: str, stack: ExitStack) -> TextIO:
    try:
        return stack.enter_context(open(path, "w", encoding="utf-8"))  # noqa: PTH123  (a path as it was given)
    except OSError as error:
        raise OutputError(f"--output {output}: {error.strerror or error}") from error


def screen(*, verbose: bool) -> Page:
    """Standard output as it is: a terminal has a width, and colors unless NO_COLOR is set."""
    terminal = sys.stdout.isatty()
    columns = shutil.get_terminal_size((FILE_WIDTH, 24)).columns  # COLUMNS, if it is set
    width = min(columns, WIDEST)
    color = bool(os.environ.get("FORCE_COLOR")) or (terminal and os.environ.get("TERM") != "dumb")
    return Page(sys.stdout, width, color=color and not os.environ.get("NO_COLOR"), verbose=verbose)


def _progress() -> Writer:
    from oracle.report.progress import BarProgress, PlainProgress  # noqa: PLC0415  (rich.progress only if wanted)

    moving = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
    return BarProgress(sys.stderr) if moving else PlainProgress(sys.stderr)
