"""How long the reference takes for a small network: ``python -m benchmarks.network`` prints medians in
milliseconds.
"""

from __future__ import annotations

import statistics
import time

import numpy as np

from reference_engine import TensorType, trace, xp
from reference_engine.certify import certify
from reference_engine.differentiate import vjp
from reference_engine.precision import FLOAT32, FLOAT64
from reference_engine.trace import Tensor

REPEATS = 21


def network(x: Tensor, first: Tensor, second: Tensor) -> Tensor:
    """Two tanh layers and a sum."""
    return xp.sum(xp.tanh(xp.tanh(x @ first) @ second))  # type: ignore[no-any-return]


def main() -> None:
    """Value, gradient and noise scale of a 12 by 12 two-layer network, per call, differentiation included."""
    generator = np.random.default_rng(0)
    types = {n: TensorType((12, 12)) for n in ("x", "first", "second")}
    for subject in (FLOAT64, FLOAT32):
        times = []
        for _ in range(REPEATS):
            inputs = {n: subject.round(generator.normal(size=t.shape) / 2) for n, t in types.items()}
            started = time.perf_counter()
            derivative = vjp(trace(network, types, ["y"]), tuple(types))
            certify(derivative, inputs | {"ct.y": np.ones(())}, list(types), subject)
            times.append(1e3 * (time.perf_counter() - started))
        print(f"{subject.name}: median {statistics.median(times):.1f} ms, largest {max(times):.1f} ms")


if __name__ == "__main__":
    main()
