"""A Program as an SVG picture with the operation that is to blame in red."""

from __future__ import annotations

from oracle.explain.drawing import STYLE, box_text, curve, cut, svg, tip
from oracle.explain.picture import CHARACTER, MARGIN, Box, compose
from oracle.judge.verdict import Culprit
from reference_engine.program import FrozenArray, Program

RED = """
.culprit { fill: #ffebe9; stroke: #cf222e; stroke-width: 2 } .blame { fill: #cf222e }
@media (prefers-color-scheme: dark) {
.culprit { fill: #3c1618; stroke: #f85149 } .blame { fill: #f85149 }
}
"""


def blame_svg(program: Program, culprit: Culprit | None) -> str:
    """The graph of a Program, constants written into the operations that take them.

    The culprit's node is red and says what is off; none is where no single operation is to blame.
    """
    boxes = {
        i: _box(program, i, culprit) for i, node in program if node.op != "constant" or i in program.outputs
    }
    arrows = sorted({(s, t) for t in boxes for s in program.nodes[t].inputs if s in boxes})
    picture = compose(boxes, {}, arrows)
    parts = []
    for arrow in picture.layout.paths:
        points = picture.points(arrow, 0.0)
        parts.append(f'<path class="edge" d="{curve(points)}"/>' + tip("tip", points[-1], 1))
    for i, box in boxes.items():
        center, top = MARGIN + picture.layout.centers[i], picture.tops[picture.layer[i]]
        parts += box_text(box, center, top)
    title = "Program" if culprit is None else f"Program, culprit: {culprit.place}"
    width = max(picture.width, len(title) * CHARACTER)
    return svg(title, width + MARGIN, picture.bottoms[-1] + MARGIN, parts, STYLE + RED)


def _box(program: Program, index: int, culprit: Culprit | None) -> Box:
    node = program.nodes[index]
    name = program.label(index)
    if node.op == "input":
        return Box("input", (("name", f"{name}: {node.type}"),))
    arguments = [_operand(program, i) for i in node.inputs]
    arguments += [f"{k}={v}" for k, v in node.attrs if k not in {"layout", "value"}]
    lines = [("name", cut(f"{name} = {node.op}({', '.join(arguments)})"))]
    if is_blamed(index, culprit):
        return Box("culprit", (*lines, *blame_lines(culprit)))
    return Box("box", tuple(lines))


def is_blamed(index: int, culprit: Culprit | None) -> bool:
    """Whether a node is the culprit's."""
    return culprit is not None and bool(culprit.operation) and culprit.node == index


def blame_lines(culprit: Culprit | None) -> tuple[tuple[str, str], ...]:
    """What is off there, in the lines of a box."""
    if culprit is None or culprit.observed is None:
        return ()
    place = f"[{', '.join(map(str, culprit.index))}]" if culprit.index else ""
    return (
        ("blame", cut(f"{culprit.part}{place}: {culprit.observed!r}")),
        ("blame", cut(f"certified {culprit.reference}")),
    )


def _operand(program: Program, index: int) -> str:
    node = program.nodes[index]
    if node.op != "constant":
        return program.label(index)
    value = node.attr("value")
    return "array" if isinstance(value, FrozenArray) else str(value)
