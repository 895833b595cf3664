"""What lifting a framework's own derivative gives: the formula that a route runs, as a Program."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from oracle.lift.program import Array
from reference_engine.program import Program


@dataclass(frozen=True, eq=False)
class LiftedDerivative:
    """One route of a framework at one point, as it ran.

    Inputs of ``program`` are called as those of the reference's derivative (``x``, ``ct.y``), its outputs by
    what they are the derivative for (``grad.x``). It is None where ``missing`` says what could not be read.
    ``answers`` are the framework's own numbers of that very run, by the same names.
    """

    program: Program | None
    answers: Mapping[str, Array]
    missing: str = ""


def not_lifted(missing: str) -> LiftedDerivative:
    """A derivative that could not be read, with what is missing."""
    return LiftedDerivative(None, {}, missing)
