"""Whether a vector lies in the convex hull of limiting gradients, and the directions that find the hull's
corners.

A fixed number of random directions does not do: of n independent relus at 0 it misses the answer 0 from n =
12 on. So the nearest point of the hull of the limits found so far is computed (Wolfe 1976); the direction
from it to the vector separates the two, and the limits along it and against it are the next corners. A linear
program has the last word. Its own separating direction is sparse and needs a corner an element: 64 relus
took 21 s.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum, auto

import numpy as np
import numpy.typing as npt
from scipy.optimize import linprog, nnls

from oracle.judge.verdict import Verdict

Vector = npt.NDArray[np.float64]

ROUNDS = 400
"""Linear programs at most: two corners each reach all of several hundred independent kinks."""

PATIENCE, LONGEST_PATIENCE = 4, 40
"""Random directions tried in a row without progress, besides one for each element: a corner of a median's
hull lies where its element is neither the largest nor the smallest, which the separating direction never
asks for.
"""

TIE_BREAK = 2.0**-24
"""Random part of a separating direction: exact ones, such as (1, 1, 1) at a three-way tie, run along the
kink. Its square stays below HULL_SLACK, or the corners of a round set, such as v v' of a repeated eigenvalue,
are never reached: with 2^-12 torch's diag(1, 0) for the smallest eigenvalue of 2 I was called wrong.
"""

PROBES = 6
"""Random directions before the first program, in opposite pairs."""


HULL_SLACK = 2.0**-30
"""Error of a convex combination found in float64, relative to the spread of the limits. Elements in which all
limits coincide are held to the rounding that is allowed, not to this."""

NOTHING = 1e-60
"""Limits are taken 2^-800 beside the point: what is as small as that is 0 for a person."""

SWEEPS, LARGEST_SWEEP = 8, 64
"""Elements of a JVP for which the extreme direction is searched, and signs that are turned in one search."""

SUM_WEIGHT = 1e3
"""Weight of the row that makes convex weights sum to 1 in the least squares, against elements of size 1."""


class Membership(Enum):
    """Where a vector lies: ``INSIDE`` the hull, the hull is one ``POINT`` and the vector is elsewhere,
    ``OUTSIDE``, or ``UNKNOWN``.
    """

    INSIDE = auto()
    POINT = auto()
    OUTSIDE = auto()
    UNKNOWN = auto()


class NoLimitError(Exception):
    """Raised by a limit function where the gradient has no limit; says why, and the verdict that follows."""

    def __init__(self, why: str, verdict: Verdict) -> None:
        super().__init__(why)
        self.verdict = verdict


@dataclass(frozen=True)
class Decision:
    """The answer and the limiting gradients that it rests on, one row each."""

    membership: Membership
    limits: Vector


def locate(
    vector: Vector,
    allowed: Vector,
    limit: Callable[[Vector], Vector | None],
    seed: int = 0,
) -> Decision:
    """Decide whether ``vector`` is in the hull of limits, each element within ``allowed``.

    ``limit`` maps a direction in the space of all inputs to the limiting gradient from that side, None where
    the function is not defined there. All vectors have one length.
    """
    generator = np.random.default_rng(seed)
    size = vector.size
    rows: list[Vector] = []
    for _ in range(PROBES // 2):
        direction = generator.uniform(0.5, 1.5, size) * generator.choice([-1.0, 1.0], size)
        rows += _both_sides(direction, limit)
    if not rows:
        return Decision(Membership.UNKNOWN, np.zeros((0, size)))
    idle = 0
    for _ in range(ROUNDS):
        limits = np.unique(np.array(rows), axis=0)
        slack = np.maximum(allowed, HULL_SLACK * np.ptp(limits, axis=0))
        residual = vector - _nearest(vector, limits)
        if (np.abs(residual) <= slack).all():
            return Decision(Membership.INSIDE, limits)
        direction = residual / np.abs(residual).max() + TIE_BREAK * generator.uniform(-1, 1, size)
        if idle:
            direction = generator.uniform(0.5, 1.5, size) * generator.choice([-1.0, 1.0], size)
        found = _both_sides(direction, limit)
        if len(found) == 2:
            there, back = found
            found += _both_sides(_turned(direction, there, back, residual), limit)
        best = float((limits @ residual).max())
        reach = max((float(g @ residual) for g in found), default=-np.inf)
        rows += found
        progress = reach > best + HULL_SLACK * float(np.abs(residual) @ np.abs(limits).max(axis=0))
        idle = 0 if progress else idle + 1
        if idle > min(PATIENCE + size, LONGEST_PATIENCE):
            break
    limits = np.unique(np.array(rows), axis=0)
    spread = np.ptp(limits, axis=0)
    fixed = spread <= np.maximum(2 * allowed, np.finfo(float).tiny)
    if (fixed & (np.abs(vector - limits[0]) > allowed)).any() or fixed.all():
        return Decision(Membership.POINT, limits)
    slack = np.maximum(allowed, HULL_SLACK * spread)
    inside = _feasible(vector, limits, slack)
    return Decision(Membership.INSIDE if inside else Membership.OUTSIDE, limits)


def locate_between(
    vector: Vector,
    allowed: Vector,
    limit: Callable[[Vector], Vector | None],
    tangent: Vector,
    seed: int = 0,
) -> Decision:
    """Decide whether each element of a JVP lies in the range of its limits.

    Its elements are functions of their own: each is held to its range, their combination is not looked at.
    The first directions are along the tangent and against it, the extremes of a maximum's slopes; where an
    element is outside the range so far, the best direction is improved sign by sign.
    """
    generator = np.random.default_rng(seed)
    rows: list[tuple[Vector, Vector]] = []

    def visit(direction: Vector) -> Vector | None:
        found = limit(direction)
        if found is not None:
            rows.append((direction, found))
        return found

    for k in range(PROBES):
        random = generator.uniform(0.5, 1.5, tangent.size) * generator.choice([-1.0, 1.0], tangent.size)
        direction = tangent + TIE_BREAK * random if k == 0 else random
        visit(direction)
        visit(-direction)
    if not rows:
        return Decision(Membership.UNKNOWN, np.zeros((0, vector.size)))
    for j in _outside(vector, allowed, rows)[:SWEEPS]:
        up = vector[j] > max(g[j] for _, g in rows)
        direction, best = max(rows, key=lambda row: row[1][j] if up else -row[1][j])
        for i in range(min(tangent.size, LARGEST_SWEEP)):
            turned = direction.copy()
            turned[i] = -turned[i]
            found = visit(turned)
            if found is not None and (found[j] > best[j] if up else found[j] < best[j]):
                direction, best = turned, found
    limits = np.array([g for _, g in rows])
    if not _outside(vector, allowed, rows).size:
        return Decision(Membership.INSIDE, limits)
    low, high = limits.min(axis=0), limits.max(axis=0)
    fixed = high - low <= np.maximum(2 * allowed, np.finfo(float).tiny)
    off = np.abs(vector - limits[0]) > allowed
    return Decision(Membership.POINT if (fixed & off).any() else Membership.OUTSIDE, limits)


def _outside(vector: Vector, allowed: Vector, rows: Sequence[tuple[Vector, Vector]]) -> npt.NDArray[np.int64]:
    """Elements that are outside the range of the limits found so far."""
    limits = np.array([g for _, g in rows])
    low, high = limits.min(axis=0), limits.max(axis=0)
    slack = np.maximum(allowed, HULL_SLACK * (high - low))
    return np.flatnonzero((vector < low - slack) | (vector > high + slack))


def _nearest(vector: Vector, limits: Vector) -> Vector:
    """The point of the hull nearest to ``vector`` (non-negative least squares with the weights' sum as a
    row).
    """
    size = max(float(np.abs(limits).max(initial=0.0)), float(np.abs(vector).max()), np.finfo(float).tiny)
    matrix = np.vstack([limits.T / size, np.full((1, len(limits)), SUM_WEIGHT)])
    weights, _ = nnls(matrix, np.append(vector / size, SUM_WEIGHT), maxiter=50 * len(limits) + 100)
    return np.asarray(weights / weights.sum() @ limits)


def _both_sides(direction: Vector, limit: Callable[[Vector], Vector | None]) -> list[Vector]:
    return [g for g in (limit(direction), limit(-direction)) if g is not None]


def _turned(direction: Vector, there: Vector, back: Vector, residual: Vector) -> Vector:
    """The direction, turned in the elements whose limits move against the residual along it: with a negative
    cotangent a convex kink is a concave one, and the corner sought lies on its other side.
    """
    return np.where((there - back) * residual < 0, -direction, direction)


def _feasible(vector: Vector, limits: Vector, slack: Vector) -> bool:
    """Whether some weights >= 0 of sum 1 bring the limits within ``slack`` of the vector (linear program,
    HiGHS).
    """
    scale = np.maximum(slack, np.finfo(float).tiny)
    rows = ((limits - vector) / scale).T
    unit = np.maximum(np.abs(rows).max(axis=1, keepdims=True), 1.0)
    upper = np.vstack([rows / unit, -rows / unit])
    bound = np.vstack([1.0 / unit, 1.0 / unit]).ravel()
    solved = linprog(
        np.zeros(len(limits)),
        A_ub=upper,
        b_ub=bound,
        A_eq=np.ones((1, len(limits))),
        b_eq=[1.0],
        method="highs",
    )
    return bool(solved.status == 0)


def describe_limits(limits: Sequence[Vector] | Vector, index: int) -> str:
    """The range of one element over the limits, for a person."""
    column = np.asarray(limits)[:, index]
    low, high = (0.0 if abs(v) < NOTHING else float(v) for v in (column.min(), column.max()))
    return f"[{low:.6g}, {high:.6g}]" if not np.isclose(low, high, rtol=1e-14, atol=0) else repr(high)
