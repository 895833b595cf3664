"""Activation functions in pieces: each has kinks where its pieces meet, and nowhere else."""

from __future__ import annotations

from reference_engine.operations import composite
from reference_engine.program import ProgramError
from reference_engine.trace import Tensor, xp

SELU_SCALE = "1.0507009873554804934193349852946"
SELU_ALPHA = "1.6732632423543772848170429916717"
"""The fixed point of Klambauer et al. (2017), with the digits that torch and JAX write."""


def per_channel(weight: Tensor, x: Tensor) -> Tensor:
    """A vector with one entry a channel (axis 1 of ``x``), shaped to broadcast with ``x``."""
    if weight.ndim != 1 or x.ndim < 2 or weight.shape[0] != x.shape[1]:
        msg = f"expected one entry for each channel (axis 1) of shape {x.shape}, found shape {weight.shape}"
        raise ProgramError(msg)
    return xp.reshape(weight, shape=(weight.shape[0],) + (1,) * (x.ndim - 2))  # type: ignore[no-any-return]


@composite("activation", kinks=(0.0,))
def relu(x: Tensor) -> Tensor:
    """Definition: x where it is positive, else 0.

    Derivative: 1 where x > 0, else 0.
    Where it is not differentiable: at 0: any slope in [0, 1].
    Conventions: torch and jax.nn.relu give 0 at 0.
    """
    return xp.where(x > 0, x, 0)  # type: ignore[no-any-return]


@composite("activation", kinks=(0.0, 6.0))
def relu6(x: Tensor) -> Tensor:
    """Definition: x limited to [0, 6].

    Derivative: 1 inside, 0 outside.
    Where it is not differentiable: at 0 and 6: any slope in [0, 1].
    Conventions: torch and JAX give 0 at both.
    """
    return xp.hardtanh(x, min_val=0, max_val=6)  # type: ignore[no-any-return]


@composite("activation", kinks=(-1.0, 1.0))
def hardtanh(x: Tensor, min_val: float = -1.0, max_val: float = 1.0) -> Tensor:
    """Definition: x limited to [min_val, max_val].

    Derivative: 1 inside, 0 outside.
    Where it is not differentiable: at both limits: any slope in [0, 1].
    Conventions: torch gives 0 at the limits; JAX's hard_tanh gives 1.
    """
    return xp.where(x < min_val, min_val, xp.where(x > max_val, max_val, x))  # type: ignore[no-any-return]


@composite("activation", kinks=(-3.0, 3.0))
def hardsigmoid(x: Tensor) -> Tensor:
    """Definition: relu6(x + 3) / 6.

    Derivative: 1/6 for -3 < x < 3, else 0.
    Where it is not differentiable: at -3 and 3: any slope in [0, 1/6].
    Conventions: torch and JAX give 0 at both.
    """
    return xp.relu6(x + 3) / 6  # type: ignore[no-any-return]


@composite("activation", kinks=(-3.0, 3.0))
def hardswish(x: Tensor) -> Tensor:
    """Definition: x relu6(x + 3) / 6; JAX's hard_swish (Howard et al. 2019).

    Derivative: 0 below -3, (2x + 3)/6 between, 1 above 3.
    Where it is not differentiable: at -3, slopes in [-1/2, 0]; at 3, slopes in [1, 3/2].
    Conventions: torch and JAX give 0 at -3 and 1 at 3.
    """
    return x * xp.relu6(x + 3) / 6  # type: ignore[no-any-return]


@composite("activation", kinks=(0.0,), call={"x": "...", "negative_slope": (0.01, 0.5)})
def leaky_relu(x: Tensor, negative_slope: float = 0.01) -> Tensor:
    """Definition: x where it is positive, else negative_slope x.

    Derivative: 1 where x > 0, else negative_slope.
    Where it is not differentiable: at 0: any slope between the two.
    Conventions: torch gives negative_slope at 0; JAX, which tests x >= 0, gives 1.
    """
    return xp.where(x > 0, x, x * negative_slope)  # type: ignore[no-any-return]


@composite(
    "activation",
    kinks=(0.0,),
    call=(
        {"x": "b c", "weight": "c"},
        {"x": "b c n", "weight": "1"},
    ),
)
def prelu(x: Tensor, weight: Tensor) -> Tensor:
    """Definition: x where it is positive, else weight x; one weight, or one a channel (axis 1).

    Derivative: 1 where x > 0, else weight; for weight x where x <= 0, else 0.
    Where it is not differentiable: at x = 0: any slope between 1 and weight.
    Conventions: torch gives weight at 0.
    """
    if weight.size == 1:
        weight = xp.reshape(weight, shape=())
    elif x.ndim > 1:
        weight = per_channel(weight, x)
    return xp.where(x > 0, x, weight * x)  # type: ignore[no-any-return]


@composite("activation", kinks=(0.0,), call={"x": "...", "alpha": (1.0, 0.5)})
def elu(x: Tensor, alpha: float = 1.0) -> Tensor:
    """Definition: x where it is positive, else alpha (exp(x) - 1) (Clevert et al. 2016).

    Derivative: 1 where x > 0, else alpha exp(x).
    Where it is not differentiable: at 0 unless alpha is 1: any slope between 1 and alpha.
    Conventions: torch and JAX give alpha at 0.
    """
    return xp.where(x > 0, x, xp.expm1(x) * alpha)  # type: ignore[no-any-return]


@composite("activation", kinks=(0.0,), call={"x": "...", "alpha": (1.0, 0.5)})
def celu(x: Tensor, alpha: float = 1.0) -> Tensor:
    """Definition: x where it is positive, else alpha (exp(x / alpha) - 1) (Barron 2017).

    Derivative: 1 where x > 0, else exp(x / alpha).
    Where it is not differentiable: nowhere: both pieces have slope 1 at 0.
    Conventions: none needed at first order; the second derivative jumps at 0.
    """
    return xp.where(x > 0, x, xp.expm1(x / alpha) * alpha)  # type: ignore[no-any-return]


@composite("activation", kinks=(0.0,))
def selu(x: Tensor) -> Tensor:
    """Definition: scale elu(x, alpha) with the scale 1.0507... and alpha 1.6732... of Klambauer et al.
    (2017).

    Derivative: scale where x > 0, else scale alpha exp(x).
    Where it is not differentiable: at 0: any slope between scale and scale alpha.
    Conventions: torch and JAX give scale alpha at 0.
    """
    negative = xp.constant(SELU_ALPHA) * xp.expm1(x)
    return xp.constant(SELU_SCALE) * xp.where(x > 0, x, negative)  # type: ignore[no-any-return]


@composite("activation", call={"x": "...", "threshold": (0.5, 0.0), "value": (-1.0, 0.0)})
def threshold(x: Tensor, threshold: float, value: float) -> Tensor:
    """Definition: x where it is above threshold, else value.

    Derivative: 1 above threshold, else 0.
    Where it is not differentiable: at threshold: a jump unless value equals threshold, then slopes in [0, 1].
    Conventions: torch gives 0 at threshold.
    """
    return xp.where(x > threshold, x, value)  # type: ignore[no-any-return]


@composite("activation", kinks=(-0.5, 0.5), call={"x": "...", "lambd": (0.5, 1.0)})
def softshrink(x: Tensor, lambd: float = 0.5) -> Tensor:
    """Definition: x moved towards 0 by lambd, 0 where it is smaller than that.

    Derivative: 1 where |x| > lambd, else 0.
    Where it is not differentiable: at -lambd and lambd: any slope in [0, 1].
    Conventions: torch gives 0 at both.
    """
    return xp.where(x > lambd, x - lambd, xp.where(x < -lambd, x + lambd, 0))  # type: ignore[no-any-return]


@composite("activation", kinks=(-0.5, 0.5), call={"x": "...", "lambd": (0.5, 1.0)})
def hardshrink(x: Tensor, lambd: float = 0.5) -> Tensor:
    """Definition: x where |x| > lambd, else 0.

    Derivative: 1 where |x| > lambd, else 0.
    Where it is not differentiable: it jumps at -lambd and lambd.
    Conventions: torch gives 0 at both.
    """
    return xp.where((x > lambd) | (x < -lambd), x, 0)  # type: ignore[no-any-return]
