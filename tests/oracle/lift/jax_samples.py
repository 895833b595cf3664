"""For each JAX primitive a function whose jaxpr holds it, and smooth inputs to try it at."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.ad_checkpoint import checkpoint_name
from jax.extend.core import primitives

Sample = tuple[Callable[..., Any], tuple[Any, ...]]


def reals(*shape: int, low: float = -2.0, high: float = 2.0, seed: int = 0) -> np.ndarray:
    """Distinct float64 numbers in an interval, in no order."""
    generator = np.random.default_rng([seed, *shape])
    size = int(np.prod(shape))
    spread = (np.arange(size) + generator.uniform(0.2, 0.8, size)) / max(size, 1)
    return low + (high - low) * generator.permutation(spread).reshape(shape)


X = reals(3, 4)
UNIT = reals(3, 4, low=-0.9, high=0.9)
POSITIVE = reals(3, 4, low=0.2, high=3.0)
SQUARE = reals(3, 3) + 4 * np.eye(3)
SYMMETRIC = SQUARE + SQUARE.T
STACK = np.stack([SQUARE, SQUARE.T + np.eye(3)])
VECTOR = reals(5)
TALL = reals(4, 3)
IMAGE = reals(1, 6, 6, seed=3)


def _unary(names: str, x: np.ndarray) -> dict[str, Sample]:
    return {name: (getattr(lax, name), (x,)) for name in names.split()}


ELEMENTWISE: Mapping[str, Sample] = {
    **_unary("abs asinh atan cbrt ceil cos cosh erf erfc exp exp2 expm1 floor", X),
    **_unary("logistic neg sign sin sinh square tanh", X),
    **_unary("acos asin atanh erf_inv tan", UNIT),
    **_unary("digamma lgamma log log1p rsqrt sqrt", POSITIVE),
    "acosh": (lax.acosh, (POSITIVE + 1.1,)),
    "round": (lambda x: lax.round(x) * x, (X,)),
    "add": (lax.add, (X, UNIT)),
    "sub": (lax.sub, (X, UNIT)),
    "mul": (lax.mul, (X, UNIT)),
    "div": (lax.div, (X, POSITIVE)),
    "max": (lax.max, (X, UNIT)),
    "min": (lax.min, (X, UNIT)),
    "pow": (lax.pow, (POSITIVE, X)),
    "rem": (lax.rem, (X * 5, POSITIVE)),
    "atan2": (lax.atan2, (X, POSITIVE)),
    "add_any": (lambda x: jax.grad(lambda y: (jnp.sin(y) * jnp.exp(y)).sum())(x), (X,)),
    "integer_pow": (lambda x: lax.integer_pow(x, 3) + lax.integer_pow(x, -2), (POSITIVE,)),
    "polygamma": (lambda x: jax.scipy.special.polygamma(1, x), (POSITIVE,)),
    "clamp": (lambda x, low, high: lax.clamp(low, x, high) * x, (X, X * 0.5 - 1, X * 0.5 + 0.7)),
    "select_n": (lambda x, y: jnp.where(x > y, x * y, y), (X, UNIT)),
    "convert_element_type": (lambda x: x.astype("float32").astype("float64") ** 2, (np.round(X * 8) / 8,)),
    "reduce_precision": (lambda x: lax.reduce_precision(x, 8, 7) * x, (np.round(X * 4) / 4,)),
    "is_finite": (lambda x: jnp.where(jnp.isfinite(x), x * x, 0.0), (X,)),
    "stop_gradient": (lambda x: x * lax.stop_gradient(x), (X,)),
    "copy": (lambda x: jnp.array(x, copy=True) * x, (X,)),
    "optimization_barrier": (lambda x: lax.optimization_barrier((x * 2, x))[0] * x, (X,)),
    "name": (lambda x: checkpoint_name(x * x, "square"), (X,)),
}

SPECIAL: Mapping[str, Sample] = {
    **_unary("bessel_i0e bessel_i1e", X),
    "igamma": (lax.igamma, (POSITIVE, POSITIVE[::-1])),
    "igammac": (lax.igammac, (POSITIVE, POSITIVE[::-1])),
    "regularized_incomplete_beta": (lambda x: lax.betainc(2.5, 0.75, x), (abs(UNIT),)),
    "random_gamma": (lambda a: jax.random.gamma(jax.random.key(0), a), (POSITIVE,)),
}


def _compared(compare: Callable[..., Any]) -> Sample:
    return lambda x, y: jnp.where(compare(x, y), x * x, y), (X, UNIT)


COMPARISONS: Mapping[str, Sample] = {
    **{name: _compared(getattr(lax, name)) for name in ("eq", "ne", "lt", "le", "gt", "ge")},
    **{name: _compared(getattr(primitives, f"{name}_p").bind) for name in ("eq_to", "le_to", "lt_to")},
    "and": (lambda x: jnp.where((x > -1) & (x < 1), x * x, x), (X,)),
    "or": (lambda x: jnp.where((x < -1) | (x > 1), x * x, x), (X,)),
    "xor": (lambda x: jnp.where((x > -1) ^ (x < 1), x * x, 3 * x), (X,)),
    "not": (lambda x: jnp.where(~(x > 0), x * x, x), (X,)),
    "reduce_and": (lambda x: jnp.where(jnp.all(x > -1.5, axis=1)[:, None], x * x, x), (X,)),
    "reduce_xor": (lambda x: jnp.where(lax.reduce_xor(x > 0, (0,)), x * x, x), (X,)),
    "reduce_or": (lambda x: jnp.where(jnp.any(x > 1.5, axis=0), x * x, x), (X,)),
}

SHAPING: Mapping[str, Sample] = {
    "reshape": (lambda x: x.reshape(2, 6) ** 2, (X,)),
    "transpose": (lambda x: x.T @ x, (X,)),
    "squeeze": (lambda x: jnp.squeeze(x[:, None] * 2.0, 1), (X,)),
    "broadcast_in_dim": (lambda x: lax.broadcast_in_dim(x, (5, 2), (0,)) ** 2, (VECTOR,)),
    "slice": (lambda x: lax.slice(x, (0, 1), (3, 4), (2, 2)) ** 2, (X,)),
    "rev": (lambda x: lax.rev(x, (0, 1)) * x, (X,)),
    "concatenate": (lambda x, y: jnp.concatenate([x, y * y, x], axis=1), (X, UNIT)),
    "stack": (lambda x, y: jnp.stack([x, y * y], axis=1), (X, UNIT)),
    "unstack": (lambda x: jnp.unstack(x, axis=1)[2] ** 2, (X,)),
    "split": (lambda x: [p * p for p in lax.split(x, (1, 3), 1)], (X,)),
    "tile": (lambda x: jnp.tile(x, (2, 3)) ** 2, (X,)),
    "pad": (lambda x, v: lax.pad(x, v, ((1, -1, 2), (-1, 2, 1))) ** 2, (X, np.float64(0.5))),
    "iota": (lambda x: x * jnp.arange(4.0), (X,)),
}

INDEXING: Mapping[str, Sample] = {
    "gather": (lambda x: x[jnp.array([0, 2, 0]), jnp.array([1, 1, 3])] ** 2, (X,)),
    "dynamic_slice": (lambda x: lax.dynamic_slice(x, (1, 3), (2, 2)) ** 2, (X,)),
    "dynamic_update_slice": (lambda x, y: lax.dynamic_update_slice(x, y * y, (1, 3)), (X, reals(2, 2))),
    "sort": (lambda x: jnp.sort(x, axis=0) * x, (X,)),
    "top_k": (lambda x: lax.top_k(x, 2)[0] ** 2, (X,)),
    "approx_top_k": (lambda x: lax.approx_max_k(x, 2)[0] ** 2, (X,)),
    "argmax": (lambda x: x[jnp.argmax(x[:, 1])] ** 2, (X,)),
    "argmin": (lambda x: x[jnp.argmin(x[:, 1])] ** 2, (X,)),
    "scatter": (lambda x, y: x.at[jnp.array([2, 0])].set(y * y), (X, reals(2, 4))),
    "scatter-add": (lambda x, y: x.at[jnp.array([2, 0, 2])].add(y * y), (X, reals(3, 4))),
    "scatter-sub": (lambda x, y: x.at[jnp.array([2, 0, 2])].subtract(y * y), (X, reals(3, 4))),
    "scatter-mul": (lambda x, y: x.at[jnp.array([2, 0])].multiply(y, unique_indices=True), (X, reals(2, 4))),
    "scatter-min": (lambda x, y: x.at[jnp.array([2, 0, 2])].min(y), (X, reals(3, 4, seed=1))),
    "scatter-max": (lambda x, y: x.at[jnp.array([2, 0, 2])].max(y), (X, reals(3, 4, seed=1))),
}

REDUCTIONS: Mapping[str, Sample] = {
    "reduce_sum": (lambda x: jnp.sum(x, axis=1) ** 2, (X,)),
    "reduce_max": (lambda x: jnp.max(x, axis=0) ** 2, (X,)),
    "reduce_min": (lambda x: jnp.min(x, axis=1) ** 2, (X,)),
    "reduce_prod": (lambda x: jnp.prod(x, axis=1), (X,)),
    "cumsum": (lambda x: lax.cumsum(x, 1, reverse=True) ** 2, (X,)),
    "cumprod": (lambda x: lax.cumprod(x, 1), (X,)),
    "cummax": (lambda x: lax.cummax(x, 1) ** 2, (X,)),
    "cummin": (lambda x: lax.cummin(x, 0, reverse=True) ** 2, (X,)),
    "cumlogsumexp": (lambda x: lax.cumlogsumexp(x, 1), (X,)),
    "reduce": (lambda x: lax.reduce(x, 0.0, lambda a, b: a + b + a * b, (1,)), (X,)),
    "reduce_window_sum": (lambda x: lax.reduce_window(x, 0.0, lax.add, (2, 2), (1, 2), "SAME") ** 2, (X,)),
    "reduce_window_max": (
        lambda x: lax.reduce_window(x, -jnp.inf, lax.max, (2, 2), (1, 1), "SAME") ** 2,
        (X,),
    ),
    "reduce_window_min": (
        lambda x: lax.reduce_window(x, jnp.inf, lax.min, (2, 2), (1, 1), "VALID") ** 2,
        (X,),
    ),
    "select_and_scatter_add": (
        jax.grad(lambda x: (lax.reduce_window(x, -jnp.inf, lax.max, (2, 2), (1, 1), "SAME") ** 3).sum()),
        (X,),
    ),
    "select_and_gather_add": (
        lambda x: jax.jvp(
            lambda y: lax.reduce_window(y, -jnp.inf, lax.max, (2, 2), (1, 1), "SAME"), (x,), (x * x,)
        )[1],
        (X,),
    ),
}

_NHWC = ("NHWC", "HWIO", "NHWC")

PRODUCTS: Mapping[str, Sample] = {
    "dot_general": (lambda x, y: lax.dot_general(x, y, (((2,), (1,)), ((0,), (0,)))), (STACK, STACK * 0.5)),
    "ragged_dot_general": (
        lambda x, y: lax.ragged_dot(x, y, jnp.array([1, 2], dtype=jnp.int32)),
        (reals(4, 3), reals(2, 3, 2)),
    ),
    "conv_general_dilated": (
        lambda x, w: lax.conv_general_dilated(
            x, w, (2, 1), ((1, 2), (0, 1)), lhs_dilation=(2, 1), rhs_dilation=(1, 2),
            dimension_numbers=_NHWC, feature_group_count=2,
        ),
        (reals(2, 4, 5, 4), reals(3, 2, 2, 6)),
    ),
}  # fmt: skip

LINALG: Mapping[str, Sample] = {
    "cholesky": (jnp.linalg.cholesky, (SYMMETRIC,)),
    "triangular_solve": (
        lambda a, b: lax.linalg.triangular_solve(a, b, left_side=False, lower=True, transpose_a=True),
        (SQUARE, TALL),
    ),
    "lu": (lambda a: lax.linalg.lu(a)[0], (STACK,)),
    "qr": (lambda a: jnp.linalg.qr(a), (TALL,)),
    "eigh": (lambda a: jnp.linalg.eigh(a), (SYMMETRIC,)),
    "svd": (lambda a: jnp.linalg.svd(a, full_matrices=False), (TALL,)),
    "tridiagonal_solve": (
        lambda a, d, c, b: lax.linalg.tridiagonal_solve(a, d, c, b),
        (reals(4), reals(4) + 5, reals(4), reals(4, 2)),
    ),
    "custom_linear_solve": (jnp.linalg.solve, (SQUARE, reals(3))),
}


@jax.custom_jvp
def _cubed(x: Any) -> Any:
    return x**3


@_cubed.defjvp
def _cubed_rule(primals: Any, tangents: Any) -> Any:
    return _cubed(*primals), 3 * primals[0] ** 2 * tangents[0]


@jax.custom_vjp
def _halved(x: Any) -> Any:
    return x * x / 2


_halved.defvjp(lambda x: (_halved(x), x), lambda x, c: (c * x,))

CONTROL: Mapping[str, Sample] = {
    "jit": (jax.jit(lambda x: jnp.sin(x) * x), (X,)),
    "remat2": (jax.checkpoint(lambda x: jnp.sin(x) * x), (X,)),
    "custom_jvp_call": (_cubed, (X,)),
    "custom_vjp_call": (_halved, (X,)),
    "scan": (lambda x: lax.scan(lambda c, a: (c * 0.5 + a, c * a), x[0], x), (X,)),
    "cond": (lambda x: lax.cond(x[0, 0] > 0, jnp.sin, jnp.cos, x), (X,)),
}

FORWARD_ONLY: Mapping[str, Sample] = {
    "reduce_window": (
        lambda x: lax.reduce_window(x, 1.0, lambda a, b: a * b, (2, 2), (1, 1), "SAME"),
        (X,),
    ),
    "while": (
        lambda x: lax.while_loop(lambda s: s[0] < 3, lambda s: (s[0] + 1, jnp.sin(s[1])), (0, x))[1],
        (X,),
    ),
}
"""What JAX differentiates in forward mode only, by name of the primitive."""

SAMPLES: Mapping[str, Sample] = {
    **ELEMENTWISE, **SPECIAL, **COMPARISONS, **SHAPING, **INDEXING, **REDUCTIONS, **PRODUCTS, **LINALG,
    **CONTROL,
}  # fmt: skip
"""By name of the primitive that must be in the jaxpr."""
