"""The table as a page in Markdown, one line for each point."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby

from oracle.conventions.survey import Row
from oracle.conventions.wording import differences_text, mark, place_text, reply_text, valid_text

INTRODUCTION = """\
# Conventions at kinks

What each framework answers where an operation is not differentiable, or where its formula is 0/0, in
float64. Made by `oracle conventions > docs/conventions.md`; a test holds the rows to the frameworks that
are installed.

- **valid slopes**: all limits of the gradient at nearby points, and their mixtures (Clarke's
  subdifferential). A single number means that the function is differentiable there after all. Where there
  is none, the function has a *jump*, its slope is *unbounded*, or it is *undefined* nearby; then each input
  is looked at with the others held. At the end of a domain only the inside counts.
- **frameworks**: reverse mode, as `torch.autograd` and `jax.vjp` give it; other routes follow by name where
  they answer something else (`torch.func.jvp` and `jax.jvp` are forward mode). **Bold** is a finding:
  outside of the valid slopes, or NaN or infinity where there are some. Where no slope is valid nothing is a
  finding, and infinity, NaN, 0 and an exception are all listed. A framework without a function of that name
  has it written in its other operations; *not there* means that its adapter has no such operation.
- **central difference**: the limit of (f(x + h) - f(x - h)) / 2h in each element, in exact arithmetic. At a
  kink it is the mean of both sides; at a pole it may exist too; it is *undefined* where one side has no
  value.
- The first column has `≠` where frameworks answer differently and `!` for a finding. Causes are in
  [findings](findings.md).
"""


TITLES = {"linalg": "Linear algebra"}
"""Headings of families whose name is no word."""


def as_markdown(rows: Iterable[Row], versions: Mapping[str, str]) -> str:
    """The whole page; ``versions`` are those of the frameworks by name, in the order of the columns."""
    listed = list(rows)
    parts = [INTRODUCTION, _count(listed, versions)]
    for family, group in groupby(listed, key=lambda row: row.point.family):
        parts.append(
            f"## {TITLES.get(family, family.capitalize())}\n\n"
            + "\n".join(_table(list(group), list(versions)))
            + "\n"
        )
    return "\n".join(parts)


def _count(rows: Sequence[Row], versions: Mapping[str, str]) -> str:
    marks = [mark(row) for row in rows]
    names = ", ".join(f"{name} {version}" for name, version in versions.items()) or "no framework"
    differ = f"; frameworks differ at {sum('≠' in m for m in marks)}" if len(versions) > 1 else ""
    return f"Versions: {names}. {len(rows)} points{differ}; findings at {sum('!' in m for m in marks)}.\n"


def _table(rows: Sequence[Row], frameworks: Sequence[str]) -> list[str]:
    head = ["", "function", "at", "valid slopes", *frameworks, "central difference"]
    return [_line(head), _line(["---"] * len(head)), *(_line(cells(row, frameworks)) for row in rows)]


def cells(row: Row, frameworks: Sequence[str]) -> list[str]:
    """The cells of one row."""
    return [
        mark(row),
        f"`{row.point.expression}`",
        place_text(row),
        valid_text(row),
        *(_answers(row, name) for name in frameworks),
        differences_text(row),
    ]


def _answers(row: Row, framework: str) -> str:
    """The main route, and by its name each other one that says something else."""
    first, *others = row.replies[framework]
    said = reply_text(row, first)
    return "; ".join([said, *(f"{o.route}: {t}" for o in others if (t := reply_text(row, o)) != said)])


def _line(columns: Sequence[str]) -> str:
    return f"| {' | '.join(c.replace('|', chr(92) + '|') for c in columns)} |"
