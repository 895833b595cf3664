"""Why an answer that is far from the certified derivative may be no fault of the framework."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from flint import arb

from oracle.judge.verdict import Verdict
from reference_engine.arithmetic.balls import ZERO, plain
from reference_engine.certify import Certificate
from reference_engine.differentiate import GRADIENT, TANGENT

NEAR_BRANCH = "a branch lies within rounding of its boundary and may go either way"
NO_VALUE = "the function itself has no finite value here"
BLIND = "no error as large as the gradient itself would have been caught"

TAIL = 64.0
"""How far beyond the allowed rounding an element without digits may lie. Of tan(1e8) in float32, whose
tail falls off as slowly as 1/x, one element in a hundred is beyond 1 and one in six thousand beyond this. A
gradient of 5 where tanh is saturated is beyond it by far, and is no rounding."""


def has_value(certificate: Certificate) -> bool:
    """Whether all values of the function, as against its derivatives, are finite, however large."""
    return all(
        plain(v).is_finite() if isinstance(v, arb) or v is ZERO else bool(np.isfinite(v))
        for n in _values(certificate)
        for v in certificate.enclosures[n].ravel()
    )


def excuse_for_nonfinite(certificate: Certificate, name: str) -> tuple[Verdict, str] | None:
    """Verdict and reason where NaN or infinity is no fault though the certified derivative is finite.

    The function has no value (the zero slope of ``tanh(log(clip(x, -1, 1)))`` at -2 absorbs the NaN), or
    rounding alone may leave a domain (``acos(tanh(x))`` where tanh rounds to 1).
    """
    if name.startswith((GRADIENT, TANGENT)) and not has_value(certificate):
        return Verdict.SINGULAR, NO_VALUE
    return excuse_by_rounding(certificate, name)


def excuse_by_rounding(certificate: Certificate, name: str) -> tuple[Verdict, str] | None:
    """The part of :func:`excuse_for_nonfinite` that holds beside a removable singularity too."""
    for n in (name, *_values(certificate)):
        if n in certificate.escapes:
            return Verdict.ILL_CONDITIONED, f"rounding alone may leave the domain of {certificate.escapes[n]}"
    return None


def without_digits(certificate: Certificate, name: str) -> npt.NDArray[np.bool_]:
    """Elements that are not zero, and that rounding moves by more than their own size.

    So far out the response is not proportional to the noise any more, and the largest of a few samples says
    little of the tail: of tan(1e8) in float32 one element in a hundred is beyond 16 times the largest of 8.
    """
    noise, center = certificate.noise[name], certificate.centers[name]
    return np.asarray((noise > np.abs(center)) & (np.abs(center) > 0) & ~cancels(certificate, name))


def cancels(certificate: Certificate, name: str) -> npt.NDArray[np.bool_]:
    """Elements that are zero by cancellation: a ball around zero, not the number."""
    enclosure = certificate.enclosures[name]
    if enclosure.dtype != object:
        return np.zeros(enclosure.shape, dtype=bool)
    balls = [plain(v) for v in enclosure.ravel()]
    return np.array([b.contains(0) and not b.is_exact() for b in balls], dtype=bool).reshape(enclosure.shape)


def _values(certificate: Certificate) -> list[str]:
    return [n for n in certificate.centers if not n.startswith((GRADIENT, TANGENT))]
