"""Our losses in JAX's operations, as its users write them: JAX itself has none."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import jax.scipy.special as jsp

from oracle.frameworks.interpret import Call


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
    v = var + jax.lax.stop_gradient(jnp.maximum(var, eps) - var)  # as torch: the limit has slope 1 throughout
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
    own = (
        None
        if weight is None
        else weight[jnp.where(target == ignore_index, 0, target) if ignore_index is not None else target]
    )
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
"""The operations of this module by our name."""
