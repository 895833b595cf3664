"""The strokes of a drawn graph: boxes of text, bent edges with tips, in a style that follows the reader's
light or dark setting.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from itertools import pairwise

from oracle.explain.picture import LINE, PADDING, Box, Point

LONGEST = 40
"""Characters of one line of text; the rest is cut."""

STYLE = """
.card { fill: #ffffff; stroke: #d0d7de } .under { fill: #ffffff }
.box { fill: #f6f8fa; stroke: #57606a } .input { fill: #ddf4ff; stroke: #0969da }
.edge { stroke: #57606a; fill: none; stroke-width: 1.5 } .tip { fill: #57606a }
.back { stroke: #bc4c00; fill: none; stroke-width: 1.5; stroke-dasharray: 5 4 } .backtip { fill: #bc4c00 }
text { font: 13px ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace }
text { fill: #1f2328 } .name { font-weight: bold } .local { fill: #57606a } .cotangent { fill: #bc4c00 }
@media (prefers-color-scheme: dark) {
.card { fill: #0d1117; stroke: #30363d } .under { fill: #0d1117 }
.box { fill: #161b22; stroke: #8b949e } .input { fill: #0c2d6b; stroke: #58a6ff }
.edge { stroke: #8b949e } .tip { fill: #8b949e } .back { stroke: #f0883e } .backtip { fill: #f0883e }
text { fill: #e6edf3 } .local { fill: #9da7b3 } .cotangent { fill: #f0883e }
}
"""


def curve(points: Sequence[Point]) -> str:
    """Straight inside a layer, bent smoothly between layers; both ends leave upright."""
    path = f"M{points[0][0]:.1f} {points[0][1]:.1f}"
    for (x0, y0), (x1, y1) in pairwise(points):
        middle = (y0 + y1) / 2
        path += f"C{x0:.1f} {middle:.1f} {x1:.1f} {middle:.1f} {x1:.1f} {y1:.1f}"
    return path


def tip(kind: str, end: Point, direction: int) -> str:
    """The point of an arrow that goes down, or up where ``direction`` is -1."""
    x, y = end
    back = y - 8 * direction
    return f'<path class="{kind}" d="M{x:.1f} {y:.1f}L{x - 4:.1f} {back:.1f}L{x + 4:.1f} {back:.1f}Z"/>'


def box_text(box: Box, center: float, top: float) -> list[str]:
    """A box with its lines."""
    left = center - box.width / 2
    size = f'width="{box.width:.1f}" height="{box.height:.1f}"'
    parts = [f'<rect class="{box.kind}" x="{left:.1f}" y="{top:.1f}" {size} rx="6"/>']
    for row, (kind, words) in enumerate(box.lines):
        parts.append(text(kind, center, top + PADDING + LINE * row + 11, words, anchor="middle"))
    return parts


def text(kind: str, x: float, y: float, words: str, *, anchor: str) -> str:
    """Words at a place."""
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(words)}</text>'


def cut(words: str) -> str:
    """Words that fit into a box."""
    return words if len(words) <= LONGEST else words[: LONGEST - 3] + "..."


def svg(title: str, width: float, height: float, parts: Sequence[str], style: str = STYLE) -> str:
    """The whole picture on its card."""
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
        f'viewBox="0 0 {width:.0f} {height:.0f}" role="img">'
    )
    named = f"<title>{escape(title)}</title><style>{style}</style>"
    card = f'<rect class="card" x="0.5" y="0.5" width="{width - 1:.0f}" height="{height - 1:.0f}" rx="8"/>'
    return "\n".join([head, named, card, *parts, "</svg>"]) + "\n"
