"""The judge's verdicts on answers that are right, wrong, conventional or impossible."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest

from oracle.judge.decide import Judgement, judge_route
from oracle.judge.verdict import Verdict
from reference_engine import TensorType, trace, xp
from reference_engine.certify import certify
from reference_engine.differentiate import second_order, vjp
from reference_engine.precision import PRECISIONS

Inputs = Mapping[str, Any]


def judge(
    function: Callable[..., Any], inputs: Inputs, observed: Inputs, *, order: int = 1, dtype: str = "float64"
) -> list[Judgement]:
    """Judge gradients of ``sum`` cotangent 1 (and direction 1 for order 2)."""
    arrays = {n: np.asarray(a, dtype=float) for n, a in inputs.items()}
    program = trace(function, {n: TensorType(a.shape) for n, a in arrays.items()}, ["y"])
    wrt = tuple(arrays)
    derivative = vjp(program, wrt) if order == 1 else second_order(program, wrt)
    given = dict(arrays) | {"ct.y": np.ones(program.output_types[0].shape)}
    if order == 2:
        given |= {"d." + n: np.ones_like(a) for n, a in arrays.items()}
    certificate = certify(derivative, given, wrt, PRECISIONS[dtype])
    answer = {"grad." + n: np.asarray(a, dtype=float) for n, a in observed.items()}
    return judge_route(certificate, given, wrt, answer)


def relu(x: Any) -> Any:
    """max(x, 0)."""
    return xp.where(x > 0, x, 0)


ZERO3 = [0.0, 0.0, 0.0]
NAN = float("nan")

AT_A_POINT = [
    ("a smooth answer", lambda x: x * x, 0.3, 0.6, Verdict.AGREE),
    ("a relative error of 1e-14", lambda x: x * x, 0.3, 0.6 * (1 + 1e-14), Verdict.WRONG),
    ("NaN for a finite gradient", lambda x: x * x, 0.3, NAN, Verdict.NONFINITE),
    ("relu at 0 answered by 0", relu, 0.0, 0.0, Verdict.CONVENTION),
    ("relu at 0 answered by 1", relu, 0.0, 1.0, Verdict.CONVENTION),
    ("relu at 0 answered by 1/2", relu, 0.0, 0.5, Verdict.CONVENTION),
    ("relu at 0 answered by 1.2", relu, 0.0, 1.2, Verdict.WRONG),
    ("relu at 0 answered by -1e-6", relu, 0.0, -1e-6, Verdict.WRONG),
    ("relu at 0 answered by NaN", relu, 0.0, NAN, Verdict.NONFINITE),
    ("relu(x) - relu(-x) by its conventions", lambda x: relu(x) - relu(-x), 0.0, 0.0, Verdict.ARTIFACT),
    ("relu(x) - relu(-x) answered by the truth", lambda x: relu(x) - relu(-x), 0.0, 1.0, Verdict.AGREE),
    ("relu(x) - relu(-x) answered outside of both", lambda x: relu(x) - relu(-x), 0.0, 2.5, Verdict.WRONG),
    ("max(2x, x + x) answered by the truth", lambda x: xp.maximum(2 * x, x + x), 0.3, 2.0, Verdict.AGREE),
    ("maximum(x, x) answered by one half", lambda x: xp.maximum(x, x), 0.3, 0.5, Verdict.WRONG),
    ("x |x| at 0", lambda x: x * abs(x), 0.0, 0.0, Verdict.AGREE),
    ("sqrt(x)^2 at 0 answered by the truth", lambda x: xp.sqrt(x) ** 2, 0.0, 1.0, Verdict.AGREE),
    ("sqrt(x)^2 at 0 answered by 0", lambda x: xp.sqrt(x) ** 2, 0.0, 0.0, Verdict.WRONG),
    ("sqrt(x)^2 at 0 answered by NaN", lambda x: xp.sqrt(x) ** 2, 0.0, NAN, Verdict.NONFINITE),
    ("sin(x)/x at 0", lambda x: xp.sin(x) / x, 0.0, 0.0, Verdict.AGREE),
    ("sqrt at 0", xp.sqrt, 0.0, float("inf"), Verdict.SINGULAR),
    ("x log x at 0", lambda x: x * xp.log(x), 0.0, NAN, Verdict.SINGULAR),
    ("|x|^1.01 at 0, where the chain rule proves 0", lambda x: abs(x) ** 1.01, 0.0, 0.0, Verdict.AGREE),
    ("(x^2)^0.505 at 0, infinity times 0", lambda x: (x * x) ** 0.505, 0.0, 0.0, Verdict.UNDECIDED),
    ("a step at its jump", lambda x: xp.where(x > 0, 1 + x, 0.0), 0.0, 0.0, Verdict.SINGULAR),
    ("an untaken branch, 0", lambda x: xp.where(x > 0, xp.sqrt(x), 0.0), -1.0, 0.0, Verdict.AGREE),
    ("an untaken branch, NaN", lambda x: xp.where(x > 0, xp.sqrt(x), 0.0), -1.0, NAN, Verdict.NONFINITE),
    ("an undecided tie between equal slopes", lambda x: relu(xp.log(xp.exp(x)) - x), 0.3, 0.0, Verdict.AGREE),
    ("an undecided tie between slopes", lambda x: xp.where(xp.log(xp.exp(x)) > x, 2 * x, x), 0.3, 1.0,
     Verdict.UNDECIDED),
    ("x sign(x) at 0 answered by 0", lambda x: x * xp.sign(x), 0.0, 0.0, Verdict.CONVENTION),
    ("x sign(x) at 0 answered by 2", lambda x: x * xp.sign(x), 0.0, 2.0, Verdict.WRONG),
    ("x floor(x) at 2", lambda x: x * xp.floor(x), 2.0, 2.0, Verdict.SINGULAR),
    ("x log x behind a guard at 0", lambda x: xp.where(x > 0, x * xp.log(xp.where(x > 0, x, 1.0)), 0.0), 0.0,
     0.0, Verdict.SINGULAR),
    ("cancellation that leaves no digits", lambda x: (x + 1e16) ** 2 - 1e16 * (1e16 + 2 * x), 0.3, 0.0,
     Verdict.ILL_CONDITIONED),
    ("tanh in saturation answered by 0", xp.tanh, 15.0, 0.0, Verdict.WRONG),
    ("a product with one zero", lambda x: xp.prod(x), [0.0, 2.0, 3.0], [6.0, 0.0, 0.0], Verdict.AGREE),
    ("a product with two zeros answered by NaN", lambda x: xp.prod(x), [0.0, 0.0, 3.0], [NAN, 0.0, 0.0],
     Verdict.NONFINITE),
    ("a singular determinant", xp.det, [[1.0, 2.0], [2.0, 4.0]], [[4.0, -2.0], [-2.0, 1.0]], Verdict.AGREE),
    ("a singular determinant answered by 0", xp.det, [[1.0, 2.0], [2.0, 4.0]], [[0.0, 0.0], [0.0, 0.0]],
     Verdict.WRONG),
    ("tie weights of 1/3", xp.max, ZERO3, [1 / 3, 1 / 3, 1 / 3], Verdict.CONVENTION),
    ("tie weights that sum to 1.5", xp.max, ZERO3, [0.5, 0.5, 0.5], Verdict.WRONG),
    ("norm at 0 answered by 0", xp.norm, ZERO3, ZERO3, Verdict.CONVENTION),
    ("norm at 0 answered by a vector too long", xp.norm, ZERO3, [1.0, 1.0, 0.0], Verdict.WRONG),
    ("norm at 0 answered by NaN", xp.norm, ZERO3, [NAN, NAN, NAN], Verdict.NONFINITE),
    ("norm squared at 0", lambda x: xp.norm(x) ** 2, ZERO3, ZERO3, Verdict.AGREE),
]  # fmt: skip


@pytest.mark.parametrize(
    "function, x, answer, verdict", [c[1:] for c in AT_A_POINT], ids=[c[0] for c in AT_A_POINT]
)
def test_one_argument(function: Callable[..., Any], x: Any, answer: Any, verdict: Verdict) -> None:
    """The verdict on a single argument."""
    (judged,) = judge(function, {"x": x}, {"x": answer})
    assert verdict == judged.verdict


def test_second_derivative_of_sinc_at_zero() -> None:
    """The removable 0/0 of the second derivative is -1/3, and -1/2 is wrong."""
    (right,) = judge(lambda x: xp.sin(x) / x, {"x": 0.0}, {"x": -1 / 3}, order=2)
    (off,) = judge(lambda x: xp.sin(x) / x, {"x": 0.0}, {"x": -0.5}, order=2)
    assert (right.verdict, off.verdict) == (Verdict.AGREE, Verdict.WRONG)


def test_branch_within_rounding_may_go_either_way() -> None:
    """relu(a + b - c) one ulp from 0: the framework's branch flip is rounding, any third value is a bug."""
    inputs = {"a": 0.1, "b": 0.2, "c": float(np.nextafter(0.30000000000000004, 1))}
    flipped = judge(lambda a, b, c: relu(a + b - c), inputs, {"a": 1.0, "b": 1.0, "c": -1.0})
    taken = judge(lambda a, b, c: relu(a + b - c), inputs, {"a": 0.0, "b": 0.0, "c": 0.0})
    absurd = judge(lambda a, b, c: relu(a + b - c), inputs, {"a": 3.0, "b": 1.0, "c": -1.0})
    assert [j.verdict for j in flipped] == [Verdict.ILL_CONDITIONED] * 3
    assert [j.verdict for j in taken] == [Verdict.AGREE] * 3
    assert absurd[0].verdict == Verdict.WRONG


def test_gradient_above_the_range_may_be_infinite() -> None:
    """A true gradient of 2e60 is rightly infinite in float32, and infinity of the wrong sign is a bug."""
    point = {"x": 1e30, "s": 2e30}
    right = judge(lambda x, s: x * x * s, point, {"x": np.inf, "s": np.inf}, dtype="float32")
    off = judge(lambda x, s: x * x * s, point, {"x": -np.inf, "s": np.inf}, dtype="float32")
    assert (right[0].verdict, off[0].verdict) == (Verdict.AGREE, Verdict.NONFINITE)


def test_one_element_among_many() -> None:
    """One of 500 elements off by 1e-6 is found, and named."""
    x = np.linspace(0.1, 2.0, 500)
    answer = np.cos(x)
    answer[123] *= 1 + 1e-6
    (judged,) = judge(lambda x: xp.sum(xp.sin(x)), {"x": x}, {"x": answer})
    assert (judged.verdict, judged.index) == (Verdict.WRONG, 123)


def test_scaled_kinks_are_kinks() -> None:
    """Nothing is taken for zero by its size: relu at 0 scaled by 2^-300 keeps its two slopes."""
    scale = 2.0**-300
    (inside,) = judge(lambda x: relu(x) * scale, {"x": 0.0}, {"x": 0.5 * scale})
    (outside,) = judge(lambda x: relu(x) * scale, {"x": 0.0}, {"x": 1.5 * scale})
    assert (inside.verdict, outside.verdict) == (Verdict.CONVENTION, Verdict.WRONG)


@pytest.mark.parametrize("exponent", [-300, -40, 40, 300])
def test_scaling_by_a_power_of_two_changes_no_verdict(exponent: int) -> None:
    """The rule has no absolute floor: a gradient of size 2^-300 is held as tightly as one of size 1."""
    scale = 2.0**exponent
    (right,) = judge(lambda x: xp.sin(x) * scale, {"x": 0.7}, {"x": np.cos(0.7) * scale})
    (off,) = judge(lambda x: xp.sin(x) * scale, {"x": 0.7}, {"x": np.cos(0.7) * scale * (1 + 1e-13)})
    assert (right.verdict, off.verdict) == (Verdict.AGREE, Verdict.WRONG)
