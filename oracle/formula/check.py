"""The formula check: is a derivative that is off wrong by its formula, or only by its arithmetic?

What a framework's route computes is read as a Program and enclosed in balls, at the point and at two beside
it, as is the reference's derivative. Enclosures that are apart prove that the formulas differ; where they are
together at every point, what error is left is arithmetic. No tolerance enters but what rounding explains.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

import numpy as np
import numpy.typing as npt

from oracle.formula.compare import BITS, Comparison, compared, enclosures
from oracle.formula.lifting import lift_derivative
from oracle.formula.literals import unrounded
from oracle.formula.nearby import nearby
from oracle.frameworks.protocol import Framework, Point
from oracle.lift.derivative import LiftedDerivative
from reference_engine.arithmetic import Values
from reference_engine.certify import Certificate, certify
from reference_engine.differentiate import COTANGENT, DIRECTION, TANGENT, lower
from reference_engine.precision import Precision
from reference_engine.program import Program

Array = npt.NDArray[np.float64]

ENOUGH = 1 / 3
"""Part of a format's digits to which two formulas must be proved one before they count as equal. Fewer are
left where literals are amplified; a float32 literal in a float64 function leaves 22 of 53."""


POOR = 16.0
"""How much worse than the rounding of its formula an answer may be and still be called arithmetic."""


class Outcome(StrEnum):
    """What a formula check says."""

    EQUAL = "equal"
    DIFFERS = "differs"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Formula:
    """The outcome for one argument, and a few words on it for a person."""

    outcome: Outcome
    words: str


def _unknown(words: str) -> Formula:
    return Formula(Outcome.UNKNOWN, words)


DIFFERS = Formula(Outcome.DIFFERS, "formula differs (proved)")


@dataclass(frozen=True)
class _Place:
    """One point: the derivative that ran there in balls, and the truth."""

    lifted: LiftedDerivative
    balls: Mapping[str, Values]
    truth: Certificate


@dataclass(frozen=True)
class FormulaCheck:
    """One route of one framework, read once for all arguments.

    ``derivative`` is the reference's Program of the same derivative of ``program`` at ``point``.
    """

    framework: Framework
    route: str
    program: Program
    derivative: Program
    point: Point
    precision: Precision
    seed: int = 0

    def formula(self, name: str, observed: Array) -> Formula:
        """Whether the formula of one output of the derivative (``grad.x``) is the reference's, given what the
        framework answered.
        """
        here = self._here
        if here.lifted.program is None:
            return _unknown(f"formula not lifted: {here.lifted.missing}")
        if here.truth.tier != "certified":
            return _unknown("formula not compared: too many elements")
        if name not in here.balls:
            return _unknown("formula not lifted: no such derivative")
        at_point = compared(here.balls[name], here.truth, name)
        asked = np.abs(observed - here.truth.centers[name]) > at_point.allowed
        if not asked.any():  # nothing is off: all of it is asked about
            asked = np.ones(observed.shape, dtype=np.bool_)
        if not _same_answer(here, name, observed, asked):
            return _unknown("formula not lifted: what was read gave another answer")
        beside = [(place, compared(place.balls[name], place.truth, name)) for place in self._beside]
        found = [(here, at_point), *beside]
        if any(_apart(place, name, each) for place, each in found):
            return DIFFERS
        if any(each.apart.any() for _, each in found):
            return _unknown("formula not lifted: what was read is not what ran")
        meeting = [each for _, each in found if each.together[asked].all()]
        bits = min((float(each.bits[asked].min(initial=BITS[0])) for each in meeting), default=0.0)
        if bits < self.precision.bits * ENOUGH:
            return _unknown("formula undecided: its enclosure is too wide")
        words = f"formula equal here to {int(bits)} bits"
        if not self._explained(name, observed, asked):
            return _unknown(f"{words}, which does not explain the error")
        return Formula(Outcome.EQUAL, words)

    def _explained(self, name: str, observed: Array, asked: npt.NDArray[np.bool_]) -> bool:
        """Whether the formula as it ran, with its casts and its rounding, gives what the framework answered.
        If not, one of the kernels that it calls does not do what it is called for.
        """
        ran = self._ran
        off = np.abs(observed - ran.centers[name])
        cast = np.abs(ran.centers[name] - self._here.truth.centers[name]).max(initial=0.0)
        return bool((off <= POOR * (ran.allowed(name) + cast))[asked].all())

    @cached_property
    def _ran(self) -> Certificate:
        """What was read at the point, with its casts."""
        program = self._here.lifted.program
        assert program is not None
        return certify(lower(program), dict(_inputs(self.point)), self.point.wrt, self.precision, self.seed)

    @cached_property
    def _here(self) -> _Place:
        return self._at(self.point, self._truth(self.point))

    @cached_property
    def _beside(self) -> tuple[_Place, ...]:
        """The points beside, where the reference is still that of the function and all could be read."""
        fixed = frozenset(getattr(self.framework, "fixed", ()))
        found = []
        for point in nearby(self.point, fixed, self.precision, self.seed):
            truth = self._truth(point)
            if truth.tier == "certified" and self._holds(point, truth):
                place = self._at(point, truth)
                found += [place] if place.lifted.program is not None else []
        return tuple(found)

    def _truth(self, point: Point) -> Certificate:
        given = dict(_inputs(point))
        return certify(unrounded(self.derivative), given, point.wrt, self.precision, self.seed)

    def _at(self, point: Point, truth: Certificate) -> _Place:
        lifted = lift_derivative(self.framework, self.route, self.program, point)
        if lifted.program is None or truth.tier != "certified":
            return _Place(lifted, {}, truth)
        return _Place(lifted, enclosures(lifted.program, truth.program, dict(_inputs(point)), truth), truth)

    def _holds(self, point: Point, truth: Certificate) -> bool:
        """Whether the reference is the function's at another point too: constants and branches that were
        recorded may be others there, which the framework's own values show.
        """
        try:
            values = self.framework.value(self.program, point)
        except Exception:  # noqa: BLE001 - a point where the function does not run is no point to compare at
            return False
        for name, value in zip(self.program.output_names, values, strict=True):
            if name in truth.centers:
                off = np.abs(np.asarray(value, dtype=np.float64) - truth.centers[name])
                slack = np.abs(truth.centers[name]).max(initial=0.0) * 2.0 ** (-self.precision.bits / 2)
                if not (off <= np.maximum(truth.allowed(name), slack)).all():
                    return False
        return True


def _inputs(point: Point) -> Iterator[tuple[str, Values]]:
    """Everything that a derivative Program may take, by name."""
    yield from point.inputs.items()
    for prefix, given in (
        (COTANGENT, point.cotangents),
        (TANGENT, point.tangents),
        (DIRECTION, point.directions),
    ):
        yield from ((prefix + n, a) for n, a in given.items())


def _same_answer(place: _Place, name: str, observed: Array, asked: npt.NDArray[np.bool_]) -> bool:
    """Whether the run that was read made the errors that are to be explained."""
    again = place.lifted.answers[name]
    if again.shape != observed.shape:
        return False
    error = np.abs(observed - place.truth.centers[name])
    slack = np.maximum(error / 2, place.truth.allowed(name))
    return bool((np.abs(again - observed)[asked] <= slack[asked]).all())


def _apart(place: _Place, name: str, found: Comparison) -> bool:
    """Whether the formulas differ in some element in which the framework's answer is the formula's."""
    where = found.apart
    answer = place.lifted.answers[name]
    nearer = np.abs(answer - found.center) < np.abs(answer - place.truth.centers[name])
    return bool((where & nearer).any())
