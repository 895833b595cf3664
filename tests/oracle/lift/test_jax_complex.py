"""Complex numbers in JAX functions: pairs of real ones at the boundary, JAX's own convention undone."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from oracle.frameworks.jax_arrays import sixty_four_bits
from oracle.lift.jax_complex import COMPLEX
from oracle.lift.jax_elementwise import IDENTITIES
from oracle.lift.jax_lift import lift_jax
from tests.oracle.lift.jax_comparison import (
    cotangents,
    lift_and_compare,
    lift_and_compare_values,
    primitives,
    reference_gradients,
    wide,
)
from tests.oracle.lift.jax_complex_samples import FOURIER, MATRIX, SAMPLES, Z


@pytest.mark.parametrize("name", SAMPLES)
def test_value_and_gradient_equal_those_of_jax(name: str) -> None:
    """The lifted function has JAX's value, and for conj(ct) the conjugate of JAX's gradient."""
    fn, arrays = SAMPLES[name]
    args = wide(*arrays)
    with sixty_four_bits():
        assert ("fft" if name in FOURIER else name) in set(primitives(jax.make_jaxpr(fn)(*args)))
    lift_and_compare(fn, args)


def test_every_entry_of_the_table_has_a_sample() -> None:
    """No lowering of complex numbers goes untried."""
    identities = {*IDENTITIES, "expand_dims"}  # as for real numbers, and tried there
    assert set(COMPLEX) - set(SAMPLES) - identities == {"sign"}


def test_a_complex_array_is_two_slots() -> None:
    """Parts have names, paths and formats of their own, and belong together by their order."""
    (z,) = wide(Z)
    lifted = lift_jax(lambda p: {"w": p["z"] * 1j}, ({"z": z},))
    assert [(s.name, s.path, s.dtype, s.part) for s in lifted.inputs] == [
        ("p_z_real", "p['z'].real", "float64", "real"),
        ("p_z_imag", "p['z'].imag", "float64", "imag"),
    ]
    assert [(o.path, o.dtype, o.part) for o in lifted.outputs] == [
        ("out['w'].real", "float64", "real"),
        ("out['w'].imag", "float64", "imag"),
    ]
    assert np.array_equal(lifted.inputs[1].array, Z.imag)
    narrow = lift_jax(jnp.sin, (jnp.asarray(Z, dtype="complex64"),))
    assert [s.dtype for s in narrow.inputs] == ["float32", "float32"]


@pytest.mark.parametrize("name", ["acosh", "sign"])
def test_what_jax_derives_wrongly(name: str) -> None:
    """Of ``sign`` (z over its size) JAX's derivative is 0, of ``acosh`` it has the wrong sign left of the
    imaginary axis. The function that was lifted has the slopes that central differences have.
    """
    fn = getattr(lax, name)
    (z,) = wide(Z)
    lifted = lift_and_compare_values(fn, (z,))
    seeds = cotangents(lifted)
    ours = reference_gradients(lifted, seeds)
    ct = seeds["out_real"] + 1j * seeds["out_imag"]
    with sixty_four_bits():
        for part, step in (("z_real", 1e-6), ("z_imag", 1e-6j)):
            slopes = (np.asarray(fn(z + step)) - np.asarray(fn(z - step))) / 2e-6
            names = [n for n in ours if n.endswith(part[1:])]
            np.testing.assert_allclose(ours[names[0]], (ct.conj() * slopes).real, rtol=1e-7, atol=1e-8)


@pytest.mark.parametrize(
    "name", ["acos", "acosh", "asin", "asinh", "atan", "atanh", "log", "log1p", "rsqrt", "sqrt"]
)
@pytest.mark.parametrize("side", [0.0, -0.0], ids=["above", "below"])
def test_values_on_branch_cuts(name: str, side: float) -> None:
    """On a cut the side is the one that JAX takes, which the sign of a zero may say."""
    points = np.array(
        [complex(a, side) for a in (-3.0, -0.5, 0.5, 3.0)] + [complex(side, b) for b in (-3.0, 3.0)]
    )
    lift_and_compare_values(getattr(lax, name), wide(points))


def test_absolute_value_at_zero_and_powers_of_zero() -> None:
    """The size has a kink at 0, whole powers have none."""
    zero = wide(np.zeros(2, dtype=np.complex128))
    lifted = lift_and_compare(lambda z: lax.integer_pow(z, 3) + z * z, zero)
    assert np.array_equal(reference_gradients(lifted, cotangents(lifted))["z_real"], np.zeros(2))


@pytest.mark.parametrize(
    "fn, named",
    [(jnp.linalg.eigh, "eigh"), (jnp.max, "reduce_max"), (lambda z: jnp.arctan2(z, z + 1), "atan2")],
)
def test_what_is_not_lifted_is_named(fn: Any, named: str) -> None:
    """A function that has a lowering for real numbers only is refused by name."""
    lifted = lift_jax(fn, wide(MATRIX + MATRIX.conj().T))
    assert lifted.program is None
    assert lifted.unsupported[0].operation == named
    assert "complex" in lifted.unsupported[0].hint
