"""``docs/conventions.md`` says what the installed frameworks do."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from itertools import chain
from pathlib import Path

import pytest

from oracle.conventions import as_markdown, survey
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


def by_route(cell: str, routes: Collection[str]) -> dict[str, str]:
    """What each route says: the others after their names, the rest what stands first."""
    first, *others = re.split(r"; (?=[a-z]+\.[\w.]+: )", cell)
    named = dict(other.split(": ", 1) for other in others)
    return {route: named.get(route, first) for route in routes}


def changes(old: str, new: str, routes: Mapping[str, Collection[str]]) -> list[str]:
    """A sentence for each cell of ``new`` that is another in ``old``, and for each row in only one.

    ``routes`` are those to compare, by the framework that heads a column. The marks follow from the cells.
    """
    before, after = by_point(old), by_point(new)
    said = [f"{point}: not in the new table" for point in before.keys() - after.keys()]
    for point, row in after.items():
        if point not in before:
            said.append(f"{point}: not on the page")
            continue
        for column, cell in row.items():
            if column == MARK:
                continue
            asked = routes.get(column, [""])
            was, now = by_route(before[point][column], asked), by_route(cell, asked)
            said += [f"{point}: {r or column} was {was[r]}, is {now[r]}" for r in asked if was[r] != now[r]]
    return said


def changed_since(routes: Mapping[str, Collection[str]]) -> str:
    """How the page would change by what the installed ones of these frameworks say now by these routes."""
    found, _ = available(list(routes))
    versions = {f.name: f.version for f in found}
    rows = survey(found, routes=frozenset(chain(*routes.values())))
    changed = changes(PAGE.read_text(encoding="utf-8"), as_markdown(rows, versions), routes)
    how = f"look at each row with {versions}, then make the page again: oracle conventions > docs/{PAGE.name}"
    return "\n".join([how, *changed]) if changed else ""


def test_the_page_is_what_frameworks_answer() -> None:
    """Every row is that of today: valid slopes, central differences, torch by all routes, JAX by the route
    that takes the least time.
    """
    routes = {"torch": ["torch.autograd", "torch.func.vjp", "torch.func.jvp"], "jax": ["jax.jit"]}
    assert not (told := changed_since(routes)), told


@pytest.mark.slow
def test_the_page_is_what_jax_answers_by_other_routes() -> None:
    """Every row is that of today operation by operation, and in forward mode."""
    assert not (told := changed_since({"jax": ["jax.vjp", "jax.jvp"]})), told


def test_a_changed_row_is_named() -> None:
    """A different answer and a missing row are told with their point; nothing else is."""
    page = PAGE.read_text(encoding="utf-8")
    routes = {"torch": ["torch.autograd", "torch.func.jvp"], "jax": ["jax.jit"]}
    assert changes(page, page, routes) == []
    row = next(line for line in page.splitlines() if "`prelu(" in line)
    assert "| 0.25; torch.func.jvp: 1 |" in row
    point = "`prelu(x, weight)[0]` at x = 0, weight = 0.25"
    other = page.replace(row, row.replace("func.jvp: 1", "func.jvp: 0.5").replace("[0.25, 1]", "[0, 1]"))
    assert changes(page, other, routes) == [
        f"{point}: valid slopes was [0.25, 1], is [0, 1]",
        f"{point}: torch.func.jvp was 1, is 0.5",
    ]
    assert changes(page.replace(row, ""), page, routes) == [f"{point}: not on the page"]
    assert changes(page, page.replace(row, ""), routes) == [f"{point}: not in the new table"]
