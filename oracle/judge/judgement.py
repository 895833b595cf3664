"""The verdict on one argument, with the numbers that it rests on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from oracle.judge.rule import Comparison, Strength, strength
from oracle.judge.verdict import Verdict
from reference_engine.arithmetic.balls import plain
from reference_engine.certify import Certificate

Values = npt.NDArray[np.float64]


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


def worst_element(comparison: Comparison) -> int | None:
    """Flat index of the largest rho, None where there are no elements."""
    if comparison.rho.size == 0:
        return None
    return int(np.argmax(comparison.rho))  # the first NaN, if there is one


def make_judgement(
    certificate: Certificate,
    name: str,
    comparison: Comparison,
    verdict: Verdict,
    detail: str,
    tier: str | None = None,
    power: Strength | None = None,
) -> Judgement:
    """A judgement with the worst element, the power (unless it is known) and the text of the reference filled
    in.
    """
    index = worst_element(comparison)
    text = reference_text(certificate, name, index) if index is not None else ""
    power = power or strength(certificate, name, comparison, index)
    return Judgement(
        name, verdict, tier or certificate.tier, detail, index, comparison, power, text,
        comparison.rho.size, certificate.subject.bits,
    )  # fmt: skip
