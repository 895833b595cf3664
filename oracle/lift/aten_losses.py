"""ATen's losses that are one call, by reduction code: 0 none, 1 mean, 2 sum."""

from __future__ import annotations

from typing import Any

import numpy as np

from oracle.lift.aten import Call, lowers
from oracle.lift.torch_memory import exact
from reference_engine.trace import Tensor, constant, xp

REDUCTIONS = {0: "none", 1: "mean", 2: "sum"}


def _reduction(call: Call) -> str:
    return REDUCTIONS[call["reduction"]]


def _reduced(loss: Tensor, call: Call) -> Any:
    match _reduction(call):
        case "mean":
            return xp.mean(loss)
        case "sum":
            return xp.sum(loss)
        case _:
            return loss


@lowers("mse_loss")
def _mse(call: Call) -> Any:
    return xp.mse_loss(call["self"], call["target"], reduction=_reduction(call))


@lowers("huber_loss")
def _huber(call: Call) -> Any:
    return xp.huber_loss(call["self"], call["target"], reduction=_reduction(call), delta=call["delta"])


@lowers("smooth_l1_loss")
def _smooth_l1(call: Call) -> Any:
    return xp.smooth_l1_loss(call["self"], call["target"], reduction=_reduction(call), beta=call["beta"])


@lowers("soft_margin_loss")
def _soft_margin(call: Call) -> Any:
    return xp.soft_margin_loss(call["self"], call["target"], reduction=_reduction(call))


@lowers("binary_cross_entropy")
def _bce(call: Call) -> Any:
    return xp.binary_cross_entropy(call["self"], call["target"], call["weight"], reduction=_reduction(call))


@lowers("binary_cross_entropy_with_logits")
def _bce_logits(call: Call) -> Any:
    return xp.binary_cross_entropy_with_logits(
        call["self"],
        call["target"],
        call["weight"],
        reduction=_reduction(call),
        pos_weight=call["pos_weight"],
    )


@lowers("nll_loss_forward", "nll_loss2d_forward")
def _nll(call: Call) -> Any:
    target, ignored = exact(call.raw["target"]), call["ignore_index"]
    loss = xp.nll_loss(
        call["self"], constant(target), call["weight"],
        ignore_index=ignored if (target == ignored).any() else None, reduction=_reduction(call),
    )  # fmt: skip
    return [loss, None]


@lowers("multi_margin_loss")
def _multi_margin(call: Call) -> Any:
    """Mean over classes i other than the target y of max(0, margin - x[y] + x[i])^p times weight[y]."""
    x, weight = call["self"], call["weight"]
    target = exact(call.raw["target"]).reshape(-1)
    rows = x if x.ndim == 2 else xp.reshape(x, shape=(1, x.size))
    classes = rows.shape[1]
    own = xp.take_along_axis(rows, constant(target[:, None]), axis=1)
    over = call["margin"] - own + rows
    terms = xp.where(over > 0, over if call["p"] == 1 else over * over, 0)
    if weight is not None:
        terms = terms * xp.expand_dims(xp.take(weight, constant(target), axis=0), axis=1)
    other = constant(target[:, None] != np.arange(classes))
    loss = xp.sum(xp.where(other, terms, 0), axis=1) / classes
    loss = _reduced(loss, call)
    return xp.reshape(loss, shape=tuple(call.results[0].shape))


@lowers("multilabel_margin_loss_forward")
def _multilabel_margin(call: Call) -> Any:
    """Sum over targets y and other classes i of max(0, 1 - x[y] + x[i]), divided by the number of classes."""
    x = call["self"]
    target = exact(call.raw["target"])
    rows = x if x.ndim == 2 else xp.reshape(x, shape=(1, x.size))
    losses = []
    for k, labels in enumerate(target.reshape(rows.shape)):
        chosen = []
        for label in labels.tolist():
            if label < 0:
                break
            chosen.append(label)
        total: Tensor = constant(0, "real")
        others = [i for i in range(rows.shape[1]) if i not in chosen]
        for label in chosen:
            for other in others:
                over = 1 - rows[k, label] + rows[k, other]
                total = total + xp.where(over > 0, over, 0)
        losses.append(total / rows.shape[1])
    loss = _reduced(xp.stack(losses, axis=0), call)
    return [xp.reshape(loss, shape=tuple(call.results[0].shape)), None]
