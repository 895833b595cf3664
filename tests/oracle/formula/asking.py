"""How these tests ask for the formula of a user's function."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from oracle.execution.cause import formula_check
from oracle.execution.points import set_up
from oracle.formula.check import Formula
from oracle.functions.framework import subject_of
from reference_engine.differentiate import GRADIENT, TANGENT
from reference_engine.precision import PRECISIONS


def formulas(function: Callable[..., Any], *inputs: Any, route: str = "", order: int = 1) -> list[Formula]:
    """What the check says of each derivative on a route, the main one by default."""
    subject = subject_of(function, inputs)
    subject.observe()
    lifted = subject.lift()
    assert lifted.program is not None, lifted.unsupported
    subject.adopt(lifted)
    wrt = tuple(s.name for s in subject.slots if s.differentiable)
    precision = PRECISIONS[subject.native]
    where = set_up(lifted.program, lifted.arrays, wrt, precision, order, {}, [0], {})
    route = route or subject.routes[0]
    ask = subject.derivative if order == 1 else subject.second_order
    answer = ask(route, where.program, where.point)
    prefix = TANGENT if route in subject.forward_routes and order == 1 else GRADIENT
    check = formula_check(subject, route, where, 0)
    return [check.formula(prefix + n, np.asarray(d, dtype=np.float64)) for n, d in answer.derivatives.items()]
