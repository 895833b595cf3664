"""ATen's matrix and vector products."""

from __future__ import annotations

from typing import Any

from oracle.lift.aten import Call, lowers
from reference_engine.trace import Tensor, xp


@lowers("mm", "bmm")
def _mm(call: Call) -> Any:
    return call["self"] @ call["mat2"]


@lowers("mv")
def _mv(call: Call) -> Any:
    return call["self"] @ call["vec"]


@lowers("dot")
def _dot(call: Call) -> Any:
    return xp.vecdot(call["self"], call["tensor"])


@lowers("vdot")
def _vdot(call: Call) -> Any:
    return xp.vecdot(call["self"], call["other"])


@lowers("ger")
def _ger(call: Call) -> Any:
    return xp.outer(call["self"], call["vec2"])


def _combined(call: Call, product: Tensor) -> Any:
    """The sum beta self + alpha product; self is not read where beta is 0."""
    beta, alpha = call.get("beta", 1), call.get("alpha", 1)
    scaled = product if alpha == 1 else product * alpha
    if beta == 0:
        return scaled
    return (call["self"] if beta == 1 else call["self"] * beta) + scaled


@lowers("addmm", "_addmm_activation")
def _addmm(call: Call) -> Any:
    return _combined(call, call["mat1"] @ call["mat2"])


@lowers("baddbmm")
def _baddbmm(call: Call) -> Any:
    return _combined(call, call["batch1"] @ call["batch2"])


@lowers("addbmm")
def _addbmm(call: Call) -> Any:
    return _combined(call, xp.sum(call["batch1"] @ call["batch2"], axis=0))


@lowers("addmv")
def _addmv(call: Call) -> Any:
    return _combined(call, call["mat"] @ call["vec"])


@lowers("addr")
def _addr(call: Call) -> Any:
    return _combined(call, xp.outer(call["vec1"], call["vec2"]))


@lowers("linalg_cross")
def _cross(call: Call) -> Any:
    first, second, shape = call["self"], call["other"], tuple(call.results[0].shape)
    first, second = (x if x.shape == shape else xp.broadcast_to(x, shape=shape) for x in (first, second))
    return xp.cross(first, second, axis=call["dim"])


@lowers("_trilinear")
def _trilinear(call: Call) -> Any:
    """The sum over ``sumdim`` of the product of three tensors with new axes where ``expand`` says."""
    parts = []
    for name, where in (("i1", "expand1"), ("i2", "expand2"), ("i3", "expand3")):
        part = call[name]
        for axis in call[where]:
            part = xp.expand_dims(part, axis=axis)
        parts.append(part)
    return xp.sum(parts[0] * parts[1] * parts[2], axis=tuple(call["sumdim"]))


@lowers("linear")
def _linear(call: Call) -> Any:
    return xp.linear(call["input"], call["weight"], call["bias"])
