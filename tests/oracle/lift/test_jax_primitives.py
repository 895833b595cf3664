"""Every primitive that is lifted, at a point where it is smooth."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from oracle.frameworks.jax_arrays import sixty_four_bits
from oracle.lift.jax_complex import COMPLEX
from oracle.lift.jax_control import STRUCTURES
from oracle.lift.jax_primitives import COUNTED, HINTS, IGNORED, LOWERINGS
from tests.oracle.lift.jax_comparison import (
    cotangents,
    lift_and_compare,
    lift_and_compare_values,
    primitives,
    reference_gradients,
    wide,
)
from tests.oracle.lift.jax_samples import FORWARD_ONLY, SAMPLES

ELSEWHERE = {
    # Other releases' names of primitives that are tried here under today's.
    "pjit", "checkpoint", "core_call", "custom_vjp_call_jaxpr", "copy_p", "mesh_cast", "expand_dims",
    "closed_call",
    # Identities and calls that only programs for several devices or other transformations make.
    "device_put", "sharding_constraint", "layout_constraint", "pvary", "reshard", "eval_jaxpr", "call",
    # Tried in test_jax_calls.py, because JAX differentiates them in neither mode or not by themselves.
    "composite", "custom_vmap_call", "linear_call", "zeta", "igamma_grad_a",
}  # fmt: skip


@pytest.mark.parametrize("name", SAMPLES)
def test_value_and_gradient_equal_those_of_jax(name: str) -> None:
    """The lifted function has JAX's value and JAX's gradient, and the sample holds the primitive."""
    fn, arrays = SAMPLES[name]
    args = wide(*arrays)
    with sixty_four_bits():
        assert name in set(primitives(jax.make_jaxpr(fn)(*args)))
    lift_and_compare(fn, args)


@pytest.mark.parametrize("name", FORWARD_ONLY)
def test_gradient_is_adjoint_to_the_tangent_of_jax(name: str) -> None:
    """Where JAX has no reverse mode, <cotangent, its tangent> equals <our gradient, direction>."""
    fn, (array,) = FORWARD_ONLY[name]
    (x,) = wide(array)
    with sixty_four_bits():
        assert name in set(primitives(jax.make_jaxpr(fn)(x)))
        direction = jnp.asarray(np.cos(np.arange(x.size)).reshape(x.shape))
        tangent = jax.jvp(fn, (x,), (direction,))[1]
    lifted = lift_and_compare_values(fn, (x,))
    seeds = cotangents(lifted)
    ours = reference_gradients(lifted, seeds)["x"]
    assert np.vdot(ours, direction) == pytest.approx(float(np.vdot(seeds["out"], tangent)), rel=1e-12)


def test_every_entry_of_the_tables_has_a_sample() -> None:
    """No lowering goes untried."""
    assert {*LOWERINGS, *STRUCTURES} - {*SAMPLES, *FORWARD_ONLY} == ELSEWHERE


def test_every_primitive_that_jax_differentiates_is_lifted_or_has_a_reason() -> None:
    """The list is JAX's own: whatever has a rule for tangents or for cotangents where nothing but JAX is
    loaded; other libraries add their own.
    """
    rules = "{*ad.primitive_jvps, *ad.primitive_transposes}"
    script = f"from jax.interpreters import ad; print(*(p.name for p in {rules}))"
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    differentiated = set(found.stdout.split())
    lifted = {*LOWERINGS, *STRUCTURES, *COMPLEX}
    assert len(differentiated & lifted) > 120
    assert differentiated - lifted - {*HINTS} - COUNTED - IGNORED == set()


@pytest.mark.parametrize("name", ["random_bits", "random_seed", "shift_right_arithmetic"])
def test_bits_and_keys_are_constants(name: str) -> None:
    """Random bits by which an input is multiplied are those of the run."""

    def function(x: Any) -> Any:
        bits = jax.random.bits(jax.random.key((jnp.argmax(x) + 8) >> 1), x.shape, "uint8")
        return x * x * bits.astype(x.dtype)

    (x,) = wide(np.array([0.5, -1.5, 2.0]))
    with sixty_four_bits():
        assert name in set(primitives(jax.make_jaxpr(function)(x)))
    lift_and_compare(function, (x,))


def test_what_is_refused_is_not_lifted_too() -> None:
    """A primitive has a lowering or a reason for having none."""
    assert {*LOWERINGS, *STRUCTURES} & {*HINTS} == set()
