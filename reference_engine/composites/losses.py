"""Losses of one prediction against one target, element by element, and how they are reduced."""

from __future__ import annotations

from fractions import Fraction

from reference_engine.composites.reductions import real
from reference_engine.operations import composite
from reference_engine.program import ProgramError
from reference_engine.trace import Tensor, constant, xp

HALF = Fraction(1, 2)


def reduced(loss: Tensor, reduction: str) -> Tensor:
    """The mean, the sum or all of the losses."""
    match reduction:
        case "mean":
            return xp.mean(loss)  # type: ignore[no-any-return]
        case "sum":
            return xp.sum(loss)  # type: ignore[no-any-return]
        case "none":
            return loss
        case _:
            msg = f"reduction must be 'mean', 'sum' or 'none', found {reduction!r}"
            raise ProgramError(msg)


@composite("loss", call={"input": "...", "target": "..."})
def mse_loss(input: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
    """Definition: (input - target)^2, reduced.

    Derivative: 2 (input - target), and its negative for target.
    Where it is not differentiable: nowhere.
    Conventions: none needed.
    """
    d = real(input) - target
    return reduced(d * d, reduction)


@composite("loss", kinks=(0.0,), call={"input": "...", "target": "..."})
def l1_loss(input: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
    """Definition: |input - target|, reduced.

    Derivative: the sign of input - target, and its negative for target.
    Where it is not differentiable: where both are equal: any slope in [-1, 1].
    Conventions: torch and JAX give 0 there.
    """
    return reduced(abs(real(input) - target), reduction)


@composite("loss", call={"input": "...", "target": "...", "delta": (1.0, 0.5)})
def huber_loss(input: Tensor, target: Tensor, reduction: str = "mean", delta: float = 1.0) -> Tensor:
    """Definition: d^2 / 2 where |d| <= delta, else delta (|d| - delta / 2), for d = input - target (Huber
    1964).

    Derivative: d limited to [-delta, delta].
    Where it is not differentiable: nowhere; the second derivative jumps at |d| = delta.
    Conventions: none needed at first order.
    """
    d = real(input) - target
    size = abs(d)
    far = (size - constant(delta, "real") / 2) * delta
    return reduced(xp.where(size <= delta, d * d * constant(HALF), far), reduction)


@composite("loss", kinks=(0.0,), call={"input": "...", "target": "...", "beta": (1.0, 0.5, 0.0)})
def smooth_l1_loss(input: Tensor, target: Tensor, reduction: str = "mean", beta: float = 1.0) -> Tensor:
    """Definition: d^2 / (2 beta) where |d| < beta, else |d| - beta / 2, for d = input - target (Girshick
    2015).

    Derivative: d / beta limited to [-1, 1].
    Where it is not differentiable: nowhere for beta > 0, at d = 0 for beta = 0; the second derivative jumps.
    Conventions: beta = 0 is the L1 loss.
    """
    if beta == 0:
        return xp.l1_loss(input, target, reduction=reduction)  # type: ignore[no-any-return]
    d = real(input) - target
    size = abs(d)
    near = d * d * constant(HALF) / beta
    return reduced(xp.where(size < beta, near, size - constant(beta, "real") / 2), reduction)


@composite("loss", kinks=(1.0,), call={"input": "...", "target": "... signs"})
def hinge_loss(input: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
    """Definition: max(0, 1 - input target) for targets of -1 and 1, reduced.

    Derivative: -target where input target < 1, else 0; alike for target.
    Where it is not differentiable: at input target = 1: any slope between 0 and -target.
    Conventions: torch has no such loss; optax.hinge_loss gives one half of the slope.
    """
    return reduced(xp.maximum(1 - real(input) * target, 0), reduction)


@composite("loss", kinks=(1.0,), call={"input": "...", "target": "... signs", "margin": (1.0, 0.5)})
def hinge_embedding_loss(
    input: Tensor, target: Tensor, margin: float = 1.0, reduction: str = "mean"
) -> Tensor:
    """Definition: input where target is 1, max(0, margin - input) where it is -1, reduced.

    Derivative: 1, or -1 where input < margin, else 0.
    Where it is not differentiable: at input = margin for target -1: any slope in [-1, 0].
    Conventions: torch adds both terms for a target that is neither.
    """
    x = real(input)
    apart = xp.where(target != 1, xp.maximum(margin - x, 0), 0)
    together = xp.where(target != -1, x, 0)
    return reduced(apart + together, reduction)


@composite(
    "loss",
    call=(
        {"input": "... moderate", "target": "... positive", "log_input": (True,)},
        {"input": "... positive", "target": "... positive", "log_input": (False,)},
    ),
)
def poisson_nll_loss(
    input: Tensor, target: Tensor, log_input: bool = True, reduction: str = "mean"
) -> Tensor:
    """Definition: exp(input) - target input, reduced; for log_input=False input - target log(input).

    Derivative: exp(input) - target; 1 - target / input.
    Where it is not differentiable: for log_input=False at input = 0 (pole).
    Conventions: torch adds eps = 1e-8 to the input of log; here it is exact. Stirling's term is left out.
    """
    x = real(input)
    return reduced(xp.exp(x) - target * x if log_input else x - target * xp.log(x), reduction)


@composite("loss", call={"input": "...", "target": "... signs"})
def soft_margin_loss(input: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
    """Definition: log(1 + exp(-target input)), reduced.

    Derivative: -target sigmoid(-target input) for input; alike for target.
    Where it is not differentiable: nowhere.
    Conventions: torch computes log(1 + exp) as written, which overflows for arguments above 709.
    """
    return reduced(xp.softplus(-(real(input) * target)), reduction)
