"""Complex numbers in JAX functions: what is right is green, a forgotten conjugate is not."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import oracle
from oracle.frameworks.jax_arrays import sixty_four_bits
from oracle.judge.verdict import Verdict
from tests.oracle.lift.jax_complex_samples import numbers

Z = numbers(4)
WIDE = pytest.mark.parametrize("dtype", ["complex64", "complex128"])


def point(dtype: str, array: np.ndarray = Z) -> Any:
    """A JAX array of that dtype, which is only made under 64 bits if it needs them."""
    with sixty_four_bits():
        return jnp.asarray(array, dtype=dtype)


def size_squared(*, conjugated: bool) -> Any:
    """|z|^2 with a rule of its own. JAX's cotangent c means the real part of c dL, which is c 2 conj(z)."""

    @jax.custom_vjp
    def function(z: Any) -> Any:
        return jnp.real(z * jnp.conj(z))

    function.defvjp(lambda z: (function(z), z), lambda z, c: (2 * c * (jnp.conj(z) if conjugated else z),))
    return function


@WIDE
def test_rule_with_the_conjugate(dtype: str) -> None:
    """The right rule is certified on every reverse route, real and imaginary parts by their own names."""
    result = oracle.check(size_squared(conjugated=True), point(dtype))
    assert (result.ok, result.certified) == (True, True), result
    agreed = {(f.route, f.argument) for f in result.findings if f.verdict is Verdict.AGREE}
    assert agreed >= {("jax.vjp", "gradient of z.real"), ("jax.jit", "gradient of z.imag")}


@WIDE
def test_rule_without_the_conjugate(dtype: str) -> None:
    """Without it the gradient of the imaginary part has the wrong sign."""
    result = oracle.check(size_squared(conjugated=False), point(dtype))
    wrong = {(f.route, f.argument) for f in result.failures if f.verdict is Verdict.WRONG}
    assert wrong >= {("jax.vjp", "gradient of z.imag"), ("jax.jit", "gradient of z.imag")}
    assert ("jax.vjp", "gradient of z.real") not in wrong


def squared(*, right: bool) -> Any:
    """z^2, a holomorphic function: its rule has no conjugate."""

    @jax.custom_vjp
    def function(z: Any) -> Any:
        return z * z

    function.defvjp(lambda z: (z * z, z), lambda z, c: (2 * c * (z if right else jnp.conj(z)),))
    return function


@WIDE
def test_holomorphic_rules(dtype: str) -> None:
    """With complex results too, the cotangent is not conjugated."""
    assert oracle.check(squared(right=True), point(dtype)).certified
    assert not oracle.check(squared(right=False), point(dtype)).ok


FUNCTIONS = {
    "filter": lambda x: jnp.abs(jnp.fft.ifft(jnp.fft.fft(x) * jnp.exp(-jnp.arange(8.0)))).sum(),
    "spectrum": lambda x: jnp.abs(jnp.fft.rfft(x)) ** 2,
    "round trip": lambda x: jnp.fft.irfft(jnp.fft.rfft(x) * (1 + 0.5j), n=8),
    "phase": lambda x: jnp.angle(jax.lax.complex(x[:4], x[4:])),
    "scan": lambda x: jax.lax.scan(lambda h, a: (h * (0.3 + 0.4j) + a, jnp.abs(h + a)), 1j + x[0], x)[1],
    "polynomial": lambda x: jnp.polyval(x + 0j, jnp.asarray(0.3 + 0.2j)),
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_real_functions_through_complex_numbers(name: str, dtype: str) -> None:
    """Real inputs have real gradients, on every route."""
    x = point(dtype, np.array([0.5, -1.2, 0.3, 2.0, 1.1, -0.7, 0.9, 0.4]))
    result = oracle.check(FUNCTIONS[name], x)
    assert result.certified, result
    assert {f.argument for f in result.findings if f.route == "jax.vjp"} >= {"gradient of x"}


def test_second_order() -> None:
    """All four compositions of modes agree on functions of complex numbers."""
    result = oracle.check(lambda z: jnp.sum(jnp.abs(jnp.sin(z) * z) ** 2), point("complex128"), order=2)
    assert result.ok, result
    second = {f.route: f.verdict for f in result.findings if f.order == 2}
    assert len(second) == 4
    assert set(second.values()) == {Verdict.AGREE}


def test_given_cotangent_is_that_of_jax() -> None:
    """The gradient that is judged is the conjugate of what ``jax.vjp`` answers for this cotangent."""
    z, seed = point("complex128"), np.array([1 + 2j, 0.5 - 1j, -1j, 2.0])
    result = oracle.check(squared(right=False), z, cotangent=seed)
    with sixty_four_bits():
        (answer,) = jax.vjp(squared(right=False), z)[1](jnp.asarray(seed))
    worst = next(f for f in result.failures if f.route == "jax.vjp" and f.argument.endswith("z.imag"))
    assert worst.observed == -float(answer[worst.index].imag)
    with pytest.raises(ValueError, match="complex array for a real output"):
        oracle.check(jnp.abs, z, cotangent=seed)


def test_spec_of_complex_numbers() -> None:
    """A spec gets pairs that calculate, and may return them; its text names the parts."""
    function, z = size_squared(conjugated=True), point("complex64")
    assert oracle.check(function, z, spec="y = z_real**2 + z_imag**2").certified
    assert oracle.check(squared(right=True), z, spec=lambda xp, z: z * z).certified
    assert not oracle.check(squared(right=True), z, spec=lambda xp, z: z * z * z).ok


def test_sign_of_complex_numbers_is_wrong_in_jax() -> None:
    """z/|z| is no constant in pieces; the derivative of ``jnp.sign``, if it is 0, is wrong."""
    z = point("complex128")
    with sixty_four_bits():
        zero = not np.any(np.asarray(jax.vjp(jnp.sign, z)[1](jnp.ones_like(z))[0]))
    assert oracle.check(jnp.sign, z).ok is not zero


def test_linear_algebra() -> None:
    """Systems and factorizations that have no free phase."""
    a = point("complex128", numbers(3, 3, seed=9) + 4 * np.eye(3))
    b = point("complex128", numbers(3))
    assert oracle.check(jnp.linalg.solve, a, b).certified
    assert oracle.check(lambda a: jnp.linalg.cholesky(a @ a.conj().T), a).certified
