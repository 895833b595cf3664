"""ATen's ``_foreach_*``: one operation on each tensor of a list, as optimizers call them."""

from __future__ import annotations

from typing import Any

from oracle.lift.aten import LOWERINGS, Call, Lowering, lowers

RENAMED = {
    "clamp_min": {"other": "min", "scalar": "min", "scalars": "min"},
    "clamp_max": {"other": "max", "scalar": "max", "scalars": "max"},
    "lerp": {"tensors1": "end", "weights": "weight", "scalars": "weight"},
    "norm": {"ord": "p"},
    "addcmul": {"scalars": "value"},
    "addcdiv": {"scalars": "value"},
    "copy": {},
}
"""What the arguments of a list operation are called in the operation on one tensor."""

BINARY = {"scalar": "other", "scalars": "other"}

NAMES = (
    "add", "sub", "mul", "div", "maximum", "minimum", "pow", *RENAMED, "abs", "acos", "asin", "atan", "ceil",
    "cos", "cosh", "erf", "erfc", "exp", "expm1", "floor", "frac", "lgamma", "log", "log10", "log1p", "log2",
    "neg", "reciprocal", "round", "rsqrt", "sigmoid", "sign", "sin", "sinh", "sqrt", "tan", "tanh", "trunc",
    "zero", "max.default",
)  # fmt: skip
"""Operations that torch has for lists."""


def _for_each(base: str) -> Lowering:
    def of_list(call: Call) -> Any:
        lowering = LOWERINGS[base]
        found = []
        for k, result in enumerate(call.results):
            one = lowering(_member(call, base, k, result))
            found.append(one[0] if isinstance(one, list) else one)
        return found

    return of_list


def _member(call: Call, base: str, k: int, result: Any) -> Call:
    """The call for the ``k``-th tensor alone."""
    renamed = RENAMED.get(base, BINARY)
    raw = {}
    for name, value in call.raw.items():
        of_one = value[k] if isinstance(value, (list, tuple)) else value
        raw[renamed.get(name, name)] = of_one
    return Call(call.func, raw, result, call.symbol)


for _name in NAMES:
    lowers(f"_foreach_{_name.partition('.')[0]}")(_for_each(_name))
