"""All slopes that are valid at a point: the corners of Clarke's subdifferential, found by limits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto

import numpy as np
import numpy.typing as npt
from flint import arb

from reference_engine.arithmetic.balls import Balls, midpoints, plain, precision
from reference_engine.ball_values import ball_inputs
from reference_engine.certify import Certificate
from reference_engine.differentiate import GRADIENT, lower
from reference_engine.evaluate import dependents, evaluate
from reference_engine.limits import Approach, limit
from reference_engine.program import Program

Vector = npt.NDArray[np.float64]
Arrays = Mapping[str, npt.NDArray[np.generic]]

MOST_DIRECTIONS, IDLE = 40, 12
"""Pairs of opposite directions at most, and in a row without a new corner: of two independent kinks in four
pieces, twelve random directions miss one with a probability of 1 in 30, twenty-four with 1 in 1000."""

MANY = 24
"""More corners than that are no polytope of a point of the table: its boundary is curved."""

DIGITS = 12
"""Decimals to which two corners are the same."""

SEED = 20
"""Of the directions; any will do."""

STEPS = ((120, 512), (240, 1024))
"""Steps of a central difference as powers of two, and the working bits for them."""

CLOSE = 2.0**-40
"""Differences over the two steps that agree by this part have reached their limit."""


class Kind(Enum):
    """What the derivative does at the point."""

    SMOOTH = auto()
    KINK = auto()
    CURVED = auto()
    JUMP = auto()
    UNBOUNDED = auto()
    SLOW = auto()
    NOWHERE = auto()


@dataclass(frozen=True)
class Slopes:
    """The valid slopes: convex combinations of ``corners``, one row each over all differentiated inputs.

    ``SMOOTH`` has one corner and ``KINK`` several; of a ``CURVED`` set they are a sample. The other kinds
    have none: the function ``JUMP``s, its slope is ``UNBOUNDED`` or settles too ``SLOW``ly to tell, or it is
    defined ``NOWHERE`` near.
    """

    kind: Kind
    corners: Vector


def valid_slopes(certificate: Certificate, inputs: Arrays, wrt: tuple[str, ...]) -> Slopes:
    """The limits of the gradient from random directions, until no more are new.

    ``certificate`` is of the VJP Program at ``inputs``, which include the cotangent.
    """
    generator = np.random.default_rng(SEED)
    shapes = {n: np.shape(inputs[n]) for n in wrt}
    corners: set[tuple[float, ...]] = set()
    idle = 0
    for _ in range(MOST_DIRECTIONS):
        draw = {
            n: generator.uniform(0.5, 1.5, s) * generator.choice([-1.0, 1.0], s) for n, s in shapes.items()
        }
        before = len(corners)
        for sign in (1.0, -1.0):
            found = _corner(certificate, inputs, {n: np.asarray(sign * d) for n, d in draw.items()}, wrt)
            if isinstance(found, Kind):
                return Slopes(found, np.zeros((0, sum(int(np.prod(s)) for s in shapes.values()))))
            if found is not None:
                corners.add(found)
        idle = 0 if len(corners) > before else idle + 1
        if idle == IDLE or len(corners) > MANY:
            break
    rows = np.array(sorted(corners))
    if not len(rows):
        return Slopes(Kind.NOWHERE, rows.reshape(0, 0))
    return Slopes(Kind.SMOOTH if len(rows) == 1 else Kind.KINK if len(rows) <= MANY else Kind.CURVED, rows)


def _corner(
    certificate: Certificate, inputs: Arrays, direction: Mapping[str, Vector], wrt: tuple[str, ...]
) -> tuple[float, ...] | Kind | None:
    """The limit from one side, why there is none, or None where the function is not defined on that side."""
    names = [GRADIENT + n for n in wrt]
    found = limit(certificate.program, inputs, direction, certificate.enclosures, names)
    if found.jumps:
        return Kind.JUMP
    match found.approach:
        case Approach.OUTSIDE:
            return None
        case Approach.DIVERGES:
            return Kind.UNBOUNDED
        case Approach.UNDECIDED:
            return Kind.SLOW
        case Approach.CONVERGES:
            flat = np.concatenate([midpoints(found.enclosures[n]).ravel() for n in names])
            return tuple((np.round(flat, DIGITS) + 0.0).tolist())


def central_differences(program: Program, inputs: Arrays, wrt: tuple[str, ...]) -> dict[str, Vector]:
    """The limit of (f(x + h) - f(x - h)) / 2h in each element, in exact arithmetic.

    Infinite where it grows without bound, NaN where a side has no value. At a kink it is the mean of both
    sides.
    """
    core = lower(program)
    out = {}
    for name in wrt:
        out[name] = np.zeros(np.shape(inputs[name]))
        for place in np.ndindex(out[name].shape):
            far, near = (_difference(core, inputs, wrt, name, place, *step) for step in STEPS)
            settled = abs(near - far) <= CLOSE * max(abs(near), 1.0)
            growing = not np.isnan(far) and not np.isnan(near) and abs(near) > 2 * abs(far)
            out[name][place] = near if settled else np.copysign(np.inf, near) if growing else np.nan
    return out


def _difference(
    program: Program,
    inputs: Arrays,
    wrt: tuple[str, ...],
    name: str,
    place: tuple[int, ...],
    exponent: int,
    bits: int,
) -> float:
    """One central difference with the step 2^-exponent; NaN where a side has no value."""
    step = arb(2) ** -exponent
    sides = []
    with precision(bits):
        for sign in (1, -1):
            moved = ball_inputs(program, inputs)
            moved[name] = moved[name].copy()
            moved[name][place] = plain(moved[name][place]) + sign * step
            values = evaluate(program, moved, Balls(active=dependents(program, wrt), resolve_ties=True))
            value = values[program.outputs[0]]
            sides.append(
                plain(np.asarray(value).reshape(-1)[0]) if value.dtype == object else arb(int(value))
            )
        difference = (sides[0] - sides[1]) / (2 * step)
        return float(difference.mid()) if difference.is_finite() else float("nan")
