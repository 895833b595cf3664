"""ATen's elementwise operations: arithmetic, comparisons, activations, rounding, choice."""

from __future__ import annotations

import math
from typing import Any

import torch

from oracle.lift.aten import Call, NoLoweringError, lowers, real
from reference_engine.trace import Tensor, xp

SAME = {
    "neg": "negative", "abs": "abs", "exp": "exp", "exp2": "exp2", "expm1": "expm1", "log": "log",
    "log2": "log2", "log10": "log10", "log1p": "log1p", "sqrt": "sqrt", "rsqrt": "rsqrt", "sin": "sin",
    "cos": "cos", "tan": "tan", "asin": "asin", "acos": "acos", "atan": "atan", "sinh": "sinh",
    "cosh": "cosh", "tanh": "tanh", "asinh": "asinh", "acosh": "acosh", "atanh": "atanh",
    "sigmoid": "sigmoid", "reciprocal": "reciprocal", "erf": "erf", "erfc": "erfc", "erfinv": "erfinv",
    "lgamma": "lgamma", "digamma": "digamma", "sign": "sign", "sgn": "sign", "floor": "floor",
    "ceil": "ceil", "trunc": "trunc", "relu": "relu", "silu": "silu", "mish": "mish",
    "hardsigmoid": "hardsigmoid", "hardswish": "hardswish", "log_sigmoid_forward": "log_sigmoid",
    "square": "square",
}  # fmt: skip
"""One operand, the same meaning."""

STRICTLY_REAL = frozenset(SAME.values()) - {"negative", "abs", "sign", "floor", "ceil", "trunc", "square"}

PAIRS = {
    "mul": "multiply", "maximum": "maximum", "minimum": "minimum", "atan2": "atan2",
    "hypot": "hypot", "logaddexp": "logaddexp", "fmax": "maximum", "fmin": "minimum",
    "lt": "less", "le": "less_equal", "gt": "greater", "ge": "greater_equal", "eq": "equal",
    "ne": "not_equal",
}  # fmt: skip
"""Two operands, the same meaning (fmax and fmin differ at NaN only)."""


def _one(target: str) -> Any:
    def lowering(call: Call) -> Any:
        x = call["self"]
        found = getattr(xp, target)(real(x) if target in STRICTLY_REAL else x)
        return [found, None] if target == "log_sigmoid" else found

    return lowering


def _two(target: str) -> Any:
    def lowering(call: Call) -> Any:
        if target in {"equal", "not_equal"} and call.raw["self"] is call.raw["other"]:
            return None  # a test for NaN: known from the run
        return getattr(xp, target)(call["self"], call["other"])

    return lowering


for _name, _target in SAME.items():
    lowers(_name)(_one(_target))
for _name, _target in PAIRS.items():
    lowers(_name)(_two(_target))


def times(x: Any, factor: Any) -> Any:
    """X times a number, itself for 1."""
    return x if factor == 1 else x * factor


@lowers("add")
def _add(call: Call) -> Any:
    return call["self"] + times(call["other"], call.get("alpha", 1))


@lowers("sub")
def _sub(call: Call) -> Any:
    return call["self"] - times(call["other"], call.get("alpha", 1))


@lowers("rsub")
def _rsub(call: Call) -> Any:
    return call["other"] - times(call["self"], call.get("alpha", 1))


@lowers("div")
def _div(call: Call) -> Any:
    quotient = real(call["self"]) / call["other"]
    match call.get("rounding_mode"):
        case "floor":
            return xp.floor(quotient)
        case "trunc":
            return xp.trunc(quotient)
        case _:
            return quotient


@lowers("pow", "float_power")
def _pow(call: Call) -> Any:
    base, exponent = call["self"], call["exponent"]
    return xp.power(base if isinstance(base, (int, float)) else real(base), exponent)


@lowers("remainder")
def _remainder(call: Call) -> Any:
    return xp.remainder(call["self"], call["other"])


@lowers("fmod")
def _fmod(call: Call) -> Any:
    x, y = call["self"], call["other"]
    return x - y * xp.trunc(real(x) / y)


@lowers("floor_divide")
def _floor_divide(call: Call) -> Any:
    return xp.floor_divide(call["self"], call["other"])


@lowers("frac")
def _frac(call: Call) -> Any:
    return call["self"] - xp.trunc(call["self"])


@lowers("round")
def _round(call: Call) -> Any:
    decimals = call.get("decimals", 0)
    return xp.round(call["self"] * 10**decimals) / 10**decimals if decimals else xp.round(call["self"])


@lowers("addcmul")
def _addcmul(call: Call) -> Any:
    return call["self"] + times(call["tensor1"] * call["tensor2"], call.get("value", 1))


@lowers("addcdiv")
def _addcdiv(call: Call) -> Any:
    return call["self"] + times(call["tensor1"] / call["tensor2"], call.get("value", 1))


@lowers("lerp")
def _lerp(call: Call) -> Any:
    start = call["self"]
    return start + call["weight"] * (call["end"] - start)


@lowers("where")
def _where(call: Call) -> Any:
    if "self" not in call.raw:
        raise NoLoweringError
    return xp.where(_truth(call["condition"]), call["self"], call["other"])


@lowers("masked_fill")
def _masked_fill(call: Call) -> Any:
    return xp.where(_truth(call["mask"]), call["value"], call["self"])


def _truth(x: Tensor) -> Tensor:
    return x if x.kind == "bool" else x != 0


@lowers("logical_and", "bitwise_and", "__and__")
def _and(call: Call) -> Any:
    return _logic(call, "logical_and")


@lowers("logical_or", "bitwise_or", "__or__")
def _or(call: Call) -> Any:
    return _logic(call, "logical_or")


@lowers("logical_xor", "bitwise_xor", "__xor__")
def _xor(call: Call) -> Any:
    return _logic(call, "logical_xor")


def _logic(call: Call, target: str) -> Any:
    if call.results[0].dtype != torch.bool or not torch.is_tensor(call.raw["other"]):
        return None
    return getattr(xp, target)(_truth(call["self"]), _truth(call["other"]))


@lowers("logical_not", "bitwise_not")
def _not(call: Call) -> Any:
    return xp.logical_not(_truth(call["self"])) if call.results[0].dtype == torch.bool else None


@lowers("isfinite")
def _isfinite(call: Call) -> Any:
    return xp.isfinite(call["self"])


@lowers("nan_to_num", "isnan", "isinf", "signbit")
def _by_value(call: Call) -> Any:
    """What is not finite is known from the run: replaced there, the identity elsewhere."""
    if call.results[0].dtype == torch.bool:
        return None
    x = call.raw["self"]
    return xp.where(xp.constant(torch.isfinite(x).numpy(force=True)), call["self"],
                    xp.constant(call.results[0].double().numpy(force=True)))  # fmt: skip


@lowers("copysign")
def _copysign(call: Call) -> Any:
    other = call.raw["other"]
    negative = torch.signbit(torch.as_tensor(other)).numpy(force=True)
    size = abs(call["self"])
    return xp.where(xp.constant(negative), -size, size)


@lowers("clamp")
def _clamp(call: Call) -> Any:
    return xp.clip(call["self"], min=call.get("min"), max=call.get("max"))


@lowers("clamp_min")
def _clamp_min(call: Call) -> Any:
    return xp.clip(call["self"], min=call["min"], max=None)


@lowers("clamp_max")
def _clamp_max(call: Call) -> Any:
    return xp.clip(call["self"], min=None, max=call["max"])


@lowers("deg2rad")
def _deg2rad(call: Call) -> Any:
    return call["self"] * (math.pi / 180)


@lowers("rad2deg")
def _rad2deg(call: Call) -> Any:
    return call["self"] * (180 / math.pi)


@lowers("ldexp")
def _ldexp(call: Call) -> Any:
    return call["self"] * xp.power(2, real(call["other"]))
