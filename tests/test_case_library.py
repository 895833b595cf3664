"""The library of cases is complete, and reads well."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from oracle.cases import Case, load_cases
from reference_engine.operations import public_operations

ROOT = Path(__file__).parents[1] / "cases"
FOLDERS = ("operations", "kinks", "conditioning", "models")
LEAST = 170
"""Cases that the library promises to hold."""

LONGEST = 120
"""Characters of a sentence that still fits on a line of a report."""


@pytest.fixture(scope="module")
def cases() -> list[Case]:
    """The cases of the library."""
    return load_cases([ROOT / folder for folder in FOLDERS])[0]


def test_every_case_loads() -> None:
    """No file of the library is refused."""
    assert [str(error) for error in load_cases([ROOT])[1]] == []


def test_the_library_is_large(cases: list[Case]) -> None:
    """The library holds at least the promised number of cases, and each folder has its share."""
    assert len(cases) >= LEAST
    assert set(FOLDERS) == {case.name.partition("/")[0] for case in cases}


def test_every_operation_has_a_case(cases: list[Case]) -> None:
    """Each operation that a person can write appears under cases/operations."""
    used = {node.op for case in cases if case.name.startswith("operations/") for _, node in case.program}
    assert sorted({operation.name for operation in public_operations()} - used) == []


def test_every_case_says_in_one_sentence_what_it_is_for(cases: list[Case]) -> None:
    """Each ``about`` is one sentence on one line, without a full stop, and no two are alike."""
    sentences = [case.about for case in cases]
    broken = re.compile(r"[.!?;]\s|[.!?;]$|\n")
    assert [about for about in sentences if broken.search(about) or len(about) > LONGEST] == []
    assert len(sentences) == len(set(sentences))


def test_every_case_can_catch_something(cases: list[Case]) -> None:
    """Each case differentiates at least one input that has elements."""
    assert [case.name for case in cases if not any(i.grad and i.array.size for i in case.inputs)] == []


def test_every_known_finding_says_why(cases: list[Case]) -> None:
    """A finding that is expected is bounded from above by a version, so that an upgrade asks again."""
    open_ended = [
        case.name for case in cases for known in case.known if not re.search(r"<|==", known.version)
    ]
    assert open_ended == []
