"""Our operations as JAX's own: layers, attention, recurrent steps, convolution and pooling."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from oracle.frameworks.interpret import Call

Extents = int | tuple[int, ...]


def _linear(x: Any, weight: Any, bias: Any) -> Any:
    out = x @ weight.T
    return out if bias is None else out + bias


def _bilinear(x1: Any, x2: Any, weight: Any, bias: Any) -> Any:
    out = jnp.einsum("...i,kij,...j->...k", x1, weight, x2)
    return out if bias is None else out + bias


def _attention(query: Any, key: Any, value: Any, attn_mask: Any, is_causal: bool, scale: float | None) -> Any:
    """JAX has the head axis after the length axis, and takes values of the keys' extent only."""
    if value.shape[-1] != key.shape[-1]:
        return _plain_attention(query, key, value, attn_mask, is_causal, scale)
    heads_last = query.ndim == 4
    q, k, v = (jnp.swapaxes(t, 1, 2) if heads_last else t[..., None, :] for t in (query, key, value))
    options = {}
    if attn_mask is not None:
        mask = attn_mask.reshape((1,) * (4 - attn_mask.ndim) + attn_mask.shape)
        if attn_mask.ndim == 3:
            mask = attn_mask[:, None]
        options = {"mask" if attn_mask.dtype == jnp.bool_ else "bias": mask}
    out = jax.nn.dot_product_attention(q, k, v, is_causal=is_causal, scale=scale, **options)
    return jnp.swapaxes(out, 1, 2) if heads_last else out[..., 0, :]


def _plain_attention(
    query: Any, key: Any, value: Any, attn_mask: Any, is_causal: bool, scale: float | None
) -> Any:
    scores = query @ key.mT * (1 / math.sqrt(query.shape[-1]) if scale is None else scale)
    if is_causal:
        scores = jnp.where(jnp.tri(scores.shape[-2], scores.shape[-1], dtype=bool), scores, -jnp.inf)
    if attn_mask is not None:
        boolean = attn_mask.dtype == jnp.bool_
        scores = jnp.where(attn_mask, scores, -jnp.inf) if boolean else scores + attn_mask
    return jax.nn.softmax(scores, axis=-1) @ value


def _rnn_cell(activation: Callable[[Any], Any]) -> Call:
    return lambda x, h, w_ih, w_hh, b_ih, b_hh: activation(_linear(x, w_ih, b_ih) + _linear(h, w_hh, b_hh))


def _lstm_cell(x: Any, h: Any, c: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any) -> tuple[Any, Any]:
    i, f, g, o = jnp.split(_linear(x, w_ih, b_ih) + _linear(h, w_hh, b_hh), 4, axis=-1)
    new_c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
    return jax.nn.sigmoid(o) * jnp.tanh(new_c), new_c


def _gru_cell(x: Any, h: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any) -> Any:
    a_r, a_z, a_n = jnp.split(_linear(x, w_ih, b_ih), 3, axis=-1)
    b_r, b_z, b_n = jnp.split(_linear(h, w_hh, b_hh), 3, axis=-1)
    z = jax.nn.sigmoid(a_z + b_z)
    n = jnp.tanh(a_n + jax.nn.sigmoid(a_r + b_r) * b_n)
    return (1 - z) * n + z * h


def _each(value: Extents, rank: int) -> tuple[int, ...]:
    values = (value,) if isinstance(value, int) else tuple(value)
    return values * rank if len(values) == 1 else values


def _batched(function: Callable[..., Any], rank: int) -> Call:
    """A function of (batch, channels, ...) for an input that may lack the batch."""
    return lambda x, **options: (
        function(x, rank=rank, **options)
        if x.ndim == rank + 2
        else function(x[None], rank=rank, **options)[0]
    )


def _with_bias(out: Any, bias: Any, rank: int) -> Any:
    return out if bias is None else out + bias.reshape(-1, *(1,) * rank)


def _convolution(
    x: Any,
    weight: Any,
    bias: Any,
    stride: Extents,
    padding: Extents | str,
    dilation: Extents,
    groups: int,
    rank: int,
) -> Any:
    border = padding.upper() if isinstance(padding, str) else [(p, p) for p in _each(padding, rank)]
    out = jax.lax.conv_general_dilated(
        x, weight, _each(stride, rank), border, rhs_dilation=_each(dilation, rank), feature_group_count=groups
    )
    return _with_bias(out, bias, rank)


def _transposed(
    x: Any,
    weight: Any,
    bias: Any,
    stride: Extents,
    padding: Extents,
    output_padding: Extents,
    groups: int,
    dilation: Extents,
    rank: int,
) -> Any:
    """A convolution of the input spread by the stride, with the kernel turned around (Dumoulin and Visin
    2016).
    """
    spread = _each(dilation, rank)
    channels, features, *kernel = weight.shape
    turned = jnp.flip(weight, tuple(range(2, weight.ndim))).reshape(
        groups, channels // groups, features, *kernel
    )
    filters = jnp.swapaxes(turned, 1, 2).reshape(groups * features, channels // groups, *kernel)
    border = [
        (d * (k - 1) - p, d * (k - 1) - p + e)
        for d, k, p, e in zip(spread, kernel, _each(padding, rank), _each(output_padding, rank), strict=True)
    ]
    out = jax.lax.conv_general_dilated(
        x, filters, (1,) * rank, border, lhs_dilation=_each(stride, rank), rhs_dilation=spread,
        feature_group_count=groups,
    )  # fmt: skip
    return _with_bias(out, bias, rank)


def _windows(
    x: Any,
    start: float,
    combine: Callable[..., Any],
    kernel: Extents,
    stride: Extents | None,
    padding: Extents,
    dilation: Extents,
    rank: int,
) -> Any:
    """JAX's sliding windows over the last ``rank`` axes."""
    ones, none = (1,) * (x.ndim - rank), ((0, 0),) * (x.ndim - rank)
    size = _each(kernel, rank)
    return jax.lax.reduce_window(
        x,
        start,
        combine,
        ones + size,
        ones + (size if stride is None else _each(stride, rank)),
        none + tuple((p, p) for p in _each(padding, rank)),
        window_dilation=ones + _each(dilation, rank),
    )


def _max_pool(rank: int) -> Call:
    return lambda x, kernel_size, stride, padding, dilation: _windows(
        x, -jnp.inf, jax.lax.max, kernel_size, stride, padding, dilation, rank
    )


def _avg_pool(rank: int) -> Call:
    def pool(
        x: Any, kernel_size: Extents, stride: Extents | None, padding: Extents, count_include_pad: bool
    ) -> Any:
        total = _windows(x, 0.0, jax.lax.add, kernel_size, stride, padding, 1, rank)
        if count_include_pad:
            return total / math.prod(_each(kernel_size, rank))
        return total / _windows(jnp.ones_like(x), 0.0, jax.lax.add, kernel_size, stride, padding, 1, rank)

    return pool


def _adaptive(rank: int) -> Call:
    def pool(x: Any, output_size: Extents) -> Any:
        for axis, size in zip(range(x.ndim - rank, x.ndim), _each(output_size, rank), strict=True):
            x = jnp.stack([jnp.mean(part, axis=axis) for part in _parts(x, axis, size)], axis=axis)
        return x

    return pool


def _parts(x: Any, axis: int, size: int) -> Sequence[Any]:
    extent = x.shape[axis]
    bounds = [(i * extent // size, -(-(i + 1) * extent // size)) for i in range(size)]
    return [jax.lax.slice_in_dim(x, start, stop, axis=axis) for start, stop in bounds]


def _upsample_nearest(x: Any, scale_factor: Extents) -> Any:
    factors = _each(scale_factor, x.ndim - 2)
    shape = x.shape[:2] + tuple(n * f for n, f in zip(x.shape[2:], factors, strict=True))
    return jax.image.resize(x, shape, "nearest")


LAYERS: Mapping[str, Call] = {
    "linear": _linear,
    "bilinear": _bilinear,
    "dropout": lambda x, mask, p: x * mask / (1 - p),
    "scaled_dot_product_attention": _attention,
    "rnn_tanh_cell": _rnn_cell(jnp.tanh),
    "rnn_relu_cell": _rnn_cell(jax.nn.relu),
    "lstm_cell": _lstm_cell,
    "gru_cell": _gru_cell,
    "conv1d": _batched(_convolution, 1),
    "conv2d": _batched(_convolution, 2),
    "conv3d": _batched(_convolution, 3),
    "conv_transpose1d": _batched(_transposed, 1),
    "conv_transpose2d": _batched(_transposed, 2),
    "conv_transpose3d": _batched(_transposed, 3),
    "max_pool1d": _max_pool(1),
    "max_pool2d": _max_pool(2),
    "avg_pool1d": _avg_pool(1),
    "avg_pool2d": _avg_pool(2),
    "adaptive_avg_pool1d": _adaptive(1),
    "adaptive_avg_pool2d": _adaptive(2),
    "upsample_nearest": _upsample_nearest,
}
"""The operations of this module by our name."""
