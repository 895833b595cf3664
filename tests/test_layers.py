from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
FRAMEWORKS = {"torch", "jax", "jaxlib"}
IMPURE = (
    "oracle.frameworks",
    "oracle.lift",
    "oracle.report",
    "oracle.execution",
    "oracle.cases",
    "oracle.cli",
)


def imports(*folders: str) -> Iterator[tuple[str, str]]:
    """File and imported module of every import below the folders, wherever in the file it stands."""
    for folder in folders:
        files = sorted((ROOT / folder).rglob("*.py"))
        assert files, folder
        for file in files:
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                name = file.relative_to(ROOT).as_posix()
                if isinstance(node, ast.Import):
                    yield from ((name, alias.name) for alias in node.names)
                elif isinstance(node, ast.ImportFrom):
                    assert node.level == 0, f"{name}: relative import"
                    yield from ((name, f"{node.module}.{alias.name}") for alias in node.names)


def test_reference_engine_knows_neither_the_oracle_nor_a_framework() -> None:
    """The calculus stands alone."""
    banned = {"oracle", *FRAMEWORKS}
    assert [i for i in imports("reference_engine") if i[1].partition(".")[0] in banned] == []


def test_judge_does_no_input_or_output() -> None:
    """Verdicts are pure functions of numbers."""
    banned = (*IMPURE, "json", "pathlib", "os.", "subprocess")
    assert [i for i in imports("oracle/judge") if i[1].startswith(banned)] == []


def test_lifting_does_not_know_who_lifts() -> None:
    """Functions become Programs without a thought of routes, runs or reports."""
    banned = ("oracle.functions", "oracle.execution", "oracle.report", "oracle.judge")
    assert [i for i in imports("oracle/lift") if i[1].startswith(banned)] == []


def test_frameworks_are_imported_at_the_edge() -> None:
    """Torch and JAX belong to the folders that adapt and lift them."""
    edge = (
        "oracle/frameworks/",
        "oracle/lift/",
        "oracle/functions/torch_",
        "oracle/functions/jax_",
        "oracle/selftest/torch_",
        "oracle/selftest/jax_",
    )
    outside = [i for i in imports("oracle") if i[1].partition(".")[0] in FRAMEWORKS]
    assert [i for i in outside if not i[0].startswith(edge)] == []
    assert outside != []


def test_formulas_are_compared_before_anything_runs_or_reports() -> None:
    """A framework's derivative and the reference's are compared, whoever asks for it."""
    banned = ("oracle.execution", "oracle.functions", "oracle.report", "oracle.cases", "oracle.judge")
    assert [i for i in imports("oracle/formula") if i[1].startswith(banned)] == []


def test_failures_are_recorded_without_a_framework() -> None:
    """Scripts are written from text, and what records knows nothing of who replays."""
    banned = (*FRAMEWORKS, "oracle.functions", "oracle.replay", "oracle.explain")
    found = [*imports("oracle/reproducer"), *imports("oracle/recorded")]
    assert [i for i in found if i[1].startswith(banned)] == []
    upstream = imports("oracle/execution", "oracle/functions", "oracle/report", "oracle/explain")
    assert [i for i in upstream if i[1].startswith("oracle.replay")] == []


def test_blame_is_decided_before_anything_runs_or_reports() -> None:
    """Who is to blame is asked of operations, whoever ran them: cases and functions both use it."""
    banned = ("oracle.execution", "oracle.functions", "oracle.report", "oracle.cases", "oracle.lift")
    assert [i for i in imports("oracle/culprit") if i[1].startswith(banned)] == []
