"""Is it rounding? The rule for single elements: rho = distance to the enclosure over the rounding that is
allowed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from flint import arb

from reference_engine.arithmetic.balls import ZERO, plain, precision
from reference_engine.certify import NARROW, NOISE_FACTOR, Certificate
from reference_engine.precision import FLOAT64

Values = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

EXACT_FROM = 0.25
"""Errors above this part of the allowed one are measured again in balls: the float64 midpoint is off by up
to u |G|, a quarter of the smallest error that is ever allowed."""

ESTIMATED_FACTOR = 2.0
"""In the estimated tier the reference is a float64 evaluation with roundings of its own, as large as the
subject's.
"""


@dataclass(frozen=True)
class Comparison:
    """One argument held to its certificate, element by element.

    ``rho`` is 0 for a perfect answer and above 1 for what rounding does not explain; infinite for NaN or
    infinity against a finite truth. ``settled`` marks elements whose enclosure is narrow, ``out_of_range``
    those that are rightly infinite in the subject's format.
    """

    rho: Values
    distance: Values
    allowed: Values
    settled: Mask
    out_of_range: Mask
    truly_zero: bool


def compare(certificate: Certificate, name: str, observed: Values) -> Comparison:
    """Hold ``observed`` (the shape of the output ``name``) to the certificate."""
    center = certificate.centers[name]
    allowed = np.asarray(certificate.allowed(name))
    enclosure = certificate.enclosures[name]
    if certificate.tier == "estimated":
        allowed = allowed * ESTIMATED_FACTOR
        settled = np.isfinite(center)
        distance = np.array(np.abs(observed - center))
    else:
        radii = certificate.radii[name]
        settled = np.isfinite(radii) & (radii <= np.maximum(allowed * NARROW, 2.0**-1074))
        infinite = np.isinf(center)
        if infinite.any():
            settled |= infinite & _beyond_float64(enclosure)
        distance = _distance(observed, enclosure, center, allowed)
    largest = certificate.subject.largest
    out_of_range = (
        np.isinf(observed) & (np.abs(center) + allowed > largest) & (np.sign(observed) == np.sign(center))
    )
    with np.errstate(all="ignore"):
        rho = np.where(distance == 0, 0.0, distance / allowed)
    rho = np.where(np.isnan(rho) | ~np.isfinite(observed), np.inf, rho)
    rho = np.where(out_of_range, 0.0, rho)
    return Comparison(rho, distance, allowed, settled, out_of_range, _truly_zero(certificate, name))


def _beyond_float64(enclosure: npt.NDArray[np.object_]) -> Mask:
    """Where the truth is a well-known finite number too large for float64, such as sinh(20000)."""
    flat = [plain(v) for v in enclosure.ravel()]
    known = [v.is_finite() and v.rel_accuracy_bits() > FLOAT64.bits for v in flat]
    return np.array(known, dtype=bool).reshape(enclosure.shape)


def _distance(
    observed: Values, enclosure: npt.NDArray[np.object_], center: Values, allowed: Values
) -> Values:
    with np.errstate(all="ignore"):
        distance = np.array(np.abs(observed - center))
    again = ~(distance <= EXACT_FROM * allowed) & np.isfinite(observed) & np.isfinite(center)
    if again.any():
        with precision(256):
            distance[again] = [
                float(abs(arb(b) - plain(g)).abs_lower())
                for b, g in zip(observed[again], enclosure[again], strict=True)
            ]
    return np.where(np.isnan(distance), np.inf, distance)


def _truly_zero(certificate: Certificate, name: str) -> bool:
    if certificate.tier == "estimated":
        return not certificate.centers[name].any()
    return all(v is ZERO or v.contains(0) for v in certificate.enclosures[name].ravel())


def inside(certificate: Certificate, name: str, observed: Values, *, widened: bool) -> bool:
    """Whether every element lies within the allowed rounding of its enclosure, however wide that is.

    ``widened`` asks for the enclosures in which branches close to their boundary are open.
    """
    source = certificate.widened if widened else certificate.enclosures
    if source is None or not np.isfinite(observed).all() or certificate.tier == "estimated":
        return False
    allowed = np.asarray(certificate.allowed(name))
    with precision(256):
        return all(
            not plain(g).is_finite() or float(abs(arb(b) - plain(g)).abs_lower()) <= a
            for b, g, a in zip(observed.ravel(), source[name].ravel(), allowed.ravel(), strict=True)
        )


@dataclass(frozen=True)
class Strength:
    """How much a comparison could have seen.

    ``power`` is the smallest relative error of the argument as a whole that is caught: |allowed| over |G|,
    in the Euclidean norm; where G is zero, |allowed| itself. ``scale`` is what the worst element is measured
    by: its own size, where that is zero the largest of the argument, and 1 where all are. ``condition`` is
    the noise there over u and the scale. None where nothing is known of the element.
    """

    power: float | None
    ill_conditioned: bool
    vacuous: bool
    condition: float | None
    scale: float | None


def scale_at(sizes: Values, index: int | None) -> float | None:
    """What the element at a flat index is measured by, given the sizes of all: see :class:`Strength`.

    >>> scale_at(np.array([0.0, 3.0]), 0), scale_at(np.array([0.5, 3.0]), 0), scale_at(np.zeros(2), 1)
    (3.0, 0.5, 1.0)
    """
    if index is None or not np.isfinite(sizes.ravel()[index]):
        return None
    known = sizes[np.isfinite(sizes)]
    return float(sizes.ravel()[index]) or float(known.max(initial=0.0)) or 1.0


def _norm(values: Values) -> float:
    """Euclidean norm that neither overflows nor underflows."""
    largest = float(np.abs(values).max(initial=0.0))
    if largest == 0 or not math.isfinite(largest):
        return largest
    scaled = (values / largest).ravel()
    return largest * math.sqrt(scaled.dot(scaled))


def strength(certificate: Certificate, name: str, comparison: Comparison, index: int | None) -> Strength:
    """Power, condition and vacuity of a comparison; ``index`` is the flat index of the worst element."""
    center = certificate.centers[name]
    finite = comparison.settled & np.isfinite(center)
    size = _norm(center[finite])
    allowed = _norm(comparison.allowed[finite])
    zero = comparison.truly_zero or size == 0
    scale = scale_at(np.zeros(center.shape) if comparison.truly_zero else np.abs(center), index)
    condition = None
    if index is not None and scale is not None and finite.ravel()[index]:
        relative = float(certificate.noise[name].ravel()[index]) / scale
        condition = relative / certificate.subject.unit_roundoff
    if zero:
        blind = center.size == 0 or bool(finite.any() and (comparison.allowed[finite] >= 1).all())
        power = allowed if finite.any() else None
        return Strength(power, ill_conditioned=False, vacuous=blind, condition=condition, scale=scale)
    noise = _norm(NOISE_FACTOR * certificate.noise[name][finite])
    blind = bool((comparison.allowed[finite] >= np.abs(center[finite])).all())
    return Strength(
        allowed / size, ill_conditioned=noise > size / 2, vacuous=blind, condition=condition, scale=scale
    )


def strength_between(
    low: Values, high: Values, allowed: Values, index: int | None, unit_roundoff: float
) -> Strength:
    """The same where the truth is a set: an element is as large as its largest limit. All arrays are flat."""
    sizes = np.maximum(np.abs(low), np.abs(high))
    size, scale = _norm(sizes), scale_at(sizes, index)
    condition = None
    if index is not None and scale is not None:
        condition = float(allowed[index]) / (NOISE_FACTOR * unit_roundoff * scale)
    blind = sizes.size > 0 and bool((allowed >= (sizes if size else 1.0)).all())
    return Strength(
        _norm(allowed) / (size or 1.0), ill_conditioned=False, vacuous=blind, condition=condition, scale=scale
    )
