"""ATen's reductions: sums, products, extremes, variances, norms, running versions of them, softmax."""

from __future__ import annotations

from typing import Any

import numpy as np

from oracle.lift.aten import Call, axes, lowers, real
from oracle.lift.torch_memory import exact
from reference_engine.trace import Tensor, constant, xp


def _over(call: Call) -> tuple[Tensor, tuple[int, ...] | None, bool]:
    x = call["self"]
    return x, axes(call.get("dim"), x.ndim), bool(call.get("keepdim", False))


@lowers("sum")
def _sum(call: Call) -> Any:
    x, axis, keep = _over(call)
    return xp.sum(x, axis=axis, keepdims=keep)


@lowers("mean")
def _mean(call: Call) -> Any:
    x, axis, keep = _over(call)
    return xp.mean(x, axis=axis, keepdims=keep)


@lowers("nansum")
def _nansum(call: Call) -> Any:
    x, axis, keep = _over(call)
    missing = constant(np.isnan(exact(call.raw["self"])))
    return xp.sum(xp.where(missing, 0, x), axis=axis, keepdims=keep)


@lowers("prod")
def _prod(call: Call) -> Any:
    x, axis, keep = _over(call)
    return xp.prod(x, axis=axis, keepdims=keep)


@lowers("amax", "max.default")
def _amax(call: Call) -> Any:
    x, axis, keep = _over(call)
    return xp.max(x, axis=axis, keepdims=keep)


@lowers("amin", "min.default")
def _amin(call: Call) -> Any:
    x, axis, keep = _over(call)
    return xp.min(x, axis=axis, keepdims=keep)


@lowers("max.dim", "max.dim_max")
def _max_dim(call: Call) -> Any:
    x, axis, keep = _over(call)
    return [x if not x.ndim else xp.max(x, axis=axis, keepdims=keep), None]


@lowers("min.dim", "min.dim_min")
def _min_dim(call: Call) -> Any:
    x, axis, keep = _over(call)
    return [x if not x.ndim else xp.min(x, axis=axis, keepdims=keep), None]


@lowers("aminmax")
def _aminmax(call: Call) -> Any:
    x, axis, keep = _over(call)
    return [xp.min(x, axis=axis, keepdims=keep), xp.max(x, axis=axis, keepdims=keep)]


@lowers("any", "all", "count_nonzero")
def _predicate(call: Call) -> Any:
    """Taken from the run: nothing depends on it by a derivative."""
    return None


def _correction(call: Call) -> float:
    if "unbiased" in call.raw:
        return 1 if call["unbiased"] else 0
    given = call.get("correction")
    return 1 if given is None else given


@lowers("var")
def _var(call: Call) -> Any:
    x, axis, keep = _over(call)
    return xp.var(x, axis=axis, correction=_correction(call), keepdims=keep)


@lowers("std")
def _std(call: Call) -> Any:
    x, axis, keep = _over(call)
    return xp.std(x, axis=axis, correction=_correction(call), keepdims=keep)


@lowers("var_mean")
def _var_mean(call: Call) -> Any:
    return [_var(call), _mean(call)]


@lowers("std_mean")
def _std_mean(call: Call) -> Any:
    return [_std(call), _mean(call)]


def _norm_of(x: Tensor, order: Any, axis: tuple[int, ...] | None, keep: bool) -> Any:
    order = 2 if order is None else float(order)
    whole = {float("inf"): "inf", float("-inf"): "-inf"}.get(order, order)
    if x.ndim == 0 or axis == ():  # of single elements: the same powers and roots as of longer vectors
        return xp.norm(xp.expand_dims(x, axis=-1), ord=whole, axis=-1)
    return xp.norm(x, ord=whole, axis=axis, keepdims=keep)


@lowers("linalg_vector_norm")
def _vector_norm(call: Call) -> Any:
    x, axis, keep = _over(call)
    return _norm_of(x, call["ord"], axis, keep)


@lowers("norm")
def _norm(call: Call) -> Any:
    x, axis, keep = _over(call)
    return _norm_of(x, call["p"], axis, keep)


@lowers("renorm")
def _renorm(call: Call) -> Any:
    """Slices along ``dim`` whose norm is above ``maxnorm`` are scaled down to it (by norm + 1e-7)."""
    x, dim, limit = call["self"], call["dim"] % call["self"].ndim, call["maxnorm"]
    others = tuple(a for a in range(x.ndim) if a != dim)
    size = _norm_of(x, call["p"], others, True)
    return xp.where(size > limit, x * (limit / (size + 1e-7)), x)


@lowers("dist")
def _dist(call: Call) -> Any:
    return _norm_of(call["self"] - call["other"], call["p"], None, False)


@lowers("_cdist_forward")
def _cdist(call: Call) -> Any:
    x1, x2 = call["x1"], call["x2"]
    apart = xp.expand_dims(x1, axis=-2) - xp.expand_dims(x2, axis=-3)
    return _norm_of(apart, call["p"], (apart.ndim - 1,), False)


@lowers("_euclidean_dist")
def _euclidean(call: Call) -> Any:
    apart = xp.expand_dims(call["x1"], axis=-2) - xp.expand_dims(call["x2"], axis=-3)
    return _norm_of(apart, 2, (apart.ndim - 1,), False)


@lowers("_pdist_forward")
def _pdist(call: Call) -> Any:
    x = call["self"]
    first, second = np.triu_indices(x.shape[0], 1)
    apart = xp.take(x, constant(first), axis=0) - xp.take(x, constant(second), axis=0)
    return _norm_of(apart, call["p"], (1,), False)


@lowers("cumsum")
def _cumsum(call: Call) -> Any:
    return _running(call, "cumsum")


@lowers("cumprod")
def _cumprod(call: Call) -> Any:
    return _running(call, "cumprod")


@lowers("logcumsumexp", "_logcumsumexp")
def _logcumsumexp(call: Call) -> Any:
    return _running(call, "logcumsumexp")


@lowers("cummax")
def _cummax(call: Call) -> Any:
    return [_running(call, "cummax"), None]


@lowers("cummin")
def _cummin(call: Call) -> Any:
    x = call["self"]
    return [-xp.cummax(-x, axis=call["dim"]) if x.ndim else x, None]


def _running(call: Call, name: str) -> Any:
    x = call["self"]
    return getattr(xp, name)(real(x), axis=call["dim"] % x.ndim) if x.ndim else real(x)


@lowers("logsumexp")
def _logsumexp(call: Call) -> Any:
    x, axis, keep = _over(call)
    return xp.logsumexp(real(x), axis=axis, keepdims=keep)


@lowers("_softmax", "softmax")
def _softmax(call: Call) -> Any:
    x = real(call["self"])
    return xp.softmax(x, axis=call["dim"]) if x.ndim else xp.exp(x - x)


@lowers("_safe_softmax")
def _safe_softmax(call: Call) -> Any:
    """Softmax, and 0 where everything along the axis is -infinity."""
    x = real(call["self"])
    nothing = np.isneginf(exact(call.raw["self"])).all(axis=call["dim"], keepdims=True)
    if not nothing.any():
        return _softmax(call)
    gone = xp.broadcast_to(constant(nothing), shape=x.shape)
    return xp.where(gone, 0, xp.softmax(xp.where(gone, 0, x), axis=call["dim"]))


@lowers("_log_softmax", "log_softmax")
def _log_softmax(call: Call) -> Any:
    x = real(call["self"])
    return xp.log_softmax(x, axis=call["dim"]) if x.ndim else x - x
