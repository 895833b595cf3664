"""Is the noise model right on real kernels? ``python -m benchmarks.calibration`` prints rho and power as a
table.

rho is the error of a correct kernel over the rounding that the judge allows: above 1 it would be a false
alarm, far below 1 power is given away. Every gradient element and forward value of several random points is
counted.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from oracle.execution.points import Bench, draw
from oracle.frameworks.protocol import Framework, NotOfferedError, Point
from oracle.frameworks.registry import available
from oracle.judge.rule import compare, strength
from reference_engine import TensorType, trace, xp
from reference_engine.certify import certify
from reference_engine.differentiate import GRADIENT
from reference_engine.precision import PRECISIONS

DTYPES = ("float64", "float32", "bfloat16")
POINTS = 4


@dataclass(frozen=True)
class Kernel:
    """A function to calibrate on and the shapes of its inputs."""

    name: str
    function: Callable[..., Any]
    shapes: dict[str, tuple[int, ...]]


KERNELS = [
    Kernel("matmul k=16", lambda a, b: a @ b, {"a": (6, 16), "b": (16, 6)}),
    Kernel("matmul k=128", lambda a, b: a @ b, {"a": (6, 128), "b": (128, 6)}),
    Kernel("matmul k=1024", lambda a, b: a @ b, {"a": (6, 1024), "b": (1024, 6)}),
    Kernel("conv2d k=54", lambda x, w: xp.conv2d(x, w, padding=1), {"x": (2, 6, 8, 8), "w": (4, 6, 3, 3)}),
    Kernel("conv2d k=288", lambda x, w: xp.conv2d(x, w, padding=1), {"x": (1, 32, 6, 6), "w": (4, 32, 3, 3)}),
    Kernel(
        "layer_norm 64", lambda x, w, b: xp.layer_norm(x, (64,), w, b), {"x": (8, 64), "w": (64,), "b": (64,)}
    ),
    Kernel("softmax 64", lambda x: xp.softmax(x, axis=-1), {"x": (8, 64)}),
    Kernel("log_softmax 64", lambda x: xp.log_softmax(x, axis=-1), {"x": (8, 64)}),
    Kernel("logsumexp 64", lambda x: xp.logsumexp(x, axis=-1), {"x": (8, 64)}),
    Kernel("gelu", lambda x: xp.gelu(x), {"x": (512,)}),
    Kernel("gelu tanh", lambda x: xp.gelu(x, approximate="tanh"), {"x": (512,)}),
    Kernel("std 64", lambda x: xp.std(x, axis=-1, correction=1), {"x": (8, 64)}),
    Kernel("tanh", lambda x: xp.tanh(x), {"x": (512,)}),
    Kernel("sigmoid", lambda x: xp.sigmoid(x), {"x": (512,)}),
    Kernel("sum 4096", lambda x: xp.sum(xp.sin(x)), {"x": (4096,)}),
]


@dataclass(frozen=True)
class Row:
    """What was measured for one kernel, framework and dtype."""

    kernel: str
    framework: str
    dtype: str
    elements: int
    median: float
    largest: float
    above: int
    power: float


def make_bench(kernel: Kernel, dtype: str, seed: int) -> Bench:
    """A random point with inputs that the dtype holds."""
    precision = PRECISIONS[dtype]
    generator = np.random.default_rng(seed)
    program = trace(kernel.function, {n: TensorType(s) for n, s in kernel.shapes.items()}, ["y"])
    scale = 3.0 if "gelu" in kernel.name or kernel.name in {"tanh", "sigmoid"} else 1.0
    inputs = {
        n: np.asarray(precision.round(scale * generator.normal(size=s))) for n, s in kernel.shapes.items()
    }
    cotangent = {"y": draw(program.output_types[0].shape, precision, generator)}
    return Bench(program, Point(inputs, tuple(inputs), dtype, cotangent, {}, {}, {}), precision, 1)


def measure(kernel: Kernel, dtype: str, frameworks: list[Framework]) -> Iterator[Row]:
    """Rho and power of every framework's reverse mode on one kernel."""
    ratios: dict[str, list[Any]] = {f.name: [] for f in frameworks}
    powers: list[float] = []
    for seed in range(POINTS):
        where = make_bench(kernel, dtype, seed)
        certificate = certify(
            where.derivative(forward=False), where.inputs(forward=False), where.point.wrt, where.precision
        )
        for framework in frameworks:
            try:
                answer = framework.derivative(framework.routes[0], where.program, where.point)
            except NotOfferedError:
                continue
            observed = {GRADIENT + n: a for n, a in answer.derivatives.items()}
            observed["y"] = np.asarray(answer.values[0], dtype=np.float64)
            for name, value in observed.items():
                found = compare(certificate, name, value)
                ratios[framework.name].append(found.rho.ravel())
                powers.append(strength(certificate, name, found, None).power or 0.0)
    for name, parts in ratios.items():
        if parts:
            rho = np.concatenate(parts)
            yield Row(
                kernel.name, name, dtype, rho.size,
                float(np.median(rho)), float(rho.max()), int((rho > 1).sum()), max(powers),
            )  # fmt: skip


def main(names: list[str]) -> int:
    """Print the table (Markdown); exit status 1 if any rho is above 1."""
    frameworks, _ = available(None)
    print("| kernel | framework | dtype | elements | rho median | rho max | above 1 | power |")
    print("|---|---|---|---|---|---|---|---|")
    bad = 0
    for kernel in KERNELS:
        if names and not any(n in kernel.name for n in names):
            continue
        for dtype in DTYPES:
            for row in measure(kernel, dtype, frameworks):
                bad += row.above
                print(
                    f"| {row.kernel} | {row.framework} | {row.dtype} | {row.elements} | {row.median:.3f} "
                    f"| {row.largest:.3f} | {row.above} | {row.power:.1e} |",
                    flush=True,
                )
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
