"""Whether forward and reverse mode are adjoint: <u, J v> = <J^T u, v> for the vectors of one bench."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from oracle.execution.judging import Subject, Truth
from oracle.frameworks.protocol import Answer, Array, Point
from oracle.functions.contract import finding
from oracle.functions.subject import FunctionSubject
from oracle.judge.verdict import Finding
from reference_engine.differentiate import GRADIENT, TANGENT
from reference_engine.program import Program


class Heard:
    """A function that is asked as it is, and whose answers at first order are kept by route."""

    def __init__(self, function: FunctionSubject) -> None:
        self.function = function
        self.answers: dict[str, Answer] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self.function, name)

    def derivative(self, route: str, program: Program, point: Point) -> Answer:
        """The function's own answer; the first one of a route is that at the bench itself."""
        answer = self.function.derivative(route, program, point)
        self.answers.setdefault(route, answer)
        return answer


def adjoint_findings(subject: Subject, heard: Heard, truth: Truth) -> Iterator[Finding]:
    """One finding if reverse and forward mode both answered: the two products agree within the rounding of
    both answers. None at or near kinks, where each mode may choose another slope, and beside NaN or infinity.
    """
    function, where = heard.function, truth.bench
    gradients = heard.answers.get(function.routes[0])
    moved = next((heard.answers[r] for r in function.forward_routes if r in heard.answers), None)
    if gradients is None or moved is None:
        return
    reverse, forward = truth.certificate(forward=False), truth.certificate(forward=True)
    if any(c.kinks or c.widened is not None for c in (reverse, forward)):
        return
    point = where.point
    pairs = [
        (gradients.derivatives, point.tangents, {n: reverse.allowed(GRADIENT + n) for n in point.wrt}),
        (moved.derivatives, point.cotangents, {n: forward.allowed(TANGENT + n) for n in point.cotangents}),
    ]
    if any(answers[n].shape != np.shape(v) for answers, vectors, _ in pairs for n, v in vectors.items()):
        return
    (back, back_noise), (fore, fore_noise) = (_product(*each) for each in pairs)
    allowed = back_noise + fore_noise
    if not all(map(math.isfinite, (back, fore, allowed))):
        return
    broken = abs(back - fore) > allowed
    sentence = f"<J^T u, v> is {back!r}, <u, J v> is {fore!r}; rounding explains {allowed:.1e}"
    elements = sum(int(np.size(v)) for v in point.tangents.values())
    yield finding(subject, where, "adjoint", [sentence] if broken else [], elements)


def _product(
    answers: Mapping[str, Array], vectors: Mapping[str, Array], allowed: Mapping[str, Array]
) -> tuple[float, float]:
    """The inner product of all answers with their vectors, and what rounding of the answers may add to it."""
    terms = np.concatenate([(answers[n] * v).ravel() for n, v in vectors.items()])
    noise = sum(float((allowed[n] * np.abs(v)).sum()) for n, v in vectors.items())
    return math.fsum(terms) if np.isfinite(terms).all() else math.nan, noise
