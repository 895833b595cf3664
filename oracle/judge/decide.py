"""From the comparison of all arguments of one route to a verdict each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from oracle.judge.excuses import BLIND, NEAR_BRANCH, TAIL, excuse_for_nonfinite, without_digits
from oracle.judge.judgement import Judgement, make_judgement, worst_element
from oracle.judge.kinks import judge_at_kink
from oracle.judge.rule import Comparison, compare, inside, strength
from oracle.judge.verdict import Verdict
from reference_engine.certify import Certificate

Values = npt.NDArray[np.float64]

UNDECIDED_BEFORE = "a comparison that the value rests on stays undecided"

__all__ = ["Judgement", "judge_route", "judge_values"]


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
    if any(k.jump for k in certificate.kinks):
        # The chain rule of a function that jumps proves nothing: x sign(x) at 0 has slopes -1 and 1.
        settled = {}
        open_ = names
    if open_ or (kinked and troubled):
        return judge_at_kink(certificate, inputs, wrt, observed, compared, settled, seed)
    return [settled[n] for n in names]


def judge_values(
    certificate: Certificate,
    inputs: Mapping[str, npt.NDArray[np.generic]],
    wrt: Sequence[str],
    observed: Mapping[str, Values],
    seed: int = 0,
) -> list[Judgement]:
    """Verdicts on the function's own values, named in ``observed``; the rest as for :func:`judge_route`.

    Where some elements have no narrow enclosure (a pole, 0/0, outside a domain) and those that have one are
    right, their limits are searched; where there are none, the verdict on the others stands.
    """
    return [_judge_value(certificate, inputs, wrt, n, v, seed) for n, v in observed.items()]


def _judge_value(
    certificate: Certificate,
    inputs: Mapping[str, npt.NDArray[np.generic]],
    wrt: Sequence[str],
    name: str,
    observed: Values,
    seed: int,
) -> Judgement:
    compared = compare(certificate, name, observed)
    known = replace(compared, rho=np.where(compared.settled, compared.rho, 0.0))
    if (known.rho > 1).any() and _rests_on_undecided(certificate, name):
        return make_judgement(certificate, name, known, Verdict.UNDECIDED, UNDECIDED_BEFORE, "none")
    if compared.settled.all() or (known.rho > 1).any():
        return _judge_settled(certificate, name, observed, known)
    (searched,) = judge_at_kink(certificate, inputs, wrt, {name: observed}, {name: compared}, {}, seed)
    if searched.verdict in {Verdict.SINGULAR, Verdict.UNDECIDED} and compared.settled.any():
        return _judge_settled(certificate, name, observed, known)
    return searched


def _rests_on_undecided(certificate: Certificate, name: str) -> bool:
    """Whether a comparison that could not be decided (with NaN, or of equal expressions) lies behind an
    output: a number counted or a side taken there proves nothing.
    """
    program = certificate.program
    behind = {program.outputs[program.output_names.index(name)]}
    for index in range(max(behind), -1, -1):
        if index in behind:
            behind |= set(program.nodes[index].inputs)
    return any(k.undecided and k.node in behind for k in certificate.kinks)


def _judge_settled(
    certificate: Certificate, name: str, observed: Values, comparison: Comparison
) -> Judgement:
    """An argument whose enclosures are all narrow."""

    def say(verdict: Verdict, detail: str) -> Judgement:
        return make_judgement(certificate, name, comparison, verdict, detail, power=power)

    power = strength(certificate, name, comparison, worst_element(comparison))
    if (comparison.rho <= 1).all():
        if power.ill_conditioned:
            return say(Verdict.ILL_CONDITIONED, "rounding alone could halve or double this gradient")
        if power.vacuous:
            return say(Verdict.VACUOUS, BLIND)
        if comparison.out_of_range.any():
            return say(Verdict.AGREE, "out of range: the true value exceeds the format")
        return say(Verdict.AGREE, "")
    if certificate.widened is not None and inside(certificate, name, observed, widened=True):
        return say(Verdict.ILL_CONDITIONED, NEAR_BRANCH)
    if certificate.tier == "estimated" and _has_ties(certificate):
        return say(Verdict.UNDECIDED, "a tie in the estimated tier")
    bad = ~np.isfinite(observed) & ~comparison.out_of_range & comparison.settled
    if bad.any():
        if excuse := excuse_for_nonfinite(certificate, name):
            return say(*excuse)
        return say(Verdict.NONFINITE, f"{int(bad.sum())} of {observed.size} elements are NaN or infinite")
    off = ~(comparison.rho <= 1)
    if (comparison.rho[off] <= TAIL).all() and without_digits(certificate, name)[off].all():
        return say(Verdict.ILL_CONDITIONED, "rounding alone leaves no digits of the elements that are off")
    count = int(off.sum())
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
