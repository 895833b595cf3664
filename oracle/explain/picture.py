"""Where everything of a drawn graph stands: boxes, ways of edges, labels that do not cover each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from oracle.explain.layout import Key, Layout, lay_out

CHARACTER = 7.9
"""Width of a character of 13 px in the fonts that are asked for."""

LINE, PADDING, MARGIN = 19.0, 12.0, 24.0
SPACE, ROW = 46.0, 22.0
"""Height between layers without labels, and for each row of labels."""

PORT = 26.0
"""Distance between edges that meet at a box, where its width allows."""

PAIR = 5.0
"""Half the distance between the forward line of an edge and its backward line."""

Arrow = tuple[int, int]
"""An edge by its source and target."""

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
    """A text beside an edge; ``x`` is its left end, ``row`` counts the rows of labels between two layers."""

    arrow: Arrow
    text: str
    x: float
    row: int

    @property
    def right(self) -> float:
        """Its right end."""
        return self.x + len(self.text) * CHARACTER


@dataclass(frozen=True)
class Picture:
    """A graph with a place for everything; ``tops`` and ``bottoms`` are those of the layers."""

    layout: Layout
    boxes: Mapping[int, Box]
    labels: Sequence[Label]
    layer: Mapping[Key, int]
    leaving: Mapping[Arrow, float]
    entering: Mapping[Arrow, float]
    tops: Sequence[float]
    bottoms: Sequence[float]

    @property
    def width(self) -> float:
        """Right end of the boxes and labels."""
        return max([MARGIN + self.layout.width, *(label.right for label in self.labels)])

    def points(self, arrow: Arrow, shift: float) -> list[Point]:
        """The way of an edge from the lower side of its source to the upper side of its target."""
        path = self.layout.paths[arrow]
        points: list[Point] = []
        for place, key in enumerate(path):
            x = MARGIN + self.layout.centers[key] + shift
            if place > 0:
                points.append(
                    (x + (self.entering[arrow] if key == arrow[1] else 0), self.tops[self.layer[key]])
                )
            if key == arrow[0]:
                x += self.leaving[arrow]
                points.append((x, self.tops[self.layer[key]] + self.boxes[arrow[0]].height))
            if place < len(path) - 1:
                points.append((x, self.bottoms[self.layer[key]]))
        return points

    def label_height(self, label: Label) -> float:
        """The line that a label's text stands on."""
        k = self.layer[label.arrow[1]]
        last = max(other.row for other in self.labels if self.layer[other.arrow[1]] == k)
        return (self.bottoms[k - 1] + self.tops[k]) / 2 + 4 + ROW * (label.row - last / 2)


def compose(boxes: Mapping[int, Box], texts: Mapping[Arrow, str], arrows: Sequence[Arrow]) -> Picture:
    """Place boxes, edges and the texts beside them."""
    layout = lay_out({i: box.width for i, box in boxes.items()}, arrows)
    layer = {key: k for k, keys in enumerate(layout.layers) for key in keys}
    leaving, entering = _ports(layout, boxes, 0), _ports(layout, boxes, -1)
    labels = _labels(layout, layer, entering, texts)
    tops: list[float] = []
    bottoms: list[float] = []
    y = MARGIN
    for k, keys in enumerate(layout.layers):
        rows = max((label.row + 1 for label in labels if layer[label.arrow[1]] == k), default=0)
        tops.append(y + (SPACE + ROW * rows if k else 0.0))
        y = tops[-1] + max((boxes[key].height for key in keys if isinstance(key, int)), default=LINE)
        bottoms.append(y)
    return Picture(layout, boxes, labels, layer, leaving, entering, tops, bottoms)


def _ports(layout: Layout, boxes: Mapping[int, Box], end: int) -> dict[Arrow, float]:
    """Where each edge leaves its source (``end`` 0) or enters its target (-1), as seen from the center."""
    meeting: dict[Key, list[Arrow]] = {}
    for arrow, path in layout.paths.items():
        meeting.setdefault(path[end], []).append(arrow)
    other = 1 if end == 0 else -2
    ports: dict[Arrow, float] = {}
    for key, arrows in meeting.items():
        assert isinstance(key, int)
        arrows.sort(key=lambda arrow: layout.centers[layout.paths[arrow][other]])
        step = min(PORT, (boxes[key].width - 2 * PADDING) / len(arrows))
        for k, arrow in enumerate(arrows):
            ports[arrow] = (k - (len(arrows) - 1) / 2) * step
    return ports


def _labels(
    layout: Layout, layer: Mapping[Key, int], entering: Mapping[Arrow, float], texts: Mapping[Arrow, str]
) -> list[Label]:
    """Each text right of the middle of its edge's last stretch, in the first row that has room for it."""

    def start(arrow: Arrow) -> float:
        before, last = layout.paths[arrow][-2:]
        return MARGIN + (layout.centers[before] + layout.centers[last] + entering[arrow]) / 2 + PAIR + 8

    found: list[Label] = []
    for arrow in sorted(texts, key=start):
        beside = [label for label in found if layer[label.arrow[1]] == layer[arrow[1]]]
        taken = {label.row for label in beside if label.right + 10 > start(arrow)}
        row = next(r for r in range(len(taken) + 1) if r not in taken)
        found.append(Label(arrow, texts[arrow], start(arrow), row))
    return found
