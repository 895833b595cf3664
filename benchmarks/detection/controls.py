"""What is right and hard to recognize as right: no tool should find fault with these."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.detection.samples import SAMPLES, repeats

DTYPES = ("float64", "float32", "bfloat16")

Draw = Callable[[np.random.Generator], list[Any]]


@dataclass(frozen=True)
class Control:
    """A function of the inputs in a space of names, right as it stands.

    ``space`` is empty where it runs in all of them. ``prepared`` turns tensors into those that are given.
    ``known`` names the framework whose own derivative of it is poor, as ``docs/findings.md`` says: what ours
    says there is a finding and no false alarm.
    """

    name: str
    function: Callable[..., Any]
    draw: Draw
    space: str = ""
    prepared: Callable[..., Any] = lambda xs: xs
    known: str = ""


def normal(*shapes: tuple[int, ...], scale: float = 1.0, shift: float = 0.0) -> Draw:
    """Normal numbers, for inputs of these shapes."""
    return lambda g: [shift + scale * g.normal(size=s) for s in shapes]


def _tied(g: np.random.Generator) -> list[Any]:
    return [np.round(g.uniform(0, 4, size=(6, 10)))]


def _some_zero(g: np.random.Generator, shape: tuple[int, ...] = (200,)) -> list[Any]:
    x = g.normal(size=shape)
    x.ravel()[::20] = 0.0
    return [x]


def _both_tied(g: np.random.Generator) -> list[Any]:
    x, y = g.normal(size=(2, 200))
    y[::20] = x[::20]
    return [x, y]


def _recurrence(m: Any, x: Any) -> Any:
    for _ in range(20):
        x = m.sin(1.7 * x) + 0.1 * x
    return x


def _right_rule(name: str, m: Any, *xs: Any) -> Any:
    f = partial(SAMPLES[name].function, m)
    return m.with_pullback(f, lambda given, c: m.pull(f, given, c))(*xs)


def _guarded(m: Any, x: Any) -> Any:
    positive = x > 0
    return m.where(positive, m.sqrt(m.where(positive, x, 1 + 0 * x)), 0 * x)


def _written_out(m: Any, x: Any) -> Any:
    largest = m.stop(m.max(x))
    return m.log(m.sum(m.exp(x - largest[:, None]), -1)) + largest


def _norm(m: Any, x: Any) -> Any:
    return m.sqrt(m.sum(x * x, -1))


def _near_equal(g: np.random.Generator) -> list[npt.NDArray[Any]]:
    return [1000 + 0.01 * g.normal(size=(20, 10))]


GENERAL: tuple[Control, ...] = (
    Control("logsumexp at a large shift, written out", _written_out, normal((20, 10), shift=1000.0)),
    Control(
        "logsumexp at a large shift",
        lambda m, x: m.logsumexp(x),
        normal((20, 10), shift=1000.0),
        known="torch",
    ),
    Control("softmax saturated", lambda m, x: m.softmax(x), normal((20, 10), scale=40.0)),
    Control("logarithm of 1 + small", lambda m, x: m.log1p(x), normal((200,), scale=1e-12)),
    Control("exponential of small - 1", lambda m, x: m.expm1(x), normal((200,), scale=1e-12)),
    Control("variance of near-equals", SAMPLES["variance"].function, _near_equal),
    Control("sum that cancels", lambda m, x, y: (1e6 * x + y) - 1e6 * x, normal((200,), (200,))),
    Control("difference of squares", lambda m, x: (x + 1e-3) ** 2 - x**2, normal((200,), scale=100.0)),
    Control("relu at 0", lambda m, x: m.maximum(x, m.zeros_like(x)), _some_zero),
    Control("absolute value at 0", lambda m, x: m.abs(x), _some_zero),
    Control("maximum of tied rows", lambda m, x: m.max(x), _tied),
    Control("maximum of tied pairs", lambda m, x, y: m.maximum(x, y), _both_tied),
    Control("square root near 0", lambda m, x: m.sqrt(x), lambda g: [g.uniform(1e-30, 1e-25, size=200)]),
    Control("square root behind a guard", _guarded, normal((200,))),
    Control("product with zeros", lambda m, x: m.prod(x), partial(_some_zero, shape=(20, 10))),
    Control("sum of 10,000", lambda m, x: m.sum(m.sin(x) * x), normal((10_000,))),
    Control("inner product of 10,000", lambda m, x, y: m.sum(x * y), normal((10_000,), (10_000,))),
    Control("matrix product over 1,024", lambda m, a, b: a @ b, normal((2, 1024), (1024, 2))),
    Control("layer norm", lambda m, x: m.layer_norm(x), normal((20, 10), scale=10.0)),
    Control("gelu in its tails", SAMPLES["gelu"].function, lambda g: [g.uniform(-9, 9, size=200)]),
    Control("tanh in its tails", lambda m, x: m.tanh(x), normal((200,), scale=8.0)),
    Control("sigmoid in its tails", lambda m, x: m.sigmoid(x), normal((200,), scale=20.0)),
    Control("norm of tiny rows", _norm, normal((20, 10), scale=1e-12)),
    Control("sine recurrence of 20", _recurrence, normal((200,))),
    Control("running sum", SAMPLES["running sum"].function, normal((200,))),
    Control("sort", SAMPLES["sort"].function, normal((200,))),
    Control("gather with repeats", lambda m, x: m.take(m.sin(x), repeats(200)), normal((200,))),
    Control("scatter with repeats", SAMPLES["scatter"].function, normal((200,))),
    Control("convolution", SAMPLES["convolution"].function, normal((200,), (3,))),
    *(
        Control(f"right rule of {name}", partial(_right_rule, name), normal((20, 10)))
        for name in ("swish", "softmax", "logsumexp", "layer norm", "maximum")
    ),
)
"""Controls that run in torch, JAX and HIPS autograd."""


def draw(control: Control, seed: int) -> list[Any]:
    """The inputs, the same in every space."""
    return control.draw(np.random.default_rng([seed, *control.name.encode()]))
