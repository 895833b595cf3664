"""What a backward pass promises, whatever its formula: each promise a finding of its own."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from oracle.execution.judging import Subject
from oracle.execution.points import Bench
from oracle.execution.stage import NOWHERE, Stage, entering
from oracle.frameworks.protocol import Array
from oracle.functions.subject import FunctionSubject, Pulled
from oracle.judge.verdict import Finding, Verdict

FACTORS = (1.0, 2.0, -1.0, 0.0, 1.0)
"""Multiples of the cotangent sent through one graph. Powers of two and signs commute with every rounding, so
what is linear gives the same digits."""

SHARES = (-0.5, 1.0, -2.0)
"""A second cotangent is the first one times these, mixed over its elements: it points elsewhere, and the sum
of both, 1/2, 2 and -1 times the first, is exact in every format."""

SUMMED = 2.0
"""The rounding of a sum's gradient in units of that of both gradients together: each rounding is relative to
a sum of terms, which the triangle inequality bounds; and as much again for the two gradients themselves."""

Gradients = Mapping[str, Array]
Allowed = Callable[[str], Array]
"""Rounding allowed in the gradient of an input; what lies within it is not called a broken promise."""

Rounding = Callable[[Bench], Allowed]
"""The rounding allowed with the cotangents of a bench."""

PROMISES = (
    "repeat",
    "second call",
    "linear",
    "sign",
    "additive",
    "zero",
    "accumulate",
    "mutation",
    "form",
    "memory",
)


def contract_findings(
    subject: Subject, function: FunctionSubject, where: Bench, rounding: Rounding | None = None
) -> Iterator[Finding]:
    """One finding for each promise; none where the backward pass raises: that is the route's finding.

    Without a certificate to say what ``rounding`` explains, only what is gross is called broken.
    """
    framework = subject.framework
    entering(Stage(framework.name, framework.version, "contract", where.point.dtype, 1))
    try:
        pulled = function.pull(where.program, where.point, FACTORS)
        again = function.pull(where.program, where.point, FACTORS[:1])
        left = function.accumulated(where.program, where.point)
        other = _turned(where)
        apart = [function.pull(where.program, b.point, FACTORS[:1]) for b in (other, _summed(where, other))]
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 - the main route tells what is raised
        return
    finally:
        entering(NOWHERE)
    if rounding is None:
        share = math.sqrt(where.precision.unit_roundoff)
        largest = {
            n: np.nan_to_num(np.abs(g), posinf=0.0).max(initial=0.0) for n, g in pulled.gradients[0].items()
        }
        allowed = further = lambda name: np.asarray(share * largest[name])
    else:
        allowed, further = rounding(where), rounding(other)
    broken = _Broken()
    broken.told(pulled, again)
    _hold_multiples(broken, pulled, again, allowed)
    _hold_sum(broken, pulled, apart, allowed, further)
    for passes, gradients in enumerate(left, 1):
        how = f"after backward pass {passes} .grad"
        broken.hold("accumulate", gradients, pulled.gradients[0], float(passes), allowed, how)
    sizes = sum(int(g.size) for g in pulled.gradients[0].values())
    for promise in PROMISES:
        if promise != "accumulate" or left:
            yield finding(subject, where, promise, broken.found.get(promise, []), sizes)


def finding(subject: Subject, where: Bench, promise: str, sentences: list[str], elements: int) -> Finding:
    """What is said of one promise: the sentences on how it was broken, or that it was kept."""
    framework = subject.framework
    return Finding(
        subject.case, framework.name, framework.version, f"contract {promise}", where.point.dtype, 1,
        "gradient", Verdict.CONTRACT if sentences else Verdict.AGREE,
        elements=elements, detail="; ".join(sentences), tags=subject.tags,
    )  # fmt: skip


@dataclass
class _Broken:
    """Sentences on broken promises, by promise."""

    found: dict[str, list[str]] = field(default_factory=dict)

    def told(self, *pulled: Pulled) -> None:
        """Take over what the framework's side noticed."""
        for promise, sentence in dict.fromkeys(pair for p in pulled for pair in p.broken):
            self.found.setdefault(promise, []).append(sentence)

    def hold(
        self, promise: str, is_: Gradients, should: Gradients, factor: float, allowed: Allowed, how: str
    ) -> None:
        """A sentence where ``is_`` is not ``factor`` times ``should``, on the element that is off most."""
        for name, gradient in should.items():
            if name not in is_:
                continue
            with np.errstate(over="ignore", invalid="ignore"):  # infinite gradients have no rounding
                target = factor * gradient
                worst = _worst(is_[name], target, abs(factor) * allowed(name))
            if worst is not None:
                index = np.unravel_index(worst, target.shape)
                place = f"{name}[{', '.join(str(int(i)) for i in index)}]" if target.ndim else name
                was, expected = float(is_[name].ravel()[worst]), float(target.ravel()[worst])
                self.found.setdefault(promise, []).append(
                    f"{how} of {place} is {was!r}, expected {expected!r}"
                )


def _hold_multiples(broken: _Broken, pulled: Pulled, again: Pulled, allowed: Allowed) -> None:
    first = pulled.gradients[0]
    broken.hold("repeat", again.gradients[0], first, 1.0, _nothing, "in a second run the gradient")
    if len(pulled.gradients) < len(FACTORS):
        return
    finite = {n: np.where(np.isfinite(first[n]), g, 0.0) for n, g in pulled.gradients[3].items()}
    zeros = {n: np.zeros_like(g) for n, g in first.items()}
    broken.hold("zero", finite, zeros, 1.0, _nothing, "for a cotangent of 0 the gradient")
    broken.hold("linear", pulled.gradients[1], first, 2.0, allowed, "for twice the cotangent the gradient")
    broken.hold("sign", pulled.gradients[2], first, -1.0, allowed, "for the opposite cotangent the gradient")
    broken.hold(
        "second call", pulled.gradients[4], first, 1.0, _nothing, "in a second backward pass the gradient"
    )


def _hold_sum(broken: _Broken, pulled: Pulled, apart: list[Pulled], one: Allowed, two: Allowed) -> None:
    """The gradient of a sum of two cotangents is the sum of their gradients, where all three are finite."""
    first, other, both = pulled.gradients[0], apart[0].gradients[0], apart[1].gradients[0]
    with np.errstate(invalid="ignore", over="ignore"):
        sums = {n: first[n] + other[n] for n in first}
    finite = {n: np.isfinite(sums[n]) & np.isfinite(both[n]) for n in sums}
    broken.hold(
        "additive",
        {n: np.where(finite[n], g, 0.0) for n, g in both.items()},
        {n: np.where(finite[n], g, 0.0) for n, g in sums.items()},
        1.0,
        lambda n: SUMMED * (one(n) + two(n)),
        "for a sum of two cotangents the gradient",
    )


def _turned(where: Bench) -> Bench:
    """The bench with a cotangent in another direction."""
    start = 0
    cotangents = {}
    for name, cotangent in where.point.cotangents.items():
        shares = np.take(SHARES, (start + np.arange(cotangent.size)) % len(SHARES))
        cotangents[name] = cotangent * shares.reshape(cotangent.shape)
        start += cotangent.size
    return replace(where, point=replace(where.point, cotangents=cotangents))


def _summed(one: Bench, other: Bench) -> Bench:
    """The bench with the sum of both cotangents."""
    pairs = one.point.cotangents, other.point.cotangents
    cotangents = {name: pairs[0][name] + pairs[1][name] for name in pairs[0]}
    return replace(one, point=replace(one.point, cotangents=cotangents))


def _nothing(_: str) -> Array:
    """No rounding: the same numbers are expected."""
    return np.asarray(0.0)


def _worst(observed: Array, expected: Array, allowed: Array) -> int | None:
    """Flat index of the largest difference beyond ``allowed``; None if there is none. NaN equals NaN."""
    off = np.abs(observed - expected)
    same = (observed == expected) | (np.isnan(observed) & np.isnan(expected))
    over = np.where(same, 0.0, np.nan_to_num(off - allowed, nan=np.inf, posinf=np.inf))
    if not over.size or not (over > 0).any():
        return None
    return int(np.argmax(over))
