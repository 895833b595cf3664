"""Verdicts at kinks, poles and removable singularities, by limiting gradients."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from oracle.judge.excuses import BLIND, NEAR_BRANCH, NO_VALUE, cancels, excuse_by_rounding, has_value
from oracle.judge.judgement import Judgement, make_judgement
from oracle.judge.rule import Comparison, inside, strength_between
from oracle.judge.subgradients import (
    HULL_SLACK,
    Decision,
    Membership,
    NoLimitError,
    describe_limits,
    locate,
    locate_between,
)
from oracle.judge.verdict import Verdict
from reference_engine.arithmetic.balls import midpoints
from reference_engine.certify import FLOOR_UNITS, NOISE_FACTOR, Certificate, certify, cost
from reference_engine.differentiate import DIRECTION, GRADIENT, TANGENT
from reference_engine.limits import Approach, limit

Values = npt.NDArray[np.float64]

LIMIT_WORK = 20_000_000
"""Element-operations that the search for limits may spend on one route (some seconds at 4096 bits)."""

BESIDE = 2.0**-4
"""How far, relative to the inputs, the point lies whose noise stands in for one that is unknown: near enough
for the same scale, far enough from 0/0 not to magnify it (det at rank 1 of 3: one rounding of a product)."""

LARGEST_HULL = 2_000
"""Elements of a gradient beyond which no convex hull is searched: the linear algebra would take minutes."""


def judge_at_kink(
    certificate: Certificate,
    inputs: Mapping[str, npt.NDArray[np.generic]],
    wrt: Sequence[str],
    observed: Mapping[str, Values],
    compared: Mapping[str, Comparison],
    settled: Mapping[str, Judgement],
    seed: int,
) -> list[Judgement]:
    """Verdicts on the derivative outputs of one route where a slope was chosen or the chain rule met 0/0.

    ``settled`` holds the judgements of arguments that are not touched by it; those that did not fail stay.
    """
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
                out.append(make_judgement(certificate, n, compared[n], verdict, detail, tier))
        return out

    size = sum(observed[n].size for n in names)
    work = cost(certificate.program)
    if any(k.undecided for k in certificate.kinks):
        if not has_value(certificate):
            return all_say(Verdict.SINGULAR, NO_VALUE, "none")
        return all_say(Verdict.UNDECIDED, f"a comparison stays undecided at {certificate.bits} bits", "none")
    if size > LARGEST_HULL or work * 20 > LIMIT_WORK:
        return all_say(Verdict.UNDECIDED, "too large for the search for limiting gradients", "none")
    vector = np.concatenate([np.where(np.isfinite(observed[n]), observed[n], 0.0).ravel() for n in names])
    finite = all(np.isfinite(observed[n]).all() for n in names)
    function = _limits(certificate, inputs, wrt, names)
    try:
        scale = _scale(function, sum(int(np.size(inputs[n])) for n in wrt), seed)
        grown = _allowances(certificate, inputs, wrt, compared, scale, seed)
        compared = {n: replace(c, allowed=grown[n]) for n, c in compared.items()}
        held = np.concatenate([grown[n].ravel() for n in names])
        if not any(n.startswith((GRADIENT, TANGENT)) for n in names):
            every = np.ones(sum(int(np.size(inputs[n])) for n in wrt))
            decision = locate_between(vector, held, function, every, seed)
        elif any(n.startswith(TANGENT) for n in names):
            tangent = np.concatenate([np.asarray(inputs[TANGENT + n], dtype=float).ravel() for n in wrt])
            decision = locate_between(vector, held, function, tangent, seed)
        else:
            decision = locate(vector, held, function, seed)
    except NoLimitError as reason:
        return all_say(reason.verdict, str(reason), "none")
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


def _allowances(
    certificate: Certificate,
    inputs: Mapping[str, npt.NDArray[np.generic]],
    wrt: Sequence[str],
    compared: Mapping[str, Comparison],
    scale: float,
    seed: int,
) -> dict[str, Values]:
    """The rounding allowed each argument at a kink or removable 0/0.

    Where the noise at the point itself is unknown, it is that of a regular point at a distance of BESIDE, or
    at least that of a few roundings of a value of size ``scale``.
    """
    least = NOISE_FACTOR * FLOOR_UNITS * certificate.subject.unit_roundoff * scale
    beside: Certificate | None = None
    out = {}
    for name, comparison in compared.items():
        allowed = _shared(comparison, cancels(certificate, name))
        unknown = ~((allowed > 0) & np.isfinite(allowed))
        if unknown.any():
            beside = beside or _beside(certificate, inputs, wrt, seed)
            near = np.asarray(beside.allowed(name))
            near = np.maximum(np.where(np.isfinite(near), near, 0.0), max(least, np.finfo(float).tiny))
            allowed = np.where(unknown, near, allowed)
        out[name] = allowed
    return out


def _shared(comparison: Comparison, cancelled: npt.NDArray[np.bool_]) -> Values:
    """The allowances, of which the elements that are open share the largest, and so do those that cancel to
    zero: the samples give the slope of a tie to one of those tied, a framework may give it to another.
    """
    allowed = comparison.allowed.copy()
    for tied in (~comparison.settled, cancelled & comparison.settled):
        known = tied & np.isfinite(allowed)
        allowed[known] = allowed[known].max(initial=0.0)
    return allowed


def _beside(
    certificate: Certificate, inputs: Mapping[str, npt.NDArray[np.generic]], wrt: Sequence[str], seed: int
) -> Certificate:
    generator = np.random.default_rng(seed)
    moved = dict(inputs)
    for n in wrt:
        x = np.asarray(inputs[n], dtype=float)
        sizes = np.where(np.isfinite(x), np.abs(x), 0.0)  # an infinite input stays where it is
        size = np.where(sizes == 0, float(sizes.max(initial=0.0)) or 1.0, sizes)
        moved[n] = x + BESIDE * size * generator.uniform(0.5, 1.0, x.shape)
    return certify(certificate.program, moved, wrt, certificate.subject, seed)


def _limits(
    certificate: Certificate,
    inputs: Mapping[str, npt.NDArray[np.generic]],
    wrt: Sequence[str],
    names: Sequence[str],
) -> Callable[[Values], Values | None]:
    """The limiting derivative (or value) as a function of a direction in the space of all inputs."""
    program = certificate.program
    if not any(n.startswith((GRADIENT, TANGENT)) for n in names):
        kept = [i for i, n in zip(program.outputs, program.output_names, strict=True) if n in names]
        program = replace(program, outputs=tuple(kept), output_names=tuple(names))
    shapes = {n: np.shape(inputs[n]) for n in wrt}

    def function(direction: Values) -> Values | None:
        split: dict[str, Values] = {}
        start = 0
        for n, shape in shapes.items():
            count = int(np.prod(shape, dtype=np.int64))
            split[n] = direction[start : start + count].reshape(shape)
            start += count
        found = limit(program, inputs, split, certificate.enclosures, names)
        if found.approach is Approach.OUTSIDE:
            return None
        if found.jumps:
            msg = "the function jumps here"
            raise NoLimitError(msg, Verdict.SINGULAR)
        if found.approach is Approach.DIVERGES:
            msg = "the derivative grows without bound near this point"
            raise NoLimitError(msg, Verdict.SINGULAR)
        if found.approach is Approach.UNDECIDED:
            msg = "the derivative settles too slowly near this point"
            raise NoLimitError(msg, Verdict.UNDECIDED)
        beside = np.concatenate([midpoints(found.enclosures[n]).ravel() for n in names])
        if not np.isfinite(beside).all():
            msg = "the derivative near this point exceeds float64"
            raise NoLimitError(msg, Verdict.UNDECIDED)
        return beside

    return function


def _scale(function: Callable[[Values], Values | None], size: int, seed: int) -> float:
    """The largest element of the derivative beside the point, 1 where none is found."""
    direction = np.random.default_rng(seed).uniform(0.5, 1.5, size)
    found = [g for g in (function(direction), function(-direction)) if g is not None]
    return max((float(np.abs(g).max(initial=0.0)) for g in found), default=1.0)


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
    allowed = np.maximum(comparison.allowed.ravel(), HULL_SLACK * (high - low))
    with np.errstate(invalid="ignore"):
        away = np.where(np.isfinite(flat), np.maximum(low - flat, flat - high), np.inf)
    index = int(np.argmax(away / allowed)) if flat.size else None
    outside = np.maximum(away, 0.0).reshape(observed.shape)
    held = replace(
        comparison, rho=outside / allowed.reshape(observed.shape), distance=outside,
        allowed=allowed.reshape(observed.shape),
    )  # fmt: skip
    power = strength_between(low, high, allowed, index, certificate.subject.unit_roundoff)

    def say(verdict: Verdict, detail: str) -> Judgement:
        if verdict is Verdict.AGREE and power.vacuous:
            verdict, detail = Verdict.VACUOUS, BLIND
        made = make_judgement(certificate, name, held, verdict, detail, "limit", power)
        return replace(
            made, index=index, reference=describe_limits(limits, index) if index is not None else ""
        )

    smooth = bool((high - low <= 2 * allowed).all())
    if not np.isfinite(observed).all():
        unexcused = Verdict.NONFINITE, "NaN or infinity where finite limiting gradients exist"
        return say(*(excuse_by_rounding(certificate, name) or unexcused))
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
    if certificate.widened is not None and inside(certificate, name, observed, widened=True):
        return say(Verdict.ILL_CONDITIONED, NEAR_BRANCH)
    if smooth:
        return say(
            Verdict.WRONG, "the function is differentiable here: its gradient tends to this from all sides"
        )
    return say(Verdict.WRONG, "outside the set of limiting gradients")
