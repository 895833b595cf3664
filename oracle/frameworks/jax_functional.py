"""Our operations as JAX's own: activations, statistics and normalization.

JAX has no normalization with weights; that is written in its operations as its users do.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import jax.scipy.special as jsp

from oracle.frameworks.interpret import Call
from oracle.frameworks.jax_layers import LAYERS
from oracle.frameworks.jax_losses import LOSSES

Axis = int | tuple[int, ...] | None


def _softplus(x: Any, beta: float, threshold: float | None) -> Any:
    whole = jax.nn.softplus(x) if beta == 1 else jax.nn.softplus(x * beta) / beta
    return whole if threshold is None else jnp.where(x * beta > threshold, x, whole)


def _logit(x: Any, eps: float | None) -> Any:
    return jsp.logit(x if eps is None else jnp.clip(x, eps, 1 - eps))


def _hardtanh(x: Any, min_val: float, max_val: float) -> Any:
    return jax.nn.hard_tanh(x) if (min_val, max_val) == (-1, 1) else jnp.clip(x, min_val, max_val)


def _by_channel(weight: Any, x: Any) -> Any:
    return weight.reshape(weight.shape[0], *(1,) * (x.ndim - 2))


def _softshrink(x: Any, lambd: float) -> Any:
    return jnp.where(x > lambd, x - lambd, jnp.where(x < -lambd, x + lambd, 0))


def _median(x: Any, axis: int | None, keepdims: bool, method: str) -> Any:
    if method == "midpoint":
        return jnp.median(x, axis=axis, keepdims=keepdims)
    return jnp.quantile(x, 0.5, axis=axis, keepdims=keepdims, method="lower")


def _order(ord: float | str) -> float:
    return {"fro": 2.0, "inf": math.inf, "-inf": -math.inf}[ord] if isinstance(ord, str) else ord


def _norm(x: Any, ord: float | str, axis: Axis, keepdims: bool) -> Any:
    if ord == "fro":
        return jnp.linalg.norm(x, "fro", axis=axis, keepdims=keepdims)
    return jnp.linalg.vector_norm(x, axis=axis, keepdims=keepdims, ord=_order(ord))


def _normalize(x: Any, p: float | str, axis: Axis, eps: float) -> Any:
    return x / jnp.maximum(_norm(x, p, axis, keepdims=True), eps)


def _cosine_similarity(x1: Any, x2: Any, axis: int, eps: float) -> Any:
    return jnp.sum(_normalize(x1, 2, axis, eps) * _normalize(x2, 2, axis, eps), axis=axis)


def _scaled(x: Any, weight: Any, bias: Any) -> Any:
    scaled = x if weight is None else x * weight
    return scaled if bias is None else scaled + bias


def _channels_scaled(x: Any, weight: Any, bias: Any) -> Any:
    return _scaled(x, *(None if w is None else _by_channel(w, x) for w in (weight, bias)))


def _last(normalized_shape: int | tuple[int, ...]) -> tuple[int, ...]:
    return tuple(range(-(1 if isinstance(normalized_shape, int) else len(normalized_shape)), 0))


def _layer_norm(x: Any, normalized_shape: int | tuple[int, ...], weight: Any, bias: Any, eps: float) -> Any:
    return _scaled(jax.nn.standardize(x, axis=_last(normalized_shape), epsilon=eps), weight, bias)


def _rms_norm(x: Any, normalized_shape: int | tuple[int, ...], weight: Any, eps: float) -> Any:
    square = jnp.mean(jnp.square(x), axis=_last(normalized_shape), keepdims=True)
    return _scaled(x * jax.lax.rsqrt(square + eps), weight, None)


def _group_norm(x: Any, num_groups: int, weight: Any, bias: Any, eps: float) -> Any:
    groups = x.reshape(x.shape[0], num_groups, x.shape[1] // num_groups, *x.shape[2:])
    axes = tuple(range(2, groups.ndim))
    return _channels_scaled(jax.nn.standardize(groups, axis=axes, epsilon=eps).reshape(x.shape), weight, bias)


def _instance_norm(x: Any, weight: Any, bias: Any, eps: float) -> Any:
    return _channels_scaled(jax.nn.standardize(x, axis=tuple(range(2, x.ndim)), epsilon=eps), weight, bias)


def _batch_norm(x: Any, weight: Any, bias: Any, eps: float) -> Any:
    axes = (0, *range(2, x.ndim))
    return _channels_scaled(jax.nn.standardize(x, axis=axes, epsilon=eps), weight, bias)


ACTIVATIONS: Mapping[str, Call] = {
    "softplus": _softplus,
    "gelu": lambda x, approximate: jax.nn.gelu(x, approximate=approximate == "tanh"),
    "tanhshrink": lambda x: x - jnp.tanh(x),
    "logit": _logit,
    "glu": lambda x, axis: jax.nn.glu(x, axis),
    "hardtanh": _hardtanh,
    "hardsigmoid": lambda x: jax.nn.hard_sigmoid(x),
    "hardswish": lambda x: jax.nn.hard_swish(x),
    "leaky_relu": lambda x, negative_slope: jax.nn.leaky_relu(x, negative_slope),
    "prelu": lambda x, weight: jnp.where(x >= 0, x, x * (_by_channel(weight, x) if weight.ndim else weight)),
    "elu": lambda x, alpha: jax.nn.elu(x, alpha),
    "celu": lambda x, alpha: jax.nn.celu(x, alpha),
    "threshold": lambda x, threshold, value: jnp.where(x > threshold, x, value),
    "softshrink": _softshrink,
    "hardshrink": lambda x, lambd: jnp.where(jnp.abs(x) > lambd, x, 0),
    "softmax": lambda x, axis: jax.nn.softmax(x, axis=axis),
    "softmin": lambda x, axis: jax.nn.softmax(-x, axis=axis),
    "log_softmax": lambda x, axis: jax.nn.log_softmax(x, axis=axis),
    "log_sigmoid": lambda x: jax.nn.log_sigmoid(x),
    "silu": lambda x: jax.nn.silu(x),
    "mish": lambda x: jax.nn.mish(x),
    "softsign": lambda x: jax.nn.soft_sign(x),
    "relu": lambda x: jax.nn.relu(x),
    "relu6": lambda x: jax.nn.relu6(x),
    "selu": lambda x: jax.nn.selu(x),
}

STATISTICS: Mapping[str, Call] = {
    "var": lambda x, axis, correction, keepdims: jnp.var(x, axis, ddof=correction, keepdims=keepdims),
    "std": lambda x, axis, correction, keepdims: jnp.std(x, axis, ddof=correction, keepdims=keepdims),
    "median": _median,
    "norm": _norm,
    "normalize": _normalize,
    "cosine_similarity": _cosine_similarity,
    "layer_norm": _layer_norm,
    "rms_norm": _rms_norm,
    "group_norm": _group_norm,
    "instance_norm": _instance_norm,
    "batch_norm": _batch_norm,
}

FUNCTIONAL: Mapping[str, Call] = {**ACTIVATIONS, **STATISTICS, **LOSSES, **LAYERS}
"""The operations of this module, of ``jax_layers`` and of ``jax_losses`` by our name."""
