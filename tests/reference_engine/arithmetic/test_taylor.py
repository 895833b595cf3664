"""Taylor jets: coefficients are derivatives, and where there is no power series they say so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from flint import arb, ctx

from reference_engine import TensorType, trace, xp
from reference_engine.arithmetic.taylor import NoJet, Taylor, coefficient, jets, seed
from reference_engine.differentiate import lower
from reference_engine.evaluate import evaluate, outputs


def expand(f: Callable[..., Any], x: Any, v: Any, order: int) -> list[arb]:
    """Coefficients of f(x + v t) for a scalar f."""
    x, v = np.asarray(x, dtype=np.float64), np.asarray(v, dtype=np.float64)
    program = lower(trace(f, {"x": TensorType(x.shape)}))
    with jets(order, 128):
        found = outputs(program, evaluate(program, {"x": seed(x, v)}, Taylor()))[0]
        return [coefficient(found, k).item() for k in range(order + 1)]


def test_geometric_series() -> None:
    """1/(1 - t) has the coefficients 1."""
    assert expand(lambda x: 1 / (1 - x), 0.0, 1.0, 4) == [1, 1, 1, 1, 1]


def test_along_a_direction() -> None:
    """The sum of x^2 along v is <x, x> + 2 <x, v> t + <v, v> t^2."""
    assert expand(lambda x: xp.sum(x * x), [1.0, 2.0], [3.0, 5.0], 2) == [5, 26, 34]


def test_matrix_product() -> None:
    """(x + v t)^2 for matrices, its trace."""
    x, v = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[1.0, 0.0], [0.0, 2.0]])
    expected = [np.trace(x @ x), 2 * np.trace(x @ v), np.trace(v @ v)]
    assert expand(lambda a: xp.trace(a @ a), x, v, 2) == expected


def test_order_of_values() -> None:
    """The maximum is the jet of the largest constant coefficient."""
    assert expand(lambda x: xp.max(x), [1.0, 3.0, 2.0], [5.0, 7.0, 9.0], 1) == [3, 7]


@pytest.mark.parametrize(
    "f, x",
    [
        pytest.param(lambda x: xp.sum(xp.where(x > 0, x, -x)), [0.0, 1.0], id="a tie in a condition"),
        pytest.param(lambda x: xp.max(x), [2.0, 2.0], id="a tie in an order"),
        pytest.param(lambda x: xp.sum(xp.erfinv(x)), [0.5, 0.25], id="a function without power series"),
        pytest.param(lambda x: xp.det(xp.outer(x, x)), [1.0, 2.0], id="a function of matrices"),
    ],
)
def test_no_jet(f: Callable[..., Any], x: Any) -> None:
    """Where power series do not tell, nothing is guessed."""
    with pytest.raises(NoJet):
        expand(f, x, [1.0, 1.0], 1)


def test_context_is_restored() -> None:
    """Order and precision of the caller come back."""
    before = ctx.cap, ctx.prec
    with jets(3, 300):
        assert (ctx.cap, ctx.prec) == (4, 300)
    assert (ctx.cap, ctx.prec) == before
