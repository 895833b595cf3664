"""ATen's views, copies, indexing and padding: elements that move, run on positions."""

from __future__ import annotations

from typing import Any

import torch

from oracle.lift.aten import CONSTANT, Call, Lowering, lowers, move, real
from reference_engine.trace import Tensor, constant, xp

VIEWS = (
    "view", "_unsafe_view", "reshape", "_reshape_alias", "expand", "permute", "t", "transpose", "select",
    "slice", "narrow", "squeeze", "unsqueeze", "diagonal", "split", "split_with_sizes", "unbind", "unfold",
    "flip", "roll", "rot90", "repeat", "tril", "triu", "diag_embed", "diag", "index_select", "gather",
    "take", "index", "_unsafe_index", "masked_select", "reflection_pad1d", "reflection_pad2d",
    "reflection_pad3d", "replication_pad1d", "replication_pad2d", "replication_pad3d", "pixel_shuffle",
    "pixel_unshuffle", "channel_shuffle", "upsample_nearest1d", "upsample_nearest2d", "upsample_nearest3d",
    "_upsample_nearest_exact1d", "_upsample_nearest_exact2d", "_upsample_nearest_exact3d", "im2col",
    "unfold_copy", "slice_backward", "select_backward", "diagonal_backward", "tile", "repeat_interleave",
    "alias_copy", "expand_copy", "view_copy", "permute_copy", "diagonal_copy", "squeeze_copy",
    "unsqueeze_copy", "as_strided_copy", "slice_copy", "select_copy", "t_copy", "transpose_copy",
    "unbind_copy", "split_with_sizes_copy", "split_copy", "_chunk_cat", "movedim", "trapezoid",
    "native_channel_shuffle",
)  # fmt: skip
"""Operations that only move the elements of ``self`` (what they leave out is zero)."""


def _view(call: Call) -> Any:
    """Run on positions; ``indices``, ``mask`` and sizes are the recorded ones."""
    return move(
        call, "self" if "self" in call.raw else "grad_output" if "grad_output" in call.raw else "input"
    )


for _name in VIEWS:
    lowers(_name)(_view)


def _sources(*names: str, fill: str | None = None) -> Lowering:
    return lambda call: move(call, *names, fill=fill)


for _name, _names in {
    "cat": ("tensors",),
    "stack": ("tensors",),
    "block_diag": ("tensors",),
    "select_scatter": ("self", "src"),
    "slice_scatter": ("self", "src"),
    "diagonal_scatter": ("self", "src"),
    "as_strided_scatter": ("self", "src"),
    "masked_scatter": ("self", "source"),
    "index_copy": ("self", "source"),
    "scatter.src": ("self", "src"),
}.items():
    lowers(_name)(_sources(*_names))
for _name, _number in {
    "constant_pad_nd": "value",
    "scatter.value": "value",
    "index_fill": "value",
    "fill_diagonal": "fill_value",
}.items():
    lowers(_name)(_sources("self", fill=_number))


@lowers("alias", "detach", "clone", "contiguous", "positive", "lift_fresh", "conj", "_conj", "real",
        "resolve_conj", "resolve_neg", "view_as", "lift", "_conj_physical", "conj_physical",
        "lift_fresh_copy", "_lazy_clone", "detach_copy")  # fmt: skip
def _same(call: Call) -> Any:
    return call["self"]


@lowers("_to_copy", "to")
def _to_copy(call: Call) -> Any:
    source, target = call.raw["self"], call.results[0]
    x = call["self"]
    if source.dtype == target.dtype:
        return x
    if target.is_floating_point():
        name = str(target.dtype).removeprefix("torch.")
        if source.is_floating_point() and torch.finfo(source.dtype).bits > torch.finfo(target.dtype).bits:
            return xp.astype(x, dtype=name)
        if source.is_floating_point() and {source.dtype, target.dtype} == {torch.float16, torch.bfloat16}:
            return xp.astype(x, dtype=name)
        return real(x)
    if target.dtype == torch.bool:
        return x != 0
    return xp.astype(x, dtype="int64")


@lowers("copy")
def _copy(call: Call) -> Any:
    """In place: self takes the elements of src, broadcast, in its own dtype."""
    source, target = call.raw["src"], call.raw["self"]
    x = call["src"]
    if target.is_floating_point() and source.is_floating_point() and source.dtype != target.dtype:
        x = xp.astype(x, dtype=str(target.dtype).removeprefix("torch."))
    return x if x.shape == tuple(target.shape) else xp.broadcast_to(x, shape=tuple(target.shape))


@lowers("fill")
def _fill(call: Call) -> Any:
    value = call["value"]
    return xp.broadcast_to(value if isinstance(value, Tensor) else constant(value), shape=call.shape("self"))


@lowers(
    "zero", "zeros_like", "ones_like", "empty_like", "full_like", "rand_like", "randn_like",
    "new_empty", "new_zeros", "new_ones", "new_full", "new_empty_strided", "bernoulli", "normal",
    "randint_like", "uniform", "multinomial", "poisson", "random", "exponential", "cauchy",
    "log_normal", "geometric", "heaviside", "empty_permuted", "_assert_async", "is_same_size",
    "equal", "bucketize", "searchsorted", "angle", "_efficientzerotensor", "argmax", "argmin",
    "histc",
)  # fmt: skip
def _made(call: Call) -> Any:
    """Made of the shape alone or drawn: constants of that run; steps have no slope."""
    return [CONSTANT if torch.is_tensor(r) and r.is_floating_point() else None for r in call.results]


@lowers("linalg_diagonal")
def _linalg_diagonal(call: Call) -> Any:
    return move(call, "A")


@lowers("trace")
def _trace(call: Call) -> Any:
    return xp.trace(call["self"])
