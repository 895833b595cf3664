"""How small an error ours can see: the power at well-conditioned elements, reductions up to 10,000."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

import oracle
from benchmarks.detection import torch_space
from benchmarks.detection.faults import SMALLEST
from benchmarks.detection.ours import watching
from reference_engine.differentiate import GRADIENT

WELL = 10.0
"""Condition up to which an element is well-conditioned: inputs and cotangents that are off by a relative
error move it by at most ten times that."""

MARGIN = 3.0
"""A fault must be found where it is so many times the power."""

MOST = 24
"""Elements of an argument whose condition is computed: each takes a backward pass."""

REDUCED = (10, 100, 1000, 10_000)


@dataclass(frozen=True)
class Reach:
    """Of ``well`` well-conditioned elements, ``visible`` have a power below a third of the smallest fault."""

    function: str
    terms: int
    dtype: str
    well: int
    visible: int
    median: float


FUNCTIONS: dict[str, tuple[Callable[..., Any], Callable[[int], list[tuple[int, ...]]]]] = {
    "sum over a broadcast axis": (lambda x, b: x * b, lambda k: [(k, 3), (3,)]),
    "matrix product": (lambda a, b: a @ b, lambda k: [(3, k), (k, 2)]),
    "weight of a linear layer": (lambda x, w: torch.sin(x) @ w, lambda k: [(k, 3), (3, 2)]),
    "softmax": (lambda x: torch.softmax(x, -1), lambda k: [(1, k)]),
    "logsumexp": (lambda x: torch.logsumexp(x, -1), lambda k: [(1, k)]),
    "layer norm": (torch_space.layer_norm, lambda k: [(1, k)]),
    "mean of squares": (lambda x: (x * x).mean(), lambda k: [(k,)]),
}


def conditions(f: Callable[..., Any], inputs: Sequence[Any], c: Any, chosen: Sequence[Any]) -> list[Any]:
    """Of chosen elements of each gradient: sum of |dG/dz z| over all inputs and cotangents z, over |G|.

    ``inputs`` and ``c`` are float64.
    """
    leaves = [x.detach().requires_grad_() for x in (*inputs, c)]
    result = f(*leaves[:-1])
    gradients = torch.autograd.grad(result, leaves[:-1], leaves[-1].expand_as(result), create_graph=True)
    found = []
    for gradient, indices in zip(gradients, chosen, strict=True):
        flat, own = gradient.reshape(-1), []
        for index in indices:
            slopes = torch.autograd.grad(flat[index], leaves, retain_graph=True, allow_unused=True)
            moved = sum(
                float((s * z).abs().sum()) for s, z in zip(slopes, leaves, strict=True) if s is not None
            )
            own.append(moved / max(abs(float(flat[index])), 1e-300))
        found.append(np.array(own))
    return found


def measure(name: str, terms: int, dtype: str, *, positive: bool) -> Reach:
    """The reach in one function, with a cotangent of one sign or of both."""
    function, shapes = FUNCTIONS[name]
    generator = np.random.default_rng(terms)
    drawn = [generator.uniform(0.5, 1.5, s) if positive else generator.normal(size=s) for s in shapes(terms)]
    inputs = [torch_space.array(x, dtype) for x in drawn]
    shape = tuple(function(*inputs).shape)
    signs = 1.0 if positive else generator.choice([-1.0, 1.0], size=shape)
    c = torch_space.array(signs * generator.uniform(0.5, 1.0, size=shape), dtype)
    with watching() as seen:
        oracle.check(function, *inputs, cotangent=c, routes=["torch.autograd"])
    parts = [s for s in seen if s.name.startswith(GRADIENT)]
    chosen = [generator.permutation(p.power.size)[:MOST] for p in parts]
    exact = [x.to(torch.float64) for x in inputs]
    well: list[float] = []
    for part, indices, own in zip(
        parts, chosen, conditions(function, exact, c.to(torch.float64), chosen), strict=True
    ):
        well += list(part.power.ravel()[indices][own <= WELL])
    visible = sum(p < SMALLEST[dtype] / MARGIN for p in well)
    return Reach(name, terms, dtype, len(well), visible, float(np.median(well)) if well else np.nan)


def reaches(*, quick: bool) -> Iterator[Reach]:
    """The reach of every function, number of terms and dtype."""
    for dtype in SMALLEST:
        for name in FUNCTIONS:
            for terms in REDUCED[1:2] if quick else REDUCED:
                both = [measure(name, terms, dtype, positive=p) for p in (False, True)]
                well, visible = (sum(getattr(r, k) for r in both) for k in ("well", "visible"))
                medians = [r.median for r in both if r.well]
                yield Reach(name, terms, dtype, well, visible, max(medians, default=np.nan))
