"""A run as one JSON file: writing it, reading it, and its schema."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from oracle.execution.events import Event, RunFinished, RunStarted
from oracle.execution.record import CaseResult, LoadProblem, Run
from oracle.judge.verdict import Culprit, Finding, Known
from oracle.report.run_format import (
    SCHEMA,
    CaseDocument,
    CountsDocument,
    FindingDocument,
    ProblemDocument,
    RunDocument,
    TimingDocument,
)
from oracle.report.tally import tally
from oracle.report.writer import Page


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
    fields["index"] = _index(fields["index"])
    if fields["culprit"]:
        fields["culprit"] = Culprit(**fields["culprit"] | {"index": _index(fields["culprit"]["index"])})
    fields["voices"] = tuple(fields["voices"])
    fields["tags"] = tuple(fields["tags"])
    return Finding(case=case, **fields)


def _index(found: list[int] | None) -> tuple[int, ...] | None:
    return None if found is None else tuple(found)


def run_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of a run file."""
    schema = RunDocument.model_json_schema(mode="serialization")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **schema,
        "title": "Gradient oracle run",
    }
