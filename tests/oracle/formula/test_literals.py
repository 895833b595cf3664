"""What a formula means: casts away, literals as balls, numbers that the reference holds as they are."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from flint import arb

from oracle.formula.literals import uncertainty, unrounded, with_literals
from reference_engine.differentiate import lower
from reference_engine.precision import PRECISIONS
from reference_engine.program import TensorType
from reference_engine.trace import trace, xp

DOUBLE = PRECISIONS["float64"]

EXPRESSIONS = {
    2 / math.sqrt(math.pi): 2 / arb.pi().sqrt(),
    1 / math.sqrt(2 * math.pi): 1 / (2 * arb.pi()).sqrt(),
    math.sqrt(2 / math.pi): (2 / arb.pi()).sqrt(),
    math.log(2): arb(2).log(),
    1 / math.log(10): 1 / arb(10).log(),
    math.pi / 180: arb.pi() / 180,
    1 / 3: arb(1) / 3,
    1 - 1 / math.e: 1 - arb(-1).exp(),
}
"""Constants as people write them, and what they mean."""


@pytest.mark.parametrize("written", EXPRESSIONS, ids=repr)
def test_a_constant_computed_in_a_few_roundings_is_within_its_ball(written: float) -> None:
    """Some are off by more than half a unit in the last place."""
    assert arb(written, uncertainty(written, DOUBLE)).contains(EXPRESSIONS[written].mid())


@pytest.mark.parametrize("number", [0.5, 1.75, -3.0, 100.0, 1234567.0, 2.0**-30, 0.0, float("inf")])
def test_short_and_whole_numbers_are_exact(number: float) -> None:
    """Nobody means another number by them."""
    assert uncertainty(number, DOUBLE) == 0


@pytest.mark.parametrize(
    "number, format_, unit",
    [
        (1.1283791670955126, "float64", 2.0**-52),
        (float(np.float32(1.1283791670955126)), "float64", 2.0**-23),
        (1.1283791670955126, "float32", 2.0**-52),
        (0.69921875, "bfloat16", 2.0**-8),
        (1.1283, "float64", 2.0**-52),
    ],
)
def test_a_literal_is_as_exact_as_what_holds_it(number: float, format_: str, unit: float) -> None:
    """A double in a float32 function is a double; a float32 in a float64 function is a float32."""
    assert uncertainty(number, PRECISIONS[format_]) == 2 * unit


def test_numbers_of_the_reference_are_exact() -> None:
    """A number that both hold is data, or the same literal; what only the derivative holds is a ball."""
    reference = lower(trace(lambda x: xp.multiply(x, xp.constant(0.1)), {"x": TensorType((2,))}))
    lifted = lower(
        trace(lambda x: x * xp.constant(0.1) * xp.constant(np.array([0.3, 0.5])), {"x": TensorType((2,))})
    )
    changed, balls = with_literals(lifted, reference, DOUBLE)
    (found,) = balls.values()
    assert [ball.is_exact() for ball in found] == [False, True]
    constants = [n.attr("value") for n in changed.nodes if n.op == "constant"]
    assert Fraction(1, 10) in constants


def test_casts_are_the_identity() -> None:
    """Roundings go, conversions of integers stay."""

    def cast(x: object, k: object) -> object:
        return xp.astype(xp.sin(xp.astype(x, dtype="bfloat16")), dtype="float32") * xp.astype(
            k, dtype="float64"
        )

    program = trace(cast, {"x": TensorType(()), "k": TensorType((), "int")})
    kept = [node.op for node in unrounded(program).nodes]
    assert "round_to" not in kept
    assert "convert" in kept
    assert unrounded(unrounded(program)) == unrounded(program)
