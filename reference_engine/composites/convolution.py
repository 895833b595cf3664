"""Convolutions: windows contracted with the kernel; transposed ones as products added up where they land."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from reference_engine.composites.reductions import real
from reference_engine.composites.shapes import positions
from reference_engine.composites.windows import Extents, padded, per_axis, windows
from reference_engine.operations import composite
from reference_engine.primitives.contraction import contract
from reference_engine.program import ProgramError
from reference_engine.trace import Tensor, broadcast, constant, xp


def _padding(
    name: str, padding: Extents | str, kernel: Sequence[int], stride: Sequence[int], dilation: Sequence[int]
) -> list[tuple[int, int]]:
    rank = len(kernel)
    if isinstance(padding, str):
        if padding == "valid":
            return [(0, 0)] * rank
        if padding != "same" or any(s != 1 for s in stride):
            msg = f"{name}: padding must be integers, 'valid' or, for stride 1, 'same'; found {padding!r}"
            raise ProgramError(msg)
        total = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
        return [(t // 2, t - t // 2) for t in total]
    return [(p, p) for p in per_axis(name, "padding", padding, rank, 0)]


def _batched(name: str, x: Tensor, rank: int) -> Tensor:
    if x.ndim not in {rank + 1, rank + 2}:
        msg = f"{name}: expected an input of {rank + 1} or {rank + 2} dimensions, found shape {x.shape}"
        raise ProgramError(msg)
    return real(x) if x.ndim == rank + 2 else xp.expand_dims(real(x), axis=0)


def _check_channels(name: str, channels: int, weight: Tensor, groups: int, expected: int) -> None:
    if groups < 1 or channels % groups or weight.shape[0] % groups or expected != channels:
        msg = f"{name}: {channels} channels in {groups} groups do not fit weight {weight.shape}"
        raise ProgramError(msg)


def _with_bias(out: Tensor, bias: Tensor | None, rank: int, *, batched: bool) -> Tensor:
    if bias is not None:
        out = out + xp.reshape(bias, shape=(bias.size,) + (1,) * rank)
    return out if batched else xp.squeeze(out, axis=0)


def _convolution(
    name: str,
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: Extents,
    padding: Extents | str,
    dilation: Extents,
    groups: int,
) -> Tensor:
    rank = weight.ndim - 2
    steps, spread = per_axis(name, "stride", stride, rank, 1), per_axis(name, "dilation", dilation, rank, 1)
    kernel = weight.shape[2:]
    whole = _batched(name, x, rank)
    _check_channels(name, whole.shape[1], weight, groups, weight.shape[1] * groups)
    bordered = padded(whole, _padding(name, padding, kernel, steps, spread), 0)
    patches, counts = windows(name, bordered, kernel, steps, spread)
    batch, channels, size, elements = patches.shape
    patches = xp.reshape(patches, shape=(batch, groups, channels // groups, size, elements))
    filters = xp.reshape(weight, shape=(groups, weight.shape[0] // groups, weight.shape[1], elements))
    out = contract(patches, filters, "ngcok", "gfck", "ngfo")
    out = xp.reshape(out, shape=(batch, weight.shape[0], *counts))
    return _with_bias(out, bias, rank, batched=x.ndim == rank + 2)


def _expect_rank(name: str, weight: Tensor, rank: int) -> None:
    if weight.ndim != rank + 2:
        msg = f"{name}: expected a weight of {rank + 2} dimensions, found shape {weight.shape}"
        raise ProgramError(msg)


@composite(
    "convolution",
    call=(
        {"x": "b c N", "weight": "o c k", "stride": (1, 2), "padding": (0, 1, "same"), "dilation": (1, 2)},
        {"x": "b c N", "weight": "o c k", "bias": "o", "stride": (1, 2), "padding": (0, 1)},
        {"x": "b 2 N", "weight": "2 1 k", "groups": (2,)},
        {"x": "c N", "weight": "o c k"},
    ),
)
def conv1d(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Extents = 1,
    padding: Extents | str = 0,
    dilation: Extents = 1,
    groups: int = 1,
) -> Tensor:
    """Definition: out[n, f, o] = sum over c, k of x[n, c, stride o + dilation k - padding] weight[f, c, k] +
    bias[f], with zeros outside of x; channels in groups see only the filters of their group.

    Derivative: bilinear: the transposed convolution for x, the correlation of x and cotangent for weight.
    Where it is not differentiable: nowhere.
    Conventions: a correlation, as in every framework; "same" pads more at the end.
    """
    _expect_rank("conv1d", weight, 1)
    return _convolution("conv1d", x, weight, bias, stride, padding, dilation, groups)


@composite(
    "convolution",
    call=(
        {
            "x": "b c N M",
            "weight": "o c 2 2",
            "stride": (1, 2, (2, 1)),
            "padding": (0, 1),
            "dilation": (1, 2),
        },
        {"x": "b c N M", "weight": "o c 3 1", "bias": "o", "padding": (0, "same")},
        {"x": "b 2 N M", "weight": "2 1 2 2", "groups": (2,)},
    ),
)
def conv2d(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Extents = 1,
    padding: Extents | str = 0,
    dilation: Extents = 1,
    groups: int = 1,
) -> Tensor:
    """Definition: conv1d over two axes: x (n, c, h, w), weight (f, c / groups, kernel h, kernel w).

    Derivative: bilinear: the transposed convolution for x, the correlation of x and cotangent for weight.
    Where it is not differentiable: nowhere.
    Conventions: a correlation, as in every framework; "same" pads more at the end.
    """
    _expect_rank("conv2d", weight, 2)
    return _convolution("conv2d", x, weight, bias, stride, padding, dilation, groups)


@composite("convolution", call={"x": "1 c 3 2 2", "weight": "o c 2 2 1", "padding": (0, (1, 0, 0))})
def conv3d(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Extents = 1,
    padding: Extents | str = 0,
    dilation: Extents = 1,
    groups: int = 1,
) -> Tensor:
    """Definition: conv1d over three axes: x (n, c, d, h, w), weight (f, c / groups, kernel d, kernel h,
    kernel w).

    Derivative: bilinear: the transposed convolution for x, the correlation of x and cotangent for weight.
    Where it is not differentiable: nowhere.
    Conventions: a correlation, as in every framework; "same" pads more at the end.
    """
    _expect_rank("conv3d", weight, 3)
    return _convolution("conv3d", x, weight, bias, stride, padding, dilation, groups)


def _transposed(
    name: str,
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: Extents,
    padding: Extents,
    output_padding: Extents,
    groups: int,
    dilation: Extents,
) -> Tensor:
    rank = weight.ndim - 2
    steps, spread = per_axis(name, "stride", stride, rank, 1), per_axis(name, "dilation", dilation, rank, 1)
    margin = per_axis(name, "padding", padding, rank, 0)
    extra = per_axis(name, "output_padding", output_padding, rank, 0)
    whole = _batched(name, x, rank)
    batch, channels, *extents = whole.shape
    kernel = weight.shape[2:]
    _check_channels(name, channels, weight, groups, weight.shape[0])
    features = weight.shape[1] * groups
    size, elements = int(np.prod(extents, dtype=np.int64)), int(np.prod(kernel, dtype=np.int64))
    source = xp.reshape(whole, shape=(batch, groups, channels // groups, size))
    filters = xp.reshape(weight, shape=(groups, channels // groups, weight.shape[1], elements))
    products = contract(source, filters, "ngci", "gcfk", "ngfik")
    # Every product lands in the output before its margin is cut off, so that no position is negative.
    full = [
        (n - 1) * s + d * (k - 1) + 1 + e
        for n, s, d, k, e in zip(extents, steps, spread, kernel, extra, strict=True)
    ]
    landing = [
        (np.arange(n)[:, None] * s + np.arange(k) * d)
        for n, s, d, k in zip(extents, steps, spread, kernel, strict=True)
    ]
    places = np.zeros((1,) * (2 * rank), dtype=np.int64)
    for axis, rows in enumerate(landing):
        shape = [1] * (2 * rank)
        shape[axis], shape[rank + axis] = rows.shape
        places = places * full[axis] + rows.reshape(shape)
    planes = positions((batch * features, 1)) * int(np.prod(full))
    index = (planes + places.reshape(1, -1)).reshape(batch, groups, weight.shape[1], size, elements)
    shape_full = (batch, features, *full)
    # Added to ordinary zeros: an output that nothing lands on is a number, not a missing derivative.
    out = broadcast(constant(0, "real"), shape_full) + xp.place(products, constant(index), shape=shape_full)
    if any(margin):
        inner = tuple(slice(m, n - m) for m, n in zip(margin, full, strict=True))
        out = out[(slice(None), slice(None), *inner)]
    return _with_bias(out, bias, rank, batched=x.ndim == rank + 2)


@composite(
    "convolution",
    call=(
        {"x": "b c n", "weight": "c o k", "stride": (1, 2), "padding": (0,), "dilation": (1, 2)},
        {
            "x": "b c n",
            "weight": "c o 3",
            "bias": "o",
            "stride": (2,),
            "padding": (1,),
            "output_padding": (0, 1),
        },
        {"x": "b 2 n", "weight": "2 1 k", "groups": (2,)},
    ),
)
def conv_transpose1d(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Extents = 1,
    padding: Extents = 0,
    output_padding: Extents = 0,
    groups: int = 1,
    dilation: Extents = 1,
) -> Tensor:
    """Definition: the transpose of conv1d in x: each x[n, c, i] weight[c, f, k] is added to out[n, f, stride
    i + dilation k - padding]; then plus bias[f].

    Derivative: bilinear: conv1d of the cotangent for x.
    Where it is not differentiable: nowhere.
    Conventions: torch's layout; jax.lax.conv_transpose flips or not by an argument.
    """
    _expect_rank("conv_transpose1d", weight, 1)
    return _transposed("conv_transpose1d", x, weight, bias, stride, padding, output_padding, groups, dilation)


@composite(
    "convolution",
    call=(
        {"x": "b c n m", "weight": "c o 2 2", "stride": (1, 2), "padding": (0, 1)},
        {"x": "b c n m", "weight": "c o 2 1", "bias": "o"},
    ),
)
def conv_transpose2d(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Extents = 1,
    padding: Extents = 0,
    output_padding: Extents = 0,
    groups: int = 1,
    dilation: Extents = 1,
) -> Tensor:
    """Definition: conv_transpose1d over two axes: x (n, c, h, w), weight (c, f / groups, kernel h, kernel w).

    Derivative: bilinear: conv2d of the cotangent for x.
    Where it is not differentiable: nowhere.
    Conventions: torch's layout; jax.lax.conv_transpose flips or not by an argument.
    """
    _expect_rank("conv_transpose2d", weight, 2)
    return _transposed("conv_transpose2d", x, weight, bias, stride, padding, output_padding, groups, dilation)


@composite("convolution", call={"x": "1 c 2 2 2", "weight": "c o 2 1 2", "stride": (1, (2, 1, 1))})
def conv_transpose3d(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Extents = 1,
    padding: Extents = 0,
    output_padding: Extents = 0,
    groups: int = 1,
    dilation: Extents = 1,
) -> Tensor:
    """Definition: conv_transpose1d over three axes: x (n, c, d, h, w), weight (c, f / groups, kernel d,
    kernel h, kernel w).

    Derivative: bilinear: conv3d of the cotangent for x.
    Where it is not differentiable: nowhere.
    Conventions: torch's layout; jax.lax.conv_transpose flips or not by an argument.
    """
    _expect_rank("conv_transpose3d", weight, 3)
    return _transposed("conv_transpose3d", x, weight, bias, stride, padding, output_padding, groups, dilation)
