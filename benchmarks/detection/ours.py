"""Our own answer: the verdict of ``oracle.check`` at its defaults, and the power at every element."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from unittest import mock

import numpy as np
import numpy.typing as npt

import oracle
from oracle.functions.result import Result
from oracle.judge import decide
from oracle.judge.verdict import Verdict
from reference_engine.certify import Certificate

Array = npt.NDArray[np.float64]

UNCOMPARED = frozenset({Verdict.NOT_OFFERED, Verdict.UNSUPPORTED})


@dataclass(frozen=True)
class Seen:
    """One argument as the judge compared it: its relative power and its condition, element by element."""

    name: str
    power: Array
    center: Array
    tier: str


@contextmanager
def watching() -> Iterator[list[Seen]]:
    """Everything that the judge compares meanwhile."""
    seen: list[Seen] = []
    compare = decide.compare

    def watched(certificate: Certificate, name: str, observed: Array) -> Any:
        found = compare(certificate, name, observed)
        center = certificate.centers[name]
        with np.errstate(all="ignore"):
            power = np.where(center == 0, np.inf, found.allowed / np.abs(center))
        seen.append(Seen(name, power, center, certificate.tier))
        return found

    with mock.patch.object(decide, "compare", watched):
        yield seen


@dataclass(frozen=True)
class Ours:
    """A result with what the judge saw on the way."""

    result: Result
    seen: tuple[Seen, ...]

    @property
    def verdicts(self) -> frozenset[str]:
        """All failing verdicts."""
        return frozenset(f.verdict.value for f in self.result.failures)

    def power_at(self, index: int | None) -> float:
        """The relative power at one element of the first gradient; the best of all elements for None."""
        first = next((s for s in self.seen if s.name.startswith("grad")), None)
        if first is None:
            return np.inf
        if index is None:
            return float(np.min(first.power, initial=np.inf))
        return float(first.power.ravel()[index])

    @property
    def checked(self) -> int:
        """Elements of gradients and tangents that were held to the reference, on all routes."""
        return sum(
            f.elements
            for f in self.result.findings
            if f.verdict not in UNCOMPARED and f.argument.startswith(("gradient of", "tangent of"))
        )


def ask(function: Callable[..., Any], inputs: Sequence[Any], order: int = 1) -> Ours:
    """``oracle.check`` at its defaults; ``order`` 2 asks for second derivatives too."""
    with watching() as seen:
        result = oracle.check(function, *inputs) if order == 1 else oracle.check(function, *inputs, order=2)
    return Ours(result, tuple(seen))
