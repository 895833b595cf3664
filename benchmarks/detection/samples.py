"""Functions of a dozen families in which faults are planted, written once for torch, JAX and HIPS autograd.

``m`` is the space of names (``torch_space``, ``jax_space``, ``hips_space``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Draw = Callable[[np.random.Generator, int], list[Array]]

ROW = 10
"""Elements of a row of a sample that has rows."""


@dataclass(frozen=True)
class Sample:
    """A function and its inputs for about ``n`` elements in the first of them.

    ``dropped`` is the function with one of its paths cut: a rule that forgets that path has its gradient.
    ``largest`` is the largest ``n`` that is asked.
    """

    name: str
    function: Callable[..., Any]
    draw: Draw
    dropped: Callable[..., Any] | None = None
    largest: int = 1000


def _flat(generator: np.random.Generator, n: int) -> list[Array]:
    return [generator.normal(size=n)]


def _rows(generator: np.random.Generator, n: int, row: int = ROW) -> list[Array]:
    return [generator.normal(size=(max(n // row, 1), row))]


def _swish(m: Any, x: Any) -> Any:
    return x * m.sigmoid(x)


def _gelu(m: Any, x: Any) -> Any:
    return 0.5 * x * (1 + m.erf(x / 2**0.5))


def _mean_square(m: Any, x: Any) -> Any:
    return m.sum(m.sin(x) * x)


def _softmax_cut(m: Any, x: Any) -> Any:
    e = m.exp(x)
    return e / m.stop(m.sum(e, -1, keepdims=True))


def _norm_cut(m: Any, x: Any) -> Any:
    away = x - m.mean(x, -1, keepdims=True)
    return away / m.stop(m.sqrt(m.mean(away * away, -1, keepdims=True) + 1e-5))


def _variance(m: Any, x: Any) -> Any:
    away = x - m.mean(x, -1, keepdims=True)
    return m.mean(away * away, -1)


def _bias(m: Any, x: Any, b: Any) -> Any:
    return m.tanh(x) * b


def repeats(n: int) -> npt.NDArray[np.int64]:
    """Element numbers below ``n``, some of them several times, some never."""
    return np.random.default_rng(n).integers(0, n, size=n)


def _scatter(m: Any, x: Any) -> Any:
    half = max(x.shape[0] // 2, 1)
    return m.sin(m.add_at(half, repeats(x.shape[0]) % half, x))


SAMPLES: Mapping[str, Sample] = {
    s.name: s
    for s in (
        Sample("swish", _swish, _flat, lambda m, x: x * m.stop(m.sigmoid(x)), 10_000),
        Sample("gelu", _gelu, _flat, lambda m, x: 0.5 * x * m.stop(1 + m.erf(x / 2**0.5))),
        Sample("sum", _mean_square, _flat, lambda m, x: m.sum(m.sin(x) * m.stop(x)), 10_000),
        Sample("softmax", lambda m, x: m.softmax(x), _rows, _softmax_cut, 10_000),
        Sample("logsumexp", lambda m, x: m.logsumexp(x), _rows),
        Sample("layer norm", lambda m, x: m.layer_norm(x), _rows, _norm_cut),
        Sample("variance", _variance, _rows, None),
        Sample("matmul", lambda m, a, b: a @ b, lambda g, n: [*_rows(g, n, 5), g.normal(size=(5, 3))]),
        Sample(
            "convolution", lambda m, x, w: m.convolve(x, w), lambda g, n: [*_flat(g, n), g.normal(size=3)]
        ),
        Sample("product", lambda m, x: m.prod(x), partial(_rows, row=5)),
        Sample("running sum", lambda m, x: m.cumsum(m.sin(x)), _flat, None, 100),
        Sample("sort", lambda m, x: m.sort(x) ** 2, _flat),
        Sample("maximum", lambda m, x: m.max(x), _rows),
        Sample("gather", lambda m, x: m.take(m.sin(x), repeats(x.shape[0])), _flat, None, 10_000),
        Sample("scatter", _scatter, _flat),
        Sample("broadcast", _bias, lambda g, n: [*_rows(g, n, 5), g.normal(size=5)]),
    )
}
