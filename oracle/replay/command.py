"""The commands on recorded failures, once their options are read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from rich.console import Console

from oracle.recorded.record import Record
from oracle.replay.outcome import Outcome
from oracle.replay.replay import records_of, replay
from oracle.report.layout import flow
from oracle.report.replay import outcome_lines, sum_line

NOTHING = "no failures are recorded here"


def replay_all(wanted: Sequence[str], console: Console, width: int) -> int:
    """Replay records and print what became of each; the exit status: 2 if one could not be run, 1 if one
    failed. UnknownRecordError for an ID that none has.
    """
    folder, records, unread = records_of(wanted, Path.cwd())
    if not records and not unread:
        console.print(NOTHING)
        return 0
    show = _printing(console)
    outcomes: list[Outcome] = []
    for replayed in replay(records, folder):
        outcomes.append(replayed.outcome)
        for line in outcome_lines(replayed.outcome, replayed.id, replayed.place, replayed.because, width):
            show(line)
    for sentence in unread:
        outcomes.append(Outcome.ERROR)
        for line in flow([f"! ERROR  {sentence}"], width):
            show(line)
    show(sum_line(outcomes))
    return status_of(outcomes)


def _printing(console: Console) -> Callable[[object], None]:
    return lambda line: console.print(line, soft_wrap=True)


def status_of(outcomes: Sequence[Outcome]) -> int:
    """2 goes before 1: what could not be run may be anything.

    >>> status_of([Outcome.FIXED, Outcome.FAILED]), status_of([Outcome.ERROR, Outcome.FAILED])
    (1, 2)
    """
    if Outcome.ERROR in outcomes:
        return 2
    return 1 if Outcome.FAILED in outcomes else 0


def explained(name: str, svg: Path | None, width: int) -> str:
    """The recorded failure step by step, its graph with the culprit in red drawn into ``svg``.

    UnknownRecordError for an ID that none has; ValueError where there is nothing to explain.
    """
    from oracle.replay.explanation import explanation_of, picture_of  # noqa: PLC0415 - loads the engine

    _, records, unread = records_of([name], Path.cwd())
    if unread:
        raise ValueError(unread[0])
    record: Record = records[0]
    if svg is not None:
        svg.write_text(picture_of(record), encoding="utf-8")
    return explanation_of(record, width)
