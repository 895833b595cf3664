"""What a backward pass promises, whatever its formula: each promise a finding of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import numpy as np

from oracle.execution.judging import Subject
from oracle.execution.points import Bench
from oracle.frameworks.protocol import Array
from oracle.functions.subject import FunctionSubject, Pulled
from oracle.judge.verdict import Finding, Verdict

FACTORS = (1.0, 2.0, -1.0, 0.0, 1.0)
"""Multiples of the cotangent sent through one graph. Powers of two and signs commute with every rounding, so
what is linear gives the same digits."""

Allowed = Callable[[str], Array]
"""Rounding allowed in the gradient of an input; what lies within it is not called a broken promise."""

PROMISES = ("repeat", "second call", "linear", "sign", "zero", "mutation", "form", "memory")


def contract_findings(
    subject: Subject, function: FunctionSubject, where: Bench, allowed: Allowed
) -> Iterator[Finding]:
    """One finding for each promise; none where the backward pass raises: that is the route's finding."""
    try:
        pulled = function.pull(where.program, where.point, FACTORS)
        again = function.pull(where.program, where.point, FACTORS[:1])
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 - the main route tells what is raised
        return
    broken = _broken(pulled, again, allowed)
    sizes = sum(int(g.size) for g in pulled.gradients[0].values())
    for promise in PROMISES:
        sentences = broken.get(promise, [])
        yield Finding(
            subject.case, subject.framework.name, subject.framework.version, f"contract {promise}",
            where.point.dtype, 1, "gradient", Verdict.CONTRACT if sentences else Verdict.AGREE,
            elements=sizes, detail="; ".join(sentences), tags=subject.tags,
        )  # fmt: skip


def _broken(pulled: Pulled, again: Pulled, allowed: Allowed) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for promise, sentence in dict.fromkeys((*pulled.broken, *again.broken)):
        found.setdefault(promise, []).append(sentence)

    def hold(
        promise: str, is_: Mapping[str, Array], should: Mapping[str, Array], factor: float, how: str
    ) -> None:
        for name, expected in should.items():
            worst = _worst(is_[name], factor * expected, abs(factor) * allowed(name))
            if worst is not None:
                was, index = is_[name].ravel()[worst], np.unravel_index(worst, expected.shape)
                place = f"{name}[{', '.join(str(int(i)) for i in index)}]" if expected.ndim else name
                target = factor * expected.ravel()[worst]
                sentence = f"{how} of {place} is {was!r}, expected {target!r}"
                found.setdefault(promise, []).append(sentence.replace("np.float64", ""))

    first = pulled.gradients[0]
    nothing = {n: np.zeros_like(g) for n, g in first.items()}
    exact = {n: np.zeros_like(g) for n, g in first.items()}
    rounding, allowed = allowed, lambda name: exact[name]
    hold("repeat", again.gradients[0], first, 1.0, "in a second run the gradient")
    if len(pulled.gradients) == len(FACTORS):
        hold("second call", pulled.gradients[4], first, 1.0, "in a second backward pass the gradient")
        hold("zero", {n: np.where(np.isfinite(first[n]), g, 0.0) for n, g in pulled.gradients[3].items()},
             nothing, 1.0, "for a cotangent of 0 the gradient")  # fmt: skip
        allowed = rounding
        hold("linear", pulled.gradients[1], first, 2.0, "for twice the cotangent the gradient")
        hold("sign", pulled.gradients[2], first, -1.0, "for the opposite cotangent the gradient")
    return found


def _worst(observed: Array, expected: Array, allowed: Array) -> int | None:
    """Flat index of the largest difference beyond ``allowed``; None if there is none. NaN equals NaN."""
    with np.errstate(invalid="ignore"):
        off = np.abs(observed - expected)
    same = (observed == expected) | (np.isnan(observed) & np.isnan(expected))
    over = np.where(same, 0.0, np.nan_to_num(off - allowed, nan=np.inf, posinf=np.inf))
    if not over.size or not (over > 0).any():
        return None
    return int(np.argmax(over))
