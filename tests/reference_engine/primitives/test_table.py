"""What every record of the table promises: domains, descriptions, shapes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from flint import arb

from reference_engine import ProgramError, TensorType, trace, xp
from reference_engine.arithmetic.balls import Balls, exact, midpoints, precision
from reference_engine.arithmetic.float64 import Float64
from reference_engine.differentiate import lower
from reference_engine.evaluate import evaluate, outputs
from reference_engine.operations import OPERATIONS, Primitive

HEADINGS = ("Definition:", "Derivative:", "Where it is not differentiable:", "Conventions:")
WITH_DOMAIN = {n: op for n, op in OPERATIONS.items() if isinstance(op, Primitive) and op.domains}


@pytest.mark.parametrize("name", list(OPERATIONS))
def test_documentation_has_the_fixed_headings(name: str) -> None:
    """Each description has the four headings, once and in order."""
    text = OPERATIONS[name].documentation
    places = [text.find(heading) for heading in HEADINGS]
    assert places == sorted(places)
    assert min(places) == 0
    assert all(text.count(heading) == 1 for heading in HEADINGS)


@pytest.mark.parametrize("name", list(WITH_DOMAIN))
def test_ordinary_values_are_in_the_smooth_interior(name: str) -> None:
    """Ordinary values lie inside the domain and away from poles."""
    operation = WITH_DOMAIN[name]
    tensors = [p for p in operation.parameters if p.slot]
    assert len(operation.domains) == len(tensors)
    for domain in operation.domains:
        low, high = domain.ordinary
        assert domain.low < low < high < domain.high
    first = operation.domains[0]
    for special in operation.poles:
        assert not first.ordinary[0] <= special <= first.ordinary[1]


@pytest.mark.parametrize("name", list(WITH_DOMAIN))
def test_finite_at_ordinary_values(name: str) -> None:
    """At the ends of its ordinary values a function is finite in balls and in float64, and the two agree."""
    operation = WITH_DOMAIN[name]
    attrs = {"n": 2} if name == "polygamma" else {}
    ends = np.array(np.meshgrid(*(d.ordinary for d in operation.domains))).reshape(len(operation.domains), -1)
    types = {f"x{k}": TensorType(ends[k].shape) for k in range(len(ends))}
    operands = [p.name for p in operation.parameters if p.slot]
    program = lower(
        trace(lambda *x: getattr(xp, name)(**dict(zip(operands, x, strict=True)), **attrs), types)
    )
    values = {f"x{k}": ends[k] for k in range(len(ends))}
    plain = outputs(program, evaluate(program, values, Float64()))[0]
    with precision(128):
        balls = outputs(program, evaluate(program, {n: exact(v) for n, v in values.items()}, Balls()))[0]
    assert np.isfinite(midpoints(balls)).all()
    np.testing.assert_allclose(plain, midpoints(balls), rtol=1e-13, atol=0)


def value(f: Any, *arrays: Any, bits: int = 128) -> Any:
    """The balls of a function at exact points."""
    values = {f"x{k}": np.asarray(a, dtype=np.float64) for k, a in enumerate(arrays)}
    program = lower(trace(f, {n: TensorType(v.shape) for n, v in values.items()}))
    with precision(bits):
        return outputs(program, evaluate(program, {n: exact(v) for n, v in values.items()}, Balls()))[0]


PI = "3.14159265358979323846264338327950288419716939937510582"
E = "2.71828182845904523536028747135266249775724709369995957"
KNOWN: dict[str, tuple[Any, tuple[Any, ...], arb]] = {
    "pi": (lambda: xp.pi(), (), arb(PI)),
    "e": (lambda: xp.e(), (), arb(E)),
    "exp2": (xp.exp2, (10.0,), arb(1024)),
    "log2": (xp.log2, (8.0,), arb(3)),
    "log10": (xp.log10, (1e15,), arb(15)),
    "hypot": (xp.hypot, (3.0, 4.0), arb(5)),
    "lgamma of a negative number": (xp.lgamma, (-0.5,), arb("1.2655121234846454")),
    "polygamma": (lambda x: xp.polygamma(1, x), (-0.5,), arb("8.9348022005446793")),
    "remainder has the sign of the divisor": (xp.remainder, (-7.0, 3.0), arb(2)),
    "floor_divide": (xp.floor_divide, (-7.0, 3.0), arb(-3)),
    "clip takes max where bounds cross": (lambda x: xp.clip(x, 3.0, 1.0), (2.0,), arb(1)),
    "square": (xp.square, (-3.0,), arb(9)),
    "cbrt": (xp.cbrt, (-27.0,), arb(-3)),
    "det": (xp.det, ([[1.0, 2.0], [3.0, 4.0]],), arb(-2)),
}


@pytest.mark.parametrize("name", list(KNOWN))
def test_known_value(name: str) -> None:
    """Definitions give the numbers that everybody knows."""
    function, arrays, number = KNOWN[name]
    assert abs(value(function, *arrays).item() - number) < 1e-15


@pytest.mark.parametrize("name", ["remainder", "floor_divide"])
def test_integers_stay_integers(name: str) -> None:
    """Integer operands give integers, by Python's rule."""
    types = {"a": TensorType((4,), "int"), "b": TensorType((4,), "int")}
    program = lower(trace(getattr(xp, name), types))
    a, b = np.array([7, -7, 7, -7]), np.array([3, 3, -3, -3])
    found = outputs(program, evaluate(program, {"a": a, "b": b}, Balls()))[0]
    expected = {"remainder": [1, 2, -2, -1], "floor_divide": [2, -3, -3, 2]}
    assert program.output_types[0].kind == "int"
    assert found.tolist() == expected[name]


def test_logaddexp_keeps_small_results() -> None:
    """In float64 log(exp(-50) + exp(0)) is exp(-50), and large arguments do not overflow."""
    program = lower(trace(xp.logaddexp, {"a": TensorType((2,)), "b": TensorType((2,))}))
    values = {"a": np.array([-50.0, 1000.0]), "b": np.array([0.0, 999.0])}
    found = outputs(program, evaluate(program, values, Float64()))[0]
    np.testing.assert_allclose(found, np.logaddexp(values["a"], values["b"]), rtol=4e-16)


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda x: xp.det(x), r"det: expected square matrices in the last two axes, found shape \(2, 3\)"),
        (
            lambda x: xp.solve(x, x),
            r"solve: expected square matrices in the last two axes, found shape \(2, 3\)",
        ),
        (lambda x: xp.solve(xp.matmul(x, x.T), x.T), r"solve: shapes \(2, 2\) and \(3, 2\) do not fit"),
        (lambda x: xp.qr(x[0]), r"qr: expected matrices in the last two axes, found shape \(3,\)"),
        (lambda x: xp.outer(x, x), r"outer: expected two vectors, found shapes \(2, 3\) and \(2, 3\)"),
        (lambda x: xp.polygamma(-1, x), "polygamma: n must be an integer of at least 0, found -1"),
        (lambda x: x + xp.exp(x).T, r"add: shapes \(2, 3\) and \(3, 2\) cannot be broadcast together"),
    ],
)
def test_what_does_not_fit_is_refused(call: Any, message: str) -> None:
    """A wrong call is a ProgramError that names the operation and what was found."""
    with pytest.raises(ProgramError, match=message):
        trace(call, {"x": TensorType((2, 3))})
