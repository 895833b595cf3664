"""The computational graph as an SVG picture, with the backward pass and its cotangents in another color."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from itertools import pairwise

from oracle.explain.derive import Derivation
from oracle.explain.numbers import show
from oracle.explain.picture import CHARACTER, LINE, MARGIN, PADDING, PAIR, Arrow, Box, Picture, Point, compose
from oracle.explain.text import local_value, slope

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

LEGEND = (
    ("edge", "local", "forward pass, with local derivatives"),
    ("back", "cotangent", "backward pass, with the gradient so far"),
)


def as_svg(derivation: Derivation) -> str:
    """The picture; the same text for the same derivation. It follows the reader's light or dark setting."""
    boxes = {i: _box(derivation, i) for i in derivation.names if i in derivation.values}
    nodes = derivation.program.nodes
    arrows = sorted({(s, t) for t in derivation.steps for s in nodes[t].inputs if s in boxes})
    picture = compose(boxes, _texts(derivation), arrows)
    parts = [*_lines(derivation, picture), *_labels(picture)]
    for i, box in boxes.items():
        center, top = MARGIN + picture.layout.centers[i], picture.tops[picture.layer[i]]
        parts += _box_text(box, center, top)
    parts += _legend(picture.bottoms[-1] + MARGIN)
    width = max(picture.width, 72 + max(len(text) for *_, text in LEGEND) * CHARACTER) + MARGIN
    height = picture.bottoms[-1] + 2 * MARGIN + LINE * len(LEGEND)
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
        f'viewBox="0 0 {width:.0f} {height:.0f}" role="img">'
    )
    title = f"<title>{escape(f'Computational graph of {derivation.total}')}</title><style>{STYLE}</style>"
    card = f'<rect class="card" x="0.5" y="0.5" width="{width - 1:.0f}" height="{height - 1:.0f}" rx="8"/>'
    return "\n".join([head, title, card, *parts, "</svg>"]) + "\n"


def _box(derivation: Derivation, index: int) -> Box:
    node = derivation.program.nodes[index]
    name, value = derivation.names[index], show(derivation.values[index], node.type.kind)
    if index in derivation.steps:
        lines = [("name", _cut(f"{name} = {derivation.expression(index)}")), ("value", _cut(f"= {value}"))]
    else:
        lines = [("name", _cut(f"{name} = {value}"))]
    if index in derivation.cotangents and name != derivation.total:
        found = show(derivation.cotangents[index])
        lines.append(("cotangent", _cut(f"d({derivation.total})/d{name} = {found}")))
    return Box("box" if index in derivation.steps else "input", tuple(lines))


def _texts(derivation: Derivation) -> dict[Arrow, str]:
    """The local derivative beside each edge that has one."""
    texts: dict[Arrow, str] = {}
    for edge in derivation.edges:
        shown = edge.formula if edge.local is None else local_value(edge.local)
        texts[edge.source, edge.target] = _cut(f"{slope(derivation, edge)} = {shown}")
    return texts


def _lines(derivation: Derivation, picture: Picture) -> list[str]:
    """Each edge as a solid line forward, and beside it a dashed one backward where something is sent back."""
    sends = {(e.source, e.target) for e in derivation.edges if e.sent is not None}
    parts: list[str] = []
    for arrow in picture.layout.paths:
        forward = picture.points(arrow, -PAIR if arrow in sends else 0.0)
        parts.append(f'<path class="edge" d="{_curve(forward)}"/>' + _tip("tip", forward[-1], 1))
        if arrow in sends:
            backward = picture.points(arrow, PAIR)[::-1]
            parts.append(f'<path class="back" d="{_curve(backward)}"/>' + _tip("backtip", backward[-1], -1))
    return parts


def _curve(points: Sequence[Point]) -> str:
    """Straight inside a layer, bent smoothly between layers; both ends leave upright."""
    text = f"M{points[0][0]:.1f} {points[0][1]:.1f}"
    for (x0, y0), (x1, y1) in pairwise(points):
        middle = (y0 + y1) / 2
        text += f"C{x0:.1f} {middle:.1f} {x1:.1f} {middle:.1f} {x1:.1f} {y1:.1f}"
    return text


def _tip(kind: str, end: Point, direction: int) -> str:
    x, y = end
    back = y - 8 * direction
    return f'<path class="{kind}" d="M{x:.1f} {y:.1f}L{x - 4:.1f} {back:.1f}L{x + 4:.1f} {back:.1f}Z"/>'


def _labels(picture: Picture) -> list[str]:
    parts: list[str] = []
    for label in picture.labels:
        x, y, width = label.x - 2, picture.label_height(label), label.right - label.x + 4
        parts.append(f'<rect class="under" x="{x:.1f}" y="{y - 13:.1f}" width="{width:.1f}" height="17"/>')
        parts.append(_text("local", label.x, y, label.text, anchor="start"))
    return parts


def _box_text(box: Box, center: float, top: float) -> list[str]:
    left = center - box.width / 2
    size = f'width="{box.width:.1f}" height="{box.height:.1f}"'
    parts = [f'<rect class="{box.kind}" x="{left:.1f}" y="{top:.1f}" {size} rx="6"/>']
    for row, (kind, text) in enumerate(box.lines):
        parts.append(_text(kind, center, top + PADDING + LINE * row + 11, text, anchor="middle"))
    return parts


def _legend(top: float) -> list[str]:
    parts: list[str] = []
    for row, (line, kind, text) in enumerate(LEGEND):
        y = top + LINE * (row + 1)
        parts.append(f'<path class="{line}" d="M{MARGIN:.1f} {y - 4:.1f}h36"/>')
        parts.append(_text(kind, MARGIN + 48, y, text, anchor="start"))
    return parts


def _text(kind: str, x: float, y: float, text: str, *, anchor: str) -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else text[: LONGEST - 3] + "..."
