"""Two gradients in balls, element by element: where they are apart, and to how many bits they are one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from oracle.formula.literals import unrounded, with_literals
from reference_engine.arithmetic import Values
from reference_engine.arithmetic.balls import plain, precision, radius
from reference_engine.ball_values import in_balls
from reference_engine.certify import Certificate
from reference_engine.program import Program

BITS = (256, 1024, 4096)
"""Working precisions, one after the other until the enclosures no longer get narrower."""

NARROW = 2.0**-80
"""Relative radius from which on more bits are not asked for."""

Numbers = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Comparison:
    """Two enclosures of one output: the least and the largest distance of each element, what of it rounding
    explains, the size of the reference and the midpoint of the other. All but these two are NaN where a ball
    is not finite.
    """

    least: Numbers
    most: Numbers
    allowed: Numbers
    size: Numbers
    center: Numbers

    @property
    def apart(self) -> Mask:
        """Where the formulas differ, by more than rounding could hide."""
        return np.isfinite(self.most) & (self.least > self.allowed)

    @property
    def together(self) -> Mask:
        """Where the enclosures meet, but for what rounding explains."""
        return np.isfinite(self.most) & (self.least <= self.allowed)

    @property
    def bits(self) -> Numbers:
        """Binary digits to which each element is proved to be one and the same."""
        scale = np.where(self.size > 0, self.size, max(float(self.size.max(initial=0.0)), 1.0))
        with np.errstate(divide="ignore"):
            return np.asarray(np.clip(-np.log2(self.most / scale), 0, BITS[0]))


def enclosures(
    program: Program, reference: Program, inputs: Mapping[str, Values], truth: Certificate
) -> dict[str, Values]:
    """The outputs of a lifted derivative in balls, its literals as balls of their own."""
    core, literals = with_literals(unrounded(program), reference, truth.subject)
    given = {n: literals[n] if n in literals else inputs[n] for n in core.input_names}
    before = float("inf")
    for bits in BITS:
        values, _ = in_balls(core, given, frozenset(), bits)
        found = {n: values[i] for n, i in zip(core.output_names, core.outputs, strict=True)}
        wide = max((_widest(v) for v in found.values()), default=0.0)
        if wide <= NARROW or (bits > BITS[0] and not wide < before * 2.0**-16):
            break
        before = wide
    return found


def compared(lifted: Values, truth: Certificate, name: str) -> Comparison:
    """One output of a lifted derivative beside its enclosure by the reference."""
    shape = truth.enclosures[name].shape
    least, most, center = np.full(shape, np.nan), np.full(shape, np.nan), np.full(shape, np.nan)
    with precision(BITS[-1]):
        pairs = zip(lifted.ravel(), truth.enclosures[name].ravel(), strict=True)
        for k, (one, other) in enumerate(pairs):
            mine, right = plain(one), plain(other)
            if mine.is_finite() and right.is_finite():
                off = mine - right
                least.flat[k], most.flat[k] = float(off.abs_lower()), float(off.abs_upper())
                center.flat[k] = float(mine)
    return Comparison(least, most, truth.allowed(name), np.abs(truth.centers[name]), center)


def _widest(values: Values) -> float:
    """The largest radius over the largest element; 0 where nothing is finite."""
    balls = [plain(v) for v in values.ravel()] if values.dtype == object else []
    finite = [v for v in balls if v.is_finite()]
    size = max((abs(float(v)) for v in finite), default=0.0)
    return max((radius(v) for v in finite), default=0.0) / (size or 1.0)
