"""The computational graph as an SVG picture, with the backward pass and its cotangents in another color."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise

from oracle.explain.derive import Derivation
from oracle.explain.layout import Key, Layout, lay_out
from oracle.explain.numbers import show
from oracle.explain.text import slope

CHARACTER = 7.9
"""Width of a character of 13 px in the fonts that are asked for."""

LINE, PADDING, MARGIN = 19.0, 12.0, 24.0
SPACE, STEP = 46.0, 22.0
"""Height between layers without labels, and for each row of labels."""

PAIR = 5.0
"""Half the distance between the forward arrow of an edge and its backward arrow."""

LONGEST = 40
"""Characters of one line of text; the rest is cut."""

STYLE = """
.card { fill: #ffffff; stroke: #d0d7de } .under { fill: #ffffff }
.box { fill: #f6f8fa; stroke: #57606a } .input { fill: #ddf4ff; stroke: #0969da }
.edge { stroke: #57606a; fill: none; stroke-width: 1.5 } .tip { fill: #57606a }
.back { stroke: #bc4c00; fill: none; stroke-width: 1.5; stroke-dasharray: 5 4 } .backtip { fill: #bc4c00 }
text { font: 13px ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace }
text { fill: #1f2328 }
.name { font-weight: bold } .local { fill: #57606a } .cotangent { fill: #bc4c00 }
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

Point = tuple[float, float]


@dataclass(frozen=True)
class Box:
    """The lines of text in one box, each with its class, and the class of the box."""

    kind: str
    lines: tuple[tuple[str, str], ...]

    @property
    def width(self) -> float:
        """Room for the longest line."""
        return max(len(text) for _, text in self.lines) * CHARACTER + 2 * PADDING

    @property
    def height(self) -> float:
        """Room for all lines."""
        return len(self.lines) * LINE + 2 * PADDING - 4


@dataclass(frozen=True)
class Label:
    """The text beside an edge, and the row between the layers that it stands in."""

    edge: tuple[int, int]
    text: str
    row: int


def as_svg(derivation: Derivation) -> str:
    """The picture; the same text for the same derivation. It follows the reader's light or dark setting."""
    boxes = {i: _box(derivation, i) for i in derivation.names if i in derivation.values}
    edges = sorted(
        {(s, t) for t in derivation.steps for s in derivation.program.nodes[t].inputs if s in boxes}
    )
    layout = lay_out({i: box.width for i, box in boxes.items()}, edges)
    labels = _labels(derivation, layout)
    tops, bottoms = _heights(layout, boxes, labels)
    parts = _arrows(derivation, layout, tops, bottoms)
    parts += _label_texts(layout, labels, tops, bottoms)
    for i, box in boxes.items():
        parts += _box_text(box, layout.centers[i] + MARGIN, tops[_layer(layout, i)])
    legend = 60 + max(len(text) for _, _, text in LEGEND) * CHARACTER
    reach = max((_label_right(layout, label) for label in labels), default=0.0)
    width = max(layout.width + 2 * MARGIN, legend + 2 * MARGIN, reach + MARGIN)
    height = bottoms[-1] + MARGIN + LINE * len(LEGEND) + MARGIN
    for row, (line, kind, text) in enumerate(LEGEND):
        y = bottoms[-1] + MARGIN + LINE * (row + 1)
        parts.append(f'<path class="{line}" d="M{MARGIN:.1f} {y - 4:.1f}h36"/>')
        parts.append(_text(kind, MARGIN + 48, y, text, anchor="start"))
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


def _labels(derivation: Derivation, layout: Layout) -> list[Label]:
    """Labels of the edges with a local derivative, in rows so that they do not run into each other."""
    found: list[Label] = []
    rows: dict[tuple[int, int], list[float]] = {}
    known = {(e.source, e.target): e for e in derivation.edges}
    for edge in sorted(layout.paths, key=lambda e: _middle(layout, e)):
        if edge in known:
            local = known[edge].local
            shown = known[edge].formula if local is None else show(local)
            text = _cut(f"{slope(derivation, known[edge])} = {shown}")
            gap = _layer(layout, edge[1])
            start = _middle(layout, edge) + PAIR + 6
            row = next(r for r in range(len(known) + 1) if all(x < start for x in rows.get((gap, r), ())))
            rows.setdefault((gap, row), []).append(start + len(text) * CHARACTER + 10)
            found.append(Label(edge, text, row))
    return found


def _middle(layout: Layout, edge: tuple[int, int]) -> float:
    """Where an edge is, halfway through the gap above its target."""
    before, last = layout.paths[edge][-2:]
    return (layout.centers[before] + layout.centers[last]) / 2


def _label_right(layout: Layout, label: Label) -> float:
    return MARGIN + _middle(layout, label.edge) + PAIR + 6 + len(label.text) * CHARACTER


def _layer(layout: Layout, key: Key) -> int:
    return next(k for k, layer in enumerate(layout.layers) if key in layer)


def _heights(
    layout: Layout, boxes: Mapping[int, Box], labels: Sequence[Label]
) -> tuple[list[float], list[float]]:
    """Top and bottom of each layer."""
    tops: list[float] = []
    bottoms: list[float] = []
    y = MARGIN
    for k, layer in enumerate(layout.layers):
        rows = max((label.row + 1 for label in labels if _layer(layout, label.edge[1]) == k), default=0)
        y += (SPACE + STEP * rows) if k else 0.0
        tops.append(y)
        y += max((boxes[key].height for key in layer if isinstance(key, int)), default=LINE)
        bottoms.append(y)
    return tops, bottoms


def _arrows(
    derivation: Derivation, layout: Layout, tops: Sequence[float], bottoms: Sequence[float]
) -> list[str]:
    """Each edge as a solid line forward, and beside it a dashed one backward where something is sent back."""
    sends = {(e.source, e.target) for e in derivation.edges if e.sent is not None}
    parts: list[str] = []
    for edge, path in layout.paths.items():
        shift = PAIR if edge in sends else 0.0
        forward = _points(layout, path, -shift, tops, bottoms)
        parts.append(f'<path class="edge" d="{_curve(forward)}"/>' + _tip("tip", forward[-1], 1))
        if edge in sends:
            backward = _points(layout, path, shift, tops, bottoms)[::-1]
            parts.append(f'<path class="back" d="{_curve(backward)}"/>' + _tip("backtip", backward[-1], -1))
    return parts


def _points(
    layout: Layout, path: Sequence[Key], shift: float, tops: Sequence[float], bottoms: Sequence[float]
) -> list[Point]:
    points: list[Point] = []
    for place, key in enumerate(path):
        k, x = _layer(layout, key), MARGIN + layout.centers[key] + shift
        if place > 0:
            points.append((x, tops[k]))
        if place < len(path) - 1:
            points.append((x, bottoms[k]))
    return points


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


def _label_texts(
    layout: Layout, labels: Sequence[Label], tops: Sequence[float], bottoms: Sequence[float]
) -> list[str]:
    parts: list[str] = []
    for label in labels:
        k = _layer(layout, label.edge[1])
        used = max(other.row for other in labels if _layer(layout, other.edge[1]) == k)
        middle = (bottoms[k - 1] + tops[k]) / 2
        y = middle + 4 + STEP * (label.row - used / 2)
        x = MARGIN + _middle(layout, label.edge) + PAIR + 6
        width = len(label.text) * CHARACTER + 4
        parts.append(
            f'<rect class="under" x="{x - 2:.1f}" y="{y - 13:.1f}" width="{width:.1f}" height="17"/>'
        )
        parts.append(_text("local", x, y, label.text, anchor="start"))
    return parts


def _box_text(box: Box, center: float, top: float) -> list[str]:
    left = center - box.width / 2
    size = f'width="{box.width:.1f}" height="{box.height:.1f}"'
    parts = [f'<rect class="{box.kind}" x="{left:.1f}" y="{top:.1f}" {size} rx="6"/>']
    for row, (kind, text) in enumerate(box.lines):
        parts.append(_text(kind, center, top + PADDING + LINE * row + 11, text, anchor="middle"))
    return parts


def _text(kind: str, x: float, y: float, text: str, *, anchor: str) -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else text[: LONGEST - 3] + "..."
