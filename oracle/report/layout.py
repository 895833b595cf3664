"""Text that fits: styled pieces flowed into lines of a given width."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.text import Text

from oracle.report.writer import Page

GAP = "   "
NARROWEST = 40
"""Below this width pieces are no longer broken; the terminal may do it."""


def console_for(page: Page) -> Console:
    """A console that prints prepared lines and changes nothing about them."""
    return Console(
        file=page.stream,
        width=page.width,
        force_terminal=page.color,
        color_system="standard" if page.color else None,
        highlight=False,
        markup=False,
        emoji=False,
        legacy_windows=False,
    )


def flow(pieces: Iterable[str | Text], width: int, indent: str = "", gap: str = GAP) -> list[Text]:
    """Pieces side by side while they fit, else on a new line; a piece that is too long is broken at spaces.

    >>> [line.plain for line in flow(["reference  0.25", "jax  0.2451", "torch agrees"], 40, "  ")]
    ['  reference  0.25   jax  0.2451', '  torch agrees']
    """
    lines: list[Text] = []
    room = max(width, NARROWEST) - len(indent)
    for piece in pieces:
        text = piece.copy() if isinstance(piece, Text) else Text(piece)
        if lines and lines[-1].cell_len + len(gap) + text.cell_len <= len(indent) + room:
            lines[-1].append(gap).append_text(text)
            continue
        for number, part in enumerate(_broken(text, room)):
            hang = "  " if number else ""
            lines.append(Text(indent + hang).append_text(part))
    return lines


def _broken(text: Text, room: int) -> list[Text]:
    """The text in parts of at most ``room`` cells where its spaces allow; later parts leave room to hang."""
    if text.cell_len <= room:
        return [text]
    parts = []
    rest = text
    limit = room
    while rest.cell_len > limit:
        cut = rest.plain.rfind(" ", 1, limit + 1)
        if cut <= 0:
            cut = rest.plain.find(" ", limit)
        if cut <= 0:
            break
        parts.append(rest[:cut])
        rest = rest[cut + 1 :]
        limit = room - 2
    return [*parts, rest]


def with_right(left: Sequence[str | Text], right: Text, width: int, indent: str = "") -> list[Text]:
    """Pieces on the left and one piece flush right, on a line of its own where there is no room."""
    lines = flow(left, width, indent, gap="  ")
    last = lines[-1]
    space = width - last.cell_len - right.cell_len
    if space >= len(GAP):
        last.append(" " * space).append_text(right)
        return lines
    return [*lines, Text(indent + "    ").append_text(right)]


def columns(rows: Sequence[Sequence[str]], width: int, indent: str = "    ") -> list[Text]:
    """Rows with aligned columns if the widest fits, else each row as it fits.

    >>> [line.plain for line in columns([("a", "x"), ("long", "y")], 60)]
    ['    a      x', '    long   y']
    """
    if not rows:
        return []
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    aligned = [
        Text(indent + GAP.join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip())
        for row in rows
    ]
    if max(line.cell_len for line in aligned) <= width:
        return aligned
    return [line for row in rows for line in _stacked([cell for cell in row if cell], width, indent)]


def _stacked(cells: Sequence[str], width: int, indent: str) -> list[Text]:
    """One row on one line if it fits, else its first cell above the others."""
    line = Text(indent + GAP.join(cells))
    if line.cell_len <= width:
        return [line]
    return [*flow(cells[:1], width, indent), *flow(cells[1:], width, f"{indent}  ")]
