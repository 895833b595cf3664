"""The result of a function's check for a person: an error's message, and what ``print(result)`` shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from oracle.judge.verdict import UNJUDGED, Verdict
from oracle.report.blocks import failure_block, failure_groups
from oracle.report.layout import flow
from oracle.report.words import count, route_words

if TYPE_CHECKING:
    from oracle.functions.result import Result

QUIET = frozenset({Verdict.AGREE, Verdict.NOT_OFFERED})
"""Verdicts that are only counted."""


def report(result: Result, width: int) -> str:
    """Failures in blocks, then one line on all else."""
    run = result.as_run()
    lines = []
    for case, group in failure_groups(run):
        lines += [line.plain for line in failure_block(run, case, group, width, verbose=False)]
    for finding in result.findings:
        if finding.verdict not in QUIET and not run.fails(finding):
            said = f"waived: {finding.known.reason}" if finding.known and finding.expected else finding.detail
            pieces = [f"{finding.verdict.value}  {finding.argument} [{route_words(finding)}]", said]
            lines += [line.plain for line in flow([p for p in pieces if p], width)]
    notes = [*result.notes, *([result.recorded.note] if result.recorded.note else [])]
    lines += [line.plain for note in notes for line in flow([note], width)]
    return "\n".join([*lines, _summary(result)])


def _summary(result: Result) -> str:
    compared = [f for f in result.findings if f.verdict not in UNJUDGED and f.elements]
    routes = list(dict.fromkeys(f.route for f in compared if not f.route.startswith("contract")))
    powers = [f.power for f in compared if f.power is not None]
    state = "certified" if result.certified else "estimated" if result.judged else "not certified"
    text = f"{result.name}: {result.verdict.value}, {state}, {count(len(compared), 'comparison')}"
    if routes:
        text += f" by {', '.join(routes)}"
    if powers:
        text += f"; an error of {max(powers):.0e} relative would have been seen"
    return text
