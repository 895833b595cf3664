"""ATen's fused ``*_backward`` calls by their documented formulas, and what forward kernels keep for them.

Most others are reduced by torch's own decompositions, or are pullbacks of a forward (``aten_vjps``).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from oracle.lift.aten import Call, Lowering, lowers, move
from oracle.lift.aten_lu import packed_lu
from oracle.lift.torch_memory import constant_of, exact
from reference_engine.trace import Tensor, constant, xp

KEPT: dict[str, Lowering] = {}
"""Symbols of all results of a forward call, those that it keeps for its backward too; None for what its own
lowering knows, by name."""


def keeps(*names: str) -> Callable[[Lowering], Lowering]:
    """Decorator: the function says what the forwards of these names keep."""

    def wrap(function: Lowering) -> Lowering:
        KEPT.update(dict.fromkeys(names, function))
        return function

    return wrap


@keeps("nll_loss_forward", "nll_loss2d_forward")
def _total_weight(call: Call) -> Any:
    """The sum of the weights of all targets that count; 0 where nothing is averaged."""
    if call["reduction"] == 0:
        return [None, constant(0, "real")]
    target = exact(call.raw["target"])
    counted = target[target != call["ignore_index"]]
    weight = call["weight"]
    if weight is None:
        return [None, constant(int(counted.size), "real")]
    return [None, xp.sum(xp.take(weight, constant(counted), axis=0))]


@keeps("native_batch_norm", "_native_batch_norm_legit", "_batch_norm_with_update")
def _batch_statistics(call: Call) -> Any:
    """Mean, and one over the standard deviation, of each channel."""
    rest = [None] * (len(call.results) - 3)
    if not call.get("training", True):
        return [None, None, None, *rest]
    x = call["input"]
    over = (0, *range(2, x.ndim))
    return [None, xp.mean(x, axis=over), xp.rsqrt(xp.var(x, axis=over, correction=0) + call["eps"]), *rest]


@keeps("log_sigmoid_forward")
def _exponential(call: Call) -> Any:
    return [None, xp.exp(-abs(call["self"]))]


@keeps("_linalg_solve_ex", "_linalg_slogdet", "_linalg_det")
def _factors(call: Call) -> Any:
    """The LU factors in one matrix; some kernels factor the transpose, as the numbers show."""
    own = call.raw["A"]
    pivots = next(k for k, r in enumerate(call.results) if r.dtype == torch.int32 and r.ndim == own.ndim - 1)
    order, lower, upper = torch.lu_unpack(call.results[pivots - 1], call.results[pivots])
    factored = order @ lower @ upper
    turned = (factored - own.mT).abs().sum() < (factored - own).abs().sum()
    a = xp.matrix_transpose(call["A"]) if turned else call["A"]
    found: list[Any] = [None] * len(call.results)
    found[pivots - 1] = packed_lu(a, call.results[pivots])
    return found


@keeps("lu_unpack", "linalg_lu")
def _order(call: Call) -> Any:
    """The permutation as a matrix: constant in pieces."""
    return [constant_of(call.results[0]), None, None]


@keeps("multilabel_margin_loss_forward")
def _is_target(call: Call) -> Any:
    """Which classes are targets, by which nothing is differentiated."""
    return [None, constant_of(call.results[1])]


@lowers("masked_scatter_backward")
def _masked_scatter_backward(call: Call) -> Any:
    return move(call, "grad_output")[0]


@lowers("softshrink_backward", "hardshrink_backward")
def _shrink_backward(call: Call) -> Any:
    """The cotangent where the input is not shrunk to 0."""
    x = call.get("self")
    cotangent = call.get("grad_output") if "grad_output" in call.raw else call["grad_out"]
    return xp.where(abs(x) > call["lambd"], cotangent, 0)


@lowers(
    "max_pool2d_with_indices_backward",
    "max_pool3d_with_indices_backward",
    "adaptive_max_pool2d_backward",
    "adaptive_max_pool3d_backward",
    "fractional_max_pool2d_backward",
    "fractional_max_pool3d_backward",
)
def _max_pool_backward(call: Call) -> Any:
    """Each cotangent at the recorded place of its maximum, counted within a plane."""
    shape = call.shape("self")
    indices = exact(call.raw["indices"])
    planes = int(np.prod(call.shape("grad_output")[: _leading(call)], dtype=np.int64))
    size = int(np.prod(shape, dtype=np.int64)) // max(planes, 1)
    places = indices.reshape(planes, -1) + size * np.arange(planes)[:, None]
    cotangent: Tensor = xp.reshape(call["grad_output"], shape=(indices.size,))
    zeros = constant(np.zeros(planes * size))
    whole = xp.scatter_add(zeros, constant(places.reshape(-1)), cotangent, axis=0)
    return xp.reshape(whole, shape=shape)


def _leading(call: Call) -> int:
    """How many axes of the operand are no axes of a window."""
    name = str(call.func)
    return len(call.shape("self")) - (3 if "3d" in name else 2)
