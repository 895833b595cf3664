"""A recorded failure step by step, at the numbers where it was found."""

from __future__ import annotations

import base64
import pickle
from functools import lru_cache

from oracle.execution.points import bench
from oracle.explain.derive import Derivation, derive
from oracle.explain.graph import as_svg
from oracle.explain.text import as_text
from oracle.judge.verdict import Culprit, Finding
from oracle.recorded.record import CaseSource, Record
from oracle.replay.cases import case_of
from oracle.report.layout import flow
from oracle.report.words import number, place, subject, verdict_words

NO_PROGRAM = "there is no program of it: the function could not be read, or the check ended before that"


def explanation_of(record: Record, width: int) -> str:
    """What was found and whom to blame, then forward pass, local derivatives and backward pass.

    ValueError where there is no Program; CaseError for a case that cannot be read any more.
    """
    finding = record.place.finding()
    derivation = _derivation(record)
    lines = [line.plain for piece in _found(finding, derivation) for line in flow([piece], width)]
    about = case_of(record).about if isinstance(record.source, CaseSource) else finding.case
    return "\n".join(lines) + "\n\n" + as_text(about, derivation, width)


def picture_of(record: Record) -> str:
    """The graph as SVG, the culprit's node in red. ValueError and CaseError as for the explanation."""
    return as_svg(_derivation(record), record.place.finding().culprit)


def _found(finding: Finding, derivation: Derivation) -> list[str]:
    """The failure in a few words."""
    pieces = [f"{finding.case} [{subject(finding)}]  {place(finding)}: {verdict_words(finding)}"]
    if finding.reference is not None:
        pieces.append(f"reference  {finding.reference}")
    if finding.observed is not None:
        pieces.append(f"{finding.framework}  {number(finding.observed, finding.dtype)}")
    if finding.culprit is not None:
        pieces.append(f"culprit: {finding.culprit.told(lambda value: number(value, finding.dtype))}")
        step = _step(finding.culprit, derivation)
        if step is not None:
            pieces.append(f"which is {derivation.names[step]} = {derivation.expression(step)} below")
    return pieces


def _step(culprit: Culprit, derivation: Derivation) -> int | None:
    """The step that the culprit is."""
    return culprit.node if culprit.operation and culprit.node in derivation.steps else None


@lru_cache(maxsize=1)
def _derivation(record: Record) -> Derivation:
    """The chain rule on the Program, at the inputs and cotangents with which the framework was asked."""
    source = record.source
    if isinstance(source, CaseSource):
        case = case_of(record)
        dtype = record.place.dtype if record.place.dtype != "-" else case.dtypes[0]
        point = bench(case, dtype, source.seed, 1).point
        return derive(case.program, dict(point.inputs), point.wrt, dict(point.cotangents))
    if not source.explained:
        raise ValueError(NO_PROGRAM)
    program, inputs, wrt, cotangents = pickle.loads(base64.b85decode(source.explained))  # noqa: S301 - our own
    return derive(program, inputs, wrt, cotangents)
