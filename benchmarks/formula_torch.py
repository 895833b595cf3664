"""Rules of ``torch.autograd.Function`` with a fault in the formula or a loss in the arithmetic."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch

from benchmarks.formula_rules import FACTORS, Generator, Inputs, Rule

BETTER_THAN_ERF = 1.1283
"""2/sqrt(pi) as somebody remembers it."""


def rule(forward: Callable[..., Any], backward: Callable[..., Any]) -> Callable[..., Any]:
    """A function with ``backward(cotangent, *inputs)``."""

    class Planted(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, *inputs: Any) -> Any:
            ctx.save_for_backward(*inputs)
            return forward(*inputs)

        @staticmethod
        def backward(ctx: Any, cotangent: Any) -> Any:
            return backward(cotangent, *ctx.saved_tensors)

    def planted(x: Any) -> Any:
        return Planted.apply(x)

    return planted


def rule_of_two(forward: Callable[..., Any], backward: Callable[..., Any]) -> Callable[..., Any]:
    """The same for functions of two tensors."""
    one = rule(forward, backward)
    cell = one.__closure__
    assert cell is not None
    planted = cell[0].cell_contents

    def two(x: Any, y: Any) -> Any:
        return planted.apply(x, y)

    return two


def normal(*shape: int, scale: float = 1.0, shift: float = 0.0, dtype: Any = torch.float64) -> Inputs:
    """One tensor of normal numbers."""
    return lambda g: (torch.tensor(shift + scale * g.standard_normal(shape)).to(dtype),)


def pair(scale: float = 1.0, near: float = 0.0) -> Inputs:
    """Two tensors; ``near`` is by how little the second differs from the first, if not at will."""

    def draw(g: Generator) -> tuple[Any, ...]:
        x = torch.tensor(scale * g.standard_normal(4))
        noise = torch.tensor(g.standard_normal(4))
        return (x, x * (1 + near * noise) if near else scale * noise)

    return draw


def sigmoid_slope(x: Any) -> Any:
    """The derivative of the sigmoid."""
    s = torch.sigmoid(x)
    return s * (1 - s)


def softmax_back(c: Any, x: Any) -> Any:
    """The pullback of softmax."""
    y = torch.softmax(x, -1)
    return y * (c - (c * y).sum(-1, keepdim=True))


def standardized(x: Any) -> Any:
    """Without mean, by the standard deviation."""
    d = x - x.mean(-1, keepdim=True)
    return d / d.square().mean(-1, keepdim=True).sqrt()


def standardized_back(c: Any, x: Any, variance: Any) -> Any:
    """The pullback of :func:`standardized`, given the variance."""
    s = variance.sqrt()
    y = (x - x.mean(-1, keepdim=True)) / s
    return (c - c.mean(-1, keepdim=True) - y * (c * y).mean(-1, keepdim=True)) / s


def two_pass(x: Any) -> Any:
    """The variance by its definition."""
    return (x - x.mean(-1, keepdim=True)).square().mean(-1, keepdim=True)


def one_pass(x: Any) -> Any:
    """The variance as the mean of squares less the square of the mean."""
    return x.square().mean(-1, keepdim=True) - x.mean(-1, keepdim=True).square()


def running_sum(x: Any) -> Any:
    """A sum that begins with what is largest and loses the rest."""
    total = x[0] * 0 + 2.0**40
    for k in range(x.shape[0]):
        total = total + x[k]
    return total - 2.0**40


SLOPES: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "sin": (torch.sin, torch.cos),
    "exp": (torch.exp, torch.exp),
    "tanh": (torch.tanh, lambda x: 1 - torch.tanh(x) ** 2),
    "sigmoid": (torch.sigmoid, sigmoid_slope),
    "swish": (lambda x: x * torch.sigmoid(x), lambda x: torch.sigmoid(x) + x * sigmoid_slope(x)),
    "erf": (torch.erf, lambda x: 2 / math.sqrt(math.pi) * torch.exp(-x * x)),
    "softplus": (torch.nn.functional.softplus, torch.sigmoid),
    "cube": (lambda x: x**3, lambda x: 3 * x**2),
}
"""Functions with their derivatives, rightly written."""


def _faults() -> dict[str, Rule]:
    found: dict[str, Rule] = {}
    for name, (function, slope) in SLOPES.items():
        for size in FACTORS:
            spoiled = rule(function, lambda c, x, s=slope, d=size: c * s(x) * (1 + d))
            found[f"{name} times 1 + {size:g}"] = Rule("fault", spoiled, normal(3))
        spoiled = rule(function, lambda c, x, s=slope: -c * s(x))
        found[f"{name} sign"] = Rule("fault", spoiled, normal(3))
        spoiled = rule(lambda x, f=function: f(2.5 * x), lambda c, x, s=slope: c * s(2.5 * x))
        found[f"{name} chain factor"] = Rule("fault", spoiled, normal(3))
    one: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
        "erf constant": (torch.erf, lambda c, x: BETTER_THAN_ERF * c * torch.exp(-x * x)),
        "erf constant of 9 digits": (torch.erf, lambda c, x: 1.12837917 * c * torch.exp(-x * x)),
        "log2 constant": (lambda x: torch.log2(x * x + 1), lambda c, x: c * 2 * x / (x * x + 1) / 0.6931),
        "swish dropped term": (SLOPES["swish"][0], lambda c, x: c * torch.sigmoid(x)),
        "softmax dropped term": (lambda x: torch.softmax(x, -1), lambda c, x: c * torch.softmax(x, -1)),
        "softmax sum over all": (
            lambda x: torch.softmax(x, -1),
            lambda c, x: torch.softmax(x, -1) * (c - (c * torch.softmax(x, -1)).mean()),
        ),
        "standardized unbiased": (
            standardized,
            lambda c, x: standardized_back(c, x, x.var(-1, keepdim=True)),
        ),
        "standardized epsilon": (standardized, lambda c, x: standardized_back(c, x, two_pass(x) + 1e-5)),
        "standardized dropped mean": (
            standardized,
            lambda c, x: standardized_back(c, x, two_pass(x)) + c.mean(-1, keepdim=True) * 1e-3,
        ),
        "norm without root": (lambda x: (x * x).sum().sqrt(), lambda c, x: c * x / (x * x).sum()),
        "float32 constant that is wrong": (
            torch.erf,
            lambda c, x: c * torch.tensor(BETTER_THAN_ERF).to(x.dtype) * torch.exp(-x * x),
        ),
        "wrong in float32 too": (torch.sin, lambda c, x: (c.float() * torch.cos(x.float()) * 1.001).double()),
    }
    found |= {n: Rule("fault", rule(f, b), normal(2, 5)) for n, (f, b) in one.items()}
    two = rule_of_two(lambda x, y: x * y + y, lambda c, x, y: (c * y, c * x))
    found["product dropped term"] = Rule("fault", two, pair())
    return found


def _losses() -> dict[str, Rule]:
    found: dict[str, Rule] = {}
    for name, (function, slope) in SLOPES.items():
        for dtype in (torch.float32, torch.bfloat16, torch.float16):
            spoiled = rule(function, lambda c, x, s=slope, d=dtype: (c * s(x)).to(d).to(x.dtype))
            found[f"{name} through {str(dtype)[6:]}"] = Rule("loss", spoiled, normal(3))
            spoiled = rule(function, lambda c, x, s=slope, d=dtype: c * s(x.to(d)).to(x.dtype))
            found[f"{name} slope in {str(dtype)[6:]}"] = Rule("loss", spoiled, normal(3))
    one: dict[str, tuple[Callable[..., Any], Callable[..., Any], Inputs]] = {
        "expm1 by exp": (
            lambda x: torch.expm1(x) ** 2,
            lambda c, x: c * 2 * (torch.exp(x) - 1) * torch.exp(x),
            normal(4, scale=1e-7),
        ),
        "tanh saturated": (torch.tanh, lambda c, x: c * (1 - torch.tanh(x) ** 2), normal(3, shift=12)),
        "sigmoid saturated": (
            torch.sigmoid,
            lambda c, x: c * torch.sigmoid(x) * (1 - torch.sigmoid(x)),
            normal(3, shift=22),
        ),
        "standardized one pass": (
            standardized,
            lambda c, x: standardized_back(c, x, one_pass(x)),
            normal(2, 5, shift=3e4),
        ),
        "cosine of a small number": (
            lambda x: x - torch.sin(x),
            lambda c, x: c * (1 - torch.cos(x)),
            normal(4, scale=1e-6),
        ),
        "added and taken away": (torch.sin, lambda c, x: c * (torch.cos(x) + 1e6 - 1e6), normal(4)),
        "logistic by exp": (
            torch.nn.functional.softplus,
            lambda c, x: c * (1 - 1 / (1 + torch.exp(x))),
            normal(4, shift=-20),
        ),
        "sum with a large start": (
            lambda x: x.sum() * x.sum(),
            lambda c, x: (2 * c * running_sum(x)).expand_as(x),
            normal(6),
        ),
        "float32 constant": (
            torch.erf,
            lambda c, x: c * torch.tensor(2 / math.sqrt(math.pi)).to(x.dtype) * torch.exp(-x * x),
            normal(4),
        ),
        "sum in bfloat16": (
            lambda x: x.sum() ** 2,
            lambda c, x: (2 * c * x.to(torch.bfloat16).sum().double()).expand_as(x),
            normal(6),
        ),
        "softmax in float32": (
            lambda x: torch.softmax(x, -1),
            lambda c, x: softmax_back(c.float(), x.float()).double(),
            normal(2, 4),
        ),
        "bfloat16 softmax within float32": (
            lambda x: torch.softmax(x, -1),
            lambda c, x: softmax_back(c.bfloat16(), x.bfloat16()).float(),
            normal(2, 4, dtype=torch.float32),
        ),
        "float32 cancellation": (
            torch.tanh,
            lambda c, x: c * (1 - torch.tanh(x) ** 2),
            normal(4, shift=6, dtype=torch.float32),
        ),
        "squares less squares": (
            lambda x: (x - 1) ** 2 * (x + 1) ** 2,
            lambda c, x: c * 4 * x * (x**2 - 1),
            normal(4, scale=1e-9, shift=1),
        ),
    }
    found |= {n: Rule("loss", rule(f, b), draw) for n, (f, b, draw) in one.items()}
    difference = rule_of_two(
        lambda x, y: (x - y) ** 2 * (x + y) ** 2,
        lambda c, x, y: (c * 4 * x * (x**2 - y**2), -c * 4 * y * (x**2 - y**2)),
    )
    found["difference of squares"] = Rule("loss", difference, pair(near=1e-9))
    return found


TORCH_RULES = {f"torch {name}": each for name, each in {**_faults(), **_losses()}.items()}
"""Every rule by name."""
