"""Our operations as JAX's own: activations, statistics, normalization and losses.

JAX has no losses and no normalization with weights; those are written in its operations as its users do.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import jax.scipy.special as jsp

from oracle.frameworks.interpret import Call
from oracle.frameworks.jax_layers import LAYERS

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


def _reduced(loss: Any, reduction: str) -> Any:
    match reduction:
        case "mean":
            return jnp.mean(loss)
        case "sum":
            return jnp.sum(loss)
        case "batchmean":
            return jnp.sum(loss) / (loss.shape[0] if loss.ndim else 1)
        case _:
            return loss


def _loss(function: Callable[..., Any]) -> Call:
    """A loss of input and target by elements, reduced."""
    return lambda input, target, reduction, **options: _reduced(function(input, target, **options), reduction)


def _huber(input: Any, target: Any, delta: float) -> Any:
    d = jnp.abs(input - target)
    return jnp.where(d <= delta, 0.5 * d * d, delta * (d - 0.5 * delta))


def _smooth_l1(input: Any, target: Any, beta: float) -> Any:
    d = jnp.abs(input - target)
    return d if beta == 0 else jnp.where(d < beta, 0.5 * d * d / beta, d - 0.5 * beta)


def _hinge_embedding(input: Any, target: Any, margin: float) -> Any:
    together = jnp.where(target != -1, input, 0)
    return together + jnp.where(target != 1, jnp.maximum(margin - input, 0), 0)


def _poisson(input: Any, target: Any, log_input: bool) -> Any:
    return jnp.exp(input) - target * input if log_input else input - target * jnp.log(input)


def _kl(input: Any, target: Any, log_target: bool) -> Any:
    return jnp.exp(target) * (target - input) if log_target else jsp.xlogy(target, target) - target * input


def _gaussian(input: Any, target: Any, var: Any, eps: float, reduction: str, full: bool) -> Any:
    v = jnp.maximum(var, eps)
    loss = 0.5 * (jnp.log(v) + jnp.square(input - target) / v)
    return _reduced(loss + 0.5 * math.log(2 * math.pi) if full else loss, reduction)


def _weighted(loss: Any, weight: Any, reduction: str) -> Any:
    return _reduced(loss if weight is None else loss * weight, reduction)


def _binary_cross_entropy(input: Any, target: Any, weight: Any, reduction: str) -> Any:
    log_p, log_q = jnp.maximum(jnp.log(input), -100), jnp.maximum(jnp.log1p(-input), -100)
    return _weighted(-(target * log_p + (1 - target) * log_q), weight, reduction)


def _binary_logits(input: Any, target: Any, weight: Any, reduction: str, pos_weight: Any) -> Any:
    yes, no = jax.nn.log_sigmoid(input), jax.nn.log_sigmoid(-input)
    gain = target if pos_weight is None else pos_weight * target
    return _weighted(-(gain * yes + (1 - target) * no), weight, reduction)


def _importance(input: Any, target: Any, weight: Any, ignore_index: int | None) -> Any:
    """The weight of each sample, 0 for ignored ones, None where all count the same."""
    own = None if weight is None else weight[jnp.where(target == ignore_index, 0, target) if ignore_index is not None
                                             else target]
    if ignore_index is None:
        return own
    return jnp.where(target == ignore_index, 0, jnp.ones((), input.dtype) if own is None else own)


def _class_mean(loss: Any, importance: Any, reduction: str) -> Any:
    if reduction == "mean" and importance is not None:
        return jnp.sum(loss) / jnp.sum(importance)
    return _reduced(loss, reduction)


def _nll_loss(input: Any, target: Any, weight: Any, ignore_index: int | None, reduction: str) -> Any:
    axis = min(input.ndim - 1, 1)
    importance = _importance(input, target, weight, ignore_index)
    safe = target if ignore_index is None else jnp.where(target == ignore_index, 0, target)
    loss = -jnp.take_along_axis(input, jnp.expand_dims(safe, axis), axis).squeeze(axis)
    return _class_mean(loss if importance is None else loss * importance, importance, reduction)


def _cross_entropy(
    input: Any, target: Any, weight: Any, ignore_index: int | None, reduction: str, label_smoothing: float
) -> Any:
    axis = min(input.ndim - 1, 1)
    classes = input.shape[axis]
    log_p = jax.nn.log_softmax(input, axis=axis)
    shape = (classes,) + (1,) * (input.ndim - axis - 1)
    weighted = log_p if weight is None else log_p * weight.reshape(shape)
    if jnp.issubdtype(target.dtype, jnp.floating):
        mixed = target * (1 - label_smoothing) + label_smoothing / classes
        return _reduced(-jnp.sum(mixed * weighted, axis=axis), reduction)
    hard = _nll_loss(log_p, target, weight, ignore_index, reduction)
    if label_smoothing == 0:
        return hard
    uniform = -jnp.sum(weighted, axis=axis)
    if ignore_index is not None:
        uniform = jnp.where(target == ignore_index, 0, uniform)
    smooth = _class_mean(uniform, _importance(input, target, weight, ignore_index), reduction)
    return hard * (1 - label_smoothing) + smooth * (label_smoothing / classes)


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

LOSSES: Mapping[str, Call] = {
    "mse_loss": _loss(lambda input, target: jnp.square(input - target)),
    "l1_loss": _loss(lambda input, target: jnp.abs(input - target)),
    "huber_loss": _loss(_huber),
    "smooth_l1_loss": _loss(_smooth_l1),
    "hinge_loss": _loss(lambda input, target: jnp.maximum(1 - input * target, 0)),
    "hinge_embedding_loss": _loss(_hinge_embedding),
    "poisson_nll_loss": _loss(_poisson),
    "soft_margin_loss": _loss(lambda input, target: jax.nn.softplus(-target * input)),
    "kl_div": _loss(_kl),
    "gaussian_nll_loss": _gaussian,
    "binary_cross_entropy": _binary_cross_entropy,
    "binary_cross_entropy_with_logits": _binary_logits,
    "nll_loss": _nll_loss,
    "cross_entropy": _cross_entropy,
}

FUNCTIONAL: Mapping[str, Call] = {**ACTIVATIONS, **STATISTICS, **LOSSES, **LAYERS}
"""The operations of this module and of :mod:`oracle.frameworks.jax_layers` by our name."""
