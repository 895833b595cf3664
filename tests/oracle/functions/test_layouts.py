"""Right functions are green whatever the memory and the shape of their inputs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
import torch

import oracle
from tests.oracle.functions import torch_rules as rules


def strided() -> Any:
    """Every second element, with NaN between them."""
    memory = torch.full((6, 4), float("nan"), dtype=torch.float64)
    memory[::2, ::2] = rules.point(3, 2)
    return memory[::2, ::2]


LAYOUTS: dict[str, Callable[[], Any]] = {
    "contiguous": lambda: rules.point(3, 2),
    "transposed": lambda: rules.point(2, 3).mT,
    "strided": strided,
    "expanded": lambda: rules.point(1, 2).expand(3, 2),
    "expanded scalar": lambda: rules.point().expand(3, 2),
    "offset": lambda: rules.point(5, 2)[2:],
    "flipped": lambda: torch.as_strided(rules.point(6), (3, 2), (1, 3)),
    "channels last": lambda: rules.point(2, 3, 2, 2).to(memory_format=torch.channels_last),
    "0-d": lambda: rules.point(),
    "one element": lambda: rules.point(1, 1),
    "no elements": lambda: rules.point(0, 2),
    "no columns": lambda: rules.point(3, 0),
}

swish = rules.rule(
    lambda x: x * torch.sigmoid(x), lambda c, x: c * (torch.sigmoid(x) * (1 + x * torch.sigmoid(-x)))
)

FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "elementwise": lambda x: torch.sin(x) * x,
    "own rule": swish,
    "sum": lambda x: (x * x).sum(),
    "reshaped": lambda x: torch.tanh(x.reshape(-1)),
    "matmul": lambda x: torch.atleast_2d(x).flatten(1) @ torch.atleast_2d(x).flatten(1).mT,
    "result expanded": lambda x: torch.exp(x).unsqueeze(0).expand(2, *x.shape),
    "result transposed": lambda x: torch.exp(x).reshape(-1, 1).mT,
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("leaf", [False, True], ids=["plain", "requires grad"])
def test_torch(layout: str, function: str, leaf: bool) -> None:
    """Each layout with each function: nothing fails, and what has elements is certified."""
    x = LAYOUTS[layout]().detach().requires_grad_(leaf)
    kept = x.detach().clone()
    result = oracle.check(FUNCTIONS[function], x)
    assert not result.failures, result
    assert result.judged
    assert result.certified
    assert torch.equal(x, kept)


def test_torch_wrong_in_another_layout() -> None:
    """A rule that reads memory as if it were contiguous is wrong where it is not."""

    def backward(cotangent: Any, x: Any) -> Any:
        flat = torch.as_strided(x, (x.numel(),), (1,)).reshape(x.shape)
        return cotangent * torch.cos(flat)

    off = rules.rule(torch.sin, backward)
    assert oracle.check(off, rules.point(3, 2)).ok
    assert not oracle.check(off, rules.point(2, 3).mT).ok


@pytest.mark.parametrize("shape", [(), (1,), (1, 1), (0,), (3, 0), (2, 3)], ids=str)
@pytest.mark.parametrize(
    "function", [lambda x: jnp.sin(x) * x, lambda x: (x * x).sum(), lambda x: jnp.tanh(x.reshape(-1))]
)
def test_jax(shape: tuple[int, ...], function: Callable[[Any], Any]) -> None:
    """The same for shapes in JAX."""
    x = jnp.asarray(np.linspace(-1.5, 1.25, int(np.prod(shape))).reshape(shape), jnp.float32)
    result = oracle.check(function, x)
    assert not result.failures, result
    assert result.certified
