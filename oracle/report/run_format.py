"""The JSON format of a run as pydantic models: the published schema, and what the reader accepts."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainSerializer, WithJsonSchema

from oracle.judge.verdict import Verdict

SCHEMA = 1
"""Version of the format: raised when a reader of the old one would misread the new one."""

_SPECIAL = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}


def _to_json(value: float) -> float | str:
    names = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}
    return names.get(repr(value), value)


def _from_json(value: object) -> object:
    return _SPECIAL.get(value, value) if isinstance(value, str) else value


Number = Annotated[
    float,
    BeforeValidator(_from_json),
    PlainSerializer(_to_json, when_used="json"),
    WithJsonSchema({"anyOf": [{"type": "number"}, {"enum": list(_SPECIAL)}]}),
]
"""A number; JSON has no NaN and no infinity, so these are strings."""


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class KnownDocument(_Model):
    """What the case file expects at the place of a finding."""

    verdict: Verdict
    reason: str


class CulpritDocument(_Model):
    """The first operation whose own local derivative is off; ``operation`` is empty where there is none."""

    operation: str
    node: int | None
    source: str | None
    part: str
    index: list[int] | None
    reference: str | None
    observed: Number | None
    detail: str


class FindingDocument(_Model):
    """One finding. ``fails`` is by the rules of this run, ``expected`` by the case file."""

    id: str
    framework: str
    version: str
    route: str
    dtype: str
    order: int
    argument: str
    verdict: Verdict
    fails: bool
    expected: bool
    tier: str
    elements: int
    failing_elements: int
    index: list[int] | None
    reference: str | None
    observed: Number | None
    rho: Number | None
    power: Number | None
    bits_agreed: Number | None
    bits_expected: Number | None
    condition: Number | None
    culprit: CulpritDocument | None
    formula: str
    voices: list[tuple[str, str]]
    detail: str
    known: KnownDocument | None
    tags: list[str]


class CaseDocument(_Model):
    """What one case gave."""

    case: str
    path: str
    findings: list[FindingDocument]
    expectations: list[FindingDocument]
    passes_unexpectedly: list[str]
    notes: list[str]


class ProblemDocument(_Model):
    """Something that could not be read or run."""

    path: str
    line: int | None
    column: int | None
    message: str


class CountsDocument(_Model):
    """Totals, for whoever needs no more."""

    cases: int
    findings: int
    compared: int
    elements: int
    failing: int
    known: int
    verdicts: dict[Verdict, int]
    tiers: dict[str, int]


class TimingDocument(_Model):
    """Seconds: all that differs between two runs of the same cases in the same environment."""

    seconds: float
    cases: dict[str, float]


class RunDocument(_Model):
    """A whole run. Everything but ``timing`` is the same for the same cases in the same environment."""

    schema_version: int
    status: int
    interrupted: bool
    seed: int
    strict: bool
    strict_conventions: bool
    environment: dict[str, str]
    skipped_frameworks: dict[str, str]
    counts: CountsDocument
    problems: list[ProblemDocument]
    results: list[CaseDocument]
    timing: TimingDocument
