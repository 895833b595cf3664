"""ATen's network layers: normalization, convolution, pooling, resizing, dropout, attention."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from oracle.lift.aten import Call, NoLoweringError, lowers, real
from oracle.lift.torch_memory import exact
from reference_engine.trace import Tensor, constant, xp


@lowers("native_layer_norm")
def _layer_norm(call: Call) -> Any:
    x, shape, eps = call["input"], tuple(call["normalized_shape"]), call["eps"]
    over = tuple(range(x.ndim - len(shape), x.ndim))
    mean = xp.mean(x, axis=over, keepdims=True)
    scale = xp.rsqrt(xp.var(x, axis=over, correction=0, keepdims=True) + eps)
    return [xp.layer_norm(x, shape, call["weight"], call["bias"], eps=eps), mean, scale]


@lowers("native_group_norm")
def _group_norm(call: Call) -> Any:
    x = call["input"]
    out = xp.group_norm(x, call["group"], call["weight"], call["bias"], eps=call["eps"])
    rows = xp.reshape(x, shape=(call["N"], call["group"], -1 if x.size else 0))
    mean = xp.mean(rows, axis=2)
    return [out, mean, xp.rsqrt(xp.var(rows, axis=2, correction=0) + call["eps"])]


@lowers("_fused_rms_norm")
def _rms_norm(call: Call) -> Any:
    x, eps = call["input"], call["eps"]
    eps = torch.finfo(call.raw["input"].dtype).eps if eps is None else eps
    return [xp.rms_norm(x, tuple(call["normalized_shape"]), call["weight"], eps=eps), None]


@lowers(
    "native_batch_norm",
    "_native_batch_norm_legit",
    "_batch_norm_with_update",
    "_native_batch_norm_legit.no_stats",
)
def _batch_norm(call: Call) -> Any:
    x, eps = call["input"], call["eps"]
    weight, bias = call["weight"], call["bias"]
    if call.get("training", True):
        out = xp.batch_norm(x, weight, bias, eps=eps)
        return [out, *[None] * (len(call.results) - 1)]
    along = (1, -1) + (1,) * (x.ndim - 2)
    mean, variance = (
        xp.reshape(call[n], shape=(1, x.shape[1], *along[2:])) for n in ("running_mean", "running_var")
    )
    out = (x - mean) * xp.rsqrt(variance + eps)
    for part, times in ((weight, True), (bias, False)):
        if part is not None:
            shaped = xp.reshape(part, shape=(1, x.shape[1], *along[2:]))
            out = out * shaped if times else out + shaped
    return [out, *[None] * (len(call.results) - 1)]


@lowers("convolution", "_convolution", "mkldnn_convolution")
def _convolution(call: Call) -> Any:
    x, weight, bias = call["input"], call["weight"], call["bias"]
    rank, groups = weight.ndim - 2, call["groups"]
    stride, padding, dilation = (each(call[n], rank) for n in ("stride", "padding", "dilation"))
    if call.get("transposed", False):
        extra = each(call["output_padding"], rank)
        spread = getattr(xp, f"conv_transpose{rank}d")
        return spread(x, weight, bias, stride, padding, extra, groups, dilation)
    convolve = getattr(xp, f"conv{rank}d")
    return convolve(x, weight, bias, stride=stride, padding=padding, dilation=dilation, groups=groups)


def each(value: Any, rank: int) -> tuple[int, ...]:
    """A parameter of a window for each axis."""
    given = tuple(value) if isinstance(value, (list, tuple)) else (value,)
    return given * rank if len(given) == 1 else given


@lowers("native_dropout")
def _native_dropout(call: Call) -> Any:
    if not call.raw["train"] and call.raw["train"] is not None:
        return [call["input"], None]
    if call["p"] == 1:
        return [call["input"] * 0, None]
    return [xp.dropout(call["input"], constant(exact(call.results[1]).astype(bool)), p=call["p"]), None]


@lowers("native_dropout_backward")
def _native_dropout_backward(call: Call) -> Any:
    return call["grad_output"] * constant(exact(call.raw["mask"]).astype(np.int64)) * call["scale"]


@lowers("_scaled_dot_product_flash_attention_for_cpu", "_scaled_dot_product_flash_attention",
        "_scaled_dot_product_efficient_attention")  # fmt: skip
def _attention(call: Call) -> Any:
    if call.get("dropout_p", 0.0):
        raise NoLoweringError("dropout inside a fused kernel")  # noqa: EM101
    mask = call.get("attn_mask", None)
    mask = call.get("attn_bias", None) if mask is None else mask
    query, key, value = (real(call[n]) for n in ("query", "key", "value"))
    out = xp.scaled_dot_product_attention(
        query, key, value, mask, is_causal=call["is_causal"], scale=call["scale"]
    )
    return [out, *[None] * (len(call.results) - 1)]


@lowers("_embedding_bag", "_embedding_bag_forward_only")
def _embedding_bag(call: Call) -> Any:
    """Sums, means or maxima of rows in bags that begin at the offsets."""
    weight, indices = call["weight"], exact(call.raw["indices"])
    starts = exact(call.raw["offsets"]).tolist()
    ends = starts[1:] if call["include_last_offset"] else [*starts[1:], len(indices)]
    rows: list[Tensor] = []
    scale = call["per_sample_weights"]
    for begin, end in itertools.zip_longest(starts[: len(ends)], ends):
        kept = [k for k in range(begin, end) if indices[k] != call["padding_idx"]]
        rows.append(_bag(weight, indices, kept, call["mode"], scale))
    return [xp.stack(rows, axis=0), *[None] * (len(call.results) - 1)]


def _bag(weight: Tensor, indices: np.ndarray, kept: Sequence[int], mode: int, scale: Tensor | None) -> Tensor:
    if not kept:
        return constant(np.zeros(weight.shape[1]))
    found = xp.take(weight, constant(indices[list(kept)]), axis=0)
    if scale is not None:
        found = found * xp.expand_dims(xp.take(scale, constant(np.array(kept)), axis=0), axis=1)
    match mode:
        case 0:
            return xp.sum(found, axis=0)  # type: ignore[no-any-return]
        case 1:
            return xp.mean(found, axis=0)  # type: ignore[no-any-return]
        case _:
            return xp.max(found, axis=0)  # type: ignore[no-any-return]
