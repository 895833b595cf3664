"""ATen's elementwise operations on complex tensors, and those between complex and real ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from oracle.lift import complex_functions as functions
from oracle.lift.aten import Call, NoLoweringError, lowers, real
from oracle.lift.aten_parts import lowers_complex, real_view
from oracle.lift.complex_numbers import (
    Complex,
    Symbol,
    add,
    as_complex,
    conj,
    div,
    each_part,
    mul,
    real_part,
    reciprocal,
    sub,
)
from oracle.lift.complex_polar import Signs, absolute, angle, polar, sgn
from reference_engine.trace import Tensor, constant, xp

ENTIRE: dict[str, Callable[[Complex], Symbol]] = {
    "exp": functions.exp, "exp2": functions.exp2, "expm1": functions.expm1, "sinh": functions.sinh,
    "cosh": functions.cosh, "tanh": functions.tanh, "sin": functions.sin, "cos": functions.cos,
    "tan": functions.tan, "sigmoid": functions.sigmoid, "sinc": functions.sinc,
    "reciprocal": reciprocal, "sgn": sgn, "abs": absolute,
    "_conj": conj, "_conj_physical": conj, "conj_physical": conj, "neg": lambda z: -z,
    "_neg_view": lambda z: -z,
}  # fmt: skip
"""Functions of one number without a branch cut."""

CUT: dict[str, Callable[[Complex, Signs | None], Symbol]] = {
    "log": functions.log, "log1p": functions.log1p, "sqrt": functions.sqrt, "rsqrt": functions.rsqrt,
    "asin": functions.asin, "acos": functions.acos, "acosh": functions.acosh, "asinh": functions.asinh,
    "atanh": functions.atanh, "atan": functions.atan, "angle": angle,
    "log2": lambda z, signs: functions.log_to_base(z, 2, signs),
    "log10": lambda z, signs: functions.log_to_base(z, 10, signs),
}  # fmt: skip
"""Functions of one number that are cut somewhere along an axis."""


def signs_at(tensor: Any) -> Signs:
    """The signs of the parts as torch saw them, zeros included: they choose the side of a cut."""
    return Signs(*(constant(torch.signbit(real_view(tensor, k)).numpy(force=True)) for k in (0, 1)))


def _entire(function: Callable[[Complex], Symbol]) -> Any:
    return lambda call: function(as_complex(call["self"]))


def _cut(function: Callable[[Complex, Signs | None], Symbol]) -> Any:
    return lambda call: function(as_complex(call["self"]), signs_at(call.raw["self"]))


for _name, _function in ENTIRE.items():
    lowers_complex(_name)(_entire(_function))
for _name, _function_of_sides in CUT.items():
    lowers_complex(_name)(_cut(_function_of_sides))


@lowers("_neg_view")
def _neg_view(call: Call) -> Any:
    """A view of real memory that is marked as negative: the imaginary part of a lazy conjugate."""
    return -call["self"]


@lowers_complex("add")
def _add(call: Call) -> Any:
    return add(call["self"], _times(call["other"], call.get("alpha", 1)))


@lowers_complex("sub")
def _sub(call: Call) -> Any:
    return sub(call["self"], _times(call["other"], call.get("alpha", 1)))


@lowers_complex("rsub")
def _rsub(call: Call) -> Any:
    return sub(call["other"], _times(call["self"], call.get("alpha", 1)))


def _times(x: Any, factor: Any) -> Any:
    return x if factor == 1 else mul(x, factor)


@lowers_complex("mul")
def _mul(call: Call) -> Any:
    return mul(call["self"], call["other"])


@lowers_complex("div")
def _div(call: Call) -> Any:
    x = call["self"]
    return div(real(x) if isinstance(x, Tensor) else x, call["other"])


@lowers_complex("pow")
def _pow(call: Call) -> Any:
    base = call.raw["self"]
    complex_base = torch.is_tensor(base) and base.is_complex()
    return functions.power(call["self"], call["exponent"], signs_at(base) if complex_base else None)


@lowers_complex("addcmul")
def _addcmul(call: Call) -> Any:
    return add(call["self"], _times(mul(call["tensor1"], call["tensor2"]), call.get("value", 1)))


@lowers_complex("addcdiv")
def _addcdiv(call: Call) -> Any:
    return add(call["self"], _times(div(call["tensor1"], call["tensor2"]), call.get("value", 1)))


@lowers_complex("lerp")
def _lerp(call: Call) -> Any:
    start = call["self"]
    return add(start, mul(call["weight"], sub(call["end"], start)))


@lowers_complex("logaddexp")
def _logaddexp(call: Call) -> Any:
    return functions.logaddexp(as_complex(call["self"]), as_complex(call["other"]))


@lowers_complex("ldexp")
def _ldexp(call: Call) -> Any:
    return mul(call["self"], functions.power(2, as_complex(call["other"])))


@lowers_complex("eq")
def _eq(call: Call) -> Any:
    x, y = as_complex(call["self"]), as_complex(call["other"])
    return (x.re == y.re) & (x.im == y.im)


@lowers_complex("ne")
def _ne(call: Call) -> Any:
    x, y = as_complex(call["self"]), as_complex(call["other"])
    return (x.re != y.re) | (x.im != y.im)


@lowers_complex("isnan", "isinf", "any", "all", "logical_and", "logical_or", "logical_xor",
                "logical_not", "equal", "count_nonzero")  # fmt: skip
def _predicate(call: Call) -> Any:
    """Taken from the run."""
    return None


@lowers_complex("complex")
def _complex(call: Call) -> Any:
    re, im = call["real"], call["imag"]
    shape = np.broadcast_shapes(re.shape, im.shape)
    return Complex(*(p if p.shape == shape else xp.broadcast_to(p, shape=shape) for p in (re, im)))


@lowers_complex("polar")
def _polar(call: Call) -> Any:
    return polar(call["abs"], call["angle"])


@lowers_complex("view_as_real")
def _view_as_real(call: Call) -> Any:
    z = call["self"]
    return xp.stack([z.re, z.im], axis=-1)


@lowers_complex("view_as_complex")
def _view_as_complex(call: Call) -> Any:
    x = call["self"]
    return Complex(*(xp.take(x, constant(k), axis=-1) for k in (0, 1)))


@lowers_complex("_to_copy", "copy")
def _converted(call: Call) -> Any:
    """To another format, or to the real part; a narrower format rounds."""
    source = call.raw["src" if "src" in call.raw else "self"]
    x = call["src" if "src" in call.raw else "self"]
    target = call.results[0]
    if not target.is_complex():
        x = real_part(x)
        if not target.is_floating_point():
            raise NoLoweringError("to integers")  # noqa: EM101
    elif isinstance(x, Tensor):
        x = real(x)
    if (source.is_complex() or source.is_floating_point()) and _narrower(target, source):
        name = str(target.dtype.to_real()).removeprefix("torch.")
        x = each_part(lambda part: xp.astype(part, dtype=name), x)
    shape = tuple(target.shape)
    return x if x.shape == shape else each_part(lambda part: xp.broadcast_to(part, shape=shape), x)


def _narrower(target: Any, source: Any) -> bool:
    return bool(torch.finfo(target.dtype).eps > torch.finfo(source.dtype).eps)
