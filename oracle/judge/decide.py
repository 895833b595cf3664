"""From the comparison of all arguments of one route to a verdict each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from oracle.judge.judgement import Judgement, make_judgement, worst_element
from oracle.judge.kinks import judge_at_kink
from oracle.judge.rule import Comparison, compare, inside, strength
from oracle.judge.verdict import Verdict
from reference_engine.certify import Certificate
from reference_engine.differentiate import GRADIENT, TANGENT

Values = npt.NDArray[np.float64]

__all__ = ["Judgement", "judge_route"]


def judge_route(
    certificate: Certificate,
    inputs: Mapping[str, npt.NDArray[np.generic]],
    wrt: Sequence[str],
    observed: Mapping[str, Values],
    seed: int = 0,
) -> list[Judgement]:
    """Verdicts on the derivative outputs named in ``observed``, all from one route.

    ``certificate`` is of the derivative Program, ``inputs`` its inputs, ``wrt`` the inputs of the function
    that are differentiated (the space in which directions are taken at a kink).
    """
    names = list(observed)
    compared = {n: compare(certificate, n, observed[n]) for n in names}
    open_ = [n for n in names if not compared[n].settled.all()]
    settled = {n: _judge_settled(certificate, n, observed[n], compared[n]) for n in names if n not in open_}
    kinked = bool(certificate.kinks)
    troubled = [n for n, j in settled.items() if j.verdict in {Verdict.WRONG, Verdict.NONFINITE}]
    derivatives = all(n.startswith((GRADIENT, TANGENT)) for n in names)
    if derivatives and any(k.jump for k in certificate.kinks):
        # The chain rule of a function that jumps proves nothing: x sign(x) at 0 has slopes -1 and 1.
        settled = {}
        open_ = names
    if open_ or (kinked and troubled):
        return judge_at_kink(certificate, inputs, wrt, observed, compared, settled, seed)
    return [settled[n] for n in names]


def _judge_settled(
    certificate: Certificate, name: str, observed: Values, comparison: Comparison
) -> Judgement:
    """An argument whose enclosures are all narrow."""

    def say(verdict: Verdict, detail: str) -> Judgement:
        return make_judgement(certificate, name, comparison, verdict, detail)

    if (comparison.rho <= 1).all():
        power = strength(certificate, name, comparison, worst_element(comparison))
        if power.ill_conditioned:
            return say(Verdict.ILL_CONDITIONED, "rounding alone could halve or double this gradient")
        if power.vacuous:
            return say(Verdict.VACUOUS, "no error as large as the gradient itself would have been caught")
        if comparison.out_of_range.any():
            return say(Verdict.AGREE, "out of range: the true value exceeds the format")
        return say(Verdict.AGREE, "")
    if certificate.widened is not None and inside(certificate, name, observed, widened=True):
        return say(
            Verdict.ILL_CONDITIONED, "a branch lies within rounding of its boundary and may go either way"
        )
    if certificate.tier == "estimated" and _has_ties(certificate):
        return say(Verdict.UNDECIDED, "a tie in the estimated tier")
    bad = ~np.isfinite(observed) & ~comparison.out_of_range
    if bad.any():
        return say(Verdict.NONFINITE, f"{int(bad.sum())} of {observed.size} elements are NaN or infinite")
    count = int((comparison.rho > 1).sum())
    return say(Verdict.WRONG, f"{count} of {observed.size} elements are off by more than rounding")


def _has_ties(certificate: Certificate) -> bool:
    program, values = certificate.program, certificate.values
    for _, node in program:
        if node.op in {"less", "less_equal", "greater", "greater_equal"}:
            first, second = (values[i] for i in node.inputs)
            if np.any(first == second):
                return True
        if node.op in {"pick", "order_last", "sort_last"}:
            key = np.sort(values[node.inputs[-1]], axis=-1)
            if np.any(key[..., 1:] == key[..., :-1]):
                return True
    return False
