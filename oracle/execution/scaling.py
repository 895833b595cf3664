"""Is an error poor arithmetic or a bug? Two signs of arithmetic: it shrinks with the unit roundoff, and it
comes and goes a few roundings beside the point; the error of a wrong formula does neither.

Measured: the ratio of the error in float64 to that in float32 has median 1.5e-9 for correct code and about 1
for a faulty formula; above 2^-20 for 99.2 to 99.7 percent of faults between 1e-7 and 1e-1.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
from flint import arb

from oracle.execution.points import Bench, in_dtype
from oracle.execution.stage import NOWHERE, Stage, entering
from oracle.frameworks.protocol import Answer, Framework
from reference_engine.arithmetic.balls import plain, precision
from reference_engine.certify import Certificate, certify
from reference_engine.differentiate import GRADIENT, TANGENT
from reference_engine.precision import PRECISIONS

SHRINKS = {"float64": 2.0**-20, "float32": 2.0**-20, "bfloat16": 2.0**-11, "float16": 2.0**-9}
"""An error that shrinks by more than this between a dtype and the other one is arithmetic: most of the ratio
of the two unit roundoffs (2^-29, 2^-29, 2^-16, 2^-13), less what a lucky coarse run takes from it."""

OTHER = {"float64": "float32", "float32": "float64", "bfloat16": "float32", "float16": "float32"}
"""The dtype of the second run."""

TRIES = 6
"""Other points that are asked, since one run may be exact by luck: x/x is 1 for half of all x, and a float32
logsumexp swallows what makes the float64 one inexact."""

NEARBY = 8.0
"""How far these points lie apart, in units of roundoff: enough for other roundings, too little for other
branches."""

ERRATIC = 0.5
"""Part of itself to which an error falls at one of them if it is rounding. One that comes from a formula, and
is beyond 16 times the noise, changes by a sixteenth; it may change its sign (torch's trigamma at 1/2)."""

STEADY = 2.0**-4
"""Part of itself by which the derivative may change there."""

FINE_BITS = 24
"""Bits of the coarsest format in which a few units of roundoff are near."""

EXACT_BITS = 256
"""Working precision of a difference between an answer and its enclosure."""


def explained_by_arithmetic(framework: Framework, route: str, where: Bench, output: str) -> bool:
    """Whether the error in one output of the derivative Program is arithmetic by one of the two signs.

    The finer dtype is asked at the numbers of the finding, the coarser one at numbers that it holds: at
    those a finer dtype may compute without any rounding. False where one of the two answers cannot be had.
    """
    own = where.point.dtype
    coarse, fine = sorted((own, OTHER[own]), key=lambda d: PRECISIONS[d].bits)
    finer = _relative_error(framework, route, in_dtype(where, fine), output)
    coarser = _relative_error(framework, route, in_dtype(_rounded(where, coarse), coarse), output)
    if np.isfinite(coarser) and finer <= coarser * SHRINKS[own]:
        return True
    return _erratic(framework, route, where, output)


def _erratic(framework: Framework, route: str, where: Bench, output: str) -> bool:
    """Whether the error of the worst element, less than half of the digits, comes and goes with the last bits
    of the inputs. Not asked in 16-bit formats, whose last bits are percents of the inputs, nor where they
    change the derivative itself.
    """
    if where.precision.bits < FINE_BITS:
        return False
    truth = _truth(framework, route, where, output)
    first = _errors(framework, route, where, output, truth)
    if first is None:
        return False
    with np.errstate(all="ignore"):
        worst = int(np.argmax(np.nan_to_num(np.abs(first) / truth.allowed(output).ravel())))
    size = float(np.abs(truth.centers[output]).max(initial=0.0)) or 1.0
    error = float(first[worst])
    if error == 0 or not abs(error) <= size * 2.0 ** (-where.precision.bits / 2):
        return False
    generator = np.random.default_rng(0)
    for _ in range(TRIES):
        beside = _beside(where, generator)
        moved = _truth(framework, route, beside, output)
        was, is_ = (float(c.centers[output].ravel()[worst]) for c in (truth, moved))
        other = _errors(framework, route, beside, output, moved)
        if other is None or not abs(is_ - was) <= STEADY * abs(was):
            continue
        if abs(float(other[worst])) < ERRATIC * abs(error):
            return True
    return False


def _truth(framework: Framework, route: str, where: Bench, output: str) -> Certificate:
    forward = route in framework.forward_routes and where.order == 1
    forward = forward and output not in where.program.output_names
    derivative, inputs = where.derivative(forward=forward), where.inputs(forward=forward)
    return certify(derivative, inputs, where.point.wrt, where.precision)


def _errors(
    framework: Framework, route: str, where: Bench, output: str, truth: Certificate
) -> npt.NDArray[np.float64] | None:
    """What the answer is off by, element by element and rounded once; None where it is not finite or there is
    none.
    """
    found = _ask(framework, route, where, output)
    if found is None or not found.size or truth.tier != "certified":
        return None
    with precision(EXACT_BITS):
        pairs = zip(found.ravel(), truth.enclosures[output].ravel(), strict=True)
        off = np.array([float(arb(float(b)) - plain(g)) for b, g in pairs])
    return off if np.isfinite(off).all() else None


def _beside(where: Bench, generator: np.random.Generator) -> Bench:
    """The same bench with its inputs a few roundings away."""
    point, own = where.point, where.precision

    def move(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
        step = NEARBY * own.unit_roundoff * generator.uniform(-1, 1, array.shape)
        return np.asarray(own.round(array * (1 + step)))

    inputs = {n: move(a) if n in point.wrt else a for n, a in point.inputs.items()}
    return replace(where, point=replace(point, inputs=inputs))


def _relative_error(framework: Framework, route: str, where: Bench, output: str) -> float:
    """Largest error over the largest element (itself where all are zero); NaN where there is no answer."""
    found = _ask(framework, route, where, output)
    if found is None:
        return float("nan")
    forward = route in framework.forward_routes and where.order == 1
    truth = certify(
        where.derivative(forward=forward), where.inputs(forward=forward), where.point.wrt, where.precision
    ).centers[output]
    with np.errstate(all="ignore"):
        size = float(np.abs(truth).max(initial=0.0))
        return float(np.abs(found - truth).max(initial=0.0)) / (size or 1.0)


def _rounded(where: Bench, dtype: str) -> Bench:
    """The same bench at numbers that ``dtype`` holds."""
    format_ = PRECISIONS[dtype]

    def narrow(arrays: Any) -> dict[str, npt.NDArray[Any]]:
        return {n: np.asarray(format_.round(a)) if a.dtype.kind == "f" else a for n, a in arrays.items()}

    point = where.point
    moved = replace(
        point,
        inputs=narrow(point.inputs),
        cotangents=narrow(point.cotangents),
        tangents=narrow(point.tangents),
        directions=narrow(point.directions),
    )
    return replace(where, point=moved)


def _ask(framework: Framework, route: str, where: Bench, output: str) -> npt.NDArray[np.float64] | None:
    ask = framework.derivative if where.order == 1 else framework.second_order
    entering(Stage(framework.name, framework.version, route, where.point.dtype, where.order))
    try:
        return _part(ask(route, where.program, where.point), where, output)
    except Exception:  # noqa: BLE001 - no second answer, no excuse
        return None
    finally:
        entering(NOWHERE)


def _part(answer: Answer, where: Bench, output: str) -> npt.NDArray[np.float64]:
    if output in where.program.output_names:
        values = dict(zip(where.program.output_names, answer.values, strict=True))
        return np.asarray(values[output], dtype=np.float64)
    name = output.removeprefix(GRADIENT).removeprefix(TANGENT)
    return np.asarray(answer.derivatives[name], dtype=np.float64)
