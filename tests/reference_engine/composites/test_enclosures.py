"""In balls every composite is sharp and, at its samples, free of kinks."""

from __future__ import annotations

import numpy as np
import pytest

from reference_engine.arithmetic.balls import ZERO, Balls, exact, midpoints, precision
from reference_engine.arithmetic.float64 import Float64
from reference_engine.arithmetic.perturbed import Perturbed, deviation
from reference_engine.differentiate import vjp
from reference_engine.evaluate import dependents, evaluate, outputs
from reference_engine.operations import OPERATIONS, Composite
from reference_engine.precision import FLOAT64
from tests.reference_engine.composites.samples import COMPOSITE_SAMPLES
from tests.reference_engine.sample import Sample, program_of

BITS = 128
SHARP = 2.0**-80
"""Radius relative to the largest element, or to 1, the size of a cotangent, where all elements cancel."""

CALLS = [
    pytest.param(name, sample, id=f"{name}-{k}")
    for name, samples in COMPOSITE_SAMPLES.items()
    for k, sample in enumerate(samples)
]


def as_balls(values: np.ndarray) -> np.ndarray:  # type: ignore[type-arg]
    """Exact balls for reals, codes for booleans, integers as they are."""
    if values.dtype.kind == "f":
        return exact(values)
    zero = np.zeros(values.shape, dtype=np.int64)
    return Balls().compare("not_equal", values.astype(np.int64), zero) if values.dtype.kind == "b" else values


@pytest.mark.parametrize("name, sample", CALLS)
def test_value_and_gradient_are_sharp(name: str, sample: Sample) -> None:
    """At 128 bits value and gradient are sharp, no kink is met, and float64 differs by roundings only."""
    program = program_of(name, sample)
    wrt = sample.real_inputs
    gradient = vjp(program, wrt)
    generator = np.random.default_rng(5)
    seeds = {
        f"ct.{n}": generator.uniform(0.5, 1.5, size=t.shape) * generator.choice([-1.0, 1.0], size=t.shape)
        for n, t in zip(program.output_names, program.output_types, strict=True)
    }
    given = sample.inputs | seeds
    plain = outputs(gradient, evaluate(gradient, given, Float64()))
    with precision(BITS):
        balls = Balls(active=dependents(gradient, wrt))
        nodes = evaluate(gradient, {k: as_balls(v) for k, v in given.items()}, balls)
        enclosed = outputs(gradient, nodes)
        perturbed = Perturbed(nodes, 2.0**-40, FLOAT64, 2.0**-1009, np.random.default_rng(6))
        noisy = evaluate(gradient, {k: perturbed.input(v) for k, v in given.items()}, perturbed)
        assert balls.kinks == []
        for ours, exactly, samples in zip(plain, enclosed, outputs(gradient, noisy), strict=True):
            size = np.max(np.abs(midpoints(exactly)), initial=1.0)
            for ball in exactly.ravel():
                assert ball is ZERO or float(ball.rad()) <= SHARP * size
            noise = deviation(samples, midpoints(exactly)) * 2.0**-13
            assert np.all(np.abs(ours - midpoints(exactly)) <= 16 * noise + 4 * 2.0**-53 * np.abs(ours))


def test_every_composite_has_a_sample() -> None:
    """No composite of the families of layers, losses and activations is left out."""
    families = {OPERATIONS[name].family for name in COMPOSITE_SAMPLES} - {"reduction"}
    named = {n for n, o in OPERATIONS.items() if isinstance(o, Composite) and o.family in families}
    assert named - set(COMPOSITE_SAMPLES) == set()
