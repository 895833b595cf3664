"""Our operations as torch's own: activations, normalization, losses, layers, convolution and pooling."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 - as everybody imports it

from oracle.frameworks.interpret import Call

Axis = int | tuple[int, ...] | None

_NAMES = {"x": "input", "axis": "dim", "keepdims": "keepdim", "ord": "ord"}
"""Parameters that torch calls otherwise."""


def native(function: Callable[..., Any]) -> Call:
    """Torch's function of the same parameters, under torch's names for them."""
    return lambda **arguments: function(
        **{_NAMES.get(name, name): value for name, value in arguments.items()}
    )


def _softplus(x: Any, beta: float, threshold: float | None) -> Any:
    """Without a threshold of ours, what torch does by default."""
    return F.softplus(x, beta) if threshold is None else F.softplus(x, beta, threshold)


def _axes(x: Any, axis: Axis) -> tuple[int, ...]:
    return tuple(range(x.ndim)) if axis is None else (axis,) if isinstance(axis, int) else axis


def _order(ord: float | str) -> float:
    return {"fro": 2.0, "inf": math.inf, "-inf": -math.inf}[ord] if isinstance(ord, str) else ord


def _norm(x: Any, ord: float | str, axis: Axis, keepdims: bool) -> Any:
    if ord == "fro":
        return torch.linalg.matrix_norm(x, "fro", dim=_axes(x, axis), keepdim=keepdims)
    return torch.linalg.vector_norm(x, _order(ord), dim=axis, keepdim=keepdims)


def _median(x: Any, axis: int | None, keepdims: bool, method: str) -> Any:
    if method == "midpoint":
        return torch.quantile(x, 0.5, dim=axis, keepdim=keepdims, interpolation="midpoint")
    if axis is not None:
        return torch.median(x, dim=axis, keepdim=keepdims).values
    return torch.median(x).reshape((1,) * x.ndim) if keepdims else torch.median(x)


def _shape(normalized_shape: int | tuple[int, ...]) -> tuple[int, ...]:
    return (normalized_shape,) if isinstance(normalized_shape, int) else normalized_shape


def _hinge_loss(input: Any, target: Any, reduction: str) -> Any:
    loss = torch.clamp(1 - input * target, min=0)
    return {"mean": torch.mean, "sum": torch.sum, "none": lambda x: x}[reduction](loss)


def _ignoring(function: Callable[..., Any]) -> Call:
    """A loss whose ignore_index has a default of torch's where ours is None."""

    def call(ignore_index: int | None, **arguments: Any) -> Any:
        extra = {} if ignore_index is None else {"ignore_index": ignore_index}
        return function(**arguments, **extra)

    return call


def _real_target(function: Callable[..., Any]) -> Call:
    """A loss that wants its target in the input's dtype, as a person would pass it."""
    return lambda input, target, **options: function(input, target.to(input.dtype), **options)


def _cell(cell: Callable[..., Any]) -> Call:
    """A recurrent step; torch's takes rows."""

    def call(x: Any, h: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any) -> Any:
        if x.ndim == 1:
            return cell(x[None], h[None], w_ih, w_hh, b_ih, b_hh)[0]
        return cell(x, h, w_ih, w_hh, b_ih, b_hh)

    return call


def _lstm_cell(x: Any, h: Any, c: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any) -> tuple[Any, Any]:
    if x.ndim == 1:
        new_h, new_c = torch.lstm_cell(x[None], (h[None], c[None]), w_ih, w_hh, b_ih, b_hh)
        return new_h[0], new_c[0]
    new_h, new_c = torch.lstm_cell(x, (h, c), w_ih, w_hh, b_ih, b_hh)
    return new_h, new_c


_SAME_ACTIVATIONS = (
    "silu", "mish", "gelu", "softsign", "tanhshrink", "glu", "relu", "relu6", "hardtanh", "hardsigmoid",
    "hardswish", "leaky_relu", "elu", "celu", "selu", "threshold", "softshrink", "hardshrink", "softmax",
    "softmin", "log_softmax",
)  # fmt: skip

ACTIVATIONS: Mapping[str, Call] = {
    "softplus": _softplus,
    "log_sigmoid": native(F.logsigmoid),
    "logit": native(torch.logit),
    "prelu": native(F.prelu),
    **{name: native(getattr(F, name)) for name in _SAME_ACTIVATIONS},
}

STATISTICS: Mapping[str, Call] = {
    "var": native(torch.var),
    "std": native(torch.std),
    "median": _median,
    "norm": _norm,
    "normalize": lambda x, p, axis, eps: F.normalize(x, _order(p), axis, eps),
    "cosine_similarity": native(F.cosine_similarity),
    "layer_norm": lambda x, normalized_shape, weight, bias, eps: F.layer_norm(
        x, _shape(normalized_shape), weight, bias, eps
    ),
    "rms_norm": lambda x, normalized_shape, weight, eps: F.rms_norm(x, _shape(normalized_shape), weight, eps),
    "group_norm": native(F.group_norm),
    "instance_norm": native(F.instance_norm),
    "batch_norm": lambda x, weight, bias, eps: F.batch_norm(
        x, None, None, weight, bias, training=True, eps=eps
    ),
}

_SAME_LOSSES = (
    "mse_loss", "l1_loss", "huber_loss", "smooth_l1_loss", "hinge_embedding_loss", "soft_margin_loss",
    "binary_cross_entropy", "binary_cross_entropy_with_logits",
)  # fmt: skip

LOSSES: Mapping[str, Call] = {
    "hinge_loss": _hinge_loss,
    "nll_loss": _ignoring(F.nll_loss),
    "cross_entropy": _ignoring(F.cross_entropy),
    "poisson_nll_loss": lambda input, target, log_input, reduction: F.poisson_nll_loss(
        input, target, log_input=log_input, eps=0.0, reduction=reduction
    ),
    "kl_div": native(F.kl_div),
    "gaussian_nll_loss": native(F.gaussian_nll_loss),
    **{name: _real_target(getattr(F, name)) for name in _SAME_LOSSES},
}

_SAME_LAYERS = (
    "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d",
    "max_pool1d", "max_pool2d", "avg_pool1d", "avg_pool2d", "adaptive_avg_pool1d", "adaptive_avg_pool2d",
)  # fmt: skip

LAYERS: Mapping[str, Call] = {
    "linear": native(F.linear),
    "upsample_nearest": lambda x, scale_factor: F.interpolate(x, scale_factor=scale_factor, mode="nearest"),
    "bilinear": lambda x1, x2, weight, bias: F.bilinear(x1, x2, weight, bias),
    "dropout": lambda x, mask, p: x * mask / (1 - p),
    "scaled_dot_product_attention": native(F.scaled_dot_product_attention),
    "rnn_tanh_cell": _cell(torch.rnn_tanh_cell),
    "rnn_relu_cell": _cell(torch.rnn_relu_cell),
    "gru_cell": _cell(torch.gru_cell),
    "lstm_cell": _lstm_cell,
    **{name: native(getattr(F, name)) for name in _SAME_LAYERS},
}

FUNCTIONAL: Mapping[str, Call] = {**ACTIVATIONS, **STATISTICS, **LOSSES, **LAYERS}
"""The operations of this module by our name."""
