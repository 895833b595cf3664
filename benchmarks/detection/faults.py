"""What is planted: every kind of fault, with its sizes and with what it must be called."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.detection.samples import SAMPLES, Sample, repeats

WRONG = frozenset({"wrong"})
FACTORS: Mapping[str, tuple[float, ...]] = {
    "float64": (1.0, 1e-2, 1e-4, 1e-6, 1e-8, 1e-9, 1e-10, 1e-12),
    "float32": (1.0, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6),
}
"""Relative sizes of a fault, by dtype."""

SMALLEST: Mapping[str, float] = {"float64": 1e-9, "float32": 1e-4}
"""Relative sizes from which a fault has to be found where the power allows."""

COUNTS = (10, 100, 1000, 10_000)
"""Elements among which one is wrong."""

USUAL = 100
"""Elements of all other faults."""

HIDDEN = 5.0
"""Beyond this an activation counts as saturated."""

Change = Callable[["Planted", Any, Sequence[Any], Any], Sequence[Any]]
"""The faulty gradients: of the fault, the space of names, the inputs and the cotangent."""


@dataclass(frozen=True)
class Planted:
    """One fault in one sample, in one dtype, with ``n`` elements.

    ``size`` is the relative size where the kind has sizes, ``index`` the flat index of the one element of the
    first gradient that is wrong. ``mode`` is what is planted: a ``pullback``, a ``pushforward``, a ``buffer``
    that the backward changes, or ``nothing``, where the function itself is at fault. ``order`` 2: the fault
    is in the second derivative. ``verdicts`` are right ones.
    """

    kind: str
    sample: str
    dtype: str
    n: int = USUAL
    size: float | None = None
    index: int | None = None
    variant: str = ""
    mode: str = "pullback"
    order: int = 1
    verdicts: frozenset[str] = WRONG
    spaces: tuple[str, ...] = ("torch", "jax", "hips")

    @property
    def name(self) -> str:
        """All that tells it from others."""
        size = "" if self.size is None else f" by {self.size:g}"
        variant = f" ({self.variant})" if self.variant else ""
        return f"{self.kind}{variant}{size} in {self.sample}, {self.dtype}, {self.n} elements"


def function_of(fault: Planted, m: Any) -> Callable[..., Any]:
    """The right function, in the space ``m``."""
    sample = SAMPLES.get(fault.sample) or SPECIAL[fault.sample]
    return lambda *xs: sample.function(m, *xs)


def inputs_of(fault: Planted) -> list[Any]:
    """Inputs in float64, the same in every space."""
    sample = SAMPLES.get(fault.sample) or SPECIAL[fault.sample]
    seed = [fault.n, *fault.sample.encode()]
    return sample.draw(np.random.default_rng(seed), fault.n)


def plant(fault: Planted, m: Any) -> Callable[..., Any]:
    """The function with the fault in its derivative, in the space ``m``."""
    f = function_of(fault, m)
    match fault.mode:
        case "nothing":
            return f
        case "buffer":
            return m.with_buffer(f)
        case "pushforward":
            size = fault.size
            assert size is not None
            return m.with_pushforward(f, lambda xs, ts: (1 + size) * m.push(f, xs, ts))
        case _:
            return m.with_pullback(f, lambda xs, c: changed(fault, m, xs, c))


def changed(fault: Planted, m: Any, xs: Sequence[Any], c: Any) -> Sequence[Any]:
    """The gradients as the faulty rule gives them."""
    return CHANGES[fault.kind](fault, m, xs, c)


def _good(fault: Planted, m: Any, xs: Sequence[Any], c: Any) -> list[Any]:
    return list(m.pull(function_of(fault, m), xs, c))


def _factor(fault: Planted, m: Any, xs: Sequence[Any], c: Any) -> list[Any]:
    assert fault.size is not None
    return [(1 + fault.size) * g for g in _good(fault, m, xs, c)]


def _one_element(fault: Planted, m: Any, xs: Sequence[Any], c: Any) -> list[Any]:
    assert fault.size is not None
    first, *others = _good(fault, m, xs, c)
    factors = np.ones(first.shape)
    factors.ravel()[fault.index] += fault.size
    return [first * m.like(factors, first), *others]


def _sign(fault: Planted, m: Any, xs: Sequence[Any], c: Any) -> list[Any]:
    return [-g for g in _good(fault, m, xs, c)]


def _shifted(fault: Planted, m: Any, xs: Sequence[Any], c: Any) -> list[Any]:
    return [m.roll(g) for g in _good(fault, m, xs, c)]


def _dropped(fault: Planted, m: Any, xs: Sequence[Any], c: Any) -> list[Any]:
    cut = SAMPLES[fault.sample].dropped
    assert cut is not None
    return list(m.pull(lambda *given: cut(m, *given), xs, c))


def _broadcast(fault: Planted, m: Any, xs: Sequence[Any], c: Any) -> list[Any]:
    x, b = xs
    terms = c * m.tanh(x)
    match fault.variant:
        case "mean instead of sum":
            gradient = m.mean(terms, 0)
        case "first row":
            gradient = terms[0]
        case _:
            gradient = m.sum(terms, 1)[: b.shape[0]]
    return [_good(fault, m, xs, c)[0], gradient]


def _repeats(fault: Planted, m: Any, xs: Sequence[Any], c: Any) -> list[Any]:
    (x,) = xs
    return [m.put(x.shape[0], repeats(x.shape[0]), c) * m.pull(m.sin, (x,), m.ones_like(x))[0]]


def _cotangent_ignored(fault: Planted, m: Any, xs: Sequence[Any], c: Any) -> list[Any]:
    return _good(fault, m, xs, m.ones_like(c))


def _cotangent_changed(fault: Planted, m: Any, xs: Sequence[Any], c: Any) -> list[Any]:
    found = _good(fault, m, xs, c.clone())
    c.mul_(2.0)
    return found


def _approximate(fault: Planted, m: Any, xs: Sequence[Any], c: Any) -> list[Any]:
    other = APPROXIMATIONS[fault.variant]
    return list(m.pull(lambda *given: other(m, *given), xs, c))


def _erf_1_26(m: Any, x: Any) -> Any:
    """Abramowitz and Stegun 7.1.26, off by 1.5e-7."""
    t = 1 / (1 + 0.3275911 * m.abs(x))
    parts = (0.254829592, -0.284496736, 1.421413741, -1.453152027, 1.061405429)
    total = 0.0
    for part in reversed(parts):
        total = (total + part) * t
    return m.where(x < 0, -1.0, 1.0) * (1 - total * m.exp(-x * x))


def _sigmoid_by_tanh(m: Any, x: Any) -> Any:
    """A rational tanh, good to 2e-2 up to 3."""
    h = x / 2
    return x * 0.5 * (1 + h * (27 + h * h) / (27 + 9 * h * h))


def _power_softmax(m: Any, x: Any) -> Any:
    e = (1 + x / 1024) ** 1024
    return e / m.sum(e, -1, keepdims=True)


APPROXIMATIONS: Mapping[str, Callable[..., Any]] = {
    "gelu by tanh": lambda m, x: 0.5 * x * (1 + m.tanh((2 / np.pi) ** 0.5 * (x + 0.044715 * x * x * x))),
    "erf to 1.5e-7": lambda m, x: 0.5 * x * (1 + _erf_1_26(m, x / 2**0.5)),
    "rational tanh": _sigmoid_by_tanh,
    "exp as a power": _power_softmax,
}


def _lower(fault: Planted, m: Any, xs: Sequence[Any], c: Any) -> list[Any]:
    found = m.pull(function_of(fault, m), [m.lowered(x) for x in xs], m.lowered(c))
    return [m.same(g, x) for g, x in zip(found, xs, strict=True)]


def _clipped(fault: Planted, m: Any, xs: Sequence[Any], c: Any) -> list[Any]:
    return [m.clip(g, 0.5) for g in _good(fault, m, xs, c)]


def _saturated(fault: Planted, m: Any, xs: Sequence[Any], c: Any) -> list[Any]:
    (x,) = xs
    (g,) = _good(fault, m, xs, c)
    return [m.where(m.abs(x) > HIDDEN, m.zeros_like(g), g)]


def _ties(fault: Planted, m: Any, xs: Sequence[Any], c: Any) -> list[Any]:
    if fault.sample == "tied rows":
        (x,) = xs
        return [m.where(x == m.stop(m.max(x))[:, None], c[:, None] + m.zeros_like(x), m.zeros_like(x))]
    if fault.sample == "tied pairs":
        x, y = xs
        return [m.where(x >= y, c, m.zeros_like(c)), m.where(y >= x, c, m.zeros_like(c))]
    (x,) = xs
    return [m.where(x > 0, c, m.where(x == 0, 2 * c, m.zeros_like(c)))]


def _batch(fault: Planted, m: Any, xs: Sequence[Any], c: Any) -> list[Any]:
    if c.shape[0] == 1:
        return _good(fault, m, xs, c)
    first = np.zeros(c.shape)
    first[0] = 1
    return [_good(fault, m, xs, c)[0], *_good(fault, m, xs, c * m.like(first, c))[1:]]


def _strided(fault: Planted, m: Any, xs: Sequence[Any], c: Any) -> list[Any]:
    (x,) = xs
    (g,) = _good(fault, m, xs, c)
    return [g if x.is_contiguous() else g.t().reshape(g.shape)]


def _second(fault: Planted, m: Any, xs: Sequence[Any], c: Any) -> list[Any]:
    return _good(fault, m, [m.stop(x) for x in xs], c)


CHANGES: Mapping[str, Change] = {
    "factor 1 + d": _factor,
    "one element": _one_element,
    "sign": _sign,
    "sign of one element": _one_element,
    "shifted by one": _shifted,
    "dropped path": _dropped,
    "wrong broadcast sum": _broadcast,
    "repeated indices": _repeats,
    "cotangent ignored": _cotangent_ignored,
    "cotangent mutated": _cotangent_changed,
    "approximation": _approximate,
    "lower precision inside": _lower,
    "clamped": _clipped,
    "in saturation": _saturated,
    "at ties": _ties,
    "batch > 1": _batch,
    "non-contiguous input": _strided,
    "second derivative": _second,
}


def _saturating(generator: np.random.Generator, n: int) -> list[Any]:
    x = generator.normal(size=n)
    x[::10] = np.sign(x[::10]) * generator.uniform(6, 8, size=x[::10].shape)
    return [x]


def _mixed(generator: np.random.Generator, n: int) -> list[Any]:
    x = generator.normal(size=n)
    x[0] = -1.0
    return [x]


def _at_zero(generator: np.random.Generator, n: int) -> list[Any]:
    x = generator.normal(size=n)
    x[n // 2] = 0.0
    return [x]


def _tied_rows(generator: np.random.Generator, n: int) -> list[Any]:
    return [np.round(generator.uniform(0, 4, size=(max(n // 10, 1), 10)))]


def _tied_pairs(generator: np.random.Generator, n: int) -> list[Any]:
    x, y = generator.normal(size=(2, n))
    y[::3] = x[::3]
    return [x, y]


SPECIAL: Mapping[str, Sample] = {
    s.name: s
    for s in (
        Sample("saturated swish", SAMPLES["swish"].function, _saturating),
        Sample("saturated gelu", SAMPLES["gelu"].function, _saturating),
        Sample("saturated tanh", lambda m, x: m.tanh(x), _saturating),
        Sample("tied rows", lambda m, x: m.max(x), _tied_rows),
        Sample("tied pairs", lambda m, x, y: m.maximum(x, y), _tied_pairs),
        Sample("relu", lambda m, x: m.maximum(x, m.zeros_like(x)), _at_zero),
        Sample("square root guarded", lambda m, x: m.where(x > 0, m.sqrt(x), 0 * x), _mixed),
        Sample("logarithm guarded", lambda m, x: m.where(x > 1, m.log(x), 0 * x), _at_zero),
        Sample("sinc guarded", lambda m, x: m.where(x == 0, 1 + 0 * x, m.sin(x) / x), _at_zero),
        Sample("softmax transposed", lambda m, x: m.softmax(x), lambda g, n: [g.normal(size=(10, 10))]),
        Sample("swish transposed", SAMPLES["swish"].function, lambda g, n: [g.normal(size=(10, 10))]),
    )
}
"""Samples at the points that some kinds of fault need."""

TRANSPOSED = frozenset({"softmax transposed", "swish transposed"})
"""Samples whose first input is given transposed, so that it is not contiguous."""

STRUCTURAL: Mapping[str, tuple[str, ...]] = {
    "sign": tuple(SAMPLES),
    "shifted by one": tuple(SAMPLES),
    "dropped path": tuple(n for n, s in SAMPLES.items() if s.dropped),
    "repeated indices": ("gather",),
    "cotangent ignored": tuple(SAMPLES),
    "lower precision inside": (
        "swish",
        "gelu",
        "sum",
        "softmax",
        "logsumexp",
        "matmul",
        "product",
        "broadcast",
    ),
    "clamped": ("swish", "sum", "matmul", "convolution", "broadcast", "sort"),
    "in saturation": ("saturated swish", "saturated gelu", "saturated tanh"),
    "at ties": ("tied rows", "tied pairs", "relu"),
    "batch > 1": ("matmul", "broadcast"),
}
"""Kinds without a size or a variant, and the samples that they are planted in."""

TORCH = ("torch",)


def faults() -> Iterator[Planted]:
    """All of them; ``index`` is filled in where the gradient is known."""
    for dtype, sizes in FACTORS.items():
        for name in SAMPLES:
            for size in sizes:
                yield Planted("factor 1 + d", name, dtype, size=size)
        yield from _single(dtype)
        for kind, names in STRUCTURAL.items():
            lower = kind == "lower precision inside"
            verdicts = frozenset({"wrong", "imprecise"}) if lower else WRONG
            if kind == "cotangent ignored":
                verdicts = frozenset({"wrong", "contract"})
            for name in names:
                yield Planted(kind, name, dtype, verdicts=verdicts)
        for variant in ("mean instead of sum", "first row", "wrong axis"):
            n = 25 if variant == "wrong axis" else USUAL
            yield Planted("wrong broadcast sum", "broadcast", dtype, n, variant=variant)
        for variant, name in zip(APPROXIMATIONS, ("gelu", "gelu", "swish", "softmax"), strict=True):
            yield Planted(
                "approximation", name, dtype, variant=variant, verdicts=frozenset({"wrong", "imprecise"})
            )
        contract = frozenset({"contract"})
        for name in ("swish", "softmax", "matmul", "sum"):
            yield Planted("cotangent mutated", name, dtype, verdicts=contract, spaces=TORCH)
            yield Planted("second call", name, dtype, mode="buffer", verdicts=contract, spaces=TORCH)
        for name in sorted(TRANSPOSED):
            yield Planted("non-contiguous input", name, dtype, spaces=TORCH)
        for name in ("swish", "gelu", "softmax", "layer norm", "sum", "product"):
            yield Planted("second derivative", name, dtype, 20, order=2)
        for name in ("swish", "softmax", "matmul", "sum"):
            for size in (-2.0, 1.0, 1e-3, 1e-6 if dtype == "float64" else 1e-4):
                yield Planted("JVP", name, dtype, size=size, mode="pushforward")
        for name in ("square root guarded", "logarithm guarded", "sinc guarded"):
            yield Planted(
                "NaN from an untaken branch", name, dtype, mode="nothing", verdicts=frozenset({"nonfinite"})
            )


def _single(dtype: str) -> Iterator[Planted]:
    small = SMALLEST[dtype]
    for n in COUNTS:
        for name, sample in SAMPLES.items():
            if n <= sample.largest and (n < 1000 or name not in {"sort", "product", "variance", "scatter"}):
                for size in (1.0, 1e-2, small, small / 1e3) if n <= 100 else (1.0, small):
                    yield Planted("one element", name, dtype, n, size)
                yield Planted("sign of one element", name, dtype, n, -2.0)
