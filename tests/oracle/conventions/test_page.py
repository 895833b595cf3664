"""``docs/conventions.md`` says what the installed frameworks do."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from oracle.conventions import as_markdown, survey
from oracle.conventions.survey import MODES, Mode
from oracle.frameworks.registry import available

PAGE = Path(__file__).parents[3] / "docs" / "conventions.md"
Cells = dict[str, str]
FIRST, SECOND = "function", "at"
MARK = ""


def rows(page: str) -> Iterator[Cells]:
    """The rows of all tables, by column."""
    head: list[str] = []
    for line in page.splitlines():
        if not line.startswith("|"):
            continue
        cells = [c.strip().replace("\\|", "|") for c in re.split(r"(?<!\\)\|", line)[1:-1]]
        if cells[1] == FIRST:
            head = cells
        elif cells[1] != "---":
            yield dict(zip(head, cells, strict=True))


def by_point(page: str) -> dict[str, Cells]:
    """Rows by function and place."""
    return {f"{row[FIRST]} at {row[SECOND]}": row for row in rows(page)}


def changes(old: str, new: str, *, forward: bool) -> list[str]:
    """A sentence for each cell of ``new`` that is another in ``old``, and for each row in only one."""
    before, after = by_point(old), by_point(new)
    said = [f"{point}: not in the new table" for point in before.keys() - after.keys()]
    for point, row in after.items():
        if point not in before:
            said.append(f"{point}: not on the page")
            continue
        for column, cell in row.items():
            # A mark may come from forward mode, and from a framework that is not installed.
            if column == MARK and not forward:
                continue
            was, now = (c if forward else c.partition("; forward:")[0] for c in (before[point][column], cell))
            if was != now:
                said.append(f"{point}: {column} was {was}, is {now}")
    return said


def fresh(*modes: Mode) -> str:
    """The page as it would be made now, with what is installed of the frameworks on it."""
    frameworks, _ = available(["torch", "jax"])
    return as_markdown(survey(frameworks, modes=modes), {f.name: f.version for f in frameworks})


HOW = "a framework answers differently; look at each row, then run: oracle conventions > docs/conventions.md"


def test_the_page_is_what_frameworks_answer() -> None:
    """Reverse mode, valid slopes and central differences of every row are those of today."""
    changed = changes(PAGE.read_text(encoding="utf-8"), fresh("reverse"), forward=False)
    assert not changed, "\n".join([HOW, *changed])


@pytest.mark.slow
def test_the_page_is_what_frameworks_answer_in_forward_mode_too() -> None:
    """Every cell of every row is that of today."""
    changed = changes(PAGE.read_text(encoding="utf-8"), fresh(*MODES), forward=len(available()[0]) > 1)
    assert not changed, "\n".join([HOW, *changed])


def test_a_changed_row_is_named() -> None:
    """A different answer and a missing row are told with their point; nothing else is."""
    page = PAGE.read_text(encoding="utf-8")
    assert changes(page, page, forward=True) == []
    abs_row = next(line for line in page.splitlines() if "`abs(x)`" in line)
    other = page.replace(abs_row, abs_row.replace("[-1, 1]", "[-2, 1]"))
    assert changes(page, other, forward=True) == ["`abs(x)` at x = 0: valid slopes was [-1, 1], is [-2, 1]"]
    assert changes(page.replace(abs_row + "\n", ""), page, forward=True) == [
        "`abs(x)` at x = 0: not on the page"
    ]
    assert changes(page, page.replace(abs_row, ""), forward=True) == [
        "`abs(x)` at x = 0: not in the new table"
    ]
