"""What the composites do at their kinks, at removable ones, at infinities and at masks, in balls."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from flint import arb

from reference_engine.arithmetic.balls import ZERO, Balls, all_plain, exact, precision
from reference_engine.differentiate import jvp, vjp
from reference_engine.evaluate import dependents, evaluate, outputs
from reference_engine.program import Program
from tests.reference_engine.sample import Array, Sample, program_of


def as_given(inputs: dict[str, Array], balls: Balls) -> dict[str, Array]:
    """Exact balls for reals, codes for booleans, integers as they are."""
    given = {}
    for name, values in inputs.items():
        given[name] = exact(values) if values.dtype.kind == "f" else values
        if values.dtype.kind == "b":
            zero = np.zeros(values.shape, dtype=np.int64)
            given[name] = balls.compare("not_equal", values.astype(np.int64), zero)
    return given


def run(derivative: Program, inputs: dict[str, Array], wrt: tuple[str, ...]) -> tuple[list[Array], bool]:
    """Outputs at 128 bits with structural zeros as numbers, and whether a kink was met."""
    balls = Balls(active=dependents(derivative, wrt))
    with precision(128):
        found = outputs(derivative, evaluate(derivative, as_given(inputs, balls), balls))
    return [all_plain(v) for v in found], bool(balls.kinks)


def slopes(operation: str, x: list[float], **attrs: Any) -> tuple[list[Any], bool]:
    """Forward derivative of an elementwise operation, element by element, and whether a kink was met.

    A cotangent that comes back through both pieces of a function adds up two intervals that belong together;
    a tangent goes through one piece at a time, so this set is the sharp one.
    """
    sample = Sample({"x": np.array(x)}, attrs)
    forward = jvp(program_of(operation, sample), ("x",))
    found, kinked = run(forward, sample.inputs | {"t.x": np.ones(len(x))}, ("x", "t.x"))
    return list(found[-1].ravel()), kinked


def at(
    operation: str, sample: Sample, wrt: tuple[str, ...] | None = None
) -> tuple[Array, dict[str, Array], bool]:
    """Value, gradient by input for cotangents of one, and whether a kink was met."""
    program = program_of(operation, sample)
    wrt = sample.real_inputs if wrt is None else wrt
    seeds = {
        f"ct.{n}": np.ones(t.shape) for n, t in zip(program.output_names, program.output_types, strict=True)
    }
    found, kinked = run(vjp(program, wrt), sample.inputs | seeds, wrt)
    return found[0], dict(zip(wrt, found[-len(wrt) :], strict=True)), kinked


def is_interval(ball: arb, low: float, high: float) -> bool:
    """Whether a ball is this interval, up to its own last digits."""
    wide = arb((low + high) / 2, (high - low) / 2 + 1e-7)
    return bool(wide.contains(ball) and ball.contains(arb(low)) and ball.contains(arb(high)))


@pytest.mark.parametrize(
    "operation, point, low, high, attrs",
    [
        ("relu", 0.0, 0.0, 1.0, {}),
        ("relu6", 0.0, 0.0, 1.0, {}),
        ("relu6", 6.0, 0.0, 1.0, {}),
        ("hardtanh", -1.0, 0.0, 1.0, {}),
        ("hardtanh", 2.5, 0.0, 1.0, {"min_val": 0.0, "max_val": 2.5}),
        ("hardsigmoid", 3.0, 0.0, 1 / 6, {}),
        ("hardswish", -3.0, -0.5, 0.0, {}),
        ("hardswish", 3.0, 1.0, 1.5, {}),
        ("leaky_relu", 0.0, 0.25, 1.0, {"negative_slope": 0.25}),
        ("elu", 0.0, 1.0, 2.0, {"alpha": 2.0}),
        ("softshrink", 0.5, 0.0, 1.0, {}),
        ("softshrink", -0.5, 0.0, 1.0, {}),
        ("logit", 0.25, 0.0, 16 / 3, {"eps": 0.25}),
    ],
)
def test_slopes_at_a_kink(
    operation: str, point: float, low: float, high: float, attrs: dict[str, Any]
) -> None:
    """The gradient is the interval of the one-sided slopes, and the kink is reported."""
    (slope,), kinked = slopes(operation, [point], **attrs)
    assert kinked
    assert is_interval(slope, low, high)


@pytest.mark.parametrize(
    "operation, slope, attrs",
    [
        ("celu", 1.0, {"alpha": 0.5}),
        ("elu", 1.0, {}),
        ("softsign", 1.0, {}),
        ("softplus", 0.5, {}),
        ("log_sigmoid", 0.5, {}),
        ("silu", 0.5, {}),
        ("gelu", 0.5, {}),
        ("gelu", 0.5, {"approximate": "tanh"}),
        ("mish", 0.6, {}),
    ],
)
def test_smooth_at_zero(operation: str, slope: float, attrs: dict[str, Any]) -> None:
    """A function that is smooth at 0 has one sharp slope there, whatever its pieces or its shift."""
    (found,), _ = slopes(operation, [0.0], **attrs)
    assert float(found.rad()) < 1e-30
    assert float(found.mid()) == pytest.approx(slope, rel=1e-15)


@pytest.mark.parametrize("operation", ["softplus", "log_sigmoid", "silu", "mish", "gelu"])
def test_shift_is_no_kink(operation: str) -> None:
    """The shift against overflow is not met as a kink."""
    assert not slopes(operation, [0.0])[1]


@pytest.mark.parametrize("operation", ["softmax", "log_softmax", "logsumexp"])
def test_ties_of_the_maximum_are_no_kink(operation: str) -> None:
    """Equal largest elements change nothing: the shift by the maximum has no derivative."""
    _, gradient, kinked = at(operation, Sample({"x": np.array([2.0, 2.0, 1.0])}))
    assert not kinked
    assert all(float(g.rad()) < 1e-30 for g in gradient["x"])


def test_logsumexp_of_a_tie_shares_evenly() -> None:
    """The gradient of logsumexp at two equal elements is one half each."""
    _, gradient, _ = at("logsumexp", Sample({"x": np.array([7.0, 7.0])}))
    assert [float(g.mid()) for g in gradient["x"]] == pytest.approx([0.5, 0.5])


def test_jump_is_reported() -> None:
    """A hardshrink jumps at lambd: a kink, though every slope nearby is 0 or 1."""
    assert slopes("hardshrink", [0.5])[1]


@pytest.mark.parametrize("operation, attrs", [("max_pool1d", {"kernel_size": 2}), ("cummax", {"axis": 1})])
def test_tied_maximum_of_a_window(operation: str, attrs: dict[str, Any]) -> None:
    """A tie within a window gives each tied element a weight in [0, 1] and spares the others."""
    _, gradient, kinked = at(operation, Sample({"x": np.array([[1.0, 1.0, 0.5, 9.0]])}, attrs))
    assert kinked
    assert gradient["x"][0, 1].contains(0)
    assert gradient["x"][0, 1].contains(arb("0.5"))
    assert gradient["x"][0, 2] == 0


def test_border_of_a_pool_never_wins() -> None:
    """The border of max_pool is below everything: a window of very negative numbers keeps its own."""
    value, gradient, kinked = at(
        "max_pool1d", Sample({"x": np.array([[-1e300, -1e308]])}, {"kernel_size": 2, "padding": 1})
    )
    assert [float(v) for v in value[0]] == [-1e300, -1e308]
    assert [float(g.mid()) for g in gradient["x"][0]] == [1.0, 1.0]
    assert not kinked


def test_masked_attention() -> None:
    """What a boolean mask leaves out gets gradient exactly 0, and what it leaves in a sharp one."""
    r = np.random.default_rng(0)
    mask = np.array([[True, False, True], [True, True, False]])
    arrays = {"query": r.normal(size=(2, 4)), "key": r.normal(size=(3, 4)), "value": r.normal(size=(3, 2))}
    _, gradient, kinked = at("scaled_dot_product_attention", Sample(arrays | {"attn_mask": mask}))
    assert not kinked
    assert all(float(g.rad()) < 1e-30 for part in gradient.values() for g in part.ravel())
    alone = {**arrays, "query": arrays["query"][:1]}
    _, gradient, _ = at("scaled_dot_product_attention", Sample(alone | {"attn_mask": mask[:1]}))
    assert all(g == 0 for g in [*gradient["key"][1], *gradient["value"][1]])


def test_wholly_masked_row_has_no_value() -> None:
    """A softmax over nothing is 0/0, never a number."""
    arrays = {"query": np.ones((1, 2)), "key": np.ones((2, 2)), "value": np.ones((2, 2))}
    nothing = Sample(arrays | {"attn_mask": np.zeros((1, 2), dtype=bool)})
    value, _, _ = at("scaled_dot_product_attention", nothing)
    assert not any(v.is_finite() for v in value.ravel())


def test_infinite_logit() -> None:
    """A logit of -infinity has probability 0 and gets gradient 0; the others are those of the rest alone."""
    _, gradient, _ = at(
        "cross_entropy", Sample({"input": np.array([[1.0, -np.inf, 0.0]]), "target": np.array([0])})
    )
    _, rest, _ = at("cross_entropy", Sample({"input": np.array([[1.0, 0.0]]), "target": np.array([0])}))
    assert gradient["input"][0, 1] == 0
    assert all(a.overlaps(b) for a, b in zip(gradient["input"][0, [0, 2]], rest["input"][0], strict=True))


@pytest.mark.parametrize("operation, attrs", [("norm", {}), ("std", {}), ("norm", {"ord": 2.5})])
def test_no_slope_is_made_up(operation: str, attrs: dict[str, Any]) -> None:
    """A root of zero has no finite slope, and none is certified."""
    _, gradient, _ = at(operation, Sample({"x": np.zeros(2)}, attrs))
    assert not any(g.is_finite() for g in gradient["x"])


def test_normalized_zero_vector() -> None:
    """Below eps normalize divides by eps: its gradient is finite though the norm has none."""
    _, gradient, _ = at("normalize", Sample({"x": np.zeros((1, 2))}, {"eps": 0.5}))
    assert [float(g.mid()) for g in gradient["x"][0]] == [2.0, 2.0]


@pytest.mark.parametrize("operation", ["huber_loss", "smooth_l1_loss"])
def test_quadratic_meets_line_smoothly(operation: str) -> None:
    """At the seam and at 0 both robust losses have one sharp slope."""
    sample = Sample({"input": np.array([1.0, -1.0, 0.0]), "target": np.zeros(3)}, {"reduction": "none"})
    forward = jvp(program_of(operation, sample), ("input",))
    found, _ = run(forward, sample.inputs | {"t.input": np.ones(3)}, ("input", "t.input"))
    assert [float(g.mid()) for g in found[-1]] == [1.0, -1.0, 0.0]
    assert all(float(g.rad()) == 0 for g in found[-1])


def test_absolute_error_at_zero() -> None:
    """The L1 loss and the norm of order 1 have every slope in [-1, 1] at 0."""
    _, loss, _ = at("l1_loss", Sample({"input": np.zeros(1), "target": np.zeros(1)}), ("input",))
    _, size, _ = at("norm", Sample({"x": np.zeros(1)}, {"ord": 1}))
    assert is_interval(loss["input"][0], -1.0, 1.0)
    assert is_interval(size["x"][0], -1.0, 1.0)


def test_certain_probabilities() -> None:
    """Binary cross entropy of a certain and right prediction is 0, with the slope of the inner side."""
    sample = Sample({"input": np.array([0.0, 1.0]), "target": np.array([0.0, 1.0])}, {"reduction": "none"})
    value, gradient, _ = at("binary_cross_entropy", sample, ("input",))
    assert [float(v) for v in value] == [0.0, 0.0]
    assert [float(g.mid()) for g in gradient["input"]] == [1.0, -1.0]


def test_divergence_from_an_impossible_class() -> None:
    """The term t log(t) is 0 at t = 0 while the gradient in t has no finite value there."""
    sample = Sample({"input": np.array([-1.0]), "target": np.array([0.0])}, {"reduction": "sum"})
    value, gradient, _ = at("kl_div", sample)
    assert value[()] == 0
    assert not gradient["target"][0].is_finite()
    assert gradient["input"][0] == 0


def test_zero_is_structural_only_in_derivatives() -> None:
    """An output of a transposed convolution that nothing lands on is the number 0, no missing derivative."""
    sample = Sample({"x": np.ones((1, 1, 2)), "weight": np.ones((1, 1, 1))}, {"stride": 2})
    program = program_of("conv_transpose1d", sample)
    backward = vjp(program, ())
    seed = {f"ct.{program.output_names[0]}": np.ones((1, 1, 3))}
    given = as_given(sample.inputs | seed, Balls())
    value = outputs(backward, evaluate(backward, given, Balls()))[0]
    assert ZERO not in value.ravel().tolist()
    assert [float(v) for v in value.ravel()] == [1.0, 0.0, 1.0]
