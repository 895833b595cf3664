"""The computational graph as an SVG picture, with the backward pass and its cotangents in another color."""

from __future__ import annotations

from oracle.explain.blame import RED, blame_lines, is_blamed
from oracle.explain.derive import Derivation
from oracle.explain.drawing import STYLE, box_text, curve, cut, svg, text, tip
from oracle.explain.numbers import show
from oracle.explain.picture import CHARACTER, LINE, MARGIN, PAIR, Arrow, Box, Picture, compose
from oracle.explain.text import local_value, slope
from oracle.judge.verdict import Culprit

LEGEND = (
    ("edge", "local", "forward pass, with local derivatives"),
    ("back", "cotangent", "backward pass, with the gradient so far"),
)


def as_svg(derivation: Derivation, culprit: Culprit | None = None) -> str:
    """The picture; the same text for the same derivation. It follows the reader's light or dark setting.

    The culprit's node is red and says what is off.
    """
    boxes = {i: _box(derivation, i, culprit) for i in derivation.names if i in derivation.values}
    nodes = derivation.program.nodes
    arrows = sorted({(s, t) for t in derivation.steps for s in nodes[t].inputs if s in boxes})
    picture = compose(boxes, _texts(derivation), arrows)
    parts = [*_lines(derivation, picture), *_labels(picture)]
    for i, box in boxes.items():
        center, top = MARGIN + picture.layout.centers[i], picture.tops[picture.layer[i]]
        parts += box_text(box, center, top)
    parts += _legend(picture.bottoms[-1] + MARGIN)
    width = max(picture.width, 72 + max(len(words) for *_, words in LEGEND) * CHARACTER) + MARGIN
    height = picture.bottoms[-1] + 2 * MARGIN + LINE * len(LEGEND)
    title = f"Computational graph of {derivation.total}"
    if culprit is None:
        return svg(title, width, height, parts)
    return svg(f"{title}, culprit: {culprit.place}", width, height, parts, STYLE + RED)


def _box(derivation: Derivation, index: int, culprit: Culprit | None) -> Box:
    node = derivation.program.nodes[index]
    name, value = derivation.names[index], show(derivation.values[index], node.type.kind)
    if index in derivation.steps:
        lines = [("name", cut(f"{name} = {derivation.expression(index)}")), ("value", cut(f"= {value}"))]
    else:
        lines = [("name", cut(f"{name} = {value}"))]
    if index in derivation.cotangents and name != derivation.total:
        found = show(derivation.cotangents[index])
        lines.append(("cotangent", cut(f"d({derivation.total})/d{name} = {found}")))
    if is_blamed(index, culprit):
        return Box("culprit", (*lines, *blame_lines(culprit)))
    return Box("box" if index in derivation.steps else "input", tuple(lines))


def _texts(derivation: Derivation) -> dict[Arrow, str]:
    """The local derivative beside each edge that has one."""
    texts: dict[Arrow, str] = {}
    for edge in derivation.edges:
        shown = edge.formula if edge.local is None else local_value(edge.local)
        texts[edge.source, edge.target] = cut(f"{slope(derivation, edge)} = {shown}")
    return texts


def _lines(derivation: Derivation, picture: Picture) -> list[str]:
    """Each edge as a solid line forward, and beside it a dashed one backward where something is sent back."""
    sends = {(e.source, e.target) for e in derivation.edges if e.sent is not None}
    parts: list[str] = []
    for arrow in picture.layout.paths:
        forward = picture.points(arrow, -PAIR if arrow in sends else 0.0)
        parts.append(f'<path class="edge" d="{curve(forward)}"/>' + tip("tip", forward[-1], 1))
        if arrow in sends:
            backward = picture.points(arrow, PAIR)[::-1]
            parts.append(f'<path class="back" d="{curve(backward)}"/>' + tip("backtip", backward[-1], -1))
    return parts


def _labels(picture: Picture) -> list[str]:
    parts: list[str] = []
    for label in picture.labels:
        x, y, width = label.x - 2, picture.label_height(label), label.right - label.x + 4
        parts.append(f'<rect class="under" x="{x:.1f}" y="{y - 13:.1f}" width="{width:.1f}" height="17"/>')
        parts.append(text("local", label.x, y, label.text, anchor="start"))
    return parts


def _legend(top: float) -> list[str]:
    parts: list[str] = []
    for row, (line, kind, words) in enumerate(LEGEND):
        y = top + LINE * (row + 1)
        parts.append(f'<path class="{line}" d="M{MARGIN:.1f} {y - 4:.1f}h36"/>')
        parts.append(text(kind, MARGIN + 48, y, words, anchor="start"))
    return parts
