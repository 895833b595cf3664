"""What a worker process calls: both functions are importable by name and load what is heavy only there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from oracle.execution.plan import Settings
from oracle.execution.record import CaseResult

if TYPE_CHECKING:
    from oracle.cases.model import Case


def prepare(frameworks: tuple[str, ...]) -> None:
    """Import what every case needs, so that no case's time limit pays for it."""
    from oracle.execution import examine  # noqa: F401, PLC0415  (loads the engine and the judge)
    from oracle.frameworks import registry  # noqa: PLC0415
    from oracle.frameworks.jax_framework import keep_compiled  # noqa: PLC0415

    if "jax" in frameworks:
        keep_compiled()
    for framework in registry.available(frameworks)[0]:
        framework.flushes_subnormals()  # any call imports the framework


def examine_case(case: Case, settings: Settings) -> CaseResult:
    """All findings of one case."""
    from oracle.execution.examine import examine  # noqa: PLC0415  (the parent process never loads it)

    return examine(case, settings)
