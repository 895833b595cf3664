"""Failure blocks: what is wrong, where, by how much, why, and how to see it again."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import groupby

from rich.text import Text

from oracle.execution.record import CaseResult, Run
from oracle.judge.verdict import Finding
from oracle.report.layout import flow, with_right
from oracle.report.tally import LOUDEST_FIRST
from oracle.report.words import (
    bits,
    known_as,
    number,
    place,
    reproduction,
    route_words,
    subject,
    verdict_words,
)

INDENT = "    "
OR = "     |     "
"""Between two commands, of which each does."""

ALSO_NAMED = 3
"""So many other places of the same fault are named; the rest is counted."""

CLOSE = 10.0
"""Below this ratio of the error to the allowed rounding the bits look alike, and the ratio is said."""

DETAIL_LINES = 1
"""Lines of a long detail, such as a traceback, without ``--verbose``."""


def failure_groups(run: Run) -> list[tuple[CaseResult, list[Finding]]]:
    """Failing findings that one fault explains: same case, framework and verdict; the worst finding first.

    Groups are in the order of verdicts, then of cases.
    """
    groups = []
    for result in run.results:
        failing = [f for f in (*result.findings, *result.expectations) if run.fails(f)]
        failing.sort(key=lambda f: (f.framework, LOUDEST_FIRST.index(f.verdict)))
        for _, same in groupby(failing, key=lambda f: (f.framework, f.verdict)):
            worst_first = sorted(same, key=_badness)
            groups.append((result, worst_first))
    groups.sort(key=lambda g: LOUDEST_FIRST.index(g[1][0].verdict))
    return groups


def _badness(finding: Finding) -> tuple[float, str, str, str]:
    """Sort key, worst first; NaN and unknown ratios last, then by name so that the order never varies."""
    rho = -1.0 if finding.rho is None or math.isnan(finding.rho) else finding.rho
    return (-rho, finding.dtype, finding.route, finding.argument)


def failure_block(
    run: Run, result: CaseResult, group: Sequence[Finding], width: int, *, verbose: bool
) -> list[Text]:
    """The lines of one group."""
    worst = group[0]
    head = [
        Text.assemble(("x ", "bold red"), (worst.case, "bold"), f" [{subject(worst)}]"),
        Text.assemble(f"{place(worst)}: ", (verdict_words(worst), "bold red")),
    ]
    lines = with_right(head, Text(f"id {known_as(worst, run)}", "dim"), width)
    for pieces in (
        _numbers(worst),
        _digits(worst),
        _detail(worst, verbose=verbose),
        _also(group, verbose=verbose),
    ):
        lines += flow(pieces, width, INDENT)
    commands = [Text(command, "cyan") for command in reproduction(worst, result.path, run)]
    lines += flow(commands, width, INDENT, gap=OR)
    return lines


def _numbers(finding: Finding) -> list[str]:
    """What was expected, what came, what the others say."""
    pieces = []
    if finding.reference is not None:
        pieces.append(f"reference  {finding.reference}")
    if finding.observed is not None:
        pieces.append(f"{finding.framework}  {number(finding.observed, finding.dtype)}")
    return pieces + [f"{who} {says}" for who, says in finding.voices]


def _digits(finding: Finding) -> list[str]:
    """By how much it is off, and since which node."""
    pieces = []
    if finding.bits_agreed is not None and finding.bits_expected is not None:
        agreed, expected = bits(finding.bits_agreed, finding.bits_expected)
        text = f"{agreed} bits agree, {expected} expected"
        if finding.condition is not None:
            text += f" (condition {finding.condition:.2g})"
        pieces.append(text)
    if finding.rho is not None and 1 < finding.rho < CLOSE:
        pieces.append(f"{finding.rho:.2g} times what rounding allows")
    if finding.failing_elements and finding.elements > 1:
        pieces.append(f"{finding.failing_elements:,} of {finding.elements:,} elements")
    if finding.culprit:
        pieces.append(f"culprit: {finding.culprit.told(lambda value: number(value, finding.dtype))}")
    if finding.formula:
        pieces.append(finding.formula)
    return pieces


def _detail(finding: Finding, *, verbose: bool) -> list[str]:
    lines = [line.rstrip() for line in finding.detail.splitlines() if line.strip()]
    if verbose or len(lines) <= DETAIL_LINES:
        return lines
    return [*lines[:DETAIL_LINES], f"{len(lines) - DETAIL_LINES} more lines with --verbose"]


def _also(group: Sequence[Finding], *, verbose: bool) -> list[str]:
    """Where else the same was found."""
    others = [f"{place(f)} [{route_words(f)}]" for f in group[1:]]
    named = others if verbose else others[:ALSO_NAMED]
    if len(named) < len(others):
        named.append(f"{len(others) - len(named)} more")
    return [f"also {named[0]}", *named[1:]] if named else []
