"""For each JAX primitive that takes or gives complex numbers a function that holds it, and smooth inputs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from tests.oracle.lift.jax_samples import Sample, reals


def numbers(*shape: int, seed: int = 0) -> np.ndarray:
    """Complex numbers away from 0, from both axes and from branch cuts."""
    sizes = reals(*shape, low=0.4, high=1.6, seed=seed)
    return sizes * np.exp(1j * (reals(*shape, low=-3.0, high=3.0, seed=seed + 1) + 0.02))


Z = numbers(3, 4)
W = numbers(3, 4, seed=5)
ROW = numbers(6, seed=7)
MATRIX = numbers(3, 3, seed=9) + 4 * np.eye(3)
STACK = np.stack([MATRIX, MATRIX.T * 1j])
X = reals(3, 4)
IMAGE = numbers(2, 4, 5, 2, seed=3)

_UNARY = (
    "abs acos asin asinh atan atanh conj cos cosh exp exp2 expm1 imag log log1p logistic neg real rsqrt sin "
    "sinh sqrt square tan tanh"
)

ELEMENTWISE: Mapping[str, Sample] = {
    **{name: (getattr(lax, name), (Z,)) for name in _UNARY.split()},
    # Right of the imaginary axis; left of it the sign of JAX's own derivative is wrong.
    "acosh": (lax.acosh, (np.abs(Z.real) + 1j * Z.imag,)),
    "complex": (lambda x, y: lax.complex(x, y) ** 3, (X, X + 0.3)),
    "add": (lax.add, (Z, W)),
    "sub": (lax.sub, (Z, W)),
    "mul": (lax.mul, (Z, W)),
    "div": (lax.div, (Z, W)),
    "pow": (lax.pow, (Z, W)),
    "integer_pow": (lambda z: lax.integer_pow(z, 5) + lax.integer_pow(z, -2), (Z,)),
    "eq": (lambda z, w: jnp.where(z == w, z * w, z), (Z, W)),
    "ne": (lambda z, w: jnp.where(z != w, z * w, z), (Z, W)),
    "select_n": (lambda z, w: jnp.where(z.real > 0, z * w, w), (Z, W)),
    "convert_element_type": (lambda x: x.astype("complex128") * (1 + 2j), (X,)),
    "stop_gradient": (lambda z: z * lax.stop_gradient(z), (Z,)),
    "add_any": (lambda x: jax.grad(lambda y: jnp.abs((1j * y + 2) * jnp.exp(1j * y)).sum())(x), (X,)),
    "copy": (lambda z: jnp.array(z, copy=True) * z, (Z,)),
    "optimization_barrier": (lambda z: lax.optimization_barrier((z * 2, z))[0] * z, (Z,)),
}

STRUCTURAL: Mapping[str, Sample] = {
    "reshape": (lambda z: z.reshape(2, 6) ** 2, (Z,)),
    "transpose": (lambda z: z.T @ z, (Z,)),
    "squeeze": (lambda z: jnp.squeeze(z[:, None] * 2.0, 1), (Z,)),
    "broadcast_in_dim": (lambda z: lax.broadcast_in_dim(z, (6, 2), (0,)) ** 2, (ROW,)),
    "slice": (lambda z: lax.slice(z, (0, 1), (3, 4), (2, 2)) ** 2, (Z,)),
    "rev": (lambda z: lax.rev(z, (0, 1)) * z, (Z,)),
    "concatenate": (lambda z, w: jnp.concatenate([z, w * w, z], axis=1), (Z, W)),
    "stack": (lambda z, w: jnp.stack([z, w * w], axis=1), (Z, W)),
    "unstack": (lambda z: jnp.unstack(z, axis=1)[2] ** 2, (Z,)),
    "split": (lambda z: [p * p for p in lax.split(z, (1, 3), 1)], (Z,)),
    "tile": (lambda z: jnp.tile(z, (2, 3)) ** 2, (Z,)),
    "pad": (lambda z, v: lax.pad(z, v, ((1, -1, 2), (-1, 2, 1))) ** 2, (Z, np.complex128(0.5 + 1j))),
    "gather": (lambda z: z[jnp.array([0, 2, 0]), jnp.array([1, 1, 3])] ** 2, (Z,)),
    "dynamic_slice": (lambda z: lax.dynamic_slice(z, (1, 3), (2, 2)) ** 2, (Z,)),
    "dynamic_update_slice": (lambda z, w: lax.dynamic_update_slice(z, w * w, (1, 3)), (Z, numbers(2, 2))),
    "sort": (lambda z: jnp.sort(z, axis=0) * z, (Z,)),
    "scatter": (lambda z, w: z.at[jnp.array([2, 0])].set(w * w), (Z, numbers(2, 4))),
    "scatter-add": (lambda z, w: z.at[jnp.array([2, 0, 2])].add(w * w), (Z, W)),
    "scatter-sub": (lambda z, w: z.at[jnp.array([2, 0, 2])].subtract(w * w), (Z, W)),
    "reduce_sum": (lambda z: jnp.sum(z, axis=1) ** 2, (Z,)),
    "reduce_prod": (lambda z: jnp.prod(z, axis=1), (Z,)),
    "cumsum": (lambda z: lax.cumsum(z, 1, reverse=True) ** 2, (Z,)),
    "cumprod": (lambda z: lax.cumprod(z, 1, reverse=True), (Z,)),
    "cumlogsumexp": (lambda z: lax.cumlogsumexp(z, 1), (Z,)),
    "reduce": (lambda z: lax.reduce(z, 0j, lambda a, b: a + b + a * b, (1,)), (Z,)),
    "reduce_window_sum": (lambda z: lax.reduce_window(z, 0j, lax.add, (2, 2), (1, 2), "SAME") ** 2, (Z,)),
}

PRODUCTS: Mapping[str, Sample] = {
    "dot_general": (lambda z, w: lax.dot_general(z, w, (((2,), (1,)), ((0,), (0,)))), (STACK, STACK * 0.5j)),
    "ragged_dot_general": (
        lambda z, w: lax.ragged_dot(z, w, jnp.array([1, 2], dtype=jnp.int32)),
        (numbers(4, 3), numbers(2, 3, 2)),
    ),
    "conv_general_dilated": (
        lambda z, w: lax.conv_general_dilated(
            z, w, (2, 1), ((1, 2), (0, 1)), dimension_numbers=("NHWC", "HWIO", "NHWC")
        ),
        (IMAGE, numbers(3, 2, 2, 3)),
    ),
}

CONTROL: Mapping[str, Sample] = {
    "jit": (jax.jit(lambda z: jnp.sin(z) * z), (Z,)),
    "remat2": (jax.checkpoint(lambda z: jnp.sin(z) * z), (Z,)),
    "scan": (lambda z: lax.scan(lambda c, a: (c * 0.5j + a, c * a), z[0], z), (Z,)),
    "cond": (lambda z: lax.cond(z[0, 0].real > 0, jnp.sin, jnp.cos, z), (Z,)),
}


def _transform(function: Any, array: np.ndarray, **options: Any) -> Sample:
    return lambda z: function(z, **options) * (1 + 0.5j), (array,)


FOURIER: Mapping[str, Sample] = {
    "fft": _transform(jnp.fft.fft, Z, axis=0),
    "fft of more": _transform(jnp.fft.fft, ROW, n=9, norm="ortho"),
    "fft of two axes": _transform(jnp.fft.fft2, numbers(2, 3, 4)),
    "ifft": _transform(jnp.fft.ifftn, numbers(2, 3, 5)),
    "rfft": _transform(jnp.fft.rfft, reals(2, 7)),
    "rfft of two axes": _transform(jnp.fft.rfft2, reals(3, 6)),
    "irfft, even": _transform(jnp.fft.irfft, numbers(2, 4)),
    "irfft, odd": _transform(jnp.fft.irfft, numbers(2, 4), n=7),
    "irfft of two axes": _transform(jnp.fft.irfft2, numbers(3, 4)),
}

LINALG: Mapping[str, Sample] = {
    "cholesky": (jnp.linalg.cholesky, (MATRIX @ MATRIX.conj().T,)),
    "triangular_solve": (
        lambda a, b: lax.linalg.triangular_solve(
            a, b, left_side=False, lower=True, transpose_a=True, conjugate_a=True
        ),
        (STACK, numbers(2, 4, 3)),
    ),
    "lu": (lambda a: lax.linalg.lu(a)[0], (STACK,)),
    "qr": (jnp.linalg.qr, (numbers(4, 3),)),
    "custom_linear_solve": (jnp.linalg.solve, (MATRIX, numbers(3, 2))),
}

SAMPLES: Mapping[str, Sample] = {**ELEMENTWISE, **STRUCTURAL, **PRODUCTS, **CONTROL, **FOURIER, **LINALG}
