"""Explanations say the tutorial's numbers in the tutorial's words, and what they say is right."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from oracle.cases.load import load_case, read_case
from oracle.explain import derive_case, explain, graph_svg
from oracle.explain.derive import Derivation, derive
from oracle.explain.expressions import derivative_formula, substitute
from oracle.explain.graph import as_svg
from oracle.explain.layout import lay_out
from oracle.explain.text import as_text
from reference_engine.arithmetic.balls import midpoints
from reference_engine.language import parse
from reference_engine.program import ProgramError, TensorType

CASES = Path(__file__).parents[2] / "cases"
TUTORIAL = sorted((CASES / "tutorial").glob("*.yaml"))


def derivation(text: str, cotangents: dict[str, object] | None = None, **inputs: object) -> Derivation:
    """The derivation of a text with respect to all real inputs."""
    arrays = {name: np.asarray(value) for name, value in inputs.items()}
    kinds = {"f": "real", "i": "int", "b": "bool"}
    types = {n: TensorType(a.shape, kinds[a.dtype.kind]) for n, a in arrays.items()}  # type: ignore[arg-type]
    wrt = [n for n, a in arrays.items() if a.dtype.kind == "f"]
    given = None if cotangents is None else {n: np.asarray(c, dtype=float) for n, c in cotangents.items()}
    return derive(parse(text, types), arrays, wrt, given)


WORKED_EXAMPLE = """\
One-sample linear regression, the worked example of the tutorial

Given x = 1, y = 2, w = 1

Forward pass

    y_hat = w * x = 1 * 1 = 1
    s     = y_hat - y = 1 - 2 = -1
    loss  = s ** 2 = (-1) ** 2 = 1

Local derivatives

    dy_hat/dw  = x = 1
    ds/dy_hat  = 1
    d(loss)/ds = 2 * s = -2

Backward pass: from loss to the inputs by the chain rule

    d(loss)/ds     = -2
    d(loss)/dy_hat = d(loss)/ds * ds/dy_hat = -2 * 1 = -2
    d(loss)/dw     = d(loss)/dy_hat * dy_hat/dw = -2 * 1 = -2

Gradient, proved in ball arithmetic

    d(loss)/dw = -2 exactly"""


@pytest.mark.parametrize("width", [60, 120])
def test_worked_example(width: int) -> None:
    """The worked example reads as in the tutorial, on narrow and on wide terminals."""
    wrapped = WORKED_EXAMPLE.replace("of the tutorial", "of the\ntutorial")
    wrapped = wrapped.replace("dy_hat/dw = -2 * 1 = -2", "dy_hat/dw = -2 * 1\n                   = -2")
    found = explain(load_case(CASES / "tutorial" / "worked-example.yaml", CASES), width)
    assert found == (wrapped if width == 60 else WORKED_EXAMPLE)


@pytest.mark.parametrize("width", [60, 120])
@pytest.mark.parametrize("path", TUTORIAL, ids=lambda p: p.stem)
def test_no_line_is_too_long(path: Path, width: int) -> None:
    """Every tutorial case fits the terminal."""
    assert max(map(len, explain(load_case(path, CASES), width).splitlines())) <= width


@pytest.mark.parametrize("path", TUTORIAL, ids=lambda p: p.stem)
def test_tutorial_cases_expect_what_is_true(path: Path) -> None:
    """Every value and gradient that a tutorial case expects is within half a unit of its last digit."""
    case = load_case(path, CASES)
    found = derive_case(case)
    by_name = {name: found.values[i] for i, name in found.names.items() if i in found.values}
    for expected, actual in (
        *((case.expect_values[n], by_name[n]) for n in case.expect_values),
        *((case.expect_gradient[n], found.gradient[n]) for n in case.expect_gradient),
    ):
        for number, value in zip(expected.numbers, midpoints(actual).ravel(), strict=True):
            assert abs(Fraction(float(value)) - number.value) <= number.half_unit


@pytest.mark.parametrize(
    "text, inputs",
    [
        ("y = tanh(W @ x)\nloss = sum(y * y)", {"W": [[0.3, -0.2], [0.1, 0.7]], "x": [1.0, -2.0]}),
        ("a = x * y\nb = a + x\nc = b * a - b / y", {"x": 1.5, "y": -0.5}),
        ("m = mean(exp(x) * b)\nz = m * sum(b)", {"x": [0.1, 0.2, 0.3], "b": 2.0}),
        ("y = x[1] * x[0:2]\nloss = sum(sort(y) * y)", {"x": [1.0, 2.0, 4.0]}),
        ("p = x ** 3\nq = x ** 3\nr = p * q", {"x": 0.7}),
    ],
)
def test_steps_add_up_to_the_gradient(text: str, inputs: dict[str, object]) -> None:
    """The cotangent that arrives step by step is the certified gradient of the whole."""
    found = derivation(text, **inputs)
    names = dict(zip(found.program.input_names, found.program.inputs, strict=True))
    for name, gradient in found.gradient.items():
        for step_by_step, whole in zip(found.cotangents[names[name]].ravel(), gradient.ravel(), strict=True):
            assert step_by_step.overlaps(whole)
            assert float(step_by_step.rad()) < 1e-60


@pytest.mark.parametrize(
    "text, formula",
    [
        ("y = x * a", "a"),
        ("y = a / x", "-(y / x)"),
        ("y = x ** 3", "3 * x ** 2"),
        ("y = sigmoid(x)", "y * (1 - y)"),
        ("y = a - x", "-1"),
        ("y = -x", "-1"),
        ("y = x / 3", "1 / 3"),
        ("y = x * x", "x + x"),
        ("y = sin(x)", "cos(x)"),
        ("y = x * 0.1", "0.1"),
        ("y = where(x > 0, x, 0)", None),
        ("y = sum(a * x)", None),
    ],
)
def test_local_derivatives_are_the_rules_simplified(text: str, formula: str | None) -> None:
    """The formula beside an edge is the rule of the table with a cotangent of 1."""
    program = parse(text, {"x": TensorType((2,)), "a": TensorType((2,))})
    if formula is None and "sum" not in text:
        program = parse(text, {"x": TensorType((2,))})
    assert derivative_formula(program, "x") == formula


def test_substitution_keeps_operations_and_keywords() -> None:
    """Numbers replace operands, in parentheses where a sign would join an operator."""
    assert substitute("sin(x) - x * clip(y, min=x)", {"x": "-1", "y": "2", "sin": "9"}) == (
        "sin(-1) - (-1) * clip(2, min=-1)"
    )


def test_kinks_show_every_slope() -> None:
    """At a kink the local derivative is an interval, and the explanation says so."""
    text = as_text("A kink", derivation("y = where(x > 0, x, 0)\nz = 3 * y", x=0.0), 80)
    assert "= [0, 1]  (a kink: any of these)" in text
    assert "At a kink or a singular point for x: an interval holds every valid slope." in text


def test_a_kink_that_cancels_is_told_apart() -> None:
    """Where only a step alone has a kink, the gradient is a number and the explanation says why."""
    text = as_text("No kink", derivation("a = x * x\nb = x * x\nc = maximum(a, b)", x=0.5), 80)
    assert "d(c)/dx = 1 exactly" in text
    assert "For x a step alone leaves the slope open; the program as a whole does not." in text


def test_stopped_gradients_are_named() -> None:
    """stop_gradient has the local derivative 0 and nothing goes back through it."""
    text = as_text("Stopped", derivation("s = stop_gradient(x)\ny = s * x", x=3.0), 80)
    assert "ds/dx   = 0 (stopped by stop_gradient)" in text
    assert "d(y)/dx = 3 exactly" in text


def test_several_outputs_are_added_up() -> None:
    """With several outputs J is their sum, weighted by the cotangents given."""
    found = derivation("a = x * x\nb = 3 * x\nreturn a, b", {"a": 1.0, "b": -2.0}, x=5.0)
    assert "Differentiated: J = a + <-2, b>" in as_text("Two", found, 80)
    assert found.gradient["x"][()] == 4


def test_an_output_with_shape_needs_a_cotangent() -> None:
    """A vector output without a cotangent is refused by name."""
    with pytest.raises(ProgramError, match=r"output 'y' has shape \(2,\): give a cotangent"):
        derivation("y = x * x", x=[1.0, 2.0])


def test_a_case_without_a_cotangent_gets_an_ordinary_one() -> None:
    """An output with shape is weighted by 1, -2, 3..., and the explanation says so."""
    text = "about: A softmax\ninputs: {x: [1.0, 2.0, 3.0]}\nprogram: y = softmax(x)\n"
    assert "Differentiated: J = <[1, -2, 3], y>" in explain(read_case(Path("a.yaml"), text, "a"), 80)


def test_graph_names_everything_once() -> None:
    """The picture holds the forward values, the local derivatives and the cotangents, and is well-formed."""
    root = ET.fromstring(graph_svg(load_case(CASES / "tutorial" / "worked-example.yaml", CASES)))
    texts = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]
    for text in (
        "dy_hat/dw = 1",
        "ds/dy_hat = 1",
        "y_hat = w * x",
        "= -1",
        "d(loss)/dw = -2",
        "d(loss)/dy_hat = -2",
        "x = 1",
    ):
        assert texts.count(text) == 1
    assert texts.count("d(loss)/ds = -2") == 2


@pytest.mark.parametrize("path", TUTORIAL, ids=lambda p: p.stem)
def test_graphs_stay_inside_their_card(path: Path) -> None:
    """No box leaves the picture, and drawing twice gives the same text."""
    case = load_case(path, CASES)
    picture = graph_svg(case)
    assert picture == graph_svg(case)
    root = ET.fromstring(picture)
    width, height = float(root.attrib["width"]), float(root.attrib["height"])
    for box in root.iter("{http://www.w3.org/2000/svg}rect"):
        x, y, w, h = (float(box.attrib[k]) for k in ("x", "y", "width", "height"))
        assert 0 <= x <= x + w <= width
        assert 0 <= y <= y + h <= height


def test_the_readme_shows_the_picture_of_today() -> None:
    """The saved picture is the one that the command draws."""
    saved = (CASES.parent / "docs" / "tutorial-graph.svg").read_text(encoding="utf-8")
    assert saved == graph_svg(load_case(CASES / "tutorial" / "worked-example.yaml", CASES))


def test_boxes_of_a_layer_do_not_overlap() -> None:
    """Neighbors in a layer keep their distance, and edges pass between them."""
    widths = dict.fromkeys(range(8), 80.0)
    edges = [(0, 3), (1, 3), (2, 4), (3, 5), (4, 5), (0, 5), (5, 6), (1, 7), (6, 7)]
    layout = lay_out(widths, edges)
    for layer in layout.layers:
        for left, right in pairwise(layer):
            half = [40.0 if isinstance(key, int) else 6.0 for key in (left, right)]
            assert layout.centers[right] - layout.centers[left] >= sum(half) + 35.9


def test_text_in_pictures_is_escaped() -> None:
    """A comparison in a box does not break the markup."""
    picture = as_svg(derivation("y = where(x < 2, x * x, x)", x=1.0))
    assert "x &lt; 2" in picture
    ET.fromstring(picture)
