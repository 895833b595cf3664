"""What ``oracle replay`` prints: a line or two for each record, then a sum."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from rich.text import Text

from oracle.judge.verdict import Finding
from oracle.report.layout import flow
from oracle.report.words import count, place, subject

INDENT = "    "

LOOKS = {"FIXED": ("+ ", "bold green"), "FAILED": ("x ", "bold red"), "ERROR": ("! ", "bold yellow")}
"""Mark and style of each outcome."""


def outcome_lines(outcome: str, name: str, finding: Finding, because: str, width: int) -> list[Text]:
    """The lines on one record."""
    mark, style = LOOKS[outcome]
    head: list[str | Text] = [
        Text.assemble((mark + outcome.ljust(6), style), " ", (name, "cyan")),
        Text.assemble((finding.case, "bold"), f" [{subject(finding)}]"),
        place(finding),
    ]
    first, *more = flow(head, width - len(INDENT), gap="  ")
    lines = [first, *(Text(INDENT).append_text(line) for line in more)]
    return [*lines, *flow([because], width, INDENT)] if because else lines


def sum_line(outcomes: Sequence[str]) -> Text:
    """How many there were of each outcome."""
    found = Counter(outcomes)
    said = [f"{found[name]} {name.lower()}" for name in LOOKS if found[name]]
    return Text(f"{count(len(outcomes), 'recorded failure')}: {', '.join(said)}")
