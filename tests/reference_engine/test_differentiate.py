"""The chain rule: kinks, structural zeros, stop_gradient, shared outputs, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from flint import arb

from reference_engine import ProgramError, TensorType, trace, xp
from reference_engine.arithmetic.balls import ZERO, Balls, Kink, exact, plain, precision
from reference_engine.arithmetic.float64 import Float64
from reference_engine.differentiate import jvp, lower, second_order, vjp, vjp_with_cotangents
from reference_engine.evaluate import differentiated, evaluate, outputs
from tests.reference_engine.sample import Array

Function = Callable[..., Any]


def gradient(f: Function, *arrays: Any, cotangent: Any = None) -> tuple[list[Array], list[Kink]]:
    """Gradients in balls for each argument, and the kinks met."""
    values = {f"x{k}": np.asarray(a, dtype=np.float64) for k, a in enumerate(arrays)}
    program = trace(f, {n: TensorType(a.shape) for n, a in values.items()}, ["y"])
    derivative = vjp(program, tuple(values))
    shape = program.output_types[0].shape
    values["ct.y"] = np.ones(shape) if cotangent is None else np.asarray(cotangent, dtype=np.float64)
    with precision(128):
        balls = Balls(active=differentiated(derivative, [f"x{k}" for k in range(len(arrays))]))
        found = outputs(derivative, evaluate(derivative, {n: exact(v) for n, v in values.items()}, balls))
    return found[1:], balls.kinks


def is_ball(value: Any, low: float, high: float) -> bool:
    """Whether a ball is [low, high], up to the rounding of its radius outwards."""
    ball = plain(value)
    return bool(
        ball.contains(arb(low))
        and ball.contains(arb(high))
        and ball.upper() - arb(high) < 1e-8
        and arb(low) - ball.lower() < 1e-8
    )


class TestKinks:
    """At a kink the slope is the ball of all allowed slopes, and the kink is noted."""

    def test_relu(self) -> None:
        """Relu at 0 has the slopes [0, 1]."""
        (found,), kinks = gradient(lambda x: xp.where(x > 0, x, 0.0), 0.0)
        assert is_ball(found.item(), 0, 1)
        assert [k.undecided for k in kinks] == [False]

    def test_abs(self) -> None:
        """Abs at 0 has the slopes [-1, 1]."""
        (found,), kinks = gradient(xp.abs, 0.0)
        assert is_ball(found.item(), -1, 1)
        assert kinks

    @pytest.mark.parametrize("name", ["maximum", "minimum"])
    def test_tie_of_two(self, name: str) -> None:
        """Each operand of a tie has a weight in [0, 1]."""
        found, kinks = gradient(getattr(xp, name), [2.0, 1.0], [2.0, 3.0])
        assert all(is_ball(g[0], 0, 1) for g in found)
        assert [plain(g[1]) for g in found] == ([0, 1] if name == "maximum" else [1, 0])
        assert kinks

    def test_the_same_value_twice(self) -> None:
        """maximum(x, x) is x: no kink."""
        (found,), kinks = gradient(lambda x: xp.maximum(x * 1, x * 1), 2.0)
        assert found.item() == 1
        assert not kinks

    def test_clip_at_its_bounds(self) -> None:
        """Clip at a bound has the slopes [0, 1] for the value and the bound."""
        found, _ = gradient(lambda x, b: xp.clip(x, min=b), 0.5, 0.5)
        assert all(is_ball(g.item(), 0, 1) for g in found)

    def test_reduce_max(self) -> None:
        """Each of the tied maxima has a weight in [0, 1], the others have none."""
        (found,), kinks = gradient(lambda x: xp.max(x), [3.0, 1.0, 3.0])
        assert is_ball(found[0], 0, 1)
        assert is_ball(found[2], 0, 1)
        assert found[1] is ZERO
        assert kinks

    def test_sort(self) -> None:
        """Places that tie in a sort get the hull of what each could get."""
        (found,), kinks = gradient(lambda x: xp.sort(x), [2.0, 1.0, 2.0], cotangent=[5.0, 1.0, 3.0])
        assert found[1] == 5
        assert is_ball(found[0], 1, 3)
        assert is_ball(found[2], 1, 3)
        assert kinks

    def test_sort_with_equal_cotangents(self) -> None:
        """A tie whose order makes no difference is no kink."""
        (found,), kinks = gradient(lambda x: xp.sum(xp.sort(x)), [2.0, 1.0, 2.0])
        assert [plain(v) for v in found] == [1, 1, 1]
        assert not kinks

    def test_logaddexp_at_equal_arguments(self) -> None:
        """Logaddexp is smooth where its arguments are equal, and no kink is seen there."""
        found, kinks = gradient(xp.logaddexp, 0.75, 0.75)
        assert all(abs(g.item() - arb("0.5")) < 1e-30 for g in found)
        assert not kinks

    @pytest.mark.parametrize("name", ["floor", "ceil", "round", "sign"])
    def test_jump(self, name: str) -> None:
        """A jump is noted where the function is there, and not beside it."""
        at = 0.5 if name == "round" else 0.0
        assert gradient(getattr(xp, name), at)[1]
        assert not gradient(getattr(xp, name), at + 0.25)[1]

    def test_remainder_jumps(self) -> None:
        """remainder(x, y) jumps where x/y is an integer."""
        found, kinks = gradient(xp.remainder, 6.0, 3.0)
        assert [plain(g.item()) for g in found] == [1, -2]
        assert kinks
        assert not gradient(xp.remainder, 6.5, 3.0)[1]


class TestStructuralZeros:
    """What does not depend on an input has gradient zero there, whatever its own derivative is."""

    def test_branch_not_taken(self) -> None:
        """where(x > 0, sqrt(x), 0) at -1 has gradient exactly 0."""
        (found,), _ = gradient(lambda x: xp.where(x > 0, xp.sqrt(x), 0.0), -1.0)
        assert found.item() is ZERO

    def test_through_a_matrix_product(self) -> None:
        """A row of structural zeros stays one in a product with a matrix."""

        def f(x: Any) -> Any:
            return xp.where(
                xp.constant(np.array([[True], [False]])), xp.sqrt(x) @ np.array([[1.0, 2.0], [3.0, 4.0]]), 0.0
            )

        (found,), _ = gradient(f, [[1.0, 4.0], [0.0, -1.0]])
        assert plain(found[0, 0]) == arb(3) / 2
        assert found[1, 0] is ZERO
        assert found[1, 1] is ZERO

    def test_a_zero_by_value_is_none(self) -> None:
        """sqrt(x)^2 at 0 is 0 times infinity, not a certified 0."""
        (found,), _ = gradient(lambda x: xp.sqrt(x) ** 2, 0.0)
        assert not found.item().is_finite()

    def test_unused_input(self) -> None:
        """An input that is not used has a structural zero."""
        found, _ = gradient(lambda x, y: x * 2, 3.0, [4.0, 5.0])
        assert list(found[1]) == [ZERO, ZERO]

    def test_power_zero(self) -> None:
        """X ** 0 has gradient 0 everywhere, at 0 too."""
        (found,), _ = gradient(lambda x: x**0, [0.0, 2.0])
        assert [plain(v) for v in found] == [0, 0]


class TestStopGradient:
    """stop_gradient declares a constant."""

    def test_no_gradient(self) -> None:
        """Nothing flows back through it."""
        (found,), _ = gradient(lambda x: x * xp.stop_gradient(x), 3.0)
        assert found.item() == 3

    def test_no_kink_behind_it(self) -> None:
        """A straight-through rounding has slope 1 and no kink, at a jump too."""
        (found,), kinks = gradient(lambda x: x + xp.stop_gradient(xp.round(x) - x), 0.5)
        assert found.item() == 1
        assert not kinks


class TestPrograms:
    """What derivative Programs take and give."""

    @staticmethod
    def program() -> Any:
        """X * w and its sum."""
        types = {"x": TensorType((2,)), "w": TensorType((2,)), "k": TensorType((2,), "int")}
        return trace(lambda x, w, k: (x * w, xp.sum(x[k])), types, ["p", "s"])

    def test_names(self) -> None:
        """Inputs and outputs of each derivative have the documented names."""
        program = self.program()
        reverse, forward, second = (d(program, ("w", "x")) for d in (vjp, jvp, second_order))
        assert reverse.input_names == ("x", "w", "k", "ct.p", "ct.s")
        assert reverse.output_names == ("p", "s", "grad.w", "grad.x")
        assert forward.input_names == ("x", "w", "k", "t.w", "t.x")
        assert forward.output_names == ("p", "s", "t.p", "t.s")
        assert second.input_names == ("x", "w", "k", "ct.p", "ct.s", "d.w", "d.x")
        assert second.output_names == ("p", "s", "grad.w", "grad.x")

    def test_one_value_returned_twice(self) -> None:
        """The cotangents of an output that is returned twice add up."""
        program = trace(lambda x: (x * 3, x * 3), {"x": TensorType(())}, ["a", "b"])
        values = {"x": 2.0, "ct.a": 10.0, "ct.b": 1.0}
        given = {n: np.asarray(v) for n, v in values.items()}
        derivative = vjp(program, ("x",))
        assert outputs(derivative, evaluate(derivative, given, Float64()))[-1] == 33

    def test_cotangents_of_nodes(self) -> None:
        """The cotangent of each node on the way is an output of its own, and the input's is the gradient."""
        program = lower(trace(lambda x: xp.exp(x) * 2, {"x": TensorType(())}, ["y"]))
        derivative, nodes = vjp_with_cotangents(program, ("x",))
        given = {"x": np.asarray(0.0), "ct.y": np.asarray(5.0)}
        found = outputs(derivative, evaluate(derivative, given, Float64()))
        by_op = {program.nodes[i].op: float(v) for i, v in zip(nodes, found[2:], strict=True)}
        assert by_op == {"input": 10.0, "exp": 10.0, "multiply": 5.0}

    @pytest.mark.parametrize("name", ["k", "z"])
    def test_refused(self, name: str) -> None:
        """Only real inputs can be differentiated for."""
        with pytest.raises(ProgramError, match=f"cannot differentiate with respect to '{name}'"):
            vjp(self.program(), (name,))

    def test_lowering_twice_changes_nothing(self) -> None:
        """A lowered Program is its own lowering, lists of operands included."""
        program = lower(trace(lambda x: xp.concatenate([x, x * 2, xp.softmax(x)]), {"x": TensorType((3,))}))
        assert lower(program).digest == program.digest

    def test_third_order(self) -> None:
        """Derivatives of derivatives can be taken as often as wanted: the third of x^4 is 24 x."""
        program = trace(lambda x: x**4, {"x": TensorType(())}, ["y"])
        for _ in range(3):
            program = jvp(program, ("x",))
        given = {n: np.asarray(1.0 if n != "x" else 3.0) for n in program.input_names}
        found = dict(
            zip(program.output_names, outputs(program, evaluate(program, given, Float64())), strict=True)
        )
        assert found["t.t.t.y"] == 72
