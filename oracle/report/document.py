"""A run as one JSON file: its models are the writer, the reader and the published schema at once."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainSerializer, ValidationError, WithJsonSchema

from oracle.execution.events import Event, RunFinished, RunStarted
from oracle.execution.record import CaseResult, LoadProblem, Run
from oracle.judge.verdict import Finding, Known, Verdict
from oracle.report.tally import tally
from oracle.report.writer import Page

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
    culprit: str | None
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


class RunFileError(ValueError):
    """A file that holds no run; says which and why."""


class JsonWriter:
    """Writes the document when the run is over, complete or not."""

    def __init__(self, page: Page) -> None:
        self._stream = page.stream

    def start(self, event: RunStarted) -> None:
        """Nothing yet: half a document is none."""

    def handle(self, event: Event) -> None:
        """Nothing yet."""

    def finish(self, event: RunFinished) -> None:
        """Write it all."""
        self._stream.write(run_json(event.run))


def run_json(run: Run) -> str:
    """The run's document as text, with a final newline."""
    counts = tally(run)
    document = RunDocument(
        schema_version=SCHEMA,
        status=run.status,
        interrupted=run.interrupted,
        seed=run.seed,
        strict=run.strict,
        strict_conventions=run.strict_conventions,
        environment=dict(run.environment),
        skipped_frameworks=dict(run.skipped_frameworks),
        counts=CountsDocument(
            cases=counts.cases,
            findings=counts.findings,
            compared=counts.compared,
            elements=counts.elements,
            failing=counts.failing,
            known=len(counts.known),
            verdicts=dict(counts.verdicts),
            tiers=dict(sorted(counts.tiers.items())),
        ),
        problems=[ProblemDocument(**asdict(p)) for p in run.problems],
        results=[_case_document(run, result) for result in run.results],
        timing=TimingDocument(
            seconds=round(run.seconds, 3), cases={r.case: round(r.seconds, 3) for r in run.results}
        ),
    )
    return document.model_dump_json(indent=1) + "\n"


def _case_document(run: Run, result: CaseResult) -> CaseDocument:
    return CaseDocument(
        case=result.case,
        path=result.path,
        findings=[_finding_document(run, f) for f in result.findings],
        expectations=[_finding_document(run, f) for f in result.expectations],
        passes_unexpectedly=list(result.passes_unexpectedly),
        notes=list(result.notes),
    )


def _finding_document(run: Run, finding: Finding) -> FindingDocument:
    fields: dict[str, Any] = asdict(finding)
    del fields["case"]
    return FindingDocument(id=finding.id, fails=run.fails(finding), expected=finding.expected, **fields)


def write_run(run: Run, path: Path) -> None:
    """Write the run's document to a file."""
    path.write_text(run_json(run), encoding="utf-8")


def read_run(path: Path) -> Run:
    """The run that a file holds. RunFileError if it cannot be read or holds none."""
    try:
        document = RunDocument.model_validate_json(path.read_bytes())
    except OSError as error:
        raise RunFileError(f"{path}: {error.strerror or error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "the file"
        raise RunFileError(
            f"{path}: {place}: {first['msg']}; expected a run, as `oracle check` writes it"
        ) from error
    if document.schema_version > SCHEMA:
        raise RunFileError(
            f"{path}: written in format {document.schema_version}; this version reads up to {SCHEMA}"
        )
    return Run(
        environment=document.environment,
        results=tuple(_case_result(c, document.timing) for c in document.results),
        problems=tuple(LoadProblem(**p.model_dump()) for p in document.problems),
        seconds=document.timing.seconds,
        interrupted=document.interrupted,
        skipped_frameworks=document.skipped_frameworks,
        schema=document.schema_version,
        seed=document.seed,
        strict=document.strict,
        strict_conventions=document.strict_conventions,
    )


def _case_result(document: CaseDocument, timing: TimingDocument) -> CaseResult:
    return CaseResult(
        case=document.case,
        path=document.path,
        findings=tuple(_finding(document.case, f) for f in document.findings),
        seconds=timing.cases.get(document.case, 0.0),
        passes_unexpectedly=tuple(document.passes_unexpectedly),
        notes=tuple(document.notes),
        expectations=tuple(_finding(document.case, f) for f in document.expectations),
    )


def _finding(case: str, document: FindingDocument) -> Finding:
    fields = document.model_dump(exclude={"id", "fails", "expected"})
    fields["known"] = Known(**fields["known"]) if fields["known"] else None
    fields["index"] = None if fields["index"] is None else tuple(fields["index"])
    fields["voices"] = tuple(fields["voices"])
    fields["tags"] = tuple(fields["tags"])
    return Finding(case=case, **fields)


def run_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of a run file."""
    schema = RunDocument.model_json_schema(mode="serialization")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **schema,
        "title": "Gradient oracle run",
    }
