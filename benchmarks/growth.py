"""How the cost of a check grows with the number of elements: the second table of ``benchmarks.speed``."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch

from benchmarks.stages import forget_programs

Measure = Callable[[Callable[..., Any], Sequence[Any]], tuple[float, Any]]
"""Seconds of a check of a function at tensors, and what it found."""

SIZES = (100, 1_000, 10_000, 100_000)
"""Elements of all differentiated inputs together, about."""

PATIENCE = 60.0
"""Seconds that a run of gradcheck may take by the growth so far; beyond that it is skipped."""


def chain(x: Any) -> Any:
    """Elementwise operations one after the other."""
    return torch.tanh(torch.exp(-x * x) + torch.sin(x)) * x


def layer(x: Any, first: Any, second: Any) -> Any:
    """A small network with one hidden layer."""
    return torch.tanh(x @ first) @ second


def square(count: int) -> int:
    """The side of a square of about so many elements."""
    return max(1, round(math.sqrt(count)))


FUNCTIONS: dict[str, tuple[Callable[..., Any], Callable[[int], list[tuple[int, ...]]]]] = {
    "elementwise chain": (chain, lambda n: [(n,)]),
    "softmax, rows of 10": (lambda x: torch.softmax(x, -1), lambda n: [(n // 10, 10)]),
    "layer_norm, rows of 10": (
        lambda x: torch.nn.functional.layer_norm(x, (10,)),
        lambda n: [(n // 10, 10)],
    ),
    "matmul with 10 columns": (torch.matmul, lambda n: [(n // 10, 10), (10, 10)]),
    "network of 10 units": (layer, lambda n: [(n // 10, 10), (10, 10), (10, 10)]),
    "square matmul": (torch.matmul, lambda n: [(square(n // 2),) * 2] * 2),
}
"""Functions, and shapes of their inputs for so many elements. All but the square matmul compute in time
proportional to their elements; its products grow with the power 1.5."""


def print_growth(checked: Measure, gradchecked: Measure) -> None:
    """Print seconds of both tools for each function and size, and the power with which ours grow."""
    print("seconds by elements (gradcheck slow; - where it would take more than a minute)")
    print(f"{'':24}" + "".join(f"{n:>22,}" for n in SIZES) + "   power   tier")
    for name, (function, shapes) in FUNCTIONS.items():
        cells, ours, tiers = [], [], []
        theirs = 0.0
        checked(function, _tensors(shapes(SIZES[0])))
        for size in SIZES:
            tensors = _tensors(shapes(size))
            forget_programs()
            seconds, result = checked(function, tensors)
            ours.append(seconds)
            tiers.append("certified" if result.certified else "estimated")
            if theirs * (SIZES[1] / SIZES[0]) ** 2 <= PATIENCE:
                theirs, _ = gradchecked(function, tensors)
                cells.append(f"{seconds:10.3f} / {theirs:9.3f}")
            else:
                theirs = math.inf
                cells.append(f"{seconds:10.3f} / {'-':>9}")
        power = math.log(ours[-1] / ours[1]) / math.log(SIZES[-1] / SIZES[1])
        print(f"{name:24}" + "".join(f"{c:>22}" for c in cells) + f"   {power:5.2f}   {', '.join(tiers)}")


def _tensors(shapes: Sequence[tuple[int, ...]]) -> list[Any]:
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(s, generator=generator, dtype=torch.float64).requires_grad_() for s in shapes]
