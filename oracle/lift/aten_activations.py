"""ATen's activation functions."""

from __future__ import annotations

from typing import Any

from oracle.lift.aten import Call, lowers
from oracle.lift.aten_pointwise import times
from reference_engine.trace import xp


@lowers("gelu")
def _gelu(call: Call) -> Any:
    return xp.gelu(call["self"], approximate=call["approximate"])


@lowers("softplus")
def _softplus(call: Call) -> Any:
    # Above the threshold torch returns x itself; the true function is meant, the difference is rounding.
    return xp.softplus(call["self"], beta=call["beta"], threshold=call["threshold"])


@lowers("elu")
def _elu(call: Call) -> Any:
    """Of x: scale * (x, or alpha (exp(input_scale x) - 1) where x is not positive)."""
    x, alpha, scale, inner = (call[n] for n in ("self", "alpha", "scale", "input_scale"))
    negative = times(xp.expm1(times(x, inner)), alpha)
    return times(xp.where(x > 0, x, negative), scale)


@lowers("celu")
def _celu(call: Call) -> Any:
    return xp.celu(call["self"], alpha=call["alpha"])


@lowers("selu")
def _selu(call: Call) -> Any:
    return xp.selu(call["self"])


@lowers("leaky_relu")
def _leaky_relu(call: Call) -> Any:
    return xp.leaky_relu(call["self"], negative_slope=call["negative_slope"])


@lowers("_prelu_kernel")
def _prelu(call: Call) -> Any:
    x = call["self"]
    return xp.where(x > 0, x, call["weight"] * x)


@lowers("rrelu_with_noise")
def _rrelu(call: Call) -> Any:
    x = call["self"]
    if not call["training"]:
        return xp.leaky_relu(x, negative_slope=(call["lower"] + call["upper"]) / 2)
    noise = xp.constant(call.raw["noise"].double().numpy(force=True))
    return xp.where(x > 0, x, x * noise)


@lowers("hardtanh")
def _hardtanh(call: Call) -> Any:
    return xp.hardtanh(call["self"], min_val=call["min_val"], max_val=call["max_val"])


@lowers("threshold")
def _threshold(call: Call) -> Any:
    return xp.threshold(call["self"], threshold=call["threshold"], value=call["value"])


@lowers("softshrink")
def _softshrink(call: Call) -> Any:
    return xp.softshrink(call["self"], lambd=call["lambd"])


@lowers("hardshrink")
def _hardshrink(call: Call) -> Any:
    return xp.hardshrink(call["self"], lambd=call["lambd"])


@lowers("glu")
def _glu(call: Call) -> Any:
    return xp.glu(call["self"], axis=call["dim"])


@lowers("logit")
def _logit(call: Call) -> Any:
    return xp.logit(call["self"], eps=call["eps"])
