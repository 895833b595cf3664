"""The noise scale of a Program at one point: how far the roundings of a format can move each value."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from reference_engine.arithmetic import Values
from reference_engine.arithmetic.balls import plain, radius
from reference_engine.arithmetic.perturbed import Perturbed, deviation
from reference_engine.ball_values import in_balls
from reference_engine.evaluate import evaluate
from reference_engine.precision import PRECISIONS, Precision
from reference_engine.program import Program

SMALL_MOVE = 2.0**-7
"""A result that magnified noise moves by more than this part of itself may not answer in proportion any
more.
"""

KINK_WIDTH = 2.0**-60
"""An enclosure wider than this part of its center is no point at 128 bits, but a set of slopes or a bad case
of cancellation; its midpoint says nothing of the samples then."""

Run = tuple[list[Values], float]
"""Samples of every node, and the factor from their deviations to those of the subject's format."""


def perturb(
    program: Program,
    inputs: Mapping[str, Values],
    decisions: Sequence[Values],
    subject: Precision,
    generator: np.random.Generator,
) -> list[Run]:
    """Runs in the subject's noise.

    A float64 subject is perturbed at 2^-40, so that the runs themselves can be in float64. Where that much
    noise leaves a domain (sqrt(1 - x^2) at 1 - 1e-13), or moves a result so far that the response is no
    longer proportional (sin(x + 1e15 - 1e15)), runs at 2^-51 come first in the list.
    """
    runs: list[Run] = []
    for exponent in (40, 51) if subject.bits > 40 else (subject.bits, 51):
        scale = 2.0 ** (exponent - subject.bits)
        arithmetic = Perturbed(
            decisions, 2.0**-exponent, subject, subject.smallest_normal / scale, generator,
            units={n: p.unit_roundoff / scale for n, p in PRECISIONS.items()},
        )  # fmt: skip
        with np.errstate(all="ignore"):
            given = {n: arithmetic.input(a) for n, a in inputs.items()}
            samples = evaluate(program, given, arithmetic)
        runs.insert(0, (samples, scale))
        if all(_proportional(samples[i], decisions[i], scale) for i in program.outputs):
            break
    return runs


def _proportional(samples: Values, decided: Values, scale: float) -> bool:
    """Whether every sample is finite where the truth is and, if noise was magnified, has moved only a
    little.
    """
    if samples.dtype.kind != "f":
        return True
    finite = np.isfinite(samples)
    if not finite.all():
        bad = ~finite.all(axis=0)
        if decided.dtype != object or any(plain(v).is_finite() for v in decided[bad]):
            return False
    if scale == 1 or not samples.size:
        return True
    with np.errstate(invalid="ignore"):
        high, low = samples.max(axis=0), samples.min(axis=0)
        return not bool((high - low > SMALL_MOVE * np.maximum(np.abs(high), np.abs(low))).any())


def noise_scale(
    runs: Sequence[Run], index: int, center: Values, radii: Values, fallback: Callable[[], Values]
) -> Values:
    """Largest deviation of one node over all runs, in the subject's noise; ``fallback`` where none is
    finite. ``center`` and ``radii`` are those of its enclosures.
    """
    noise = np.full(center.shape, -1.0)
    for samples, scale in runs:
        spread = _spread(samples[index], center, radii) * scale
        noise = np.asarray(np.maximum(noise, np.where(np.isfinite(spread), spread, -1.0)))
    bad = noise < 0
    if bad.any():
        noise[bad] = fallback()[bad]
    return noise


def _spread(samples: Values, center: Values, radii: Values) -> Values:
    """Deviation of the samples from the exact value; at a kink, where the ball is wide, from their own
    mean.
    """
    wide = radii > KINK_WIDTH * np.abs(center)
    if wide.any():
        with np.errstate(invalid="ignore"):
            center = np.where(wide, samples.mean(axis=0), center)
    return deviation(samples, center)


def ball_noise(
    program: Program, inputs: Mapping[str, Values], depends: frozenset[int], subject: Precision, node: int
) -> Values:
    """Radii of a ball evaluation at the subject's own precision: the noise where float64 itself overflows."""
    values, _ = in_balls(program, inputs, depends, subject.bits + 1)
    return np.array([radius(v) for v in values[node].ravel()]).reshape(values[node].shape)
