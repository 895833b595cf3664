"""The judge's verdicts on answers that are right, wrong, conventional or impossible."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest

from oracle.judge.decide import Judgement, judge_route, judge_values
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
    ("no value behind a zero slope", lambda x: xp.tanh(xp.log(xp.clip(x, min=-1, max=1))), -2.0, NAN,
     Verdict.SINGULAR),
    ("acos where tanh rounds to 1", lambda x: xp.acos(xp.tanh(x)), 25.0, NAN, Verdict.ILL_CONDITIONED),
    ("acos where tanh is below 1", lambda x: xp.acos(xp.tanh(x)), 5.0, NAN, Verdict.NONFINITE),
    ("ceil of what may be infinite", lambda x: xp.ceil(xp.atanh(xp.tanh(x))), 32.5, NAN,
     Verdict.ILL_CONDITIONED),
    ("a denominator that may cancel to 0", lambda x: xp.hardswish(xp.tanhshrink(x)) / xp.tanhshrink(x), 1e-8,
     NAN, Verdict.ILL_CONDITIONED),
    ("sinh beyond the range by infinity", xp.sinh, 2e4, float("inf"), Verdict.AGREE),
    ("sinh beyond the range by minus infinity", xp.sinh, 2e4, -float("inf"), Verdict.NONFINITE),
    ("sinh beyond the range by 1", xp.sinh, 2e4, 1.0, Verdict.WRONG),
    ("an undecided tie of what has no value", lambda x: relu(xp.log(x)), -1.0, NAN, Verdict.SINGULAR),
    ("cancellation that leaves no digits", lambda x: (x + 1e16) ** 2 - 1e16 * (1e16 + 2 * x), 0.3, 0.0,
     Verdict.ILL_CONDITIONED),
    ("tanh where rounding leaves no digits, answered by 5", xp.tanh, 20.0, 5.0, Verdict.WRONG),
    ("tanh where rounding leaves no digits, answered by 0", xp.tanh, 20.0, 0.0, Verdict.ILL_CONDITIONED),
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


@pytest.mark.parametrize(
    "observed, verdict",
    [
        ([-np.inf, 0.0, np.log(2.0)], Verdict.AGREE),
        ([np.nan, 0.0, np.log(2.0)], Verdict.AGREE),
        ([-np.inf, 0.0, 0.7], Verdict.WRONG),
        ([-np.inf, np.nan, np.log(2.0)], Verdict.NONFINITE),
    ],
)
def test_values_beside_a_pole(observed: list[float], verdict: Verdict) -> None:
    """Values are judged element by element: a pole does not hide its neighbors."""
    x = np.array([0.0, 1.0, 2.0])
    program = trace(lambda x: xp.log(x), {"x": TensorType((3,))}, ["y"])
    given = {"x": x, "ct.y": np.ones(3)}
    certificate = certify(vjp(program, ("x",)), given, ("x",), PRECISIONS["float64"])
    (judged,) = judge_values(certificate, given, ("x",), {"y": np.array(observed)})
    assert verdict is judged.verdict


def test_value_at_a_pole_alone() -> None:
    """Where no element has a finite value there is nothing to judge, whatever the shapes of the inputs."""
    program = trace(lambda x: xp.log(xp.sum(relu(x))), {"x": TensorType((3,))}, ["y"])
    given = {"x": np.zeros(3), "ct.y": np.ones(())}
    certificate = certify(vjp(program, ("x",)), given, ("x",), PRECISIONS["float64"])
    (judged,) = judge_values(certificate, given, ("x",), {"y": np.array(-np.inf)})
    assert Verdict.SINGULAR is judged.verdict


@pytest.mark.parametrize(
    "answer, verdict", [(1.0, Verdict.AGREE), (NAN, Verdict.NONFINITE), (0.9, Verdict.WRONG)]
)
def test_value_at_a_removable_singularity(answer: float, verdict: Verdict) -> None:
    """The product of two sin(x) / x at 0 has a limit, in a space of more directions than it has values."""
    program = trace(lambda x: xp.prod(xp.sin(x) / x), {"x": TensorType((2,))}, ["y"])
    given = {"x": np.array([0.0, 0.0]), "ct.y": np.ones(())}
    certificate = certify(vjp(program, ("x",)), given, ("x",), PRECISIONS["float64"])
    (judged,) = judge_values(certificate, given, ("x",), {"y": np.array(answer)})
    assert verdict is judged.verdict


def test_value_counted_by_an_undecided_comparison() -> None:
    """Whether NaN equals itself is not known in balls; a count of such answers proves nothing."""
    program = trace(lambda x: x[1] * xp.sum(xp.equal(x, x)), {"x": TensorType((2,))}, ["y"])
    given = {"x": np.array([NAN, 2.0]), "ct.y": np.ones(())}
    certificate = certify(vjp(program, ("x",)), given, ("x",), PRECISIONS["float64"])
    (judged,) = judge_values(certificate, given, ("x",), {"y": np.array(2.0)})
    assert Verdict.UNDECIDED is judged.verdict


def test_an_empty_argument_beside_a_jump() -> None:
    """An argument without elements rests on none, also where limits are searched."""
    found = judge(lambda x, z: x * xp.sign(x) + xp.sum(z), {"x": 0.0, "z": np.zeros((0,))},
                  {"x": 0.0, "z": np.zeros((0,))})  # fmt: skip
    assert [(j.index, j.verdict) for j in found] == [(0, Verdict.CONVENTION), (None, Verdict.AGREE)]


def test_a_kink_beside_a_slope_beyond_float64() -> None:
    """Where limits exceed float64 nothing is searched; what is settled keeps its verdict."""
    found = judge(lambda a, b: relu(a) + xp.sinh(b), {"a": 0.0, "b": 1e5}, {"a": 0.5, "b": np.inf})
    assert [j.verdict for j in found] == [Verdict.UNDECIDED, Verdict.AGREE]


def test_a_tie_and_nearly_a_tie() -> None:
    """Beside an exact tie, a tie within rounding may be split too; a slope of neither is wrong."""
    z = np.array([[1.5, 1.5], [1.5, 1.5 + 2.0**-22]])
    slope = 1350 / (1350**2 + 1.5**2)
    half = np.full((2, 2), slope / 2)
    near = judge(lambda z: xp.max(xp.atan2(-1350, z), axis=0), {"z": z}, {"z": half}, dtype="float32")
    wrong = judge(lambda z: xp.max(xp.atan2(-1350, z), axis=0), {"z": z}, {"z": 3 * half}, dtype="float32")
    assert (near[0].verdict, wrong[0].verdict) == (Verdict.ILL_CONDITIONED, Verdict.WRONG)


def test_an_order_within_rounding() -> None:
    """Positions have no hull: where argsort may choose otherwise, another element's slope is no fault."""
    y = np.array([1.0, 1.0 + 2.0**-23, 3.0])

    def function(y: Any) -> Any:
        order = xp.argsort(xp.log(xp.exp(y)))
        return xp.take_along_axis(y, order, axis=-1) * [1.0, 2.0, 3.0]

    (judged,) = judge(function, {"y": y}, {"y": [2.0, 1.0, 3.0]}, dtype="float32")
    (clear,) = judge(function, {"y": [1.0, 2.0, 3.0]}, {"y": [2.0, 1.0, 3.0]}, dtype="float32")
    assert (judged.verdict, clear.verdict) == (Verdict.ILL_CONDITIONED, Verdict.WRONG)


@pytest.mark.parametrize("error, verdict", [(1e-9, Verdict.CONVENTION), (1e-3, Verdict.WRONG)])
def test_noise_of_a_slope_given_to_another(error: float, verdict: Verdict) -> None:
    """Whichever of two tied elements gets the slope, it has the rounding of that slope."""
    factor = (1e4 + 1) ** 2 - 1e8
    found = judge(lambda x, w: xp.max(x) * (w * w - 1e8), {"x": [1.0, 1.0], "w": 1e4 + 1},
                  {"x": [0.0, factor * (1 + error)], "w": 2 * (1e4 + 1)})  # fmt: skip
    assert verdict is found[0].verdict


@pytest.mark.parametrize("answer, verdict", [(6e-17, Verdict.AGREE), (1e-9, Verdict.WRONG)])
def test_cancellation_to_zero_at_a_tie(answer: float, verdict: Verdict) -> None:
    """A gradient that cancels to zero keeps the rounding of what cancels, at each of the tied elements."""

    def function(z: Any) -> Any:
        top = xp.sin(xp.max(z))
        return xp.softmax(xp.stack([top, top, top])) * [0.7, -1.3, 1.1]

    (judged,) = judge(function, {"z": [1.0, 1.0]}, {"z": [0.0, answer]})
    assert verdict is judged.verdict


def test_cancellation_on_the_way_to_a_kink() -> None:
    """|x - elu(x)| is 0 all around 0.5: the balls around 0 on the way there shrink, so its slope is 0."""
    x = np.array([0.5, -1.0])
    gradient = np.array([0.0, np.exp(-1.0) - 1])
    (judged,) = judge(lambda x: xp.sinh(0 * x) + abs(x - xp.elu(x)), {"x": x}, {"x": gradient})
    assert Verdict.AGREE is judged.verdict


@pytest.mark.parametrize(
    "factor, verdict", [(50.0, Verdict.ILL_CONDITIONED), (1.001, Verdict.ILL_CONDITIONED)]
)
def test_no_digits_left(factor: float, verdict: Verdict) -> None:
    """tan(x^2) at 1e4 in float32 turns by many periods: an answer far outside is not called wrong."""
    x = 9676.4501953125
    slope = 2 * x * (1 + np.tan(x * x) ** 2)
    (judged,) = judge(lambda x: xp.tan(x * x), {"x": x}, {"x": slope * factor}, dtype="float32")
    assert Verdict.ILL_CONDITIONED is judged.verdict
