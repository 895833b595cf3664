"""Normalization by mean and variance, or by the mean square, over different axes."""

from __future__ import annotations

from reference_engine.composites.rectifiers import per_channel
from reference_engine.composites.reductions import real
from reference_engine.composites.statistics import deviations
from reference_engine.operations import composite
from reference_engine.program import ProgramError
from reference_engine.trace import Tensor, xp


def standardized(x: Tensor, axes: tuple[int, ...], eps: float) -> Tensor:
    """``x`` less its mean, divided by the root of its biased variance plus ``eps``, over ``axes``."""
    x = real(x)
    centered, squares = deviations(x, axes)
    return centered * xp.rsqrt(xp.mean(squares, axis=axes, keepdims=True) + eps)  # type: ignore[no-any-return]


def _last_axes(name: str, x: Tensor, normalized_shape: int | tuple[int, ...]) -> tuple[int, ...]:
    shape = normalized_shape if isinstance(normalized_shape, tuple) else (normalized_shape,)
    if not shape or x.shape[-len(shape) :] != shape:
        msg = f"{name}: normalized_shape {shape} is not the end of shape {x.shape}"
        raise ProgramError(msg)
    return tuple(range(x.ndim - len(shape), x.ndim))


def _scaled(x: Tensor, weight: Tensor | None, bias: Tensor | None) -> Tensor:
    out = x if weight is None else x * weight
    return out if bias is None else out + bias


def _scaled_channels(x: Tensor, weight: Tensor | None, bias: Tensor | None) -> Tensor:
    return _scaled(
        x,
        None if weight is None else per_channel(weight, x),
        None if bias is None else per_channel(bias, x),
    )


@composite(
    "normalization",
    call=(
        {"x": "b ... N", "normalized_shape": lambda shapes: (shapes["x"][-1:],)},
        {"x": "b ... N", "normalized_shape": lambda shapes: (shapes["x"][-1:],), "weight": "N", "bias": "N"},
        {"x": "b n M", "normalized_shape": lambda shapes: (shapes["x"][-2:],)},
    ),
)
def layer_norm(
    x: Tensor,
    normalized_shape: int | tuple[int, ...],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """Definition: (x - mean) / sqrt(var + eps) over the last axes, which have normalized_shape; then times
    weight plus bias (Ba et al. 2016). The variance is biased.

    Derivative: r (g - mean(g) - y mean(g y)) for cotangent g times weight, with r = 1/sqrt(var + eps).
    Where it is not differentiable: nowhere for eps > 0.
    Conventions: none needed.
    """
    return _scaled(standardized(x, _last_axes("layer_norm", x, normalized_shape), eps), weight, bias)


@composite(
    "normalization",
    call=(
        {"x": "... N", "normalized_shape": lambda shapes: (shapes["x"][-1:],)},
        {"x": "... N", "normalized_shape": lambda shapes: (shapes["x"][-1:],), "weight": "N"},
    ),
)
def rms_norm(
    x: Tensor, normalized_shape: int | tuple[int, ...], weight: Tensor | None = None, eps: float = 1e-5
) -> Tensor:
    """Definition: x / sqrt(mean(x^2) + eps) over the last axes, which have normalized_shape; then times
    weight (Zhang and Sennrich 2019).

    Derivative: r (g - y mean(g y)) for cotangent g times weight, with r = 1/sqrt(mean(x^2) + eps).
    Where it is not differentiable: nowhere for eps > 0.
    Conventions: torch's default eps is the machine epsilon of the dtype; a Program has no dtype, so it is a
    number.
    """
    x = real(x)
    square = xp.mean(x * x, axis=_last_axes("rms_norm", x, normalized_shape), keepdims=True)
    return _scaled(x * xp.rsqrt(square + eps), weight, None)


@composite(
    "normalization",
    call=(
        {"x": "b 2 N", "num_groups": (1, 2)},
        {"x": "b 2 N", "num_groups": (1, 2), "weight": "2", "bias": "2"},
    ),
)
def group_norm(
    x: Tensor, num_groups: int, weight: Tensor | None = None, bias: Tensor | None = None, eps: float = 1e-5
) -> Tensor:
    """Definition: layer_norm over each of num_groups equal parts of the channels (axis 1) with all further
    axes; then times weight plus bias by channel (Wu and He 2018).

    Derivative: layer_norm's in each group.
    Where it is not differentiable: nowhere for eps > 0.
    Conventions: none needed.
    """
    if x.ndim < 2 or num_groups < 1 or x.shape[1] % num_groups:
        msg = f"group_norm: axis 1 of shape {x.shape} has no {num_groups} equal parts"
        raise ProgramError(msg)
    batch, channels, *rest = x.shape
    groups = xp.reshape(x, shape=(batch, num_groups, channels // num_groups, *rest))
    out = standardized(groups, tuple(range(2, groups.ndim)), eps)
    return _scaled_channels(xp.reshape(out, shape=x.shape), weight, bias)


@composite(
    "normalization",
    call=(
        {"x": "b c N"},
        {"x": "b c N", "weight": "c", "bias": "c"},
    ),
)
def instance_norm(
    x: Tensor, weight: Tensor | None = None, bias: Tensor | None = None, eps: float = 1e-5
) -> Tensor:
    """Definition: layer_norm over the axes after the channel (axis 1); then times weight plus bias by channel
    (Ulyanov et al. 2016).

    Derivative: layer_norm's in each channel of each sample.
    Where it is not differentiable: nowhere for eps > 0.
    Conventions: none needed.
    """
    if x.ndim < 3:
        msg = f"instance_norm needs axes after the channel, found shape {x.shape}"
        raise ProgramError(msg)
    return _scaled_channels(standardized(x, tuple(range(2, x.ndim)), eps), weight, bias)


@composite(
    "normalization",
    call=(
        {"x": "N c"},
        {"x": "N c", "weight": "c", "bias": "c"},
        {"x": "N c m"},
    ),
)
def batch_norm(
    x: Tensor, weight: Tensor | None = None, bias: Tensor | None = None, eps: float = 1e-5
) -> Tensor:
    """Definition: in training: (x - mean) / sqrt(var + eps) over all axes but the channel (axis 1), with the
    batch's own mean and biased variance; then times weight plus bias by channel (Ioffe and Szegedy 2015).

    Derivative: layer_norm's over those axes.
    Where it is not differentiable: nowhere for eps > 0.
    Conventions: running averages are side effects and no part of it.
    """
    if x.ndim < 2:
        msg = f"batch_norm needs a batch axis and a channel axis, found shape {x.shape}"
        raise ProgramError(msg)
    axes = (0, *range(2, x.ndim))
    return _scaled_channels(standardized(x, axes, eps), weight, bias)
