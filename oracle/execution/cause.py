"""Wrong or imprecise: by the formula check, and where it cannot tell, by how the error scales."""

from __future__ import annotations

from typing import Any, assert_never

import numpy as np
import numpy.typing as npt

from oracle.execution.points import Bench
from oracle.execution.scaling import explained_by_arithmetic
from oracle.execution.stage import NOWHERE, Stage, entering
from oracle.formula.check import FormulaCheck, Outcome
from oracle.frameworks.protocol import Framework
from oracle.judge.judgement import Judgement
from oracle.judge.verdict import Verdict

Array = npt.NDArray[Any]


def formula_check(framework: Framework, route: str, where: Bench, seed: int) -> FormulaCheck:
    """The check of a route's formula, for all arguments; nothing is read before the first question."""
    forward = route in framework.forward_routes and where.order == 1
    derivative = where.derivative(forward=forward)
    return FormulaCheck(framework, route, where.program, derivative, where.point, where.precision, seed)


def wrong_or_imprecise(
    check: FormulaCheck, where: Bench, judged: Judgement, observed: Array
) -> tuple[Verdict, str, str]:
    """The verdict on an error beyond rounding, its detail, and what is said of the formula.

    Where the formulas differ it is wrong, where they are equal imprecise. Where that cannot be told, an error
    that shrinks with the precision is imprecise.
    """
    framework, route = check.framework, check.route
    entering(Stage(framework.name, framework.version, route, where.point.dtype, where.order))
    formula = check.formula(judged.name, np.asarray(observed, dtype=np.float64))
    entering(NOWHERE)
    match formula.outcome:
        case Outcome.DIFFERS:
            return Verdict.WRONG, judged.detail, formula.words
        case Outcome.EQUAL:
            return Verdict.IMPRECISE, judged.detail, formula.words
        case Outcome.UNKNOWN:
            if explained_by_arithmetic(framework, route, where, judged.name):
                detail = f"{judged.detail}; the error shrinks with the precision"
                return Verdict.IMPRECISE, detail, formula.words
            return Verdict.WRONG, judged.detail, formula.words
        case _:
            assert_never(formula.outcome)
