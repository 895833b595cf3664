"""Losses that compare a distribution with a class or another distribution."""

from __future__ import annotations

from reference_engine.composites.losses import reduced
from reference_engine.composites.reductions import real
from reference_engine.operations import composite
from reference_engine.program import ProgramError
from reference_engine.trace import Tensor, constant, xp


def _class_axis(input: Tensor) -> int:
    if input.ndim == 0:
        msg = "a class axis is needed, found a 0-d input"
        raise ProgramError(msg)
    return 1 if input.ndim > 1 else 0


def _by_class(weight: Tensor, input: Tensor) -> Tensor:
    """One weight a class, shaped to broadcast with ``input``."""
    axis = _class_axis(input)
    if weight.shape != (input.shape[axis],):
        msg = f"weight must have shape ({input.shape[axis]},), one a class, found {weight.shape}"
        raise ProgramError(msg)
    return xp.reshape(weight, shape=(weight.shape[0],) + (1,) * (input.ndim - axis - 1))  # type: ignore[no-any-return]


def _chosen(values: Tensor, target: Tensor) -> Tensor:
    """The entry of each target class along the class axis."""
    axis = _class_axis(values)
    expected = (*values.shape[:axis], *values.shape[axis + 1 :])
    if target.kind != "int" or target.shape != expected:
        msg = f"target must be int{list(expected)}, one class a sample, found {target.type}"
        raise ProgramError(msg)
    picked = xp.take_along_axis(values, xp.expand_dims(target, axis=axis), axis=axis)
    return xp.squeeze(picked, axis=axis)  # type: ignore[no-any-return]


def _averaged(loss: Tensor, importance: Tensor | None, reduction: str) -> Tensor:
    """Reduced; the mean is the sum divided by the sum of the samples' importance."""
    if reduction != "mean" or importance is None:
        return reduced(loss, reduction)
    return xp.sum(loss) / xp.sum(importance)  # type: ignore[no-any-return]


def _importance(
    input: Tensor, target: Tensor, weight: Tensor | None, ignore_index: int | None
) -> tuple[Tensor, Tensor | None]:
    """Targets with ignored ones replaced by class 0, and each sample's weight (None: all 1)."""
    if ignore_index is None:
        if weight is None:
            return target, None
        return target, xp.take(real(weight), target, axis=0)
    kept = target != ignore_index
    safe = xp.where(kept, target, 0)
    own = constant(1, "real") if weight is None else xp.take(real(weight), safe, axis=0)
    return safe, xp.where(kept, own, constant(0, "real"))


@composite(
    "loss",
    call=(
        {"input": "b n", "target": "b class:n"},
        {"input": "b n", "target": "b class:n", "weight": "n positive"},
        {"input": "b n d", "target": "b d class:n"},
    ),
)
def nll_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Definition: minus input at the target class (axis 1), times that class's weight; the mean is weighted
    too. Samples with target ignore_index count as nothing.

    Derivative: minus the weight at the target class, divided by the sum of weights for the mean.
    Where it is not differentiable: nowhere.
    Conventions: torch ignores -100 by default, here nothing is.
    """
    safe, importance = _importance(input, target, weight, ignore_index)
    loss = -_chosen(real(input), safe)
    return _averaged(loss if importance is None else loss * importance, importance, reduction)


@composite(
    "loss",
    call=(
        {"input": "b n", "target": "b class:n", "label_smoothing": (0.0, 0.1)},
        {"input": "b n", "target": "b class:n", "weight": "n positive"},
        {"input": "b n", "target": "b n probability"},
    ),
)
def cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """Definition: nll_loss(log_softmax(input), target) for integer targets; minus the sum of target
    log_softmax(input) times weight over the classes (axis 1) for real ones. label_smoothing e mixes 1 - e of
    the target with e of the uniform distribution.

    Derivative: softmax(input) - target for one sample without weights.
    Where it is not differentiable: nowhere.
    Conventions: torch ignores -100 by default, here nothing is; torch divides the mean for real targets by
    the number of samples, whatever the weights.
    """
    axis = _class_axis(input)
    classes = input.shape[axis]
    log_p = xp.log_softmax(input, axis=axis)
    weighted = log_p if weight is None else log_p * _by_class(weight, input)
    smoothing = constant(label_smoothing, "real")
    if target.kind == "real":
        if target.shape != input.shape:
            msg = f"cross_entropy: probabilities of shape {target.shape} do not fit input {input.shape}"
            raise ProgramError(msg)
        mixed = target if label_smoothing == 0 else target * (1 - smoothing) + smoothing / classes
        return reduced(-xp.sum(mixed * weighted, axis=axis), reduction)
    hard = xp.nll_loss(log_p, target, weight, ignore_index=ignore_index, reduction=reduction)
    if label_smoothing == 0:
        return hard  # type: ignore[no-any-return]
    _, importance = _importance(input, target, weight, ignore_index)
    uniform = -xp.sum(weighted, axis=axis)
    if ignore_index is not None:
        uniform = xp.where(target != ignore_index, uniform, 0)
    return hard * (1 - smoothing) + _averaged(uniform, importance, reduction) * (smoothing / classes)  # type: ignore[no-any-return]


@composite(
    "loss",
    call=(
        {"input": "... probability", "target": "... probability"},
        {"input": "... probability", "target": "... probability", "weight": "... positive"},
    ),
)
def binary_cross_entropy(
    input: Tensor, target: Tensor, weight: Tensor | None = None, reduction: str = "mean"
) -> Tensor:
    """Definition: -(t max(log(p), -100) + (1 - t) max(log(1 - p), -100)) for probability p = input and target
    t, times weight, reduced.

    Derivative: (p - t) / (p (1 - p)) where neither logarithm is limited.
    Where it is not differentiable: where a logarithm is -100, at p = exp(-100).
    Conventions: the limit of -100 is torch's; torch's backward divides by max(p (1 - p), 1e-12) instead.
    """
    p = real(input)
    least = xp.exp(constant(-100, "real"))
    log_p = xp.where(p > least, xp.log(p), -100)
    log_q = xp.where(1 - p > least, xp.log1p(-p), -100)
    loss = (target - 1) * log_q - target * log_p
    return reduced(loss if weight is None else loss * weight, reduction)


@composite(
    "loss",
    call=(
        {"input": "...", "target": "... probability"},
        {"input": "...", "target": "... probability", "pos_weight": "... positive"},
    ),
)
def binary_cross_entropy_with_logits(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    reduction: str = "mean",
    pos_weight: Tensor | None = None,
) -> Tensor:
    """Definition: (1 + (pos_weight - 1) t) softplus(x) - pos_weight t x for logit x = input and target t,
    times weight, reduced; the cross entropy of t and sigmoid(x).

    Derivative: sigmoid(x) - t without weights, which loses digits where the target is met.
    Where it is not differentiable: nowhere.
    Conventions: none needed.
    """
    x = real(input)
    tail = xp.softplus(x)
    if pos_weight is None:
        loss = tail - target * x
    else:
        loss = (1 + (pos_weight - 1) * target) * tail - pos_weight * target * x
    return reduced(loss if weight is None else loss * weight, reduction)


@composite(
    "loss",
    call=(
        {
            "input": "b ...",
            "target": "b ... positive",
            "reduction": ("mean", "sum", "none", "batchmean"),
            "log_target": (False,),
        },
        {"input": "b ...", "target": "b ... moderate", "log_target": (True,)},
    ),
)
def kl_div(input: Tensor, target: Tensor, reduction: str = "mean", log_target: bool = False) -> Tensor:
    """Definition: t (log(t) - input) for log probabilities input and a target t, or its logarithm with
    log_target; "batchmean" divides the sum by the extent of axis 0.

    Derivative: -t for input; log(t) - input + 1 for t.
    Where it is not differentiable: in t at t = 0.
    Conventions: t log(t) is 0 at t = 0; the "mean" of torch divides by all elements.
    """
    if log_target:
        loss = xp.exp(target) * (target - input)
    else:
        t = real(target)
        loss = xp.where(t == 0, 0, t * xp.log(t)) - t * input
    if reduction == "batchmean":
        return xp.sum(loss) / (loss.shape[0] if loss.ndim else 1)  # type: ignore[no-any-return]
    return reduced(loss, reduction)


@composite("loss", call={"input": "...", "target": "...", "var": "... positive"})
def gaussian_nll_loss(
    input: Tensor, target: Tensor, var: Tensor, eps: float = 1e-6, reduction: str = "mean", full: bool = False
) -> Tensor:
    """Definition: (log(v) + (input - target)^2 / v) / 2 with v = max(var, eps), reduced; full adds log(2 pi)
    / 2.

    Derivative: (input - target) / v, and (1/v - (input - target)^2 / v^2) / 2 for var.
    Where it is not differentiable: nowhere by declaration: the limit eps counts as a constant added to var.
    Conventions: that the limit does not change the gradient is torch's documented choice.
    """
    v = var + xp.stop_gradient(xp.maximum(var, eps) - var)
    d = real(input) - target
    loss = (xp.log(v) + d * d / v) / 2
    if full:
        pi = xp.atan(constant(1, "real")) * 4
        loss = loss + xp.log(pi * 2) / 2
    return reduced(loss, reduction)
