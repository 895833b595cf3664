"""The eager front door behaves like torch's where torch is right, and its values are proved."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest
from flint import arb

import reference_engine as engine
from reference_engine.eager import EagerTensor, GradientUseError
from reference_engine.eager_text import describe_ball, upward
from reference_engine.program import ProgramError


def leaf(value: object) -> EagerTensor:
    """A leaf that collects a gradient."""
    return engine.tensor(value, requires_grad=True)


class TestBackward:
    """Gradients: what they are, where they go, and when they are refused."""

    def test_worked_example(self) -> None:
        """The tutorial's example gives loss 1 and gradient -2, exactly."""
        w = leaf(1.0)
        loss = (w * engine.tensor(1.0) - engine.tensor(2.0)) ** 2
        loss.backward()
        assert loss.item() == 1.0
        assert w.grad.item() == -2.0
        assert w.grad.certified
        assert w.grad.enclosure()[()].is_exact()

    def test_no_gradient_before_backward(self) -> None:
        """A leaf has no gradient until the first backward pass."""
        assert leaf(1.0).grad is None

    def test_gradients_accumulate_into_the_same_tensor(self) -> None:
        """Two passes add up in one tensor, and zeroing starts again."""
        w = leaf(3.0)
        (w * 2).backward()
        first = w.grad
        (w * w).backward()
        assert w.grad is first
        assert w.grad.item() == 8.0
        w.grad.zero_()
        (w * 2).backward()
        assert w.grad.item() == 2.0

    def test_one_graph_can_be_used_twice(self) -> None:
        """A second pass over the same graph accumulates the same gradient again."""
        w = leaf(3.0)
        loss = w * w
        loss.backward()
        loss.backward()
        assert w.grad.item() == 12.0

    def test_cotangent_weights_the_outputs(self) -> None:
        """backward(c) gives the gradient of <c, outputs>, and the cotangent is left as it was."""
        x = leaf([1.0, 2.0, 3.0])
        cotangent = engine.tensor([1.0, 0.5, -2.0])
        (x * x).backward(cotangent)
        assert x.grad.tolist() == [2.0, 2.0, -12.0]
        assert cotangent.tolist() == [1.0, 0.5, -2.0]

    def test_every_use_of_a_leaf_counts(self) -> None:
        """A leaf used three times collects three terms."""
        x = leaf(2.0)
        (x * x * x).backward()
        assert x.grad.item() == 12.0

    def test_enclosure_holds_the_true_gradient(self) -> None:
        """The gradient of exp(x) at 1 encloses e and no float64."""
        x = leaf(1.0)
        engine.exp(x).backward()
        ball = x.grad.enclosure()[()]
        assert ball.contains(arb(1).exp().mid()) or ball.overlaps(arb(1).exp())
        assert float(ball.rad()) < 2.0**-200
        assert x.grad.item() == 2.718281828459045

    def test_precision_follows_the_cancellation(self) -> None:
        """A difference that loses 600 bits is still certified."""
        x = leaf(1.0)
        big = x * 2.0**300
        y = (big * big + engine.exp(x)) - big * big
        y.backward()
        assert y.item() == 2.718281828459045
        assert y.certified
        assert x.grad.item() == 2.718281828459045

    def test_kink_gives_all_slopes(self) -> None:
        """At a kink the gradient encloses every slope and says that it is not certified."""
        x = leaf(0.0)
        engine.where(x > 0, x, 0).backward()
        ball = x.grad.enclosure()[()]
        assert ball.contains(0)
        assert ball.contains(1)
        assert not ball.contains(1.01)
        assert not x.grad.certified

    def test_structural_zero_absorbs_an_infinite_slope(self) -> None:
        """where(x > 0, sqrt(x), 0) has gradient exactly 0 at 0 < -x, where sqrt has none."""
        x = leaf(-1.0)
        engine.where(x > 0, engine.sqrt(x), 0).backward()
        assert repr(x.grad) == "tensor(0.)"

    @pytest.mark.parametrize("use", [lambda: engine.tensor(1.0), lambda: leaf(1.0).detach() * 2])
    def test_backward_without_a_graph_is_refused(self, use: object) -> None:
        """backward() says what is missing where nothing was recorded."""
        with pytest.raises(GradientUseError, match="needs a recorded gradient"):
            use().backward()  # type: ignore[operator]

    def test_backward_of_a_vector_needs_a_cotangent(self) -> None:
        """A vector has no gradient without a cotangent of its shape."""
        with pytest.raises(GradientUseError, match=r"of shape \(2,\) needs a cotangent"):
            (leaf([1.0, 2.0]) * 2).backward()
        with pytest.raises(GradientUseError, match=r"must be real of shape \(2,\); found real of shape \(\)"):
            (leaf([1.0, 2.0]) * 2).backward(1.0)

    def test_an_integer_cannot_require_a_gradient(self) -> None:
        """requires_grad is for real numbers."""
        with pytest.raises(TypeError, match="only real tensors can require gradients"):
            leaf(1)


class TestInPlace:
    """Changes in place, recorded or not."""

    def test_update_under_no_grad_keeps_the_leaf(self) -> None:
        """W -= 0.01 * w.grad moves the leaf by a hundredth, a decimal, and it still collects gradients."""
        w = leaf(1.0)
        same = w
        (w * -2).backward()
        with engine.no_grad():
            w -= 0.01 * w.grad
        assert w is same
        assert w.requires_grad
        assert w.is_leaf
        assert w.enclosure()[()].overlaps(arb("1.02"))
        w.grad.zero_()
        (w * w).backward()
        assert w.grad.item() == 2.04

    def test_update_outside_no_grad_is_refused(self) -> None:
        """A leaf that requires a gradient cannot change while its graph is recorded, and stays as it was."""
        w = leaf(1.0)
        with pytest.raises(RuntimeError, match="changed in place"):
            w -= 1.0
        assert w.item() == 1.0

    def test_a_graph_keeps_the_value_that_it_was_made_with(self) -> None:
        """A backward pass after an update gives the gradient at the old value; torch refuses it."""
        w = leaf(3.0)
        loss = w * w
        with engine.no_grad():
            w -= 1.0
        loss.backward()
        assert w.grad.item() == 6.0

    def test_change_of_a_result_is_recorded(self) -> None:
        """Y += w on a recorded y is part of the graph."""
        w = leaf(3.0)
        y = w * w
        y += w
        y.backward()
        assert w.grad.item() == 7.0

    def test_shape_cannot_change_in_place(self) -> None:
        """Adding a vector to a scalar in place is refused."""
        x = engine.tensor(1.0)
        with pytest.raises(ProgramError, match="keeps the type"):
            x += engine.tensor([1.0, 2.0])

    def test_no_grad_is_restored_after_an_error(self) -> None:
        """An exception inside no_grad() does not leave recording off."""
        with pytest.raises(ZeroDivisionError), engine.no_grad():
            _ = 1 / 0
        assert (leaf(1.0) * 2).requires_grad

    def test_results_without_history_let_their_operands_go(self) -> None:
        """What is not recorded holds no graph, so a long loop keeps no memory."""
        x = engine.tensor(1.0)
        operand = weakref.ref(x)
        y = x * 2
        del x
        gc.collect()
        assert operand() is None
        assert y.item() == 2.0


class TestValues:
    """Values, indexing and control flow."""

    def test_operators_agree_with_numpy(self) -> None:
        """Every operator has numpy's value on exact numbers."""
        a, b = np.array([3.0, -2.0]), np.array([2.0, 4.0])
        x, y = engine.tensor(a), engine.tensor(b)
        found = [x + y, x - y, x * y, x / y, x**2, -x, abs(x), 1 - x, 2 / y, x > y, x == y, x[1], x @ y]
        expected = [a + b, a - b, a * b, a / b, a**2, -a, abs(a), 1 - a, 2 / b, a > b, a == b, a[1], a @ b]
        for one, other in zip(found, expected, strict=True):
            assert one.tolist() == np.asarray(other).tolist()

    def test_operations_are_functions_and_methods(self) -> None:
        """Sum is a function of the module and a method of the tensor."""
        x = leaf([[1.0, 2.0], [3.0, 4.0]])
        assert engine.sum(x, axis=0).tolist() == x.sum(axis=0).tolist() == [4.0, 6.0]
        assert engine.stack([x[0], x[1]]).tolist() == x.tolist()

    def test_unknown_names_are_refused(self) -> None:
        """A name that is no operation is an AttributeError, and internal operations are hidden."""
        for name in ("no_such_operation", "convert", "_private"):
            with pytest.raises(AttributeError):
                getattr(engine, name)
            with pytest.raises(AttributeError):
                getattr(engine.tensor(1.0), name)

    def test_conditions_decide_control_flow(self) -> None:
        """An eager comparison can be branched on; one that is not known is refused."""
        x = leaf(2.0)
        assert x > 1
        assert not (x > 2)
        third = engine.tensor(1.0) / 3
        with pytest.raises(ValueError, match="cannot be decided"):
            bool(third * 3 > 1)

    def test_indexing_and_iteration(self) -> None:
        """Rows, elements, slices and integer tensors index; gradients go back to their places."""
        x = leaf([[1.0, 2.0], [3.0, 4.0]])
        assert [row.tolist() for row in x] == [[1.0, 2.0], [3.0, 4.0]]
        (x[1, 0] * 10 + x[engine.tensor(0)][1]).backward()
        assert x.grad.tolist() == [[0.0, 1.0], [10.0, 0.0]]

    def test_item_needs_one_element(self) -> None:
        """item() of a vector names its shape."""
        with pytest.raises(ValueError, match=r"this one has shape \(2,\)"):
            engine.tensor([1.0, 2.0]).item()


class TestText:
    """What is printed."""

    @pytest.mark.parametrize(
        "tensor, text",
        [
            (engine.tensor(-2.0), "tensor(-2.)"),
            (engine.tensor(3), "tensor(3)"),
            (engine.tensor([True, False]), "tensor([True, False])"),
            (engine.tensor([[1.0, 0.5], [2.0, 1e30]]), "tensor([[1., 0.5],\n        [2., 1e+30]])"),
            (leaf(1.0), "tensor(1., requires_grad=True)"),
            (leaf(1.0) * 2, "tensor(2., grad_fn=<multiply>)"),
            (engine.tensor(float("inf")), "tensor(inf)"),
        ],
    )
    def test_exact_values_print_like_torch(self, tensor: EagerTensor, text: str) -> None:
        """Exact values print as numbers alone."""
        assert repr(tensor) == text

    def test_printed_interval_holds_the_value(self) -> None:
        """What is printed is true as it stands: the digits and the radius enclose the exact third."""
        digits, radius = describe_ball((engine.tensor(1.0) / 3).enclosure()[()])
        assert digits == "0.3333333333333333"
        assert 1 / 3e17 < float(radius or 0) < 1e-16

    def test_radius_is_rounded_up(self) -> None:
        """Two digits of a radius are never below it."""
        assert upward(arb("1.01e-20")) == "1.1e-20"

    def test_long_tensors_are_cut(self) -> None:
        """Of 2000 elements six are printed."""
        assert repr(engine.tensor(np.arange(2000))) == "tensor([0, 1, 2, ..., 1997, 1998, 1999])"
