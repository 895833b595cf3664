"""What a worker process calls for a case, with the functions that the case names; light to import."""

from __future__ import annotations

from typing import TYPE_CHECKING

from oracle.execution import entry
from oracle.execution.plan import Settings
from oracle.execution.record import CaseResult

if TYPE_CHECKING:
    from oracle.cases.model import Case


def examine_case(case: Case, settings: Settings) -> CaseResult:
    """All findings of one case: on the frameworks, then on each implementation that it names."""
    result = entry.examine_case(case, settings)
    if not case.implementations:
        return result
    from oracle.functions.implementations import with_implementations  # noqa: PLC0415 - as in oracle.execution

    return with_implementations(result, case, settings)
