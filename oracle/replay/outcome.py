"""What became of a recorded failure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from oracle.judge.verdict import UNJUDGED, Finding, Verdict


class Outcome(StrEnum):
    """``FIXED``: judged again and no failure. ``ERROR``: it could not be judged again."""

    FIXED = "FIXED"
    FAILED = "FAILED"
    ERROR = "ERROR"


@dataclass(frozen=True, slots=True)
class Replayed:
    """The outcome for one record, ``because`` in words; ``finding`` is the failure that is there now."""

    id: str
    place: Finding
    outcome: Outcome
    because: str = ""
    finding: Finding | None = None


def compare(name: str, before: Finding, findings: Sequence[Finding], failing: Sequence[Finding]) -> Replayed:
    """What is said now of the place of a failure.

    A failure there, whatever its verdict, has FAILED; so has one of its route or of the function as a whole.
    FIXED asks for a verdict on that place: where nobody is asked there any more, it is an ERROR.
    """
    now = [f for f in failing if _same_place(f, before)]
    if now:
        same = next((f for f in now if f.verdict is before.verdict), now[0])
        return Replayed(name, before, Outcome.FAILED, _changed(before, same), same)
    there = [f for f in findings if _same_place(f, before)]
    judged = [f for f in there if f.verdict not in UNJUDGED]
    if judged:
        return Replayed(name, before, Outcome.FIXED, " and ".join(dict.fromkeys(f.verdict for f in judged)))
    why = next((f for f in there if f.verdict in {Verdict.NOT_OFFERED, Verdict.UNSUPPORTED}), None)
    if why is not None:
        return Replayed(name, before, Outcome.ERROR, f"{why.verdict}: {why.detail}".removesuffix(": "))
    return Replayed(name, before, Outcome.ERROR, "nothing is judged there any more")


WHOLE = frozenset({"gradient", "the function", "-"})
"""Arguments of findings that speak of all at once."""


def _same_place(finding: Finding, before: Finding) -> bool:
    """Whether two findings speak of the same, or one of them of all of it."""
    if finding.argument in WHOLE and finding.route == "-":
        return True
    if before.argument in WHOLE and before.route in {"-", ""}:
        return True
    where = (before.framework, before.route, before.dtype, before.order)
    if (finding.framework, finding.route, finding.dtype, finding.order) != where:
        return False
    return finding.argument == before.argument or bool({finding.argument, before.argument} & WHOLE)


def _changed(before: Finding, now: Finding) -> str:
    """How the failure differs from the one that was recorded."""
    if now.verdict is not before.verdict:
        return f"{now.verdict}, was {before.verdict}"
    if now.observed is not None and before.observed is not None and now.observed != before.observed:
        return f"{now.verdict}: {now.observed!r}, was {before.observed!r}"
    return f"{now.verdict}, as before"
