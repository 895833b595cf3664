"""What counts as an input, what it is called, and that nothing of the caller's changes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from oracle.frameworks.jax_arrays import sixty_four_bits
from oracle.lift.jax_lift import lift_jax
from tests.oracle.lift.jax_comparison import lift_and_compare, reference_gradients, wide
from tests.oracle.lift.jax_samples import VECTOR, X


class Pair(NamedTuple):
    """Two arrays."""

    first: Any
    second: Any


@jax.tree_util.register_dataclass
@dataclass
class Layer:
    """Parameters in a dataclass that JAX knows."""

    weight: Any
    bias: Any


@jax.tree_util.register_dataclass
@dataclass
class Scaled:
    """A function with a parameter, as equinox writes its modules."""

    scale: Any

    def __call__(self, x: Any) -> Any:
        """The sine of the scaled input."""
        return jnp.sin(x * self.scale)


@dataclass(frozen=True, slots=True)
class Unknown:
    """Parameters in a dataclass that JAX does not know, beside what is no array."""

    weight: Any
    name: str
    bias: Any = None


@dataclass
class Prepared:
    """A dataclass that computes more attributes when it is made."""

    weight: Any

    def __post_init__(self) -> None:
        """An attribute that is no field."""
        self.power = 3

    @cached_property
    def square(self) -> Any:
        """Kept once it was asked for."""
        return self.weight * self.weight


class Plain:
    """Parameters in an object that nobody can take apart."""

    def __init__(self, weight: Any) -> None:
        self.weight = weight


def test_paths_and_names_of_nested_inputs() -> None:
    """Dictionaries, tuples and registered dataclasses are opened; names are identifiers."""

    def f(layer: Any, pair: Any, *rest: Any, scale: Any) -> Any:
        return {"y": (layer.weight @ pair.first + layer.bias) * scale["s"][0], "z": rest[0] * pair.second}

    layer, first, second = wide(Layer(X, X[:, 0]), X[0], np.float64(2.0))
    lifted = lift_jax(f, (layer, Pair(first, second), second), {"scale": {"s": [second]}})
    assert [(s.name, s.path) for s in lifted.inputs] == [
        ("layer_weight", "layer.weight"),
        ("layer_bias", "layer.bias"),
        ("pair_first", "pair.first"),
        ("pair_second", "pair.second"),
        ("rest_0", "rest[0]"),
        ("scale_s_0", "scale['s'][0]"),
    ]
    assert [(o.name, o.path) for o in lifted.outputs] == [("out_y", "out['y']"), ("out_z", "out['z']")]
    assert lifted.program is not None
    assert lifted.program.input_names == tuple(s.name for s in lifted.inputs)


def test_integers_booleans_and_numbers_are_held() -> None:
    """Integer and boolean arrays are inputs without gradient, Python numbers are part of the function."""

    def f(x: Any, index: Any, mask: Any, power: int, flag: bool, nothing: None) -> Any:
        assert flag
        return jnp.where(mask, x[index], 0.0) ** power, index + 1

    index, mask = jnp.array([0, 2, 2]), jnp.array([True, False, True])
    lifted = lift_jax(f, (*wide(VECTOR), index, mask, 3, True, None))
    assert [(s.name, s.differentiable, s.array.dtype.kind) for s in lifted.inputs] == [
        ("x", True, "f"), ("index", False, "i"), ("mask", False, "b"),
    ]  # fmt: skip
    assert [o.differentiable for o in lifted.outputs] == [True, False]
    assert lifted.differentiable_inputs == ("x",)
    np.testing.assert_allclose(lifted.forward()["out_0"], lifted.outputs[0].value, rtol=1e-12)


def test_arrays_inside_the_function_are_captured() -> None:
    """A function that is itself a pytree has its arrays among the inputs, last."""
    scale, x = wide(np.float64(3.0), VECTOR)
    lifted = lift_jax(Scaled(scale), (x,))
    assert [(s.path, s.captured) for s in lifted.inputs] == [("x", False), ("fn.scale", True)]
    found = reference_gradients(lifted, {"out": np.ones(5)})
    np.testing.assert_allclose(found["fn_scale"], np.sum(np.cos(VECTOR * 3) * VECTOR), rtol=1e-12)


def test_dataclasses_that_jax_does_not_know_are_opened() -> None:
    """Their fields are inputs as those of a dict are, also in results; strings and None stay as they are."""
    weight, bias = wide(VECTOR, np.float64(0.5))

    def f(p: Unknown) -> Unknown:
        assert p.name == "layer"
        return Unknown(jnp.sin(p.weight) * p.bias["b"][0], jnp.int32(1))

    lifted = lift_jax(f, (Unknown(weight, "layer", {"b": [bias]}),))
    assert [(s.name, s.path) for s in lifted.inputs] == [
        ("p_weight", "p.weight"),
        ("p_bias_b_0", "p.bias['b'][0]"),
    ]
    assert [(o.path, o.differentiable) for o in lifted.outputs] == [("out.weight", True), ("out.name", False)]
    found = reference_gradients(lifted, {"out_weight": np.ones(5)})
    np.testing.assert_allclose(found["p_weight"], np.cos(VECTOR) * 0.5, rtol=1e-12)


def test_copies_of_dataclasses_keep_attributes_and_forget_what_they_computed() -> None:
    """An attribute made by ``__post_init__`` is there, a cached property is computed from the new arrays."""
    (weight,) = wide(VECTOR)
    prepared = Prepared(weight)
    before = prepared.square
    lifted = lift_jax(lambda p: p.square**p.power, (prepared,))
    found = reference_gradients(lifted, {"out": np.ones(5)})
    np.testing.assert_allclose(found["p_weight"], 6 * VECTOR**5, rtol=1e-12)
    assert prepared.square is before


def test_keys_of_a_dict_are_read_in_one_order() -> None:
    """JAX sorts keys: names, arrays and results of differently written dicts belong together."""
    a, b = wide(2 * VECTOR, VECTOR)
    lifted = lift_jax(lambda p: {"z": p["b"] ** 2, "y": p["a"] ** 3}, ({"b": b, "a": a},))
    assert [(s.path, s.array[0]) for s in lifted.inputs] == [("p['a']", 2 * VECTOR[0]), ("p['b']", VECTOR[0])]
    assert [o.path for o in lifted.outputs] == ["out['y']", "out['z']"]
    np.testing.assert_allclose(lifted.forward()["out_z"], VECTOR**2, rtol=1e-12)
    found = reference_gradients(lifted, {"out_y": np.ones(5), "out_z": np.zeros(5)})
    np.testing.assert_allclose(found["p_a"], 12 * VECTOR**2, rtol=1e-12)


def test_unknown_objects_are_constants_and_said_so() -> None:
    """What nobody can look into is not differentiated, and the report says it."""
    lifted = lift_jax(lambda x, p: x * p.weight, (*wide(VECTOR), Plain(jnp.ones(5))))
    assert [s.name for s in lifted.inputs] == ["x"]
    assert "p is a Plain" in lifted.notes[0]


def test_constants_are_exact() -> None:
    """A closed-over array and a literal are the numbers that JAX computes with."""
    with sixty_four_bits():
        table = jnp.asarray(np.array([0.1, 0.7, 1e300, -0.3, 0.0]))
    lifted = lift_and_compare(lambda x: x * table * 0.1, wide(VECTOR))
    assert np.array_equal(lifted.forward()["out"], lifted.outputs[0].value)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
def test_inputs_keep_their_dtype(dtype: str) -> None:
    """Narrow inputs are exact in float64, and the function runs in the caller's own mode."""
    x = jnp.asarray(VECTOR, dtype=dtype)
    lifted = lift_jax(lambda x: x * jnp.ones(5, dtype=x.dtype) + jnp.sin(x), (x,))
    assert (lifted.inputs[0].dtype, lifted.outputs[0].dtype) == (dtype, dtype)
    assert np.array_equal(lifted.inputs[0].array, np.asarray(x).astype(np.float64))
    np.testing.assert_allclose(lifted.forward()["out"], lifted.outputs[0].value, rtol=0.02, atol=0.02)


def test_float32_function_stays_float32() -> None:
    """What the function makes by itself has the default width: its random numbers are those of its user."""
    assert not jax.config.jax_enable_x64
    lifted = lift_jax(lambda x: x * jax.random.normal(jax.random.PRNGKey(0), (5,)), (jnp.ones(5),))
    assert lifted.outputs[0].dtype == "float32"
    expected = np.asarray(jax.random.normal(jax.random.PRNGKey(0), (5,))).astype(np.float64)
    assert np.array_equal(lifted.forward()["out"], expected)


def test_mode_and_inputs_are_left_alone() -> None:
    """The 64-bit flag and the arguments are what they were."""
    (x,) = wide(VECTOR)
    before = jax.config.jax_enable_x64
    lift_jax(jnp.sin, (x,))
    with pytest.raises(ZeroDivisionError):
        lift_jax(lambda x: x / (1 // 0), (x,))
    assert jax.config.jax_enable_x64 is before
    assert np.array_equal(np.asarray(x), VECTOR)


def test_nodes_have_the_lines_of_the_function() -> None:
    """Nodes made by a line of the user's file carry its number."""

    def f(x: Any) -> Any:
        y = jnp.sin(x)
        return y * jnp.tanh(y)

    lifted = lift_jax(f, wide(VECTOR))
    assert lifted.program is not None
    assert lifted.file == __file__
    first = f.__code__.co_firstlineno
    lines = {node.op: node.line for node in lifted.program.nodes}
    assert (lines["sin"], lines["tanh"], lines["multiply"]) == (first + 1, first + 2, first + 2)


@pytest.mark.parametrize("result", ["text", None, object()], ids=["text", "nothing", "object"])
def test_results_that_are_no_arrays(result: Any) -> None:
    """A function that returns something else is refused with what was found; one that returns nothing has no
    outputs.
    """
    if result is None:
        assert lift_jax(lambda x: None, wide(VECTOR)).outputs == ()
        return
    with pytest.raises(TypeError, match=f"returned a {type(result).__name__} in out"):
        lift_jax(lambda x: result, wide(VECTOR))
