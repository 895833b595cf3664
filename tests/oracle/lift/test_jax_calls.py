"""Functions within functions, loops, branches, randomness and conditions: what is lifted and what is not."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from oracle.frameworks.jax_arrays import sixty_four_bits
from oracle.lift.jax_lift import lift_jax
from tests.oracle.lift.jax_comparison import (
    cotangents,
    jax_gradients,
    lift_and_compare,
    lift_and_compare_values,
    reference_gradients,
    wide,
)
from tests.oracle.lift.jax_samples import SYMMETRIC, VECTOR, X, reals


@jax.custom_vjp
def wrong_square(x: Any) -> Any:
    """A square whose rule has a wrong sign."""
    return x * x


wrong_square.defvjp(lambda x: (x * x, x), lambda x, c: (-2 * c * x,))


@jax.custom_jvp
def wrong_sine(x: Any) -> Any:
    """A sine whose rule is half of what it should be."""
    return jnp.sin(x)


wrong_sine.defjvp(lambda p, t: (jnp.sin(p[0]), jnp.cos(p[0]) * t[0] / 2))


@pytest.mark.parametrize("fn, factor", [(wrong_square, -1.0), (wrong_sine, 2.0)])
def test_wrong_rule_is_not_lifted(fn: Any, factor: float) -> None:
    """The primal of a function with a rule of its own is lifted, so that a wrong rule shows."""
    (x,) = wide(X)
    lifted = lift_and_compare_values(fn, (x,))
    seeds = cotangents(lifted)
    ours = reference_gradients(lifted, seeds)["x"]
    theirs = jax_gradients(fn, (x,), lifted, seeds)["x"]
    np.testing.assert_allclose(ours, theirs * factor, rtol=1e-12)


def _recurrent(params: Any, xs: Any) -> Any:
    def step(h: Any, x: Any) -> Any:
        h = jnp.tanh(params["w"] @ h + params["u"] @ x + params["b"])
        return h, h * h

    return lax.scan(step, jnp.zeros(3), xs)


def test_recurrent_network() -> None:
    """A scan with parameters, a carried state and stacked results."""
    params = {"w": reals(3, 3), "u": reals(3, 2), "b": reals(3)}
    lifted = lift_and_compare(_recurrent, wide(params, reals(5, 2)))
    assert [s.path for s in lifted.inputs] == ["params['b']", "params['u']", "params['w']", "xs"]


def _newton(x: Any) -> Any:
    """A square root by as many steps as it takes."""
    return lax.while_loop(lambda s: jnp.abs(s * s - x) > 1e-12, lambda s: (s + x / s) / 2, jnp.ones_like(x))


def test_while_loop_whose_length_depends_on_the_input() -> None:
    """The loop is unrolled as often as it ran, and the report says what decided."""
    (x,) = wide(np.float64(2.0))
    lifted = lift_and_compare_values(_newton, (x,))
    gradient = reference_gradients(lifted, {"out": np.array(1.0)})["x"]
    assert gradient == pytest.approx(0.5 / np.sqrt(2.0), rel=1e-6)
    assert any("while_loop" in note for note in lifted.notes)


def test_loops_side_by_side_stop_one_by_one() -> None:
    """Under vmap each loop runs as long as its own condition holds."""
    (x,) = wide(np.array([1.5, 2.0, 400.0]))
    lifted = lift_and_compare_values(jax.vmap(_newton), (x,))
    gradient = reference_gradients(lifted, {"out": np.ones(3)})["x"]
    np.testing.assert_allclose(gradient, 0.5 / np.sqrt(x), rtol=1e-6)


@pytest.mark.parametrize("start", [1.0, -1.0])
def test_branch_is_the_one_that_was_taken(start: float) -> None:
    """Both branches of a cond are reached by their own inputs."""
    lifted = lift_and_compare(
        lambda x: lax.cond(x > 0, lambda v: v * v, lambda v: jnp.sin(v) * 3, x), wide(np.float64(start))
    )
    assert any("branch" in note for note in lifted.notes)


def test_calls_within_transformations() -> None:
    """Checkpoint of jit of vmap of a switch, with a gradient taken inside."""

    @jax.checkpoint
    @jax.jit
    def f(x: Any) -> Any:
        inner = jax.vmap(lambda row: lax.switch(1, [jnp.sum, lambda r: jnp.prod(jnp.cos(r))], row))
        return jax.grad(lambda v: jnp.sum(inner(v) ** 2))(x)

    lift_and_compare(f, wide(X))


@pytest.mark.parametrize("key", [jax.random.PRNGKey(3), jax.random.key(3)], ids=["raw", "typed"])
def test_randomness_is_that_of_the_run(key: Any) -> None:
    """Random bits, typed keys too, and what is made of them are constants."""

    def f(x: Any, key: Any) -> Any:
        first, second = jax.random.split(key)
        kept = jax.random.bernoulli(first, 0.7, x.shape)
        return jnp.where(kept, x / 0.7, 0.0) ** 2 + x * jax.random.normal(second, x.shape)

    (x,) = wide(X)
    lift_and_compare(lambda x: f(x, key), (x,))
    assert lift_jax(f, (x, key)).unsupported == ()


def test_conditions_stay_conditions() -> None:
    """A mask that becomes a number, and a count of such, keep their comparison, where the kink is."""
    lifted = lift_and_compare(lambda x: jnp.sum(x * (x > 0)) / jnp.sum(x > 0), wide(X))
    assert lifted.program is not None
    depends = [node.op for node in lifted.program.nodes]
    assert depends.count("greater") == 2


def _python(x: Any) -> Any:
    y = jax.nn.relu(x) * 2 if x[0] > 0 else jnp.cos(x)
    for _ in range(int(x[1] * 2)):
        y = wrong_sine(y) * x
    while y.sum() < 10:
        y = y * 1.5 + jnp.where(x > 1, x, 0)
    return {"y": y, "s": lax.fori_loop(0, 2, lambda i, v: v * jnp.sin(v), y).sum()}


@pytest.mark.parametrize("start", [0.5, -0.5])
def test_control_flow_in_python_is_followed(start: float) -> None:
    """Branches and loops of Python on values are lifted along the way they took; rules stay unused."""
    (x,) = wide(np.array([start, 1.2, 3.0]))
    lifted = lift_and_compare_values(_python, (x,))
    seeds = cotangents(lifted)
    ours = reference_gradients(lifted, seeds)["x"]
    steps = []
    with sixty_four_bits():
        for k in range(3):
            step = jnp.zeros(3).at[k].set(1e-6)
            after, before = _python(x + step), _python(x - step)
            steps.append(sum(np.vdot(seeds[f"out_{n}"], after[n] - before[n]) for n in "ys") / 2e-6)
    np.testing.assert_allclose(ours, steps, rtol=1e-6)
    assert any("asks in Python" in note for note in lifted.notes)


def test_numbers_that_leave_jax_are_refused() -> None:
    """A value that becomes a Python number, or a numpy array, would be a constant for JAX: it is named."""
    (x,) = wide(VECTOR)
    for fn in (lambda x: x * float(x[0]), lambda x: x * np.asarray(x)):
        assert [u.operation for u in lift_jax(fn, (x,)).unsupported] == ["control flow in Python"]


def test_stop_gradient_stays() -> None:
    """What is held constant by declaration has no gradient; next to it the gradient flows."""
    lift_and_compare(lambda x: jax.nn.softmax(x - lax.stop_gradient(x.max())) * x, wide(X))


def test_sign_bit_is_a_condition_but_rebuilt_numbers_are_refused() -> None:
    """The function copysign asks a bit and is lifted; frexp puts a number together of bits and is named."""
    (x,) = wide(X)
    lift_and_compare(lambda x: jnp.copysign(x * x, x), (x,))
    refused = lift_jax(lambda x: jnp.frexp(x)[0], (x,))
    assert refused.program is None
    assert [u.operation for u in refused.unsupported] == ["bitcast_convert_type"]


def test_everything_that_is_missing_is_named() -> None:
    """All operations without a lowering are listed, each once, with a hint."""

    def f(x: Any) -> Any:
        y = jax.pure_callback(np.sin, jax.ShapeDtypeStruct(x.shape, x.dtype), x)
        return lax.nextafter(y, x) * jnp.frexp(x)[0] + lax.nextafter(x, y)

    lifted = lift_jax(f, wide(VECTOR))
    assert [u.operation for u in lifted.unsupported] == ["pure_callback", "nextafter", "bitcast_convert_type"]
    assert all(u.hint for u in lifted.unsupported)
    with pytest.raises(ValueError, match="nextafter"):
        lifted.forward()


def test_callback_on_constants_is_a_constant() -> None:
    """What runs outside JAX on constants alone is a number like any other."""

    def f(x: Any) -> Any:
        return x * jax.pure_callback(np.cos, jax.ShapeDtypeStruct((), jnp.float64), jnp.ones(()))

    lift_and_compare(f, wide(VECTOR))


def test_debug_print_is_passed_over(capsys: pytest.CaptureFixture[str]) -> None:
    """Printing has no result and stops nothing."""

    def f(x: Any) -> Any:
        jax.debug.print("x = {}", x)
        return x * x

    lift_and_compare(f, wide(VECTOR))
    assert "x = " in capsys.readouterr().out


def _cholesky_of_one_triangle(a: Any) -> Any:
    return lax.linalg.cholesky(a, symmetrize_input=False)


def test_only_the_triangle_that_is_read_has_a_gradient() -> None:
    """Without symmetrizing, the factor's value depends on the lower triangle alone."""
    (a,) = wide(SYMMETRIC)
    lifted = lift_and_compare_values(_cholesky_of_one_triangle, (a,))
    gradient = reference_gradients(lifted, {"out": np.ones((3, 3))})["a"]
    assert np.all(np.triu(gradient, 1) == 0)
    step = 1e-6 * np.tril(np.cos(np.arange(9.0)).reshape(3, 3))
    with sixty_four_bits():
        change = _cholesky_of_one_triangle(a + step) - _cholesky_of_one_triangle(a - step)
    assert np.sum(np.tril(change)) / 2 == pytest.approx(float(np.vdot(gradient, step)), rel=1e-6)


@jax.custom_batching.custom_vmap
def _sine_with_a_batching_rule(x: Any) -> Any:
    return jnp.sin(x)


_sine_with_a_batching_rule.def_vmap(lambda size, batched, x: (jnp.sin(x), batched[0]))


@pytest.mark.parametrize("fn", [_sine_with_a_batching_rule, lax.composite(jnp.sin, "my.sine")])
def test_wrapped_function_is_looked_into(fn: Any) -> None:
    """What JAX wraps for other purposes, and does not differentiate in reverse, is the function inside."""
    lifted = lift_and_compare_values(fn, wide(X))
    (name,) = lifted.differentiable_inputs
    gradient = reference_gradients(lifted, {"out": np.ones(X.shape)})[name]
    np.testing.assert_allclose(gradient, np.cos(X), rtol=1e-12)


@pytest.mark.parametrize(
    "fn",
    [
        partial(jax.custom_derivatives.linear_call, lambda r, x: x * r, lambda r, c: c * r, 3.0),
        jnp.linalg.inv,
        lambda x: jnp.linalg.solve(jnp.stack([x, x.T + 1]), jnp.stack([x, 2 * x])),
        lambda x: jax.scipy.linalg.expm(x / 4),
        lambda x: lax.associative_scan(lambda a, b: a * b + a, x),
        lambda x: jnp.linalg.det(x) + jnp.linalg.slogdet(x @ x.T)[1],
        lambda x: jnp.quantile(x, 0.3, axis=1),
        lambda x: jax.hessian(lambda v: jnp.sum(jnp.sin(v) * v**2))(x[0]),
    ],
    ids=["linear", "inv", "solve", "expm", "scan", "det", "quantile", "hessian"],
)
def test_library_functions(fn: Any) -> None:
    """Functions of JAX that are made of calls, rules and loops."""
    lift_and_compare(fn, wide(SYMMETRIC / 2 + np.eye(3) * 2))
