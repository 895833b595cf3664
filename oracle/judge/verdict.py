"""The verdicts, and what a finding says."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
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
class Culprit:
    """The first operation of a function whose own local derivative is off, fed the reference cotangent.

    ``operation`` is what a person calls it; empty where each operation alone is right, so that the fault lies
    in how they are put together. ``node`` is its number in the Program, ``source`` where it is written
    (``model.py:31``, ``line 3``). ``part`` is what of it is off: ``gradient of w``, ``tangent``, ``value``;
    ``index`` the worst element of that, ``reference`` its certified value as text.
    """

    operation: str
    node: int | None = None
    source: str | None = None
    part: str = ""
    index: tuple[int, ...] | None = None
    reference: str | None = None
    observed: float | None = None
    detail: str = ""

    @property
    def place(self) -> str:
        """Which operation, and where it is written.

        >>> Culprit("exp", 4, "model.py:31").place
        'exp, node 4 (model.py:31)'
        """
        if not self.operation:
            return f"no single operation: {self.detail}"
        node = "" if self.node is None else f", node {self.node}"
        return self.operation + node + (f" ({self.source})" if self.source else "")

    def __str__(self) -> str:
        return self.told(repr)

    def told(self, number: Callable[[float], str]) -> str:
        """In one line, the observed value as ``number`` writes it.

        >>> str(Culprit("exp", 4, "model.py:31", "gradient", (2,), "0.24472847", 0.2451))
        'exp, node 4 (model.py:31), gradient[2]: 0.2451, certified 0.24472847'
        """
        if self.observed is None or not self.part:
            return self.place
        index = f"[{', '.join(map(str, self.index))}]" if self.index else ""
        return f"{self.place}, {self.part}{index}: {number(self.observed)}, certified {self.reference}"


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found for one argument of one case on one route of one framework in one dtype.

    ``argument`` is what was compared: ``gradient of w``, ``tangent of loss``, ``value of loss``. ``index``
    is the worst element's. ``reference`` is the certified enclosure as text, ``tier`` says how it was got
    (``certified``, ``limit``, ``estimated`` or ``none``). ``rho`` is the error over the allowed rounding;
    ``power`` the smallest relative error of that argument as a whole that would have been caught (where it is
    zero, the smallest error at all); ``bits_agreed`` and ``bits_expected`` are binary digits of the worst
    element, ``condition`` the noise there in units of its roundoff. ``formula`` says of a derivative that is
    off whether its formula is the right one.
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
    culprit: Culprit | None = None
    formula: str = ""
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
