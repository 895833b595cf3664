"""From the comparison of all arguments of one route to a verdict each; kinks and poles by limiting
gradients.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from oracle.judge.rule import Comparison, Strength, compare, inside, strength
from oracle.judge.subgradients import (
    Decision,
    Membership,
    NoLimitError,
    describe_limits,
    locate,
    locate_between,
)
from oracle.judge.verdict import Verdict
from reference_engine.arithmetic.balls import midpoints, plain
from reference_engine.certify import Certificate, cost
from reference_engine.differentiate import DIRECTION, TANGENT
from reference_engine.limits import Approach, limit

Values = npt.NDArray[np.float64]

LIMIT_WORK = 20_000_000
"""Element-operations that the search for limits may spend on one route (some seconds at 4096 bits)."""

FORWARD_PAIRS = 6
"""Opposite pairs of directions tried for a JVP at a kink."""

LARGEST_HULL = 2_000
"""Elements of a gradient beyond which no convex hull is searched: the linear algebra would take minutes."""


@dataclass(frozen=True)
class Judgement:
    """The verdict on one argument and the element it rests on (flat index)."""

    name: str
    verdict: Verdict
    tier: str
    detail: str
    index: int | None
    comparison: Comparison
    strength: Strength
    reference: str
    center: float
    size: int
    bits: int


def reference_text(certificate: Certificate, name: str, index: int) -> str:
    """The enclosure of one element for a person."""
    value = certificate.enclosures[name].ravel()[index]
    if certificate.tier == "estimated":
        return f"{float(value)!r} (estimated)"
    ball = plain(value)
    if not ball.is_finite():
        return "no finite value"
    center = float(ball.mid())
    spread = float(ball.rad())
    return f"{center!r}" if spread == 0 else f"{center!r} +- {spread:.0e}"


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
    if open_ or (kinked and troubled):
        return _judge_at_kink(certificate, inputs, wrt, observed, compared, settled, seed)
    return [settled[n] for n in names]


def _worst(comparison: Comparison) -> int | None:
    if comparison.rho.size == 0:
        return None
    return int(np.argmax(np.nan_to_num(comparison.rho, nan=np.inf, posinf=np.finfo(float).max)))


def _judgement(
    certificate: Certificate,
    name: str,
    comparison: Comparison,
    verdict: Verdict,
    detail: str,
    tier: str | None = None,
) -> Judgement:
    index = _worst(comparison)
    text = reference_text(certificate, name, index) if index is not None else ""
    power = strength(certificate, name, comparison, index)
    center = float(certificate.centers[name].ravel()[index]) if index is not None else 0.0
    return Judgement(
        name, verdict, tier or certificate.tier, detail, index, comparison, power, text,
        center, comparison.rho.size, certificate.subject.bits,
    )  # fmt: skip


def _judge_settled(
    certificate: Certificate, name: str, observed: Values, comparison: Comparison
) -> Judgement:
    """An argument whose enclosures are all narrow."""

    def say(verdict: Verdict, detail: str) -> Judgement:
        return _judgement(certificate, name, comparison, verdict, detail)

    if (comparison.rho <= 1).all():
        power = strength(certificate, name, comparison, _worst(comparison))
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


def _judge_at_kink(
    certificate: Certificate,
    inputs: Mapping[str, npt.NDArray[np.generic]],
    wrt: Sequence[str],
    observed: Mapping[str, Values],
    compared: Mapping[str, Comparison],
    settled: Mapping[str, Judgement],
    seed: int,
) -> list[Judgement]:
    names = list(observed)

    def all_say(verdict: Verdict, detail: str, tier: str = "limit") -> list[Judgement]:
        """The verdict for what is open, and for what failed; arguments that are settled and right keep
        theirs.
        """
        out = []
        for n in names:
            own = settled.get(n)
            if own is not None and own.verdict not in {Verdict.WRONG, Verdict.NONFINITE}:
                out.append(own)
            else:
                out.append(_judgement(certificate, n, compared[n], verdict, detail, tier))
        return out

    size = sum(observed[n].size for n in names)
    work = cost(certificate.program)
    if any(k.undecided for k in certificate.kinks):
        return all_say(Verdict.UNDECIDED, f"a comparison stays undecided at {certificate.bits} bits", "none")
    if size > LARGEST_HULL or work * 20 > LIMIT_WORK:
        return all_say(Verdict.UNDECIDED, "too large for the search for limiting gradients", "none")
    vector = np.concatenate([np.where(np.isfinite(observed[n]), observed[n], 0.0).ravel() for n in names])
    allowed = np.concatenate([np.nan_to_num(compared[n].allowed, posinf=0.0).ravel() for n in names])
    finite = all(np.isfinite(observed[n]).all() for n in names)
    held = _kink_allowance(certificate, allowed)
    try:
        if any(n.startswith(TANGENT) for n in names):
            limits = _along_tangents(certificate, inputs, wrt, names, seed)
            decision = locate_between(vector, held, limits)
        else:
            decision = locate(vector, held, _limits(certificate, inputs, wrt, names), seed)
    except NoLimitError as reason:
        return (
            all_say(Verdict.SINGULAR, str(reason), "none")
            if "undecided" not in str(reason)
            else all_say(Verdict.UNDECIDED, str(reason), "none")
        )
    if decision.membership is Membership.UNKNOWN:
        return all_say(Verdict.SINGULAR, "the function is not defined beside this point", "none")
    return [
        _place(certificate, n, observed[n], compared[n], decision, slice_, finite=finite, kept=settled.get(n))
        for n, slice_ in _slices(names, observed)
    ]


def _slices(names: Sequence[str], observed: Mapping[str, Values]) -> list[tuple[str, slice]]:
    out, start = [], 0
    for n in names:
        out.append((n, slice(start, start + observed[n].size)))
        start += observed[n].size
    return out


def _kink_allowance(certificate: Certificate, allowed: Values) -> Values:
    """Noise at a kink can be unknown (0/0): then four units of the largest cotangent-sized value."""
    unit = certificate.subject.unit_roundoff
    return np.where((allowed > 0) & np.isfinite(allowed), allowed, 64 * unit)


def _limits(
    certificate: Certificate,
    inputs: Mapping[str, npt.NDArray[np.generic]],
    wrt: Sequence[str],
    names: Sequence[str],
) -> Callable[[Values], Values | None]:
    """The limiting derivative as a function of a direction in the space of all inputs."""
    shapes = {n: np.shape(inputs[n]) for n in wrt}

    def function(direction: Values) -> Values | None:
        split: dict[str, Values] = {}
        start = 0
        for n, shape in shapes.items():
            count = int(np.prod(shape, dtype=np.int64))
            split[n] = direction[start : start + count].reshape(shape)
            start += count
        found = limit(certificate.program, inputs, split, certificate.enclosures, names)
        if found.approach is Approach.OUTSIDE:
            return None
        if found.jumps:
            msg = "the function jumps here"
            raise NoLimitError(msg)
        if found.approach is Approach.DIVERGES:
            msg = "the derivative grows without bound near this point"
            raise NoLimitError(msg)
        if found.approach is Approach.UNDECIDED:
            msg = "undecided: the derivative settles too slowly near this point"
            raise NoLimitError(msg)
        return np.concatenate([midpoints(found.enclosures[n]).ravel() for n in names])

    return function


def _along_tangents(
    certificate: Certificate,
    inputs: Mapping[str, npt.NDArray[np.generic]],
    wrt: Sequence[str],
    names: Sequence[str],
    seed: int,
) -> Iterator[Values]:
    """Limits of a JVP: first along the tangent and against it, which are the extremes of a maximum's slopes,
    then along random directions.
    """
    function = _limits(certificate, inputs, wrt, names)
    generator = np.random.default_rng(seed)
    tangent = np.concatenate([np.asarray(inputs[TANGENT + n], dtype=float).ravel() for n in wrt])
    for k in range(FORWARD_PAIRS):
        random = generator.uniform(0.5, 1.5, tangent.size) * generator.choice([-1.0, 1.0], tangent.size)
        direction = tangent + 2.0**-12 * random if k == 0 else random
        yield from (g for g in (function(direction), function(-direction)) if g is not None)


def _several_choices(certificate: Certificate) -> bool:
    """Whether the gradient mixes more than one choice of a slope: several operations at a kink, one in
    several elements, or a second derivative, into which one choice enters twice.
    """
    nodes = certificate.program.nodes
    if any(name.startswith(DIRECTION) for name in certificate.program.input_names):
        return True
    sites: dict[tuple[int | None, int], int] = {}
    for kink in certificate.kinks:
        node = nodes[kink.node]
        source = node.inputs[-1] if node.op == "pick" else node.inputs[0]
        sites[node.origin, source] = max(sites.get((node.origin, source), 0), kink.count)
    return sum(sites.values()) > 1


def _place(
    certificate: Certificate,
    name: str,
    observed: Values,
    comparison: Comparison,
    decision: Decision,
    part: slice,
    *,
    finite: bool,
    kept: Judgement | None,
) -> Judgement:
    """One argument's verdict from where the whole gradient lies."""
    if kept is not None and kept.verdict not in {Verdict.WRONG, Verdict.NONFINITE}:
        return kept
    limits = decision.limits[:, part]
    low, high = limits.min(axis=0), limits.max(axis=0)
    flat = observed.ravel()
    allowed = np.maximum(_kink_allowance(certificate, comparison.allowed.ravel()), 2.0**-30 * (high - low))
    with np.errstate(invalid="ignore"):
        away = np.where(np.isfinite(flat), np.maximum(low - flat, flat - high), np.inf)
    index = int(np.argmax(away / allowed)) if flat.size else 0
    held = replace(
        comparison, rho=np.maximum(away, 0.0).reshape(observed.shape) / allowed.reshape(observed.shape)
    )

    def say(verdict: Verdict, detail: str) -> Judgement:
        made = _judgement(certificate, name, held, verdict, detail, "limit")
        return replace(made, index=index, reference=describe_limits(limits, index) if flat.size else "")

    smooth = bool((high - low <= 2 * allowed).all())
    if not np.isfinite(observed).all():
        return say(Verdict.NONFINITE, "NaN or infinity where finite limiting gradients exist")
    own = bool((away <= allowed).all())
    if not finite and own:
        return say(Verdict.AGREE if smooth else Verdict.CONVENTION, "inside the range of limiting gradients")
    if decision.membership is Membership.INSIDE:
        if smooth:
            return say(Verdict.AGREE, "differentiable here: all limiting gradients coincide")
        return say(Verdict.CONVENTION, "a valid subgradient at a kink")
    if smooth and own:
        return say(Verdict.AGREE, "differentiable here: all limiting gradients coincide")
    reachable = bool(certificate.kinks) and inside(certificate, name, observed, widened=False)
    if reachable and _several_choices(certificate):
        detail = (
            "smooth here"
            if decision.membership is Membership.POINT
            else "not a mixture of limiting gradients"
        )
        return say(Verdict.ARTIFACT, f"{detail}, but each kink's own convention is valid")
    return say(Verdict.WRONG, "outside the set of limiting gradients")
