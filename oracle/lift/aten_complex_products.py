"""ATen's products, reductions and norms of complex tensors."""

from __future__ import annotations

import functools
from typing import Any

import torch

from oracle.lift import complex_functions
from oracle.lift.aten import Call, axes, lookup
from oracle.lift.aten_parts import lowers_complex
from oracle.lift.complex_numbers import (
    Complex,
    Symbol,
    add,
    as_complex,
    bilinear,
    conj,
    each,
    factors,
    matmul,
    mul,
    norm_squared,
    product_over,
    stacked,
    sub,
)
from oracle.lift.complex_polar import absolute
from oracle.lift.torch_memory import flattened
from reference_engine.trace import Tensor, constant, xp


@lowers_complex("mm", "bmm")
def _mm(call: Call) -> Any:
    return matmul(call["self"], call["mat2"])


@lowers_complex("mv")
def _mv(call: Call) -> Any:
    return matmul(call["self"], call["vec"])


@lowers_complex("dot")
def _dot(call: Call) -> Any:
    return bilinear(xp.vecdot, call["self"], call["tensor"])


@lowers_complex("vdot")
def _vdot(call: Call) -> Any:
    return bilinear(xp.vecdot, conj(call["self"]), call["other"])


def _combined(call: Call, product: Symbol) -> Any:
    """The sum beta self + alpha product; self is not read where beta is 0."""
    beta, alpha = call.get("beta", 1), call.get("alpha", 1)
    scaled = product if alpha == 1 else mul(alpha, product)
    if beta == 0:
        return scaled
    return add(call["self"] if beta == 1 else mul(beta, call["self"]), scaled)


@lowers_complex("addmm")
def _addmm(call: Call) -> Any:
    return _combined(call, matmul(call["mat1"], call["mat2"]))


@lowers_complex("baddbmm")
def _baddbmm(call: Call) -> Any:
    return _combined(call, matmul(call["batch1"], call["batch2"]))


@lowers_complex("addbmm")
def _addbmm(call: Call) -> Any:
    return _combined(call, each(lambda x: xp.sum(x, axis=0), matmul(call["batch1"], call["batch2"])))


@lowers_complex("addmv")
def _addmv(call: Call) -> Any:
    return _combined(call, matmul(call["mat"], call["vec"]))


@lowers_complex("addr")
def _addr(call: Call) -> Any:
    return _combined(call, bilinear(xp.outer, call["vec1"], call["vec2"]))


@lowers_complex("linalg_cross")
def _cross(call: Call) -> Any:
    shape, axis = tuple(call.results[0].shape), call["dim"]

    def product(x: Tensor, y: Tensor) -> Tensor:
        x, y = (v if v.shape == shape else xp.broadcast_to(v, shape=shape) for v in (x, y))
        return xp.cross(x, y, axis=axis)  # type: ignore[no-any-return]

    return bilinear(product, call["self"], call["other"])


@lowers_complex("prod")
def _prod(call: Call) -> Any:
    z, dim = as_complex(call["self"]), call.get("dim")
    if dim is None:
        return product_over(each(flattened, z), 0)
    if not z.ndim:
        return z
    found = product_over(z, dim % z.ndim)
    return each(lambda x: xp.expand_dims(x, axis=dim % z.ndim), found) if call["keepdim"] else found


@lowers_complex("cumprod")
def _cumprod(call: Call) -> Any:
    z = as_complex(call["self"])
    return _accumulated(mul, z, call["dim"])


@lowers_complex("logcumsumexp")
def _logcumsumexp(call: Call) -> Any:
    return _accumulated(complex_functions.logaddexp, as_complex(call["self"]), call["dim"])


def _accumulated(step: Any, z: Complex, dim: int) -> Complex:
    if not z.size or not z.ndim:
        return z
    running: list[Complex] = []
    for part in factors(z, dim % z.ndim):
        running.append(step(running[-1], part) if running else part)
    return stacked(running, dim % z.ndim)


@lowers_complex("logsumexp")
def _logsumexp(call: Call) -> Any:
    """The logarithm of the sum of exponentials, less the largest real part."""
    z, keep = as_complex(call["self"]), bool(call["keepdim"])
    axis = axes(call["dim"], z.ndim)
    most = xp.max(xp.stop_gradient(z.re), axis=axis, keepdims=True)
    total = each(lambda x: xp.sum(x, axis=axis, keepdims=True), complex_functions.exp(sub(z, most)))
    found = add(complex_functions.log(total), most)
    return found if keep else each(lambda x: xp.reshape(x, shape=tuple(call.results[0].shape)), found)


def _spread(call: Call) -> Tensor:
    """The variance: the mean of |z - mean|^2 with the correction, as a real number."""
    z = as_complex(call["self"])
    axis, keep = axes(call.get("dim"), z.ndim), bool(call.get("keepdim", False))
    apart = sub(z, each(lambda x: xp.mean(x, axis=axis, keepdims=True), z))
    total = xp.sum(norm_squared(apart), axis=axis, keepdims=keep)
    count = functools.reduce(int.__mul__, [z.shape[a] for a in axis or range(z.ndim)], 1)
    given = call["unbiased"] if "unbiased" in call.raw else call.get("correction")
    correction = 1 if given is None else float(given)
    return total / max(count - correction, 0)  # type: ignore[no-any-return]


@lowers_complex("var")
def _var(call: Call) -> Any:
    return _spread(call)


@lowers_complex("std")
def _std(call: Call) -> Any:
    return xp.sqrt(_spread(call))


@lowers_complex("var_mean", "std_mean")
def _spread_and_mean(call: Call) -> Any:
    z = as_complex(call["self"])
    axis, keep = axes(call.get("dim"), z.ndim), bool(call.get("keepdim", False))
    spread = _spread(call)
    root = "std" in str(call.func)
    return [xp.sqrt(spread) if root else spread, each(lambda x: xp.mean(x, axis=axis, keepdims=keep), z)]


@lowers_complex("linalg_vector_norm")
def _norm(call: Call) -> Any:
    """Norms of the sizes; the Euclidean one of all parts, which is smooth where one number is 0."""
    z = as_complex(call["self"])
    order = call.get("ord", call.get("p"))
    if order is not None and float(order) != 2:
        return _of_sizes(call)
    axis, keep = axes(call.get("dim"), z.ndim), bool(call.get("keepdim", False))
    both = tuple(a + 1 for a in (range(z.ndim) if axis is None else axis))
    found = xp.norm(xp.stack([z.re, z.im], axis=0), ord=2, axis=(0, *both))
    return xp.reshape(found, shape=tuple(call.results[0].shape)) if keep else found


def _of_sizes(call: Call) -> Any:
    """The real lowering of the absolute values."""
    raw = call.raw["self"].abs()
    common = lookup(call.func)
    assert common is not None
    return common(
        Call(call.func, {**call.raw, "self": raw}, call.result, lambda _: absolute(as_complex(call["self"])))
    )


@lowers_complex("renorm")
def _renorm(call: Call) -> Any:
    """Slices along ``dim`` whose norm is above ``maxnorm`` are scaled down to it (by norm + 1e-7)."""
    z = as_complex(call["self"])
    dim, limit = call["dim"] % z.ndim, call["maxnorm"]
    others = tuple(a for a in range(z.ndim) if a != dim)
    size = xp.norm(absolute(z), ord=float(call["p"]), axis=others, keepdims=True)
    factor = xp.where(size > limit, limit / (size + constant("1e-7")), 1)
    return mul(factor, z)


@lowers_complex("dist")
def _dist(call: Call) -> Any:
    apart = sub(as_complex(call["self"]), as_complex(call["other"]))
    order = float(call["p"])
    if order == 2:
        return xp.norm(xp.stack([apart.re, apart.im], axis=0), ord=2)
    whole = {float("inf"): "inf", float("-inf"): "-inf"}.get(order, order)
    return xp.norm(absolute(apart), ord=whole)


@lowers_complex("convolution")
def _convolution(call: Call) -> Any:
    """Bilinear in input and weight, by the real lowering."""
    common = lookup(torch.ops.aten.convolution.default)
    assert common is not None
    bias = call["bias"]

    def product(x: Tensor, weight: Tensor) -> Tensor:
        symbols = {"input": x, "weight": weight}
        raw = {**call.raw, "bias": None, **{n: call.raw[n].abs() for n in symbols}}
        names = {id(raw[n]): s for n, s in symbols.items()}
        return common(Call(call.func, raw, call.result, lambda t: names[id(t)]))  # type: ignore[no-any-return]

    found = bilinear(product, call["input"], call["weight"])
    if bias is None:
        return found
    shape = (-1, *(1,) * (found.ndim - 2))
    turned = each(lambda x: xp.reshape(x, shape=shape), as_complex(bias))
    return add(found, turned)
