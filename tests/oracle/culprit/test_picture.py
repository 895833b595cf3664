from __future__ import annotations

from xml.etree import ElementTree as ET

from oracle.explain.blame import blame_svg
from oracle.judge.verdict import Culprit
from reference_engine import TensorType, trace, xp

PROGRAM = trace(lambda x: xp.sum(xp.exp(x) * 2.0), {"x": TensorType((3,))}, ["y"])
SVG = "{http://www.w3.org/2000/svg}"


def boxes(text: str, kind: str) -> int:
    """How many boxes of a class there are."""
    return sum(r.get("class") == kind for r in ET.fromstring(text).iter(f"{SVG}rect"))


def test_the_culprit_is_marked() -> None:
    """Its box alone is of the class that is drawn in red, with both values."""
    culprit = Culprit("exp", 1, "model.py:3", "gradient", (2,), "0.25", 0.5)
    text = blame_svg(PROGRAM, culprit)
    assert (boxes(text, "culprit"), boxes(text, "box"), boxes(text, "input")) == (1, 2, 1)
    assert "gradient[2]: 0.5" in text
    assert "certified 0.25" in text
    assert "exp, node 1 (model.py:3)" in text


def test_nobody_is_marked() -> None:
    """Without a culprit, or where no single operation is one, it is the plain graph."""
    for culprit in (None, Culprit("", detail="in the composition")):
        text = blame_svg(PROGRAM, culprit)
        assert boxes(text, "culprit") == 0
        assert boxes(text, "box") == 3
