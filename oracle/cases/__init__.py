"""Case files: a program, its inputs and what to check, written by people and by the generator."""

from __future__ import annotations

from oracle.cases.errors import CaseError
from oracle.cases.implementations import Code
from oracle.cases.load import load_case, load_cases, read_case
from oracle.cases.model import Case, CaseInput, Implementation, KnownFinding
from oracle.cases.schema import case_schema
from oracle.cases.values import Written, WrittenArray

__all__ = [
    "Case",
    "CaseError",
    "CaseInput",
    "Code",
    "Implementation",
    "KnownFinding",
    "Written",
    "WrittenArray",
    "case_schema",
    "load_case",
    "load_cases",
    "read_case",
]
