"""The verdicts, and what a finding says."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from enum import StrEnum


class Verdict(StrEnum):
    """What the judge can say of one argument on one route. ``NOT_OFFERED`` and ``UNSUPPORTED`` judge
    nothing.
    """

    AGREE = "agree"
    CONVENTION = "convention"
    ARTIFACT = "artifact"
    ILL_CONDITIONED = "ill-conditioned"
    SINGULAR = "singular"
    UNDECIDED = "undecided"
    VACUOUS = "vacuous"
    IMPRECISE = "imprecise"
    WRONG = "wrong"
    NONFINITE = "nonfinite"
    VALUE_MISMATCH = "value-mismatch"
    CONTRACT = "contract"
    ORACLE_SUSPECT = "oracle-suspect"
    CRASH = "crash"
    TIMEOUT = "timeout"
    ERROR = "error"
    UNSUPPORTED = "unsupported"
    NOT_OFFERED = "not offered"


FAILING = frozenset(
    {
        Verdict.IMPRECISE,
        Verdict.WRONG,
        Verdict.NONFINITE,
        Verdict.VALUE_MISMATCH,
        Verdict.CONTRACT,
        Verdict.ORACLE_SUSPECT,
        Verdict.CRASH,
        Verdict.TIMEOUT,
        Verdict.ERROR,
    }
)
"""Verdicts that fail a run by default."""

STRICT = frozenset({Verdict.UNDECIDED, Verdict.VACUOUS, Verdict.UNSUPPORTED})
"""Verdicts that fail a run under ``--strict`` too."""

STRICT_CONVENTIONS = frozenset({Verdict.CONVENTION, Verdict.ARTIFACT})
"""Verdicts that fail a run under ``--strict-conventions`` too."""

UNJUDGED = frozenset(
    {Verdict.UNSUPPORTED, Verdict.NOT_OFFERED, Verdict.CRASH, Verdict.TIMEOUT, Verdict.ERROR}
)
"""Verdicts after which no element was compared."""


@dataclass(frozen=True, slots=True)
class Known:
    """An expected finding, as the case file declares it."""

    verdict: Verdict
    reason: str


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found for one argument of one case on one route of one framework in one dtype.

    ``argument`` is what was compared: ``gradient of w``, ``tangent of loss``, ``value of loss``. ``index``
    is the worst element's. ``reference`` is the certified enclosure as text, ``tier`` says how it was got
    (``certified``, ``limit``, ``estimated`` or ``none``). ``rho`` is the error over the allowed rounding;
    ``power`` the smallest relative error of that argument as a whole that would have been caught; bits are
    binary digits.
    """

    case: str
    framework: str
    version: str
    route: str
    dtype: str
    order: int
    argument: str
    verdict: Verdict
    tier: str = "none"
    elements: int = 0
    index: tuple[int, ...] | None = None
    reference: str | None = None
    observed: float | None = None
    rho: float | None = None
    power: float | None = None
    bits_agreed: float | None = None
    bits_expected: float | None = None
    condition: float | None = None
    failing_elements: int = 0
    detail: str = ""
    voices: tuple[tuple[str, str], ...] = ()
    culprit: str | None = None
    known: Known | None = None
    tags: tuple[str, ...] = field(default=())

    @property
    def id(self) -> str:
        """Short stable name, from what was found where and never from values."""
        key = (self.case, self.framework, self.route, self.dtype, self.order, self.argument, self.verdict)
        return hashlib.sha256(repr(key).encode()).hexdigest()[:6]

    @property
    def expected(self) -> bool:
        """Whether the case file declared exactly this verdict."""
        return self.known is not None and self.known.verdict is self.verdict
